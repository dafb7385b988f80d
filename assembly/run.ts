/**
 * run(): executes instructions up to an exact budget and says why it stopped. Whole blocks go through execute(); what needs
 * one-by-one care (traps, shadows, breakpoints, the tail of a budget) is stepped through the generic functions.
 *
 * A tick of virtual time is an instruction retired, an event delivered, or a pause of a long REP instruction; the budget is in
 * ticks, so no guest can run on without using it up.
 */
import { Attention, Cpu, Stop } from "./abi/cpu";
import { ExitReason } from "./abi/exit";
import { Block } from "./abi/record";
import { IntrInfo, IntrType, Vmx, Watch } from "./abi/vmx";
import { Eflags, Seg } from "./abi/x86";
import { findBlock } from "./cpu/block";
import { updateAttention } from "./cpu/control";
import { afterInstruction, checkInstructionBreakpoint } from "./cpu/debug";
import { execute } from "./cpu/execute";
import { faultClass, SERVED_EVENT, SERVED_NOTHING, service } from "./cpu/interrupt";
import { settleStop, spend } from "./cpu/resume";
import { executeOne } from "./cpu/single";
import { fieldPtr, get, segBase, set } from "./cpu/state";
import { enter } from "./vmx/entry";
import { armTrapFlag } from "./vmx/events";
import { clearExit, finishExit } from "./vmx/exit";
import { inject, valid } from "./vmx/inject";
import { active, nonRoot, vget, vset } from "./vmx/state";
import { timerLimit, timerPassed, timerRuns } from "./vmx/timer";

/** Instructions given to execute() at a time: V8 replaces a running function only when it is entered again. */
const SLICE: i32 = 100_000;

/** Runs for at most `budget` ticks. Returns the ExitReason; Cpu.EXIT_QUALIFICATION says more. */
export function run(budget: i32): u32 {
  begin();
  return slices(budget);
}

/** Forgets how the last run ended. */
function begin(): void {
  set(Cpu.EXIT_REASON, ExitReason.BUDGET);
  set(Cpu.EXIT_QUALIFICATION, 0);
  set(Cpu.STOP, 0);
  if (active() != 0) clearExit();
}

/**
 * VMLAUNCH (`launch` 1) or VMRESUME of the current VMCS: checks and loads, delivers the event to inject, and runs for at most `budget`
 * ticks, which should be one or more. Returns the ExitReason; ExitReason.VMFAIL if the instruction failed.
 */
export function vmenter(launch: u32, budget: i32): u32 {
  begin();
  const rf = (get(Cpu.EFLAGS) & Eflags.RF) != 0;
  const failed = enter(launch);
  if (failed != 0) return failed;
  clearExit();
  return slices(budget - injected(rf));
}

/** Injects the event of the VM-entry interruption information. Returns the ticks it took. */
function injected(rf: bool): i32 {
  const info = vget(Vmx.ENTRY_INTR_INFO);
  if (!valid(info)) return 0;
  vset(Vmx.ENTRY_INTR_INFO, info & ~IntrInfo.VALID);
  return deliverNow(info, vget(Vmx.ENTRY_INTR_ERROR), vget(Vmx.ENTRY_INSN_LENGTH), rf);
}

/** Delivers an event outside a slice. Returns the ticks it took: one, or none if an exit interrupted it. */
function deliverNow(info: u32, error: u32, length: u32, rf: bool): i32 {
  set(Cpu.SLICE, 0);
  set(Cpu.LEFT, 0);
  inject(info, error, length, rf);
  const event = (info & IntrInfo.TYPE) != <u32>IntrType.OTHER;
  if (event && (get(Cpu.STOP) & Stop.FAULT) == 0) spend(1);
  settleStop();
  if ((vget(Vmx.WATCH) & Watch.TRAP_FLAG) != 0) armTrapFlag();
  const taken = -(<i32>get(Cpu.LEFT));
  set(Cpu.SLICE, 0);
  set(Cpu.LEFT, 0);
  return taken;
}

/**
 * Delivers an event (IntrInfo) to the state as it is, in one tick, through the guest's own IDT: injection for monitors without VMCS. A fault
 * saves RF as set, whatever it is. Returns
 * ExitReason.BUDGET, or the exit that interrupted the delivery.
 */
export function deliverEvent(info: u32, error: u32, length: u32): u32 {
  begin();
  const fault = (info & IntrInfo.TYPE) == <u32>IntrType.HARDWARE_EXCEPTION && faultClass(info & IntrInfo.VECTOR);
  deliverNow(info, error, length, fault || (get(Cpu.EFLAGS) & Eflags.RF) != 0);
  set(Cpu.STOP, 0);
  finishExit();
  return get(Cpu.EXIT_REASON);
}

/** Runs in slices until the budget is used up, or STOP asks to leave run(). */
function slices(budget: i32): u32 {
  // RF was kept for an event to be injected.
  if (active() != 0) updateAttention();
  const timed = timerRuns();
  let rest = timed ? timerLimit(budget) : budget;
  const limit = rest;
  while (rest > 0 && (get(Cpu.STOP) & (Stop.EXIT | Stop.HOST)) == 0) {
    const slice = rest < SLICE ? rest : SLICE;
    set(Cpu.SLICE, slice);
    set(Cpu.LEFT, slice);
    runSlice();
    const left = get(Cpu.LEFT);
    const retired = fieldPtr(Cpu.RETIRED);
    store<u64>(retired, load<u64>(retired) + <u64>(get(Cpu.SLICE) - left));
    set(Cpu.SLICE, 0);
    set(Cpu.LEFT, 0);
    rest -= slice - left;
  }
  const stop = get(Cpu.STOP) & (Stop.EXIT | Stop.HOST);
  if (timed) timerPassed(limit - rest, stop == 0);
  if (stop == Stop.HOST) set(Cpu.EXIT_REASON, ExitReason.HOST_REQUEST);
  set(Cpu.STOP, 0);
  finishExit();
  return get(Cpu.EXIT_REASON);
}

/** Runs until the slice is used up, or STOP asks to leave run(). */
function runSlice(): void {
  for (;;) {
    if (get(Cpu.STOP) != 0 && settleStop() != 0) return;
    if (get(Cpu.HALTED) != 0) {
      const wakes = get(Cpu.ATTENTION) & (Attention.INTERRUPT | Attention.NMI | Attention.EXIT);
      if (wakes == 0) {
        set(Cpu.EXIT_REASON, nonRoot() ? ExitReason.WAITING : ExitReason.HLT);
        set(Cpu.STOP, get(Cpu.STOP) | Stop.EXIT);
        return;
      }
      if ((wakes & Attention.EXIT) == 0) set(Cpu.HALTED, 0);
    }
    if (<i32>get(Cpu.LEFT) <= 0) return;
    const attention = get(Cpu.ATTENTION);
    if (attention == 0) runBlocks();
    else attend();
  }
}

/** Runs one tick through the generic functions only. Returns the ExitReason. For tracing and for checking the hot forms. */
export function stepOnce(): u32 {
  set(Cpu.STEP_ONLY, 1);
  const reason = run(1);
  set(Cpu.STEP_ONLY, 0);
  return reason;
}

/** Runs whole blocks; the tail of the budget that is shorter than the next block is stepped. */
function runBlocks(): void {
  if (get(Cpu.STEP_ONLY) != 0) {
    step();
    return;
  }
  const block = findBlock();
  if (block == 0) return;
  if (load<i32>(block, Block.COUNT) <= <i32>get(Cpu.LEFT)) execute(block);
  else step();
}

/**
 * Delivers what is due between two instructions, or executes the one instruction that a shadow, a single-step trap or
 * breakpoints have to do with. Interrupts that a shadow holds off come after that instruction.
 */
function attend(): void {
  const trapped = (get(Cpu.ATTENTION) & Attention.TRAP_FLAG) != 0;
  const done = service();
  if (done == SERVED_EVENT) spend(1);
  else if (done == SERVED_NOTHING) step();
  if (active() == 0) return;
  if (trapped) armTrapFlag();
  if ((get(Cpu.STOP) & Stop.FAULT) == 0) vset(Vmx.SHADOW_BEFORE, 0);
}

/** Executes one instruction between the checks for breakpoints and for single steps. */
function step(): void {
  const watched = (get(Cpu.ATTENTION) & Attention.BREAKPOINTS) != 0;
  if (watched && checkInstructionBreakpoint(segBase(Seg.CS) + get(Cpu.EIP))) return;
  executeOne();
  if ((get(Cpu.STOP) & Stop.FAULT) == 0) afterInstruction();
}
