/**
 * Task switches through 16- and 32-bit TSSs (SDM 3A 7.2, 7.3, table 7-1, 7-2; TSS layouts figures 7-2, 7-10).
 * Invariant: up to the commit point a fault leaves the old task untouched; from there on the new task's registers are loaded
 * and a fault belongs to it (Cpu.IN_TASK_SWITCH is set; see settleTaskSwitch).
 */
import { Cpu, SegCache } from "../abi/cpu";
import { Cr0, Cr4, Dr6, Eflags, Seg, SysType, Vector } from "../abi/x86";
import { sysLoad16, sysLoad32, sysLoad8, sysStore16, sysStore32, sysStore8 } from "../mmu/access";
import { linearCheckWrite } from "../mmu/linear";
import { exitsTaskSwitch } from "../vmx/intercept";
import { checkPdptes, reloadCr3 } from "./cr";
import { setEflags } from "./control";
import { clearLocalBreakpoints } from "./debug";
import {
  baseOf,
  descriptorAddress,
  dplOf,
  fetchDescriptor,
  inTable,
  isCode,
  isConforming,
  isNull,
  isPresent,
  limitOf,
  markAccessed,
  raiseSelector,
  readDescriptor,
  systemType,
} from "./descriptor";
import { insideCode, insideLoadedCode } from "./far";
import { faulted } from "./fault";
import { eflags } from "./flags";
import { tss32 } from "./frame";
import { deliverFault } from "./interrupt";
import { commitCode, dataDescriptor, fillCache, loadNull, loadSegmentV86, stackDescriptor } from "./segment";
import { get, reg32, segBase, segPtr, selectorOf, set, setReg32 } from "./state";

/** Causes of a task switch. */
export const TASK_JUMP: u32 = 0;
export const TASK_CALL: u32 = 1;
export const TASK_RETURN: u32 = 2;
export const TASK_INTERRUPT: u32 = 3;

/** Smallest limits (SDM 3A 7.2.1, 7.6). */
const LIMIT32: u32 = 103;
const LIMIT16: u32 = 43;
/** First byte and length of the part that a switch saves. */
const SAVED32: u32 = 32;
const SAVED32_BYTES: u32 = 64;
const SAVED16: u32 = 14;
const SAVED16_BYTES: u32 = 28;
/** Fields of a 32-bit TSS behind the saved part. */
const CR3_FIELD: u32 = 28;
const LDT32: u32 = 96;
const TRAP: u32 = 100;
const LDT16: u32 = 42;
/** TSS type bit that says busy. */
const BUSY: u32 = 2;
/** All EFLAGS bits a TSS can hold. */
const ALL_FLAGS: u32 = 0x3f7fd5;

/** The available TSS that a task gate names: #GP(selector) if it is not one in the GDT, #NP(selector). 0 if faulted. */
export function taskTarget(selector: u32): u64 {
  if ((selector & 4) != 0 || !inTable(selector)) {
    raiseSelector(Vector.GP, selector);
    return 0;
  }
  const d = readDescriptor(selector);
  if (faulted()) return 0;
  const type = systemType(d);
  if (type != SysType.TSS16_AVAILABLE && type != SysType.TSS32_AVAILABLE) {
    raiseSelector(Vector.GP, selector);
    return 0;
  }
  if (!isPresent(d)) {
    raiseSelector(Vector.NP, selector);
    return 0;
  }
  return d;
}

/** True if both TSSs are long enough and all that the switch reads and writes is there; else a fault has been raised. */
function reachable(selector: u32, d: u64, cause: u32): bool {
  const wide = (systemType(d) & 8) != 0;
  if (limitOf(d) < (wide ? LIMIT32 : LIMIT16)) {
    raiseSelector(Vector.TS, selector);
    return false;
  }
  const base = baseOf(d);
  const oldWide = tss32();
  const old = segBase(Seg.TR);
  const saved = oldWide ? SAVED32 : SAVED16;
  const savedBytes = oldWide ? SAVED32_BYTES : SAVED16_BYTES;
  if (load<u32>(segPtr(Seg.TR), SegCache.LIMIT) < saved + savedBytes - 1) {
    raiseSelector(Vector.TS, selectorOf(Seg.TR));
    return false;
  }
  sysLoad16(base);
  if (faulted()) return false;
  sysLoad16(base + (wide ? LIMIT32 : LIMIT16) - 1);
  if (faulted()) return false;
  if (!linearCheckWrite(old + saved, savedBytes, 0)) return false;
  const nested = cause == TASK_CALL || cause == TASK_INTERRUPT;
  if (nested ? !linearCheckWrite(base, 2, 0) : !linearCheckWrite(descriptorAddress(selectorOf(Seg.TR)) + 5, 1, 0)) {
    return false;
  }
  if (cause != TASK_RETURN && !linearCheckWrite(descriptorAddress(selector) + 5, 1, 0)) return false;
  if (wide && (get(Cpu.CR0) & Cr0.PG) != 0 && (get(Cpu.CR4) & Cr4.PAE) != 0) {
    return checkPdptes(sysLoad32(base + CR3_FIELD));
  }
  return true;
}

/** Saves the registers of the running task in its TSS. */
function saveTask(flags: u32): void {
  const old = segBase(Seg.TR);
  if (tss32()) {
    sysStore32(old + SAVED32, get(Cpu.EIP));
    sysStore32(old + SAVED32 + 4, flags);
    for (let r: u32 = 0; r < 8; r++) sysStore32(old + SAVED32 + 8 + r * 4, reg32(r));
    for (let s: u32 = 0; s < 6; s++) sysStore16(old + SAVED32 + 40 + s * 4, selectorOf(s));
  } else {
    sysStore16(old + SAVED16, get(Cpu.EIP));
    sysStore16(old + SAVED16 + 2, flags);
    for (let r: u32 = 0; r < 8; r++) sysStore16(old + SAVED16 + 4 + r * 2, reg32(r));
    for (let s: u32 = 0; s < 4; s++) sysStore16(old + SAVED16 + 20 + s * 2, selectorOf(s));
  }
}

/** Sets or clears the busy bit of a TSS descriptor. */
function markBusy(selector: u32, busy: bool): void {
  const at = descriptorAddress(selector) + 5;
  const access = sysLoad8(at);
  sysStore8(at, busy ? access | BUSY : access & ~BUSY);
}

/** Source of a task switch in an exit qualification (SDM 3C table 27-2). */
function exitSource(cause: u32): u32 {
  if (cause == TASK_JUMP) return 2;
  return cause == TASK_CALL ? 0 : cause == TASK_RETURN ? 1 : 3;
}

/**
 * Switches to the task of TSS `d`, whose type and presence are checked. `cause` is a TASK_ constant; `fault`: the cause is a
 * fault-class exception, so RF is set in the saved flags (SDM 3B 17.3.1.1). Faults before the commit: #TS #GP #PF.
 */
export function taskSwitch(selector: u32, d: u64, cause: u32, fault: bool): void {
  if (exitsTaskSwitch(selector, exitSource(cause))) return;
  if (!reachable(selector, d, cause)) return;
  const nested = cause == TASK_CALL || cause == TASK_INTERRUPT;
  let saved = eflags();
  if (fault) saved |= Eflags.RF;
  if (cause == TASK_RETURN) saved &= ~Eflags.NT;
  const oldSelector = selectorOf(Seg.TR);
  const base = baseOf(d);
  const wide = (systemType(d) & 8) != 0;
  saveTask(saved);
  if (nested) sysStore16(base, oldSelector);
  else markBusy(oldSelector, false);
  if (cause != TASK_RETURN) markBusy(selector, true);

  set(Cpu.IN_TASK_SWITCH, 1);
  fillCache(Seg.TR, selector, d);
  const tr = segPtr(Seg.TR);
  store<u32>(tr, load<u32>(tr, SegCache.ACCESS) | BUSY, SegCache.ACCESS);
  set(Cpu.CR0, get(Cpu.CR0) | Cr0.TS);
  clearLocalBreakpoints();
  loadTask(base, wide, nested);
}

/** Loads the new task's registers, then its segments with their checks, in the new task's context. */
function loadTask(base: u32, wide: bool, nested: bool): void {
  let flags: u32 = 0;
  let ldt: u32 = 0;
  let trap: u32 = 0;
  const cs = wide ? sysLoad16(base + SAVED32 + 44) : sysLoad16(base + SAVED16 + 22);
  if (wide) {
    flags = sysLoad32(base + SAVED32 + 4);
    ldt = sysLoad16(base + LDT32);
    trap = sysLoad16(base + TRAP) & 1;
    set(Cpu.EIP, sysLoad32(base + SAVED32));
    for (let r: u32 = 0; r < 8; r++) setReg32(r, sysLoad32(base + SAVED32 + 8 + r * 4));
  } else {
    flags = sysLoad16(base + SAVED16 + 2);
    ldt = sysLoad16(base + LDT16);
    set(Cpu.EIP, sysLoad16(base + SAVED16));
    for (let r: u32 = 0; r < 8; r++) setReg32(r, 0xffff0000 | sysLoad16(base + SAVED16 + 4 + r * 2));
  }
  // Until SS is loaded a fault needs the handler's own stack: CPL 3 makes every inner handler take it from the TSS.
  set(Cpu.CPL, 3);
  for (let s: u32 = 0; s < 6; s++) {
    const wanted = wide ? sysLoad16(base + SAVED32 + 40 + s * 4) : s < 4 ? sysLoad16(base + SAVED16 + 20 + s * 2) : 0;
    loadNull(s, wanted);
  }
  loadNull(Seg.LDTR, ldt);
  if (wide && (get(Cpu.CR0) & Cr0.PG) != 0) reloadCr3(sysLoad32(base + CR3_FIELD));
  if (trap != 0) set(Cpu.PENDING_DB, get(Cpu.PENDING_DB) | Dr6.BT);
  setEflags(nested ? flags | Eflags.NT : flags, ALL_FLAGS);
  if (faulted() || !loadLdt(ldt)) return;
  if ((flags & Eflags.VM) != 0) {
    for (let s: u32 = 0; s < 6; s++) loadSegmentV86(s, selectorOf(s));
    insideLoadedCode(get(Cpu.EIP));
  } else loadTaskSegments(cs);
}

/** Loads LDTR with the new task's selector: #TS(selector) if it is not a present LDT in the GDT. */
function loadLdt(selector: u32): bool {
  if (isNull(selector)) return true;
  if ((selector & 4) == 0 && inTable(selector)) {
    const d = readDescriptor(selector);
    if (faulted()) return false;
    if (systemType(d) == SysType.LDT && isPresent(d)) {
      fillCache(Seg.LDTR, selector, d);
      return true;
    }
  }
  raiseSelector(Vector.TS, selector);
  return false;
}

/** Loads CS, SS and the data segments from their selectors, with the checks of SDM 3A table 7-1. */
function loadTaskSegments(cs: u32): void {
  const privilege = cs & 3;
  const ss = selectorOf(Seg.SS);
  const stack = stackDescriptor(ss, privilege, Vector.TS, Vector.SS);
  if (faulted() || !markAccessed(ss, stack)) return;
  fillCache(Seg.SS, ss, stack);
  const code = taskCode(cs);
  if (faulted() || !markAccessed(cs, code)) return;
  commitCode(cs, code, privilege);
  for (let s: u32 = 0; s < 6; s++) {
    const selector = selectorOf(s);
    if (s == Seg.CS || s == Seg.SS || isNull(selector)) continue;
    const data = dataDescriptor(selector, privilege, Vector.TS);
    if (faulted() || !markAccessed(selector, data)) return;
    fillCache(s, selector, data);
  }
  insideCode(code, get(Cpu.EIP));
}

/** Code segment of a new task: #TS(selector) if null, beyond its table, not code, or DPL and RPL do not fit; #NP(selector). */
function taskCode(selector: u32): u64 {
  if (isNull(selector)) {
    raiseSelector(Vector.TS, selector);
    return 0;
  }
  const d = fetchDescriptor(selector, Vector.TS);
  if (faulted()) return 0;
  const rpl = selector & 3;
  if (!isCode(d) || (isConforming(d) ? dplOf(d) > rpl : dplOf(d) != rpl)) {
    raiseSelector(Vector.TS, selector);
    return 0;
  }
  if (!isPresent(d)) {
    raiseSelector(Vector.NP, selector);
    return 0;
  }
  return d;
}

/**
 * For instructions that may have switched tasks: a fault behind the commit point is the new task's, with its EIP, and is
 * delivered here; one before it stays raised and restarts the instruction.
 */
export function settleTaskSwitch(): void {
  if (get(Cpu.IN_TASK_SWITCH) == 0) return;
  set(Cpu.IN_TASK_SWITCH, 0);
  if (faulted()) deliverFault();
}
