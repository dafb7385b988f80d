/**
 * Runs one case on the machine and says what differs from its last column.
 *
 *   00001000  the instruction; 00000000..00007FFF is HLT otherwise, so that every target stops
 *   00008000  data, zero: 00008000..0001FFFF; ESP = 9000
 *   000E0000  GDT, IDT, TSS, page tables; ring-0 stack below 000F0000; handlers at 000F0000, 8 bytes each
 *
 * Selectors: 08 code, 10 data of ring 0; 1B code, 23 data of ring 3; 28 TSS in use; 30 free TSS; 38 LDT; 40 call gate of DPL 3
 * to 8:2000; 48 data of DPL 3, not present.
 *
 * User code of flat segments unless the case says otherwise. What follows the instruction is HLT, which ends it: by exit at CPL 0, by
 * #GP(0) at CPL 3. Registers that the case does not name hold a pattern. Invariant: nothing leaks from one case to the next.
 */
import { Cpu, SEG_USABLE } from "../../assembly/abi/cpu.js";
import { Cr0, Eflags, Seg, Vector } from "../../assembly/abi/x86.js";
import { Core, type CoreHost } from "../../src/core/core.js";
import { BarePlatform, type Platform } from "../../src/core/platform.js";
import { AT_ONCE, EagerTranslator } from "../translator/eager.js";
import { checkFpu, setUpFpu } from "./case-fpu.js";
import type { Bytes, Case, RegisterPart } from "./case-line.js";
import { FLAGS, IOPL_SHIFT, SEGMENTS } from "./case-line.js";

/** Where the instruction lies. */
export const CODE = 0x1000;
/** RAM of the machine. */
export const RAM_BYTES = 0x100000;
const PAGE = 4096;
const DATA = 0x8000;
const USER_END = 0x20000;
const GDT = 0xe0000;
const IDT = 0xe1000;
const TSS = 0xe2000;
const PAGE_DIRECTORY = 0xe3000;
const PAGE_TABLE = 0xe4000;
const KERNEL_STACK = 0xf0000;
const HANDLERS = 0xf0000;
const HLT = 0xf4;
const ARITHMETIC = 0x8d5;
/** EFLAGS bits that are compared. */
const COMPARED = Object.values(FLAGS).reduce((mask, bit) => mask | bit, 3 << IOPL_SHIFT);
/** Offsets of system registers a case may name. */
const FIELDS = new Map<string, number>([
  ["cr2", Cpu.CR2],
  ["cr3", Cpu.CR3],
  ["cr4", Cpu.CR4],
  ...[0, 1, 2, 3, 6, 7].map((n): [string, number] => [`dr${n}`, Cpu.DR + 4 * n]),
]);
const PATTERN = 0x5a3c9600;
const NAMES = ["eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi"];
/** Exceptions that push an error code. */
const WITH_ERROR = new Set<number>([Vector.DF, Vector.TS, Vector.NP, Vector.SS, Vector.GP, Vector.PF, Vector.AC]);

/** How a case is run: the results must not depend on it. */
export interface Variant {
  /** Flags the case does not name are all clear or all set. */
  flags: 0 | 1;
  /** One step by the generic functions, a block with hot forms, or a region. */
  engine: "step" | "blocks" | "regions";
  /** Identity-mapped paging on or off. */
  paging: boolean;
  /** IF is set where the case does not name it: user code of deprivileged guests runs directly then. Not all cases stand it. */
  interrupts?: boolean;
}

/** All ways to run a case. */
export const VARIANTS: readonly Variant[] = [0, 1].flatMap((flags) =>
  (["step", "blocks", "regions"] as const).flatMap((engine) =>
    [false, true].map((paging) => ({ flags: flags as 0 | 1, engine, paging })),
  ),
);

const HOST: CoreHost = {
  portRead: (_port, size) => (size === 4 ? 0xffffffff : (1 << (8 * size)) - 1),
  portWrite: () => undefined,
  mmioRead: (_pa, size) => (size === 4 ? 0xffffffff : (1 << (8 * size)) - 1),
  mmioWrite: () => undefined,
  acknowledgeInterrupt: () => 0,
};

/** What the machine shows after a case. */
interface Outcome {
  registers: number[];
  selectors: number[];
  eip: number;
  eflags: number;
  exception: { vector: number; error: number | undefined } | undefined;
  /** User memory the delivery itself wrote to: not compared. */
  ignored: [from: number, to: number];
}

const hex = (value: number) => (value >>> 0).toString(16);

function apply(parts: readonly RegisterPart[], registers: number[]): void {
  for (const { number, mask, value } of parts) registers[number] = (((registers[number] ?? 0) & ~mask) | value) >>> 0;
}

function patch(memory: Uint8Array, writes: readonly Bytes[]): void {
  for (const { address, bytes } of writes) memory.set(bytes, address);
}

/** A machine for any number of cases. */
export class CaseMachine {
  readonly #platform: Platform;
  /** Makes regions at once; on the bare machine only. */
  readonly #translator: EagerTranslator | undefined;
  /** What RAM is to hold before a case, and its words. */
  readonly #image = Buffer.alloc(RAM_BYTES);
  /** Views of RAM, PAGE bytes each. */
  readonly #pages: Buffer[] = [];

  /** The bare machine, or what `platform` makes with RAM_BYTES of RAM, which has the engine "blocks" only. */
  constructor(platform?: (host: CoreHost) => Platform) {
    if (platform !== undefined) this.#platform = platform(HOST);
    else {
      const core = Core.create(
        { ramBytes: RAM_BYTES },
        { ...HOST, translateRegion: (block) => this.#translator!.translate(block) },
      );
      this.#platform = new BarePlatform(core);
      this.#translator = new EagerTranslator(core);
    }
    for (const piece of this.#platform.ram.pieces()) {
      for (let at = 0; at < piece.length; at += PAGE)
        this.#pages.push(Buffer.from(piece.buffer, piece.byteOffset + at, PAGE));
    }
  }

  /** Regions made so far. */
  get regions(): number {
    return this.#translator?.regions ?? 0;
  }

  /** Runs `test` in one way. Returns one line for each difference. */
  run(test: Case, variant: Variant): string[] {
    const { before, after } = test;
    const registers = NAMES.map((_, r) => PATTERN + r * 0x01010101);
    registers[4] = 0x9000;
    apply(before.registers, registers);
    const unnamed = variant.flags === 1 ? ARITHMETIC & ~before.flagMask : 0;
    const open = variant.interrupts === true ? Eflags.IF & ~before.flagMask : 0;
    const eflags = 2 | unnamed | open | before.flags;
    const memory = this.#prepare(test, variant, registers, eflags);
    const { core } = this.#platform;
    const { selectors } = this.#platform.cpu;
    if (variant.engine === "step") core.stepOnce();
    else this.#platform.run(2);
    const outcome = this.#outcome(variant);

    const expected = [...registers];
    apply(after.registers, expected);
    patch(memory, after.memory);
    for (const r of after.openRegisters) expected[r] = outcome.registers[r] ?? 0;
    const flags = ((eflags & ~after.flagMask) | after.flags) & ~after.openFlags;
    const eip = after.exception === undefined ? (after.eip ?? CODE + test.bytes.length) : CODE;
    const differences: string[] = [];
    const check = (what: string, found: string, wanted: string) => {
      if (found !== wanted) differences.push(`${what}: expected ${wanted}, found ${found}`);
    };
    check("exception", describe(outcome.exception), describeExpected(test));
    NAMES.forEach((name, r) => {
      check(name, hex(outcome.registers[r] ?? 0), hex(expected[r] ?? 0));
    });
    SEGMENTS.forEach((name, seg) => {
      check(name, hex(outcome.selectors[seg] ?? 0), hex(after.selectors.get(name) ?? selectors[seg] ?? 0));
    });
    check("eip", hex(outcome.eip), hex(eip));
    check("flags", flagNames(outcome.eflags & COMPARED & ~after.openFlags), flagNames(flags & COMPARED));
    for (const [name, value] of after.fields) check(name, hex(core.cpu.field(FIELDS.get(name) ?? 0)), hex(value));
    check("ts", `${(core.cpu.cr0 & Cr0.TS) !== 0}`, `${after.taskSwitched ?? before.taskSwitched}`);
    checkFpu(core, before.fpu, after.fpu, check);
    const [from, to] = outcome.ignored;
    const found = this.#platform.ram.read(0, USER_END);
    for (let a = 0; a < USER_END && differences.length < 12; a++) {
      if (found[a] === memory[a] || (a >= from && a < to)) continue;
      check(`[${hex(a)}]`, hex(found[a] ?? 0), hex(memory[a] ?? 0));
    }
    return differences;
  }

  /** Brings the machine into the state before. Returns a copy of user memory. */
  #prepare(test: Case, variant: Variant, registers: readonly number[], eflags: number): Uint8Array {
    const { before } = test;
    const { core, cpu } = this.#platform;
    const { exports } = core;
    const memory = new Uint8Array(USER_END).fill(HLT, 0, DATA);
    memory.set(test.bytes, CODE);
    patch(memory, before.memory);
    this.#image.fill(0, USER_END);
    this.#image.set(memory);
    this.#image.fill(HLT, HANDLERS, HANDLERS + 256 * 8);
    this.#putTables(before.notPresent, before.readOnly);
    this.#platform.reset();
    this.#load();
    setUpFpu(core, before.fpu);
    if (this.#translator !== undefined) cpu.setField(Cpu.HEAT, variant.engine === "regions" ? AT_ONCE : 0);
    exports.flushCode();
    let protection = Cr0.PE | Cr0.ET | Cr0.NE;
    if (before.alignment) protection |= Cr0.AM;
    if (before.taskSwitched) protection |= Cr0.TS;
    const paged = variant.paging || before.notPresent.length > 0 || before.readOnly.length > 0;
    cpu.setField(Cpu.CR3, PAGE_DIRECTORY);
    cpu.setField(Cpu.CR0, paged ? protection | Cr0.PG | Cr0.WP : protection);
    cpu.setField(Cpu.CPL, before.cpl);
    cpu.gdtr = { base: GDT, limit: 0x4f };
    cpu.idtr = { base: IDT, limit: 0x7ff };
    const user = before.cpl === 3;
    SEGMENTS.forEach((name, seg) => {
      const big = name === "cs" ? !before.code16 : name === "ss" ? !before.stack16 : true;
      const access = (name === "cs" ? 0x9b : 0x93) | (before.cpl << 5) | (big ? 0xc000 : 0);
      const selector = name === "cs" ? (user ? 0x1b : 0x08) : user ? 0x23 : 0x10;
      const limit = before.limits.get(name) ?? 0xffffffff;
      cpu.setSegment(seg, { selector, base: before.bases.get(name) ?? 0, limit, access: access | SEG_USABLE });
    });
    cpu.setSegment(Seg.TR, { selector: 0x28, base: TSS, limit: 103, access: 0x8b | SEG_USABLE });
    registers.forEach((value, r) => {
      cpu.setReg(r, value);
    });
    cpu.eflags = eflags;
    cpu.eip = CODE;
    cpu.cr2 = 0;
    exports.refresh();
    return memory;
  }

  /** Brings RAM to the image. */
  #load(): void {
    for (const [i, page] of this.#pages.entries()) {
      const wanted = this.#image.subarray(i * PAGE, (i + 1) * PAGE);
      if (page.compare(wanted) !== 0) this.#platform.ram.write(i * PAGE, wanted);
    }
  }

  #putTables(notPresent: readonly number[], readOnly: readonly number[]): void {
    const put = (at: number, ...words: number[]) => {
      for (const [i, word] of words.entries()) this.#image.writeUInt32LE(word >>> 0, at + 4 * i);
    };
    put(GDT + 8, 0xffff, 0xcf9b00, 0xffff, 0xcf9300, 0xffff, 0xcffb00, 0xffff, 0xcff300);
    put(GDT + 0x28, (TSS << 16) | 103, 0x8b00 | (TSS >>> 16), ((TSS + 128) << 16) | 103, 0x8900 | (TSS >>> 16));
    put(GDT + 0x38, 7, 0x8200, 0x82000, 0xec00, 0xffff, 0xcf7300);
    put(TSS + 4, KERNEL_STACK, 0x10);
    put(TSS + 100, 104 << 16); // no I/O permission bitmap
    for (let vector = 0; vector < 256; vector++) {
      const handler = HANDLERS + 8 * vector;
      put(IDT + 8 * vector, (8 << 16) | (handler & 0xffff), (handler & 0xffff0000) | 0x8e00);
    }
    put(PAGE_DIRECTORY, PAGE_TABLE | 7);
    for (let page = 0; page < RAM_BYTES >>> 12; page++) put(PAGE_TABLE + 4 * page, (page << 12) | 7);
    for (const address of notPresent) put(PAGE_TABLE + 4 * (address >>> 12), 0);
    for (const address of readOnly) put(PAGE_TABLE + 4 * (address >>> 12), (address & ~0xfff) | 5);
  }

  /** Reads the state after: from the registers, or from the frame of the exception that was delivered. */
  #outcome(variant: Variant): Outcome {
    const { cpu } = this.#platform;
    const registers = NAMES.map((_, r) => cpu.reg(r));
    const { selectors } = cpu;
    const handler = (cpu.eip - HANDLERS) >>> 3;
    if (handler >= 256) {
      // The HLT that ended the test is not part of it, unless it is the test.
      const behindHlt = cpu.halted && cpu.eip !== CODE + 1 ? 1 : 0;
      const eip = cpu.eip - behindHlt;
      return { registers, selectors, eip, eflags: cpu.eflags, exception: undefined, ignored: [0, 0] };
    }
    let at = cpu.esp;
    const next = () => {
      at += 4;
      return Buffer.from(this.#platform.ram.read(at - 4, 4)).readUInt32LE();
    };
    const bottom = at;
    const error = WITH_ERROR.has(handler) ? next() : undefined;
    const eip = next();
    selectors[Seg.CS] = next() & 0xffff;
    const eflags = next();
    const user = ((selectors[Seg.CS] ?? 0) & 3) === 3;
    registers[4] = user ? next() : at;
    if (user) selectors[Seg.SS] = next() & 0xffff;
    const ignored: [number, number] = user ? [0, 0] : [bottom, at];
    const stopped = user && variant.engine !== "step" && handler === Vector.GP && error === 0 && eip !== CODE;
    const exception = stopped ? undefined : { vector: handler, error };
    return { registers, selectors, eip, eflags, exception, ignored };
  }
}

function describe(exception: { vector: number; error: number | undefined } | undefined): string {
  if (exception === undefined) return "no exception";
  const name = Vector[exception.vector] ?? `vector ${exception.vector}`;
  return exception.error === undefined ? `#${name}` : `#${name}(${hex(exception.error)})`;
}

function describeExpected(test: Case): string {
  const { exception, interrupt } = test.after;
  if (interrupt !== undefined) return describe({ vector: interrupt, error: undefined });
  if (exception === undefined) return "no exception";
  return exception.error === undefined ? `#${exception.name}` : `#${exception.name}(${hex(exception.error)})`;
}

function flagNames(flags: number): string {
  const names = Object.keys(FLAGS).filter((name) => (flags & (FLAGS[name] ?? 0)) !== 0);
  const iopl = (flags >>> IOPL_SHIFT) & 3;
  if (iopl !== 0) names.push(`iopl=${iopl}`);
  return names.length === 0 ? "none" : names.join(" ");
}
