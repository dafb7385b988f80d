/**
 * Every combination of the entry bits of a page, step by step through the generic functions.
 */
import { describe, expect, test } from "vitest";
import { CORES, PagingMachine } from "./paging-machine.js";
import { pairs, runAll, SETUPS, singles } from "./permutation-cases.js";

describe.each(SETUPS)("$name, $core, step by step", ({ pae, pse, core }) => {
  test.each([false, true])("every combination of entry bits, CR0.WP %s", (wp) => {
    const machine = new PagingMachine(CORES[core]!, { pae, pse, wp });
    expect(runAll(machine, "step", singles(pae, pse)).wrong).toEqual([]);
    expect(runAll(machine, "step", pairs(pae, pse)).wrong).toEqual([]);
  });
});
