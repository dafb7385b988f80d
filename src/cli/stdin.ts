/**
 * Standard input of a run: forwarded to the guest as it comes, key by key from a terminal.
 * From a terminal, Ctrl-C and Ctrl-A x end the run; Ctrl-A and another key send that key (Ctrl-A Ctrl-C sends a
 * Ctrl-C). Invariant: the terminal is put back as it was, however the run ends.
 */

/** What the run learns from standard input. */
export interface StdinEvents {
  /** Bytes for the guest. */
  onBytes(bytes: Uint8Array): void;
  /** The user asked to end the run. */
  onQuit(): void;
}

const CTRL_A = 0x01;
const CTRL_C = 0x03;

/** Standard input while a run goes on. */
export class StdinForwarder {
  readonly #events: StdinEvents;
  readonly #restore = () => this.#setRaw(false);
  #open = false;
  #escaped = false;
  #wake: (() => void) | undefined;

  constructor(events: StdinEvents) {
    this.#events = events;
  }

  /** True while more input may come. */
  get live(): boolean {
    return this.#open;
  }

  /** Begins to read. */
  start(): void {
    const { stdin } = process;
    this.#open = true;
    this.#setRaw(true);
    process.once("exit", this.#restore);
    stdin.on("data", this.#onData);
    stdin.on("end", this.#onEnd);
    stdin.on("error", this.#onEnd);
    stdin.resume();
  }

  /** Stops reading, so that the process can end, and puts the terminal back. */
  stop(): void {
    if (!this.#open && !process.stdin.isTTY) return;
    this.#open = false;
    this.#setRaw(false);
    process.removeListener("exit", this.#restore);
    process.stdin.removeListener("data", this.#onData);
    process.stdin.removeListener("end", this.#onEnd);
    process.stdin.pause();
    process.stdin.destroy();
  }

  /** Resolves when input arrives or ends, or after `milliseconds`. */
  wait(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(done, Math.min(milliseconds, 2 ** 31 - 1));
      const wake = () => done();
      this.#wake = wake;
      function done(): void {
        clearTimeout(timer);
        resolve();
      }
    });
  }

  /** Ends a `wait`. */
  wake(): void {
    this.#wake?.();
    this.#wake = undefined;
  }

  readonly #onEnd = (): void => {
    this.#open = false;
    this.wake();
  };

  readonly #onData = (chunk: Buffer): void => {
    const bytes = process.stdin.isTTY ? this.#withoutEscapes(chunk) : chunk;
    if (bytes.length > 0) this.#events.onBytes(bytes);
    this.wake();
  };

  /** Takes the keys for vmexit itself out of what a terminal sent. */
  #withoutEscapes(chunk: Buffer): Uint8Array {
    const forGuest: number[] = [];
    for (const byte of chunk) {
      if (this.#escaped) {
        this.#escaped = false;
        if (byte === 0x78 || byte === 0x58) this.#events.onQuit();
        else forGuest.push(byte);
      } else if (byte === CTRL_A) this.#escaped = true;
      else if (byte === CTRL_C) this.#events.onQuit();
      else forGuest.push(byte);
    }
    return Uint8Array.from(forGuest);
  }

  #setRaw(raw: boolean): void {
    if (process.stdin.isTTY) process.stdin.setRawMode(raw);
  }
}
