/**
 * A machine in protected mode at CPL 0 with flat segments, a GDT, an IDT whose handlers are told apart by their address,
 * and nothing else: for executing single instructions and short blocks, in 16-bit and 32-bit code.
 *
 *   0800 IDT   1000 GDT   2000 TSS   3000 code   4000 memory operand   5000 stack   6000 handlers, 16 bytes each
 */
import { Cpu, SEG_USABLE } from "../../assembly/abi/cpu.js";
import { Fpu } from "../../assembly/abi/fpu.js";
import { Layout } from "../../assembly/abi/layout.js";
import { Cr0, Desc, DescFlag, Eflags, Seg, SysType } from "../../assembly/abi/x86.js";
import { Core } from "../../src/core/core.js";
import type { Bitness } from "./encode.js";

const IDT = 0x800;
const GDT = 0x1000;
const TSS = 0x2000;
const HANDLERS = 0x6000;
const HANDLER_BYTES = 16;
/** Interrupt gates in the IDT. */
const VECTORS = 64;

/** Where the code under test starts. */
export const CODE = 0x3000;
/** Where EBX points. */
export const OPERAND = 0x4000;
/** Initial stack pointer. */
export const STACK = 0x5000;
/** RAM that is the same at every start, and compared: all that 16-bit code can reach, and a page that 32-bit code may. */
export const LOW_RAM = 0x11000;

/** Selectors of the GDT. CODE_32 is followed by the three segments that SYSENTER and SYSEXIT expect. */
export const SELECTORS = {
  code32: 0x08,
  data: 0x10,
  userCode: 0x18,
  userData: 0x20,
  code16: 0x28,
  ldt: 0x30,
  tss: 0x38,
};

const DATA_ACCESS = Desc.PRESENT | Desc.SEGMENT | Desc.WRITABLE | Desc.ACCESSED;
const CODE_ACCESS = DATA_ACCESS | Desc.CODE;

function descriptor(base: number, limit: number, access: number, flags: number): number[] {
  const scaled = flags & DescFlag.GRANULAR ? Math.floor(limit / 4096) : limit;
  const high = ((scaled >> 16) & 15) | (((flags >> 12) & 15) << 4);
  return [
    scaled & 255,
    (scaled >> 8) & 255,
    base & 255,
    (base >> 8) & 255,
    (base >> 16) & 255,
    access,
    high,
    base >>> 24,
  ];
}

function gdt(): number[] {
  const flat = (access: number, flags: number) => descriptor(0, 0xffffffff, access, flags | DescFlag.GRANULAR);
  return [
    ...descriptor(0, 0, 0, 0),
    ...flat(CODE_ACCESS, DescFlag.BIG),
    ...flat(DATA_ACCESS, DescFlag.BIG),
    ...flat(CODE_ACCESS | Desc.DPL, DescFlag.BIG),
    ...flat(DATA_ACCESS | Desc.DPL, DescFlag.BIG),
    ...descriptor(0, 0xffff, CODE_ACCESS, 0),
    ...descriptor(0x2800, 0xff, Desc.PRESENT | SysType.LDT, 0),
    ...descriptor(TSS, 0x67, Desc.PRESENT | SysType.TSS32_AVAILABLE, 0),
  ];
}

function idt(): number[] {
  return Array.from({ length: VECTORS }, (_, vector) => {
    const at = HANDLERS + vector * HANDLER_BYTES;
    return [at & 255, at >> 8, SELECTORS.code32, 0, 0, Desc.PRESENT | SysType.INTERRUPT_GATE32, 0, 0];
  }).flat();
}

/** Fields that go with what the machine remembers of code and addresses. */
const MEMORIES = [Cpu.GENERATION, Cpu.POOL_NEXT, Cpu.DECODE_GENERATION, Cpu.MAP_EPOCH] as const;

/** What may differ from one run to the next. */
export interface Start {
  bitness: Bitness;
  code: Uint8Array;
  /** EAX ECX EDX EBX ESP EBP ESI EDI. */
  registers: readonly number[];
  eflags: number;
  /** Bytes at OPERAND. */
  operand?: readonly number[];
  /** Bytes at STACK. */
  stack?: readonly number[];
  /** Further fields of the CPU state. */
  fields?: readonly (readonly [Cpu, number])[];
}

/** One machine, set up afresh for every run. */
export class FlatMachine {
  /** The machine itself. */
  readonly core: Core;

  /** Low RAM before every run. */
  readonly #image = new Uint8Array(LOW_RAM);

  /** `translateRegion`: see CoreHost. */
  constructor(translateRegion: (block: number) => void = () => undefined) {
    this.core = Core.create(
      { ramBytes: 1 << 20 },
      {
        portRead: (port, size) => (port * 0x01010101 + size) & (size === 1 ? 0xff : size === 2 ? 0xffff : 0x7fffffff),
        portWrite: () => undefined,
        mmioRead: () => 0x5a,
        mmioWrite: () => undefined,
        acknowledgeInterrupt: () => 0x20,
        translateRegion,
      },
    );
    for (let at = 0; at < LOW_RAM; at++) this.#image[at] = (at * 37 + (at >> 8)) & 255;
    this.#image.set(idt(), IDT);
    this.#image.set(gdt(), GDT);
    this.#image.fill(0, TSS, TSS + 0x68);
    this.#image.set([STACK & 255, STACK >> 8, 0, 0, SELECTORS.data], TSS + 4);
  }

  /** Puts the machine into its start state with `start.code` at CODE. */
  begin(start: Start): void {
    const { core } = this;
    core.reset();
    core.ram.set(this.#image);
    core.ram.set(start.code, CODE);
    core.ram.set(start.operand ?? [], OPERAND);
    core.ram.set(start.stack ?? [], STACK);
    core.exports.ramWritten(0, LOW_RAM);
    this.#setState(start);
    this.#state = new Uint8Array(core.memory.buffer).slice(Layout.CPU, Layout.CPU + Fpu.WIDE);
  }

  /** The CPU state that begin() made. */
  #state = new Uint8Array();

  /**
   * Puts the machine into the same start state again after a run from begin(): what it remembers of code and addresses stays, so that
   * translated code is entered with its TLB entries in place.
   */
  again(start: Start): void {
    const { core } = this;
    const code = core.ram.subarray(CODE, CODE + 4096);
    const before = this.#image.slice(CODE, CODE + 4096);
    before.set(start.code);
    const unchanged = before.every((byte, at) => byte === code[at]);
    core.ram.set(this.#image.subarray(0, CODE));
    core.ram.set(this.#image.subarray(CODE + 4096), CODE + 4096);
    core.ram.set(start.operand ?? [], OPERAND);
    core.ram.set(start.stack ?? [], STACK);
    if (!unchanged) code.set(before);
    core.exports.ramWritten(0, unchanged ? CODE : LOW_RAM);
    core.exports.ramWritten(CODE + 4096, LOW_RAM - CODE - 4096);
    const { cpu } = core;
    const kept = MEMORIES.map((field) => cpu.field(field));
    const generation = new DataView(this.#state.buffer).getUint32(Cpu.GENERATION, true);
    new Uint8Array(core.memory.buffer).set(this.#state, Layout.CPU);
    MEMORIES.forEach((field, n) => {
      cpu.setField(field, kept[n]!);
    });
    // Whoever has dropped the TLB had a reason, and perhaps filled it again under other tables.
    if (cpu.field(Cpu.GENERATION) !== generation) core.exports.flushTranslations();
  }

  /** Everything but RAM. */
  #setState(start: Start): void {
    const { core } = this;
    const { cpu } = core;
    for (const field of [Cpu.RETIRED, Cpu.SKIPPED, Cpu.TSC_OFFSET]) {
      cpu.setField(field, 0);
      cpu.setField(field + 4, 0);
    }
    cpu.cr0 = Cr0.PE | Cr0.ET | Cr0.NE;
    cpu.cr4 = 0;
    const wide = start.bitness === 32;
    const limit = wide ? 0xffffffff : 0xffff;
    const flags = wide ? DescFlag.BIG | DescFlag.GRANULAR : 0;
    const code = wide ? SELECTORS.code32 : SELECTORS.code16;
    cpu.setSegment(Seg.CS, { selector: code, base: 0, limit, access: CODE_ACCESS | flags | SEG_USABLE });
    for (const seg of [Seg.SS, Seg.DS, Seg.ES, Seg.FS, Seg.GS]) {
      cpu.setSegment(seg, { selector: SELECTORS.data, base: 0, limit, access: DATA_ACCESS | flags | SEG_USABLE });
    }
    const busy = Desc.PRESENT | SysType.TSS32_BUSY | SEG_USABLE;
    cpu.setSegment(Seg.TR, { selector: SELECTORS.tss, base: TSS, limit: 0x67, access: busy });
    cpu.gdtr = { base: GDT, limit: 0x3f };
    cpu.idtr = { base: IDT, limit: VECTORS * 8 - 1 };
    start.registers.forEach((value, register) => {
      cpu.setReg(register, value);
    });
    cpu.eflags = start.eflags | Eflags.FIXED;
    cpu.eip = CODE;
    // Masked exceptions and six registers in use, so that most x87 instructions do what they are for.
    cpu.setField(Fpu.CW, 0x37f);
    cpu.setField(Fpu.VALID, 0x3f);
    for (const [field, value] of start.fields ?? []) cpu.setField(field, value);
    cpu.refresh();
  }

  /** Clears the RAM above LOW_RAM, which begin() leaves alone for speed. */
  clearHighRam(): void {
    this.core.ram.fill(0, LOW_RAM);
    this.core.exports.ramWritten(LOW_RAM, this.core.ram.length - LOW_RAM);
  }

  /** The vector whose handler EIP is in, or undefined. */
  get vector(): number | undefined {
    const distance = this.core.cpu.eip - HANDLERS;
    return distance >= 0 && distance < VECTORS * HANDLER_BYTES ? Math.floor(distance / HANDLER_BYTES) : undefined;
  }

  /** Registers, segments, control and x87 state and low RAM, for comparing two runs. */
  snapshot(): { registers: string; ram: Buffer } {
    const { cpu, ram } = this.core;
    const hex = (value: number) => (value >>> 0).toString(16);
    const general = [0, 1, 2, 3, 4, 5, 6, 7].map((register) => hex(cpu.reg(register)));
    const segments = [0, 1, 2, 3, 4, 5, 6, 7].map((seg) => Object.values(cpu.segment(seg)).map(hex).join(":"));
    const control = [cpu.cr0, cpu.cr2, cpu.cr3, cpu.cr4, cpu.cpl, cpu.gdtr.base, cpu.idtr.base, cpu.dr(6), cpu.dr(7)];
    const fpu = Buffer.from(this.core.memory.buffer, Layout.CPU + Fpu.ST, Fpu.WIDE - Fpu.ST).toString("hex");
    const registers = `eip=${hex(cpu.eip)} eflags=${hex(cpu.eflags)} halted=${cpu.halted} ${general} ${control.map(hex)} ${segments} ${fpu}`;
    return { registers, ram: Buffer.from(ram.subarray(0, LOW_RAM)) };
  }
}
