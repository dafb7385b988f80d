/**
 * Runs of many random programs: what the fast and the long suite have in common. Programs are numbered from the first seed on;
 * a seed whose program differs is shrunk and reported as a case line for `cases.txt`.
 */
import { assemble, generate } from "./generator.js";
import { runPair, TROUBLE } from "./pair.js";
import { caseLine, differs, shrink } from "./shrink.js";

/** What a fuzzing run did. */
export interface FuzzReport {
  programs: number;
  instructions: number;
  regions: number;
  /** Guest instructions in the regions. */
  translated: number;
  /**
   * Programs that differ because the TLB was emptied, also without any translation: they change a page table and rely on what
   * the TLB may, but need not, remember (SDM 3A 4.10.2.3).
   */
  stale: number;
  /** One entry for each failing program, at most REPORTED. */
  failures: string[];
}

const REPORTED = 3;

/** Runs programs from seed `first` on until `instructions` have been retired. */
export function fuzz(first: number, instructions: number): FuzzReport {
  const report: FuzzReport = { programs: 0, instructions: 0, regions: 0, translated: 0, stale: 0, failures: [] };
  for (let seed = first; report.instructions < instructions && report.failures.length < REPORTED; seed++) {
    const outcome = runPair(assemble(generate(seed)), seed, TROUBLE);
    report.programs++;
    report.instructions += outcome.instructions;
    report.regions += outcome.counters.regions;
    report.translated += outcome.counters.instructions;
    if (outcome.difference === undefined) continue;
    if (runPair(assemble(generate(seed)), seed, TROUBLE, false).difference !== undefined) report.stale++;
    else report.failures.push(failure(seed, outcome.difference));
  }
  return report;
}

function failure(seed: number, difference: string): string {
  const small = shrink(generate(seed), seed);
  return `seed ${seed}: ${difference}\n  shrunk: ${differs(small) ?? "no longer differs"}\n  ${caseLine(small)}`;
}
