/**
 * The dispatcher: every exit enters here, and each reason has a handler of its own (Popek & Goldberg 1974, the control program's D).
 * The table is exhaustive by type: a reason that the machine learns to give does not compile until somebody decides about it.
 */
import { ENTRY_FAILED, ExitReason } from "../../assembly/abi/exit.js";
import { IntrInfo, IntrType, Vmx } from "../../assembly/abi/vmx.js";
import { exceptionName } from "../isa/exceptions.js";
import { advance, plain } from "./interpreter/advance.js";
import { emulateHlt } from "./interpreter/halt.js";
import { emulateCpuid } from "./interpreter/identity.js";
import type { Emulated } from "./interpreter/emulated.js";
import { emulateIo } from "./interpreter/io.js";
import { Outcome } from "./kind.js";

/** What handlers need of the virtual machine besides its state. */
export interface Dispatched extends Emulated {
  /** An exception or INT n came out: vector and error code are in the VMX words. */
  event(): Outcome;
  /** A guest-physical access that the extended page tables do not allow. */
  violation(): Outcome;
  /** An interrupt or NMI can be delivered now. */
  window(): Outcome;
  /** The guest drops its translation of a linear address, if that is all that INVLPG has to do. */
  invalidatePage?(address: number): void;
}

/** An exit that the monitor never asks for: getting it is a fault in vmexit. */
function unexpected(reason: ExitReason): (vm: Dispatched) => Outcome {
  return (vm) => {
    const qualification = vm.vmx.get(Vmx.QUALIFICATION).toString(16);
    throw new Error(
      `the machine left for ${ExitReason[reason]} (qualification ${qualification}), which the monitor did not ask for`,
    );
  };
}

/** The instruction is executed on the guest's virtual state by the machine's own interpretation. */
const interpret = (): Outcome => Outcome.INTERPRET;

/** An NMI is the guest's own, and the exit has taken it: the processor gets it back and delivers it on the guest's virtual state. */
function exceptionOrNmi(vm: Dispatched): Outcome {
  if ((vm.vmx.get(Vmx.INTR_INFO) & IntrInfo.TYPE) !== IntrType.NMI) return vm.event();
  vm.core.raiseNmi();
  return Outcome.INTERPRET;
}

/** INVLPG: one page of the shadow tables is brought in step. Interpreted it would be all of them. */
function invalidate(vm: Dispatched): Outcome {
  if (vm.invalidatePage === undefined || !plain(vm)) return Outcome.INTERPRET;
  vm.invalidatePage(vm.vmx.get(Vmx.QUALIFICATION));
  return advance(vm, vm.vmx.get(Vmx.INSN_LENGTH));
}

const HANDLERS: Record<ExitReason, (vm: Dispatched) => Outcome> = {
  [ExitReason.EXCEPTION_NMI]: exceptionOrNmi,
  [ExitReason.EXTERNAL_INTERRUPT]: unexpected(ExitReason.EXTERNAL_INTERRUPT),
  [ExitReason.TRIPLE_FAULT]: () => Outcome.SHUTDOWN,
  [ExitReason.INTERRUPT_WINDOW]: (vm) => vm.window(),
  [ExitReason.NMI_WINDOW]: (vm) => vm.window(),
  [ExitReason.TASK_SWITCH]: interpret,
  [ExitReason.CPUID]: emulateCpuid,
  [ExitReason.HLT]: emulateHlt,
  [ExitReason.INVD]: interpret,
  [ExitReason.INVLPG]: invalidate,
  [ExitReason.RDPMC]: interpret,
  [ExitReason.RDTSC]: interpret,
  // The guest's own use of VMX: its processor has none, so #UD.
  [ExitReason.VMCALL]: interpret,
  [ExitReason.VMCLEAR]: interpret,
  [ExitReason.VMLAUNCH]: interpret,
  [ExitReason.VMPTRLD]: interpret,
  [ExitReason.VMPTRST]: interpret,
  [ExitReason.VMREAD]: interpret,
  [ExitReason.VMRESUME]: interpret,
  [ExitReason.VMWRITE]: interpret,
  [ExitReason.VMXOFF]: interpret,
  [ExitReason.VMXON]: interpret,
  [ExitReason.INVEPT]: interpret,
  [ExitReason.INVVPID]: interpret,
  [ExitReason.CR_ACCESS]: interpret,
  [ExitReason.DR_ACCESS]: interpret,
  [ExitReason.IO_INSTRUCTION]: emulateIo,
  [ExitReason.RDMSR]: interpret,
  [ExitReason.WRMSR]: interpret,
  // A state that guests can be in and entries refuse, such as segments left over from another mode.
  [ExitReason.ENTRY_GUEST_STATE]: interpret,
  [ExitReason.ENTRY_MSR_LOAD]: unexpected(ExitReason.ENTRY_MSR_LOAD),
  [ExitReason.MONITOR_TRAP_FLAG]: unexpected(ExitReason.MONITOR_TRAP_FLAG),
  [ExitReason.PAUSE]: interpret,
  [ExitReason.GDTR_IDTR_ACCESS]: interpret,
  [ExitReason.LDTR_TR_ACCESS]: interpret,
  [ExitReason.EPT_VIOLATION]: (vm) => vm.violation(),
  [ExitReason.EPT_MISCONFIGURATION]: unexpected(ExitReason.EPT_MISCONFIGURATION),
  [ExitReason.PREEMPTION_TIMER]: unexpected(ExitReason.PREEMPTION_TIMER),
  [ExitReason.WBINVD]: interpret,
  [ExitReason.BUDGET]: unexpected(ExitReason.BUDGET),
  [ExitReason.HOST_REQUEST]: unexpected(ExitReason.HOST_REQUEST),
  [ExitReason.UNIMPLEMENTED]: unexpected(ExitReason.UNIMPLEMENTED),
  [ExitReason.VMFAIL]: (vm) => {
    throw new Error(`VM entry failed with instruction error ${vm.vmx.get(Vmx.INSTRUCTION_ERROR)}`);
  },
  [ExitReason.WAITING]: unexpected(ExitReason.WAITING),
  [ExitReason.USER]: unexpected(ExitReason.USER),
  [ExitReason.TRACED_WRITES]: unexpected(ExitReason.TRACED_WRITES),
  [ExitReason.VMX_ABORT]: unexpected(ExitReason.VMX_ABORT),
  [ExitReason.CALL_OUT]: unexpected(ExitReason.CALL_OUT),
};

/** The reason without the mark of a failed entry. */
function basic(reason: ExitReason): ExitReason {
  return reason & ~ENTRY_FAILED;
}

/** Decides about an exit. */
export function dispatch(vm: Dispatched, reason: ExitReason): Outcome {
  const handler = HANDLERS[basic(reason)];
  if (handler === undefined) throw new Error(`the machine left for reason ${reason}, which has no name`);
  return handler(vm);
}

/** `INT n` for every vector: a name made anew at each exit would be looked up slowly. */
const INT = Array.from({ length: 256 }, (_, vector) => `INT ${vector.toString(16)}h`);

/** What an exit was about, in the SDM's words: the reason, or which exception or interrupt. */
export function causeOf(vm: Dispatched, reason: ExitReason): string {
  if (reason !== ExitReason.EXCEPTION_NMI) return ExitReason[basic(reason)] ?? `reason ${reason}`;
  const info = vm.vmx.get(Vmx.INTR_INFO);
  const vector = info & IntrInfo.VECTOR;
  return (info & IntrInfo.TYPE) === IntrType.SOFTWARE_INTERRUPT ? INT[vector]! : exceptionName(vector);
}
