/**
 * Native vectors in virtual machines: what the host's processor recorded holds under non-root operation on both memory maps, too.
 * A sample of the committed file; the long suite takes all of it.
 */
import { describe, expect, test } from "vitest";
import { MISMATCHES_SHOWN, mismatches, WAYS } from "./native-vectors.js";

const SHARE = 16;

describe.each(WAYS)("under %s with %s", (vmm, mmu) => {
  test("a sample of the vectors agrees", { timeout: 60_000 }, () => {
    const found = mismatches(vmm, mmu, SHARE);
    expect(found.run).toBeGreaterThan(6_000);
    expect(found.wrong.slice(0, MISMATCHES_SHOWN)).toEqual([]);
  });
});
