/**
 * Fresh x87 vectors, recorded on this processor with a new seed. VMEXIT_SEED repeats a run, VMEXIT_LONG_VECTORS changes the count.
 * The vectors are those of an x86 host: elsewhere, and without gcc, the test fails and says so.
 */
import { execFileSync } from "node:child_process";
import { randomInt } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, it } from "vitest";
import { compareFunctions } from "./functions.js";
import { compareVectors, readVectors } from "./vectors.js";

const SOURCE = fileURLToPath(new URL("../oracle/x87.c", import.meta.url));
/** Vectors held in memory at a time. */
const BATCH = 100_000;

/** A whole number from the environment, or the default. Throws if it is something else. */
function setting(name: string, fallback: number): number {
  const text = process.env[name];
  if (text === undefined || text === "") return fallback;
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0 || value > 0xffffffff) {
    throw new Error(`${name}: expected a whole number below 2^32 and found "${text}"`);
  }
  return value;
}

const seed = setting("VMEXIT_SEED", randomInt(0x100000000 - 1));
const count = setting("VMEXIT_LONG_VECTORS", 500_000);
const folder = mkdtempSync(join(tmpdir(), "vmexit-x87-"));
const program = join(folder, "x87");

function record(batch: number, vectors: number, ...more: string[]) {
  return readVectors(execFileSync(program, [String(seed + batch), String(vectors), ...more], { maxBuffer: 2 ** 30 }));
}

beforeAll(() => {
  execFileSync("gcc", ["-O1", "-Wall", "-Wextra", "-o", program, SOURCE], { stdio: "inherit" });
  console.log(`x87 vectors: VMEXIT_SEED=${seed}, ${count} vectors`);
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

it("fresh vectors agree with this processor", () => {
  let wrong = 0;
  const lines: string[] = [];
  for (let done = 0; done < count; done += BATCH) {
    const found = compareVectors(record(done, Math.min(BATCH, count - done)));
    wrong += found.wrong;
    lines.push(...found.lines);
  }
  expect(lines, `VMEXIT_SEED=${seed}`).toEqual([]);
  expect(wrong).toBe(0);
});

it("fresh transcendental functions are within one unit in the last place", () => {
  const { compared, lines } = compareFunctions(record(0, Math.ceil(count / 10), "transcendental"));
  expect(compared).toBeGreaterThan(0);
  expect(lines, `VMEXIT_SEED=${seed}`).toEqual([]);
});
