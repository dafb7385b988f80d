/**
 * Instruction tests in virtual machines: native vectors under non-root operation on both memory maps, the one-instruction cases under every
 * monitor, real-mode vectors where they are there. A sample; the long suite takes all of them.
 */
import { describe, expect, test } from "vitest";
import { wrongCases } from "./instruction-cases.js";
import { MISMATCHES_SHOWN, mismatches, WAYS as NATIVE_WAYS } from "./native-vectors.js";
import { HAS_VECTORS, realModeReport } from "./real-mode-vectors.js";
import { VT, WAYS } from "./ways.js";

const SHARE = 16;

describe.each(NATIVE_WAYS)("under %s with %s", (vmm, mmu) => {
  test("a sample of the vectors agrees", { timeout: 60_000 }, () => {
    const found = mismatches(vmm, mmu, SHARE);
    expect(found.run).toBeGreaterThan(6_000);
    expect(found.wrong.slice(0, MISMATCHES_SHOWN)).toEqual([]);
  });
});

test.each(Object.entries(WAYS))("%s: a sample of the cases", (_name, way) => {
  const found = wrongCases(way, SHARE);
  expect(found.run).toBeGreaterThan(40);
  expect(found.wrong.slice(0, MISMATCHES_SHOWN)).toEqual([]);
});

test.runIf(HAS_VECTORS).each(Object.entries(VT))("%s: a sample of the real-mode vectors", (_name, way) => {
  const { passed, mismatches: wrong } = realModeReport(way, 4 * SHARE);
  expect(wrong).toEqual([]);
  expect(passed).toBeGreaterThan(1_500);
});
