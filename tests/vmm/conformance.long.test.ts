/** All committed native vectors, all cases, and all real-mode vectors that are there, in virtual machines. */
import { describe, expect, test } from "vitest";
import { wrongCases } from "./instruction-cases.js";
import { MISMATCHES_SHOWN, mismatches, WAYS as NATIVE_WAYS } from "./native-vectors.js";
import { HAS_VECTORS, realModeReport } from "./real-mode-vectors.js";
import { VT, WAYS } from "./ways.js";

describe.each(NATIVE_WAYS)("under %s with %s", (vmm, mmu) => {
  test("every vector agrees", { timeout: 120_000 }, () => {
    const found = mismatches(vmm, mmu, 1);
    expect(found.run).toBeGreaterThan(100_000);
    expect(found.wrong.slice(0, MISMATCHES_SHOWN)).toEqual([]);
  });
});

test.each(Object.entries(WAYS))(
  "%s: every case, most of them not by interpretation",
  { timeout: 120_000 },
  (_, way) => {
    const found = wrongCases(way, 1);
    expect(found.run).toBeGreaterThan(800);
    expect(found.direct).toBeGreaterThan(2_000);
    expect(found.wrong.slice(0, MISMATCHES_SHOWN)).toEqual([]);
  },
);

test.runIf(HAS_VECTORS).each(Object.entries(VT))("%s: every real-mode vector", { timeout: 120_000 }, (_name, way) => {
  const { passed, mismatches: wrong } = realModeReport(way, 1);
  expect(wrong).toEqual([]);
  expect(passed).toBeGreaterThan(100_000);
});
