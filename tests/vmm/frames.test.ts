/** Virtual machines come and go on one machine, and leave no frame behind. */
import { describe, expect, test } from "vitest";
import { createMachine } from "../../src/index.js";
import { Hypervisor, machineBytes } from "../../src/vmm/hypervisor.js";
import { guestImage } from "../lockstep/guest-runs.js";
import { guest, WAYS } from "./ways.js";

const RAM_BYTES = 16 << 20;
/** Frames for shadow tables: few, so that some are evicted. */
const SHADOW_FRAMES = 24;
const GUESTS = [guest("minikernel"), guest("tasks"), guest("bench/cr3switch", "n=2")];

describe.each(Object.entries(WAYS))("%s", (_name, way) => {
  test("a machine that has run virtual machines has all its frames again", () => {
    const size = { ramBytes: RAM_BYTES, shadowFrames: SHADOW_FRAMES, mmu: way.mmu ?? "shadow" };
    const hypervisor = new Hypervisor({ ramBytes: machineBytes([size]), isa: way.isa ?? "umip" });
    const { frames } = hypervisor;
    const { free } = frames;
    for (let round = 0; round < 6; round++) {
      const { name, append: commandLine } = GUESTS[round % GUESTS.length]!;
      const image = guestImage(name);
      const config = { image, memoryBytes: RAM_BYTES, shadowFrames: SHADOW_FRAMES, commandLine, ...way };
      const machine = createMachine(config, hypervisor);
      // Every other one ends in the middle of its work.
      const { exit } = machine.run({ maxInstructions: round < 3 ? 5000 : 2_000_000 });
      expect(exit.kind === "budget").toBe(round < 3);
      expect(frames.free).toBeLessThan(free);
      machine.vm!.destroy();
      expect(frames.framesByOwner()).toEqual(new Map());
      expect(frames.free).toBe(free);
    }
  });
});
