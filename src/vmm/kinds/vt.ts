/**
 * Hardware-assisted virtualization: the guest runs at its own privilege in non-root operation, and the controls of a VMCS decide what comes
 * out (SDM 3C 23 to 28). Its memory is mapped by extended page tables.
 */
import { Attention, Cpu } from "../../../assembly/abi/cpu.js";
import { FrameType } from "../../../assembly/abi/ept.js";
import type { ExitReason } from "../../../assembly/abi/exit.js";
import { VmcsField } from "../../../assembly/abi/vmcs.js";
import {
  Changed,
  ENTRY_REQUIRED,
  EXIT_REQUIRED,
  IntrInfo,
  IntrType,
  PIN_REQUIRED,
  PRIMARY_REQUIRED,
  Pin,
  Primary,
  Secondary,
  Vmx,
} from "../../../assembly/abi/vmx.js";
import { Cr0, Cr4, Eflags } from "../../../assembly/abi/x86.js";
import { causeOf, type Dispatched, dispatch } from "../dispatcher.js";
import { type Kind, Outcome } from "../kind.js";
import type { Guest } from "../guest.js";
import type { KindCounts } from "../statistics.js";

/** What must not be going on when an interrupt is injected (SDM 3C 26.6.5). */
const NOT_NOW = Attention.SHADOW | Attention.PENDING_DB | Attention.NMI;
/** What calls for the machine's own interpretation first. */
const CARE = Attention.NMI | Attention.PENDING_DB;

/** Exits asked for whatever maps the memory. */
const PRIMARY = Primary.HLT | Primary.UNCONDITIONAL_IO | Primary.MSR_BITMAPS | Primary.SECONDARY;

/** What a way of mapping memory asks for besides. */
interface VtControls {
  primary: number;
  secondary: number;
  exceptions: number;
}

/** With extended page tables nothing about the guest's own tables needs to come out. */
const EPT_CONTROLS: VtControls = {
  primary: 0,
  secondary: Secondary.EPT | Secondary.VPID | Secondary.UNRESTRICTED,
  exceptions: 0,
};

/** Non-root operation with extended page tables. */
export class VtKind implements Kind, Dispatched {
  readonly core;
  readonly host;
  readonly state;
  readonly vmx;
  /** A frame of zeros: no MSR exits. */
  private readonly msrBitmap: number;
  private readonly primary: number;

  constructor(
    protected readonly vm: Guest,
    private readonly controls: VtControls = EPT_CONTROLS,
  ) {
    this.core = vm.core;
    this.host = vm.host;
    this.state = vm.state;
    this.vmx = vm.vmx;
    this.msrBitmap = vm.allocateFrame();
    this.primary = (PRIMARY_REQUIRED & ~(Primary.CR3_LOAD | Primary.CR3_STORE)) | PRIMARY | controls.primary;
  }

  configure(): void {
    this.writeControls();
    this.vmx.set(Vmx.INTERPRET, 1);
    this.core.exports.applyControls();
  }

  /** Writes the fields of the VMCS that stay as they are. */
  private writeControls(): void {
    const write = (field: VmcsField, value: number) => this.core.exports.vmwrite(field, value);
    write(VmcsField.PIN_CONTROLS, PIN_REQUIRED | Pin.EXTERNAL_INTERRUPT | Pin.NMI);
    write(VmcsField.PRIMARY_CONTROLS, this.primary);
    write(VmcsField.SECONDARY_CONTROLS, this.controls.secondary);
    write(VmcsField.EXCEPTION_BITMAP, this.controls.exceptions);
    write(VmcsField.EXIT_CONTROLS, EXIT_REQUIRED);
    write(VmcsField.ENTRY_CONTROLS, ENTRY_REQUIRED);
    write(VmcsField.MSR_BITMAP, this.msrBitmap);
    write(VmcsField.EPTP, this.vm.p2m.eptp);
    write(VmcsField.EPTP + 1, 0);
    write(VmcsField.VPID, this.vm.id);
    write(VmcsField.LINK_POINTER, 0xffffffff);
    write(VmcsField.LINK_POINTER + 1, 0xffffffff);
    // The host is the caller: flat segments and paging, so that the checks of host state have something to check.
    write(VmcsField.HOST_CR0, Cr0.PE | Cr0.NE | Cr0.PG);
    write(VmcsField.HOST_CR4, Cr4.PSE);
    write(VmcsField.HOST_CS_SELECTOR, 8);
    write(VmcsField.HOST_SS_SELECTOR, 16);
    write(VmcsField.HOST_TR_SELECTOR, 24);
  }

  ready(_real: boolean): boolean {
    const attention = this.state.get(Cpu.ATTENTION);
    if ((attention & CARE) !== 0) return false;
    return this.state.get(Cpu.HALTED) === 0 || (this.vm.line && this.interruptible());
  }

  /** EFLAGS.IF. */
  private interruptible(): boolean {
    return (this.state.get(Cpu.EFLAGS) & Eflags.IF) !== 0;
  }

  enter(): void {
    this.core.setInterruptLine(false);
    this.vmx.set(Vmx.INTERPRET, 0);
    // The state has been away: the entry looks at all of it.
    this.vmx.set(Vmx.CHANGED, this.vmx.get(Vmx.CHANGED) | Changed.GUEST);
  }

  leave(): void {
    this.vmx.set(Vmx.INTERPRET, 1);
    this.core.exports.adoptState(this.vm.line ? 1 : 0, 1);
  }

  run(budget: number): ExitReason {
    this.prepareInterrupt();
    return this.core.exports.vmenter(this.vmx.get(Vmx.LAUNCHED) === 0 ? 1 : 0, budget);
  }

  /** Injects the waiting interrupt, or asks to be told when that is possible. */
  private prepareInterrupt(): void {
    const waiting = this.vm.line;
    const now = waiting && this.interruptible() && (this.state.get(Cpu.ATTENTION) & NOT_NOW) === 0;
    if (now) {
      const vector = this.host.acknowledgeInterrupt();
      this.core.exports.vmwrite(VmcsField.ENTRY_INTR_INFO, IntrInfo.VALID | IntrType.EXTERNAL | vector);
    }
    const primary = waiting && !now ? this.primary | Primary.INTERRUPT_WINDOW : this.primary;
    if (primary !== (this.vmx.get(Vmx.PRIMARY) | 0)) this.core.exports.vmwrite(VmcsField.PRIMARY_CONTROLS, primary);
  }

  exit(reason: ExitReason): Outcome {
    if (reason < 0) this.takeInjected();
    const outcome = dispatch(this, reason);
    // What was being delivered when the guest came out has been taken from its source: it must not be lost.
    return this.interruptedEvent() && outcome !== Outcome.SHUTDOWN ? Outcome.DELIVER : outcome;
  }

  /** The entry failed, the processor refusing such a state of a guest: the event that was to be injected is still to be delivered. */
  private takeInjected(): void {
    const info = this.vmx.get(Vmx.ENTRY_INTR_INFO);
    this.vmx.set(Vmx.IDT_INFO, info);
    this.core.exports.vmwrite(VmcsField.ENTRY_INTR_INFO, info & ~IntrInfo.VALID);
  }

  /** True if the exit interrupted the delivery of an event that executing the instruction again would not bring back. */
  private interruptedEvent(): boolean {
    const info = this.vmx.get(Vmx.IDT_INFO);
    const type = info & IntrInfo.TYPE;
    const again =
      type === IntrType.SOFTWARE_INTERRUPT ||
      type === IntrType.SOFTWARE_EXCEPTION ||
      type === IntrType.PRIVILEGED_SOFTWARE;
    return (info & IntrInfo.VALID) !== 0 && !again;
  }

  event(): Outcome {
    throw new Error("the machine left for an exception, which the monitor did not ask for");
  }

  violation(): Outcome {
    const gfn = Math.floor(this.vmx.getWide(Vmx.GUEST_PHYSICAL) / 4096);
    const { p2m } = this.vm;
    if (p2m.type(gfn) === FrameType.RAM && p2m.log !== undefined) {
      p2m.log.markDirty(gfn);
      return Outcome.RESUME;
    }
    return Outcome.INTERPRET;
  }

  window(): Outcome {
    return Outcome.RESUME;
  }

  stretch(_left: number): number {
    return 1;
  }

  changed(): void {}

  cause(reason: ExitReason): string {
    return causeOf(this, reason);
  }

  counts(): KindCounts {
    const memory = {
      "guest references": this.vmx.getWide(Vmx.GUEST_REFERENCES),
      "EPT references": this.vmx.getWide(Vmx.EPT_REFERENCES),
      "nested walks": this.vmx.getWide(Vmx.NESTED_WALKS),
    };
    return { memory };
  }

  destroy(): void {}
}
