/**
 * The current VMCS: its fields live in Layout.VMX and its guest state in Layout.CPU, as processors keep them in registers, until another
 * VMCS becomes current or VMCLEAR writes them back (SDM 3C 24.1, 24.11). The frame's layout is abi/vmcs.ts.
 * Invariant: the memory of a current VMCS is stale; that of any other holds all of it.
 */
import { Cpu } from "../abi/cpu";
import { Layout } from "../abi/layout";
import { VMCS_REVISION, Vmcs } from "../abi/vmcs";
import { Changed, InstructionError, NO_VMCS, Vmx } from "../abi/vmx";
import { rederive } from "../cpu/control";
import { get, set } from "../cpu/state";
import { framePtr, isRam } from "../mmu/phys";
import { applyControls } from "./controls";
import { vget, vptr, vset } from "./state";

/** Copies the bytes `from`..`to` of the CPU state between the machine and a frame. */
function copy(frame: usize, save: bool, from: u32, to: u32): void {
  const kept = frame + Vmcs.GUEST + from;
  const live = <usize>(Layout.CPU + from);
  if (save) memory.copy(kept, live, to - from);
  else memory.copy(live, kept, to - from);
}

/** The guest state: everything architectural but x87, and the vCPU's virtual time; none of the machine's own words. */
function copyGuest(frame: usize, save: bool): void {
  copy(frame, save, Cpu.REGS, Cpu.ZERO);
  copy(frame, save, Cpu.EIP, Cpu.STOP);
  copy(frame, save, Cpu.SHADOW, Cpu.FAULT_VECTOR);
  copy(frame, save, Cpu.CR0, Cpu.EXIT_REASON);
  copy(frame, save, Cpu.NMI_BLOCKED, Cpu.GENERATION);
  copy(frame, save, Cpu.PENDING_DB, Cpu.RAM_BYTES);
  copy(frame, save, Cpu.MSR_MISC, Cpu.IN_TASK_SWITCH);
}

/** Pointer to the frame at machine address `ma`, or 0 if a VMCS cannot be there. */
function frameAt(ma: u32): usize {
  if ((ma & 0xfff) != 0) return 0;
  const frame = framePtr(ma >>> 12);
  return frame != 0 && isRam(frame) ? frame : 0;
}

/** Writes the current VMCS back to its frame. */
function writeBack(): void {
  const frame = frameAt(vget(Vmx.CURRENT));
  memory.copy(frame + Vmcs.CONTROLS, <usize>Layout.VMX, Vmx.SAVED);
  copyGuest(frame, true);
}

/** VMCLEAR: the VMCS at `ma` is in memory, not current and not launched. Returns 0, or an InstructionError. */
export function vmclear(ma: u32): u32 {
  const frame = frameAt(ma);
  if (frame == 0) return InstructionError.VMCLEAR_ADDRESS;
  if (vget(Vmx.CURRENT) == ma) {
    writeBack();
    vset(Vmx.CURRENT, NO_VMCS);
    vset(Vmx.NON_ROOT, 0);
    applyControls();
  }
  store<u32>(frame + Vmcs.CONTROLS + Vmx.LAUNCHED, 0);
  return 0;
}

/** VMPTRLD: makes the VMCS at `ma` current. Returns 0, or an InstructionError. */
export function vmptrld(ma: u32): u32 {
  const frame = frameAt(ma);
  if (frame == 0) return InstructionError.VMPTRLD_ADDRESS;
  if (load<u32>(frame, Vmcs.REVISION) != VMCS_REVISION) return InstructionError.VMPTRLD_REVISION;
  if (vget(Vmx.CURRENT) == ma) return 0;
  if (vget(Vmx.CURRENT) != NO_VMCS) writeBack();
  memory.copy(vptr(0), frame + Vmcs.CONTROLS, Vmx.SAVED);
  copyGuest(frame, false);
  // A frame that has never been current is empty: no A20 gate is closed.
  if (get(Cpu.A20_MASK) == 0) set(Cpu.A20_MASK, 0xffffffff);
  vset(Vmx.CURRENT, ma);
  vset(Vmx.CHANGED, Changed.CONTROLS | Changed.HOST | Changed.GUEST);
  // Nothing runs before an entry has checked this, unless the monitor says so.
  vset(Vmx.NON_ROOT, 0);
  rederive();
  applyControls();
  return 0;
}

/** VMPTRST: machine address of the current VMCS, or NO_VMCS. */
export function currentVmcs(): u32 {
  return vget(Vmx.CURRENT);
}
