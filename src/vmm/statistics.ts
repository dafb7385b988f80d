/**
 * What leaving the guest cost: exits by cause, guest instructions between them, host time in the monitor.
 * Counts depend on the run alone; nanoseconds are the host's.
 */

/**
 * How the guest came to its monitor: the processor brought it (`exit`: a trap or VM exit), translated code called (`call-out`), or the guest
 * itself did (`hypercall`).
 */
export type Crossing = "exit" | "call-out" | "hypercall";

/** One cause of crossings from the guest to its monitor. */
export interface ExitCount {
  /** How it came. */
  crossing: Crossing;
  /** What caused them: the SDM's name of the exit reason, the exception, the instruction called out for, or the hypercall. */
  cause: string;
  /** How often. */
  count: number;
  /** Ticks the guest ran directly between the exit before and each of them, all together. */
  ticks: number;
  /** Host time spent in the monitor, in nanoseconds: estimated from those that were timed. */
  nanoseconds: number;
}

/** Exits of each cause of which every one is timed: the first are slow. Of the later ones, one in TIMED_SHARE. Reading a clock costs as much as half a cheap exit. */
const TIMED_FIRST = 64;
const TIMED_SHARE = 16;

/** What translating a guest's code came to. */
export interface TranslationCounts {
  /** Translation units made. */
  units: number;
  /** Instructions in them that were taken over as they are. */
  ident: number;
  /** That became code on the virtual state. */
  inline: number;
  /** That became calls of the monitor. */
  callOut: number;
  /** Times that control looked for a unit it was not linked to. */
  lookups: number;
  /** Of those, times that the unit had to be made first. */
  misses: number;
}

/** What a virtual machine's run came to. */
export interface VmmStatistics {
  /** Crossings from the guest to the monitor by cause, most frequent first. */
  exits: ExitCount[];
  /** Sensitive instructions executed on the virtual state without a crossing, by name. */
  inline: Record<string, number>;
  /** Instructions the machine refused the guest and the monitor executed, by name. */
  refused: Record<string, number>;
  /** What translating came to, under a kind that translates. */
  translation?: TranslationCounts;
  /** Guest instructions that ran directly. */
  direct: number;
  /** Page walks of the processor for them. */
  walks: number;
  /** Ticks the monitor executed for the guest: emulated instructions and events it delivered. */
  emulated: number;
  /** Ticks of virtual supervisor or real-mode code that was interpreted in stretches. */
  interpreted: number;
  /** Share of all ticks that ran without the monitor. */
  directShare: number;
  /** Counters of the memory map by name. */
  memory: Record<string, number>;
}

/** What a kind of monitor counts by itself. */
export interface KindCounts {
  /** Counters of the memory map by name. */
  memory: Record<string, number>;
  /** Sensitive instructions executed without a crossing, by name. */
  inline?: Record<string, number>;
  /** Instructions the machine refused, by name. */
  refused?: Record<string, number>;
  /** What translating came to. */
  translation?: TranslationCounts;
}

/** Collects them. */
export class ExitStatistics {
  direct = 0;
  /** Page walks of the processor while the guest ran directly. */
  walks = 0;
  emulated = 0;
  interpreted = 0;
  /** What `direct` was at the last exit. */
  private directBefore = 0;
  private readonly byCause = new Map<string, ExitCount>();

  /** Counts an exit. `direct` is up to date. */
  count(cause: string, crossing: Crossing = "exit"): ExitCount {
    const ticks = this.direct - this.directBefore;
    this.directBefore = this.direct;
    const known = this.byCause.get(cause);
    if (known !== undefined) {
      known.count++;
      known.ticks += ticks;
      return known;
    }
    const first = { crossing, cause, count: 1, ticks, nanoseconds: 0 };
    this.byCause.set(cause, first);
    return first;
  }

  /** True if the exit just counted is one of those to be timed. */
  timed({ count }: ExitCount): boolean {
    return count <= TIMED_FIRST || count % TIMED_SHARE === 0;
  }

  /** The exit just counted took `nanoseconds` of the monitor's time. It stands for those that were not timed. */
  took(exit: ExitCount, nanoseconds: number): void {
    if (!this.timed(exit)) return;
    exit.nanoseconds += exit.count <= TIMED_FIRST ? nanoseconds : TIMED_SHARE * nanoseconds;
  }

  /** Exits so far. */
  get exits(): number {
    let sum = 0;
    for (const { count } of this.byCause.values()) sum += count;
    return sum;
  }

  /** A copy, with what the kind of monitor itself counts. */
  summary({ memory, inline = {}, refused = {}, translation }: KindCounts): VmmStatistics {
    const ticks = this.direct + this.emulated + this.interpreted;
    return {
      exits: [...this.byCause.values()].map((e) => ({ ...e })).sort((a, b) => b.count - a.count),
      direct: this.direct,
      walks: this.walks,
      emulated: this.emulated,
      interpreted: this.interpreted,
      directShare: ticks === 0 ? 1 : this.direct / ticks,
      memory,
      inline,
      refused,
      ...(translation === undefined ? {} : { translation }),
    };
  }
}
