/**
 * The preemption timer (SDM 3C 25.5.1): counts ticks of virtual time down and ends the run when it reaches zero.
 */
import { Cpu } from "../abi/cpu";
import { ExitReason } from "../abi/exit";
import { Pin, Vmx } from "../abi/vmx";
import { set } from "../cpu/state";
import { nonRoot, vget, vset } from "./state";

/** True if the timer is on. */
export function timerRuns(): bool {
  return nonRoot() && (vget(Vmx.PIN) & Pin.PREEMPTION_TIMER) != 0;
}

/** Loads the timer, as an entry does. */
export function loadTimer(): void {
  vset(Vmx.TIMER_LEFT, vget(Vmx.PREEMPTION_TIMER));
}

/** The part of `budget` until the timer ends. */
export function timerLimit(budget: i32): i32 {
  const left = vget(Vmx.TIMER_LEFT);
  return left < <u32>budget ? <i32>left : budget;
}

/** `ticks` have passed; `idle`: nothing else ended the run. The exit is due if the timer is at zero. */
export function timerPassed(ticks: i32, idle: bool): void {
  const left = vget(Vmx.TIMER_LEFT) - ticks;
  vset(Vmx.TIMER_LEFT, left);
  if (left == 0 && idle) set(Cpu.EXIT_REASON, ExitReason.PREEMPTION_TIMER);
}
