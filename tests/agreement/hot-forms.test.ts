/**
 * The interpreter's fast paths against its generic functions on fixed random blocks: same registers, flags, RAM, exit and
 * virtual time. The long suite does the same with new seeds.
 */
import { beforeAll, describe, expect, it } from "vitest";
import { BlockComparison, type Series } from "./block-comparison.js";

const BLOCKS = 4_000;

describe("blocks and single steps give the same state", () => {
  let comparison: BlockComparison;

  beforeAll(() => {
    comparison = new BlockComparison();
  });

  it.each([
    { bitness: 32, operations: "hot", seed: 0x2545f491, blocks: BLOCKS },
    { bitness: 32, operations: "all", seed: 0x01234567, blocks: BLOCKS },
    { bitness: 16, operations: "hot", seed: 0x07654321, blocks: BLOCKS },
    { bitness: 16, operations: "all", seed: 0x3c6ef372, blocks: BLOCKS },
  ] as Series[])("in $bitness-bit code, operations: $operations", (series) => {
    const before = comparison.blocksDecoded;
    expect(comparison.run(series)).toEqual([]);
    expect(comparison.blocksDecoded - before).toBeGreaterThan(BLOCKS);
  });
});
