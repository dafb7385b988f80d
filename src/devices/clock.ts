// Virtual time for devices: the clock, exact rate conversion, and the deadline queue.
// Invariant: time is a count of clock ticks (a non-negative integer held in a double, exact to 2^53); no device ever asks the
// host what time it is. Converting between the clock and a crystal (1.193182 MHz, 32.768 kHz …) is exact integer arithmetic,
// so nothing drifts however long a machine runs, and a deadline computed for crystal tick k is the first clock tick at which
// the crystal has reached k.

/** The source of virtual time: `hz` ticks make one second of virtual time, `now()` is the tick count so far. */
export interface Clock {
  /** Ticks per virtual second; an integer from 1,000 to 2^31. */
  readonly hz: number;
  /** Ticks since power-on: an integer, never decreasing. */
  now(): number;
}

/** Lowest and highest `Clock.hz` with which every conversion below stays exact. */
const MIN_HZ = 1_000;
const MAX_HZ = 2 ** 31;

/**
 * Converts between ticks of a clock and ticks of a crystal of another frequency, without rounding drift.
 * Safe because: the whole seconds are split off first, so every product stays below 2^53.
 */
export class Rate {
  private readonly clockHz: number;
  private readonly crystalHz: number;

  /** Throws RangeError when `clockHz` is not an integer from 1,000 to 2^31 or the crystal is not an integer up to 4 MHz. */
  constructor(clockHz: number, crystalHz: number) {
    if (!Number.isInteger(clockHz) || clockHz < MIN_HZ || clockHz > MAX_HZ) {
      throw new RangeError(`expected a clock rate from ${MIN_HZ} to ${MAX_HZ} ticks per second, found ${clockHz}`);
    }
    if (!Number.isInteger(crystalHz) || crystalHz < 1 || crystalHz > 4_000_000) {
      throw new RangeError(`expected a crystal frequency from 1 to 4000000 Hz, found ${crystalHz}`);
    }
    this.clockHz = clockHz;
    this.crystalHz = crystalHz;
  }

  /** Crystal ticks completed at clock time `time`: floor(time × crystal / clock). */
  ticksAt(time: number): number {
    const seconds = Math.floor(time / this.clockHz);
    const rest = time - seconds * this.clockHz;
    return seconds * this.crystalHz + Math.floor((rest * this.crystalHz) / this.clockHz);
  }

  /** First clock time at which `ticks` crystal ticks have completed: ceil(ticks × clock / crystal). */
  timeOf(ticks: number): number {
    const seconds = Math.floor(ticks / this.crystalHz);
    const rest = ticks - seconds * this.crystalHz;
    return seconds * this.clockHz + Math.ceil((rest * this.clockHz) / this.crystalHz);
  }
}

/** A deadline set with `Timers.at`; give it to `Timers.cancel`. */
export interface TimerHandle {
  /** Clock time at which the callback is due. */
  readonly time: number;
}

interface Entry extends TimerHandle {
  readonly order: number;
  readonly callback: (time: number) => void;
}

/** Deadlines that fall earlier than this many ticks after each other can be run in one `runDue`; more is a runaway device. */
const RUNAWAY_LIMIT = 10_000_000;

/**
 * Deadline queue on a clock. Callbacks run in order of time, then of insertion; each runs once and may set new deadlines.
 * The owner of the clock asks `nextDeadline()`, runs the machine up to it, and calls `runDue(now)`.
 */
export class Timers {
  /** Called when `nextDeadline()` has become earlier than it was: whoever runs up to the old deadline must look again. */
  onEarlier: (() => void) | undefined;

  private readonly queue: Entry[] = [];
  private inserted = 0;

  /** Sets a deadline: `callback(time)` runs in the first `runDue(now)` with `now >= time`. Throws RangeError for a time that is not a number. */
  at(time: number, callback: (time: number) => void): TimerHandle {
    if (Number.isNaN(time)) throw new RangeError("expected a deadline in clock ticks, found NaN");
    const entry: Entry = { time, order: this.inserted++, callback };
    const before = this.nextDeadline();
    let index = this.queue.length;
    while (index > 0 && (this.queue[index - 1] as Entry).time > time) index--;
    this.queue.splice(index, 0, entry);
    if (time < before) this.onEarlier?.();
    return entry;
  }

  /** Removes a deadline; does nothing when it has run or was cancelled, or when `handle` is undefined. */
  cancel(handle: TimerHandle | undefined): void {
    if (handle === undefined) return;
    const index = this.queue.indexOf(handle as Entry);
    if (index >= 0) this.queue.splice(index, 1);
  }

  /** Clock time of the earliest deadline; Infinity when there is none. */
  nextDeadline(): number {
    return this.queue.length > 0 ? (this.queue[0] as Entry).time : Number.POSITIVE_INFINITY;
  }

  /** Runs every callback due at `now`, including those that callbacks add. Throws Error when callbacks keep adding due deadlines without end. */
  runDue(now: number): void {
    for (let ran = 0; this.nextDeadline() <= now; ran++) {
      if (ran > RUNAWAY_LIMIT) throw new Error(`a device keeps setting deadlines at or before ${now}`);
      const entry = this.queue.shift() as Entry;
      entry.callback(entry.time);
    }
  }
}
