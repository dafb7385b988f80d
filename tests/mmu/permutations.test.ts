/**
 * Every combination of the entry bits of a page, in every paging mode, for every kind of access, against the SDM's tables.
 * Each case runs cold and with the translations it left; step by step, a part of them (the long suite has the rest).
 */
import { describe, expect, test } from "vitest";
import { CORES, PagingMachine } from "./paging-machine.js";
import { pairs, runAll, SETUPS, singles } from "./permutation-cases.js";

const ENGINES = [
  { engine: "run", every: 1 },
  { engine: "step", every: 7 },
] as const;

describe.each(SETUPS)("$name, $core", ({ pae, pse, core }) => {
  describe.each(ENGINES)("$engine", ({ engine, every }) => {
    test.each([false, true])("every combination of entry bits, CR0.WP %s", (wp) => {
      const machine = new PagingMachine(CORES[core]!, { pae, pse, wp });
      const { wrong, count } = runAll(machine, engine, singles(pae, pse), every);
      expect(wrong).toEqual([]);
      expect(count).toBeGreaterThan(15_000);
    });

    test("two pages that both may fault", () => {
      const machine = new PagingMachine(CORES[core]!, { pae, pse, wp: true });
      const { wrong, count } = runAll(machine, engine, pairs(pae, pse), every);
      expect(wrong).toEqual([]);
      expect(count).toBeGreaterThan(1_000);
    });
  });
});
