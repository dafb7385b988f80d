/**
 * The paravirtual guests of roms/: what they print, on both engines; and that a run in pieces is the same run.
 */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { pvRuns, transcriptPath } from "../../../roms/guests.mjs";
import { atOnce, inPieces, inTimeSlices, runGuest } from "../../lockstep/guest-runs.js";
import { Random } from "../../random.js";
import { ENGINES } from "../ways.js";

const SEED = 20261121;
const PV = { vmm: "pv" } as const;

describe.each(ENGINES)("%s", (engine) => {
  test.each(pvRuns())("$name $append prints its transcript", (run) => {
    const { transcript, exit } = runGuest(run, engine, atOnce, PV);
    expect(transcript).toBe(readFileSync(transcriptPath(run), "latin1"));
    expect(exit).toEqual(run.exitCode === 0 ? { kind: "powered-off" } : { kind: "guest-exit", code: run.exitCode });
  });

  test.each(pvRuns())("$name $append in pieces is the same run", (run) => {
    const random = new Random(SEED);
    const expected = runGuest(run, "interpreter", atOnce, PV);
    const pieces = inPieces(() => random.between(1, 20_000));
    expect(runGuest(run, engine, pieces, PV)).toEqual(expected);
    expect(
      runGuest(
        run,
        engine,
        inTimeSlices(() => random.between(1, 20_000)),
        PV,
      ),
    ).toEqual(expected);
  });
});

test("minikernel-pv differs from minikernel in the line that tells its rings", () => {
  const lines = (name: string) =>
    readFileSync(new URL(`../../../roms/${name}.txt`, import.meta.url), "latin1").split("\n");
  const [native, domain] = [lines("minikernel"), lines("minikernel-pv")];
  expect(domain.length).toBe(native.length);
  expect(domain.filter((line, i) => line !== native[i])).toEqual([
    "  segments    flat; ring 1 and ring 3; a monitor below",
  ]);
});
