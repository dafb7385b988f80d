/** All committed native vectors in virtual machines. */
import { describe, expect, test } from "vitest";
import { MISMATCHES_SHOWN, mismatches, WAYS } from "./native-vectors.js";

describe.each(WAYS)("under %s with %s", (vmm, mmu) => {
  test("every vector agrees", { timeout: 120_000 }, () => {
    const found = mismatches(vmm, mmu, 1);
    expect(found.run).toBeGreaterThan(100_000);
    expect(found.wrong.slice(0, MISMATCHES_SHOWN)).toEqual([]);
  });
});
