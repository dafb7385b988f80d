/** The guests too long for the fast suite, step by step through the generic functions. */
import { describe, expect, test } from "vitest";
import { atOnce, ENGINES, guestRuns, runGuest, stepByStep } from "./guest-runs.js";

describe.each(ENGINES)("%s", (engine) => {
  test.each(guestRuns())("$name $append", (run) => {
    expect(runGuest(run, engine, stepByStep)).toEqual(runGuest(run, engine, atOnce));
  });
});
