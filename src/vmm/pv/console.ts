/**
 * The machine's console as the monitor has it: output on COM1, and input from it, which the monitor takes by interrupt and keeps until the domain asks.
 */
import type { CoreHost } from "../../core/core.js";

const COM1 = 0x3f8;
const IER = COM1 + 1;
const MCR = COM1 + 4;
const LSR = COM1 + 5;
const DATA_READY = 1;
/** DTR, RTS, OUT2: the line's interrupt is let through. */
const LINES = 0x0b;
const MSR = COM1 + 6;
const FCR = COM1 + 2;
const IIR = COM1 + 2;
const FIFO = 0x01;
const PIC1 = 0x20;
const PIC1_MASK = 0x21;
const PIC2 = 0xa0;
const PIC2_MASK = 0xa1;
const EOI = 0x20;
/** All requests but COM1's and the cascade. */
const ONLY_COM1 = 0xeb;
const NONE = 0xff;

/** The console of a domain. */
export class Console {
  private readonly input: number[] = [];

  constructor(private readonly host: CoreHost) {}

  /** The monitor takes the interrupt controllers and the line over. */
  reset(): void {
    const { host } = this;
    this.input.length = 0;
    host.portWrite(PIC1_MASK, 1, ONLY_COM1);
    host.portWrite(PIC2_MASK, 1, NONE);
    host.portWrite(FCR, 1, FIFO);
    host.portWrite(MCR, 1, LINES);
    host.portWrite(IER, 1, DATA_READY);
  }

  /** An interrupt has come. Returns whether there is new input. */
  interrupt(): boolean {
    const { host } = this;
    const vector = host.acknowledgeInterrupt();
    const before = this.input.length;
    while ((host.portRead(LSR, 1) & DATA_READY) !== 0) this.input.push(host.portRead(COM1, 1));
    // What else may have caused it is over when it has been read.
    host.portRead(IIR, 1);
    host.portRead(MSR, 1);
    if (vector >= 0x70) host.portWrite(PIC2, 1, EOI);
    host.portWrite(PIC1, 1, EOI);
    return this.input.length > before;
  }

  /** The line may not interrupt any more. */
  mask(): void {
    this.host.portWrite(PIC1_MASK, 1, NONE);
  }

  /** Sends a byte. */
  write(byte: number): void {
    this.host.portWrite(COM1, 1, byte);
  }

  /** The next byte that came, or undefined. */
  read(): number | undefined {
    return this.input.shift();
  }
}
