/**
 * What comes from outside: keys, serial input and NMIs at random times meet a virtual machine in the same instruction as the bare
 * machine, also an NMI that waits for the end of another's handler, and take it the same way.
 */
import { describe, expect, test } from "vitest";
import type { Machine } from "../../src/index.js";
import { type Driver, runGuest } from "../lockstep/guest-runs.js";
import { Random } from "../random.js";
import { bare, ENGINES, guest, WAYS } from "./ways.js";

const SEEDS = (process.env.VMEXIT_SEED ?? "424242").split(" ").map(Number);
/** Times a machine is disturbed. */
const EVENTS = 300;

/** Does one of the things that can happen to a machine, or none. */
function disturb(machine: Machine, random: Random): void {
  switch (random.below(6)) {
    case 0:
      machine.board.raiseNmi();
      break;
    case 1:
      machine.sendSerial("x");
      break;
    case 2:
      machine.pressKey("a");
      break;
  }
}

/** The driver of each seed: the same function each time, so that the bare machine's run is kept. */
const DRIVERS: [number, Driver][] = SEEDS.map((seed) => {
  const drivers: Record<string, Driver> = {
    [`disturbed ${seed}`]: (machine) => {
      const random = new Random(seed);
      for (let i = 0; i < EVENTS; i++) {
        const { exit } = machine.run({ maxInstructions: random.between(1, 3000) });
        if (exit.kind !== "budget") return exit;
        disturb(machine, random);
      }
      return machine.run({ maxInstructions: 1_000_000 }).exit;
    },
  };
  return [seed, drivers[`disturbed ${seed}`]!];
});

const GUESTS = ["faults", "privilege", "segments", "debug"].map((name) => guest(name));

describe.each(Object.entries(WAYS))("%s", (_name, way) => {
  describe.each(DRIVERS)("seed %i", (_seed, driver) => {
    test.each(GUESTS)("$name", (run) => {
      const expected = bare(run, way, driver);
      for (const engine of ENGINES) expect(runGuest(run, engine, driver, way)).toEqual(expected);
    });
  });
});
