// One counter of an 8254 interval timer: modes 0–5, binary and BCD, GATE, OUT, latches and status.
// Invariant: the counting element is a pure function of the crystal tick; `advance` moves it any number of ticks in a few steps,
// with the result that single steps would have (a test compares them). A count is loaded on the tick after it was written or
// triggered, as the data sheet says, so a mode 0 counter raises OUT N + 1 ticks after the write.
// Specified in the Intel 8254 data sheet (231164). In modes 2 and 3 the illegal count 1 counts as 2.

/** State of one counter as plain data. */
export type PitCounterState = {
  tick: number;
  control: number;
  count: number;
  element: number;
  out: boolean;
  gate: boolean;
  loadPending: boolean;
  counting: boolean;
  strobe: boolean;
  odd: boolean;
  nullCount: boolean;
  writeLow: number;
  writeHigh: boolean;
  readHigh: boolean;
  latch: number;
  latched: number;
  status: number;
};

/** Control word: SC1 SC0 RW1 RW0 M2 M1 M0 BCD; a counter keeps bits 5–0. */
const CONTROL_BCD = 0x01;
const CONTROL_KEPT = 0x3f;
/** RW field: 1 = low byte only, 2 = high byte only, 3 = low then high. */
const RW_HIGH = 2;
const RW_BOTH = 3;
/** Status byte: OUT and NULL COUNT above the control word. */
const STATUS_OUT = 0x80;
const STATUS_NULL_COUNT = 0x40;
const NO_STATUS = -1;

/** One of the three counters. Every method takes the crystal tick at which it happens; ticks never decrease. */
export class PitCounter {
  private s: PitCounterState = powerOn();

  /** Power-on: mode 0 with OUT low and no count; `gate` is the level of the GATE pin. */
  reset(tick: number, gate: boolean): void {
    this.s = { ...powerOn(), tick, gate };
  }

  /** The OUT pin. */
  out(tick: number): boolean {
    this.advance(tick);
    return this.s.out;
  }

  /** The GATE pin. */
  get gate(): boolean {
    return this.s.gate;
  }

  /** Mode 0–5. */
  get mode(): number {
    const mode = (this.s.control >> 1) & 7;
    return mode > 5 ? mode - 4 : mode;
  }

  /** A control word for this counter (not a latch command): stops it, forgets its latches and sets OUT to the mode's idle level. */
  setControl(tick: number, value: number): void {
    this.advance(tick);
    const s = this.s;
    s.control = value & CONTROL_KEPT;
    s.out = this.mode !== 0;
    s.count = 0;
    s.loadPending = false;
    s.counting = false;
    s.strobe = false;
    s.nullCount = true;
    s.writeHigh = false;
    s.readHigh = false;
    s.latched = 0;
    s.status = NO_STATUS;
  }

  /** Counter latch command: holds the count for the next read; ignored while an earlier latch is unread. */
  latchCount(tick: number): void {
    this.advance(tick);
    const s = this.s;
    if (s.latched > 0) return;
    s.latch = this.shown();
    s.latched = this.access === RW_BOTH ? 2 : 1;
  }

  /** Read-back of the status byte: the next read returns it; ignored while an earlier status is unread. */
  latchStatus(tick: number): void {
    this.advance(tick);
    const s = this.s;
    if (s.status !== NO_STATUS) return;
    s.status = (s.out ? STATUS_OUT : 0) | (s.nullCount ? STATUS_NULL_COUNT : 0) | s.control;
  }

  /** Reads the counter's port: status if latched, else the latched or the running count, a byte at a time. */
  read(tick: number): number {
    this.advance(tick);
    const s = this.s;
    if (s.status !== NO_STATUS) {
      const status = s.status;
      s.status = NO_STATUS;
      return status;
    }
    const value = s.latched > 0 ? s.latch : this.shown();
    if (s.latched > 0) s.latched--;
    const high = this.access === RW_BOTH ? s.readHigh : this.access === RW_HIGH;
    if (this.access === RW_BOTH) s.readHigh = !s.readHigh;
    return high ? value >> 8 : value & 0xff;
  }

  /** Writes the counter's port: a byte of the new count. */
  write(tick: number, value: number): void {
    this.advance(tick);
    const s = this.s;
    if (this.access === RW_BOTH && !s.writeHigh) {
      s.writeLow = value;
      s.writeHigh = true;
      if (this.mode === 0) {
        s.counting = false;
        s.loadPending = false;
        s.out = false;
      }
      return;
    }
    s.writeHigh = false;
    const low = this.access === RW_BOTH ? s.writeLow : this.access === RW_HIGH ? 0 : value;
    const high = this.access === RW_BOTH || this.access === RW_HIGH ? value : 0;
    s.count = this.decode((high << 8) | low);
    s.nullCount = true;
    switch (this.mode) {
      case 0:
        s.out = false;
        s.loadPending = true;
        break;
      case 4:
        s.loadPending = true;
        break;
      case 2:
      case 3:
        if (!s.counting) s.loadPending = true;
        break;
      default: // 1 and 5 wait for a trigger
        break;
    }
  }

  /** Drives the GATE pin: pauses or restarts the count, or triggers it, as the mode says. */
  setGate(tick: number, level: boolean): void {
    this.advance(tick);
    const s = this.s;
    if (level === s.gate) return;
    s.gate = level;
    switch (this.mode) {
      case 1:
      case 5:
        if (level && s.count > 0) s.loadPending = true;
        break;
      case 2:
      case 3:
        if (!level) s.out = true;
        else if (s.count > 0) s.loadPending = true;
        break;
      default: // 0 and 4: the count pauses
        break;
    }
  }

  /** The next tick after `tick` at which OUT changes if nobody touches the counter; Infinity when it stays. */
  nextChange(tick: number): number {
    this.advance(tick);
    const s = this.s;
    const gated = this.mode !== 1 && this.mode !== 5 && !s.gate;
    if (s.loadPending) return gated ? this.changeAfterGatedLoad() : this.changeAfterLoad();
    if (!s.counting || (gated && !s.strobe)) return Number.POSITIVE_INFINITY;
    switch (this.mode) {
      case 0:
      case 1:
        return s.out ? Number.POSITIVE_INFINITY : s.tick + s.element;
      case 2:
        return s.element === 1 ? s.tick + 1 : s.tick + s.element - 1;
      case 3:
        return s.tick + this.halfLeft;
      default:
        if (!s.strobe) return Number.POSITIVE_INFINITY;
        if (!s.out) return s.tick + 1;
        return gated ? Number.POSITIVE_INFINITY : s.tick + s.element;
    }
  }

  save(tick: number): PitCounterState {
    this.advance(tick);
    return { ...this.s };
  }

  load(state: PitCounterState): void {
    this.s = { ...state };
  }

  private get access(): number {
    return (this.s.control >> 4) & 3;
  }

  private get modulus(): number {
    return (this.s.control & CONTROL_BCD) !== 0 ? 10_000 : 0x10000;
  }

  /** A written count as a number from 1 to the modulus; 0 stands for the modulus. */
  private decode(value: number): number {
    if ((this.s.control & CONTROL_BCD) === 0) return value === 0 ? 0x10000 : value;
    const number = (value >> 12) * 1000 + ((value >> 8) & 15) * 100 + ((value >> 4) & 15) * 10 + (value & 15);
    return number % 10_000 === 0 ? 10_000 : number % 10_000;
  }

  /** The counting element as the port shows it. */
  private shown(): number {
    const value = this.s.element % this.modulus;
    if ((this.s.control & CONTROL_BCD) === 0) return value;
    const digit = (scale: number): number => Math.floor(value / scale) % 10;
    return (digit(1000) << 12) | (digit(100) << 8) | (digit(10) << 4) | digit(1);
  }

  /** Period of modes 2 and 3. */
  private get period(): number {
    return Math.max(this.s.count, 2);
  }

  /** Mode 3 counts down by two from the even number not above the count, in both halves. */
  private get evenPeriod(): number {
    return this.period - (this.period % 2);
  }

  /** Mode 3: ticks until OUT toggles. The high half of an odd count runs through 0 and so takes one tick more. */
  private get halfLeft(): number {
    return this.s.element / 2 + (this.s.out && this.s.odd ? 1 : 0);
  }

  private changeAfterLoad(): number {
    const s = this.s;
    const load = s.tick + 1;
    switch (this.mode) {
      case 0:
        return load + s.count;
      case 1:
        return s.out ? load : load + s.count;
      case 2:
        return load + this.period - 1;
      case 3:
        return s.out ? load + Math.ceil(this.period / 2) : load;
      default:
        return s.out ? load + s.count : load;
    }
  }

  /** A load still happens while GATE is low, but only OUT left low by a strobe changes. */
  private changeAfterGatedLoad(): number {
    return this.mode === 4 && !this.s.out ? this.s.tick + 1 : Number.POSITIVE_INFINITY;
  }

  private advance(tick: number): void {
    const s = this.s;
    while (s.tick < tick) {
      if (s.loadPending) {
        s.tick++;
        this.loadElement();
      } else if (!s.counting) {
        s.tick = tick;
      } else {
        s.tick += this.run(tick - s.tick);
      }
    }
  }

  /** CLK pulse that moves the count register into the counting element. */
  private loadElement(): void {
    const s = this.s;
    s.loadPending = false;
    s.nullCount = false;
    s.counting = true;
    s.strobe = this.mode >= 4;
    s.odd = this.period % 2 === 1;
    s.out = this.mode !== 0 && this.mode !== 1;
    s.element = this.mode === 3 ? this.evenPeriod : this.mode === 2 ? this.period : s.count;
  }

  /** Counts up to `ticks` ticks (at least one) and returns how many it took. */
  private run(ticks: number): number {
    switch (this.mode) {
      case 2:
        return this.runRate(ticks);
      case 3:
        return this.runSquare(ticks);
      default:
        return this.runOnce(ticks);
    }
  }

  /** Modes 0, 1, 4, 5: down to 0 once, then on through the modulus. */
  private runOnce(ticks: number): number {
    const s = this.s;
    const held = !s.gate && (this.mode === 0 || this.mode === 4);
    const moved = held ? 0 : ticks;
    if (this.mode < 2) {
      if (!s.out && moved >= s.element) s.out = true;
    } else if (s.strobe) {
      if (!s.out) {
        s.out = true;
        s.strobe = false;
      } else if (moved === s.element) {
        s.out = false;
      } else if (moved > s.element) {
        s.strobe = false;
      }
    }
    if (!held) {
      const rest = (s.element - moved) % this.modulus;
      s.element = rest < 0 ? rest + this.modulus : rest;
    }
    return ticks;
  }

  /** Mode 2: N … 1 with OUT low at 1, then reload. */
  private runRate(ticks: number): number {
    const s = this.s;
    if (!s.gate) return ticks;
    if (ticks < s.element) {
      s.element -= ticks;
      s.out = s.element !== 1;
      return ticks;
    }
    const used = s.element;
    s.element = this.period;
    s.nullCount = false;
    s.out = true;
    return used + Math.floor((ticks - used) / this.period) * this.period;
  }

  /** Mode 3: halves of the period by twos, OUT toggling at each end. */
  private runSquare(ticks: number): number {
    const s = this.s;
    if (!s.gate) return ticks;
    const left = this.halfLeft;
    if (ticks < left) {
      s.element -= 2 * ticks;
      return ticks;
    }
    s.out = !s.out;
    s.odd = this.period % 2 === 1;
    s.element = this.evenPeriod;
    s.nullCount = false;
    return left + Math.floor((ticks - left) / this.period) * this.period;
  }
}

function powerOn(): PitCounterState {
  return {
    tick: 0,
    control: 0x30,
    count: 0,
    element: 0,
    out: false,
    gate: true,
    loadPending: false,
    counting: false,
    strobe: false,
    odd: false,
    nullCount: true,
    writeLow: 0,
    writeHigh: false,
    readHigh: false,
    latch: 0,
    latched: 0,
    status: NO_STATUS,
  };
}
