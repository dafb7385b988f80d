/**
 * Events: which exception or interrupt is delivered, in which order, and what happens when delivery itself faults.
 * SDM 3A 6.9 and table 6-2 (priorities), 6.15 interrupt 8 with tables 6-4, 6-5 (double fault, shutdown), 6.8 (shadows).
 * Invariant: Cpu.EIP is the address the event returns to. Delivery ends in a handler or in ExitReason.TRIPLE_FAULT, after a
 * bounded number of attempts, with no fault left raised.
 */
import { Attention, Counter, Cpu, Stop } from "../abi/cpu";
import { ExitReason } from "../abi/exit";
import { Rec } from "../abi/record";
import { Dr6, Eflags, Vector } from "../abi/x86";
import { IntrInfo, IntrType, Vmx } from "../abi/vmx";
import { acknowledgeInterrupt } from "../host";
import { count } from "../mmu/code";
import { exceptionExits, exitsBetween, softwareExits, softwareType, trapExits, userExits } from "../vmx/events";
import { beginEvent, endEvent, exitRaised } from "../vmx/exit";
import { active, vset } from "../vmx/state";
import { leave, updateAttention } from "./control";
import { enterDebug, SHADOW_STACK } from "./debug";
import { clearFault, faulted } from "./fault";
import { eflags } from "./flags";
import { enterHandler, redirectV86, SOURCE_EVENT, SOURCE_SOFTWARE } from "./gate";
import { enterQuickly } from "./quick-gate";
import { get, set, v86Mode } from "./state";
import { settleTaskSwitch } from "./task";

/** Attempts before delivery is given up: real processors loop forever on, say, #AC while delivering #AC. */
const MAX_ATTEMPTS: u32 = 16;
/** Vectors that are counted as exceptions. */
const EXCEPTION_VECTORS: u32 = 32;

/** Exception classes of SDM 3A table 6-4. */
const BENIGN: u32 = 0;
const CONTRIBUTORY: u32 = 1;
const PAGE_FAULT: u32 = 2;

function classOf(vector: u32): u32 {
  switch (vector) {
    case Vector.DE:
    case Vector.TS:
    case Vector.NP:
    case Vector.SS:
    case Vector.GP:
      return CONTRIBUTORY;
    case Vector.PF:
      return PAGE_FAULT;
    default:
      return BENIGN;
  }
}

/** True if `second`, raised while delivering `first`, makes a double fault (SDM 3A table 6-5). */
function doubles(first: u32, second: u32): bool {
  const b = classOf(second);
  if (classOf(first) == CONTRIBUTORY) return b == CONTRIBUTORY;
  return classOf(first) == PAGE_FAULT && b != BENIGN;
}

/** True if the exception is fault-class: its handler's saved RF is set (SDM 3B 17.3.1.1). */
export function faultClass(vector: u32): bool {
  return vector != Vector.DF && vector != Vector.DB;
}

/**
 * Delivers an event until a handler is entered or the machine shuts down. `type` is an IntrType: double-fault rules apply to exceptions.
 * An exit on the way leaves the state as it was, but for what the event itself sets.
 */
export function deliver(vector: u32, type: u32, hasError: bool, error: u32, fault: bool): void {
  const watched = active() != 0;
  let kind = type;
  let v = vector;
  let isException = type == <u32>IntrType.HARDWARE_EXCEPTION;
  let withError = hasError;
  let code = error;
  let rf = fault;
  set(Cpu.HALTED, 0);
  set(Cpu.TF_ARMED, 0);
  set(Cpu.SHADOW, 0);
  for (let attempt: u32 = 0; attempt < MAX_ATTEMPTS; attempt++) {
    set(Cpu.DELIVERING, v);
    set(Cpu.EXT, 1);
    if (watched) beginEvent(v | kind | (withError ? IntrInfo.ERROR_CODE : 0) | IntrInfo.VALID, code, 0);
    enterHandler(v, SOURCE_EVENT, withError, code, rf);
    set(Cpu.EXT, 0);
    set(Cpu.DELIVERING, <u32>-1);
    set(Cpu.IN_TASK_SWITCH, 0);
    if (!faulted()) {
      if (watched) endEvent();
      if (isException && v < EXCEPTION_VECTORS) count(Counter.EXCEPTIONS + v);
      updateAttention();
      return;
    }
    if (exitRaised()) return;
    const second = get(Cpu.FAULT_VECTOR);
    const secondError = get(Cpu.FAULT_ERROR);
    const secondHasError = get(Cpu.FAULT_HAS_ERROR) != 0;
    clearFault();
    // A monitor that wants the second exception gets that one, whatever the two would make together (SDM 3C 25.2, 27.2.4).
    if (watched && exceptionExits(second, secondHasError, secondError)) return;
    if (isException && v == Vector.DF && classOf(second) != BENIGN) break;
    const twice = isException && doubles(v, second);
    if (watched && twice && exceptionExits(Vector.DF, true, 0)) return;
    if (second == Vector.PF) set(Cpu.CR2, get(Cpu.FAULT_LINEAR));
    if (twice) {
      v = Vector.DF;
      code = 0;
      withError = true;
    } else {
      v = second;
      code = secondError;
      withError = secondHasError;
      if (v == Vector.DB) enterDebug(code);
    }
    kind = IntrType.HARDWARE_EXCEPTION;
    isException = true;
    rf = faultClass(v);
  }
  if (watched) endEvent();
  updateAttention();
  leave(ExitReason.TRIPLE_FAULT, 0);
}

/**
 * Enters the handler of a fault while nothing else is due, if that can be done quickly: what deliver() sets is then as it leaves it.
 * False: nothing has been done.
 */
function enterAtOnce(vector: u32, hasError: bool, error: u32): bool {
  if (vector == Vector.DB) return false;
  const image = faultClass(vector) ? eflags() | Eflags.RF : eflags();
  if (!enterQuickly(vector, false, hasError, error, image)) return false;
  set(Cpu.TF_ARMED, 0);
  count(Counter.EXCEPTIONS + vector);
  return true;
}

/** Delivers the raised fault. Cpu.EIP is the faulting instruction. Traps of an instruction that faulted are forgotten. */
export function deliverFault(): void {
  const vector = get(Cpu.FAULT_VECTOR);
  const error = get(Cpu.FAULT_ERROR);
  const hasError = get(Cpu.FAULT_HAS_ERROR) != 0;
  clearFault();
  if (vector == Vector.PF) set(Cpu.CR2, get(Cpu.FAULT_LINEAR));
  if (get(Cpu.ATTENTION) == 0 && get(Cpu.PENDING_DB) == 0 && enterAtOnce(vector, hasError, error)) return;
  set(Cpu.PENDING_DB, get(Cpu.PENDING_DB) & Dr6.BT);
  if (vector == Vector.DB) {
    enterDebug(error);
    // General detect is fault-class; an instruction breakpoint must not have RF set, or its handler could not see it.
    deliver(vector, IntrType.HARDWARE_EXCEPTION, false, 0, (error & Dr6.BD) != 0);
  } else deliver(vector, IntrType.HARDWARE_EXCEPTION, hasError, error, faultClass(vector));
}

/** Delivers external interrupt `vector`. */
export function deliverExternal(vector: u32): void {
  count(Counter.INTERRUPTS);
  deliver(vector & 0xff, IntrType.EXTERNAL, false, 0, false);
}

/** Delivers the pending NMI; further ones wait for IRET (SDM 3A 6.7.1). */
export function deliverNmi(): void {
  set(Cpu.NMI_PENDING, 0);
  set(Cpu.NMI_BLOCKED, 1);
  deliver(Vector.NMI, IntrType.NMI, false, 0, false);
}

/** Delivers the debug traps of the previous instruction. */
function deliverTrap(): void {
  const bits = get(Cpu.PENDING_DB);
  if (trapExits(bits)) return;
  enterDebug(bits);
  const rf = get(Cpu.EFLAGS) & Eflags.RF;
  deliver(Vector.DB, IntrType.HARDWARE_EXCEPTION, false, 0, false);
  // Breakpoints hit by the delivery's own pushes are not traps of an instruction.
  set(Cpu.PENDING_DB, 0);
  updateAttention();
  // An exit on the way keeps the flags as they would have been pushed (SDM 3C 27.3.3).
  if (exitRaised()) set(Cpu.EFLAGS, get(Cpu.EFLAGS) | rf);
}

/**
 * INT n, INT3, INTO and INT1, told apart by Rec.OP. Cpu.EIP is behind the instruction. A fault of the delivery stays raised
 * and restarts the instruction. There is no single-step trap behind an INT (SDM 3B 17.3.1.4).
 */
export function softwareInterrupt(vector: u32, rec: usize): void {
  if (active() != 0 && softwareExits(vector, rec)) return;
  interruptBySoftware(vector, softwareType(load<u8>(rec, Rec.OP)), load<u8>(rec, Rec.LENGTH));
}

/** The same for a software interrupt of kind `type` (IntrType), made by an instruction of `length` bytes. */
export function interruptBySoftware(vector: u32, type: u32, length: u32): void {
  const hardware = type == <u32>IntrType.PRIVILEGED_SOFTWARE;
  const watched = active() != 0;
  set(Cpu.EXT, hardware ? 1 : 0);
  if (watched) beginEvent(vector | type | IntrInfo.VALID, 0, length);
  if (type != <u32>IntrType.SOFTWARE_INTERRUPT || !v86Mode() || !redirectV86(vector)) {
    enterHandler(vector, hardware ? SOURCE_EVENT : SOURCE_SOFTWARE, false, 0, false);
  }
  set(Cpu.EXT, 0);
  if (!faulted()) {
    set(Cpu.TF_ARMED, 0);
    if (watched) endEvent();
  }
  if (!exitRaised()) settleTaskSwitch();
}

/** What service() did. */
export const SERVED_NOTHING: i32 = 0;
export const SERVED_EVENT: i32 = 1;
export const SERVED_EXIT: i32 = 2;

/** SERVED_EVENT, unless delivering it ended in an exit. */
function served(): i32 {
  return (get(Cpu.STOP) & Stop.FAULT) != 0 ? SERVED_EXIT : SERVED_EVENT;
}

/**
 * Called between instructions while Cpu.ATTENTION is not zero. Delivers the event of the highest priority that may be taken now
 * (traps of the previous instruction, NMI, interrupt: SDM 3A table 6-2) and returns SERVED_EVENT; or leaves for a monitor that waits
 * for something, and returns SERVED_EXIT; or, if there is neither, returns SERVED_NOTHING and prepares the next instruction, which the caller then executes by itself: the shadow of STI or MOV SS ends with it, and
 * the single-step trap is armed.
 */
export function service(): i32 {
  const shadow = get(Cpu.SHADOW);
  const watched = active() != 0;
  if (watched && userExits()) return SERVED_EXIT;
  if (shadow != SHADOW_STACK && get(Cpu.PENDING_DB) != 0) {
    deliverTrap();
    return (get(Cpu.STOP) & Stop.EXIT) != 0 && get(Cpu.EXIT_REASON) != ExitReason.TRIPLE_FAULT
      ? SERVED_EXIT
      : SERVED_EVENT;
  }
  if (watched && exitsBetween(shadow)) return SERVED_EXIT;
  if (shadow == 0) {
    if (get(Cpu.NMI_PENDING) != 0 && get(Cpu.NMI_BLOCKED) == 0) {
      deliverNmi();
      return served();
    }
    if (get(Cpu.INTR) != 0 && (get(Cpu.EFLAGS) & Eflags.IF) != 0) {
      deliverExternal(acknowledgeInterrupt());
      return served();
    }
  }
  if (watched) vset(Vmx.SHADOW_BEFORE, shadow);
  set(Cpu.SHADOW, 0);
  // RF ends with the instruction that begins now, except that it still has to hold off its breakpoint. The shadow of MOV SS
  // holds off breakpoints as well.
  if ((get(Cpu.ATTENTION) & Attention.BREAKPOINTS) == 0) set(Cpu.EFLAGS, get(Cpu.EFLAGS) & ~Eflags.RF);
  else if (shadow == SHADOW_STACK) set(Cpu.EFLAGS, get(Cpu.EFLAGS) | Eflags.RF);
  set(Cpu.TF_ARMED, (get(Cpu.EFLAGS) & Eflags.TF) != 0 ? 1 : 0);
  updateAttention();
  return 0;
}
