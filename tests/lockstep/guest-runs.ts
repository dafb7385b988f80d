/**
 * The guests of roms/ run to their end in different ways: at once, in pieces, step by step through the generic functions.
 * Whatever the way, the outcome has to be the same.
 */
import { readFileSync } from "node:fs";
import { ExitReason } from "../../assembly/abi/exit.js";
import { createMachine, type Engine, type Machine, type MachineConfig, type RunExit } from "../../src/index.js";

const ROMS = new URL("../../roms/", import.meta.url);
const MEMORY_BYTES = 16 << 20;

/** A line of roms/manifest.json. */
export interface GuestRun {
  name: string;
  append: string;
  /** Typed on the serial port, a line each time the guest prints `prompt`. */
  input?: string;
  prompt?: string;
}

/** The engines whose runs must agree. */
export const ENGINES: Engine[] = ["interpreter"];

/** Every guest with its command line. */
export function guestRuns(): GuestRun[] {
  return JSON.parse(readFileSync(new URL("manifest.json", ROMS), "utf8"));
}

/** What a run came to. */
export interface Outcome {
  exit: RunExit;
  instructions: number;
  ticks: number;
  transcript: string;
  stateHash: string;
}

/** How a machine is driven to the end of its guest. */
export type Driver = (machine: Machine) => RunExit;

/** In one call. */
export const atOnce: Driver = (machine) => machine.run().exit;

/** In calls of as many instructions as `next` says. */
export function inPieces(next: () => number): Driver {
  return (machine) => {
    for (;;) {
      const { exit } = machine.run({ maxInstructions: next() });
      if (exit.kind !== "budget") return exit;
    }
  };
}

/** In calls of random amounts of virtual time. */
export function inTimeSlices(next: () => number): Driver {
  return (machine) => {
    for (;;) {
      const { exit } = machine.run({ maxVirtualSeconds: next() / machine.clockHz });
      if (exit.kind !== "budget") return exit;
    }
  };
}

/** In one call, but every instruction through its generic function. */
export const stepByStep: Driver = (machine) => {
  const { core } = machine;
  core.run = (budget) => {
    const end = core.time + budget;
    while (core.time < end) {
      const reason = core.stepOnce();
      if (reason !== ExitReason.BUDGET) return reason;
    }
    return ExitReason.BUDGET;
  };
  return machine.run().exit;
};

/** Runs 32-bit code at 1 MB, entered in protected mode with flat segments and interrupts off. */
export function runCode(code: readonly number[], engine: Engine, driver: Driver): Outcome {
  const image = Uint8Array.from(code);
  const machine = createMachine({
    image,
    format: "flat",
    address: 1 << 20,
    mode: "protected",
    memoryBytes: MEMORY_BYTES,
    engine,
  });
  return outcome(machine, driver, { name: "", append: "" });
}

/** The image of a guest of roms/. */
export function guestImage(name: string): Uint8Array {
  return readFileSync(new URL(`${name}.elf`, ROMS));
}

/** Runs a guest of roms/ to its end, on a machine with what `config` says besides. */
export function runGuest(
  run: GuestRun,
  engine: Engine,
  driver: Driver,
  config: Omit<Partial<MachineConfig>, "engine"> = {},
): Outcome {
  const machine = createMachine({
    image: guestImage(run.name),
    commandLine: run.append,
    memoryBytes: MEMORY_BYTES,
    ...config,
    engine,
  });
  return outcome(machine, driver, run);
}

function outcome(machine: Machine, driver: Driver, run: GuestRun): Outcome {
  const lines = (run.input ?? "").split("\n").filter((line) => line !== "");
  let transcript = "";
  let unanswered = "";
  machine.onSerial(0, (byte) => {
    transcript += String.fromCharCode(byte);
    if (run.prompt === undefined) return;
    unanswered += String.fromCharCode(byte);
    if (!unanswered.endsWith(run.prompt)) return;
    unanswered = "";
    const line = lines.shift();
    if (line !== undefined) machine.sendSerial(`${line}\n`);
  });
  const exit = driver(machine);
  return { exit, instructions: machine.instructions, ticks: machine.ticks, transcript, stateHash: machine.stateHash() };
}
