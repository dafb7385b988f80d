/** The fast paths against the generic functions on blocks nobody has seen: new seeds every run, printed. */
import { describe, expect, it } from "vitest";
import { BlockComparison, type Series } from "./block-comparison.js";

const BLOCKS = 100_000;
const SEED = Number(process.env.VMEXIT_SEED ?? Date.now()) | 1;

describe(`blocks and single steps give the same state (VMEXIT_SEED=${SEED})`, () => {
  const comparison = new BlockComparison();

  it.each([
    { bitness: 32, operations: "hot", seed: SEED, blocks: BLOCKS },
    { bitness: 32, operations: "all", seed: SEED + 2, blocks: BLOCKS },
    { bitness: 16, operations: "hot", seed: SEED + 4, blocks: BLOCKS },
    { bitness: 16, operations: "all", seed: SEED + 6, blocks: BLOCKS },
  ] as Series[])("in $bitness-bit code, operations: $operations", (series) => {
    expect(comparison.run(series)).toEqual([]);
  });
});
