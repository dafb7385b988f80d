/**
 * `vmexit disasm IMAGE`: the code an image begins with, as the loader would place it in memory.
 * Nothing is run. By default from the entry point to the end of the piece of the image that holds it.
 */
import type { BootPlan } from "../loaders/boot-plan.js";
import { planBoot } from "../loaders/plan-boot.js";
import { DEFAULT_MEMORY_BYTES } from "../machine/machine-config.js";
import { loadDisassembler } from "../trace/disassembler.js";
import { hexDigits } from "../trace/text-trace.js";
import { CliError } from "./cli-error.js";
import { IMAGE_OPTIONS, machineConfig } from "./image-options.js";
import { type OptionTable, parseOptions } from "./option-parser.js";
import { parseAddress, parseCount } from "./quantities.js";

const COMMAND = "vmexit disasm";

/** The options of `vmexit disasm`. */
export const DISASM_OPTIONS: OptionTable = {
  ...IMAGE_OPTIONS,
  start: { value: "ADDR", help: "physical address to begin at (default: the entry point)" },
  count: { value: "N", help: "at most N instructions" },
  bits: { value: "16|32", help: "code size (default: that of the start state)" },
};

const LINES_AT_ONCE = 4096;

/** Runs `vmexit disasm` and returns the process exit code. Raises `CliError`, `ImageError`. */
export async function disasmCommand(args: string[]): Promise<number> {
  const options = parseOptions(COMMAND, args, DISASM_OPTIONS);
  const config = machineConfig(COMMAND, options);
  const { image, name = "image", memoryBytes, ...rest } = config;
  const plan = planBoot(image, { ...rest, name, ramBytes: memoryBytes ?? DEFAULT_MEMORY_BYTES });
  const startText = options.get("start");
  const start = startText === undefined ? entryAddress(plan) : parseAddress("--start", startText);
  const countText = options.get("count");
  const count = countText === undefined ? Number.POSITIVE_INFINITY : parseCount("--count", countText);
  const code32 = isCode32(options.get("bits"), plan);
  const bytes = bytesFrom(plan, start);
  if (bytes === undefined) throw new CliError(`--start: the image puts no bytes at 0x${start.toString(16)}`);
  const disassembler = await loadDisassembler();
  let broken = false;
  process.stdout.on("error", () => {
    broken = true;
  });
  let lines: string[] = [];
  for (let at = 0, n = 0; at < bytes.length && n < count && !broken; n++) {
    const { text, length } = disassembler.disassemble(bytes.subarray(at, at + 15), start + at, code32);
    const shown = [...bytes.subarray(at, at + length)].map((byte) => hexDigits(byte, 2)).join(" ");
    lines.push(`${hexDigits(start + at, 8)}  ${shown.padEnd(24)} ${text}`);
    at += length;
    if (lines.length < LINES_AT_ONCE) continue;
    await print(lines);
    lines = [];
  }
  await print(lines);
  return 0;
}

/** Physical address of the first instruction; a ROM's is the reset vector in its copy below 1 MB. */
function entryAddress(plan: BootPlan): number {
  const { mode, cs = 0, eip } = plan.cpu;
  if (mode === "reset") return 0xffff0;
  return mode === "real" ? cs * 16 + eip : eip;
}

function isCode32(bits: string | undefined, plan: BootPlan): boolean {
  if (bits === undefined) return plan.cpu.mode === "protected";
  if (bits === "16" || bits === "32") return bits === "32";
  throw new CliError(`--bits: expected 16 or 32 and found "${bits}"`);
}

/** What a plan writes from `pa` to the end of the write that holds it. */
function bytesFrom(plan: BootPlan, pa: number): Uint8Array | undefined {
  for (const write of plan.writes) {
    if ("bytes" in write && pa >= write.pa && pa < write.pa + write.bytes.length)
      return write.bytes.subarray(pa - write.pa);
  }
  return undefined;
}

/** Prints lines and waits until they are gone; a reader that has left ends the output in silence. */
function print(lines: readonly string[]): Promise<void> {
  if (lines.length === 0) return Promise.resolve();
  return new Promise((resolve) => {
    process.stdout.write(`${lines.join("\n")}\n`, () => resolve());
  });
}
