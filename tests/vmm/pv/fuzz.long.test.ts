/** A hostile kernel at length. VMEXIT_SEED and VMEXIT_STEPS choose others. */
import { expect, test } from "vitest";
import { fuzz } from "./fuzz.js";

const SEEDS = (process.env.VMEXIT_SEED ?? "11 12 13 14").split(" ").map(Number);
const STEPS = Number(process.env.VMEXIT_STEPS ?? 15_000);

test.each(SEEDS)("no hypercall gets a domain what is not its own, seed %i", { timeout: 1_200_000 }, (seed) => {
  expect(fuzz(seed, STEPS).wrong).toEqual([]);
});
