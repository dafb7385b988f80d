/**
 * Exits. One that an instruction or the delivery of an event causes is raised like a fault: Stop.FAULT makes everything unwind with
 * nothing changed, Stop.EXIT beside it says that there is nothing to deliver. One between two instructions sets Stop.EXIT alone.
 * Invariant: the first exit raised by an instruction is the one that is taken.
 */
import { Cpu, Stop } from "../abi/cpu";
import { ExitReason } from "../abi/exit";
import { Rec } from "../abi/record";
import { Dr6, Eflags } from "../abi/x86";
import { ExitControl, Vmx, Watch } from "../abi/vmx";
import { updateAttention } from "../cpu/control";
import { get, set } from "../cpu/state";
import { exchangeAtExit } from "./msr-areas";
import { active, nonRoot, vcount, vget, vset } from "./state";

/** Both bits of an exit raised like a fault. */
const RAISED: u32 = Stop.FAULT | Stop.EXIT;

/** True if the instruction being executed, or the delivery of an event, has raised an exit. */
export function exitRaised(): bool {
  return (get(Cpu.STOP) & RAISED) == RAISED;
}

/** Raises an exit that no instruction in particular causes. What is being delivered goes to IDT_INFO. */
export function raiseExit(reason: u32, qualification: u32): void {
  if (exitRaised()) return;
  set(Cpu.EXIT_REASON, reason);
  set(Cpu.EXIT_QUALIFICATION, qualification);
  vset(Vmx.IDT_INFO, vget(Vmx.EVENT_INFO));
  vset(Vmx.IDT_ERROR, vget(Vmx.EVENT_ERROR));
  vset(Vmx.INSN_LENGTH, vget(Vmx.EVENT_LENGTH));
  set(Cpu.STOP, get(Cpu.STOP) | RAISED);
}

/** Raises the exit of the instruction in `rec`. */
export function exitAt(rec: usize, reason: u32, qualification: u32): void {
  if (exitRaised()) return;
  raiseExit(reason, qualification);
  vset(Vmx.INSN_LENGTH, load<u8>(rec, Rec.LENGTH));
}

/** Raises the exit of the instruction in `rec` with its instruction information. */
export function exitWithInfo(rec: usize, reason: u32, qualification: u32, info: u32): void {
  exitAt(rec, reason, qualification);
  vset(Vmx.INSN_INFO, info);
}

/** Leaves between two instructions. */
export function leaveBetween(reason: u32, qualification: u32): void {
  set(Cpu.EXIT_REASON, reason);
  set(Cpu.EXIT_QUALIFICATION, qualification);
  set(Cpu.STOP, get(Cpu.STOP) | Stop.EXIT);
}

/** Remembers the event that is about to be delivered, for exits on the way. */
export function beginEvent(info: u32, error: u32, length: u32): void {
  vset(Vmx.EVENT_INFO, info);
  vset(Vmx.EVENT_ERROR, error);
  vset(Vmx.EVENT_LENGTH, length);
}

/** Forgets it: delivered, or the exit has taken it over. */
export function endEvent(): void {
  vset(Vmx.EVENT_INFO, 0);
  vset(Vmx.EVENT_LENGTH, 0);
}

/** Forgets what the last exit told. For the begin of a run while a monitor is active. */
export function clearExit(): void {
  vset(Vmx.INTR_INFO, 0);
  vset(Vmx.IDT_INFO, 0);
  vset(Vmx.INSN_LENGTH, 0);
  vset(Vmx.INSN_INFO, 0);
}

/** The instruction that raised an exit has not been executed: the shadow it ran under is there again, what it armed is not. */
export function restart(): void {
  const rf = get(Cpu.EFLAGS) & Eflags.RF;
  endEvent();
  vset(Vmx.WATCH, vget(Vmx.WATCH) & ~Watch.TRAP_DUE);
  set(Cpu.SHADOW, vget(Vmx.SHADOW_BEFORE));
  vset(Vmx.SHADOW_BEFORE, 0);
  set(Cpu.TF_ARMED, 0);
  set(Cpu.PENDING_DB, get(Cpu.PENDING_DB) & Dr6.BT);
  set(Cpu.IN_TASK_SWITCH, 0);
  set(Cpu.EXT, 0);
  set(Cpu.DELIVERING, <u32>-1);
  updateAttention();
  set(Cpu.EFLAGS, get(Cpu.EFLAGS) | rf);
}

/** Ends a run under a monitor: tells reason and qualification, keeps the timer. */
export function finishExit(): void {
  if (active() == 0) return;
  const reason = get(Cpu.EXIT_REASON);
  vset(Vmx.REASON, reason);
  vset(Vmx.QUALIFICATION, get(Cpu.EXIT_QUALIFICATION));
  if (reason == ExitReason.BUDGET || reason == ExitReason.HOST_REQUEST) return;
  vcount(Vmx.EXITS, 1);
  if ((vget(Vmx.EXIT_CONTROLS) & ExitControl.SAVE_TIMER) != 0) vset(Vmx.PREEMPTION_TIMER, vget(Vmx.TIMER_LEFT));
  if (nonRoot() && reason < <u32>ExitReason.BUDGET) exchangeAtExit();
}
