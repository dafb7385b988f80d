/**
 * Random kernels under every monitor are, wherever they are stopped, in the state of the bare machine. VMEXIT_SEED and VMEXIT_KERNELS choose others, and
 * more of them.
 */
import { describe, expect, test } from "vitest";
import { processorStateText } from "../../src/machine/registers.js";
import type { Machine } from "../../src/index.js";
import { Random } from "../random.js";
import { kernel, randomKernel } from "./random-kernel.js";
import { ENGINES, reference, WAYS } from "./ways.js";

const SEED = Number(process.env.VMEXIT_SEED ?? 90125);
const KERNELS = Number(process.env.VMEXIT_KERNELS ?? 6);
/** Looks at a kernel, and most ticks between two of them. */
const LOOKS = 24;
const MOST_TICKS = 60;

/** What there is to see of a machine. */
function seen(machine: Machine): string {
  return `${machine.instructions} of ${machine.ticks}\n${processorStateText(machine.cpu)}`;
}

/**
 * For ever: adds the words from below the monitor's addresses on to well inside them, and stores the sums by other addresses; PUSH and CALL at the same
 * places. The handler goes on at EBP.
 */
const STROLL = [
  ...[0xbb, 0x00, 0xff, 0xbf, 0xff], // MOV EBX, FFBFFF00
  ...[0xbd, 0x0a, 0x00, 0x01, 0x00], // MOV EBP, here
  ...[0x83, 0xc3, 0x04], // here: ADD EBX, 4
  ...[0x03, 0x03], // ADD EAX, [EBX]
  ...[0x89, 0x83, 0x00, 0x90, 0x02, 0x00], // MOV [EBX + 29000h], EAX
  ...[0x8d, 0xa3, 0x00, 0x60, 0x02, 0x00], // LEA ESP, [EBX + 26000h]
  ...[0x50, 0x59], // PUSH EAX; POP ECX
  ...[0xe8, 0x00, 0x00, 0x00, 0x00], // CALL next
  ...[0x5a], // POP EDX
  ...[0x81, 0xfb, 0x00, 0x08, 0xc0, 0xff], // CMP EBX, FFC00800
  ...[0x75, 0xdd], // JNE here
  ...[0xeb, 0xd1], // JMP to the start
];

describe.each(Object.entries(WAYS))("%s", (_name, way) => {
  test("hot code gets to the guest's own memory where the monitor has its tables", () => {
    const bare = kernel(STROLL, "interpreter", reference(way));
    const virtual = kernel(STROLL, "translator", way);
    for (let look = 0; look < 10; look++) {
      for (const machine of [bare, virtual]) machine.run({ maxInstructions: 9001 });
      expect(seen(virtual)).toBe(seen(bare));
    }
    expect(virtual.stateHash()).toBe(bare.stateHash());
    if (way.vmm !== "hybrid") expect(virtual.statistics().translator!.regions).toBeGreaterThan(0);
  });

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
