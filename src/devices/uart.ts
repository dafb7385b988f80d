// A 16550A serial port.
// Invariant: sending takes no virtual time, so the transmitter is always empty and a character is with the host when the OUT
// instruction has finished; receiving is paced at the programmed baud rate and never overruns: characters wait at the host's end
// until there is room. Input starts when the guest has opened the port (RTS or OUT2 set, or the line status polled in a loop), so
// what was sent before a driver resets the FIFO is not lost.
// Deviation: characters are eight bits wide whatever the word length, so that a guest which never programs the port is readable.
// Specified in the National Semiconductor PC16550D data sheet; OUT2 gates the interrupt line, as on the PC/AT serial adapter.

import type { Bus } from "./bus.js";
import type { Clock, TimerHandle, Timers } from "./clock.js";
import type { Device, Line } from "./device.js";
import { UartReceiver, type UartReceiverState } from "./uart-receiver.js";
import { Fcr, Ier, Iir, Lcr, Lsr, Mcr, Msr, UartReg } from "./uart-registers.js";

/** State of a serial port; `input` is what the host has sent and the guest's receiver has not taken yet. */
export type UartState = {
  ier: number;
  fcr: number;
  lcr: number;
  mcr: number;
  msr: number;
  scratch: number;
  divisor: number;
  emptyPending: boolean;
  timeoutPending: boolean;
  timeoutAt: number;
  receiver: UartReceiverState;
  input: number[];
  nextArrival: number;
  opened: boolean;
  statusReads: number;
};

/** The other end is a terminal that is there and ready. */
const HOST_LINES = Msr.CTS | Msr.DSR | Msr.DCD;
const TRIGGER_LEVELS = [1, 4, 8, 14];
/** Divisor at power-on: 9600 baud. */
const POWER_ON_DIVISOR = 12;
const BAUD_BASE = 115_200;
/** A driver that reads the line status this often in a row without doing anything else is waiting for input. */
const POLLS_THAT_OPEN = 16;
/** Slowest pace of input, for a divisor that makes no sense: 300 baud. */
const SLOWEST_DIVISOR = 384;
const NOT_SET = -1;
const ERROR_SHIFT = 8;
/** Arrived characters are dropped from the input queue in lots of this many. */
const COMPACT_AT = 4096;

/** One serial port. */
export class Uart implements Device<UartState> {
  /** Called with each byte the guest sends (not in loop-back). */
  onOutput: ((byte: number) => void) | undefined;
  private readonly clock: Clock;
  private readonly timers: Timers;
  private readonly onIrq: Line;
  private readonly receiver = new UartReceiver();
  private s = powerOn();
  /** Characters from the host, with error bits above bit 7; the first `taken` of them have arrived. */
  private input: number[] = [];
  private taken = 0;
  private arrival: TimerHandle | undefined;
  private timeout: TimerHandle | undefined;

  /** `onIrq` drives the port's interrupt request line. */
  constructor(clock: Clock, timers: Timers, onIrq: Line) {
    this.clock = clock;
    this.timers = timers;
    this.onIrq = onIrq;
  }

  /** Maps the eight registers from port `first` on. */
  attach(bus: Bus, name: string, first: number): void {
    bus.mapPorts(name, first, first + 7, {
      read: (port) => this.readRegister(port - first),
      write: (port, _size, value) => this.writeRegister(port - first, value),
    });
  }

  /** Sends bytes to the guest; they arrive at the programmed baud rate as the receiver has room. */
  send(bytes: Iterable<number>): void {
    for (const byte of bytes) this.input.push(byte & 0xff);
    this.scheduleArrival();
  }

  /** Sends a break condition after what has been sent before: a zero with break and framing error. */
  sendBreak(): void {
    this.input.push((Lsr.BREAK | Lsr.FRAMING) << ERROR_SHIFT);
    this.scheduleArrival();
  }

  /** Bytes sent to the guest that its receiver has not taken yet. */
  get waitingInput(): number {
    return this.input.length - this.taken;
  }

  /** Reads register 0–7. */
  readRegister(register: number): number {
    const { s } = this;
    if (register !== UartReg.LSR) s.statusReads = 0;
    switch (register) {
      case UartReg.DATA:
        return this.dlab ? s.divisor & 0xff : this.readData();
      case UartReg.IER:
        return this.dlab ? s.divisor >> 8 : s.ier;
      case UartReg.IIR_FCR:
        return this.readIir();
      case UartReg.LCR:
        return s.lcr;
      case UartReg.MCR:
        return s.mcr;
      case UartReg.LSR:
        return this.readLineStatus();
      case UartReg.MSR: {
        const value = this.modemLines() | (s.msr & Msr.DELTAS);
        s.msr &= ~Msr.DELTAS;
        this.driveIrq();
        return value;
      }
      default:
        return s.scratch;
    }
  }

  /** Writes register 0–7; the line and modem status cannot be written. */
  writeRegister(register: number, value: number): void {
    const { s } = this;
    s.statusReads = 0;
    switch (register) {
      case UartReg.DATA:
        if (this.dlab) s.divisor = (s.divisor & 0xff00) | value;
        else this.transmit(value);
        break;
      case UartReg.IER:
        if (this.dlab) s.divisor = (s.divisor & 0x00ff) | (value << 8);
        else this.writeIer(value);
        break;
      case UartReg.IIR_FCR:
        this.writeFcr(value);
        break;
      case UartReg.LCR:
        s.lcr = value;
        break;
      case UartReg.MCR:
        this.writeMcr(value);
        break;
      case UartReg.SCRATCH:
        s.scratch = value;
        break;
      default:
        break;
    }
    this.driveIrq();
  }

  /** Master reset: registers cleared, FIFOs off; the scratch register, the divisor and what the host still has to send stay. */
  reset(): void {
    const { scratch, divisor } = this.s;
    this.s = { ...powerOn(), scratch, divisor };
    this.receiver.reset();
    this.restartTimeout();
    this.scheduleArrival();
    this.driveIrq();
  }

  save(): UartState {
    return { ...this.s, input: this.input.slice(this.taken), receiver: this.receiver.save() };
  }

  load(state: UartState): void {
    const { receiver, input, ...own } = state;
    this.s = { ...own };
    this.input = [...input];
    this.taken = 0;
    this.receiver.load(receiver, this.fifoOn);
    this.setTimeoutDeadline();
    this.scheduleArrival();
    this.driveIrq();
  }

  private get dlab(): boolean {
    return (this.s.lcr & Lcr.DLAB) !== 0;
  }

  private get fifoOn(): boolean {
    return (this.s.fcr & Fcr.ENABLE) !== 0;
  }

  private get loop(): boolean {
    return (this.s.mcr & Mcr.LOOP) !== 0;
  }

  private readData(): number {
    const byte = this.receiver.read(0);
    this.s.timeoutPending = false;
    this.restartTimeout();
    this.scheduleArrival();
    this.driveIrq();
    return byte;
  }

  private readIir(): number {
    const cause = this.cause();
    if (cause === Iir.EMPTY) {
      this.s.emptyPending = false;
      this.driveIrq();
    }
    return cause | (this.fifoOn ? Iir.FIFO_ON : 0);
  }

  private readLineStatus(): number {
    const { s } = this;
    const value = this.receiver.readStatus() | Lsr.TRANSMITTER_EMPTY;
    this.driveIrq();
    if (!s.opened && ++s.statusReads >= POLLS_THAT_OPEN) this.open();
    return value;
  }

  private writeIer(value: number): void {
    const { s } = this;
    // The transmitter is empty: enabling its interrupt raises it at once, also when it has been taken before.
    if ((value & ~s.ier & Ier.EMPTY) !== 0) s.emptyPending = true;
    s.ier = value & Ier.KEPT;
  }

  private writeFcr(value: number): void {
    const { s } = this;
    const enable = (value & Fcr.ENABLE) !== 0;
    const changed = enable !== this.fifoOn;
    if (changed || (enable && (value & Fcr.CLEAR_RECEIVER) !== 0)) {
      this.receiver.clear();
      s.timeoutPending = false;
    }
    s.fcr = enable ? (value & Fcr.TRIGGER) | Fcr.ENABLE : 0;
    this.receiver.fifoEnabled = enable;
    this.restartTimeout();
    this.scheduleArrival();
  }

  private writeMcr(value: number): void {
    const { s } = this;
    const before = this.modemLines();
    s.mcr = value & Mcr.KEPT;
    const after = this.modemLines();
    const changed = before ^ after;
    s.msr |= (changed & (Msr.CTS | Msr.DSR | Msr.DCD)) >> 4;
    if ((changed & before & Msr.RI) !== 0) s.msr |= Msr.RING_ENDED;
    if (!this.loop && (value & (Mcr.RTS | Mcr.OUT2)) !== 0) this.open();
    this.scheduleArrival();
  }

  /** Upper half of the modem status: the host's lines, or in loop-back the port's own outputs. */
  private modemLines(): number {
    if (!this.loop) return HOST_LINES;
    const { mcr } = this.s;
    return (
      ((mcr & Mcr.RTS) !== 0 ? Msr.CTS : 0) |
      ((mcr & Mcr.DTR) !== 0 ? Msr.DSR : 0) |
      ((mcr & Mcr.OUT1) !== 0 ? Msr.RI : 0) |
      ((mcr & Mcr.OUT2) !== 0 ? Msr.DCD : 0)
    );
  }

  private transmit(byte: number): void {
    // The holding register is full for a moment: a request for being empty falls and rises again, which is a new edge.
    this.s.emptyPending = false;
    this.driveIrq();
    if (this.loop) this.receive(byte, 0);
    else this.onOutput?.(byte);
    this.s.emptyPending = true;
  }

  private receive(byte: number, errors: number): void {
    this.receiver.push(byte, errors);
    this.s.timeoutPending = false;
    this.restartTimeout();
    this.driveIrq();
  }

  /** The guest listens: input may flow. */
  private open(): void {
    if (this.s.opened) return;
    this.s.opened = true;
    this.scheduleArrival();
  }

  /** Clock ticks of one character: start, 5–8 data, parity, 1–2 stop bits. */
  private get characterTime(): number {
    const { lcr, divisor } = this.s;
    const bits = 7 + (lcr & 3) + ((lcr & Lcr.PARITY) !== 0 ? 1 : 0) + ((lcr & Lcr.STOP) !== 0 ? 1 : 0);
    const effective = divisor === 0 ? POWER_ON_DIVISOR : Math.min(divisor, SLOWEST_DIVISOR);
    return Math.ceil((bits * effective * this.clock.hz) / BAUD_BASE);
  }

  private scheduleArrival(): void {
    const { s } = this;
    this.timers.cancel(this.arrival);
    this.arrival = undefined;
    if (this.waitingInput === 0 || !s.opened || this.loop || !this.receiver.hasRoom) return;
    this.arrival = this.timers.at(Math.max(s.nextArrival, this.clock.now()), (time) => {
      this.arrival = undefined;
      const character = this.takeInput();
      s.nextArrival = time + this.characterTime;
      this.receive(character & 0xff, character >> ERROR_SHIFT);
      this.scheduleArrival();
    });
  }

  private takeInput(): number {
    const character = this.input[this.taken++];
    if (this.taken >= COMPACT_AT) {
      this.input = this.input.slice(this.taken);
      this.taken = 0;
    }
    return character;
  }

  /** The time-out starts anew when a character arrives or is read while others wait in the FIFO: four characters long. */
  private restartTimeout(): void {
    const wanted = this.fifoOn && this.receiver.length > 0;
    this.s.timeoutAt = wanted ? this.clock.now() + 4 * this.characterTime : NOT_SET;
    this.setTimeoutDeadline();
  }

  private setTimeoutDeadline(): void {
    this.timers.cancel(this.timeout);
    this.timeout = undefined;
    if (this.s.timeoutAt === NOT_SET) return;
    this.timeout = this.timers.at(this.s.timeoutAt, () => {
      this.s.timeoutAt = NOT_SET;
      this.s.timeoutPending = true;
      this.driveIrq();
    });
  }

  /** The interrupt with the highest priority, or Iir.NONE. */
  private cause(): number {
    const { s, receiver } = this;
    if ((s.ier & Ier.LINE_STATUS) !== 0 && receiver.hasError) return Iir.LINE_STATUS;
    if ((s.ier & Ier.RECEIVED) !== 0) {
      const trigger = this.fifoOn ? TRIGGER_LEVELS[s.fcr >> 6] : 1;
      if (receiver.length >= trigger) return Iir.RECEIVED;
      if (s.timeoutPending) return Iir.TIMEOUT;
    }
    if ((s.ier & Ier.EMPTY) !== 0 && s.emptyPending) return Iir.EMPTY;
    if ((s.ier & Ier.MODEM_STATUS) !== 0 && (s.msr & Msr.DELTAS) !== 0) return Iir.MODEM_STATUS;
    return Iir.NONE;
  }

  private driveIrq(): void {
    const enabled = (this.s.mcr & Mcr.OUT2) !== 0 && !this.loop;
    this.onIrq(enabled && this.cause() !== Iir.NONE);
  }
}

function powerOn(): Omit<UartState, "receiver" | "input"> {
  return {
    ier: 0,
    fcr: 0,
    lcr: 0,
    mcr: 0,
    msr: 0,
    scratch: 0,
    divisor: POWER_ON_DIVISOR,
    emptyPending: false,
    timeoutPending: false,
    timeoutAt: NOT_SET,
    nextArrival: 0,
    opened: false,
    statusReads: 0,
  };
}
