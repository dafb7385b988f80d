/**
 * `vmexit inspect IMAGE --at N --gva ADDR`: runs N instructions and shows how an address is translated then: through the guest's tables and,
 * under a monitor, the shadow tables and the map of guest frames.
 */
import { FrameType } from "../../assembly/abi/ept.js";
import { inspectAddress } from "../machine/inspect-address.js";
import { createMachine, type Machine } from "../machine/machine.js";
import { describeResult } from "../machine/run-result.js";
import type { Inspection } from "../mm/inspect.js";
import { inspectionText } from "../mm/inspect-text.js";
import { grouped } from "../report/numbers.js";
import { CliError } from "./cli-error.js";
import { ExitCode } from "./exit-codes.js";
import { IMAGE_OPTIONS, imagePath, MACHINE_OPTIONS, machineConfig } from "./image-options.js";
import { type OptionTable, type ParsedOptions, parseOptions } from "./option-parser.js";
import { parseAddress, parseCount } from "./quantities.js";

const COMMAND = "vmexit inspect";

/** The options of `vmexit inspect`. */
export const INSPECT_OPTIONS: OptionTable = {
  ...IMAGE_OPTIONS,
  ...MACHINE_OPTIONS,
  at: { value: "N", help: "look behind the guest's first N instructions: 0, 500000, 2M" },
  gva: { value: "ADDR", help: "guest-virtual (linear) address to follow; may be repeated", many: true },
  json: { help: "print JSON" },
};

/** Runs `vmexit inspect` and returns the process exit code. Raises `CliError`, `ImageError`, `ConfigError`. */
export async function inspectCommand(args: string[]): Promise<number> {
  const options = parseOptions(COMMAND, args, INSPECT_OPTIONS);
  const at = parseCount("--at", required(options, "at", "N, the number of instructions to run"));
  required(options, "gva", "ADDR, the address to follow");
  const addresses = options.all("gva").map((text) => parseAddress("--gva", text));
  const machine = createMachine(machineConfig(COMMAND, options));
  runTo(machine, at);
  const inspections = addresses.map((address) => inspectAddress(machine, address));
  const image = imagePath(COMMAND, options);
  const text = options.has("json") ? asJson(image, machine, inspections) : asText(machine, inspections);
  process.stdout.write(text);
  return ExitCode.OK;
}

function required(options: ParsedOptions, name: string, what: string): string {
  const value = options.get(name);
  if (value === undefined) throw new CliError(`${COMMAND}: expected --${name} ${what}`);
  return value;
}

/** Runs exactly `count` instructions. */
function runTo(machine: Machine, count: number): void {
  if (count === 0) return;
  const result = machine.run({ maxInstructions: count });
  if (machine.instructions === count) return;
  throw new CliError(
    `--at: the guest ended after ${grouped(machine.instructions)} instructions and cannot be looked at behind ${grouped(count)}; ${describeResult(result)}`,
  );
}

/** Where the guest stands, and under what. */
function position(machine: Machine) {
  const { cs, eip } = machine.registers();
  const options = machine.vm?.options;
  return { instructions: machine.instructions, cs, eip, vmm: options?.vmm ?? "none", mmu: options?.mmu ?? "direct" };
}

function asText(machine: Machine, inspections: readonly Inspection[]): string {
  const { instructions, cs, eip, vmm, mmu } = position(machine);
  const hex = (value: number, digits: number) => value.toString(16).padStart(digits, "0");
  const under = vmm === "none" ? "on the bare machine" : `under ${vmm}, mmu ${mmu}`;
  const head = `${under}, after ${grouped(instructions)} instructions, at ${hex(cs, 4)}:${hex(eip, 8)}`;
  return [`${head}\n`, ...inspections.map(inspectionText)].join("\n");
}

function asJson(image: string, machine: Machine, inspections: readonly Inspection[]): string {
  const translations = inspections.map((inspection) => ({
    ...inspection,
    ...(inspection.ept === undefined ? {} : { ept: { ...inspection.ept, type: FrameType[inspection.ept.type] } }),
  }));
  return `${JSON.stringify({ image, ...position(machine), translations })}\n`;
}
