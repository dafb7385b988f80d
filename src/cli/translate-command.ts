/**
 * `vmexit translate IMAGE --at ADDR`: boots an image until the code at an address has been translated, and prints the region; without
 * an address, one line for every region that was made. Under `--vmm bt` a region is translation units of the guest's kernel, and each instruction
 * is shown with what became of it.
 */
import { Cpu, Mode } from "../../assembly/abi/cpu.js";
import { createMachine, type Machine } from "../machine/machine.js";
import { describeResult } from "../machine/run-result.js";
import type { MadeRegion, Translator } from "../translator/translator.js";
import { loadDisassembler } from "../trace/disassembler.js";
import { CliError } from "./cli-error.js";
import { ExitCode } from "./exit-codes.js";
import { IMAGE_OPTIONS, MACHINE_OPTIONS, machineConfig } from "./image-options.js";
import { type OptionTable, parseOptions } from "./option-parser.js";
import { parseAddress, parseCount } from "./quantities.js";
import { regionLines, regionSummary } from "./region-text.js";

const COMMAND = "vmexit translate";
const DEFAULT_BUDGET = 100_000_000;

/** The options of `vmexit translate`. */
export const TRANSLATE_OPTIONS: OptionTable = {
  ...IMAGE_OPTIONS,
  ...Object.fromEntries(["vmm", "mmu", "isa", "rings"].map((name) => [name, MACHINE_OPTIONS[name]!])),
  at: { value: "ADDR", help: "linear address of an instruction of the region to show (default: list all regions)" },
  "max-insns": { value: "N", help: "run the guest for at most N instructions (default 100M)" },
};

/** True if the region has an instruction that begins at `address`. */
function holds({ region }: MadeRegion, address: number): boolean {
  return [...region.nodes.values()].some((node) => node.insns.some((insn) => insn.eip === address));
}

/** Has every unit become WebAssembly when it is first executed, hot or not: any instruction may be asked about. */
function translateAtOnce(machine: Machine): void {
  const translator = machine.translator as Translator;
  translator.paced = false;
  machine.cpu.setField(Cpu.HEAT, 1);
}

/** Runs `vmexit translate` and returns the process exit code. Raises `CliError`, `ImageError`, `ConfigError`. */
export async function translateCommand(args: string[]): Promise<number> {
  const options = parseOptions(COMMAND, args, TRANSLATE_OPTIONS);
  const atText = options.get("at");
  const at = atText === undefined ? undefined : parseAddress("--at", atText);
  const countText = options.get("max-insns");
  const budget = countText === undefined ? DEFAULT_BUDGET : parseCount("--max-insns", countText);
  const machine = createMachine({ ...machineConfig(COMMAND, options), engine: "translator" });
  const isTranslated = options.get("vmm") === "bt";
  if (isTranslated) translateAtOnce(machine);
  let found: MadeRegion | undefined;
  const all: string[] = [];
  (machine.translator as Translator).observer = (made) => {
    // Under binary translation the programs' own code is not what was asked for.
    if (isTranslated && (made.region.mode & Mode.TRANSLATED) === 0) return;
    if (at === undefined) all.push(regionSummary(made));
    else if (found === undefined && holds(made, at)) {
      found = made;
      machine.stop();
    }
  };
  const result = machine.run({ maxInstructions: budget });
  if (found !== undefined) {
    const disassembler = await loadDisassembler();
    const read = (address: number, length: number) => machine.readLinear(address, length);
    process.stdout.write(`${regionLines(found, read, disassembler).join("\n")}\n`);
    return ExitCode.OK;
  }
  if (at !== undefined) {
    throw new CliError(
      `--at: the code at 0x${at.toString(16)} was not translated in ${result.instructions} instructions; ${describeResult(result)}`,
    );
  }
  process.stdout.write(all.map((line) => `${line}\n`).join(""));
  return ExitCode.OK;
}
