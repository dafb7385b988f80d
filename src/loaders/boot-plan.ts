/**
 * A boot plan: everything a loader decides about an image, as plain data.
 * Loaders are pure functions from bytes to a plan; the machine carries the plan out. Invariant: every write of a plan
 * lies inside RAM and no two writes of a plan overlap, whatever bytes the image holds.
 */

/** The image kinds there is a loader for. */
export const IMAGE_FORMATS = ["multiboot", "elf32", "linux", "flat", "bootsector", "rom", "xen"] as const;

/** One of the image kinds there is a loader for. */
export type ImageFormat = (typeof IMAGE_FORMATS)[number];

/** One thing to put into RAM before the first instruction: bytes, or `zero` bytes of zero fill. */
export type PlannedWrite = { pa: number; bytes: Uint8Array } | { pa: number; zero: number };

/** Flat selectors the machine starts a protected-mode image with; the hidden parts are 4 GB flat at ring 0. */
export interface FlatSelectors {
  code: number;
  data: number;
}

/**
 * Processor state an image starts with; registers not named are 0.
 * `reset`: power-on state. `real`: real mode, `cs:eip` and 64 KB segments. `protected`: flat 4 GB segments of ring 0,
 * paging off, interrupts off, `gdtr` loaded. `domain`: what the domain builder of a monitor makes of the plan's `domain`.
 */
export interface StartState {
  mode: "reset" | "real" | "protected" | "domain";
  eip: number;
  eax?: number;
  ebx?: number;
  ecx?: number;
  edx?: number;
  esi?: number;
  edi?: number;
  ebp?: number;
  esp?: number;
  /** Real mode only: the code segment. Data and stack segments are 0. */
  cs?: number;
  /** Protected mode only. */
  selectors?: FlatSelectors;
  /** Protected mode only: the descriptor table the selectors point into (one of the plan's writes). */
  gdtr?: { base: number; limit: number };
}

/** What the domain builder of a monitor needs to know of a paravirtual kernel; addresses are linear. */
export interface DomainPlan {
  /** Address of guest frame 0. */
  virtualBase: number;
  entry: number;
  /** Address behind the kernel. */
  end: number;
  /** The page its hypercalls go through. */
  hypercallPage?: number;
  commandLine: string;
  module?: Uint8Array;
}

/** What to put where, and where to begin. */
export interface BootPlan {
  format: ImageFormat;
  writes: PlannedWrite[];
  /** For `rom`: the bytes that end at physical address 0xFFFFFFFF. */
  rom?: Uint8Array;
  cpu: StartState;
  /** For `xen`. */
  domain?: DomainPlan;
  /** One line for people. */
  description: string;
}

/** A module of a Multiboot kernel: its bytes, a name, and the string handed to the kernel (default: the name). */
export interface BootModule {
  name: string;
  bytes: Uint8Array;
  commandLine?: string;
}

/** What a loader may be told besides the image. */
export interface BootOptions {
  /** How the image is called; first word of a Multiboot command line, as under QEMU. */
  name: string;
  /** Size of RAM in bytes. */
  ramBytes: number;
  commandLine?: string;
  modules?: readonly BootModule[];
  initrd?: Uint8Array;
  format?: "auto" | ImageFormat;
  /** `flat`: where the bytes go. */
  address?: number;
  /** Physical address of the first instruction, for `flat` (default: `address`) and the ELF formats. */
  entry?: number;
  /** `flat`: the mode to start in; the default is real mode for an image that ends below 1 MB. */
  mode?: "real" | "protected";
}
