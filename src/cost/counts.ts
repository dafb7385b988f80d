/**
 * What a stretch of a guest's run came to, in events. Counts of a stretch are the difference of two readings; all of them depend on the
 * run alone.
 */
import type { Crossing, TranslationCounts } from "../vmm/statistics.js";

/** Crossings of one cause. */
export interface CauseCount {
  /** How the guest came to its monitor. */
  crossing: Crossing;
  /** Why: an exit reason, an exception, an instruction, a hypercall. */
  cause: string;
  /** How often. */
  count: number;
}

/** Events of a stretch; after `perOperation` they are averages and need not be whole. */
export interface Counts {
  /** Instructions the guest retired and events it took. */
  ticks: number;
  /** Crossings to the monitor by cause. */
  crossings: CauseCount[];
  /** Sensitive instructions executed on the virtual state without a crossing, by name. */
  inline: Record<string, number>;
  /** Instructions the machine refused and the monitor executed, by name. */
  refused: Record<string, number>;
  /** Ticks the guest ran directly. */
  direct: number;
  /** Ticks the monitor executed one at a time. */
  emulated: number;
  /** Ticks interpreted in stretches. */
  interpreted: number;
  /** What translating sensitive code came to: see `TranslationCounts`. */
  translation: TranslationCounts;
  /** Counters of the memory map by name. */
  memory: Record<string, number>;
  /** Page walks of the processor for the guest; those of a monitor that interprets are not among them. */
  tlbMisses: number;
  /** Exceptions and interrupts the processor delivered, by name; `interrupt` for external ones. */
  delivered: Record<string, number>;
}

/** No translation at all. */
export const NO_TRANSLATION: TranslationCounts = { units: 0, ident: 0, inline: 0, callOut: 0, lookups: 0, misses: 0 };

type Numbers = Readonly<Record<string, number>>;

/** Entries of `a` changed by `combine` with those of `b`, without those that come to nothing. */
function combined(a: Numbers, b: Numbers, combine: (x: number, y: number) => number): Record<string, number> {
  const result: Record<string, number> = {};
  for (const name of new Set([...Object.keys(a), ...Object.keys(b)])) {
    const value = combine(a[name] ?? 0, b[name] ?? 0);
    if (value !== 0) result[name] = value;
  }
  return result;
}

function combinedCrossings(
  a: readonly CauseCount[],
  b: readonly CauseCount[],
  combine: (x: number, y: number) => number,
): CauseCount[] {
  const key = ({ crossing, cause }: CauseCount) => `${crossing} ${cause}`;
  const others = new Map(b.map((entry) => [key(entry), entry.count]));
  const known = new Set(a.map(key));
  const all = [...a, ...b.filter((entry) => !known.has(key(entry))).map((entry) => ({ ...entry, count: 0 }))];
  return all
    .map(({ crossing, cause, count }) => ({
      crossing,
      cause,
      count: combine(count, others.get(key({ crossing, cause, count })) ?? 0),
    }))
    .filter(({ count }) => count !== 0)
    .sort((x, y) => y.count - x.count || (x.cause < y.cause ? -1 : 1));
}

/** Combines two counts number by number. */
function combine(a: Counts, b: Counts, each: (x: number, y: number) => number): Counts {
  return {
    ticks: each(a.ticks, b.ticks),
    crossings: combinedCrossings(a.crossings, b.crossings, each),
    inline: combined(a.inline, b.inline, each),
    refused: combined(a.refused, b.refused, each),
    direct: each(a.direct, b.direct),
    emulated: each(a.emulated, b.emulated),
    interpreted: each(a.interpreted, b.interpreted),
    translation: {
      ...NO_TRANSLATION,
      ...combined({ ...a.translation }, { ...b.translation }, each),
    },
    memory: combined(a.memory, b.memory, each),
    tlbMisses: each(a.tlbMisses, b.tlbMisses),
    delivered: combined(a.delivered, b.delivered, each),
  };
}

/** What happened between two readings. */
export function difference(after: Counts, before: Counts): Counts {
  return combine(after, before, (x, y) => x - y);
}

/** Two stretches together. */
export function sum(a: Counts, b: Counts): Counts {
  return combine(a, b, (x, y) => x + y);
}

/** All numbers times `factor`. */
export function scaled(counts: Counts, factor: number): Counts {
  return combine(counts, counts, (x) => x * factor);
}

/** The average of `operations` operations, without `marks`, which is what marking the section cost; no number falls below zero. */
export function perOperation(section: Counts, marks: Counts | undefined, operations: number): Counts {
  if (marks === undefined) return scaled(section, 1 / operations);
  return combine(section, marks, (x, y) => Math.max(0, x - y) / operations);
}

/** The sum of the values of a record. */
export function total(record: Numbers): number {
  return Object.values(record).reduce((all, value) => all + value, 0);
}

/** Crossings of all causes, or of one way to cross. */
export function crossings(counts: Counts, way?: Crossing): number {
  return counts.crossings.reduce((all, c) => (way === undefined || c.crossing === way ? all + c.count : all), 0);
}
