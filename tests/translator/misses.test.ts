import { expect, test } from "vitest";
import { Cell } from "../../assembly/abi/region.js";
import { leastStage, Misses, Stage } from "../../src/translator/misses.js";

/** A memory with one MISS cell at 0 that was taken `taken` times. */
function cells(taken: number): DataView {
  const view = new DataView(new ArrayBuffer(Cell.SIZE));
  view.setUint32(Cell.TAKEN, taken, true);
  return view;
}

test("what missed goes to the stage behind the one it was emitted at, in every region", () => {
  const misses = new Misses();
  const missed = (stage: number) => misses.learn(cells(64), new Map([[0, { eip: 0x1000, stage }]]));
  expect(missed(Stage.CHECK)(0x1000)).toBe(Stage.REFILL);
  expect(missed(Stage.CHECK)(0x1000), "a second region had the same instruction at the first stage").toBe(Stage.REFILL);
  expect(missed(Stage.REFILL)(0x1000)).toBe(Stage.INTERPRET);
  expect(missed(Stage.INTERPRET)(0x1000)).toBe(Stage.INTERPRET);
  expect(misses.learn(cells(0))(0x1000)).toBe(Stage.INTERPRET);
  expect(misses.learn(cells(0))(0x1004)).toBe(Stage.CHECK);
  misses.clear();
  expect(misses.learn(cells(0))(0x1000)).toBe(Stage.CHECK);
});

test("an instruction that missed a few times stays at its stage", () => {
  const stages = new Misses().learn(cells(3), new Map([[0, { eip: 0x1000, stage: Stage.CHECK }]]));
  expect(stages(0x1000)).toBe(Stage.CHECK);
});

test("two instructions of a node that refill have all others refill", () => {
  const stages = (eip: number) => (eip < 3 ? Stage.REFILL : Stage.CHECK);
  expect(leastStage([1, 5, 6], stages)).toBe(Stage.CHECK);
  expect(leastStage([1, 2, 5, 6], stages)).toBe(Stage.REFILL);
});
