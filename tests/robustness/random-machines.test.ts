/** Random machines never crash, hang or escape; and blocks, pieces and single steps agree on them. */
import { expect, test } from "vitest";
import { compareSeries, runSeries } from "./fuzz.js";

const SEED = Number(process.env.VMEXIT_SEED ?? 20260101);

test(`random machines keep within their budget and their memory (VMEXIT_SEED=${SEED})`, () => {
  const { failure, ticks, exceptions, undecided } = runSeries({ seed: SEED, machines: 210, ticks: 100_000 });
  expect(failure).toBe(undefined);
  // They do something: they run for long, and fault often.
  expect(ticks).toBeGreaterThan(8_000_000);
  expect(exceptions).toBeGreaterThan(1_000_000);
  expect(undecided).toBeLessThan(21);
});

test(`random machines come to the same state in blocks, in pieces and step by step (VMEXIT_SEED=${SEED})`, () => {
  const { failure, compared, stale } = compareSeries({ seed: SEED + 1, machines: 90, ticks: 6_000 });
  expect(failure).toBe(undefined);
  expect(compared).toBeGreaterThan(85);
  expect(stale).toBeLessThan(5);
});
