/** Series of random machines in virtual machines, and what is done about one that differs from the bare machine. */
import { caseOf, describeFuzz, type Series, shrink } from "../robustness/fuzz.js";
import type { FuzzCase } from "../robustness/random-machine.js";
import { hasStaleTranslation } from "../robustness/stale.js";
import { FuzzPair } from "./fuzz-pair.js";
import { WAYS, type Way } from "./ways.js";

/** The ways that make a virtual machine as good as a bare one whatever its guest does: user code of `hybrid` only on a strict machine. */
export const EXACT_WAYS: Record<string, Way> = Object.fromEntries(
  Object.entries({ ...WAYS, "hybrid on strict": { vmm: "hybrid", isa: "strict" } as Way }).filter(
    ([name]) => name !== "hybrid on umip" && name !== "bt on umip",
  ),
);

/** What a series came to. */
export interface SeriesResult {
  failure: string | undefined;
  ticks: number;
  direct: number;
  exits: number;
  /** Regions made of their code. */
  regions: number;
  /** Cases that differ by a translation that a processor may remember or not (SDM 3A 4.10). */
  stale: number;
}

/** The case with the fewest ticks that still differs. */
function firstDifference(pair: FuzzPair, fuzz: FuzzCase): FuzzCase {
  let low = 0;
  let high = fuzz.budget;
  while (low + 1 < high) {
    const middle = (low + high) >> 1;
    if (pair.run({ ...fuzz, budget: middle }).problem === undefined) low = middle;
    else high = middle;
  }
  return { ...fuzz, budget: high };
}

/** What is wrong with a case that ends with its first difference; undefined if only what is remembered of page tables that have changed. */
function problemOf(pair: FuzzPair, fuzz: FuzzCase): string | undefined {
  const found = pair.run(fuzz).problem;
  if (found === undefined || !found.startsWith("after")) return found;
  // The last instruction may have changed a mapping that it went on using.
  if (hasStaleTranslation(pair.bare.platform.core)) return undefined;
  return pair.run(fuzz, true).problem === undefined ? undefined : found;
}

/** Runs a series in one way, up to the first case that fails; its failure is described with a smaller case. */
export function runVmSeries(way: Way, { seed, machines, ticks }: Series, eager = false): SeriesResult {
  const pair = new FuzzPair(way, eager);
  const sum: SeriesResult = { failure: undefined, ticks: 0, direct: 0, exits: 0, regions: 0, stale: 0 };
  for (let n = 0; n < machines; n++) {
    const fuzz = caseOf(seed, n, ticks);
    const result = pair.run(fuzz);
    sum.ticks += result.ticks;
    sum.direct += result.direct;
    sum.exits += result.exits;
    sum.regions = pair.regions;
    if (result.problem === undefined) continue;
    const first = firstDifference(pair, fuzz);
    if (problemOf(pair, first) === undefined) {
      sum.stale++;
      continue;
    }
    const small = shrink(first, (smaller) => problemOf(pair, smaller));
    const { problem } = pair.run(small);
    sum.failure = `case ${n}: ${result.problem}\nsmallest: ${problem}\n${describeFuzz(small, pair.bare.platform.core)}`;
    break;
  }
  return sum;
}
