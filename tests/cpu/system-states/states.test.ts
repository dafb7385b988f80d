import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { runHere, statesRom } from "./machines.js";

/** Seeds and what Bochs makes of their states: see record.long.test.ts. */
const RECORDED = new Map(
  readFileSync(new URL("recorded.txt", import.meta.url), "utf8")
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => [Number(line.slice(0, line.indexOf(" "))), line.slice(line.indexOf(" ") + 1)]),
);

/** States whose end differs from the record. */
function wrong(seeds: readonly number[], engine: "blocks" | "step"): string[] {
  const rest = [...seeds];
  const out: string[] = [];
  while (rest.length > 0) {
    const { rom, seeds: taken } = statesRom(rest);
    rest.splice(0, taken.length);
    const found = runHere(rom, engine);
    taken.forEach((seed, i) => {
      const expected = RECORDED.get(seed);
      if (found.get(i) !== expected) out.push(`state ${seed}: expected ${expected}, found ${found.get(i)}`);
    });
  }
  return out;
}

test("every recorded system state ends as it does in Bochs", () => {
  expect(RECORDED.size).toBeGreaterThan(900);
  expect(wrong([...RECORDED.keys()], "blocks")).toEqual([]);
});

test("system states end the same when every instruction is a step of its own", () => {
  expect(wrong([...RECORDED.keys()].slice(0, 20), "step")).toEqual([]);
});
