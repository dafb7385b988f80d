/**
 * VM entry (SDM 3C 26): the checks in their order, then the state that is not simply there. The run loop injects and runs.
 * What has not been written since it was last found good is not checked again; events, flags and what belongs to them always are.
 */
import { Cpu } from "../abi/cpu";
import { ENTRY_FAILED, ExitReason } from "../abi/exit";
import { Changed, EntryFailure, InstructionError, NO_VMCS, Secondary, Vmx } from "../abi/vmx";
import { Cr0, Dr7, Eflags, Seg } from "../abi/x86";
import { rederive } from "../cpu/control";
import { loadPdptesChecked, paePaging } from "../cpu/cr";
import { DR7_BITS } from "../cpu/debug";
import { fieldPtr, get, set } from "../cpu/state";
import { flushTlb } from "../mmu/tlb";
import { controlsValid, eventValid, hostValid } from "./check-controls";
import { guestFailure } from "./check-guest";
import { applyControls } from "./controls";
import { rightsOf } from "./guest-fields";
import { loadAtEntry, loadAtExit } from "./msr-areas";
import { secondary, vcount, vget, vset } from "./state";
import { loadTimer } from "./timer";

/** The instruction failed; no exit. */
function vmfail(error: u32): u32 {
  vset(Vmx.INSTRUCTION_ERROR, error);
  set(Cpu.EXIT_REASON, ExitReason.VMFAIL);
  return ExitReason.VMFAIL;
}

/** The entry failed: an exit that changes nothing of the guest. */
function failed(reason: u32, qualification: u32): u32 {
  const marked = reason | ENTRY_FAILED;
  set(Cpu.EXIT_REASON, marked);
  set(Cpu.EXIT_QUALIFICATION, qualification);
  vset(Vmx.REASON, marked);
  vset(Vmx.QUALIFICATION, qualification);
  loadAtExit();
  return get(Cpu.EXIT_REASON);
}

/** CPL of the state that is loaded: DPL of SS in protected mode (SDM 3C 26.3.2.2). */
function loadedCpl(): u32 {
  if ((get(Cpu.CR0) & Cr0.PE) == 0) return 0;
  return (get(Cpu.EFLAGS) & Eflags.VM) != 0 ? 3 : (rightsOf(Seg.SS) >>> 5) & 3;
}

/**
 * VMLAUNCH or VMRESUME up to the event to inject. Returns 0 if the guest is to run, else what run() returns.
 */
export function enter(launch: u32): u32 {
  if (vget(Vmx.CURRENT) == NO_VMCS) return vmfail(0);
  const launched = vget(Vmx.LAUNCHED);
  if (launch != 0 && launched != 0) return vmfail(InstructionError.VMLAUNCH_NOT_CLEAR);
  if (launch == 0 && launched == 0) return vmfail(InstructionError.VMRESUME_NOT_LAUNCHED);
  const changed = vget(Vmx.CHANGED);
  if ((changed & Changed.CONTROLS) != 0 ? !controlsValid() : !eventValid()) return vmfail(InstructionError.CONTROLS);
  if ((changed & Changed.HOST) != 0 && !hostValid()) return vmfail(InstructionError.HOST_STATE);
  const whole = (changed & Changed.GUEST) != 0;
  const failure = guestFailure(whole);
  if (failure >= 0) return failed(ExitReason.ENTRY_GUEST_STATE, failure);
  const nested = (secondary() & Secondary.EPT) != 0;
  if (whole) {
    set(Cpu.CPL, loadedCpl());
    const dr7 = fieldPtr(Cpu.DR) + 28;
    store<u32>(dr7, (load<u32>(dr7) & DR7_BITS) | Dr7.FIXED);
    rederive();
  }
  vset(Vmx.NON_ROOT, 1);
  applyControls();
  if (whole && !nested && paePaging(get(Cpu.CR0), get(Cpu.CR4)) && !loadPdptesChecked()) {
    return failed(ExitReason.ENTRY_GUEST_STATE, EntryFailure.PDPTE);
  }
  const bad = loadAtEntry();
  if (bad != 0) return failed(ExitReason.ENTRY_MSR_LOAD, bad);
  if (vget(Vmx.CONTEXT_VPID) == 0) flushTlb();
  vset(Vmx.CHANGED, 0);
  vset(Vmx.LAUNCHED, 1);
  loadTimer();
  vcount(Vmx.ENTRIES, 1);
  return 0;
}
