/**
 * Ring deprivileging: the guest runs directly, at less privilege than it believes, on shadow page tables and shadow descriptor tables. Everything that
 * would go through its IDT comes out instead (Popek & Goldberg 1974: every trap enters the dispatcher), and the tick that trapped is
 * executed on the virtual state.
 *
 * What is real while the guest runs: CPL and the DPLs in segment registers, IF = 1, IOPL = 0, CR0, CR3, CR4, GDTR, IDTR, LDTR, TR, SYSENTER_CS.
 * Everything else is the guest's own.
 */
import { Attention, Cpu } from "../../../assembly/abi/cpu.js";
import type { ExitReason } from "../../../assembly/abi/exit.js";
import { Rec } from "../../../assembly/abi/record.js";
import { IntrInfo, IntrType, Vmx } from "../../../assembly/abi/vmx.js";
import { Cr0, Eflags, PfError, Vector } from "../../../assembly/abi/x86.js";
import { gva, ma, mfnOf, PAGE_BYTES } from "../../address.js";
import type { ShadowMmu } from "../../mm/shadow/shadow-mmu.js";
import { causeOf, type Dispatched, dispatch } from "../dispatcher.js";
import type { Diagnosis } from "../diagnosis/diagnosis.js";
import { Decoded, type Deprivileged } from "../interpreter/decoded.js";
import { emulatePrivileged } from "../interpreter/privileged.js";
import { type Kind, Outcome } from "../kind.js";
import type { Guest } from "../guest.js";
import { Refusals } from "../refusals.js";
import type { KindCounts } from "../statistics.js";
import { Words } from "../words.js";
import { DescriptorTables, PAIR_PAGES } from "./descriptor-tables.js";
import { MONITOR_BASE, monitorPages, NO_IO_MAP, RealState, TSS_IO_MAP } from "./real-state.js";
import type { Descriptor } from "./segments.js";
import { ShadowMemory } from "./shadow-memory.js";

/** What calls for interpretation before the guest runs on. */
const CARE =
  Attention.INTERRUPT |
  Attention.NMI |
  Attention.SINGLE_STEP |
  Attention.SHADOW |
  Attention.BREAKPOINTS |
  Attention.PENDING_DB;

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
  readonly memory: Words;
  protected readonly real: RealState;
  private readonly tables: DescriptorTables;
  protected readonly instruction: Decoded;
  /** Bytes of linear space from MONITOR_BASE on that are the monitor's. */
  protected readonly monitorBytes: number;
  private readonly refusals = new Refusals();

  constructor(
    protected readonly vm: Guest,
    private readonly rules: Deprivileging,
    unsync = true,
  ) {
    this.core = vm.core;
    this.host = vm.host;
    this.state = vm.state;
    this.vmx = vm.vmx;
    this.instruction = new Decoded(this);
    const top = rules.truncates ? MONITOR_BASE : 2 ** 32;
    const raise = (privilege: number) => (dpl: number) => (rules.loads(privilege, dpl) ? rules.ring(dpl) : undefined);
    const user = raise(3);
    const all = raise(0);
    const alike = [0, 1, 2, 3].every((dpl) => user(dpl) === all(dpl));
    this.real = new RealState(vm, { toReal: (privilege) => rules.ring(privilege), top, alike });
    this.memory = new Words(vm.core.memory, 0);
    this.shadow = new ShadowMemory(vm, this.real.virtual, (gfn) => this.tables.stored(gfn), {
      compressed: rules.ring(0) === 3,
      unsync,
    });
    const pages = Array.from({ length: monitorPages(alike) }, () => vm.allocateFrame());
    this.monitorBytes = pages.length * PAGE_BYTES;
    this.shadow.mmu.reserve(
      gva(MONITOR_BASE),
      pages.map((page) => ({ mfn: mfnOf(ma(page)), writable: true })),
    );
    const pointers = pages.map((page) => vm.pointer(page));
    this.memory.set(pointers[TSS_IO_MAP >>> 12]! + (TSS_IO_MAP & 0xfff), NO_IO_MAP);
    const [first, second] = [pointers.slice(0, PAIR_PAGES), pointers.slice(PAIR_PAGES + 1)];
    this.tables = new DescriptorTables(vm, this.shadow, {
      pages: alike ? [first] : [first, second],
      raise: [alike ? user : all, user, user, user],
      top,
    });
  }

  configure(): void {
    this.vmx.set(Vmx.INTERPRET, 1);
    this.vmx.set(Vmx.LEAVE_AT_USER, 0);
    this.vmx.setWide(Vmx.EPTP, this.vm.p2m.eptp);
    this.vmx.set(Vmx.VPID, this.vm.id);
    this.vmx.set(Vmx.CUT, this.rules.truncates ? 2 ** 32 - MONITOR_BASE : 0);
    this.core.exports.applyControls();
    this.shadow.powerOn();
  }

  ready(real: boolean): boolean {
    const { state } = this;
    if (real) {
      return !this.vm.line || (this.virtual.get(Cpu.EFLAGS) & Eflags.IF) === 0;
    }
    if ((state.get(Cpu.ATTENTION) & CARE) !== 0 || state.get(Cpu.HALTED) !== 0) return false;
    if ((state.get(Cpu.CR0) & Cr0.PE) === 0 || (state.get(Cpu.EFLAGS) & (Eflags.VM | Eflags.NT)) !== 0) return false;
    const privilege = state.get(Cpu.CPL);
    if (privilege === 3 && !plainUser(state.get(Cpu.EFLAGS))) return false;
    return this.rules.ring(privilege) !== undefined && this.real.representable();
  }

  enter(): void {
    const privilege = this.state.get(Cpu.CPL);
    this.real.keep();
    this.shadow.synchronise(privilege);
    this.tables.fill(this.virtual, privilege);
    this.real.lower(this.shadow);
  }

  /** The processor's state is the real one from now on. */
  protected runReal(): void {
    this.real.run();
  }

  leave(): void {
    this.real.lift(this.guestDescriptor);
  }

  /** The guest's own descriptor for a selector. */
  private readonly guestDescriptor = (selector: number): Descriptor | undefined => this.tables.guests(selector);

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
    if (!isPageFault) return this.refused(info) ? this.execute() : Outcome.INTERPRET;
    return this.shadow.fault(
      this.vmx.get(Vmx.QUALIFICATION),
      this.vmx.get(Vmx.INTR_ERROR),
      this.real.privilegeNow() === 3,
    );
  }

  /** True for #GP(0), by which the machine refuses privileged instructions and `strict` the sensitive ones. */
  private refused(info: number): boolean {
    return (info | 0) === (REFUSAL | 0) && this.vmx.get(Vmx.INTR_ERROR) === 0;
  }

  /** The instruction the machine refused: a routine executes it if the guest's kernel may do what it asks, else it is interpreted. */
  private execute(): Outcome {
    const { instruction } = this;
    if (!instruction.next()) return Outcome.INTERPRET;
    this.refusals.note(instruction.byte(Rec.OP));
    const kernel = this.virtual.get(Cpu.CPL) === 0 && this.state.get(Cpu.CPL) === this.rules.ring(0);
    return kernel ? emulatePrivileged(this, instruction) : Outcome.INTERPRET;
  }

  get virtual(): Words {
    return this.real.virtual;
  }

  loadCr3(value: number): boolean {
    if (this.shadow.mmu.pae) return false;
    this.virtual.set(Cpu.CR3, value);
    this.shadow.loadCr3();
    this.tables.remapped();
    this.tables.fill(this.virtual, 0);
    this.shadow.load(this.state);
    return true;
  }

  mend(address: number, write: boolean): boolean {
    return this.shadow.fault(address, write ? PfError.WRITE : 0, false) === Outcome.RESUME;
  }

  invalidatePage(address: number): void {
    this.shadow.invalidatePage(address);
    if (!this.tables.lies(address)) return;
    this.tables.remapped();
    this.tables.fill(this.virtual, this.virtual.get(Cpu.CPL));
  }

  violation(): Outcome {
    return Outcome.INTERPRET;
  }

  window(): Outcome {
    return Outcome.RESUME;
  }

  stretch(left: number): number {
    const { state } = this;
    if ((state.get(Cpu.ATTENTION) & CARE) !== 0 || state.get(Cpu.HALTED) !== 0) return 1;
    return Math.min(left, (state.get(Cpu.CR0) & Cr0.PE) === 0 ? REAL_STRETCH : STRETCH);
  }

  changed(): void {
    this.shadow.changed();
    if (this.shadow.takeRemapped()) this.tables.remapped();
  }

  cause(reason: ExitReason): string {
    return causeOf(this, reason);
  }

  get shadowTables(): ShadowMmu {
    return this.shadow.mmu;
  }

  diagnosis?(): Diagnosis;

  counts(): KindCounts {
    return { memory: this.shadow.counters(), refused: this.refusals.summary() };
  }

  destroy(): void {
    this.shadow.destroy();
  }
}

/** Ticks of real-mode code interpreted at a time. */
const REAL_STRETCH = 1000;
/** Of other code that cannot run directly: programs with interrupts off, virtual-8086 mode, rings 1 and 2. */
const STRETCH = 64;
