/**
 * The GDT and LDT of a domain: frames of the guest's, validated, mapped one after the other in the monitor's part of every address space, and behind the
 * guest's GDT the monitor's own flat segments.
 */
import { Cpu, SegCache } from "../../../assembly/abi/cpu.js";
import { Pte, Seg } from "../../../assembly/abi/x86.js";
import type { MachineMemory } from "../../mm/machine-memory.js";
import type { Words } from "../words.js";
import { DOMAIN_AREA, GUEST_GDT_ENTRIES, GUEST_GDT_FRAMES, M2P_END } from "./abi.js";
import { type DescriptorWords, fixDescriptor } from "./descriptor.js";
import { FrameUse, type FrameTypes } from "./frame-types.js";

/** Pages of the domain's area: GDT (16, of which the guest has 14), LDT (16), one with the IDT and the TSS. */
const GDT_PAGES = 16;
const LDT_PAGES = 16;
const LDT_PAGE = GDT_PAGES;
const SYSTEM_PAGE = LDT_PAGE + LDT_PAGES;
/** Where the GDT, the LDT, the IDT and the TSS are in every address space. */
const GDT_BASE = DOMAIN_AREA;
const LDT_BASE = DOMAIN_AREA + LDT_PAGE * 4096;
const IDT_BASE = DOMAIN_AREA + SYSTEM_PAGE * 4096;
const TSS_BASE = IDT_BASE + 0x800;
const GDT_LIMIT = 0xefff;
const TSS_LIMIT = 0x67;
const TSS_ESP1 = 12;
const TSS_SS1 = 16;
const TSS_IO_MAP = 0x64;
const NO_IO_MAP = 0xffff0000;
/** Selector and access words of system segments that nothing but the processor sees. */
const TSS_SELECTOR = 0xe040;
const TSS_ACCESS = 0x1008b;
const LDT_SELECTOR = 0xe048;
const LDT_ACCESS = 0x10082;
/** How tables are mapped: nobody stores there. */
const READ_ONLY = Pte.P | Pte.A;
/** First entry of the area in its page table. */
const AREA = (DOMAIN_AREA >>> 12) & 1023;
/** Upper half of a present trap gate of DPL 3. */
const TRAP_GATE = 0xef00;
/** Most entries of an LDT. */
export const MAX_LDT_ENTRIES = 8192;
const PER_FRAME = 512;

/** Upper words of the flat segments: code and data of ring 1, code and data of ring 3; their limit ends where guests' do. */
const FLAT_UPPER = [0x00cfbb00, 0x00cfb300, 0x00cffb00, 0x00cff300];
const FLAT_LOWER = (M2P_END / 4096 - 1) & 0xffff;
const FIRST_FLAT = 3;

/** Frames the tables lie in. */
export interface DescriptorFrames {
  /** Page table that the domain's area is in. */
  area: number;
  /** The monitor's page of the GDT. */
  flat: number;
  /** IDT and TSS. */
  system: number;
  /** A frame of zeros, for what there is not: nothing but null descriptors. */
  empty: number;
}

/** The descriptor tables of a domain. */
export class DescriptorTables {
  private gdt: number[] = [];
  private ldt: number[] = [];
  private ldtBase = 0;
  private ldtEntries = 0;
  private readonly scratch: DescriptorWords = { low: 0, high: 0 };

  constructor(
    private readonly memory: MachineMemory,
    private readonly state: Words,
    private readonly frames: FrameTypes,
    private readonly own: DescriptorFrames,
  ) {}

  /** Empty tables, and the processor's registers for them. */
  reset(): void {
    const { words } = this.memory;
    this.gdt = [];
    this.ldt = [];
    this.ldtBase = this.ldtEntries = 0;
    const flat = this.own.flat << 10;
    FLAT_UPPER.forEach((upper, i) => {
      words[flat + 2 * (FIRST_FLAT + i)] = FLAT_LOWER;
      words[flat + 2 * (FIRST_FLAT + i) + 1] = upper;
    });
    this.mapGdt();
    this.mapLdt();
    words[(this.own.area << 10) + AREA + SYSTEM_PAGE] = this.own.system * 4096 + READ_ONLY;
    words.fill(0, this.own.system << 10, (this.own.system + 1) << 10);
    this.tss(TSS_IO_MAP, NO_IO_MAP);
    const { state } = this;
    state.set(Cpu.GDTR_BASE, GDT_BASE);
    state.set(Cpu.GDTR_LIMIT, GDT_LIMIT);
    state.set(Cpu.IDTR_BASE, IDT_BASE);
    state.set(Cpu.IDTR_LIMIT, 0x7ff);
    this.system(Seg.TR, TSS_SELECTOR, TSS_BASE, TSS_LIMIT, TSS_ACCESS);
    this.loadLdt();
  }

  /** Checks and fixes every descriptor of a frame. */
  validate(mfn: number): boolean {
    const { words } = this.memory;
    const { scratch } = this;
    const first = mfn << 10;
    for (let i = 0; i < 2 * PER_FRAME; i += 2) {
      scratch.low = words[first + i]!;
      scratch.high = words[first + i + 1]!;
      if (!fixDescriptor(scratch)) return this.frames.refuse("segment descriptor");
      words[first + i] = scratch.low;
      words[first + i + 1] = scratch.high;
    }
    return true;
  }

  /** Makes `frames` the guest's GDT; false if one cannot be, then nothing changes. */
  setGdt(frames: readonly number[]): boolean {
    if (!this.take(frames)) return false;
    for (const mfn of this.gdt) this.frames.putFrameAs(mfn);
    this.gdt = [...frames];
    this.mapGdt();
    return true;
  }

  /** Makes `frames`, at linear address `base` of the guest, its LDT of `entries`; false if one cannot be. */
  setLdt(base: number, entries: number, frames: readonly number[]): boolean {
    if (!this.take(frames)) return false;
    for (const mfn of this.ldt) this.frames.putFrameAs(mfn);
    this.ldt = [...frames];
    this.ldtBase = base;
    this.ldtEntries = entries;
    this.mapLdt();
    this.loadLdt();
    return true;
  }

  /** Whether the LDT is these entries at this address already. */
  isLdt(base: number, entries: number): boolean {
    return this.ldtBase === base && this.ldtEntries === entries;
  }

  /** Frames in use as GDT or LDT, for audits. */
  inUse(): readonly number[] {
    return [...this.gdt, ...this.ldt];
  }

  /** Frames mapped in the domain's area from its begin on, as the guest's GDT. */
  get gdtFrames(): readonly number[] {
    return this.gdt;
  }

  /** Stack of ring 1 for the processor's own use: call gates. */
  setStack(ss: number, esp: number): void {
    this.tss(TSS_SS1, ss);
    this.tss(TSS_ESP1, esp);
  }

  /** The processor itself delivers INT n of `vector` to code at `cs`:`eip`, without a crossing; an address of 0: the monitor does. */
  setGate(vector: number, cs: number, eip: number): void {
    const at = (this.own.system << 10) + 2 * vector;
    this.memory.words[at] = eip === 0 ? 0 : (cs << 16) | (eip & 0xffff);
    this.memory.words[at + 1] = eip === 0 ? 0 : (eip & 0xffff0000) | TRAP_GATE;
  }

  /** Machine address of the descriptor that a selector names, or -1 if it is beyond its table. */
  find(selector: number): number {
    const index = selector >>> 3;
    if ((selector & 4) !== 0) {
      if (index >= this.ldtEntries) return -1;
      return this.ldt[index >>> 9]! * 4096 + (index & (PER_FRAME - 1)) * 8;
    }
    if (index >= (GDT_LIMIT + 1) / 8) return -1;
    const frame = index >= GUEST_GDT_ENTRIES ? this.own.flat : (this.gdt[index >>> 9] ?? this.own.empty);
    return frame * 4096 + (index & (PER_FRAME - 1)) * 8;
  }

  private take(frames: readonly number[]): boolean {
    for (let i = 0; i < frames.length; i++) {
      if (this.frames.getFrameAs(frames[i]!, FrameUse.SEGMENT)) continue;
      while (i-- > 0) this.frames.putFrameAs(frames[i]!);
      return false;
    }
    return true;
  }

  private mapGdt(): void {
    const { words } = this.memory;
    const area = (this.own.area << 10) + AREA;
    for (let i = 0; i < GDT_PAGES; i++) {
      const frame = i < GUEST_GDT_FRAMES ? (this.gdt[i] ?? this.own.empty) : this.own.flat;
      words[area + i] = frame * 4096 + READ_ONLY;
    }
    this.frames.flush();
  }

  private mapLdt(): void {
    const { words } = this.memory;
    const area = (this.own.area << 10) + AREA + LDT_PAGE;
    for (let i = 0; i < LDT_PAGES; i++) words[area + i] = (this.ldt[i] ?? this.own.empty) * 4096 + READ_ONLY;
    this.frames.flush();
  }

  /** LDTR. Invariant: without entries it is unusable. */
  private loadLdt(): void {
    if (this.ldtEntries === 0) this.system(Seg.LDTR, 0, 0, 0, 0);
    else this.system(Seg.LDTR, LDT_SELECTOR, LDT_BASE, this.ldtEntries * 8 - 1, LDT_ACCESS);
  }

  private system(seg: Seg, selector: number, base: number, limit: number, access: number): void {
    const cache = Cpu.SEGS + seg * SegCache.SIZE;
    this.state.set(cache + SegCache.SELECTOR, selector);
    this.state.set(cache + SegCache.BASE, base);
    this.state.set(cache + SegCache.LIMIT, limit);
    this.state.set(cache + SegCache.ACCESS, access);
  }

  private tss(offset: number, value: number): void {
    this.memory.words[(this.own.system * 4096 + 0x800 + offset) >>> 2] = value;
  }
}
