/**
 * Entering an interrupt or exception handler: real-mode vector table, protected-mode gates in all privilege combinations, task
 * gates, and virtual-8086 redirection. SDM 2A "INT n", SDM 3A 6.12, SDM 3B 20.3 (virtual-8086), tables 20-2.
 * Invariant: one attempt; if it faults (the fault stays raised) nothing has changed, except behind a task switch.
 */
import { Cpu, SegCache } from "../abi/cpu";
import { Cr0, Cr4, Eflags, Reg, Seg, SysType, Vector } from "../abi/x86";
import { sysLoad16, sysLoad8 } from "../mmu/access";
import { setEflags } from "./control";
import {
  dplOf,
  fetchTarget,
  gateOffset,
  gateSelector,
  isCode,
  isConforming,
  isPresent,
  markAccessed,
  raiseSelector,
  readTable,
  systemType,
} from "./descriptor";
import { insideCode, insideLoadedCode } from "./far";
import { faulted, raiseCode, raiseGp } from "./fault";
import { eflags } from "./flags";
import { commitPointer, openCurrent, openInner, push, room, tss32, tssStackPointer, tssStackSelector } from "./frame";
import { enterQuickly } from "./quick-gate";
import { commitCode, fillCache, loadNull, loadSegmentPlain, stackDescriptor } from "./segment";
import { cpl, get, iopl, reg32, segBase, segPtr, selectorOf, set, v86Mode } from "./state";
import { TASK_INTERRUPT, taskSwitch, taskTarget } from "./task";

/** Sources of an interrupt. */
export const SOURCE_EVENT: u32 = 0; // external interrupt, NMI, exception
export const SOURCE_SOFTWARE: u32 = 1; // INT n, INT3, INTO: the gate's DPL is checked

/** Flags that every gate clears. */
const CLEARED: u32 = Eflags.TF | Eflags.NT | Eflags.RF | Eflags.VM;
/** Smallest TSS limit that holds the I/O map base. */
const TSS_LIMIT: u32 = 103;
/** Offset of the I/O map base in a 32-bit TSS. */
const IO_BASE: u32 = 102;

/**
 * Enters the handler of `vector`. `hasError`: `error` is pushed. `fault`: the event is a fault-class exception, so RF is set in
 * the saved flags. Faults: #GP #NP #TS #SS #PF with EXT as Cpu.EXT says.
 */
export function enterHandler(vector: u32, source: u32, hasError: bool, error: u32, fault: bool): void {
  const image = fault ? eflags() | Eflags.RF : eflags();
  if (enterQuickly(vector, source == SOURCE_SOFTWARE, hasError, error, image)) return;
  if ((get(Cpu.CR0) & Cr0.PE) == 0) throughTable(vector, image);
  else throughGate(vector, source, hasError, error, fault);
  if (faulted() && get(Cpu.FAULT_HAS_ERROR) != 0 && selectorError(get(Cpu.FAULT_VECTOR))) {
    set(Cpu.FAULT_ERROR, get(Cpu.FAULT_ERROR) | get(Cpu.EXT));
  }
}

/** True if the vector's error code has an EXT bit (SDM 3A 6.13). */
function selectorError(vector: u32): bool {
  return vector == Vector.TS || vector == Vector.NP || vector == Vector.SS || vector == Vector.GP;
}

/** Real mode: four bytes per vector, FLAGS, CS and IP on the stack (SDM 3B 20.1.4). */
function throughTable(vector: u32, image: u32): void {
  if ((vector << 2) + 3 > get(Cpu.IDTR_LIMIT)) {
    raiseGp(0);
    return;
  }
  enterRealHandler(get(Cpu.IDTR_BASE) + (vector << 2), image, Eflags.IF | Eflags.TF | Eflags.AC | Eflags.RF);
}

/** Goes through the four-byte pointer at linear address `lin`, pushing `image` and clearing `cleared`. */
function enterRealHandler(lin: u32, image: u32, cleared: u32): void {
  const ip = sysLoad16(lin);
  if (faulted()) return;
  const cs = sysLoad16(lin + 2);
  if (faulted()) return;
  openCurrent(2);
  if (!room(3) || !insideLoadedCode(ip)) return;
  push(image & 0xffff);
  push(selectorOf(Seg.CS));
  push(get(Cpu.EIP));
  commitPointer();
  setEflags(0, cleared);
  loadSegmentPlain(Seg.CS, cs);
  set(Cpu.EIP, ip);
}

/** Protected and virtual-8086 mode: through the IDT. */
function throughGate(vector: u32, source: u32, hasError: bool, error: u32, fault: bool): void {
  const code = (vector << 3) | 2;
  if ((vector << 3) + 7 > get(Cpu.IDTR_LIMIT)) {
    raiseGp(code);
    return;
  }
  const gate = readTable(get(Cpu.IDTR_BASE) + (vector << 3));
  if (faulted()) return;
  const type = systemType(gate);
  const task = type == SysType.TASK_GATE;
  // Types 6, 7, E and F are interrupt and trap gates.
  if ((!task && (type < 0 || (type & 6) != 6)) || (source == SOURCE_SOFTWARE && dplOf(gate) < cpl())) {
    raiseGp(code);
    return;
  }
  if (!isPresent(gate)) {
    raiseCode(Vector.NP, code);
    return;
  }
  if (task) throughTaskGate(gate, hasError, error, fault);
  else throughCodeGate(gate, hasError, error, fault ? eflags() | Eflags.RF : eflags());
}

/** Task gate: the handler is a task; an error code is pushed on its stack (SDM 3A 6.12.2). */
function throughTaskGate(gate: u64, hasError: bool, error: u32, fault: bool): void {
  const selector = gateSelector(gate);
  const tss = taskTarget(selector);
  if (faulted()) return;
  taskSwitch(selector, tss, TASK_INTERRUPT, fault);
  if (faulted() || !hasError) return;
  openCurrent(tss32() ? 4 : 2);
  if (!room(1)) return;
  push(error);
  commitPointer();
}

/** Interrupt or trap gate: to the same level or inwards. */
function throughCodeGate(gate: u64, hasError: bool, error: u32, image: u32): void {
  const selector = gateSelector(gate);
  const d = fetchTarget(selector);
  if (faulted()) return;
  const dpl = dplOf(d);
  const inward = isCode(d) && !isConforming(d) && dpl < cpl();
  if (!isCode(d) || dpl > cpl()) {
    raiseSelector(Vector.GP, selector);
    return;
  }
  if (!isPresent(d)) {
    raiseSelector(Vector.NP, selector);
    return;
  }
  if (v86Mode() && (!inward || dpl != 0)) {
    raiseSelector(Vector.GP, selector);
    return;
  }
  if (inward) enterInner(gate, selector, d, hasError, error, image);
  else enterSame(gate, selector, d, hasError, error, image);
}

/** Size of the items that a gate pushes. */
function gateBytes(gate: u64): u32 {
  return (systemType(gate) & 8) != 0 ? 4 : 2;
}

/** Flags that this gate clears: an interrupt gate also IF. */
function clearedBy(gate: u64): u32 {
  return (systemType(gate) & 1) == 0 ? CLEARED | Eflags.IF : CLEARED;
}

function enterSame(gate: u64, selector: u32, d: u64, hasError: bool, error: u32, image: u32): void {
  const offset = gateOffset(gate);
  openCurrent(gateBytes(gate));
  if (!room(hasError ? 4 : 3) || !insideCode(d, offset) || !markAccessed(selector, d)) return;
  push(image);
  push(selectorOf(Seg.CS));
  push(get(Cpu.EIP));
  if (hasError) push(error);
  commitPointer();
  setEflags(0, clearedBy(gate));
  commitCode(selector, d, cpl());
  set(Cpu.EIP, offset);
}

function enterInner(gate: u64, selector: u32, d: u64, hasError: bool, error: u32, image: u32): void {
  const offset = gateOffset(gate);
  const privilege = dplOf(d);
  const v86 = v86Mode();
  const ss = tssStackSelector(privilege);
  if (faulted()) return;
  const top = tssStackPointer(privilege);
  if (faulted()) return;
  const stack = stackDescriptor(ss, privilege, Vector.TS, Vector.SS);
  if (faulted()) return;
  openInner(ss, stack, top, gateBytes(gate));
  if (!room((hasError ? 6 : 5) + (v86 ? 4 : 0))) return;
  if (!insideCode(d, offset) || !markAccessed(ss, stack) || !markAccessed(selector, d)) return;
  if (v86) {
    push(selectorOf(Seg.GS));
    push(selectorOf(Seg.FS));
    push(selectorOf(Seg.DS));
    push(selectorOf(Seg.ES));
  }
  push(selectorOf(Seg.SS));
  push(reg32(Reg.ESP));
  push(image);
  push(selectorOf(Seg.CS));
  push(get(Cpu.EIP));
  if (hasError) push(error);
  set(Cpu.CPL, privilege);
  setEflags(0, clearedBy(gate));
  commitCode(selector, d, privilege);
  fillCache(Seg.SS, ss, stack);
  commitPointer();
  set(Cpu.EIP, offset);
  if (v86) {
    loadNull(Seg.GS, 0);
    loadNull(Seg.FS, 0);
    loadNull(Seg.DS, 0);
    loadNull(Seg.ES, 0);
  }
}

/**
 * INT n in virtual-8086 mode (SDM 3B 20.3.3, table 20-2). True: done here, through the 8086 program's own table at linear 0, or
 * refused with #GP(0). False: it goes through the IDT.
 */
export function redirectV86(vector: u32): bool {
  const trusted = iopl() == 3;
  if ((get(Cpu.CR4) & Cr4.VME) != 0) {
    const redirected = redirectionClear(vector);
    if (faulted()) return true;
    if (redirected) {
      let image = eflags();
      if (!trusted) {
        image = (image & ~Eflags.IF) | Eflags.IOPL | ((image & Eflags.VIF) != 0 ? Eflags.IF : 0);
      }
      enterRealHandler(vector << 2, image, Eflags.TF | Eflags.RF | (trusted ? Eflags.IF : Eflags.VIF));
      return true;
    }
  }
  if (!trusted) raiseGp(0);
  return !trusted;
}

/** True if the vector's bit in the redirection map, 32 bytes below the I/O map, is clear. Faults: #GP(0), #PF. */
function redirectionClear(vector: u32): bool {
  const limit = load<u32>(segPtr(Seg.TR), SegCache.LIMIT);
  if (!tss32() || limit < TSS_LIMIT) {
    raiseGp(0);
    return false;
  }
  const tr = segBase(Seg.TR);
  const at = sysLoad16(tr + IO_BASE) - 32 + (vector >>> 3);
  if (faulted()) return false;
  if (at > limit) {
    raiseGp(0);
    return false;
  }
  const map = sysLoad8(tr + at);
  return !faulted() && ((map >>> (vector & 7)) & 1) == 0;
}
