/**
 * Lockstep fuzzing at length. VMEXIT_LONG_INSNS: guest instructions (default 20 million, about five minutes); VMEXIT_SEED: the
 * first seed (default: drawn, and printed).
 */
import { expect, test } from "vitest";
import { fuzz } from "./fuzz.js";

const INSTRUCTIONS = Number(process.env.VMEXIT_LONG_INSNS ?? 20_000_000);
const SEED = Number(process.env.VMEXIT_SEED ?? 1_000_000 + Math.floor(Math.random() * 1_000_000_000));
const HOUR = 3_600_000;

test(`${INSTRUCTIONS} instructions of random programs from seed ${SEED} on`, { timeout: 4 * HOUR }, () => {
  const report = fuzz(SEED, INSTRUCTIONS);
  console.log(
    `lockstep: seeds ${SEED} to ${SEED + report.programs - 1}, ${report.instructions} instructions, ` +
      `${report.regions} regions of ${report.translated} instructions, ${report.failures.length} differences`,
  );
  expect(report.failures).toEqual([]);
  expect(report.stale).toBeLessThanOrEqual(1 + report.programs / 200);
});
