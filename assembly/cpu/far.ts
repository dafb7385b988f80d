/**
 * Far jumps, calls and returns: real and virtual-8086 mode, direct, through call gates, and to tasks.
 * SDM 2A "CALL", "JMP", 2B "RET"; SDM 3A 5.8 (privilege of far transfers), 7.3 (task switching).
 * Invariant: every check and every page of the frame comes before the first change, so a fault leaves all as it was.
 * `Cpu.EIP` holds the return address on entry, the target afterwards.
 */
import { Cpu, SegCache } from "../abi/cpu";
import { Reg, Seg, SysType, Vector } from "../abi/x86";
import {
  dplOf,
  fetchTarget,
  gateOffset,
  gateParameters,
  gateSelector,
  isBig,
  isCode,
  isConforming,
  isNull,
  isPresent,
  limitOf,
  markAccessed,
  raiseSelector,
  systemType,
} from "./descriptor";
import { faulted, raiseGp } from "./fault";
import { commitPointer, openCurrent, openInner, push, room, stackAt, tssStackPointer, tssStackSelector } from "./frame";
import { commitCode, dropPrivilegedSegments, fillCache, loadSegmentPlain, stackDescriptor } from "./segment";
import {
  cpl,
  get,
  protectedMode,
  reg32,
  segPtr,
  selectorOf,
  set,
  setReg16,
  setReg32,
  setStackPointer,
  stackPointer,
} from "./state";
import { TASK_CALL, TASK_JUMP, taskSwitch, taskTarget } from "./task";

/** True if `eip` lies within code segment `d`; raises #GP(0) otherwise. */
export function insideCode(d: u64, eip: u32): bool {
  if (eip <= limitOf(d)) return true;
  raiseGp(0);
  return false;
}

/** The same for the loaded CS, whose limit real and virtual-8086 mode keep. */
export function insideLoadedCode(eip: u32): bool {
  if (eip <= load<u32>(segPtr(Seg.CS), SegCache.LIMIT)) return true;
  raiseGp(0);
  return false;
}

/** True if a direct JMP or CALL may go to code segment `d`: same privilege, or conforming and not less privileged. */
function directAllowed(selector: u32, d: u64): bool {
  const allowed = isConforming(d) ? dplOf(d) <= cpl() : (selector & 3) <= cpl() && dplOf(d) == cpl();
  if (!allowed) {
    raiseSelector(Vector.GP, selector);
    return false;
  }
  if (!isPresent(d)) {
    raiseSelector(Vector.NP, selector);
    return false;
  }
  return true;
}

/** True if CPL and RPL may use the gate or TSS descriptor `d`, and it is present; #GP or #NP(selector) otherwise. */
function systemAllowed(selector: u32, d: u64): bool {
  if (dplOf(d) < cpl() || dplOf(d) < (selector & 3)) {
    raiseSelector(Vector.GP, selector);
    return false;
  }
  if (!isPresent(d)) {
    raiseSelector(Vector.NP, selector);
    return false;
  }
  return true;
}

/** Code segment that a call gate leads to. Faults: #GP(0) null, #GP(selector), #NP(selector), #PF; then returns 0. */
function gateTarget(gate: u64, call: bool): u64 {
  const selector = gateSelector(gate);
  const d = fetchTarget(selector);
  if (faulted()) return 0;
  const dpl = dplOf(d);
  if (!isCode(d) || dpl > cpl() || (!call && !isConforming(d) && dpl != cpl())) {
    raiseSelector(Vector.GP, selector);
    return 0;
  }
  if (!isPresent(d)) {
    raiseSelector(Vector.NP, selector);
    return 0;
  }
  return d;
}

/** JMP or CALL to a TSS or task gate `d`. */
function toTask(selector: u32, d: u64, cause: u32): void {
  if (!systemAllowed(selector, d)) return;
  if (systemType(d) != SysType.TASK_GATE) {
    taskSwitch(selector, d, cause, false);
    return;
  }
  const target = gateSelector(d);
  const tss = taskTarget(target);
  if (!faulted()) taskSwitch(target, tss, cause, false);
}

/** JMP FAR. Faults: #GP #NP #TS #SS #PF. */
export function jumpFar(selector: u32, offset: u32): void {
  if (!protectedMode()) {
    if (!insideLoadedCode(offset)) return;
    loadSegmentPlain(Seg.CS, selector);
    set(Cpu.EIP, offset);
    return;
  }
  const d = fetchTarget(selector);
  if (faulted()) return;
  if (isCode(d)) {
    if (directAllowed(selector, d)) enter(selector, d, offset);
    return;
  }
  switch (systemType(d)) {
    case SysType.CALL_GATE16:
    case SysType.CALL_GATE32: {
      if (!systemAllowed(selector, d)) return;
      const code = gateTarget(d, false);
      if (!faulted()) enter(gateSelector(d), code, gateOffset(d));
      return;
    }
    case SysType.TASK_GATE:
    case SysType.TSS16_AVAILABLE:
    case SysType.TSS32_AVAILABLE:
      toTask(selector, d, TASK_JUMP);
      return;
    default:
      raiseSelector(Vector.GP, selector);
  }
}

/** Goes to `offset` in code segment `d` at the current privilege. */
function enter(selector: u32, d: u64, offset: u32): void {
  if (!insideCode(d, offset) || !markAccessed(selector, d)) return;
  commitCode(selector, d, cpl());
  set(Cpu.EIP, offset);
}

/** CALL FAR with a return address of `bytes`-byte items. Faults: #GP #NP #TS #SS #PF #AC. */
export function callFar(selector: u32, offset: u32, bytes: u32): void {
  if (!protectedMode()) {
    openCurrent(bytes);
    if (!room(2) || !insideLoadedCode(offset)) return;
    pushReturn();
    commitPointer();
    loadSegmentPlain(Seg.CS, selector);
    set(Cpu.EIP, offset);
    return;
  }
  const d = fetchTarget(selector);
  if (faulted()) return;
  if (isCode(d)) {
    if (directAllowed(selector, d)) callSame(selector, d, offset, bytes);
    return;
  }
  switch (systemType(d)) {
    case SysType.CALL_GATE16:
    case SysType.CALL_GATE32:
      if (systemAllowed(selector, d)) callGate(d);
      return;
    case SysType.TASK_GATE:
    case SysType.TSS16_AVAILABLE:
    case SysType.TSS32_AVAILABLE:
      toTask(selector, d, TASK_CALL);
      return;
    default:
      raiseSelector(Vector.GP, selector);
  }
}

/** Pushes CS and EIP. */
function pushReturn(): void {
  push(selectorOf(Seg.CS));
  push(get(Cpu.EIP));
}

/** CALL FAR without a change of privilege. */
function callSame(selector: u32, d: u64, offset: u32, bytes: u32): void {
  openCurrent(bytes);
  if (!room(2) || !insideCode(d, offset) || !markAccessed(selector, d)) return;
  pushReturn();
  commitPointer();
  commitCode(selector, d, cpl());
  set(Cpu.EIP, offset);
}

/** CALL through call gate `gate`, which CPL may use: to the same level, or inwards with a new stack and copied parameters. */
function callGate(gate: u64): void {
  const selector = gateSelector(gate);
  const bytes: u32 = systemType(gate) == SysType.CALL_GATE32 ? 4 : 2;
  const offset = gateOffset(gate);
  const d = gateTarget(gate, true);
  if (faulted()) return;
  if (isConforming(d) || dplOf(d) == cpl()) {
    callSame(selector, d, offset, bytes);
    return;
  }
  const privilege = dplOf(d);
  const ss = tssStackSelector(privilege);
  if (faulted()) return;
  const top = tssStackPointer(privilege);
  if (faulted()) return;
  const stack = stackDescriptor(ss, privilege, Vector.TS, Vector.SS);
  if (faulted()) return;
  const parameters = gateParameters(gate);
  openInner(ss, stack, top, bytes);
  if (!room(4 + parameters)) return;
  for (let i: u32 = 0; i < parameters; i++) {
    stackAt(i * bytes, bytes);
    if (faulted()) return;
  }
  if (!insideCode(d, offset) || !markAccessed(ss, stack) || !markAccessed(selector, d)) return;
  push(selectorOf(Seg.SS));
  push(reg32(Reg.ESP));
  for (let i = parameters; i > 0; i--) push(stackAt((i - 1) * bytes, bytes));
  pushReturn();
  commitCode(selector, d, privilege);
  fillCache(Seg.SS, ss, stack);
  commitPointer();
  set(Cpu.EIP, offset);
}

/**
 * The code segment a far return or IRET goes back to, checked: #GP(0) null, #GP(selector) if it is beyond its table, not
 * code, more privileged than now, or RPL and DPL do not fit; #NP(selector). 0 if faulted.
 */
export function returnDescriptor(selector: u32): u64 {
  if (!isNull(selector) && (selector & 3) < cpl()) {
    raiseSelector(Vector.GP, selector);
    return 0;
  }
  const d = fetchTarget(selector);
  if (faulted()) return 0;
  const rpl = selector & 3;
  if (!isCode(d) || (isConforming(d) ? dplOf(d) > rpl : dplOf(d) != rpl)) {
    raiseSelector(Vector.GP, selector);
    return 0;
  }
  if (!isPresent(d)) {
    raiseSelector(Vector.NP, selector);
    return 0;
  }
  return d;
}

/**
 * Completes a return to an outer level: CS and SS with their new privilege, ESP or SP, EIP, and the data segments.
 * All checks but the accessed bits have been made. False: #PF was raised.
 */
export function returnOutward(cs: u32, code: u64, eip: u32, ss: u32, stack: u64, esp: u32): bool {
  if (!markAccessed(cs, code) || !markAccessed(ss, stack)) return false;
  commitCode(cs, code, cs & 3);
  fillCache(Seg.SS, ss, stack);
  if (isBig(stack)) setReg32(Reg.ESP, esp);
  else setReg16(Reg.ESP, esp);
  set(Cpu.EIP, eip);
  dropPrivilegedSegments();
  return true;
}

/** RET FAR with `bytes`-byte items, releasing `extra` bytes of parameters. Faults: #GP #NP #SS #PF #AC. */
export function returnFar(bytes: u32, extra: u32): void {
  const eip = stackAt(0, bytes);
  if (faulted()) return;
  const cs = stackAt(bytes, bytes) & 0xffff;
  if (faulted()) return;
  if (!protectedMode()) {
    if (!insideLoadedCode(eip)) return;
    setStackPointer(stackPointer() + 2 * bytes + extra);
    loadSegmentPlain(Seg.CS, cs);
    set(Cpu.EIP, eip);
    return;
  }
  const d = returnDescriptor(cs);
  if (faulted()) return;
  if ((cs & 3) == cpl()) {
    if (!insideCode(d, eip) || !markAccessed(cs, d)) return;
    setStackPointer(stackPointer() + 2 * bytes + extra);
    commitCode(cs, d, cpl());
    set(Cpu.EIP, eip);
    return;
  }
  const esp = stackAt(2 * bytes + extra, bytes);
  if (faulted()) return;
  const ss = stackAt(3 * bytes + extra, bytes) & 0xffff;
  if (faulted()) return;
  const stack = stackDescriptor(ss, cs & 3, Vector.GP, Vector.SS);
  if (faulted() || !insideCode(d, eip)) return;
  returnOutward(cs, d, eip, ss, stack, esp + extra);
}
