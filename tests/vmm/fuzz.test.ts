/** Random machines in virtual machines come to the state of the bare machine, under every monitor; none writes a neighbour or leaks a frame. */
import { describe, expect, test } from "vitest";
import { ENGINES } from "./ways.js";
import { EXACT_WAYS, runVmSeries } from "./vm-fuzz.js";

const SEED = Number(process.env.VMEXIT_SEED ?? 20260102);
const MACHINES = 9;

describe.each(ENGINES)("%s", (engine) => {
  test.each(Object.entries(EXACT_WAYS))(`%s (VMEXIT_SEED=${SEED})`, (name, way) => {
    const eager = engine === "translator";
    const series = { seed: SEED + (eager ? 1 : 0), machines: MACHINES, ticks: 1_500 };
    const { failure, ticks, direct, regions, stale } = runVmSeries(way, series, eager);
    expect(failure).toBe(undefined);
    expect(stale).toBeLessThan(3);
    expect(ticks).toBeGreaterThan(MACHINES * 1_000);
    // Kernel code, which most of it is, runs directly but under hybrid.
    if (!name.startsWith("hybrid")) expect(direct / ticks).toBeGreaterThan(0.1);
    expect(regions > 20).toBe(eager);
  });
});
