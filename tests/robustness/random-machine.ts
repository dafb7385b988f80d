/**
 * Random machines: registers, segment caches, descriptor tables, gates, page tables and code, from nearly sensible to nonsense.
 * A machine is a function of its case, so that a case can be replayed and made smaller.
 *
 *   00000 real-mode vectors   01000 IDT   02000 GDT   03000 LDT   04000 TSS   05000 page tables   10000 code   40000 data, more code
 */
import { Cpu, SEG_USABLE } from "../../assembly/abi/cpu.js";
import { Cr0, Cr4, Desc, DescFlag, Eflags, Seg } from "../../assembly/abi/x86.js";
import type { Core } from "../../src/core/core.js";
import { Random } from "../random.js";
import { randomCode } from "./random-code.js";

/** Sizes of the machine every case runs on. */
export const RAM_BYTES = 1 << 20;
export const ROM_BYTES = 1 << 16;

/** What kind of machine a case is. */
export const KINDS = ["real", "protected", "paging", "pae", "v86", "wild"] as const;

/** One case: everything not written here follows from the seed. */
export interface FuzzCase {
  kind: (typeof KINDS)[number];
  seed: number;
  /** Ticks to run. */
  budget: number;
  /** Bytes of code that are replaced by NOP, as ranges of offsets from CODE. */
  blanked: readonly (readonly [number, number])[];
}

const IDT = 0x1000;
const GDT = 0x2000;
const LDT = 0x3000;
const TSS = 0x4000;
const TABLES = 0x5000;
const TABLE_PAGES = 8;
/** Where code starts. */
export const CODE = 0x10000;
/** Bytes of code there. */
export const CODE_BYTES = 0x8000;
const MORE_CODE = 0x40000;
const NOP = 0x90;
const SELECTORS = 64;
const KERNEL_STACK = 0x51000;

/** A number near something that matters, or any number. */
function edge(random: Random): number {
  const near = random.pick(
    0,
    0,
    0x7fff,
    0xffff,
    0x10000,
    0x7fffffff,
    0x80000000,
    0xffffffff,
    CODE,
    MORE_CODE,
    RAM_BYTES,
  );
  return random.chance(50)
    ? (near + random.between(-4, 4)) >>> 0
    : random.chance(70)
      ? random.below(RAM_BYTES)
      : random.bits();
}

function segmentBase(random: Random): number {
  return random.chance(60) ? 0 : random.chance(70) ? random.below(RAM_BYTES) : random.bits();
}

function segmentLimit(random: Random): number {
  return random.chance(60)
    ? 0xffffffff
    : random.chance(60)
      ? 0xffff
      : random.pick(0, 1, 2, 3, random.below(RAM_BYTES), random.bits());
}

/** Access byte and flags of a code, data or system segment. */
function segmentAccess(random: Random, code: boolean, dpl: number): number {
  if (random.chance(5)) return random.below(256) | (random.bits() & 0xf000);
  const type = code
    ? Desc.CODE | (random.chance(80) ? Desc.WRITABLE : random.below(8))
    : Desc.WRITABLE | random.pick(0, 0, 0, 4);
  const flags = random.chance(80) ? DescFlag.BIG : 0;
  return (
    Desc.PRESENT |
    Desc.SEGMENT |
    Desc.ACCESSED |
    type |
    (dpl << 5) |
    flags |
    (random.chance(80) ? DescFlag.GRANULAR : 0)
  );
}

/** A descriptor as its two words. */
function descriptor(base: number, limit: number, access: number): [number, number] {
  const scaled = access & DescFlag.GRANULAR ? limit >>> 12 : limit;
  const high =
    (base & 0xff000000) |
    ((access & 0xf000) << 8) |
    (scaled & 0xf0000) |
    ((access & 0xff) << 8) |
    ((base >>> 16) & 0xff);
  return [((base << 16) | (scaled & 0xffff)) >>> 0, high >>> 0];
}

/** A gate: interrupt, trap, task or call, to code that is mostly there. */
function gate(random: Random): [number, number] {
  const type = random.chance(80) ? random.pick(14, 14, 15, 6, 7) : random.pick(5, 12, 4, random.below(32));
  const offset = random.chance(90) ? CODE + random.below(CODE_BYTES) : random.bits();
  const selector = random.chance(93) ? 8 : random.below(SELECTORS * 8);
  const present = random.chance(93) ? 0x8000 : 0;
  const high =
    (offset & 0xffff0000) |
    present |
    (random.below(4) << 13) |
    (type << 8) |
    (random.chance(90) ? 0 : random.below(32));
  return [((selector << 16) | (offset & 0xffff)) >>> 0, high >>> 0];
}

/** Everything that makes one machine. */
class Maker {
  readonly random: Random;
  readonly view: DataView;

  constructor(
    readonly core: Core,
    readonly fuzz: FuzzCase,
  ) {
    this.random = new Random(fuzz.seed);
    this.view = new DataView(core.ram.buffer, core.ram.byteOffset, core.ram.length);
  }

  put(at: number, [low, high]: readonly [number, number]): void {
    this.view.setUint32(at, low, true);
    this.view.setUint32(at + 4, high, true);
  }

  memory(): void {
    const { random, core, fuzz } = this;
    const bitness = fuzz.kind === "real" || fuzz.kind === "v86" ? 16 : random.chance(85) ? 32 : 16;
    core.ram.fill(random.pick(0, 0x90, 0xcc, 0xf4));
    const soup = randomCode(random, 0x4000, bitness);
    for (let at = MORE_CODE; at < RAM_BYTES; at += soup.length) core.ram.set(soup, at);
    core.ram.set(randomCode(random, CODE_BYTES, bitness), CODE);
    for (const [from, to] of fuzz.blanked) core.ram.fill(NOP, CODE + from, CODE + to);
    core.rom.set(randomCode(random, 0x1000, 16), ROM_BYTES - 0x1000);
    for (let vector = 0; vector < 256; vector++) {
      const segment = random.chance(90) ? CODE >> 4 : random.below(0x10000);
      this.view.setUint32(4 * vector, (segment << 16) | random.below(CODE_BYTES), true);
    }
  }

  tables(): void {
    const { random } = this;
    for (let i = 0; i < 256; i++) this.put(IDT + 8 * i, gate(random));
    for (const table of [GDT, LDT]) {
      for (let i = 0; i < SELECTORS; i++) {
        const kind = random.below(10);
        if (kind < 6) {
          const access = segmentAccess(random, random.chance(50), random.pick(0, 0, 3, random.below(4)));
          this.put(table + 8 * i, descriptor(segmentBase(random), segmentLimit(random), access));
        } else if (kind < 7) {
          this.put(
            table + 8 * i,
            descriptor(TSS + 0x100 * random.below(8), 0x67 + random.below(4), 0x80 | random.pick(1, 9, 3, 11)),
          );
        } else if (kind < 8) this.put(table + 8 * i, gate(random));
        else this.put(table + 8 * i, [random.bits(), random.bits()]);
      }
    }
    // Entries 1 to 4: flat code and data for CPL 0 and 3, mostly.
    for (const [i, access] of [0xc09b, 0xc093, 0xc0fb, 0xc0f3].entries()) {
      if (random.chance(90)) this.put(GDT + 8 * (i + 1), descriptor(0, 0xffffffff, access));
    }
    for (let at = TSS; at < TSS + 0x1000; at += 4) this.view.setUint32(at, edge(random), true);
    for (let task = 0; task < 8; task++) {
      const at = TSS + 0x100 * task;
      for (const field of [8, 16, 24, 0x4c, 0x50, 0x54, 0x58, 0x5c]) {
        this.view.setUint32(
          at + field,
          random.chance(80) ? random.pick(0x10, 0x10, 0x23) : random.below(SELECTORS * 8),
          true,
        );
      }
      if (random.chance(85)) this.view.setUint32(at + 4, KERNEL_STACK - 0x100 * task, true);
      if (random.chance(80)) this.view.setUint32(at + 0x1c, TABLES, true);
      if (random.chance(80)) this.view.setUint32(at + 0x20, CODE + random.below(CODE_BYTES), true);
      if (random.chance(80)) this.view.setUint32(at + 0x4c, random.pick(8, 0x1b), true);
    }
  }

  /** Page tables that map low memory mostly onto itself. Every table page may be directory and table at once. */
  pages(): void {
    const { random } = this;
    const pae = this.fuzz.kind === "pae";
    const bytes = pae ? 8 : 4;
    const tidy = random.chance(70);
    for (let page = 0; page < TABLE_PAGES; page++) {
      for (let i = 0; i < 4096 / bytes; i++) {
        const table = TABLES + 0x1000 * random.below(TABLE_PAGES);
        const frame = random.chance(80) ? (i % 256) << 12 : random.below(RAM_BYTES) & ~0xfff;
        let entry = page === 0 ? table : frame;
        entry |= random.chance(tidy ? 97 : 70) ? 7 | (random.bits() & 0x160) : random.bits() & 0xfff;
        if (random.chance(3)) entry = random.bits();
        if (page === 0 && random.chance(4)) entry = (entry & 0x3f) | 0x80; // a large page at 0
        this.view.setUint32(TABLES + 0x1000 * page + bytes * i, entry >>> 0, true);
        if (pae) this.view.setUint32(TABLES + 0x1000 * page + 8 * i + 4, random.chance(97) ? 0 : random.bits(), true);
      }
    }
    // The page tables, descriptor tables and code can be reached often enough.
    const table = TABLES + 0x1000;
    this.view.setUint32(TABLES, table | (random.chance(95) ? 0x67 : random.below(256)), true);
    for (let i = 0; i < 64; i++) {
      if (random.chance(95))
        this.view.setUint32(table + bytes * i, (i << 12) | random.pick(0x67, 0x67, 0x67, 0x07, 0x63, 0x65), true);
      if (pae) this.view.setUint32(table + 8 * i + 4, 0, true);
    }
    if (pae) this.view.setUint32(TABLES + 4, 0, true);
  }

  registers(): void {
    const { random, core, fuzz } = this;
    const { cpu } = core;
    const wild = fuzz.kind === "wild";
    const real = fuzz.kind === "real";
    const paging = fuzz.kind === "paging" || fuzz.kind === "pae" || (wild && random.chance(50));
    for (let r = 0; r < 8; r++) cpu.setReg(r, edge(random));
    if (random.chance(80)) cpu.esp = 0x50000 + random.below(0x1000);
    // Large counts make REP instructions that run for seconds: they are tested by themselves.
    cpu.ecx = random.below(random.pick(4, 300, 70_000));
    let cr0: number = Cr0.ET | (real ? 0 : Cr0.PE) | (paging ? Cr0.PG : 0);
    cr0 |= random.bits() & (Cr0.MP | Cr0.NE | Cr0.WP | Cr0.AM);
    if (random.chance(10)) cr0 |= random.bits() & (Cr0.EM | Cr0.TS | Cr0.CD);
    let cr4 = random.bits() & (Cr4.VME | Cr4.PVI | Cr4.DE | Cr4.PSE | Cr4.PGE);
    if (random.chance(10)) cr4 |= random.bits() & (Cr4.TSD | Cr4.PCE | Cr4.UMIP);
    if (fuzz.kind === "pae") cr4 |= Cr4.PAE;
    const user = !real && random.chance(40);
    const v86 = fuzz.kind === "v86";
    cpu.setField(Cpu.CR0, cr0 >>> 0);
    cpu.setField(Cpu.CR4, cr4);
    cpu.setField(Cpu.CR3, fuzz.kind === "pae" ? TABLES + 0x8000 : TABLES);
    for (let i = 0; i < 4; i++) {
      const entry = i === 0 || random.chance(50) ? TABLES | 1 : random.chance(50) ? 0 : random.below(RAM_BYTES) | 1;
      this.put(TABLES + 0x8000 + 8 * i, [entry & ~0xfe6, random.chance(95) ? 0 : random.below(16)]);
      cpu.setField(Cpu.PDPTE + 8 * i, entry & ~0xfe6);
      cpu.setField(Cpu.PDPTE + 8 * i + 4, 0);
    }
    cpu.gdtr = { base: GDT, limit: random.chance(80) ? SELECTORS * 8 - 1 : random.below(0x10000) };
    cpu.idtr = { base: real ? 0 : IDT, limit: random.chance(80) ? 0x7ff : random.below(0x10000) };
    cpu.setField(Cpu.CPL, real ? 0 : v86 || user ? 3 : 0);
    let eflags = (random.bits() & (Eflags.IF | Eflags.DF | Eflags.IOPL | Eflags.AC | 0x8d5)) | Eflags.FIXED;
    if (random.chance(8)) eflags |= Eflags.TF;
    if (random.chance(8)) eflags |= Eflags.NT;
    if (v86) eflags |= Eflags.VM;
    cpu.eflags = eflags;
    this.segments(real || v86, user);
    if (random.chance(15)) {
      for (let n = 0; n < 4; n++) cpu.setField(Cpu.DR + 4 * n, edge(random));
      cpu.setField(Cpu.DR + 28, (random.bits() & 0xffff03ff) | 0x400);
    }
    cpu.setField(Cpu.SYSENTER_CS, random.pick(0, 8));
    cpu.setField(Cpu.SYSENTER_EIP, CODE);
    cpu.setField(Cpu.SYSENTER_ESP, 0x50000);
    cpu.refresh();
  }

  segments(real: boolean, user: boolean): void {
    const { random, core, fuzz } = this;
    const { cpu } = core;
    const dpl = user ? 3 : 0;
    for (let seg = 0; seg < 6; seg++) {
      const code = seg === Seg.CS;
      if (fuzz.kind === "wild" && random.chance(50)) {
        const access = (random.bits() & 0xf0ff) | (random.chance(90) ? SEG_USABLE : 0);
        cpu.setSegment(seg, {
          selector: random.below(0x10000),
          base: segmentBase(random),
          limit: segmentLimit(random),
          access,
        });
      } else if (real) {
        const selector = code ? CODE >> 4 : random.pick(0, CODE >> 4, random.below(0x10000));
        const limit = random.chance(85) ? 0xffff : 0xffffffff;
        cpu.setSegment(seg, {
          selector,
          base: selector << 4,
          limit,
          access: 0x93 | (fuzz.kind === "v86" ? 0x60 : 0) | SEG_USABLE,
        });
      } else {
        const usable = code || seg === Seg.SS || random.chance(92) ? SEG_USABLE : 0;
        const access = (code ? 0xc09b : 0xc093) | (dpl << 5) | usable;
        const selector = (code ? (user ? 0x18 : 8) : user ? 0x20 : 0x10) | dpl;
        const base = code || random.chance(80) ? 0 : segmentBase(random);
        cpu.setSegment(seg, { selector, base, limit: random.chance(80) ? 0xffffffff : segmentLimit(random), access });
      }
    }
    cpu.setSegment(Seg.TR, {
      selector: 0x28,
      base: TSS,
      limit: random.pick(0x67, 0x80, 0x2fff),
      access: 0x8b | SEG_USABLE,
    });
    cpu.setSegment(Seg.LDTR, { selector: 0x30, base: LDT, limit: SELECTORS * 8 - 1, access: 0x82 | SEG_USABLE });
    cpu.eip = real ? random.below(64) : CODE + random.below(64);
  }
}

/** A random machine in a core: set up once, and given a new life whenever it has shut down. */
export class RandomMachine {
  private readonly maker: Maker;

  constructor(core: Core, fuzz: FuzzCase) {
    core.reset();
    core.setA20(true);
    for (const field of [Cpu.RETIRED, Cpu.SKIPPED, Cpu.TSC_OFFSET]) {
      core.cpu.setField(field, 0);
      core.cpu.setField(field + 4, 0);
    }
    core.rom.fill(0xcc);
    this.maker = new Maker(core, fuzz);
    this.maker.memory();
    this.revive();
  }

  /** New tables and registers; memory stays as the guest has left it. */
  revive(): void {
    const { core, fuzz, random } = this.maker;
    core.reset();
    core.setInterruptLine(false);
    this.maker.tables();
    this.maker.pages();
    this.maker.registers();
    if (fuzz.kind !== "real" && random.chance(50)) core.cpu.eip = CODE + random.below(CODE_BYTES);
  }
}
