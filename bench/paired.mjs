/**
 * Ratios of two things measured in turn, A B B A A B B A …, so that a slow drift of the machine hits both alike.
 * Invariant: no sample is dropped; the same samples give the same summary (the bootstrap's generator has a fixed seed).
 * The interval is the percentile bootstrap of the median (Efron and Tibshirani, An Introduction to the Bootstrap, chapter 13).
 */

const RESAMPLES = 2000;
const SEED = 0x2545f491;

/** The middle value, the mean of the two middle ones for an even count. Throws RangeError without values. */
export function median(values) {
  if (values.length === 0) throw new RangeError("median: expected at least one value and found none");
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** The geometric mean. Throws RangeError without values or for one that is not positive. */
export function geometricMean(values) {
  if (values.length === 0) throw new RangeError("geometricMean: expected at least one value and found none");
  const bad = values.find((value) => !(value > 0));
  if (bad !== undefined) throw new RangeError(`geometricMean: expected positive values and found ${bad}`);
  return Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
}

/** The order in which `count` things are measured in `rounds` rounds: there and back, so each pair is A B then B A. */
export function schedule(count, rounds) {
  const there = Array.from({ length: count }, (_, index) => index);
  const back = [...there].reverse();
  return Array.from({ length: rounds }, (_, round) => (round % 2 === 0 ? there : back)).flat();
}

/** A generator of numbers in [0, 1) that depends on its seed alone (Marsaglia's xorshift32). */
function generator(seed) {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

/**
 * Ratio of `theirs` to `ours` over pairs taken in the same round: above 1 means ours is faster when both are times.
 * Returns the median of the ratios, its 95 % bootstrap interval and the smallest and largest ratio.
 * Throws RangeError for lists of different or no length.
 */
export function pairedRatio(ours, theirs) {
  if (ours.length !== theirs.length || ours.length === 0) {
    throw new RangeError(
      `pairedRatio: expected two lists of the same length and found ${ours.length} and ${theirs.length}`,
    );
  }
  const ratios = ours.map((value, index) => theirs[index] / value);
  const random = generator(SEED);
  const medians = Array.from({ length: RESAMPLES }, () =>
    median(ratios.map(() => ratios[Math.floor(random() * ratios.length)])),
  ).sort((a, b) => a - b);
  return {
    ratio: median(ratios),
    low: medians[Math.floor(RESAMPLES * 0.025)],
    high: medians[Math.ceil(RESAMPLES * 0.975) - 1],
    min: Math.min(...ratios),
    max: Math.max(...ratios),
    pairs: ratios.length,
  };
}
