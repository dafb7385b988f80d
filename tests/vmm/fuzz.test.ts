/** Random machines in virtual machines come to the state of the bare machine, under every monitor; none writes a neighbour or leaks a frame. */
import { expect, test } from "vitest";
import { EXACT_WAYS, runVmSeries } from "./vm-fuzz.js";

const SEED = Number(process.env.VMEXIT_SEED ?? 20260102);
const MACHINES = 18;

test.each(Object.entries(EXACT_WAYS))(`%s (VMEXIT_SEED=${SEED})`, (name, way) => {
  const { failure, ticks, direct, stale } = runVmSeries(way, { seed: SEED, machines: MACHINES, ticks: 1_500 });
  expect(failure).toBe(undefined);
  expect(stale).toBeLessThan(3);
  expect(ticks).toBeGreaterThan(MACHINES * 1_000);
  // Kernel code, which most of it is, runs directly but under hybrid.
  if (!name.startsWith("hybrid")) expect(direct / ticks).toBeGreaterThan(0.1);
});
