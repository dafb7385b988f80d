/**
 * Watches the serial output of a bench guest and takes the time between its `start` and `end` lines.
 * The clock is handed in: CPU time and wall time in nanoseconds of whoever executes the guest.
 */

const END = /^end \S+ checksum=([0-9a-f]{8}) iterations=(\d+)$/;
const LONGEST_LINE = 1000;

/** CPU time of this process, all its threads, and wall time, in nanoseconds. */
export function processClock() {
  const { user, system } = process.cpuUsage();
  return { cpu: (user + system) * 1000, wall: performance.now() * 1e6 };
}

/** Feed it bytes or text; calls `done` once, with `{ cpu, wall, checksum, iterations }`. */
export class Stopwatch {
  #line = "";
  #started;
  #clock;
  #done;

  constructor(clock, done) {
    this.#clock = clock;
    this.#done = done;
  }

  /** One byte of serial output. */
  byte(value) {
    if (value === 0x0a) this.#endOfLine();
    else if (this.#line.length < LONGEST_LINE && value !== 0x0d) this.#line += String.fromCharCode(value);
  }

  #endOfLine() {
    const line = this.#line;
    this.#line = "";
    if (line.startsWith("start ")) this.#started = this.#clock();
    const end = END.exec(line);
    if (end === null || this.#started === undefined) return;
    const now = this.#clock();
    const { cpu, wall } = this.#started;
    this.#started = undefined;
    this.#done({ cpu: now.cpu - cpu, wall: now.wall - wall, checksum: end[1], iterations: Number(end[2]) });
  }
}
