/** Virtual machines that are stopped on the way, and that run in random slices. */
import { describe, expect, test } from "vitest";
import { atOnce, inPieces, inTimeSlices, runGuest } from "../lockstep/guest-runs.js";
import { Random } from "../random.js";
import { sameStatesOnTheWay } from "./states-on-the-way.js";
import { bare, guest, WAYS } from "./ways.js";

const SEED = 20261121;

sameStatesOnTheWay("interpreter");

describe.each(Object.entries(WAYS))("%s in random slices", (_name, way) => {
  test.each([["minikernel"], ["segments"], ["tasks"]])("%s", (name) => {
    const run = guest(name);
    const random = new Random(SEED);
    const whole = bare(run, way, atOnce);
    expect(
      runGuest(
        run,
        "interpreter",
        inPieces(() => random.between(1, 5000)),
        way,
      ),
    ).toEqual(whole);
    expect(
      runGuest(
        run,
        "translator",
        inTimeSlices(() => random.between(1, 5000)),
        way,
      ),
    ).toEqual(whole);
  });
});
