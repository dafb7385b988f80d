/**
 * A limit of virtual time is exact however the run is cut into pieces: seconds are fractions, ticks are not.
 */
import { expect, test } from "vitest";
import { createMachine } from "../../src/index.js";

test("the rest of a second, asked for again and again, ends on the same tick", () => {
  const image = new Uint8Array([0xeb, 0xfe]); // jmp $
  const seconds = 0.3;
  const clockHz = 1_000_000;
  const ends = [1, 7, 1009, 30_011].map((piece) => {
    const machine = createMachine({ image, format: "flat", address: 0x10_0000, mode: "protected", clockHz });
    while (machine.ticks < seconds * clockHz) {
      const rest = seconds - machine.ticks / machine.clockHz;
      machine.run({ maxVirtualSeconds: rest, maxInstructions: piece * 37 });
    }
    return machine.ticks;
  });
  expect(ends).toEqual(ends.map(() => seconds * clockHz));
});
