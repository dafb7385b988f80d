/**
 * Host time of an operation from several rounds: the lower quartile. Whatever else the computer does makes a round longer, never shorter, so the
 * faster rounds say more about the guest than the middle one.
 */
import type { CrossingTime, HostTime } from "./comparison.js";
import type { GuestRun } from "./run-guest.js";
import { MARKERS_ONLY, type SectionRun } from "./sections.js";

/** What a set of measurements comes to. */
export interface Summary {
  /** The lower quartile. */
  typical: number;
  /** How far the fastest measurement is from it, as its share: 0.05 is "5 % faster". */
  spread: number;
}

/** The value below which the share `q` of sorted `values` lies, interpolated. */
function quantile(values: readonly number[], q: number): number {
  const place = (values.length - 1) * q;
  const low = values[Math.floor(place)]!;
  return low + (values[Math.ceil(place)]! - low) * (place - Math.floor(place));
}

/** Summarizes at least one measurement. */
export function summarize(values: readonly number[]): Summary {
  const sorted = [...values].sort((a, b) => a - b);
  const typical = quantile(sorted, 0.25);
  return { typical, spread: typical > 0 ? (typical - sorted[0]!) / typical : 0 };
}

/** Operations of a section. Of the one that holds nothing, an operation is a pair of marks. */
export function operationsOf({ name, count, pairs }: SectionRun): number {
  return name === MARKERS_ONLY ? pairs : count;
}

function find({ sections }: GuestRun, name: string): SectionRun | undefined {
  return sections.find((section) => section.name === name);
}

/**
 * Nanoseconds of one operation of a section in each run that has it, without those of the marks: a pair of marks takes what the shortest of all runs
 * took.
 */
export function operationTimes(runs: readonly GuestRun[], name: string): number[] {
  const pair = Math.min(...runs.map((run) => find(run, MARKERS_ONLY)?.shortest ?? 0));
  return runs.flatMap((run) => {
    const section = find(run, name);
    if (section === undefined) return [];
    if (name === MARKERS_ONLY) return [section.shortest];
    return [Math.max(0, section.nanoseconds - pair * section.pairs) / operationsOf(section)];
  });
}

/** What crossings of each cause took the monitor in these runs. */
export function crossingTimes(runs: readonly GuestRun[]): CrossingTime[] {
  return (runs[0]?.vmm?.exits ?? []).map(({ crossing, cause, count }) => {
    const means = runs.flatMap(({ vmm }) => {
      const same = vmm?.exits.find((exit) => exit.crossing === crossing && exit.cause === cause);
      return same === undefined ? [] : [same.nanoseconds / same.count];
    });
    return { crossing, cause, count, nanoseconds: summarize(means).typical };
  });
}

/** The time of an operation, and by that on the bare machine. */
export function hostTime(rounds: number[], bare: readonly number[]): HostTime {
  const { typical, spread } = summarize(rounds);
  const measure = bare.length === 0 ? 0 : summarize(bare).typical;
  return { nanoseconds: typical, spread, ratio: measure > 0 ? typical / measure : undefined, rounds };
}
