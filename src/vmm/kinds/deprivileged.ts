/**
 * Ring deprivileging: the guest runs directly, at less privilege than it believes, on shadow page tables and shadow descriptor tables. Everything that
 * would go through its IDT comes out instead (Popek & Goldberg 1974: every trap enters the dispatcher), and the tick that trapped is
 * executed on the virtual state.
 *
 * What is real while the guest runs: CPL and the DPLs in segment registers, IF = 1, IOPL = 0, CR0, CR3, CR4, GDTR, IDTR, LDTR, TR, SYSENTER_CS.
 * Everything else is the guest's own.
 */
import { Attention, Cpu, SegCache } from "../../../assembly/abi/cpu.js";
import type { ExitReason } from "../../../assembly/abi/exit.js";
import { Fpu } from "../../../assembly/abi/fpu.js";
import { IntrInfo, IntrType, Vmx } from "../../../assembly/abi/vmx.js";
import { Cr0, Cr4, Eflags, Seg, Vector } from "../../../assembly/abi/x86.js";
import { gva, ma, mfnOf } from "../../address.js";
import type { ShadowMmu } from "../../mm/shadow/shadow-mmu.js";
import { causeOf, type Dispatched, dispatch } from "../dispatcher.js";
import type { Diagnosis } from "../diagnosis/diagnosis.js";
import { Decoded, type Deprivileged } from "../interpreter/decoded.js";
import { emulatePrivileged } from "../interpreter/privileged.js";
import { type Kind, Outcome } from "../kind.js";
import type { Guest } from "../guest.js";
import type { KindCounts } from "../statistics.js";
import { Words } from "../words.js";
import { type Privileges, liftSegments, lowerSegments, representable } from "./real-segments.js";
import { ShadowDescriptors } from "./shadow-descriptors.js";
import { ShadowMemory } from "./shadow-memory.js";

/** Where the monitor's tables are in every guest's linear space. */
export const MONITOR_BASE = 0xffc00000;
/** The monitor's pages there: GDT and LDT of 64 KB each, one page for IDT and TSS. */
const GDT = 0;
const LDT = 0x10000;
const IDT = 0x20000;
const TSS = 0x20800;
const PAGES = 33;
/** Selectors of the monitor's own descriptors, as SLDT and STR show them on a machine where they do not trap. */
const LDT_SELECTOR = 0xffe8;
const TSS_SELECTOR = 0xfff0;
/** Access words of the monitor's LDT and busy TSS: present, DPL 0. */
const LDT_ACCESS = 0x10082;
const TSS_ACCESS = 0x1008b;
const TSS_LIMIT = 0x67;
/** Offset in the TSS of where its I/O map begins. Beyond the limit: no port may be used directly (SDM 1 18.5.2). */
const TSS_IO_MAP = 0x64;
const NO_IO_MAP = 0xffff0000;

/** Flags that the guest keeps in its virtual state alone. */
const VIRTUAL_FLAGS = Eflags.IF | Eflags.IOPL | Eflags.VIF | Eflags.VIP;
/** CR0 bits the guest's own values of which matter while it runs directly. */
const OWN_CR0 = Cr0.MP | Cr0.EM | Cr0.TS | Cr0.ET | Cr0.NE | Cr0.AM;
/** What calls for interpretation before the guest runs on. */
const CARE =
  Attention.INTERRUPT |
  Attention.NMI |
  Attention.SINGLE_STEP |
  Attention.SHADOW |
  Attention.BREAKPOINTS |
  Attention.PENDING_DB;

/** Fields of the state that are saved and come back as they were, besides segment registers and flags: offset and bytes. */
const SAVED: readonly (readonly [number, number])[] = [
  [Cpu.CPL, 4],
  [Cpu.CR0, 4],
  [Cpu.CR3, 4],
  [Cpu.CR4, 4],
  [Cpu.GDTR_BASE, 20],
  [Cpu.SEGS + Seg.LDTR * SegCache.SIZE, 2 * SegCache.SIZE],
  [Cpu.SYSENTER_CS, 4],
  [Cpu.PDPTE, 32],
];

/** How the machine refuses privileged and sensitive instructions: #GP(0). */
export const REFUSAL = IntrInfo.VALID | IntrInfo.ERROR_CODE | IntrType.HARDWARE_EXCEPTION | Vector.GP;

/** What a kind of deprivileging decides. */
export interface Deprivileging {
  /** The ring for code that believes to be at `privilege`; undefined: it is interpreted. */
  ring(privilege: number): number | undefined;
  /** True if the guest's kernel shares paging privilege with the monitor, so that segment limits protect the monitor. */
  truncates: boolean;
  /** Privileges whose segments may be loaded directly while the guest believes to be at `privilege`. */
  loads(privilege: number, descriptor: number): boolean;
}

/**
 * True if user code sees nothing of its virtual flags that is not real: interrupts on, which it cannot turn off (VMware's rule for direct
 * execution: HSSV chapter 3).
 */
function plainUser(flags: number): boolean {
  return (flags & Eflags.IF) !== 0 && (flags & Eflags.IOPL) !== Eflags.IOPL;
}

/** A monitor that runs a guest deprivileged. */
export class DeprivilegedKind implements Kind, Dispatched, Deprivileged {
  readonly core;
  readonly host;
  readonly state;
  readonly vmx;
  protected readonly shadow: ShadowMemory;
  private readonly saved: Words;
  private readonly lowered: Words;
  private readonly gdt: ShadowDescriptors;
  private readonly ldt: ShadowDescriptors;
  /** Code selector of the last x87 instruction when the guest began to run directly. */
  private fpuCs = 0;
  private readonly instruction: Decoded;
  /** The virtual CPL the tables were filled for. */
  private filledFor = -1;

  constructor(
    protected readonly vm: Guest,
    private readonly rules: Deprivileging,
  ) {
    this.core = vm.core;
    this.host = vm.host;
    this.state = vm.state;
    this.vmx = vm.vmx;
    this.instruction = new Decoded(this);
    const { memory } = vm.core;
    this.saved = new Words(memory, vm.pointer(vm.allocateFrame()));
    this.lowered = new Words(memory, vm.pointer(vm.allocateFrame()));
    const pages = Array.from({ length: PAGES }, () => vm.allocateFrame());
    this.shadow = new ShadowMemory(vm, this.saved, (gfn) => this.tableStored(gfn), rules.ring(0) === 3);
    this.shadow.mmu.reserve(
      gva(MONITOR_BASE),
      pages.map((page) => ({ mfn: mfnOf(ma(page)), writable: true })),
    );
    const table = (offset: number) =>
      new PagedWords(
        memory,
        pages.slice(offset >>> 12).map((page) => vm.pointer(page)),
      );
    const top = rules.truncates ? MONITOR_BASE : 2 ** 32;
    table(TSS).set((TSS & 0xfff) + TSS_IO_MAP, NO_IO_MAP);
    this.gdt = new ShadowDescriptors(table(GDT), vm.ram, this.shadow.paging, this.shadow.mmu, top);
    this.ldt = new ShadowDescriptors(table(LDT), vm.ram, this.shadow.paging, this.shadow.mmu, top);
  }

  configure(): void {
    this.vmx.set(Vmx.INTERPRET, 1);
    this.vmx.set(Vmx.LEAVE_AT_USER, 0);
    this.vmx.setWide(Vmx.EPTP, this.vm.p2m.eptp);
    this.vmx.set(Vmx.VPID, this.vm.id);
    this.core.exports.applyControls();
    this.shadow.powerOn();
  }

  /** Privileges as they are now. */
  private privileges(): Privileges {
    return { toReal: (privilege) => this.rules.ring(privilege), top: this.rules.truncates ? MONITOR_BASE : 2 ** 32 };
  }

  ready(real: boolean): boolean {
    const { state } = this;
    if (real) {
      const deliverable = this.vm.line && (this.saved.get(Cpu.EFLAGS) & Eflags.IF) !== 0;
      return !deliverable;
    }
    if ((state.get(Cpu.ATTENTION) & CARE) !== 0 || state.get(Cpu.HALTED) !== 0) return false;
    if ((state.get(Cpu.CR0) & Cr0.PE) === 0 || (state.get(Cpu.EFLAGS) & (Eflags.VM | Eflags.NT)) !== 0) return false;
    const privilege = state.get(Cpu.CPL);
    if (privilege === 3 && !plainUser(state.get(Cpu.EFLAGS))) return false;
    return this.rules.ring(privilege) !== undefined && representable(state, this.privileges());
  }

  enter(): void {
    const { state, saved } = this;
    saved.bytes(0, Cpu.SIZE).set(state.bytes(0, Cpu.SIZE));
    const privilege = state.get(Cpu.CPL);
    const ring = this.rules.ring(privilege)!;
    this.shadow.synchronise(privilege);
    this.fillTables(privilege);
    lowerSegments(state, this.privileges(), ring);
    state.set(Cpu.CPL, ring);
    const iopl = privilege === 3 ? state.get(Cpu.EFLAGS) & Eflags.IOPL : 0;
    state.set(Cpu.EFLAGS, (state.get(Cpu.EFLAGS) & ~VIRTUAL_FLAGS) | Eflags.IF | iopl);
    this.fpuCs = state.get(Fpu.CS);
    // Alignment is checked at CPL 3 only (SDM 3A 2.5): not for a kernel that merely runs there.
    const cr0 = state.get(Cpu.CR0) & (ring === 3 && privilege !== 3 ? OWN_CR0 & ~Cr0.AM : OWN_CR0);
    state.set(Cpu.CR0, cr0 | Cr0.PE | Cr0.PG | Cr0.WP);
    state.set(Cpu.CR4, (state.get(Cpu.CR4) & (Cr4.TSD | Cr4.PCE)) | this.shadow.realCr4() | this.umip());
    this.shadow.load(state);
    state.set(Cpu.GDTR_BASE, MONITOR_BASE + GDT);
    state.set(Cpu.GDTR_LIMIT, 0xffff);
    state.set(Cpu.IDTR_BASE, MONITOR_BASE + IDT);
    state.set(Cpu.IDTR_LIMIT, 0x7ff);
    state.set(Cpu.A20_MASK, 0xffffffff);
    this.system(Seg.LDTR, LDT_SELECTOR, MONITOR_BASE + LDT, this.ldtLimit(), LDT_ACCESS);
    this.system(Seg.TR, TSS_SELECTOR, MONITOR_BASE + TSS, TSS_LIMIT, TSS_ACCESS);
    state.set(Cpu.SYSENTER_CS, 0);
    this.lowered.bytes(Cpu.SEGS, 6 * SegCache.SIZE).set(state.bytes(Cpu.SEGS, 6 * SegCache.SIZE));
    this.runReal();
  }

  /** The processor's state is the real one from now on. */
  protected runReal(): void {
    const { exports } = this.core;
    exports.setInterruptLine(0);
    this.vmx.set(Vmx.DEPRIVILEGED, 1);
    this.vmx.set(Vmx.INTERPRET, 0);
    exports.applyControls();
    exports.refreshKeeping();
  }

  leave(): void {
    const { state, saved, core } = this;
    const ring = state.get(Cpu.CPL);
    const flags = state.get(Cpu.EFLAGS);
    // From the kernel's ring the guest can get to ring 3 by itself: IRET and far returns outwards do not trap.
    const privilege = ring === this.rules.ring(saved.get(Cpu.CPL)) ? saved.get(Cpu.CPL) : ring;
    liftSegments(state, saved, this.lowered, privilege, (selector) => this.guestDescriptor(selector));
    for (const [offset, bytes] of SAVED) state.bytes(offset, bytes).set(saved.bytes(offset, bytes));
    // An x87 instruction has recorded the real selector.
    const fpuCs = state.get(Fpu.CS);
    if (fpuCs !== this.fpuCs && (fpuCs & 3) === ring) state.set(Fpu.CS, (fpuCs & ~3) | privilege);
    state.set(Cpu.CPL, privilege);
    state.set(Cpu.EFLAGS, (flags & ~VIRTUAL_FLAGS) | (saved.get(Cpu.EFLAGS) & VIRTUAL_FLAGS));
    state.set(Cpu.A20_MASK, saved.get(Cpu.A20_MASK));
    this.vmx.set(Vmx.DEPRIVILEGED, 0);
    this.vmx.set(Vmx.INTERPRET, 1);
    core.exports.applyControls();
    core.exports.refreshKeeping();
    core.exports.setInterruptLine(this.vm.line ? 1 : 0);
  }

  /** The guest's own descriptor for a selector. */
  private guestDescriptor(selector: number) {
    return ((selector & 4) === 0 ? this.gdt : this.ldt).guests(selector >>> 3);
  }

  /** Makes the shadow descriptor tables agree with the guest's, for code at virtual `privilege`. */
  private fillTables(privilege: number): void {
    const { saved } = this;
    if (privilege !== this.filledFor) {
      this.filledFor = privilege;
      this.gdt.remapped();
      this.ldt.remapped();
    }
    const raise = (dpl: number) => (this.rules.loads(privilege, dpl) ? this.rules.ring(dpl) : undefined);
    this.gdt.update(saved.get(Cpu.GDTR_BASE), saved.get(Cpu.GDTR_LIMIT), raise);
    this.ldt.update(saved.get(Cpu.SEGS + Seg.LDTR * SegCache.SIZE + SegCache.BASE), this.ldtLimit(), raise);
  }

  /** Limit of the guest's LDT; -1 if it has none. */
  private ldtLimit(): number {
    const cache = Cpu.SEGS + Seg.LDTR * SegCache.SIZE;
    const none = (this.saved.get(cache + SegCache.SELECTOR) & 0xfffc) === 0;
    return none ? -1 : this.saved.get(cache + SegCache.LIMIT);
  }

  private system(seg: Seg, selector: number, base: number, limit: number, access: number): void {
    const cache = Cpu.SEGS + seg * SegCache.SIZE;
    this.state.set(cache + SegCache.SELECTOR, selector);
    this.state.set(cache + SegCache.BASE, base);
    this.state.set(cache + SegCache.LIMIT, Math.max(0, limit));
    this.state.set(cache + SegCache.ACCESS, limit < 0 ? 0 : access);
  }

  private umip(): number {
    return this.vm.options.isa === "umip" ? Cr4.UMIP : 0;
  }

  /** A frame that holds a guest's descriptor table was written. */
  private tableStored(gfn: number): void {
    this.gdt.stored(gfn);
    this.ldt.stored(gfn);
  }

  run(budget: number): ExitReason {
    return this.core.exports.run(budget);
  }

  exit(reason: ExitReason): Outcome {
    return dispatch(this, reason);
  }

  event(): Outcome {
    const info = this.vmx.get(Vmx.INTR_INFO);
    const isPageFault =
      (info & IntrInfo.VECTOR) === Vector.PF && (info & IntrInfo.TYPE) === IntrType.HARDWARE_EXCEPTION;
    if (!isPageFault) return this.refused(info) ? emulatePrivileged(this, this.instruction) : Outcome.INTERPRET;
    return this.shadow.fault(this.vmx.get(Vmx.QUALIFICATION), this.vmx.get(Vmx.INTR_ERROR), this.virtualUser());
  }

  /** True for #GP(0) in the guest's kernel: what it may do and the machine does not let it. */
  private refused(info: number): boolean {
    return (
      (info | 0) === (REFUSAL | 0) &&
      this.vmx.get(Vmx.INTR_ERROR) === 0 &&
      this.saved.get(Cpu.CPL) === 0 &&
      this.state.get(Cpu.CPL) === this.rules.ring(0)
    );
  }

  get virtual(): Words {
    return this.saved;
  }

  invalidatePage(address: number): void {
    this.shadow.invalidatePage(address);
    if (!this.gdt.lies(address) && !this.ldt.lies(address)) return;
    this.gdt.remapped();
    this.ldt.remapped();
    this.fillTables(this.saved.get(Cpu.CPL));
  }

  /** True if the guest believes to be at CPL 3. */
  private virtualUser(): boolean {
    const ring = this.state.get(Cpu.CPL);
    const before = this.saved.get(Cpu.CPL);
    return (ring === this.rules.ring(before) ? before : ring) === 3;
  }

  violation(): Outcome {
    return Outcome.INTERPRET;
  }

  window(): Outcome {
    return Outcome.RESUME;
  }

  stretch(left: number): number {
    const real = (this.state.get(Cpu.CR0) & Cr0.PE) === 0;
    return real ? Math.min(left, REAL_STRETCH) : 1;
  }

  changed(): void {
    this.shadow.changed();
    if (this.shadow.takeRemapped()) {
      this.gdt.remapped();
      this.ldt.remapped();
    }
  }

  cause(reason: ExitReason): string {
    return causeOf(this, reason);
  }

  get shadowTables(): ShadowMmu {
    return this.shadow.mmu;
  }

  diagnosis?(): Diagnosis;

  counts(): KindCounts {
    return { memory: this.shadow.counters() };
  }

  destroy(): void {
    this.shadow.destroy();
  }
}

/** Ticks of real-mode code interpreted at a time. */
const REAL_STRETCH = 1000;

/** Words that lie in frames of their own. */
class PagedWords extends Words {
  constructor(
    memory: WebAssembly.Memory,
    private readonly pages: readonly number[],
  ) {
    super(memory, 0);
  }

  override get(offset: number): number {
    return super.get(this.pages[offset >>> 12]! + (offset & 0xfff));
  }

  override set(offset: number, value: number): void {
    super.set(this.pages[offset >>> 12]! + (offset & 0xfff), value);
  }
}
