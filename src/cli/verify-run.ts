/**
 * `vmexit run --verify IMAGE`: the guest on both engines in lockstep, and what differs first if anything does.
 * What the guest sends comes from the interpreting machine; standard input is not connected.
 */
import type { Machine } from "../machine/machine.js";
import type { MachineConfig } from "../machine/machine-config.js";
import { describeResult } from "../machine/run-result.js";
import { type Difference, verify } from "../machine/verify.js";
import { grouped } from "../report/numbers.js";
import { loadDisassembler } from "../trace/disassembler.js";
import { hexDigits } from "../trace/text-trace.js";
import { createMachine } from "../machine/machine.js";
import { ExitCode, exitCodeOf } from "./exit-codes.js";

/** What a verifying run is connected to. */
export interface VerifyRun {
  config: MachineConfig;
  maxInstructions: number;
  /** Gives a machine its input: the same for all. */
  input(machine: Machine): void;
  /** Takes what the guest sends; for one machine only. */
  output(machine: Machine): void;
}

/** Runs and reports on stderr. Returns the exit code: the guest's, or `ExitCode.DIFFERENCE`. */
export async function verifyRun(run: VerifyRun): Promise<number> {
  const result = verify(run.config, {
    maxInstructions: run.maxInstructions,
    prepare(machine, engine, first) {
      run.input(machine);
      if (first && engine === "interpreter") run.output(machine);
    },
  });
  const count = grouped(result.instructions);
  if (result.difference === undefined) {
    process.stderr.write(`vmexit: ${describeResult(result)}; both engines agree on ${count} instructions\n`);
    return exitCodeOf(result.exit);
  }
  process.stderr.write(`${(await differenceLines(run, result.difference)).join("\n")}\n`);
  return ExitCode.DIFFERENCE;
}

/** Lines that say where the engines part: the instruction, and the state on both sides. */
async function differenceLines(run: VerifyRun, d: Difference): Promise<string[]> {
  const lines = [
    `vmexit: the engines differ between instructions ${grouped(d.after)} and ${grouped(d.by)}; ` +
      `they agree at ${hexDigits(d.cs, 4)}:${hexDigits(d.eip, 8)}`,
  ];
  const code = await codeAt(run, d);
  if (code !== undefined) lines.push(code);
  lines.push(`  ${"".padEnd(12)} interpreter   translator`, ...d.state.filter((line) => /^.\s\w/.test(line)));
  if (d.memory !== undefined) {
    const { address, interpreter, translator } = d.memory;
    lines.push(`* memory ${hexDigits(address, 8)}: ${hexDigits(interpreter, 2)}   ${hexDigits(translator, 2)}`);
  }
  return lines;
}

/** The instruction where the engines still agree. */
async function codeAt(run: VerifyRun, d: Difference): Promise<string | undefined> {
  const machine = createMachine({ ...run.config, engine: "interpreter" });
  run.input(machine);
  if (d.after > 0) machine.run({ maxInstructions: d.after });
  const segment = machine.cpu.segment(1);
  const bytes = machine.readLinear((segment.base + d.eip) >>> 0, 15);
  if (bytes === undefined) return undefined;
  const { text } = (await loadDisassembler()).disassemble(bytes, d.eip, (segment.access & 0x4000) !== 0);
  return `  ${hexDigits(d.eip, 8)}  ${text}`;
}
