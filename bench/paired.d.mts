/** Types of paired.mjs, for the tests. */

/** What `pairedRatio` returns. */
export interface PairedRatio {
  ratio: number;
  low: number;
  high: number;
  min: number;
  max: number;
  pairs: number;
}
/** The middle value. */
export function median(values: readonly number[]): number;
/** The geometric mean of positive values. */
export function geometricMean(values: readonly number[]): number;
/** Order of measurement: there and back. */
export function schedule(count: number, rounds: number): number[];
/** Median ratio of pairs with its interval. */
export function pairedRatio(ours: readonly number[], theirs: readonly number[]): PairedRatio;
