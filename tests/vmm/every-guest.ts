/** Every guest of roms/ in a virtual machine comes to exactly what it comes to on the bare machine. */
import { describe, expect, test } from "vitest";
import type { Engine } from "../../src/index.js";
import { atOnce, runGuest } from "../lockstep/guest-runs.js";
import { bare, runs, type Way } from "./ways.js";

/** Tests that say so for each way, on one engine: the fast suite has one engine, the long one the other. */
export function everyGuest(ways: Readonly<Record<string, Way>>, engine: Engine): void {
  describe.each(Object.entries(ways))(`%s, ${engine}`, (_name, way) => {
    test.each(runs())("$name $append", (run) => {
      expect(runGuest(run, engine, atOnce, way)).toEqual(bare(run, way, atOnce));
    });
  });
}
