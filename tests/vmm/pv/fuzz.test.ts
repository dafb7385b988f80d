/** A hostile kernel in short; fuzz.long.test.ts has the same at length. */
import { expect, test } from "vitest";
import { fuzz } from "./fuzz.js";

const SEEDS = (process.env.VMEXIT_SEED ?? "1 20261121").split(" ").map(Number);
const STEPS = Number(process.env.VMEXIT_STEPS ?? 1500);

test.each(SEEDS)("no hypercall gets a domain what is not its own, seed %i", { timeout: 120_000 }, (seed) => {
  const { wrong, kernel } = fuzz(seed, STEPS);
  expect(wrong).toEqual([]);
  for (const name of ["MMU_UPDATE", "MMUEXT_OP", "UPDATE_VA_MAPPING", "SET_GDT", "MEMORY_OP", "UPDATE_DESCRIPTOR"]) {
    expect(kernel.succeeded.get(name) ?? 0, name).toBeGreaterThan(0);
  }
});
