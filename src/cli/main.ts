/**
 * The command line: picks the subcommand and loads only that. Every error a caller can cause ends in one sentence on
 * stderr and an exit code of `exit-codes.ts`; a stack trace means a fault in vmexit.
 */
import { CliError } from "./cli-error.js";
import { ExitCode } from "./exit-codes.js";
import { nearestOf } from "./option-parser.js";

type Command = (args: string[]) => Promise<number>;

/** Subcommands; each is loaded when it is used. */
const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  run: async () => (await import("./run-command.js")).runCommand,
  trace: async () => (await import("./trace-command.js")).traceCommand,
  disasm: async () => (await import("./disasm-command.js")).disasmCommand,
  translate: async () => (await import("./translate-command.js")).translateCommand,
  inspect: async () => (await import("./inspect-command.js")).inspectCommand,
  compare: async () => (await import("./compare-command.js")).compareCommand,
  classify: async () => (await import("./classify-command.js")).classifyCommand,
  conform: async () => (await import("./conform-command.js")).conformCommand,
  help: async () => (await import("./help.js")).helpCommand,
  version: async () => (await import("./help.js")).versionCommand,
};

/** Runs the command line `argv` (without node and script) and returns the process exit code. */
export async function main(argv: readonly string[]): Promise<number> {
  try {
    const [name, args] = chosen(argv);
    const command = COMMANDS[name];
    if (command === undefined) throw unknownCommand(name);
    return await (await command())(args);
  } catch (error) {
    return reportError(error);
  }
}

/** The subcommand's name and its arguments. QEMU's `-kernel …` without a subcommand means `run`. */
function chosen(argv: readonly string[]): [name: string, args: string[]] {
  const [first, ...rest] = argv;
  if (first === undefined || first === "--help" || first === "-h" || first === "-help") return ["help", rest];
  if (first === "--version" || first === "-version") return ["version", rest];
  if (first.startsWith("-")) return ["run", [...argv]];
  if (Object.hasOwn(COMMANDS, first) && (rest.includes("--help") || rest[0] === "-h")) return ["help", [first]];
  return [Object.hasOwn(COMMANDS, first) ? first : ` ${first}`, rest];
}

function unknownCommand(name: string): CliError {
  const word = name.trim();
  const nearest = nearestOf(
    word,
    Object.keys(COMMANDS).map((command) => ({ word: command, spelling: command })),
  );
  const hint = nearest === undefined ? "see vmexit help" : `did you mean ${nearest}?`;
  return new CliError(`unknown subcommand ${word}; ${hint} (to boot an image: vmexit run ${word})`);
}

function reportError(error: unknown): number {
  const known = knownError(error);
  if (known !== undefined) {
    process.stderr.write(`vmexit: ${known.sentence}\n`);
    return known.exitCode;
  }
  process.stderr.write(
    `vmexit: internal error: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
  );
  return ExitCode.INTERNAL;
}

/** Errors that are the caller's or the image's, by name, so that no module has to be loaded to recognise them. */
function knownError(error: unknown): { sentence: string; exitCode: number } | undefined {
  if (error instanceof CliError) return { sentence: error.message, exitCode: error.exitCode };
  if (!(error instanceof Error)) return undefined;
  if (error.name === "ImageError" || error.name === "TraceError") {
    return { sentence: error.message, exitCode: ExitCode.BAD_IMAGE };
  }
  if (error.name === "ConfigError") return { sentence: error.message, exitCode: ExitCode.USAGE };
  return undefined;
}
