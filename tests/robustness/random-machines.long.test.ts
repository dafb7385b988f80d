/** Random machines that nobody has seen: a new seed every run, printed; `VMEXIT_SEED` repeats one. */
import { expect, test } from "vitest";
import { compareSeries, runSeries } from "./fuzz.js";

const SEED = Number(process.env.VMEXIT_SEED ?? Date.now() % 0x7fffffff);

test(`random machines keep within their budget and their memory (VMEXIT_SEED=${SEED})`, () => {
  console.log(`VMEXIT_SEED=${SEED}`);
  const { failure } = runSeries({ seed: SEED, machines: 2_400, ticks: 200_000 });
  expect(failure).toBe(undefined);
});

test(`random machines come to the same state in blocks, in pieces and step by step (VMEXIT_SEED=${SEED})`, () => {
  const { failure, compared, stale } = compareSeries({ seed: SEED + 1, machines: 1_800, ticks: 20_000 });
  expect(failure).toBe(undefined);
  expect(compared).toBeGreaterThan(1_700);
  expect(stale).toBeLessThan(90);
});
