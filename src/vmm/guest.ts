/**
 * A virtual machine as its monitor's kinds see it, and the machine as a virtual machine sees it.
 */
import type { Core, CoreHost } from "../core/core.js";
import type { FrameAllocator } from "../mm/frame-allocator.js";
import type { GuestMemory } from "../mm/guest-memory.js";
import type { MachineMemory } from "../mm/machine-memory.js";
import type { P2m } from "../mm/p2m.js";
import type { Translator } from "../translator/translator.js";
import type { VmOptions } from "./options.js";
import type { Words } from "./words.js";

/** Virtual time as a monitor sets timers by it. */
export interface VmClock {
  /** Ticks in a second. */
  readonly hz: number;
  /** Calls `action` at tick `time`; what it returns cancels it. */
  at(time: number, action: () => void): object;
  /** Forgets what was to be done. */
  cancel(timer: object): void;
}

/** What a virtual machine has around it: its devices, and timers for monitors that have some of their own. */
export interface VmHost extends CoreHost {
  readonly clock?: VmClock;
}

/** What a kind of monitor works on. */
export interface Guest {
  /** The machine's processor. */
  readonly core: Core;
  /** The guest's devices. */
  readonly host: CoreHost;
  /** The processor's state. */
  readonly state: Words;
  /** The VMX words. */
  readonly vmx: Words;
  /** The guest's memory. */
  readonly ram: GuestMemory;
  /** Guest frames to machine frames. */
  readonly p2m: P2m;
  /** How it is run. */
  readonly options: VmOptions;
  /** Its number on the machine, from 1: its VPID. */
  readonly id: number;
  /** Level of the line from the guest's interrupt controller. */
  readonly line: boolean;
  /** Virtual time in ticks. */
  readonly time: number;
  /** Timers. Errors: Error if the machine has none. */
  readonly clock: VmClock;
  /** Makes its state the processor's. Errors: Error while another runs. */
  activate(): void;
  /** Machine address of a frame for the monitor's own use. Errors: OutOfFramesError. */
  allocateFrame(): number;
  /** Pointer into linear memory of a machine address. */
  pointer(ma: number): number;
}

/** A virtual machine whose state can be put into the processor. */
export interface Resident {
  /** What it is called in messages. */
  readonly name: string;
  /** Its number on the machine. */
  readonly id: number;
  /** Its devices: where the processor calls out to. */
  readonly host: CoreHost;
  /** The processor gets its state. */
  resume(): void;
  /** The processor's state is kept. */
  suspend(): void;
}

/** The machine that virtual machines share. */
export interface Residence {
  readonly core: Core;
  readonly memory: MachineMemory;
  readonly frames: FrameAllocator;
  /** The one whose state is in the processor. */
  readonly current: Resident | undefined;
  /** The one that is being run: its state stays in the processor until it comes back. */
  running: Resident | undefined;
  /** The translator of the machine's processor, made when it is first asked for. */
  translator(): Translator;
  /** Puts the state of `vm` into the processor. Errors: Error while another runs. */
  switchTo(vm: Resident): void;
  /** `vm` is going away, and its number can be another's. */
  forget(vm: Resident): void;
}
