// One 8259A interrupt controller.
// Invariant: `output` (the INT pin) is high exactly when a request that is neither masked nor blocked by a level in service
// stands in the IRR. In edge mode a request is latched by a rising edge and lasts only while its input stays high, so an input
// that falls before the acknowledge cycle ends as the default level 7 ("spurious"), as the data sheet says.
// Specified in the Intel 8259A data sheet (231468). 8080/8085 mode is not modelled: on a PC ICW4 always selects 8086 mode.

import type { Device, Line } from "./device.js";

/** State of one controller as plain data. */
export type PicState = {
  lines: number;
  irr: number;
  isr: number;
  imr: number;
  base: number;
  lowest: number;
  icw3: number;
  step: number;
  wantsIcw4: boolean;
  single: boolean;
  levelTriggered: boolean;
  autoEoi: boolean;
  rotateOnAutoEoi: boolean;
  specialMask: boolean;
  fullyNested: boolean;
  poll: boolean;
  readIsr: boolean;
};

/** ICW1 (A0 = 0): 0 0 0 1 LTIM ADI SNGL IC4. */
const ICW1 = 0x10;
const ICW1_LEVEL = 0x08;
const ICW1_SINGLE = 0x02;
const ICW1_NEEDS_ICW4 = 0x01;
/** ICW4: 0 0 0 SFNM BUF M/S AEOI µPM. */
const ICW4_FULLY_NESTED = 0x10;
const ICW4_AUTO_EOI = 0x02;
/** OCW3 (A0 = 0): 0 ESMM SMM 0 1 P RR RIS. */
const OCW3 = 0x08;
const OCW3_SET_SPECIAL_MASK = 0x40;
const OCW3_SPECIAL_MASK = 0x20;
const OCW3_POLL = 0x04;
const OCW3_READ = 0x02;
const OCW3_READ_ISR = 0x01;
/** Poll word: an interrupt is present. */
const POLL_REQUEST = 0x80;
/** The level a request that has gone away is acknowledged as. */
const SPURIOUS_LEVEL = 7;
/** Nothing requested, nothing in service. */
const NONE = 8;

/** One 8259A: eight inputs, one output, two ports. */
export class Pic implements Device<PicState> {
  private readonly onOutput: Line;
  private level = false;
  private state: PicState = powerOn();

  /** `onOutput` drives the INT pin's wire. */
  constructor(onOutput: Line) {
    this.onOutput = onOutput;
  }

  /** Power-on: uninitialised, edge-triggered, nothing masked, vectors from 0; the inputs keep their levels. */
  reset(): void {
    const lines = this.state.lines;
    this.state = { ...powerOn(), lines };
    this.update();
  }

  /** Drives input `level` (0–7). */
  setLine(level: number, high: boolean): void {
    const bit = 1 << level;
    const s = this.state;
    const was = (s.lines & bit) !== 0;
    if (high === was) return;
    s.lines ^= bit;
    if (high) s.irr |= bit;
    else s.irr &= ~bit;
    this.update();
  }

  /** The INT pin. */
  get output(): boolean {
    return this.level;
  }

  /** Interrupt mask register. */
  get imr(): number {
    return this.state.imr;
  }

  /** Interrupt request register. */
  get irr(): number {
    return this.state.irr;
  }

  /** In-service register. */
  get isr(): number {
    return this.state.isr;
  }

  /** Vector of level 0. */
  get base(): number {
    return this.state.base;
  }

  /** True when a slave is to answer for `level` (single is off and ICW3 has the bit). */
  isCascade(level: number): boolean {
    return !this.state.single && ((this.state.icw3 >> level) & 1) !== 0;
  }

  /** The identity a slave got in ICW3. */
  get slaveId(): number {
    return this.state.icw3 & 7;
  }

  /** The two INTA pulses: puts the winning level in service and returns it; 7, with nothing in service, when the request has gone. */
  acknowledge(): number {
    const level = this.winner();
    if (level === NONE) return SPURIOUS_LEVEL;
    this.accept(level);
    return level;
  }

  /** Vector of `level`: T7–T3 of ICW2 with the level below. */
  vector(level: number): number {
    return this.state.base | level;
  }

  /** Reads the port with A0 = `a0`: poll word, IRR or ISR at 0, IMR at 1. */
  read(a0: number): number {
    const s = this.state;
    if (s.poll) {
      s.poll = false;
      const level = this.winner();
      if (level === NONE) return 0;
      this.accept(level);
      return POLL_REQUEST | level;
    }
    if (a0 !== 0) return s.imr;
    return s.readIsr ? s.isr : s.irr;
  }

  /** Writes the port with A0 = `a0`: ICW1, OCW2 or OCW3 at 0; ICW2–ICW4 or the mask at 1. */
  write(a0: number, value: number): void {
    if (a0 !== 0) this.writeData(value);
    else if ((value & ICW1) !== 0) this.initialise(value);
    else if ((value & OCW3) !== 0) this.writeOcw3(value);
    else this.writeOcw2(value);
    this.update();
  }

  save(): PicState {
    return { ...this.state };
  }

  load(state: PicState): void {
    this.state = { ...state };
    this.update();
  }

  /** ICW1: the edge latches and the mask clear, level 7 becomes lowest, special mask mode ends, reads show the IRR. */
  private initialise(value: number): void {
    const s = this.state;
    this.state = {
      ...powerOn(),
      lines: s.lines,
      base: s.base,
      irr: (value & ICW1_LEVEL) !== 0 ? s.lines : 0,
      icw3: 7,
      step: 2,
      wantsIcw4: (value & ICW1_NEEDS_ICW4) !== 0,
      single: (value & ICW1_SINGLE) !== 0,
      levelTriggered: (value & ICW1_LEVEL) !== 0,
    };
  }

  private writeData(value: number): void {
    const s = this.state;
    const last = s.wantsIcw4 ? 4 : 0;
    if (s.step === 2) {
      s.base = value & 0xf8;
      s.step = s.single ? last : 3;
    } else if (s.step === 3) {
      s.icw3 = value;
      s.step = last;
    } else if (s.step === 4) {
      s.fullyNested = (value & ICW4_FULLY_NESTED) !== 0;
      s.autoEoi = (value & ICW4_AUTO_EOI) !== 0;
      s.step = 0;
    } else {
      s.imr = value;
    }
  }

  /** OCW2: R SL EOI 0 0 L2 L1 L0. */
  private writeOcw2(value: number): void {
    const s = this.state;
    const level = value & 7;
    switch (value >> 5) {
      case 0: // rotate in automatic EOI mode: clear
        s.rotateOnAutoEoi = false;
        break;
      case 4: // rotate in automatic EOI mode: set
        s.rotateOnAutoEoi = true;
        break;
      case 1: // non-specific EOI
      case 5: {
        // rotate on non-specific EOI
        const ended = this.firstOf(s.specialMask ? s.isr & ~s.imr : s.isr);
        if (ended === NONE) break;
        s.isr &= ~(1 << ended);
        if (value >> 5 === 5) s.lowest = ended;
        break;
      }
      case 3: // specific EOI
        s.isr &= ~(1 << level);
        break;
      case 6: // set priority
        s.lowest = level;
        break;
      case 7: // rotate on specific EOI
        s.isr &= ~(1 << level);
        s.lowest = level;
        break;
      default: // 2: no operation
        break;
    }
  }

  private writeOcw3(value: number): void {
    const s = this.state;
    if ((value & OCW3_SET_SPECIAL_MASK) !== 0) s.specialMask = (value & OCW3_SPECIAL_MASK) !== 0;
    if ((value & OCW3_READ) !== 0) s.readIsr = (value & OCW3_READ_ISR) !== 0;
    s.poll = (value & OCW3_POLL) !== 0;
  }

  /** Distance of `level` from the top of the priority order: 0 is served first. */
  private rank(level: number): number {
    return (level - this.state.lowest - 1) & 7;
  }

  /** The level of `levels` with the highest priority, or NONE. */
  private firstOf(levels: number): number {
    let best = NONE;
    for (let level = 0; level < 8; level++) {
      if (((levels >> level) & 1) !== 0 && (best === NONE || this.rank(level) < this.rank(best))) best = level;
    }
    return best;
  }

  /** The level that INT stands for, or NONE. */
  private winner(): number {
    const s = this.state;
    const requested = this.firstOf(s.irr & ~s.imr);
    if (requested === NONE) return NONE;
    const blocking = this.firstOf(s.specialMask ? s.isr & ~s.imr : s.isr);
    if (blocking === NONE || this.rank(requested) < this.rank(blocking)) return requested;
    // Special fully nested: a slave in service does not shut out further requests of the same slave.
    return s.fullyNested && requested === blocking && this.isCascade(requested) ? requested : NONE;
  }

  private accept(level: number): void {
    const s = this.state;
    const bit = 1 << level;
    if (!s.levelTriggered) s.irr &= ~bit;
    if (!s.autoEoi) s.isr |= bit;
    else if (s.rotateOnAutoEoi) s.lowest = level;
    // INT falls with the acknowledge, so a further request makes a new edge on a cascaded master.
    this.drive(false);
    this.update();
  }

  private update(): void {
    this.drive(this.winner() !== NONE);
  }

  private drive(high: boolean): void {
    if (high === this.level) return;
    this.level = high;
    this.onOutput(high);
  }
}

function powerOn(): PicState {
  return {
    lines: 0,
    irr: 0,
    isr: 0,
    imr: 0,
    base: 0,
    lowest: 7,
    icw3: 0,
    step: 0,
    wantsIcw4: false,
    single: false,
    levelTriggered: false,
    autoEoi: false,
    rotateOnAutoEoi: false,
    specialMask: false,
    fullyNested: false,
    poll: false,
    readIsr: false,
  };
}
