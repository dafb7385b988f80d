// A board on a clock that tests move by hand, with a record of what it asked of the machine.

import { Board, type BoardOptions } from "../../src/devices/board.js";
import { Timers } from "../../src/devices/clock.js";

/** A clock that stands still until `advance`. */
export class FakeClock {
  readonly hz: number;
  time = 0;
  readonly timers = new Timers();

  constructor(hz = 100_000_000) {
    this.hz = hz;
  }

  now(): number {
    return this.time;
  }

  /** Moves to `time`, stopping at every deadline on the way as a machine does. */
  runTo(time: number): void {
    for (;;) {
      const deadline = this.timers.nextDeadline();
      if (deadline > time) break;
      this.time = Math.max(this.time, deadline);
      this.timers.runDue(this.time);
    }
    this.time = time;
  }

  advance(ticks: number): void {
    this.runTo(this.time + ticks);
  }

  /** Advances by microseconds of virtual time. */
  us(microseconds: number): void {
    this.advance(Math.ceil((microseconds * this.hz) / 1_000_000));
  }
}

/** Everything a test needs around a board. */
export class Rig {
  readonly clock: FakeClock;
  readonly board: Board;
  intr = false;
  edges = 0;
  a20 = true;
  resets = 0;
  nmis = 0;
  reschedules = 0;
  readonly exits: { code: number; source: string }[] = [];

  constructor(options: Partial<BoardOptions> & { hz?: number } = {}) {
    this.clock = new FakeClock(options.hz);
    this.board = new Board({
      ramBytes: 64 * 1024 * 1024,
      clock: this.clock,
      timers: this.clock.timers,
      setInterruptLine: (level) => {
        if (level === this.intr) throw new Error("INTR driven without a change");
        this.intr = level;
        if (level) this.edges++;
      },
      raiseNmi: () => {
        this.nmis++;
      },
      setA20: (enabled) => {
        this.a20 = enabled;
      },
      requestReset: () => {
        this.resets++;
      },
      requestExit: (code, source) => {
        this.exits.push({ code, source });
      },
      rescheduled: () => {
        this.reschedules++;
      },
      ...options,
    });
  }

  in(port: number): number {
    return this.board.bus.portRead(port, 1);
  }

  out(port: number, ...values: number[]): void {
    for (const value of values) this.board.bus.portWrite(port, 1, value);
  }

  /** Programs both interrupt controllers as an operating system does: vectors from 0x20 and 0x28. */
  initPics(masterMask = 0, slaveMask = 0): void {
    this.out(0x20, 0x11);
    this.out(0xa0, 0x11);
    this.out(0x21, 0x20, 0x04, 0x01, masterMask);
    this.out(0xa1, 0x28, 0x02, 0x01, slaveMask);
  }

  /** Takes the pending interrupt and ends it on the controllers that served it. */
  takeInterrupt(): number {
    if (!this.intr) throw new Error("no interrupt is pending");
    const vector = this.board.acknowledgeInterrupt();
    if (vector >= 0x28) this.out(0xa0, 0x20);
    this.out(0x20, 0x20);
    return vector;
  }
}
