/**
 * Random kernels under every monitor are, wherever they are stopped, in the state of the bare machine. VMEXIT_SEED and VMEXIT_KERNELS choose others, and
 * more of them.
 */
import { describe, expect, test } from "vitest";
import { processorStateText } from "../../src/machine/registers.js";
import type { Machine } from "../../src/index.js";
import { Random } from "../random.js";
import { randomKernel } from "./random-kernel.js";
import { ENGINES, reference, WAYS } from "./ways.js";

const SEED = Number(process.env.VMEXIT_SEED ?? 90125);
const KERNELS = Number(process.env.VMEXIT_KERNELS ?? 12);
/** Looks at a kernel, and most ticks between two of them. */
const LOOKS = 24;
const MOST_TICKS = 60;

/** What there is to see of a machine. */
function seen(machine: Machine): string {
  return `${machine.instructions} of ${machine.ticks}\n${processorStateText(machine.cpu)}`;
}

describe.each(Object.entries(WAYS))("%s", (_name, way) => {
  test.each(ENGINES)("%s", (engine) => {
    for (let kernel = 0; kernel < KERNELS; kernel++) {
      const seed = SEED + kernel;
      const bare = randomKernel(new Random(seed), "interpreter", reference(way));
      const virtual = randomKernel(new Random(seed), engine, way);
      const random = new Random(~seed);
      for (let look = 0; look < LOOKS; look++) {
        const maxInstructions = random.between(1, MOST_TICKS);
        const ends = [bare, virtual].map((machine) => machine.run({ maxInstructions }).exit);
        expect(seen(virtual), `kernel ${seed}, look ${look}`).toBe(seen(bare));
        expect(ends[1]).toEqual(ends[0]);
      }
      expect(virtual.stateHash(), `kernel ${seed}`).toBe(bare.stateHash());
      virtual.vm!.shadowTables?.checkInvariant();
      // The kernel of a trap monitor's guest has cut segments: it stays interpreted.
      if (engine === "translator" && way.vmm !== "trap")
        expect(virtual.translator!.counters.regions).toBeGreaterThan(0);
      virtual.destroy();
    }
  });
});
