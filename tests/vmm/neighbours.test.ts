/** Virtual machines that share a machine do not notice one another. */
import { describe, expect, it } from "vitest";
import { Hypervisor, machineBytes } from "../../src/index.js";
import { MMUS_OF } from "../../src/vmm/options.js";
import { GUEST_BYTES, Guest, interleave, MONITOR_NAMES, MONITORS } from "./kinds.js";

/** A machine for `count` VMs. */
function hypervisorFor(count: number, isa: "umip" | "strict"): Hypervisor {
  const one = { ramBytes: GUEST_BYTES, shadowFrames: 1024, mmu: MMUS_OF.vt[1]! };
  return new Hypervisor({ ramBytes: machineBytes(Array.from({ length: count }, () => one)), isa });
}

describe("two virtual machines on one hypervisor", () => {
  it.each(MONITOR_NAMES)("run minikernel and tasks in turns as if alone: %s", (name) => {
    const config = MONITORS[name];
    const isa = name === "trap strict" ? "strict" : "umip";
    const bare = ["minikernel", "sensitive"].map((rom) => new Guest(rom, {}));
    for (const guest of bare) guest.run();
    const hypervisor = hypervisorFor(2, isa);
    const guests = [new Guest("minikernel", config, hypervisor), new Guest("sensitive", config, hypervisor)];
    interleave(guests, [1000, 777, 31, 5000, 1]);
    expect(guests.map((guest) => guest.end())).toEqual(bare.map((guest) => guest.end()));
    for (const guest of guests) guest.machine.destroy();
    expect(hypervisor.frames.free).toBe(hypervisor.frames.total);
  });
});
