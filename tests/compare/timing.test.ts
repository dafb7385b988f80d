/** What rounds come to. */
import { expect, it } from "vitest";
import { hostTime, summarize } from "../../src/compare/timing.js";

it("the lower quartile, and the distance to the fastest", () => {
  expect(summarize([5, 1, 3, 2, 4])).toEqual({ typical: 2, spread: 0.5 });
  expect(summarize([7])).toEqual({ typical: 7, spread: 0 });
  expect(summarize([0, 0, 1])).toMatchObject({ typical: 0, spread: 0 });
  // A round that was disturbed does not count.
  expect(summarize([10, 10, 10, 10, 9000]).typical).toBe(10);
});

it("a ratio needs a measure", () => {
  expect(hostTime([20, 20], [10, 10]).ratio).toBe(2);
  expect(hostTime([20], []).ratio).toBeUndefined();
  expect(hostTime([20], [0]).ratio).toBeUndefined();
});
