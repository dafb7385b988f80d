/**
 * IRET in every mode (SDM 2A "IRET", SDM 3A 6.12, 7.3; VME: SDM 3B 20.2.7): real mode, from and to virtual-8086 mode, to the
 * same and to an outer level, and the return from a nested task.
 * Invariant: everything is popped and checked before anything changes; EFLAGS bits change by CPL and IOPL before the return.
 */
import { Cpu } from "../abi/cpu";
import { ARITHMETIC_FLAGS, Cr4, Eflags, Reg, Seg, SysType, Vector } from "../abi/x86";
import { setEflags, updateAttention } from "./control";
import { inTable, isPresent, markAccessed, raiseSelector, readDescriptor, systemType } from "./descriptor";
import { insideCode, insideLoadedCode, returnDescriptor, returnOutward } from "./far";
import { faulted, raiseGp } from "./fault";
import { stackItem } from "./frame";
import { sysLoad16 } from "../mmu/access";
import { returnQuickly } from "./quick-gate";
import { commitCode, loadSegmentPlain, loadSegmentV86, stackDescriptor } from "./segment";
import { cpl, get, iopl, protectedMode, segBase, set, setReg32, setStackPointer, stackPointer, v86Mode } from "./state";
import { TASK_RETURN, taskSwitch } from "./task";

/** Flags any 16-bit return loads. */
const FLAGS16: u32 = ARITHMETIC_FLAGS | Eflags.TF | Eflags.DF | Eflags.NT;
/** Flags a 32-bit return loads besides. */
const FLAGS32: u32 = Eflags.RF | Eflags.AC | Eflags.ID;

/** IRET with `bytes`-byte items. Faults: #GP #NP #TS #SS #PF #AC. */
export function interruptReturn(bytes: u32): void {
  if (bytes == 4 && returnQuickly()) return;
  if (protectedMode()) {
    if ((get(Cpu.EFLAGS) & Eflags.NT) != 0) returnFromTask();
    else returnProtected(bytes);
  } else if (v86Mode()) returnV86(bytes);
  else returnReal(bytes);
  if (faulted()) return;
  set(Cpu.NMI_BLOCKED, 0);
  updateAttention();
}

/** Real mode: IP, CS, FLAGS. */
function returnReal(bytes: u32): void {
  const eip = stackItem(0, bytes);
  if (faulted()) return;
  const cs = stackItem(1, bytes) & 0xffff;
  if (faulted()) return;
  const flags = stackItem(2, bytes);
  if (faulted() || !insideLoadedCode(eip)) return;
  setStackPointer(stackPointer() + 3 * bytes);
  loadSegmentPlain(Seg.CS, cs);
  set(Cpu.EIP, eip);
  setEflags(flags, FLAGS16 | Eflags.IF | Eflags.IOPL | (bytes == 4 ? FLAGS32 : 0));
}

/** Virtual-8086 mode: IOPL 3, or the 16-bit form with VME, which works on VIF. */
function returnV86(bytes: u32): void {
  const trusted = iopl() == 3;
  if (!trusted && (bytes == 4 || (get(Cpu.CR4) & Cr4.VME) == 0)) {
    raiseGp(0);
    return;
  }
  const eip = stackItem(0, bytes);
  if (faulted()) return;
  const cs = stackItem(1, bytes) & 0xffff;
  if (faulted()) return;
  const flags = stackItem(2, bytes);
  if (faulted() || !insideLoadedCode(eip)) return;
  if (!trusted && ((flags & Eflags.TF) != 0 || ((flags & Eflags.IF) != 0 && (get(Cpu.EFLAGS) & Eflags.VIP) != 0))) {
    raiseGp(0);
    return;
  }
  setStackPointer(stackPointer() + 3 * bytes);
  loadSegmentV86(Seg.CS, cs);
  set(Cpu.EIP, eip);
  if (trusted) setEflags(flags, FLAGS16 | Eflags.IF | (bytes == 4 ? FLAGS32 : 0));
  else setEflags(flags | ((flags & Eflags.IF) != 0 ? Eflags.VIF : 0), FLAGS16 | Eflags.VIF);
}

/** NT set: back to the task that the TSS's link field names. */
function returnFromTask(): void {
  const link = sysLoad16(segBase(Seg.TR));
  if (faulted()) return;
  if ((link & 4) != 0 || !inTable(link)) {
    raiseSelector(Vector.TS, link);
    return;
  }
  const d = readDescriptor(link);
  if (faulted()) return;
  const type = systemType(d);
  if (type != SysType.TSS16_BUSY && type != SysType.TSS32_BUSY) {
    raiseSelector(Vector.TS, link);
    return;
  }
  if (!isPresent(d)) {
    raiseSelector(Vector.NP, link);
    return;
  }
  taskSwitch(link, d, TASK_RETURN, false);
}

/** Protected mode: same level, outer level, or at CPL 0 to virtual-8086 mode. */
function returnProtected(bytes: u32): void {
  const eip = stackItem(0, bytes);
  if (faulted()) return;
  const cs = stackItem(1, bytes) & 0xffff;
  if (faulted()) return;
  const flags = stackItem(2, bytes);
  if (faulted()) return;
  if (bytes == 4 && (flags & Eflags.VM) != 0 && cpl() == 0) {
    returnToV86(eip, cs, flags);
    return;
  }
  const code = returnDescriptor(cs);
  if (faulted()) return;
  let mask = FLAGS16 | (bytes == 4 ? FLAGS32 : 0);
  if (cpl() <= iopl()) mask |= Eflags.IF;
  if (cpl() == 0) mask |= Eflags.IOPL | (bytes == 4 ? Eflags.VIF | Eflags.VIP : 0);
  if ((cs & 3) == cpl()) {
    if (!insideCode(code, eip) || !markAccessed(cs, code)) return;
    setStackPointer(stackPointer() + 3 * bytes);
    commitCode(cs, code, cpl());
    set(Cpu.EIP, eip);
  } else {
    const esp = stackItem(3, bytes);
    if (faulted()) return;
    const ss = stackItem(4, bytes) & 0xffff;
    if (faulted()) return;
    const stack = stackDescriptor(ss, cs & 3, Vector.GP, Vector.NP);
    if (faulted() || !insideCode(code, eip)) return;
    if (!returnOutward(cs, code, eip, ss, stack, esp)) return;
  }
  setEflags(flags, mask);
}

/** CPL 0 to virtual-8086 mode: ESP, SS, ES, DS, FS and GS follow on the stack. */
function returnToV86(eip: u32, cs: u32, flags: u32): void {
  const esp = stackItem(3, 4);
  for (let i: u32 = 4; i < 9; i++) {
    if (faulted()) return;
    stackItem(i, 4);
  }
  if (faulted()) return;
  const ss = stackItem(4, 4) & 0xffff;
  const es = stackItem(5, 4) & 0xffff;
  const ds = stackItem(6, 4) & 0xffff;
  const fs = stackItem(7, 4) & 0xffff;
  const gs = stackItem(8, 4) & 0xffff;
  set(Cpu.CPL, 3);
  const all = FLAGS16 | FLAGS32 | Eflags.IF | Eflags.IOPL | Eflags.VM | Eflags.VIF | Eflags.VIP;
  setEflags(flags, all);
  loadSegmentV86(Seg.CS, cs);
  loadSegmentV86(Seg.SS, ss);
  loadSegmentV86(Seg.ES, es);
  loadSegmentV86(Seg.DS, ds);
  loadSegmentV86(Seg.FS, fs);
  loadSegmentV86(Seg.GS, gs);
  setReg32(Reg.ESP, esp);
  set(Cpu.EIP, eip & 0xffff);
}
