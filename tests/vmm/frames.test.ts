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

  test("where the machine has fewer frames than a guest may use for tables, old tables make room", () => {
    const size = { ramBytes: RAM_BYTES, shadowFrames: SHADOW_FRAMES, mmu: way.mmu ?? "shadow" };
    const hypervisor = new Hypervisor({ ramBytes: machineBytes([size]), isa: way.isa ?? "umip" });
    const config = { image: guestImage("minikernel"), memoryBytes: RAM_BYTES, ...way };
    const machine = createMachine({ ...config, shadowFrames: 4096 }, hypervisor);
    // Somebody has taken nearly all that is left.
    const { frames } = hypervisor;
    const owner = frames.addOwner("others");
    while (frames.free > SHADOW_FRAMES) frames.allocate(owner);
    const { exit } = machine.run({ maxInstructions: 2_000_000 });
    expect(exit).toEqual(createMachine(config).run({ maxInstructions: 2_000_000 }).exit);
  });
});
