/** Every guest of roms/ from start to end on both engines in lockstep: no difference. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Cpu } from "../../../assembly/abi/cpu.js";
import { guestRuns, ROMS } from "../../../roms/guests.mjs";
import { verify } from "../../../src/machine/verify.js";

const MEMORY_BYTES = 32 << 20;
/** Low, so that nearly all of a guest is translated. */
const HEAT = 48;
/** Guests that wait for input they are not given end here. */
const LONGEST = 500_000_000;

test.each(guestRuns().filter((run) => run.machines.includes("vmexit")))("$name $append", (run) => {
  const image = readFileSync(join(ROMS, `${run.name}.elf`));
  const result = verify(
    { image, commandLine: run.append, memoryBytes: MEMORY_BYTES },
    {
      maxInstructions: LONGEST,
      prepare(machine, engine) {
        if (engine === "translator") {
          machine.core.cpu.setField(Cpu.HEAT, HEAT);
          machine.core.exports.flushCode();
        }
        if (run.input !== undefined) machine.sendSerial(run.input);
      },
    },
  );
  expect(result.difference).toBeUndefined();
  expect(result.instructions).toBeGreaterThan(100);
});
