/** A virtual machine's memory for tests: scattered frames on a small machine, without a processor state. */
import { Core } from "../../src/core/core.js";
import { type Gfn, gfn } from "../../src/address.js";
import { FrameAllocator } from "../../src/mm/frame-allocator.js";
import { GuestMemory } from "../../src/mm/guest-memory.js";
import { MachineMemory } from "../../src/mm/machine-memory.js";
import { P2m } from "../../src/mm/p2m.js";
import { NO_HOST } from "../cpu/flat-core.js";

/** One machine, with as many VMs as a test makes. */
export class SmallMachine {
  readonly core: Core;
  readonly memory: MachineMemory;
  readonly allocator: FrameAllocator;

  constructor(ramBytes = 16 << 20) {
    this.core = Core.create({ ramBytes }, NO_HOST);
    this.memory = new MachineMemory(this.core);
    this.allocator = new FrameAllocator(this.memory);
  }

  /** A VM with `frames` frames of RAM from gfn 0 on. */
  vm(frames: number, name = "vm", large = false) {
    const owners = { vm: this.allocator.addOwner(name), tables: this.allocator.addOwner(`${name} tables`) };
    const p2m = new P2m(this.memory, this.allocator, owners);
    p2m.populate(gfn(0), frames, { large });
    return { p2m, owners, memory: new GuestMemory(p2m, frames * 4096) };
  }
}

/** Guest frames 0 to `count` - 1. */
export function guestFrames(count: number): Gfn[] {
  return Array.from({ length: count }, (_, i) => gfn(i));
}
