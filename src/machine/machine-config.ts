/**
 * What a machine is made from: a plain object, checked field by field before anything is built.
 * Invariant: a configuration that passes `checkConfig` cannot make a later part throw for its shape; every error is one
 * sentence that names the field, what was expected and what was found.
 */
import type { SectionMark } from "../devices/markers.js";
import { type BootModule, IMAGE_FORMATS, type ImageFormat } from "../loaders/boot-plan.js";
import { MIN_RAM_BYTES } from "../loaders/memory-map.js";
import {
  DEFAULT_SHADOW_FRAMES,
  type IsaName,
  MMUS_OF,
  type MmuKind,
  mismatch,
  type Rings,
  type VmmKind,
} from "../vmm/options.js";

/** How instructions are executed. */
export type Engine = "interpreter" | "translator";

/** The begin or end of a section that the guest marked, and when that was. */
export interface Mark extends SectionMark {
  /** Virtual time in ticks. */
  readonly time: number;
  /** Host time in nanoseconds, from an arbitrary start. */
  readonly nanoseconds: number;
}

/** Everything that describes a machine; only `image` is needed. */
export interface MachineConfig {
  /** The bytes to boot: a Multiboot or ELF32 kernel, bzImage, boot sector, ROM or flat binary. */
  image: Uint8Array;
  /** What the image is called; the first word of a Multiboot command line. Default `"kernel"`. */
  name?: string;
  /** Kind of the image. Default `"auto"`: told from its bytes. */
  format?: "auto" | ImageFormat;
  /** Where a flat binary is loaded. */
  address?: number;
  /** Physical address of the first instruction, if not the image's own. */
  entry?: number;
  /** Mode a flat binary starts in. Default: real mode if it ends below 1 MB. */
  mode?: "real" | "protected";
  /** Command line of a Multiboot or Linux kernel. */
  commandLine?: string;
  /** Multiboot modules. */
  modules?: readonly BootModule[];
  /** Initial RAM disk of a Linux kernel. */
  initrd?: Uint8Array;
  /** Size of RAM in bytes, a multiple of 4096. Default 128 MB. */
  memoryBytes?: number;
  /** Ticks (instructions) in one second of virtual time. Default 100,000,000. */
  clockHz?: number;
  /** What the real-time clock shows at power-on. Default 2026-01-01T00:00:00Z. */
  rtcTime?: Date;
  /** Port of the debug-exit device. Default 0xF4. */
  debugExitPort?: number;
  /** Called with each section the guest marks, inside the instruction that marks it. Default: there are no marker ports. */
  onMark?: (mark: Mark) => void;
  /** What a reset request of the guest does: end the run (default) or start the image again. */
  onReset?: "exit" | "reboot";
  /** What a triple fault does: end the run (default) or start the image again. */
  onTripleFault?: "exit" | "reboot";
  /** How instructions are executed. Default `"interpreter"`. */
  engine?: Engine;
  /** The kind of monitor the image runs under. Default `"none"`: the bare machine. */
  vmm?: "none" | VmmKind;
  /** What maps the guest's memory under a monitor. Default: `ept` under `vt`, `direct` under `pv`, `shadow` otherwise. */
  mmu?: MmuKind;
  /** The machine's instruction set. Default `"umip"`: a processor with user-mode instruction prevention, which it leaves off. */
  isa?: IsaName;
  /** Rings of the guest's kernel and programs under `trap`. Default `"0/1/3"`. */
  rings?: Rings;
  /** True to report sensitive instructions that did not trap, under `trap`. */
  diagnose?: boolean;
  /** Most frames the shadow page tables may take. Default 1,024 (4 MB). */
  shadowFrames?: number;
}

/** A configuration with every default filled in. */
export type CompleteConfig = Required<
  Omit<MachineConfig, "address" | "entry" | "mode" | "initrd" | "format" | "onMark">
> &
  Pick<MachineConfig, "address" | "entry" | "mode" | "initrd" | "format" | "onMark">;

/** A field of a configuration or an argument of a call is wrong. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
}

/** RAM of a machine that does not say how much it has. */
export const DEFAULT_MEMORY_BYTES = 128 << 20;

/** Largest RAM: the emulated RAM and the tables behind it share one 4 GB linear memory. */
export const MAX_MEMORY_BYTES = 2 ** 31;

/** Virtual time of a machine that does not say otherwise: 100 million instructions a second. */
export const DEFAULT_CLOCK_HZ = 100_000_000;

const FIELDS: ReadonlySet<string> = new Set<keyof MachineConfig>([
  "image",
  "name",
  "format",
  "address",
  "entry",
  "mode",
  "commandLine",
  "modules",
  "initrd",
  "memoryBytes",
  "clockHz",
  "rtcTime",
  "debugExitPort",
  "onMark",
  "onReset",
  "onTripleFault",
  "engine",
  "vmm",
  "mmu",
  "isa",
  "rings",
  "diagnose",
  "shadowFrames",
]);

/** Checks a configuration and fills in the defaults. Raises `ConfigError`. */
export function checkConfig(config: MachineConfig): CompleteConfig {
  if (config === null || typeof config !== "object")
    throw new ConfigError(`config: expected an object and found ${show(config)}`);
  for (const field of Object.keys(config)) {
    if (!FIELDS.has(field)) throw new ConfigError(`config.${field}: there is no such field`);
  }
  bytes("image", config.image);
  if (config.initrd !== undefined) bytes("initrd", config.initrd);
  text("name", config.name);
  text("commandLine", config.commandLine);
  oneOf("format", config.format, ["auto", ...IMAGE_FORMATS]);
  oneOf("mode", config.mode, ["real", "protected"]);
  oneOf("onReset", config.onReset, ["exit", "reboot"]);
  oneOf("onTripleFault", config.onTripleFault, ["exit", "reboot"]);
  oneOf("engine", config.engine, ["interpreter", "translator"]);
  oneOf("vmm", config.vmm, ["none", ...Object.keys(MMUS_OF)]);
  oneOf("mmu", config.mmu, ["shadow", "ept", "direct"]);
  oneOf("isa", config.isa, ["ia32", "umip", "strict"]);
  oneOf("rings", config.rings, ["0/1/3", "0/3"]);
  whole("shadowFrames", config.shadowFrames, 16, 1 << 18);
  const vmm = config.vmm ?? "none";
  monitorFields(vmm, config);
  whole("address", config.address, 0, 0xffffffff);
  whole("entry", config.entry, 0, 0xffffffff);
  whole("memoryBytes", config.memoryBytes, MIN_RAM_BYTES, MAX_MEMORY_BYTES);
  whole("clockHz", config.clockHz, 1_000_000, 2 ** 31);
  whole("debugExitPort", config.debugExitPort, 0, 0xffff);
  if (config.memoryBytes !== undefined && config.memoryBytes % 4096 !== 0) {
    throw new ConfigError(`config.memoryBytes: expected a multiple of 4096 and found ${config.memoryBytes}`);
  }
  if (config.onMark !== undefined && typeof config.onMark !== "function") {
    throw new ConfigError(`config.onMark: expected a function and found ${show(config.onMark)}`);
  }
  if (config.rtcTime !== undefined && !(config.rtcTime instanceof Date && Number.isFinite(config.rtcTime.getTime()))) {
    throw new ConfigError(`config.rtcTime: expected a valid Date and found ${show(config.rtcTime)}`);
  }
  modules(config.modules);
  return {
    ...config,
    name: config.name ?? "kernel",
    commandLine: config.commandLine ?? "",
    modules: config.modules ?? [],
    memoryBytes: config.memoryBytes ?? DEFAULT_MEMORY_BYTES,
    clockHz: config.clockHz ?? DEFAULT_CLOCK_HZ,
    rtcTime: config.rtcTime ?? new Date("2026-01-01T00:00:00Z"),
    debugExitPort: config.debugExitPort ?? 0xf4,
    onReset: config.onReset ?? "exit",
    onTripleFault: config.onTripleFault ?? "exit",
    engine: config.engine ?? "interpreter",
    vmm,
    mmu: config.mmu ?? (vmm === "none" ? "shadow" : MMUS_OF[vmm][0]!),
    isa: config.isa ?? "umip",
    rings: config.rings ?? "0/1/3",
    diagnose: config.diagnose ?? false,
    shadowFrames: config.shadowFrames ?? DEFAULT_SHADOW_FRAMES,
  };
}

/** Fields that mean something under a monitor only, or under one kind of it. */
function monitorFields(vmm: "none" | VmmKind, config: MachineConfig): void {
  for (const field of ["mmu", "rings", "diagnose", "shadowFrames"] as const) {
    if (vmm === "none" && config[field] !== undefined && config[field] !== false) {
      throw new ConfigError(`config.${field}: expected a monitor (vmm) with it and found none`);
    }
  }
  if (vmm === "none") return;
  const wrong = config.mmu === undefined ? undefined : mismatch(vmm, config.mmu);
  if (wrong !== undefined) throw new ConfigError(`config.mmu: ${wrong}`);
  for (const field of ["rings", "diagnose"] as const) {
    if (vmm !== "trap" && config[field] !== undefined && config[field] !== false) {
      throw new ConfigError(`config.${field}: expected vmm trap with it and found ${vmm}`);
    }
  }
}

function modules(list: MachineConfig["modules"]): void {
  if (list === undefined) return;
  if (!Array.isArray(list)) throw new ConfigError(`config.modules: expected an array and found ${show(list)}`);
  list.forEach((module, index) => {
    if (module === null || typeof module !== "object") {
      throw new ConfigError(`config.modules[${index}]: expected an object and found ${show(module)}`);
    }
    if (typeof module.name !== "string") {
      throw new ConfigError(`config.modules[${index}].name: expected a string and found ${show(module.name)}`);
    }
    bytes(`modules[${index}].bytes`, module.bytes);
    text(`modules[${index}].commandLine`, module.commandLine);
  });
}

function bytes(field: string, value: unknown): void {
  if (value instanceof Uint8Array) return;
  throw new ConfigError(`config.${field}: expected a Uint8Array and found ${show(value)}`);
}

function text(field: string, value: unknown): void {
  if (value === undefined || typeof value === "string") return;
  throw new ConfigError(`config.${field}: expected a string and found ${show(value)}`);
}

function oneOf(field: string, value: unknown, allowed: readonly string[]): void {
  if (value === undefined || allowed.includes(value as string)) return;
  throw new ConfigError(`config.${field}: expected ${allowed.join(", ")} and found ${show(value)}`);
}

function whole(field: string, value: unknown, lowest: number, highest: number): void {
  if (value === undefined || (Number.isInteger(value) && Number(value) >= lowest && Number(value) <= highest)) return;
  throw new ConfigError(
    `config.${field}: expected a whole number from ${lowest} to ${highest} and found ${show(value)}`,
  );
}

/** A value as it appears in an error sentence. */
export function show(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (Array.isArray(value)) return "an array";
  if (typeof value === "object" && value !== null) return "an object";
  return String(value);
}
