/**
 * One machine and the virtual machines on it. It owns the processor and the frames, and decides whose state the processor holds.
 * Invariant: at most one VM is current; the state of every other one lies in its VMCS.
 */
import { Isa, Vmx } from "../../assembly/abi/vmx.js";
import { PAGE_BYTES } from "../address.js";
import { Core, type CoreHost } from "../core/core.js";
import { FrameAllocator, OutOfFramesError } from "../mm/frame-allocator.js";
import { MachineMemory } from "../mm/machine-memory.js";
import { Translator } from "../translator/translator.js";
import type { Residence, Resident, VmHost } from "./guest.js";
import type { IsaName, VmOptions } from "./options.js";
import { VirtualMachine } from "./virtual-machine.js";
import { vmxWords } from "./words.js";

/** Machine RAM besides the guests': tables, VMCSs, bitmaps. Shadow tables come on top. */
const OVERHEAD_BYTES = 2 << 20;

/** Frames that a VM takes besides its RAM and its map, at most, when it is made. */
const FIRST_FRAMES = 128;

/** What a hypervisor's machine is like. */
export interface HypervisorOptions {
  /** Machine RAM in bytes, a multiple of 4,096: every guest's RAM and what the monitor needs (`machineBytes`). */
  ramBytes: number;
  /** The machine's instruction set. */
  isa?: IsaName;
}

const ISAS: Readonly<Record<IsaName, Isa>> = { ia32: Isa.IA32, umip: Isa.UMIP, strict: Isa.STRICT };

/** Makes a processor one of instruction set `isa`. Before anything runs. */
export function setIsa(core: Core, isa: IsaName): void {
  vmxWords(core).set(Vmx.ISA, ISAS[isa]);
}

/** Machine RAM that guests of these sizes need. */
export function machineBytes(guests: readonly Pick<VmOptions, "ramBytes" | "shadowFrames" | "mmu">[]): number {
  const bytes = guests.reduce(
    (sum, { ramBytes, shadowFrames, mmu }) =>
      sum + ramBytes + ramBytes / 256 + OVERHEAD_BYTES + (mmu === "shadow" ? shadowFrames * PAGE_BYTES : 0),
    0,
  );
  return Math.ceil(bytes / PAGE_BYTES) * PAGE_BYTES;
}

/** The machine under virtual machines. */
export class Hypervisor implements Residence {
  /** The processor. */
  readonly core: Core;
  /** Machine RAM. */
  readonly memory: MachineMemory;
  /** Who has which frame. */
  readonly frames: FrameAllocator;
  /** The VM whose state is in the processor. */
  current: Resident | undefined;
  /** The VM that is being run. */
  running: Resident | undefined;
  #translator: Translator | undefined;
  /** Numbers of VMs that are no more, and how many numbers there have been. */
  readonly #unused: number[] = [];
  #numbers = 0;

  /** A machine without VMs. Errors: RangeError if the size is out of bounds. */
  constructor(options: HypervisorOptions) {
    const host = (): CoreHost => {
      if (this.current === undefined) throw new Error("the processor called out while no virtual machine is current");
      return this.current.host;
    };
    this.core = Core.create(
      { ramBytes: options.ramBytes },
      {
        portRead: (port, size) => host().portRead(port, size),
        portWrite: (port, size, value) => host().portWrite(port, size, value),
        mmioRead: (pa, size) => host().mmioRead(pa, size),
        mmioWrite: (pa, size, value) => host().mmioWrite(pa, size, value),
        undefinedOpcode: (eip) => host().undefinedOpcode?.(eip),
        acknowledgeInterrupt: () => host().acknowledgeInterrupt(),
        translateRegion: (block) => this.#translator?.translate(block),
      },
    );
    this.memory = new MachineMemory(this.core);
    // Frame 0 stays unused: a machine address of 0 in a structure means that there is none.
    this.frames = new FrameAllocator(this.memory, 1);
    setIsa(this.core, options.isa ?? "umip");
  }

  /** Makes a virtual machine that talks to `host`. Errors: OutOfFramesError; Error while a VM runs. */
  createVm(options: VmOptions, host: VmHost, name?: string): VirtualMachine {
    if (this.running !== undefined) throw new Error(`${this.running.name} is running; a VM is made between runs`);
    // What a failure on the way had taken would be lost.
    const wanted = Math.ceil((options.ramBytes + options.ramBytes / 256) / PAGE_BYTES) + FIRST_FRAMES;
    if (wanted > this.frames.free) throw new OutOfFramesError(wanted, this.frames.free);
    const id = this.#unused.pop() ?? ++this.#numbers;
    return new VirtualMachine(this, options, host, id, name ?? `VM ${id}`);
  }

  /** The translator of the processor: all VMs run on one, and share what it has translated. */
  translator(): Translator {
    this.#translator ??= new Translator(this.core);
    return this.#translator;
  }

  /** Puts the state of `vm` into the processor; that of the current one goes to its VMCS. */
  switchTo(vm: Resident): void {
    const { running } = this;
    if (running !== undefined) throw new Error(`the state of ${vm.name} was asked for while ${running.name} runs`);
    this.current?.suspend();
    this.current = vm;
    vm.resume();
  }

  /** The VM is being destroyed. */
  forget(vm: Resident): void {
    this.#unused.push(vm.id);
    if (this.current !== vm) return;
    vm.suspend();
    this.current = undefined;
  }
}
