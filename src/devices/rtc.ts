// The MC146818 real-time clock with CMOS memory of a PC/AT, at ports 0x70 and 0x71, on IRQ 8.
// Invariant: the time is a function of the start date, virtual time and what the guest wrote. It is brought up to date when
// somebody looks or when an enabled interrupt is due; periodic, alarm and update flags collect the same either way.
// Specified in the Motorola MC146818 data sheet; port 0x70 bit 7 (NMI mask) in the IBM PC/AT technical reference.

import type { Bus } from "./bus.js";
import { type Clock, Rate, type TimerHandle, type Timers } from "./clock.js";
import { fillCmos } from "./cmos.js";
import type { Device, Line } from "./device.js";
import { RTC_B_24_HOURS, RtcCalendar, RtcReg } from "./rtc-calendar.js";

/** State of the clock and its memory. */
export type RtcState = {
  cmos: number[];
  index: number;
  nmiMasked: boolean;
  flags: number;
  /** Crystal tick from which seconds and periodic rates are counted, and the tick the state stands at. */
  origin: number;
  tick: number;
};

const CRYSTAL_HZ = 32_768;
const CMOS_BYTES = 128;
/** Register A: UIP, divider (11x holds it in reset, 010 is the 32,768 Hz crystal) and periodic rate. */
const A_UPDATE_IN_PROGRESS = 0x80;
const A_DIVIDER_RESET = 0x60;
const A_RATE = 0x0f;
const A_POWER_ON = 0x26;
/** Register B. */
const B_SET = 0x80;
const B_PERIODIC = 0x40;
const B_ALARM = 0x20;
const B_UPDATE = 0x10;
const B_SQUARE_WAVE = 0x08;
/** Register C: the request line, and flags at the same places as their enables in B. */
const C_REQUEST = 0x80;
/** Register D: the battery is good. */
const D_VALID = 0x80;
/** UIP rises this many crystal ticks (244 µs) before the update. */
const UIP_TICKS = 8;
/** After the divider leaves reset, the first update comes half a second later. */
const HALF_SECOND = CRYSTAL_HZ / 2;
const NMI_MASK = 0x80;

/** The real-time clock. */
export class Rtc implements Device<RtcState> {
  private readonly clock: Clock;
  private readonly timers: Timers;
  private readonly onIrq: Line;
  private readonly rate: Rate;
  private readonly cmos = new Uint8Array(CMOS_BYTES);
  private readonly calendar = new RtcCalendar(this.cmos);
  private index = 0;
  private masked = false;
  private flags = 0;
  private origin = 0;
  private tick = 0;
  private deadline: TimerHandle | undefined;

  /** `start` is the date the clock shows at the clock's present time; `onIrq` drives IRQ 8. */
  constructor(clock: Clock, timers: Timers, onIrq: Line, options: { ramBytes: number; start: Date }) {
    this.clock = clock;
    this.timers = timers;
    this.onIrq = onIrq;
    this.rate = new Rate(clock.hz, CRYSTAL_HZ);
    this.tick = this.rate.ticksAt(clock.now());
    this.origin = this.tick;
    this.cmos[RtcReg.A] = A_POWER_ON;
    this.cmos[RtcReg.B] = RTC_B_24_HOURS;
    fillCmos(this.cmos, options.ramBytes);
    this.calendar.setDate(options.start);
  }

  /** Maps ports 0x70 (index, write-only) and 0x71 (data). */
  attach(bus: Bus): void {
    bus.mapPorts("real-time clock and CMOS", 0x70, 0x71, {
      read: (port) => (port === 0x70 ? 0xff : this.readRegister(this.index)),
      write: (port, _size, value) => {
        if (port === 0x70) {
          this.index = value & 0x7f;
          this.masked = (value & NMI_MASK) !== 0;
        } else {
          this.writeRegister(this.index, value);
        }
      },
    });
  }

  /** True while port 0x70 bit 7 keeps non-maskable interrupts from the CPU. */
  get nmiMasked(): boolean {
    return this.masked;
  }

  /** Reads register or memory byte `index` (0–127) as a guest does: register C is cleared by it. */
  readRegister(index: number): number {
    this.sync();
    switch (index) {
      case RtcReg.A:
        return this.cmos[RtcReg.A] | (this.updateInProgress ? A_UPDATE_IN_PROGRESS : 0);
      case RtcReg.C: {
        const value = this.flags | (this.requesting ? C_REQUEST : 0);
        this.flags = 0;
        this.follow();
        return value;
      }
      case RtcReg.D:
        return D_VALID;
      default:
        return this.cmos[index & 0x7f];
    }
  }

  /** Writes register or memory byte `index` (0–127); C and D are read-only. */
  writeRegister(index: number, value: number): void {
    this.sync();
    switch (index) {
      case RtcReg.A: {
        const held = this.dividerHeld;
        this.cmos[RtcReg.A] = value & ~A_UPDATE_IN_PROGRESS;
        if (held && !this.dividerHeld) this.origin = this.tick - HALF_SECOND;
        break;
      }
      case RtcReg.B:
        this.cmos[RtcReg.B] = (value & B_SET) !== 0 ? value & ~B_UPDATE : value;
        break;
      case RtcReg.C:
      case RtcReg.D:
        return;
      default:
        this.cmos[index & 0x7f] = value;
    }
    this.follow();
  }

  /** The RESET pin: interrupts are disabled and their flags cleared; time, memory and format stay (the battery holds them). */
  reset(): void {
    this.sync();
    this.cmos[RtcReg.B] &= ~(B_PERIODIC | B_ALARM | B_UPDATE | B_SQUARE_WAVE);
    this.flags = 0;
    this.index = 0;
    this.masked = false;
    this.follow();
  }

  save(): RtcState {
    this.sync();
    return {
      cmos: [...this.cmos],
      index: this.index,
      nmiMasked: this.masked,
      flags: this.flags,
      origin: this.origin,
      tick: this.tick,
    };
  }

  load(state: RtcState): void {
    this.cmos.set(state.cmos);
    this.index = state.index;
    this.masked = state.nmiMasked;
    this.flags = state.flags;
    this.origin = state.origin;
    this.tick = state.tick;
    this.follow();
  }

  private get dividerHeld(): boolean {
    return (this.cmos[RtcReg.A] & A_DIVIDER_RESET) === A_DIVIDER_RESET;
  }

  private get counting(): boolean {
    return !this.dividerHeld && (this.cmos[RtcReg.B] & B_SET) === 0;
  }

  private get updateInProgress(): boolean {
    return this.counting && (this.tick - this.origin) % CRYSTAL_HZ >= CRYSTAL_HZ - UIP_TICKS;
  }

  private get requesting(): boolean {
    return (this.flags & this.cmos[RtcReg.B] & (B_PERIODIC | B_ALARM | B_UPDATE)) !== 0;
  }

  /** Crystal ticks between periodic interrupts; 0 = none. Rates 1 and 2 repeat 8 and 9 with this crystal. */
  private get period(): number {
    const rate = this.cmos[RtcReg.A] & A_RATE;
    if (rate === 0 || this.dividerHeld) return 0;
    return 1 << ((rate < 3 ? rate + 7 : rate) - 1);
  }

  /** Lets the clock run up to the present and collects the flags of what happened on the way. */
  private sync(): void {
    const now = this.rate.ticksAt(this.clock.now());
    const from = this.tick - this.origin;
    const to = now - this.origin;
    this.tick = now;
    const { period } = this;
    if (period > 0 && Math.floor(to / period) > Math.floor(from / period)) this.flags |= B_PERIODIC;
    if (!this.counting) return;
    const seconds = Math.floor(to / CRYSTAL_HZ) - Math.floor(from / CRYSTAL_HZ);
    if (seconds <= 0) return;
    this.flags |= B_UPDATE;
    if (this.calendar.advance(seconds)) this.flags |= B_ALARM;
  }

  /** Drives IRQ 8 and sets the deadline of the next event an enabled interrupt waits for. */
  private follow(): void {
    this.onIrq(this.requesting);
    this.timers.cancel(this.deadline);
    this.deadline = undefined;
    const since = this.tick - this.origin;
    const wanted = this.cmos[RtcReg.B] & ~this.flags;
    const { period } = this;
    let next = Number.POSITIVE_INFINITY;
    if ((wanted & B_PERIODIC) !== 0 && period > 0) next = (Math.floor(since / period) + 1) * period;
    if ((wanted & (B_UPDATE | B_ALARM)) !== 0 && this.counting) {
      next = Math.min(next, (Math.floor(since / CRYSTAL_HZ) + 1) * CRYSTAL_HZ);
    }
    if (next === Number.POSITIVE_INFINITY) return;
    this.deadline = this.timers.at(this.rate.timeOf(this.origin + next), () => {
      this.sync();
      this.follow();
    });
  }
}
