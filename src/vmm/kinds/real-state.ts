/**
 * The real state of a deprivileged guest: made from its virtual one when it begins to run directly, and made virtual again when it comes out.
 * Every trap goes there and back. Real segment registers are remembered beside the virtual ones they were made from, and taken again.
 * Invariant: while the guest runs directly, `virtual` holds its privileged registers and the set in use its segment registers as they began.
 */
import { Cpu, SegCache } from "../../../assembly/abi/cpu.js";
import { Fpu, SELECTOR_KEPT } from "../../../assembly/abi/fpu.js";
import { Vmx } from "../../../assembly/abi/vmx.js";
import { Cr0, Cr4, Eflags, Seg } from "../../../assembly/abi/x86.js";
import { PAGE_BYTES } from "../../address.js";
import type { Guest } from "../guest.js";
import { Words } from "../words.js";
import { LDT_OFFSET, ldtLimit, PAIR_PAGES } from "./descriptor-tables.js";
import { type Lookup, liftSegments, lowerSegments, type Privileges, representable } from "./real-segments.js";
import type { ShadowMemory } from "./shadow-memory.js";

/**
 * Real segment registers that are remembered, by the virtual ones they were made from: the kernel's and its programs' sets alternate.
 */
const SETS = 8;
/** Bytes from one set to the next: what is used of them does not overlap. */
const SET_BYTES = 512;

/** Virtual segment registers, and the real ones made from them. */
interface SegmentSet {
  virtual: Words;
  real: Words;
}

/** Where the monitor's tables are in every guest's linear space. */
export const MONITOR_BASE = 0xffc00000;
/** Offset there of the monitor's IDT and TSS, which share a page behind the first pair of descriptor tables. */
const IDT = PAIR_PAGES * PAGE_BYTES;
const TSS = IDT + 0x800;
/** Offset of the second pair. */
const SECOND = IDT + PAGE_BYTES;
/** Selectors of the monitor's own descriptors, as SLDT and STR show them on a machine where they do not trap. */
const LDT_SELECTOR = 0xffe8;
const TSS_SELECTOR = 0xfff0;
/** Access words of the monitor's LDT and busy TSS: present, DPL 0. */
const LDT_ACCESS = 0x10082;
const TSS_ACCESS = 0x1008b;
const TSS_LIMIT = 0x67;
/** Where the TSS says that its I/O map begins. Beyond the limit: no port may be used directly (SDM 1 18.5.2). */
export const TSS_IO_MAP = TSS + 0x64;
/** Its value for that. */
export const NO_IO_MAP = 0xffff0000;

/** Pages of the monitor's; `alike`: the guest's kernel and its programs have one pair of descriptor tables. */
export function monitorPages(alike: boolean): number {
  return 1 + (alike ? 1 : 2) * PAIR_PAGES;
}

/** Flags that the guest keeps in its virtual state alone. */
const VIRTUAL_FLAGS = Eflags.IF | Eflags.IOPL | Eflags.VIF | Eflags.VIP;
/** CR0 bits the guest's own values of which matter while it runs directly. */
const OWN_CR0 = Cr0.MP | Cr0.EM | Cr0.TS | Cr0.ET | Cr0.NE | Cr0.AM;

/** Caches of the six segment registers and, behind them, of LDTR. */
const SEGMENTS_END = Cpu.SEGS + Seg.LDTR * SegCache.SIZE;
const LDTR = SEGMENTS_END;
const LDTR_END = LDTR + SegCache.SIZE;
const CS_SELECTOR = Cpu.SEGS + Seg.CS * SegCache.SIZE + SegCache.SELECTOR;
const SS_SELECTOR = Cpu.SEGS + Seg.SS * SegCache.SIZE + SegCache.SELECTOR;
const DS_SELECTOR = Cpu.SEGS + Seg.DS * SegCache.SIZE + SegCache.SELECTOR;
/** The monitor's table registers, the A20 mask and all segment caches lie in one range. */
const REPLACED = Cpu.GDTR_BASE;
const REPLACED_END = Cpu.SEGS + 8 * SegCache.SIZE;
/** Control and debug registers, tables, segments, MSRs and PDPTEs: what direct execution leaves to the monitor. */
const PRIVILEGED = Cpu.CR0;
const PRIVILEGED_END = Cpu.EXIT_REASON;

/** Makes a guest's state real and virtual. */
export class RealState {
  /** The virtual state, as far as it is not in the processor while the guest runs directly. */
  readonly virtual: Words;
  private readonly sets: SegmentSet[];
  /** For segment registers that are not to be remembered. */
  private readonly unfound: SegmentSet;
  private readonly state: Words;
  private readonly umip: number;
  /** The set in use. */
  private set: SegmentSet;
  /** The set in use is of the virtual segment registers as they are. */
  private known = false;
  /** What is derived from each segment cache can go with it: accesses are not checked one by one. */
  private plain = false;

  /** `privileges` says how the guest's privileges map, and whether its kernel and its programs have one pair of descriptor tables. */
  constructor(
    private readonly vm: Guest,
    private readonly privileges: Privileges & { alike: boolean },
  ) {
    const { memory } = vm.core;
    const frame = () => vm.pointer(vm.allocateFrame());
    this.virtual = new Words(memory, frame());
    const [virtual, real, spare] = [frame(), frame(), frame()];
    this.sets = Array.from({ length: SETS }, (_, i) => ({
      virtual: new Words(memory, virtual + i * SET_BYTES),
      real: new Words(memory, real + i * SET_BYTES),
    }));
    this.unfound = { virtual: new Words(memory, spare), real: new Words(memory, spare + PAGE_BYTES / 2) };
    this.set = this.unfound;
    this.state = vm.state;
    this.umip = vm.options.isa === "umip" ? Cr4.UMIP : 0;
  }

  /** True if the segment registers of the virtual state in the processor can be made real. */
  representable(): boolean {
    const { state } = this;
    this.plain = state.get(Cpu.SLOW_ACCESS) === 0;
    const user = state.get(Cpu.CPL) === 3 ? 4 : 0;
    this.set = this.plain ? this.sets[user | ((state.get(DS_SELECTOR) >>> 3) & 3)]! : this.unfound;
    this.known = this.plain && this.equal(this.set.virtual, Cpu.SEGS, LDTR_END);
    return this.known || representable(state, this.privileges);
  }

  /** The virtual state in the processor, which is representable, goes to `virtual`. */
  keep(): void {
    const { state, virtual } = this;
    virtual.set(Cpu.EFLAGS, state.get(Cpu.EFLAGS));
    virtual.set(Cpu.CPL, state.get(Cpu.CPL));
    this.move(virtual, state, PRIVILEGED, PRIVILEGED_END);
  }

  /** Makes the state, which has been kept, real. `shadow` maps its memory. */
  lower(shadow: ShadowMemory): void {
    const { state, known, set } = this;
    const privilege = state.get(Cpu.CPL);
    const ring = this.privileges.toReal(privilege)!;
    const flags = state.get(Cpu.EFLAGS);
    if (known) this.move(state, set.real, REPLACED, REPLACED_END);
    else this.replace(ring);
    state.set(Cpu.CPL, ring);
    const iopl = privilege === 3 ? flags & Eflags.IOPL : 0;
    state.set(Cpu.EFLAGS, (flags & ~VIRTUAL_FLAGS) | Eflags.IF | iopl);
    // Alignment is checked at CPL 3 only (SDM 3A 2.5): not for a kernel that merely runs there.
    const own = ring === 3 && privilege !== 3 ? OWN_CR0 & ~Cr0.AM : OWN_CR0;
    state.set(Cpu.CR0, (state.get(Cpu.CR0) & own) | Cr0.PE | Cr0.PG | Cr0.WP);
    state.set(Cpu.CR4, (state.get(Cpu.CR4) & (Cr4.TSD | Cr4.PCE)) | shadow.realCr4() | this.umip);
    shadow.load(state);
    state.set(Cpu.SYSENTER_CS, 0);
    for (const field of [Fpu.CS, Fpu.DS]) state.set(field, state.get(field) | SELECTOR_KEPT);
    this.run(known);
    if (known) return;
    this.move(set.virtual, this.virtual, Cpu.SEGS, LDTR_END);
    this.move(set.real, state, REPLACED, REPLACED_END);
  }

  /** The processor's state is the real one from now on. */
  run(derived = false): void {
    const { vmx, core } = this.vm;
    vmx.set(Vmx.DEPRIVILEGED, 1);
    vmx.set(Vmx.INTERPRET, 0);
    core.exports.adoptState(0, derived ? 0 : 1);
  }

  /** Makes the state virtual. `lookup` finds the guest's own descriptors. */
  lift(lookup: Lookup): void {
    const { state, virtual } = this;
    const flags = state.get(Cpu.EFLAGS);
    const privilege = this.privilegeNow();
    const [code, stack] = [state.get(CS_SELECTOR), state.get(SS_SELECTOR)];
    const unchanged = this.equal(this.set.real, Cpu.SEGS, SEGMENTS_END);
    if (unchanged) this.move(state, virtual, PRIVILEGED, PRIVILEGED_END);
    else {
      liftSegments(state, virtual, this.set.real, privilege, lookup);
      this.move(state, virtual, PRIVILEGED, Cpu.SEGS);
      this.move(state, virtual, SEGMENTS_END, PRIVILEGED_END);
    }
    this.liftPointers(code, stack);
    state.set(Cpu.CPL, privilege);
    state.set(Cpu.EFLAGS, (flags & ~VIRTUAL_FLAGS) | (virtual.get(Cpu.EFLAGS) & VIRTUAL_FLAGS));
    const { vmx, core } = this.vm;
    vmx.set(Vmx.DEPRIVILEGED, 0);
    vmx.set(Vmx.INTERPRET, 1);
    core.exports.adoptState(this.vm.line ? 1 : 0, unchanged && this.plain ? 0 : 1);
  }

  /**
   * The privilege the guest believes to be at while it runs directly. From the kernel's ring it can get to ring 3 by itself: IRET and far returns outwards do
   * not trap.
   */
  privilegeNow(): number {
    const ring = this.state.get(Cpu.CPL);
    const before = this.virtual.get(Cpu.CPL);
    return ring === this.privileges.toReal(before) ? before : ring;
  }

  /** The selectors of the last x87 instruction and its operand: one executed directly has recorded real ones. `code`, `stack`: the real CS and SS. */
  private liftPointers(code: number, stack: number): void {
    const { state } = this;
    const virtual = (selector: number) => {
      if ((selector & SELECTOR_KEPT) !== 0) return selector & 0xffff;
      if (selector === code) return state.get(CS_SELECTOR);
      return selector === stack ? state.get(SS_SELECTOR) : undefined;
    };
    const last = state.get(Fpu.CS);
    const before = this.virtual.get(Cpu.CPL);
    // Of code that has been left since: its privilege was the same.
    const left = (last & 3) === this.privileges.toReal(before) ? (last & ~3) | before : last;
    state.set(Fpu.CS, virtual(last) ?? left);
    state.set(Fpu.DS, virtual(state.get(Fpu.DS)) ?? state.get(Fpu.DS));
  }

  /** Puts the monitor's tables and the real segment registers in place of the guest's. */
  private replace(ring: number): void {
    const { state } = this;
    const second = state.get(Cpu.CPL) === 3 && !this.privileges.alike;
    const gdt = MONITOR_BASE + (second ? SECOND : 0);
    lowerSegments(state, this.privileges, ring);
    state.set(Cpu.GDTR_BASE, gdt);
    state.set(Cpu.GDTR_LIMIT, 0xffff);
    state.set(Cpu.IDTR_BASE, MONITOR_BASE + IDT);
    state.set(Cpu.IDTR_LIMIT, 0x7ff);
    state.set(Cpu.A20_MASK, 0xffffffff);
    this.system(Seg.LDTR, LDT_SELECTOR, gdt + LDT_OFFSET, ldtLimit(this.virtual), LDT_ACCESS);
    this.system(Seg.TR, TSS_SELECTOR, MONITOR_BASE + TSS, TSS_LIMIT, TSS_ACCESS);
  }

  /** Copies a range of the state between two structures. */
  private move(to: Words, from: Words, start: number, end: number): void {
    this.vm.core.exports.moveBytes(to.base + start, from.base + start, end - start);
  }

  /** True if a range of the state is as in `other`. */
  private equal(other: Words, start: number, end: number): boolean {
    return this.vm.core.exports.equalBytes(this.state.base + start, other.base + start, end - start) !== 0;
  }

  private system(seg: Seg, selector: number, base: number, limit: number, access: number): void {
    const cache = Cpu.SEGS + seg * SegCache.SIZE;
    this.state.set(cache + SegCache.SELECTOR, selector);
    this.state.set(cache + SegCache.BASE, base);
    this.state.set(cache + SegCache.LIMIT, Math.max(0, limit));
    this.state.set(cache + SegCache.ACCESS, limit < 0 ? 0 : access);
  }
}
