/**
 * The options that say what is booted, shared by `run`, `trace` and `disasm`, and the machine configuration they make.
 * QEMU's words (`-kernel`, `-append`, `-initrd`, `-m`, `-bios`) mean here what they mean there.
 */
import { IMAGE_FORMATS, type ImageFormat } from "../loaders/boot-plan.js";
import { isLinux } from "../loaders/linux-header.js";
import { DEFAULT_CLOCK_HZ, type Engine, type MachineConfig } from "../machine/machine-config.js";
import { CliError } from "./cli-error.js";
import { readInput, readModule, readModuleList } from "./image-files.js";
import type { OptionTable, ParsedOptions } from "./option-parser.js";
import { parseAddress, parseCount, parseSize } from "./quantities.js";

/** Options that describe the image and where it goes. */
export const IMAGE_OPTIONS: OptionTable = {
  kernel: { value: "PATH", help: "the image, as QEMU names it; the same as the positional IMAGE", aliases: ["kernel"] },
  bios: { value: "PATH", help: "a ROM image for the reset vector instead of a kernel", aliases: ["bios"] },
  format: { value: "NAME", help: `auto (default), ${IMAGE_FORMATS.join(", ")}` },
  address: { value: "ADDR", help: "flat binary: where it is loaded, such as 0x7e00" },
  entry: { value: "ADDR", help: "physical address of the first instruction, if not the image's own" },
  mode: { value: "real|protected", help: "flat binary: the mode it starts in" },
  append: { value: "TEXT", help: "command line of the kernel", aliases: ["append"] },
  module: { value: "PATH[=TEXT]", help: "Multiboot module and its command line; may be repeated", many: true },
  initrd: {
    value: "PATH",
    help: "initial RAM disk of a Linux kernel, or Multiboot modules as QEMU lists them",
    aliases: ["initrd"],
  },
  memory: { value: "SIZE", help: "RAM: 64, 64M, 1G (default 128M)", aliases: ["m"] },
};

/** Options that describe the machine around the image. */
export const MACHINE_OPTIONS: OptionTable = {
  clock: { value: "HZ", help: `instructions in one second of virtual time (default ${DEFAULT_CLOCK_HZ / 1e6}M)` },
  rtc: { value: "TIME", help: "what the real-time clock shows at power-on (default 2026-01-01T00:00:00Z)" },
  device: {
    value: "isa-debug-exit,iobase=PORT",
    help: "where the debug-exit port is (default 0xf4)",
    aliases: ["device"],
    many: true,
  },
  reboot: { help: "start the image again when the guest resets or triple-faults, instead of ending" },
  engine: { value: "NAME", help: "interpreter (default) or translator" },
  vmm: { value: "KIND", help: "the monitor the guest runs under: none (default), trap, bt, vt, hybrid, pv" },
  mmu: {
    value: "shadow|ept|direct",
    help: "what maps the guest's memory under a monitor (default ept under vt, direct under pv, else shadow)",
  },
  isa: {
    value: "ia32|umip|strict",
    help: "the processor: umip (default) can refuse some sensitive instructions outside ring 0, ia32 none, strict all under a monitor",
  },
  rings: { value: "0/1/3|0/3", help: "--vmm trap: rings of monitor, guest kernel and programs (default 0/1/3)" },
  diagnose: { help: "--vmm trap: report sensitive instructions that did not trap, and what the guest saw" },
  "shadow-frames": { value: "N", help: "most frames the shadow page tables may take (default 1024)" },
};

/** Flags of QEMU that ask for what is the case anyway, with the values that do. */
const WITHOUT_EFFECT: Readonly<Record<string, readonly string[] | undefined>> = {
  "no-reboot": undefined,
  nographic: undefined,
  nodefaults: undefined,
  display: ["none"],
  monitor: ["none", "null"],
  vga: ["none"],
  net: ["none"],
  nic: ["none"],
  parallel: ["none"],
  smp: ["1"],
};

/** Those flags as options; `checkWithoutEffect` checks their values. */
export const QEMU_OPTIONS: OptionTable = Object.fromEntries(
  Object.entries(WITHOUT_EFFECT).map(([name, values]) => [
    name,
    { ...(values ? { value: values.join("|") } : {}), help: "accepted as with QEMU; it is always so", aliases: [name] },
  ]),
);

/** Refuses a QEMU flag whose value asks for something else than what is. */
export function checkWithoutEffect(command: string, options: ParsedOptions): void {
  for (const [name, allowed] of Object.entries(WITHOUT_EFFECT)) {
    const value = options.get(name);
    if (allowed === undefined || value === undefined || allowed.includes(value)) continue;
    throw new CliError(`${command}: -${name} ${value} is not offered; only ${allowed.join(" or ")} is`);
  }
  if (options.has("no-reboot") && options.has("reboot")) {
    throw new CliError(`${command}: -no-reboot and --reboot exclude each other`);
  }
}

/** The path of the image: the positional, `-kernel` or `-bios`. Raises `CliError` if there is none or more than one. */
export function imagePath(command: string, options: ParsedOptions): string {
  const named = [options.positionals[0], options.get("kernel"), options.get("bios")].filter(
    (path) => path !== undefined,
  );
  const extra = options.positionals.slice(1);
  if (extra.length > 0) {
    throw new CliError(
      `${command}: expected one image and found ${options.positionals.join(" ")}; text for the kernel goes into --append`,
    );
  }
  if (named.length === 0) throw new CliError(`${command}: expected an image to boot: ${command} IMAGE`);
  if (named.length > 1) throw new CliError(`${command}: expected one image and found ${named.join(" and ")}`);
  return named[0]!;
}

/** The configuration the options describe; reads the files they name. Raises `CliError`. */
export function machineConfig(command: string, options: ParsedOptions): MachineConfig {
  const path = imagePath(command, options);
  const image = readInput("image", path);
  const config: MachineConfig = { image, name: path, format: imageFormat(options) };
  const address = (name: string) => {
    const text = options.get(name);
    return text === undefined ? undefined : parseAddress(`--${name}`, text);
  };
  const optional: Partial<MachineConfig> = {
    address: address("address"),
    entry: address("entry"),
    mode: choice(options, "mode", ["real", "protected"]),
    commandLine: options.get("append"),
    memoryBytes: given(options, "memory", parseSize),
    clockHz: given(options, "clock", parseClock),
    rtcTime: given(options, "rtc", parseTime),
    debugExitPort: debugExitPort(options),
    engine: choice<Engine>(options, "engine", ["interpreter", "translator"]),
    vmm: choice(options, "vmm", ["none", "trap", "bt", "vt", "hybrid", "pv"]),
    mmu: choice(options, "mmu", ["shadow", "ept", "direct"]),
    isa: choice(options, "isa", ["ia32", "umip", "strict"]),
    rings: choice(options, "rings", ["0/1/3", "0/3"]),
    shadowFrames: given(options, "shadow-frames", parseCount),
    ...(options.has("diagnose") ? { diagnose: true } : {}),
  };
  for (const [name, value] of Object.entries(optional))
    if (value !== undefined) Object.assign(config, { [name]: value });
  if (options.has("reboot")) Object.assign(config, { onReset: "reboot", onTripleFault: "reboot" });
  return { ...config, ...ramDisks(config, options) };
}

/** Modules and initrd. QEMU's `-initrd` is a list of modules for every kernel but Linux. */
function ramDisks(config: MachineConfig, options: ParsedOptions): Pick<MachineConfig, "modules" | "initrd"> {
  const modules = options.all("module").map(readModule);
  const initrd = options.get("initrd");
  if (initrd === undefined) return modules.length > 0 ? { modules } : {};
  const linux = config.format === "linux" || (config.format === "auto" && isLinux(config.image));
  if (linux) return { initrd: readInput("initrd", initrd), ...(modules.length > 0 ? { modules } : {}) };
  return { modules: [...modules, ...readModuleList(initrd)] };
}

function imageFormat(options: ParsedOptions): "auto" | ImageFormat {
  const format = choice(options, "format", ["auto", ...IMAGE_FORMATS]);
  if (!options.has("bios")) return format ?? "auto";
  if (format !== undefined && format !== "rom") throw new CliError(`-bios: expected format rom and found ${format}`);
  return "rom";
}

/** The value of an option that is one of `allowed`; undefined if it was not given. Raises `CliError`. */
export function choice<T extends string>(options: ParsedOptions, name: string, allowed: readonly T[]): T | undefined {
  const value = options.get(name);
  if (value === undefined || (allowed as readonly string[]).includes(value)) return value as T | undefined;
  throw new CliError(`--${name}: expected ${allowed.join(", ")} and found "${value}"`);
}

function given<T>(options: ParsedOptions, name: string, parse: (flag: string, text: string) => T): T | undefined {
  const text = options.get(name);
  return text === undefined ? undefined : parse(`--${name}`, text);
}

function parseClock(flag: string, text: string): number {
  const hz = parseCount(flag, text);
  if (hz >= 1e6 && hz <= 2 ** 31) return hz;
  throw new CliError(`${flag}: expected a rate from 1M to 2147M instructions a second and found "${text}"`);
}

function parseTime(flag: string, text: string): Date {
  const time = new Date(/(?:Z|[+-]\d\d:?\d\d)$/i.test(text) || !text.includes("T") ? text : `${text}Z`);
  if (/^\d{4}-\d\d-\d\d(?:T.*)?$/.test(text) && Number.isFinite(time.getTime())) return time;
  throw new CliError(`${flag}: expected a date and time such as 2026-01-01T00:00:00Z and found "${text}"`);
}

/** `-device isa-debug-exit,iobase=0xf4,iosize=0x04`: the port, or `undefined` if it was not given. */
function debugExitPort(options: ParsedOptions): number | undefined {
  let port: number | undefined;
  for (const text of options.all("device")) {
    const [name, ...properties] = text.split(",");
    if (name !== "isa-debug-exit") {
      throw new CliError(`--device: expected isa-debug-exit and found "${name}"; the other devices are always there`);
    }
    port = 0x501; // QEMU's default for a device without iobase
    for (const property of properties) {
      const [key, value = ""] = property.split("=");
      if (key === "iobase") port = parseAddress("--device isa-debug-exit,iobase", value, 0xfffc);
      else if (key === "iosize") parseAddress("--device isa-debug-exit,iosize", value, 4);
      else throw new CliError(`--device isa-debug-exit: expected iobase=PORT or iosize=N and found "${property}"`);
    }
  }
  return port;
}
