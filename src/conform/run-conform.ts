/**
 * `vmexit conform`: arguments in, tables or JSON out, exit code back. Progress goes to standard error when it is a terminal.
 */
import { ConformFileError, ConformUsageError } from "./conform-error.js";
import { conform, type MakePlatform } from "./conform.js";
import { type ConformOptions, parseConformOptions } from "./options.js";
import { type ConformReport, type Mismatch, mismatchText, reportJson, summaryLines, summaryTable } from "./report.js";

/** Exit codes of this command; the same numbers as elsewhere on the command line (sysexits). */
enum Code {
  AGREES = 0,
  MISMATCHES = 1,
  USAGE = 64,
  BAD_FILE = 65,
  NO_FILE = 66,
}

/** Text of the instructions, by the optional disassembler; bytes alone if it cannot be loaded. */
async function disassemble(mismatches: readonly Mismatch[]): Promise<string[]> {
  const { Capstone, Const, loadCapstone } = await import("capstone-wasm");
  await loadCapstone();
  return mismatches.map(({ bytes, bits }) => {
    const capstone = new Capstone(Const.CS_ARCH_X86, bits === 16 ? Const.CS_MODE_16 : Const.CS_MODE_32);
    try {
      const [instruction] = capstone.disasm(bytes.slice(0, 16), { address: 0, count: 1 });
      return instruction === undefined ? "" : `${instruction.mnemonic} ${instruction.opStr}`.trim();
    } catch {
      return "(not an instruction)";
    } finally {
      capstone.close();
    }
  });
}

async function print(report: ConformReport): Promise<void> {
  const lines = [summaryTable(report)];
  if (report.mismatches.length > 0) {
    const texts = await disassemble(report.mismatches);
    lines.push("", ...report.mismatches.map((mismatch, i) => `${mismatchText(mismatch, texts[i]!)}\n`));
  }
  lines.push(...summaryLines(report));
  process.stdout.write(`${lines.join("\n")}\n`);
}

/** Finds what `options` ask tests to be run on; undefined: the bare machine. Raises `ConformUsageError`. */
export type FindPlatform = (options: ConformOptions) => MakePlatform | undefined;

/** Runs the command with the arguments behind `conform`; the result is the process exit code. */
export async function runConform(args: string[], platformFor: FindPlatform): Promise<number> {
  const terminal = process.stderr.isTTY === true;
  try {
    const options = parseConformOptions(args);
    const progress = (file: string, tests: number) => {
      if (terminal) process.stderr.write(`\r\u001b[K${tests} tests, ${file}`);
    };
    const report = conform(options, progress, platformFor(options));
    if (terminal) process.stderr.write("\r\u001b[K");
    if (options.json) process.stdout.write(`${JSON.stringify(reportJson(report), null, 2)}\n`);
    else await print(report);
    if (report.passed + report.failed === 0) {
      process.stderr.write("vmexit: conform: expected at least one test to run and found none that was asked for\n");
      return Code.USAGE;
    }
    return report.failed > 0 ? Code.MISMATCHES : Code.AGREES;
  } catch (error) {
    if (terminal) process.stderr.write("\r\u001b[K");
    if (error instanceof ConformUsageError) return fail(error, Code.USAGE);
    if (error instanceof ConformFileError)
      return fail(error, /found nothing$/.test(error.message) ? Code.NO_FILE : Code.BAD_FILE);
    if (error instanceof Error && "code" in error && "syscall" in error) return fail(error, Code.NO_FILE);
    throw error;
  }
}

function fail(error: Error, code: Code): number {
  process.stderr.write(`vmexit: ${error.message}\n`);
  return code;
}
