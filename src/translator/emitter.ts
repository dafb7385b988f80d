/**
 * Emits the instructions of one region: guest registers in locals, operands, the inlined TLB check, flags, exits.
 * Invariant: wherever an exit can be taken, the locals hold exactly the state at the start of the instruction that exits.
 */
import { Cpu, SegCache } from "../../assembly/abi/cpu.js";
import { Layout, Tlb } from "../../assembly/abi/layout.js";
import { Op } from "../../assembly/abi/op.js";
import { RecFlag } from "../../assembly/abi/record.js";
import { CellKind, FlagKind, REFILL_SIZE_SHIFT } from "../../assembly/abi/region.js";
import { Seg } from "../../assembly/abi/x86.js";
import { Code } from "../wasm/code.js";
import { W } from "../wasm/opcodes.js";
import type { CellFactory } from "./cells.js";
import type { Insn } from "./insn.js";
import { Import, Local } from "./locals.js";
import { Stage } from "./misses.js";

export { I32_LOCALS, I64_LOCALS, Import, Local } from "./locals.js";

/** Static knowledge of the flag locals: a FlagKind, or one of these. */
export const LOGIC = 100; // FlagKind.RAW with FLAG_B zero
export const UNKNOWN = -1; // FLAG_KIND tells at run time
/** What is known of the flag locals while emitting: a FlagKind, LOGIC or UNKNOWN. */
export type StaticFlags = FlagKind | typeof LOGIC | typeof UNKNOWN;

/** Segments that Mode.FLAT says are flat and may be read and written. CS may not be written, and perhaps not be read. */
const FLAT_SEGMENTS: ReadonlySet<number> = new Set([Seg.ES, Seg.SS, Seg.DS]);

/** The function that executes an instruction in the middle of a region: INT and IRETD have quick ones. */
function interpreterOf(insn: Insn): number {
  if ((insn.flags & RecFlag.CALL_OUT) !== 0) return Import.INTERPRET;
  if (insn.op === Op.INT) return Import.INTERRUPT;
  return insn.op === Op.IRET && insn.size === 4 ? Import.INTERRUPT_RETURN : Import.INTERPRET;
}

/** Writes one region. */
export class Emitter {
  readonly code = new Code(32768);
  /** The instruction behind the one being emitted, in its node. */
  following: Insn | undefined;
  /** What is known of the flag locals at this point. */
  flags: StaticFlags = FlagKind.RAW;
  /** Registers read or written anywhere. */
  readonly used = new Set<number>();
  /** Registers written anywhere. */
  readonly modified = new Set<number>();
  /** Labels open now, innermost last; the outermost is the exit. */
  readonly labels: unknown[] = [];
  /** The instruction being emitted, its place in its node and the node's length. */
  insn!: Insn;
  index = 0;
  count = 0;
  /** How its accesses to memory are emitted. */
  stage: number = Stage.CHECK;

  constructor(
    readonly cells: CellFactory,
    private readonly knownUsed: ReadonlySet<number>,
    private readonly knownModified: ReadonlySet<number>,
  ) {}

  /** Branch depth of an open label. */
  depth(label: unknown): number {
    return this.labels.length - 1 - this.labels.lastIndexOf(label);
  }

  /** Branch depth of the exit. */
  get exitDepth(): number {
    return this.labels.length - 1;
  }

  // --- state in memory

  /** Pushes a u32 of the CPU state. */
  loadState(field: number): void {
    this.code.i32(0);
    this.code.memory(W.I32_LOAD, Layout.CPU + field);
  }

  /** Stores a local in the CPU state. */
  storeState(field: number, local: number): void {
    this.code.i32(0);
    this.code.get(local);
    this.code.memory(W.I32_STORE, Layout.CPU + field);
  }

  /** Loads the registers that the region uses. */
  loadRegisters(): void {
    for (const r of this.knownUsed) {
      this.loadState(Cpu.REGS + 4 * r);
      this.code.set(r);
    }
  }

  /** Stores registers, budget and flags: the state is complete but for EIP. */
  spill(): void {
    for (const r of this.knownModified) this.storeState(Cpu.REGS + 4 * r, r);
    this.storeState(Cpu.LEFT, Local.LEFT);
    this.storeState(Cpu.FLAG_KIND, Local.FLAG_KIND);
    this.storeState(Cpu.FLAG_A, Local.FLAG_A);
    this.storeState(Cpu.FLAG_B, Local.FLAG_B);
  }

  /** Loads the flag locals from the state. */
  loadFlags(): void {
    this.loadState(Cpu.FLAG_RESULT);
    this.code.set(Local.FLAG_A);
    this.loadState(Cpu.FLAG_AUX);
    this.code.set(Local.FLAG_B);
    this.code.i32(FlagKind.RAW);
    this.code.set(Local.FLAG_KIND);
    this.flags = FlagKind.RAW;
  }

  /** Loads the flag locals as the last region or the interpreter left them; FlagKind.RAW if `raw`. */
  borrowFlags(raw: boolean): void {
    const c = this.code;
    if (raw) {
      this.loadState(Cpu.FLAG_KIND);
      c.open(W.IF, 0x40);
      c.call(Import.RAW_FLAGS);
      c.end();
      c.i32(FlagKind.RAW);
    } else this.loadState(Cpu.FLAG_KIND);
    c.set(Local.FLAG_KIND);
    this.loadState(Cpu.FLAG_A);
    c.set(Local.FLAG_A);
    this.loadState(Cpu.FLAG_B);
    c.set(Local.FLAG_B);
    this.flags = raw ? FlagKind.RAW : UNKNOWN;
  }

  // --- registers

  /** Pushes a 32-bit register. */
  getReg32(r: number): void {
    this.used.add(r);
    this.code.get(r);
  }

  /** Pops into a 32-bit register. */
  setReg32(r: number): void {
    this.used.add(r);
    this.modified.add(r);
    this.code.set(r);
  }

  /** Pushes the register at byte offset `offset` of the state, zero-extended from `size` bytes. */
  readReg(offset: number, size: number): void {
    this.getReg32(offset >> 2);
    if (size === 2) this.and(0xffff);
    else if (size === 1) {
      if ((offset & 3) !== 0) this.shru(8);
      this.and(0xff);
    }
  }

  /** Pops the low `size` bytes into the register at byte offset `offset`. */
  writeReg(offset: number, size: number): void {
    const r = offset >> 2;
    if (size < 4) {
      const shift = size === 1 && (offset & 3) !== 0 ? 8 : 0;
      const mask = size === 2 ? 0xffff : 0xff;
      this.and(mask);
      if (shift !== 0) {
        this.code.i32(shift);
        this.code.op(W.I32_SHL);
      }
      this.getReg32(r);
      this.and(~(mask << shift));
      this.code.op(W.I32_OR);
    }
    this.setReg32(r);
  }

  /** value & mask. */
  and(mask: number): void {
    this.code.i32(mask);
    this.code.op(W.I32_AND);
  }

  /** value >>> n. */
  shru(n: number): void {
    this.code.i32(n);
    this.code.op(W.I32_SHR_U);
  }

  /** Sign-extends the value from `size` bytes. */
  extend(size: number): void {
    if (size === 1) this.code.op(W.I32_EXTEND8_S);
    else if (size === 2) this.code.op(W.I32_EXTEND16_S);
  }

  // --- memory

  /** Pushes the offset of the memory operand. */
  address(i: Insn): void {
    let terms = 0;
    if (i.base !== Cpu.ZERO) {
      this.getReg32(i.base >> 2);
      terms++;
    }
    if (i.index !== Cpu.ZERO) {
      this.getReg32(i.index >> 2);
      if (i.scale !== 0) {
        this.code.i32(i.scale);
        this.code.op(W.I32_SHL);
      }
      if (terms++ > 0) this.code.op(W.I32_ADD);
    }
    if (i.disp !== 0 || terms === 0) {
      this.code.i32(i.disp);
      if (terms > 0) this.code.op(W.I32_ADD);
    }
    if (i.mask === 0xffff) this.and(0xffff);
  }

  /** True if segment `seg` starts at 0, ends at 4 GB and may be read and written. */
  isFlat(seg: number): boolean {
    return FLAT_SEGMENTS.has(seg);
  }

  /**
   * Pops an offset in segment `seg` and pushes the linear address. Outside the flat segments base and rights are those that the segment
   * register has at the time: where it calls for a closer look, the instruction is left to the interpreter.
   */
  linear(seg: number, tag: number): void {
    if (this.isFlat(seg)) return;
    const c = this.code;
    const cache = Cpu.SEGS + seg * SegCache.SIZE;
    c.set(Local.ADDRESS);
    this.beginMiss();
    c.get(Local.ADDRESS);
    this.loadState(cache + (tag === Tlb.WRITE ? SegCache.WRITE_MAX : SegCache.READ_MAX));
    c.op(W.I32_GE_U);
    this.missIf();
    c.get(Local.ADDRESS);
    this.addBase(seg);
  }

  /** Adds the base of segment `seg` to an offset. */
  addBase(seg: number): void {
    if (this.isFlat(seg)) return;
    this.loadState(Cpu.SEGS + seg * SegCache.SIZE + SegCache.BASE);
    this.code.op(W.I32_ADD);
  }

  /** Sets Local.POINTER for `size` bytes of the memory operand; `tag` as for check(). */
  reach(i: Insn, size: number, tag: number): void {
    this.address(i);
    this.linear(i.seg, tag);
    this.check(size, tag);
  }

  /** Begins a conditional miss: the condition follows, then missIf(). */
  beginMiss(): void {
    this.code.i32(this.cells.miss(this.insn.eip, this.count - this.index, this.stage));
  }

  /** Pops a condition: if it holds, the instruction is left to the interpreter. */
  missIf(): void {
    this.code.brIf(this.exitDepth);
    this.code.op(W.DROP);
  }

  /**
   * Pops a linear address and sets Local.POINTER for `size` bytes there. `tag` is Tlb.READ or Tlb.WRITE. If the TLB
   * does not vouch for all bytes the instruction is left to the interpreter.
   */
  check(size: number, tag: number): void {
    const c = this.code;
    c.set(Local.ADDRESS);
    const refills = this.stage !== Stage.CHECK;
    if (!refills) this.beginMiss();
    c.get(Local.ADDRESS);
    this.shru(8);
    this.and(0xfff0);
    c.tee(Local.POINTER);
    c.memory(W.I32_LOAD, Layout.TLB + tag);
    c.get(Local.ADDRESS);
    if (size > 1) {
      c.i32(size - 1);
      c.op(W.I32_ADD);
    }
    this.and(0xfffff000);
    c.get(Local.CONTEXT);
    c.op(W.I32_OR, W.I32_NE);
    if (refills) this.refill(size, tag);
    else {
      this.missIf();
      this.addDelta();
    }
  }

  /** Adds the TLB entry's difference to the address. */
  private addDelta(): void {
    const c = this.code;
    c.get(Local.ADDRESS);
    c.get(Local.POINTER);
    c.memory(W.I32_LOAD, Layout.TLB + Tlb.DELTA);
    c.op(W.I32_ADD);
    c.set(Local.POINTER);
  }

  /** Pops whether the TLB check failed: if so asks for a pointer, and leaves if there is none. */
  private refill(size: number, tag: number): void {
    const c = this.code;
    c.open(W.IF, 0x40);
    this.labels.push("if");
    this.beginMiss();
    c.get(Local.ADDRESS);
    // The tags of an entry are in the order of Access.
    c.i32((size << REFILL_SIZE_SHIFT) | (tag >> 2));
    c.call(Import.REFILL);
    c.tee(Local.POINTER);
    c.op(W.I32_EQZ);
    this.missIf();
    c.op(W.ELSE);
    this.addDelta();
    this.labels.pop();
    c.end();
  }

  /** Pops an address and pushes the `size` bytes there, zero-extended. */
  loadAt(size: number): void {
    this.check(size, Tlb.READ);
    this.code.get(Local.POINTER);
    this.load(size);
  }

  /** Pops a pointer and pushes `size` bytes. */
  load(size: number): void {
    this.code.memory(size === 4 ? W.I32_LOAD : size === 2 ? W.I32_LOAD16_U : W.I32_LOAD8_U, 0);
  }

  /** Pops a value and a pointer and stores `size` bytes. */
  store(size: number): void {
    this.code.memory(size === 4 ? W.I32_STORE : size === 2 ? W.I32_STORE16 : W.I32_STORE8, 0);
  }

  /** Pushes the r/m operand, zero-extended from `size` bytes. */
  readRm(i: Insn, size = i.size): void {
    if (i.memory) {
      this.reach(i, size, Tlb.READ);
      this.code.get(Local.POINTER);
      this.load(size);
    } else this.readReg(i.rm, size);
  }

  /** Sets Local.POINTER for reading and writing the memory operand. */
  modify(i: Insn): void {
    this.reach(i, i.size, Tlb.WRITE);
  }

  // --- flags

  /** Notes that the flag locals now hold operands of `kind`. */
  setFlagKind(kind: StaticFlags): void {
    this.code.i32(kind === LOGIC ? FlagKind.RAW : kind);
    this.code.set(Local.FLAG_KIND);
    this.flags = kind;
  }

  // --- leaving

  /** Leaves the region for `eip`; `refund` instructions were taken too many. */
  exitTo(eip: number, refund: number): void {
    this.code.i32(this.cells.goto(eip, refund));
    this.code.br(this.exitDepth);
  }

  /** Leaves the region for the address in `local`. `learn`: the machine remembers which one that is. */
  exitDynamic(local: number, learn: boolean): void {
    this.storeState(Cpu.EIP, local);
    this.code.i32(this.cells.dynamic(CellKind.DYNAMIC, this.insn.eip, learn));
    this.code.br(this.exitDepth);
  }

  /** Has the interpreter execute the instruction; returns from the region if that must be left. The state is in memory then. */
  callInterpreter(): void {
    const c = this.code;
    this.spill();
    c.i32(this.cells.record(this.insn, this.index));
    c.i32(this.count);
    c.call(interpreterOf(this.insn));
    c.open(W.IF, 0x40);
    c.i32(this.cells.cell(CellKind.STOPPED, 0, 0));
    c.op(W.RETURN);
    c.end();
  }

  /** Has the interpreter execute the instruction, in the middle of the region. */
  interpret(): void {
    this.callInterpreter();
    this.loadRegisters();
    this.loadFlags();
  }
}
