/**
 * Draws states: for a subject and a number always the same one. Operands are drawn so that the instruction has a chance to complete;
 * which selectors, ports and flag images it is given is what makes privilege checks show.
 */
import { Cpu } from "../../assembly/abi/cpu.js";
import { Fpu } from "../../assembly/abi/fpu.js";
import { Op } from "../../assembly/abi/op.js";
import { ShapeFlag } from "../../assembly/abi/shape.js";
import { Cr0, Cr4, Eflags, Msr, Reg } from "../../assembly/abi/x86.js";
import { type Encoded, encode, littleEndian, POINTERS, type Subject } from "./encode.js";
import { Random } from "./random.js";
import { ALLOWED_PORTS, FIRST_GATE, FRAMES, pageAt, Slot, StagePage, selector, SYSENTER_TARGET } from "./stage.js";
import type { Registers, State } from "./state.js";

const DATA = pageAt(StagePage.DATA);
const STACK = pageAt(StagePage.STACK);
/** Arithmetic flags, DF and ID: what programs use. */
const PROGRAM_FLAGS = 0x8d5 | Eflags.DF | Eflags.ID;
const MACHINE_FLAGS = Eflags.IF | Eflags.IOPL | Eflags.VIF | Eflags.VIP;
const CR0_ALWAYS = Cr0.PE | Cr0.PG | Cr0.ET;
const MSRS = [Msr.TSC, Msr.SYSENTER_CS, Msr.SYSENTER_ESP, Msr.SYSENTER_EIP, Msr.MCG_STATUS, Msr.APIC_BASE, Msr.MTRRCAP];
const PORTS = [...ALLOWED_PORTS, 0x60, 0x70, 0x3f8];

/** Registers of a machine. Those of a host keep what would only add faults: TS, EM, AM, TSD, PCE, UMIP, PVI. */
function drawRegisters(random: Random, guest?: Registers): Registers {
  const keep0 = Cr0.EM | Cr0.TS | Cr0.AM;
  const keep4 = Cr4.TSD | Cr4.PCE | Cr4.UMIP | Cr4.PVI | Cr4.DE;
  const rare = (mask: number) => (random.once(8) ? mask : 0);
  const cr0 = random.some(Cr0.MP | Cr0.NE | Cr0.WP | Cr0.CD);
  const cr4 = random.some(Cr4.VME | Cr4.MCE | Cr4.PGE | Cr4.PSE);
  return {
    eflags: random.some(MACHINE_FLAGS),
    cr0: (CR0_ALWAYS | cr0 | (guest ? guest.cr0 & keep0 : rare(Cr0.EM) | rare(Cr0.TS) | random.some(Cr0.AM))) >>> 0,
    cr2: random.bits(),
    cr4: cr4 | (guest ? guest.cr4 & keep4 : random.some(keep4 & ~Cr4.PVI) | (random.once(4) ? Cr4.PVI : 0)),
    dr: [random.bits(), random.bits(), random.bits(), random.bits(), 0, 0, 0xffff0ff0 | random.below(16), 0x400],
    sysenter: [
      random.once(8) ? 0 : selector(random.pick([Slot.CODE, Slot.TWIN_CODE])),
      STACK + 0x800 + random.below(64) * 4,
      SYSENTER_TARGET + random.below(16),
    ],
    mcgStatus: random.below(8),
    tscOffset: random.bits(),
  };
}

/** A number as programs have them: any, small, or a small negative one. */
function drawNumber(random: Random): number {
  const bits = random.bits();
  switch (random.below(4)) {
    case 0:
      return bits & 0xff;
    case 1:
      return (bits | 0xffffff00) >>> 0;
    default:
      return bits;
  }
}

function drawRegs(random: Random): number[] {
  const regs = Array.from({ length: 8 }, () => drawNumber(random));
  for (const pointer of POINTERS) regs[pointer] = DATA + 0x480 + random.below(0x1600);
  regs[Reg.ESP] = STACK + 0x800 + random.below(0x400) * 4;
  return regs;
}

/** Exponents of x87 registers: zero, denormal, around one, huge, infinity or NaN. */
const EXPONENTS = [0, 0, 0x3ff0, 0x3fff, 0x3fff, 0x4000, 0x4005, 0x401e, 0x7ffe, 0x7fff];

function drawFpu(random: Random): Uint32Array {
  const words = new Uint32Array((Fpu.OPCODE - Fpu.ST) / 4 + 1);
  for (let i = 0; i < 8; i++) {
    const exponent = random.pick(EXPONENTS);
    words[i * 4] = exponent === 0 && random.once(2) ? 0 : random.bits();
    words[i * 4 + 1] =
      exponent === 0 ? (words[i * 4] === 0 ? 0 : random.bits() >>> 1) : (random.bits() | 0x80000000) >>> 0;
    words[i * 4 + 2] = exponent | (random.once(2) ? 0x8000 : 0);
  }
  const at = (field: number) => (field - Fpu.ST) / 4;
  words[at(Fpu.CW)] = 0x7f | (random.pick([0, 2, 3]) << 8) | (random.below(4) << 10);
  words[at(Fpu.SW)] = random.some(0x4720);
  words[at(Fpu.TOP)] = random.below(8);
  words[at(Fpu.VALID)] = random.once(4) ? random.below(256) : 0xff;
  words[at(Fpu.IP)] = random.bits();
  words[at(Fpu.DP)] = random.bits();
  words[at(Fpu.OPCODE)] = random.below(0x800);
  return words;
}

/** A state under construction with the instruction in it. */
class Draft {
  readonly patches: { at: number; bytes: number[] }[] = [];

  constructor(
    readonly random: Random,
    readonly subject: Subject,
    readonly encoded: Encoded,
    readonly regs: number[],
    readonly own: Registers,
  ) {}

  /** Bytes of an operand of operand size. */
  get size(): number {
    return this.subject.form.operandSize === 2 ? 2 : 4;
  }

  /** Puts bytes where the memory operand is. */
  putMemory(...bytes: number[]): void {
    const { base, displacement } = this.encoded;
    const at = ((base === undefined ? 0 : this.regs[base]!) + displacement) >>> 0;
    this.patches.push({ at, bytes });
  }

  /** Gives the r/m operand a 16-bit value. */
  putRm16(value: number): void {
    const { rmRegister } = this.encoded;
    if (rmRegister === undefined) this.putMemory(...littleEndian(value, 2));
    else this.regs[rmRegister] = ((this.regs[rmRegister]! & 0xffff0000) | value) >>> 0;
  }

  /** Puts items of operand size on the stack, the top one first. */
  putStack(...items: number[]): void {
    const bytes = items.flatMap((item) => littleEndian(item, this.size));
    this.patches.push({ at: this.regs[Reg.ESP]!, bytes });
  }

  /** Replaces bytes of the first immediate. */
  putImmediate(offset: number, ...bytes: number[]): void {
    for (const [i, byte] of bytes.entries()) this.encoded.bytes[this.encoded.immediateAt + offset + i] = byte;
  }
}

/** A selector of anything: GDT, LDT or null. */
function anySelector(random: Random): number {
  const rpl = random.below(4);
  if (random.once(6)) return (random.below(5) << 3) | 4 | rpl;
  return selector(random.below(Slot.COUNT + 1), rpl);
}

/** A selector that may well be loaded as data, with the RPL of its DPL. */
function dataSelector(random: Random): number {
  const ring = random.pick([0, 1, 2, 3, 3, 0]);
  const first = random.once(4) ? Slot.TWIN_DATA : Slot.DATA;
  return selector(first + ring, random.once(2) ? ring : random.below(4));
}

/** A selector that may well be the target of a far transfer. */
function codeSelector(random: Random): number {
  if (random.once(4)) return selector(random.pick([Slot.CONFORMING0, Slot.CONFORMING3]), random.below(4));
  const ring = random.pick([0, 0, 1, 3, 3]);
  return selector(Slot.CODE + ring, random.once(4) ? random.below(4) : ring);
}

function segmentFor(random: Random): number {
  return random.once(3) ? anySelector(random) : dataSelector(random);
}

function targetFor(random: Random): number {
  if (!random.once(3)) return codeSelector(random);
  return random.once(2)
    ? selector(Slot.CALL_GATE0 + random.below(Slot.TASK_GATE3 - Slot.CALL_GATE0 + 1), random.below(4))
    : anySelector(random);
}

/** An offset and selector in memory. */
function farMemory(draft: Draft, selectorValue: number): void {
  draft.putMemory(...littleEndian(draft.random.bits(), draft.size), ...littleEndian(selectorValue, 2));
}

/** A return frame: EIP, CS, flags for IRET, then the outer stack. */
function returnFrame(draft: Draft, flags: boolean): void {
  const { random } = draft;
  const cs = random.once(6) ? anySelector(random) : codeSelector(random);
  const image = flags ? [(random.some(PROGRAM_FLAGS | MACHINE_FLAGS | Eflags.AC) | 2) >>> 0] : [];
  const outer = [STACK + 0x600, selector(Slot.DATA + (cs & 3), cs & 3)];
  if (flags || draft.subject.row.operands.length === 0) {
    draft.putStack(random.bits(), cs, ...image, ...outer);
    return;
  }
  // RETF imm16: the outer stack pointer is behind the parameters.
  draft.putImmediate(0, 8, 0);
  draft.putStack(random.bits(), cs);
  const bytes = outer.flatMap((item) => littleEndian(item, draft.size));
  draft.patches.push({ at: draft.regs[Reg.ESP]! + 2 * draft.size + 8, bytes });
}

function controlValue(draft: Draft, register: number): number {
  const { random, own } = draft;
  if (register === 0) return (CR0_ALWAYS | random.some(Cr0.MP | Cr0.NE | Cr0.WP | Cr0.TS | Cr0.AM)) >>> 0;
  if (register === 3) return random.pick(FRAMES);
  if (register === 4) return own.cr4 ^ random.some(Cr4.TSD | Cr4.PCE | Cr4.PGE | Cr4.DE | Cr4.VME | Cr4.PVI);
  return random.bits();
}

function port(draft: Draft): void {
  const chosen = draft.random.pick(PORTS);
  draft.regs[Reg.EDX] = (draft.regs[Reg.EDX]! & 0xffff0000) + chosen;
  if (draft.subject.row.operands.includes("imm8")) draft.putImmediate(0, chosen & 0xff);
}

function bitOffset(draft: Draft): void {
  const { reg, base } = draft.encoded;
  if (draft.subject.memory && reg !== undefined && reg !== base && draft.subject.row.operands[1] !== "imm8") {
    draft.regs[reg] = draft.random.below(0x400);
  }
}

/** What operands of particular operations are like; the others take any. */
const OPERANDS: Partial<Record<Op, (draft: Draft) => void>> = {
  [Op.MOV_TO_SEG]: (d) => d.putRm16(segmentFor(d.random)),
  [Op.POP_SEG]: (d) => d.putStack(segmentFor(d.random)),
  [Op.LAR]: (d) => d.putRm16(anySelector(d.random)),
  [Op.LSL]: (d) => d.putRm16(anySelector(d.random)),
  [Op.VERR]: (d) => d.putRm16(anySelector(d.random)),
  [Op.VERW]: (d) => d.putRm16(anySelector(d.random)),
  [Op.LLDT]: (d) => d.putRm16(selector(d.random.pick([0, Slot.LDT, Slot.LDT + 1, Slot.FREE_LDT]))),
  [Op.LTR]: (d) => d.putRm16(selector(Slot.FREE_TASK)),
  [Op.LDS]: (d) => farMemory(d, segmentFor(d.random)),
  [Op.LES]: (d) => farMemory(d, segmentFor(d.random)),
  [Op.LFS]: (d) => farMemory(d, segmentFor(d.random)),
  [Op.LGS]: (d) => farMemory(d, segmentFor(d.random)),
  [Op.LSS]: (d) => farMemory(d, dataSelector(d.random)),
  [Op.JMP_FAR_INDIRECT]: (d) => farMemory(d, targetFor(d.random)),
  [Op.CALL_FAR_INDIRECT]: (d) => farMemory(d, targetFor(d.random)),
  [Op.JMP_FAR]: (d) => d.putImmediate(d.size, ...littleEndian(targetFor(d.random), 2)),
  [Op.CALL_FAR]: (d) => d.putImmediate(d.size, ...littleEndian(targetFor(d.random), 2)),
  [Op.RET_FAR]: (d) => returnFrame(d, false),
  [Op.IRET]: (d) => returnFrame(d, true),
  [Op.POPF]: (d) => d.putStack((d.random.some(PROGRAM_FLAGS | MACHINE_FLAGS | Eflags.NT | Eflags.AC) | 2) >>> 0),
  [Op.INT]: (d) => d.putImmediate(0, FIRST_GATE + d.random.below(16)),
  [Op.IN]: port,
  [Op.OUT]: port,
  [Op.INS]: port,
  [Op.OUTS]: port,
  [Op.RDMSR]: (d) => {
    d.regs[Reg.ECX] = d.random.pick(MSRS);
  },
  [Op.WRMSR]: (d) => {
    d.regs[Reg.ECX] = d.random.pick(MSRS);
    d.regs[Reg.EAX] = d.random.below(8);
    d.regs[Reg.EDX] = 0;
  },
  [Op.RDPMC]: (d) => {
    d.regs[Reg.ECX] = d.random.below(2);
  },
  [Op.MOV_TO_CR]: (d) => {
    d.regs[d.encoded.rmRegister!] = controlValue(d, d.encoded.reg!);
  },
  [Op.MOV_TO_DR]: (d) => {
    d.regs[d.encoded.rmRegister!] = d.random.bits() & ~0x2000;
  },
  [Op.BT]: bitOffset,
  [Op.BTS]: bitOffset,
  [Op.BTR]: bitOffset,
  [Op.BTC]: bitOffset,
  [Op.BOUND]: (d) => d.putMemory(...littleEndian(2 ** (8 * d.size - 1), d.size), ...littleEndian(0x7fff7fff, d.size)),
  [Op.ENTER]: (d) => d.putImmediate(0, d.random.below(64), 0, d.random.below(8)),
  [Op.RET]: (d) => {
    if (d.subject.row.operands.length > 0) d.putImmediate(0, d.random.below(64), 0);
  },
};

/** State number `index` of a subject. */
export function drawState(subject: Subject, seed: number, index: number): State {
  const random = new Random(seed + Math.imul(index, 0x9e3779b1), subject.key);
  const own = drawRegisters(random);
  const program = random.some(PROGRAM_FLAGS) | (random.once(8) ? Eflags.NT : 0) | (random.once(8) ? Eflags.AC : 0);
  own.eflags = (own.eflags | program | 2) >>> 0;
  const host = drawRegisters(random, own);
  // A host has another IF, and its own IOPL.
  const shared = own.eflags & ~(Eflags.IF | Eflags.IOPL);
  host.eflags = (shared | (~own.eflags & Eflags.IF) | (host.eflags & Eflags.IOPL)) >>> 0;
  const regs = drawRegs(random);
  const encoded = encode(subject, random);
  if (subject.row.flags & ShapeFlag.STRING) regs[Reg.ECX] = random.below(6);
  const draft = new Draft(random, subject, encoded, regs, own);
  OPERANDS[subject.row.op]?.(draft);
  return {
    code: encoded.bytes,
    regs,
    own,
    host,
    nmiBlocked: random.below(2),
    openGates: random.below(4),
    fpu: drawFpu(random),
    patches: draft.patches,
  };
}

/** Byte offset in the CPU state of a general-purpose register. */
export function registerField(register: number): number {
  return Cpu.REGS + 4 * register;
}
