/**
 * One line on stderr about a run that has been silent for a while, if a person is looking (stderr is a terminal).
 * The line is erased before anything else is written.
 */
import { grouped } from "../report/numbers.js";

const SILENCE_MS = 2_000;
const INTERVAL_MS = 500;

/** The progress line of one run. */
export class Progress {
  readonly #enabled = process.stderr.isTTY === true;
  readonly #started = performance.now();
  #lastOutput = this.#started;
  #lastShown = 0;
  #shown = false;

  /** The guest has written something: the line would be in the way. */
  output(): void {
    this.#lastOutput = performance.now();
    this.clear();
  }

  /** Shows or renews the line if the run has been silent for long enough. */
  tick(instructions: number, virtualSeconds: number): void {
    if (!this.#enabled) return;
    const now = performance.now();
    if (now - this.#lastOutput < SILENCE_MS || now - this.#lastShown < INTERVAL_MS) return;
    this.#lastShown = now;
    this.#shown = true;
    const mips = instructions / (now - this.#started) / 1000;
    process.stderr.write(
      `\r\x1b[K${grouped(instructions)} instructions, ${virtualSeconds.toFixed(1)} s of virtual time, ${mips.toFixed(0)} MIPS (Ctrl-C ends)`,
    );
  }

  /** Erases the line. */
  clear(): void {
    if (!this.#shown) return;
    this.#shown = false;
    process.stderr.write("\r\x1b[K");
  }
}
