/**
 * Translated code does what the interpreter does, instruction by instruction: random programs, and the cases that random programs
 * have found before.
 */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { fuzz } from "./fuzz.js";
import { assemble, generate } from "./generator.js";
import { NO_TROUBLE, runPair, TROUBLE } from "./pair.js";
import { caseLine, differs, parseCase, shrink } from "./shrink.js";

const FIRST_SEED = 1_000;
const INSTRUCTIONS = 600_000;

/** Programs that once showed a mistake: budget tails, stores through CS, accessed flags of pages that are not reached. */
const SEEDS = [9, 40, 41, 56, 78, 83, 91, 156, 157, 174, 287];

const CASES = readFileSync(new URL("cases.txt", import.meta.url), "utf8")
  .split("\n")
  .filter((line) => line !== "" && !line.startsWith("#"));

test(`random programs from seed ${FIRST_SEED} on`, { timeout: 120_000 }, () => {
  const report = fuzz(FIRST_SEED, INSTRUCTIONS);
  expect(report.failures).toEqual([]);
  expect(report.stale).toBeLessThanOrEqual(1 + report.programs / 200);
  expect(report.regions).toBeGreaterThan(report.programs * 10);
  expect(report.translated).toBeGreaterThan(report.regions * 3);
});

describe("programs that have differed before", () => {
  test.each(SEEDS)("seed %i", (seed) => {
    const program = assemble(generate(seed));
    expect(runPair(program, seed, TROUBLE).difference).toBeUndefined();
    expect(runPair(program, seed, NO_TROUBLE).difference).toBeUndefined();
  });

  test.each(CASES.map((line, i) => [i + 1, line] as const))("case %i of cases.txt", (_, line) => {
    expect(differs(parseCase(line))).toBeUndefined();
  });
});

test("a difference is seen", () => {
  const program = assemble(generate(1));
  const { difference } = runPair(program, 1, { ...NO_TROUBLE, corrupt: 20 });
  expect(difference).toMatch(/interpreter .*, translator /);
});

test("a program is made smaller as long as it fails, and a case line holds all of it", () => {
  const hasImul = (code: Uint8Array) => Buffer.from(code).includes(Buffer.from([0x0f, 0xaf]));
  let seed = 2;
  while (!hasImul(assemble(generate(seed)).code)) seed++;
  const source = generate(seed);
  const before = assemble(source).code.length;
  let runs = 0;
  const small = shrink(source, 2, 400, (c) => {
    runs++;
    return hasImul(c.program.code) ? "has an IMUL" : undefined;
  });
  expect(runs).toBeGreaterThan(10);
  expect(small.program.code.length).toBeLessThan(before / 2);
  expect(hasImul(small.program.code)).toBe(true);
  expect(parseCase(caseLine(small))).toEqual(small);
  expect(() => parseCase("kernel,calm 1 90")).toThrow("expected");
});
