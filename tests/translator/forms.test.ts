/**
 * Every operation, form and width in translated code: random short blocks of the table's instructions as regions, with their addresses
 * in the TLB and without, against the generic functions step by step. And the lists of what is lowered.
 */
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { Op } from "../../assembly/abi/op.js";
import { INTERPRETED } from "../../src/translator/interpreted.js";
import { LOWERINGS } from "../../src/translator/lower.js";
import { BRANCHES } from "../../src/translator/transfers.js";
import { interpreted } from "../../src/translator/lower/lowering.js";
import { BlockComparison, type Series } from "../agreement/block-comparison.js";

const BLOCKS = 1_500;

it.each([
  { bitness: 32, operations: "hot", seed: 0x2545f491, blocks: BLOCKS },
  { bitness: 32, operations: "all", seed: 0x01234567, blocks: BLOCKS },
] as Series[])("regions and single steps give the same state, operations: $operations", (series) => {
  const comparison = new BlockComparison("regions");
  expect(comparison.run(series)).toEqual([]);
  expect(comparison.regions).toBeGreaterThan(BLOCKS / 2);
});

it("an operation is lowered, a branch, or interpreted in line by name", () => {
  const operations = Object.values(Op).filter((op) => typeof op === "number");
  const unlowered = new Set<Op>([...INTERPRETED, ...BRANCHES]);
  expect(unlowered.size).toBe(INTERPRETED.length + BRANCHES.length);
  expect(operations.filter((op) => (LOWERINGS[op] === interpreted) !== unlowered.has(op))).toEqual([]);
});

it("docs/translation.md names what is interpreted in line", () => {
  const text = readFileSync(new URL("../../docs/translation.md", import.meta.url), "utf8");
  const paragraph = /INTERPRETED[^:]*: x87, and\n\n([^.]*)\./.exec(text)?.[1] ?? "";
  const named = [...paragraph.matchAll(/`(\w+)`/g)].map((match) => match[1]);
  const x87 = (op: Op) => op === Op.WAIT || (op >= Op.FADD && op <= Op.FNSAVE);
  expect(named).toEqual(INTERPRETED.filter((op) => !x87(op)).map((op) => Op[op]));
  expect(INTERPRETED.filter((op) => x87(op) && !/^(F|WAIT)/.test(Op[op]))).toEqual([]);
});
