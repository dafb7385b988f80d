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
import { Seg } from "./abi/x86";
import { findBlock } from "./cpu/block";
import { afterInstruction, checkInstructionBreakpoint } from "./cpu/debug";
import { execute } from "./cpu/execute";
import { service } from "./cpu/interrupt";
import { settleStop, spend } from "./cpu/resume";
import { executeOne } from "./cpu/single";
import { fieldPtr, get, segBase, set } from "./cpu/state";

/** Instructions given to execute() at a time: V8 replaces a running function only when it is entered again. */
const SLICE: i32 = 100_000;

/** Runs for at most `budget` ticks. Returns the ExitReason; Cpu.EXIT_QUALIFICATION says more. */
export function run(budget: i32): u32 {
  set(Cpu.EXIT_REASON, ExitReason.BUDGET);
  set(Cpu.EXIT_QUALIFICATION, 0);
  set(Cpu.STOP, 0);
  let rest = budget;
  while (rest > 0) {
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
    const stop = get(Cpu.STOP);
    if ((stop & (Stop.EXIT | Stop.HOST)) != 0) {
      if ((stop & Stop.EXIT) == 0) set(Cpu.EXIT_REASON, ExitReason.HOST_REQUEST);
      break;
    }
  }
  set(Cpu.STOP, 0);
  return get(Cpu.EXIT_REASON);
}

/** Runs until the slice is used up, or STOP asks to leave run(). */
function runSlice(): void {
  for (;;) {
    if (get(Cpu.STOP) != 0 && settleStop() != 0) return;
    if (get(Cpu.HALTED) != 0) {
      if ((get(Cpu.ATTENTION) & (Attention.INTERRUPT | Attention.NMI)) == 0) {
        set(Cpu.EXIT_REASON, ExitReason.HLT);
        set(Cpu.STOP, get(Cpu.STOP) | Stop.EXIT);
        return;
      }
      set(Cpu.HALTED, 0);
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
  if (service() != 0) spend(1);
  else step();
}

/** Executes one instruction between the checks for breakpoints and for single steps. */
function step(): void {
  const watched = (get(Cpu.ATTENTION) & Attention.BREAKPOINTS) != 0;
  if (watched && checkInstructionBreakpoint(segBase(Seg.CS) + get(Cpu.EIP))) return;
  executeOne();
  if ((get(Cpu.STOP) & Stop.FAULT) == 0) afterInstruction();
}
