/** The bench's arithmetic: medians, geometric means, order of measurement, paired ratios. */
import { describe, expect, test } from "vitest";
import { geometricMean, median, pairedRatio, schedule } from "../../bench/paired.mjs";

describe("averages", () => {
  test("the median is the middle or the mean of the two middle values, and leaves its input alone", () => {
    const values = [5, 1, 3];
    expect(median(values)).toBe(3);
    expect(values).toEqual([5, 1, 3]);
    expect(median([4, 1, 3, 2])).toBe(2.5);
    expect(() => median([])).toThrow("found none");
  });

  test("the geometric mean of a ratio and its inverse is one", () => {
    expect(geometricMean([4, 0.25])).toBeCloseTo(1, 12);
    expect(geometricMean([2, 8])).toBeCloseTo(4, 12);
    expect(() => geometricMean([1, 0])).toThrow("positive");
    expect(() => geometricMean([])).toThrow("found none");
  });
});

describe("order of measurement", () => {
  test("rounds alternate their direction", () => {
    expect(schedule(2, 4)).toEqual([0, 1, 1, 0, 0, 1, 1, 0]);
    expect(schedule(3, 3)).toEqual([0, 1, 2, 2, 1, 0, 0, 1, 2]);
  });

  test("a machine that slows down steadily does not favour either side", () => {
    const ours: number[] = [];
    const theirs: number[] = [];
    schedule(2, 8).forEach((index, step) => {
      const drift = 1 + 0.02 * step;
      if (index === 0) ours.push(10 * drift);
      else theirs.push(30 * drift);
    });
    expect(pairedRatio(ours, theirs).ratio).toBeCloseTo(3, 2);
  });
});

describe("paired ratios", () => {
  test("equal pairs have no spread", () => {
    expect(pairedRatio([1, 2, 3], [2, 4, 6])).toEqual({ ratio: 2, low: 2, high: 2, min: 2, max: 2, pairs: 3 });
  });

  test("one disturbed pair moves the extremes and not the median", () => {
    const { ratio, min, max } = pairedRatio([10, 10, 10, 10, 50], [30, 31, 29, 30, 30]);
    expect(ratio).toBe(3);
    expect(min).toBeCloseTo(0.6, 12);
    expect(max).toBeCloseTo(3.1, 12);
  });

  test("the interval holds the true ratio of noisy samples and is the same each time", () => {
    const noise = [0.9, 1.1, 1.05, 0.95, 1, 1.02, 0.98, 1.08, 0.93];
    const ours = noise.map((factor) => 100 * factor);
    const theirs = [...noise].reverse().map((factor) => 400 * factor);
    const first = pairedRatio(ours, theirs);
    expect(first.low).toBeLessThan(first.high);
    expect(first.low).toBeLessThanOrEqual(4);
    expect(first.high).toBeGreaterThanOrEqual(4);
    expect(pairedRatio(ours, theirs)).toEqual(first);
  });

  test("lists of different length are refused", () => {
    expect(() => pairedRatio([1], [1, 2])).toThrow("same length");
    expect(() => pairedRatio([], [])).toThrow("same length");
  });
});
