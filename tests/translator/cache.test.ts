/** The cache of regions is bounded: what does not fit makes the oldest leave, and the guest does not notice. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { createMachine, type Machine } from "../../src/machine/machine.js";
import type { Engine } from "../../src/machine/machine-config.js";
import type { Translator } from "../../src/translator/translator.js";
import { inRoot } from "../cli/vmexit.js";

const INSTRUCTIONS = 12_000_000;

function machine(engine: Engine): Machine {
  const path = inRoot("roms/bench/coremark.elf");
  return createMachine({ image: readFileSync(path), name: path, commandLine: "n=1000", memoryBytes: 4 << 20, engine });
}

const expected = (() => {
  const m = machine("interpreter");
  m.run({ maxInstructions: INSTRUCTIONS });
  return m.stateHash();
})();

/** Statistics of a run whose cache has these limits. */
function run(limits: { regions: number; bytes: number }) {
  const m = machine("translator");
  const translator = m.translator as Translator;
  translator.cache.limits = limits;
  m.run({ maxInstructions: INSTRUCTIONS });
  expect(m.stateHash()).toBe(expected);
  return translator.statistics();
}

const MANY = { regions: 4_000, bytes: 1 << 24 };

test("what fits stays", () => {
  const { regions, live, dropped, invalidated, evicted, liveBytes, bytes } = run(MANY);
  expect(evicted).toBe(0);
  expect(live).toBe(regions - dropped - invalidated);
  expect(live).toBeGreaterThan(3);
  expect(liveBytes).toBeLessThanOrEqual(bytes);
});

test("a full table evicts region by region", () => {
  const { regions, live, evicted } = run({ ...MANY, regions: 2 });
  expect(live).toBeLessThanOrEqual(2);
  expect(evicted).toBeGreaterThan(0);
  expect(regions).toBeGreaterThan(evicted);
});

test("so does a bound in bytes; a region larger than that has the cache for itself", () => {
  const bytes = 6_000;
  const { live, liveBytes, evicted } = run({ ...MANY, bytes });
  expect(evicted).toBeGreaterThan(0);
  expect(live === 1 || liveBytes <= bytes).toBe(true);
});

test("the same run makes the same regions", () => {
  const strip = ({ milliseconds, ...counts }: ReturnType<typeof run>) => counts;
  expect(strip(run(MANY))).toEqual(strip(run(MANY)));
});
