// The 8254 interval timer of a PC/AT: channel 0 drives IRQ 0, channel 1 was DRAM refresh, channel 2 has its GATE on port 0x61.
// Invariant: counts and OUT levels are derived from virtual time through an exact conversion to the 1,193,182 Hz crystal, never
// accumulated, so the timer does not drift against the TSC or the clock. IRQ 0 follows OUT of channel 0 edge by edge.
// Specified in the Intel 8254 data sheet (231164).

import type { Bus } from "./bus.js";
import { type Clock, Rate, type TimerHandle, type Timers } from "./clock.js";
import type { Device, Line } from "./device.js";
import { PitCounter, type PitCounterState } from "./pit-counter.js";

/** Frequency of the timer's crystal input in hertz (14.31818 MHz / 12). */
export const PIT_HZ = 1_193_182;

/** State of the three counters. */
export type PitState = { counters: PitCounterState[] };

/** Control port: SC field 3 is the read-back command; RW field 0 is a counter latch. */
const READ_BACK = 3;
const RB_NO_COUNT = 0x20;
const RB_NO_STATUS = 0x10;
const RW_FIELD = 0x30;

/** The interval timer at ports 0x40–0x43. */
export class Pit implements Device<PitState> {
  private readonly clock: Clock;
  private readonly timers: Timers;
  private readonly onChannel0: Line;
  private readonly rate: Rate;
  private readonly counters = [new PitCounter(), new PitCounter(), new PitCounter()] as const;
  private deadline: TimerHandle | undefined;

  /** `onChannel0` follows OUT of channel 0 (IRQ 0). */
  constructor(clock: Clock, timers: Timers, onChannel0: Line) {
    this.clock = clock;
    this.timers = timers;
    this.onChannel0 = onChannel0;
    this.rate = new Rate(clock.hz, PIT_HZ);
    this.reset();
  }

  /** Maps ports 0x40–0x43. The control port cannot be read: the bus floats. */
  attach(bus: Bus): void {
    bus.mapPorts("interval timer", 0x40, 0x43, {
      read: (port) => (port === 0x43 ? 0xff : this.readCounter(port & 3)),
      write: (port, _size, value) => (port === 0x43 ? this.writeControl(value) : this.writeCounter(port & 3, value)),
    });
  }

  /** Crystal ticks since power-on. */
  get tick(): number {
    return this.rate.ticksAt(this.clock.now());
  }

  /** OUT of channel 0, 1 or 2. */
  out(channel: number): boolean {
    return this.counters[channel].out(this.tick);
  }

  /** GATE of channel 2 (port 0x61 bit 0). */
  get gate2(): boolean {
    return this.counters[2].gate;
  }

  /** Drives GATE of channel 2. */
  setGate2(level: boolean): void {
    this.counters[2].setGate(this.tick, level);
  }

  /** Power-on: no channel counts; gates of channels 0 and 1 are high, channel 2's is low. */
  reset(): void {
    const tick = this.tick;
    this.counters.forEach((counter, channel) => {
      counter.reset(tick, channel !== 2);
    });
    this.follow();
  }

  save(): PitState {
    const tick = this.tick;
    return { counters: this.counters.map((counter) => counter.save(tick)) };
  }

  load(state: PitState): void {
    this.counters.forEach((counter, channel) => {
      counter.load(state.counters[channel]);
    });
    this.follow();
  }

  private readCounter(channel: number): number {
    return this.counters[channel].read(this.tick);
  }

  private writeCounter(channel: number, value: number): void {
    this.counters[channel].write(this.tick, value);
    if (channel === 0) this.follow();
  }

  private writeControl(value: number): void {
    const tick = this.tick;
    const select = value >> 6;
    if (select === READ_BACK) {
      this.counters.forEach((counter, channel) => {
        if (((value >> (channel + 1)) & 1) === 0) return;
        if ((value & RB_NO_COUNT) === 0) counter.latchCount(tick);
        if ((value & RB_NO_STATUS) === 0) counter.latchStatus(tick);
      });
    } else if ((value & RW_FIELD) === 0) {
      this.counters[select].latchCount(tick);
    } else {
      this.counters[select].setControl(tick, value);
      if (select === 0) this.follow();
    }
  }

  /** Brings IRQ 0 to the level of OUT and sets the deadline of its next edge. */
  private follow(tick = this.tick): void {
    this.timers.cancel(this.deadline);
    this.deadline = undefined;
    this.onChannel0(this.counters[0].out(tick));
    const next = this.counters[0].nextChange(tick);
    if (next === Number.POSITIVE_INFINITY) return;
    this.deadline = this.timers.at(this.rate.timeOf(next), () => this.follow(next));
  }
}
