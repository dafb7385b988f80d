/**
 * Drives processor and timers against one clock: runs the processor up to the next deadline, lets the devices act, skips
 * the time a halted processor waits, and turns what stops it into a named exit.
 * Invariant: what happens depends only on the machine's state and the call's arguments, never on host time; no guest can
 * keep `run` from returning once its budget is used up or nothing can wake it.
 */
import { ExitReason } from "../../assembly/abi/exit.js";
import type { ProcessorCore } from "../core/processor.js";
import type { RunExit } from "./run-result.js";

/** What the loop needs of the device timers. */
export interface DeadlineQueue {
  nextDeadline(): number;
  runDue(now: number): void;
}

/** What the loop asks of the machine around it. */
export interface LoopSurroundings {
  core: ProcessorCore;
  timers: DeadlineQueue;
  /** Level of the interrupt line to the processor. */
  interruptPending(): boolean;
  /** The unimplemented instruction the processor stopped at. */
  unimplemented(): RunExit;
  /** Virtual ticks after which a halted processor that nothing woke counts as idle. */
  idleTicks: number;
  /** Counts the returns of the processor by reason. */
  exits: Record<string, number>;
}

/** Limits of one call of `run`. */
export interface RunLimits {
  /** Instructions to retire at most. */
  maxInstructions: number;
  /** Ticks of virtual time to let pass at most. */
  maxTicks: number;
  /** True to return a `waiting` exit instead of skipping time when the processor halts with interrupts on. */
  pauseWhenHalted: boolean;
  /** True for one tick: waiting while halted comes first and does not count. */
  singleTick?: boolean;
}

/** First slices are short: the engine's compiled code is only replaced by faster code when it is entered again. */
const FIRST_SLICE = 2_000;
const LAST_SLICE = 1_000_000;
const SLICES_PER_DOUBLING = 4;

/**
 * A guest whose exception handlers fault on their first instruction takes exceptions for ever without retiring anything.
 * So a budget of instructions is also one of ticks: far more than any guest that gets on needs (long REP instructions
 * take ticks too).
 */
const EVENTS_ALLOWED = 1_000_000;
const EVENTS_PER_INSTRUCTION = 16;

/** The loop of one machine. */
export class RunLoop {
  readonly #around: LoopSurroundings;
  #pending: RunExit | undefined;
  #running = false;
  #sliceEnd = 0;
  #slices = 0;

  constructor(around: LoopSurroundings) {
    this.#around = around;
  }

  /** True while `run` is on the stack. */
  get running(): boolean {
    return this.#running;
  }

  /** Ends the current or next `run` with `exit`, after the current instruction. The first one asked for wins. */
  end(exit: RunExit): void {
    this.#pending ??= exit;
    if (this.#running) this.#around.core.requestStop();
  }

  /** A deadline has moved: leaves the current slice if the deadline now lies inside it. */
  rescheduled(): void {
    const { core, timers } = this.#around;
    if (this.#running && timers.nextDeadline() < this.#sliceEnd) core.requestStop();
  }

  /** Forgets what was asked for, as after a reset. */
  clear(): void {
    this.#pending = undefined;
  }

  /** Runs to an exit. Re-entrant calls (from a call-back) are refused. */
  run(limits: RunLimits): RunExit {
    if (this.#running) throw new Error("run: the machine is already running (called from one of its own handlers)");
    this.#running = true;
    try {
      return this.#loop(limits);
    } finally {
      this.#running = false;
    }
  }

  #loop(limits: RunLimits): RunExit {
    const { core, timers } = this.#around;
    const lastInstruction = core.retired + limits.maxInstructions;
    let lastTick = core.time + limits.maxTicks;
    let eventsLeft = EVENTS_ALLOWED + EVENTS_PER_INSTRUCTION * limits.maxInstructions;
    for (;;) {
      timers.runDue(core.time);
      const pending = this.#take();
      if (pending !== undefined) return pending;
      if (core.retired >= lastInstruction) return { kind: "budget", limit: "instructions" };
      if (core.time >= lastTick) return { kind: "budget", limit: "time" };
      if (eventsLeft <= 0) return { kind: "budget", limit: "events" };
      if (core.halted && !this.#around.interruptPending()) {
        const exit = this.#wait(limits, limits.singleTick ? Number.POSITIVE_INFINITY : lastTick);
        if (exit !== undefined) return exit;
        if (limits.singleTick) lastTick = core.time + 1;
        continue;
      }
      const budget = Math.min(
        lastInstruction - core.retired,
        lastTick - core.time,
        timers.nextDeadline() - core.time,
        this.#sliceSize(),
      );
      const before = core.time;
      this.#sliceEnd = before + budget;
      const exit = this.#exitOf(core.run(budget));
      eventsLeft -= core.time - before;
      if (exit !== undefined) return exit;
    }
  }

  /** The exit a return of the processor means, or `undefined` if the loop goes on. */
  #exitOf(reason: ExitReason): RunExit | undefined {
    const name = ExitReason[reason] ?? `reason ${reason}`;
    this.#around.exits[name] = (this.#around.exits[name] ?? 0) + 1;
    const asked = this.#take();
    switch (reason) {
      case ExitReason.BUDGET:
      case ExitReason.HOST_REQUEST:
        return asked;
      case ExitReason.HLT:
        return asked ?? (this.#around.core.interruptsEnabled ? undefined : { kind: "halted" });
      case ExitReason.TRIPLE_FAULT:
        return asked ?? { kind: "triple-fault" };
      case ExitReason.UNIMPLEMENTED:
        return asked ?? this.#around.unimplemented();
      default:
        return { kind: "host-error", error: new Error(`the processor stopped for an unexpected reason (${reason})`) };
    }
  }

  /** Skips time to the event that wakes a halted processor; returns an exit if none will. */
  #wait(limits: RunLimits, lastTick: number): RunExit | undefined {
    const { core, timers, idleTicks } = this.#around;
    if (!core.interruptsEnabled) return { kind: "halted" };
    const giveUp = core.time + idleTicks;
    while (core.halted && !this.#around.interruptPending()) {
      const deadline = timers.nextDeadline();
      if (limits.pauseWhenHalted) return { kind: "waiting", wakeTime: deadline };
      if (deadline === Number.POSITIVE_INFINITY || deadline > giveUp) {
        if (lastTick > giveUp) return { kind: "idle" };
      }
      const until = Math.min(deadline, lastTick);
      if (until > core.time) core.skipTime(until - core.time);
      timers.runDue(core.time);
      if (this.#pending !== undefined || core.time >= lastTick) return undefined;
    }
    return undefined;
  }

  #take(): RunExit | undefined {
    const pending = this.#pending;
    this.#pending = undefined;
    return pending;
  }

  #sliceSize(): number {
    const doublings = Math.floor(this.#slices++ / SLICES_PER_DOUBLING);
    return doublings > 9 ? LAST_SLICE : Math.min(LAST_SLICE, FIRST_SLICE * 2 ** doublings);
  }
}
