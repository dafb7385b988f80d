/** Every guest of roms/ under binary translation comes to exactly what it comes to on the bare machine, on the plain ia32 too. */
import { describe, expect, test } from "vitest";
import { atOnce, runGuest } from "../lockstep/guest-runs.js";
import { bare, ENGINES, runs, TRANSLATED } from "./ways.js";

for (const [name, way] of Object.entries(TRANSLATED)) {
  describe.each(ENGINES)(`${name}, %s`, (engine) => {
    test.each(runs())("$name $append", (run) => {
      expect(runGuest(run, engine, atOnce, way)).toEqual(bare(run, way, atOnce));
    });
  });
}
