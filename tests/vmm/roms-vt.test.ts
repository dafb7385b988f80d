/** Every guest of roms/ under the hardware-assisted monitor comes to exactly what it comes to on the bare machine. */
import { describe, expect, test } from "vitest";
import { atOnce, runGuest } from "../lockstep/guest-runs.js";
import { bare, ENGINES, runs, VT } from "./ways.js";

for (const [name, way] of Object.entries(VT)) {
  describe.each(ENGINES)(`${name}, %s`, (engine) => {
    test.each(runs())("$name $append", (run) => {
      expect(runGuest(run, engine, atOnce, way)).toEqual(bare(run, way, atOnce));
    });
  });
}
