/** Random machines in virtual machines that nobody has seen: a new seed every run, printed; `VMEXIT_SEED` repeats one. */
import { describe, expect, test } from "vitest";
import { ENGINES } from "./ways.js";
import { EXACT_WAYS, runVmSeries } from "./vm-fuzz.js";

const SEED = Number(process.env.VMEXIT_SEED ?? Date.now() % 0x7fffffff);
/** Machines for each engine and way; `VMEXIT_LONG_MACHINES` says otherwise. */
const MACHINES = Number(process.env.VMEXIT_LONG_MACHINES ?? 300);

describe.each(ENGINES)("%s", (engine) => {
  test.each(Object.entries(EXACT_WAYS))(`%s (VMEXIT_SEED=${SEED})`, { timeout: 600_000 }, (_name, way) => {
    console.log(`VMEXIT_SEED=${SEED}`);
    const series = { seed: SEED, machines: MACHINES, ticks: 4_000 };
    const { failure, stale } = runVmSeries(way, series, engine === "translator");
    expect(failure).toBe(undefined);
    expect(stale).toBeLessThan(MACHINES / 10);
  });
});
