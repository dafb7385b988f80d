/**
 * Not only the end: a virtual machine that is stopped on the way is in the state the bare machine is in after as many
 * instructions, and being stopped and looked at changes nothing.
 */
import { describe, expect, test } from "vitest";
import type { Engine } from "../../src/index.js";
import { type Driver, type Outcome, runGuest } from "../lockstep/guest-runs.js";
import { guest, reference, WAYS, type Way } from "./ways.js";

/** Looks at a machine in one run. */
const LOOKS = 24;

/** Guests, how many instructions lie between two looks at them, and their RAM: hashing all of it is what takes time. */
const LOOKED_AT: readonly (readonly [name: string, append: string, pieces: number, megabytes: number])[] = [
  ["hello", "", 9, 4],
  ["minikernel", "", 30_011, 16],
  ["faults", "", 4409, 4],
  ["privilege", "", 1201, 4],
  ["segments", "", 2011, 4],
  ["tasks", "", 1499, 4],
  ["paging", "", 40_009, 16],
  ["realmode", "", 1601, 4],
  ["debug", "", 1709, 4],
  ["bench/smc", "n=20", 751, 4],
  ["bench/syscall", "n=4", 1001, 4],
  ["bench/cr3switch", "n=5", 1003, 4],
];

/** What was seen of a run. */
interface Seen {
  states: string[];
  outcome: Outcome;
}

/** Stops `LOOKS` times, every `pieces` instructions, notes the state, and goes on to the end. */
function look(name: string, append: string, pieces: number, megabytes: number, engine: Engine, way: Way): Seen {
  const states: string[] = [];
  const driver: Driver = (machine) => {
    for (let i = 0; i < LOOKS; i++) {
      const { exit } = machine.run({ maxInstructions: pieces });
      states.push(`${machine.instructions} ${machine.ticks} ${machine.cpu.eip.toString(16)} ${machine.stateHash()}`);
      if (exit.kind !== "budget") return exit;
    }
    return machine.run().exit;
  };
  return { states, outcome: runGuest(guest(name, append), engine, driver, { ...way, memoryBytes: megabytes << 20 }) };
}

const noted = new Map<string, Seen>();

/** Tests that say so on one engine: the fast suite has one, the long one the other. */
export function sameStatesOnTheWay(engine: Engine): void {
  describe.each(Object.entries(WAYS))(`%s, ${engine}`, (_name, way) => {
    test.each(LOOKED_AT)("%s %s: the same states on the way", (name, append, pieces, megabytes) => {
      const key = `${name} ${reference(way).isa}`;
      const expected = noted.get(key) ?? look(name, append, pieces, megabytes, "interpreter", reference(way));
      noted.set(key, expected);
      expect(look(name, append, pieces, megabytes, engine, way)).toEqual(expected);
    });
  });
}
