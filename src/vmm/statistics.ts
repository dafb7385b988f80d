/**
 * What leaving the guest cost: exits by cause, guest instructions between them, host time in the monitor.
 * Counts depend on the run alone; nanoseconds are the host's.
 */

/** One cause of exits. */
export interface ExitCount {
  /** What caused them: the SDM's name of the exit reason, or the exception. */
  cause: string;
  /** How often. */
  count: number;
  /** Ticks the guest ran directly between the exit before and each of them, all together. */
  ticks: number;
  /** Host time spent in the monitor, in nanoseconds. */
  nanoseconds: number;
}

/** What a virtual machine's run came to. */
export interface VmmStatistics {
  /** Exits by cause, most frequent first. */
  exits: ExitCount[];
  /** Guest instructions that ran directly. */
  direct: number;
  /** Ticks the monitor executed for the guest: emulated instructions and events it delivered. */
  emulated: number;
  /** Ticks of virtual supervisor or real-mode code that was interpreted in stretches. */
  interpreted: number;
  /** Share of all ticks that ran without the monitor. */
  directShare: number;
  /** Counters of the memory map by name. */
  memory: Record<string, number>;
}

/** Collects them. */
export class ExitStatistics {
  direct = 0;
  emulated = 0;
  interpreted = 0;
  /** What `direct` was at the last exit. */
  private directBefore = 0;
  private readonly byCause = new Map<string, ExitCount>();

  /** Counts an exit that took `nanoseconds` of the monitor's time. `direct` is up to date. */
  count(cause: string, nanoseconds: number): void {
    const ticks = this.direct - this.directBefore;
    this.directBefore = this.direct;
    const known = this.byCause.get(cause);
    if (known === undefined) this.byCause.set(cause, { cause, count: 1, ticks, nanoseconds });
    else {
      known.count++;
      known.ticks += ticks;
      known.nanoseconds += nanoseconds;
    }
  }

  /** Exits so far. */
  get exits(): number {
    let sum = 0;
    for (const { count } of this.byCause.values()) sum += count;
    return sum;
  }

  /** A copy, with the counters of the memory map. */
  summary(memory: Record<string, number>): VmmStatistics {
    const ticks = this.direct + this.emulated + this.interpreted;
    return {
      exits: [...this.byCause.values()].map((e) => ({ ...e })).sort((a, b) => b.count - a.count),
      direct: this.direct,
      emulated: this.emulated,
      interpreted: this.interpreted,
      directShare: ticks === 0 ? 1 : this.direct / ticks,
      memory,
    };
  }
}
