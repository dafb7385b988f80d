// The receiving half of a 16550A: receive FIFO, trigger level, line errors, overrun.
// Invariant: errors travel with their character and show in the line status when the character is the next to be read.
// Specified in the National Semiconductor PC16550D data sheet, 8.4 and 8.5.

import { Lsr } from "./uart-registers.js";

/** State of the receiver. */
export type UartReceiverState = { fifo: number[]; errors: number[]; status: number };

const FIFO_BYTES = 16;

/** Receive FIFO, or holding register while `fifoEnabled` is off. */
export class UartReceiver {
  /** True when sixteen characters fit; otherwise one. */
  fifoEnabled = false;
  private fifo: number[] = [];
  private errors: number[] = [];
  private status = 0;

  /** Characters that can be read. */
  get length(): number {
    return this.fifo.length;
  }

  /** True when another character fits without an overrun. */
  get hasRoom(): boolean {
    return this.fifo.length < (this.fifoEnabled ? FIFO_BYTES : 1);
  }

  /** Takes a character from the line with its error bits. */
  push(byte: number, errors = 0): void {
    if (this.hasRoom) {
      this.fifo.push(byte);
      this.errors.push(errors);
      if (this.fifo.length === 1) this.reveal();
      return;
    }
    this.status |= Lsr.OVERRUN;
    // With the FIFO on, what is in it stays and the newcomer is lost; the holding register is overwritten.
    if (!this.fifoEnabled) {
      this.fifo[0] = byte;
      this.errors[0] = errors;
      this.reveal();
    }
  }

  /** Reads the oldest character; `idle` when there is none. */
  read(idle: number): number {
    const byte = this.fifo.shift();
    this.errors.shift();
    if (this.fifo.length > 0) this.reveal();
    return byte ?? idle;
  }

  /** The receiver's bits of the line status register. */
  get lineStatus(): number {
    const fifoError = this.fifoEnabled && (this.errors.some((e) => e !== 0) || (this.status & ~Lsr.OVERRUN) !== 0);
    return (this.fifo.length > 0 ? Lsr.DATA_READY : 0) | this.status | (fifoError ? Lsr.FIFO_ERROR : 0);
  }

  /** True when the receiver line status interrupt has a reason. */
  get hasError(): boolean {
    return this.status !== 0;
  }

  /** Reads the line status bits, which clears the errors among them. */
  readStatus(): number {
    const value = this.lineStatus;
    this.status = 0;
    return value;
  }

  /** Drops every character. */
  clear(): void {
    this.fifo = [];
    this.errors = [];
  }

  /** Master reset: empty, no errors, FIFO off. */
  reset(): void {
    this.clear();
    this.status = 0;
    this.fifoEnabled = false;
  }

  /** The receiver's state as plain data. */
  save(): UartReceiverState {
    return { fifo: [...this.fifo], errors: [...this.errors], status: this.status };
  }

  /** Takes a state from `save()`. */
  load(state: UartReceiverState, fifoEnabled: boolean): void {
    this.fifo = [...state.fifo];
    this.errors = [...state.errors];
    this.status = state.status;
    this.fifoEnabled = fifoEnabled;
  }

  /** The errors of the character now on top become visible. */
  private reveal(): void {
    this.status |= this.errors[0] ?? 0;
    this.errors[0] = 0;
  }
}
