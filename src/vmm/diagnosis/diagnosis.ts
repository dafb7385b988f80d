/**
 * What a run under trap-and-emulate has shown about sensitive instructions that do not trap (Robin & Irvine 2000): which there were, and what the
 * guest saw where the bare machine would have shown something else.
 */

/** One thing that a guest saw and should not have. */
export interface Difference {
  /** Register, `[linear address]`, or `exception`. */
  what: string;
  /** Under the monitor. */
  saw: string;
  /** On the bare machine. */
  should: string;
}

/** A sensitive instruction that was executed outside ring 0 without trapping. */
export interface Slipped {
  /** Linear address. */
  address: number;
  /** Its name in the instruction table. */
  instruction: string;
  /** Its bytes in hexadecimal. */
  bytes: string;
  /** Decoded with 32-bit defaults. */
  code32: boolean;
  /** Executed by the guest's kernel; otherwise by its user code. */
  kernel: boolean;
  /** How often. */
  count: number;
  /** How often the outcome was another than on the bare machine. */
  wrong: number;
  /** Virtual time of the first such outcome, in ticks; undefined if all were right. */
  since: number | undefined;
  /** What was different then. */
  differences: Difference[];
}

/** The report of a run. */
export interface Diagnosis {
  /** By the time of their first execution. */
  slipped: Slipped[];
  /** The one after which the guest's state was no longer that of the bare machine. */
  first: Slipped | undefined;
  /** Executions at addresses that were not kept any more. */
  more: number;
}

/** Most addresses that are kept. */
const LIMIT = 4096;

/** Collects a diagnosis, in bounded memory. */
export class DiagnosisTable {
  private readonly rows = new Map<string, Slipped>();
  private first: Slipped | undefined;
  private more = 0;

  /** Notes an execution at `time` ticks. `differences` is empty if the outcome was right. */
  note(
    found: Pick<Slipped, "address" | "instruction" | "bytes" | "code32" | "kernel">,
    time: number,
    differences: Difference[],
  ): void {
    const key = `${found.address} ${found.bytes} ${found.kernel}`;
    let row = this.rows.get(key);
    if (row === undefined) {
      row = { ...found, count: 0, wrong: 0, since: undefined, differences: [] };
      if (this.rows.size < LIMIT) this.rows.set(key, row);
      else this.more++;
    }
    row.count++;
    if (differences.length === 0) return;
    row.wrong++;
    if (row.since !== undefined) return;
    row.since = time;
    row.differences = differences;
    this.first ??= row;
  }

  /** A copy of what has been found so far. */
  report(): Diagnosis {
    const copy = (row: Slipped): Slipped => ({ ...row, differences: [...row.differences] });
    return {
      slipped: [...this.rows.values()].map(copy),
      first: this.first === undefined ? undefined : copy(this.first),
      more: this.more,
    };
  }
}
