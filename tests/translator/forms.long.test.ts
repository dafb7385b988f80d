/** Translated code against the generic functions on blocks nobody has seen: new seeds every run, printed. */
import { expect, it } from "vitest";
import { BlockComparison, type Series } from "../agreement/block-comparison.js";

const BLOCKS = 10_000;
const SEED = Number(process.env.VMEXIT_SEED ?? Date.now()) | 1;

it.each([
  { bitness: 32, operations: "hot", seed: SEED, blocks: BLOCKS },
  { bitness: 32, operations: "all", seed: SEED + 2, blocks: BLOCKS },
] as Series[])(
  `regions and single steps give the same state (VMEXIT_SEED=${SEED}), operations: $operations`,
  (series) => {
    expect(new BlockComparison("regions").run(series)).toEqual([]);
  },
);
