/**
 * `vmexit compare GUEST...`: runs each guest bare and under every monitor, in turn, and prints side by side what each operation took and cost.
 * The report goes to stdout, progress to stderr; the exit code says whether all runs were equivalent.
 */
import { existsSync } from "node:fs";
import { type ComparedGuest, compare, type CompareProgress } from "../compare/compare.js";
import type { Comparison } from "../compare/comparison.js";
import { allWays } from "../compare/ways.js";
import type { CostModel } from "../cost/model.js";
import { PRESETS, presetNamed } from "../cost/presets.js";
import { CostError, readCostModel } from "../cost/read-model.js";
import type { Engine } from "../machine/machine-config.js";
import type { IsaName } from "../vmm/options.js";
import { modelLines } from "../report/compare/cost-text.js";
import { csvText } from "../report/compare/csv.js";
import { htmlReport } from "../report/html/page.js";
import { comparisonData } from "../report/compare/data.js";
import { comparisonLines } from "../report/compare/text.js";
import { openForWriting, writeAll } from "./byte-sinks.js";
import { CliError } from "./cli-error.js";
import { ExitCode } from "./exit-codes.js";
import { readInput } from "./image-files.js";
import { choice, IMAGE_OPTIONS, MACHINE_OPTIONS, machineConfig } from "./image-options.js";
import { type OptionTable, type ParsedOptions, parseOptions } from "./option-parser.js";
import { parseCount } from "./quantities.js";

const COMMAND = "vmexit compare";
const MOST_ROUNDS = 100;
/** Options that describe every guest, as `vmexit run` reads them. */
const GUEST_OPTIONS = ["append", "memory", "clock"];

/** The options of `vmexit compare`. */
export const COMPARE_OPTIONS: OptionTable = {
  vmm: {
    value: "NAME,...",
    help: `ways to compare with bare (default all): ${allWays()
      .slice(1)
      .map(({ name }) => name)
      .join(", ")}`,
  },
  only: { value: "SECTION,...", help: "sections to report, as the guest names them (default all)" },
  rounds: { value: "N", help: "measured rounds, after one to warm up (default 7, fewer if they take long)" },
  engine: { value: "NAME", help: "translator (default) or interpreter" },
  isa: {
    value: "ia32|umip|strict",
    help: "one processor for all ways (default: strict under trap, which needs it, else umip)",
  },
  append: IMAGE_OPTIONS.append!,
  memory: IMAGE_OPTIONS.memory!,
  clock: MACHINE_OPTIONS.clock!,
  "max-insns": { value: "N", help: "end a run of the bare machine after N instructions (default 2G)" },
  cost: {
    value: "MODEL",
    help: `cycles on a processor: ${PRESETS.map(({ name }) => name).join(", ")}, a JSON file, or list to print them`,
  },
  json: { value: "[=FILE]", help: "print everything as JSON instead of the tables, or write it into FILE" },
  html: { value: "FILE", help: "write a page with charts: one file that loads nothing" },
  csv: { value: "[=FILE]", help: "print a line for each section, way and quantity as CSV, or write them into FILE" },
};

/** Runs `vmexit compare` and returns the process exit code. Raises `CliError`, `ImageError`, `ConfigError`. */
export async function compareCommand(args: string[]): Promise<number> {
  const options = parseOptions(COMMAND, args, COMPARE_OPTIONS);
  if (options.get("cost") === "list") {
    process.stdout.write(
      modelLines()
        .map((line) => `${line}\n`)
        .join(""),
    );
    return ExitCode.OK;
  }
  const model = costModel(options);
  const guests = readGuests(options);
  const rounds = roundsOf(options);
  const engine = choice<Engine>(options, "engine", ["interpreter", "translator"]);
  const isa = choice<IsaName>(options, "isa", ["ia32", "umip", "strict"]);
  const limit = options.get("max-insns");
  const ways = list(options, "vmm");
  checkWays(ways);
  const sections = list(options, "only");
  const outputs = openOutputs(options);
  const progress = new CompareProgressLine();
  const comparison = compare({
    guests,
    onProgress: (at) => progress.show(at),
    ...(rounds === undefined ? {} : { rounds }),
    ...(engine === undefined ? {} : { engine }),
    ...(isa === undefined ? {} : { isa }),
    ...(ways === undefined ? {} : { ways }),
    ...(sections === undefined ? {} : { sections }),
    ...(limit === undefined ? {} : { maxInstructions: parseCount("--max-insns", limit) }),
  });
  progress.clear();
  checkSections(sections, comparison);
  for (const write of outputs) write(comparison, model);
  return comparison.guests.every(({ equivalent }) => equivalent) ? ExitCode.OK : ExitCode.NOT_EQUIVALENT;
}

/** The preset or the file that `--cost` names. */
function costModel(options: ParsedOptions): CostModel | undefined {
  const name = options.get("cost");
  if (name === undefined) return undefined;
  const preset = presetNamed(name);
  if (preset !== undefined) return preset;
  const presets = PRESETS.map((model) => model.name);
  if (!existsSync(name) && !/[./]/.test(name)) {
    throw new CliError(`--cost: expected ${presets.join(", ")}, list or a JSON file and found "${name}"`);
  }
  try {
    return readCostModel(Buffer.from(readInput("cost file", name)).toString("utf8"));
  } catch (error) {
    if (error instanceof CostError) throw new CliError(`--cost ${name}: ${error.message}`);
    throw error;
  }
}

/** The words of an option that takes a list. */
function list(options: ParsedOptions, name: string): string[] | undefined {
  const words = options
    .get(name)
    ?.split(",")
    .map((word) => word.trim());
  if (words?.some((word) => word === "")) {
    throw new CliError(`--${name}: expected names with commas between them and found "${options.get(name)}"`);
  }
  return words;
}

function checkWays(ways: readonly string[] | undefined): void {
  const known = allWays().map(({ name }) => name);
  const unknown = ways?.find((name) => !known.includes(name));
  if (unknown === undefined) return;
  throw new CliError(`--vmm: expected ways of ${known.join(", ")} and found "${unknown}"`);
}

function checkSections(sections: readonly string[] | undefined, { guests }: Comparison): void {
  const known = new Set(guests.flatMap((guest) => guest.sections));
  const unknown = sections?.find((name) => !known.has(name));
  if (unknown === undefined) return;
  throw new CliError(`--only: no guest marks a section "${unknown}"`);
}

function roundsOf(options: ParsedOptions): number | undefined {
  const text = options.get("rounds");
  if (text === undefined) return undefined;
  const rounds = parseCount("--rounds", text);
  if (rounds >= 1 && rounds <= MOST_ROUNDS) return rounds;
  throw new CliError(`--rounds: expected a number from 1 to ${MOST_ROUNDS} and found "${text}"`);
}

/** The guests of the command line; the ported image of X.elf is X-pv.elf beside it. */
function readGuests(options: ParsedOptions): ComparedGuest[] {
  const { positionals } = options;
  if (positionals.length === 0) throw new CliError(`${COMMAND}: expected a guest to compare: ${COMMAND} GUEST...`);
  return positionals.map((path) => {
    const ported = path.replace(/(\.[^./]*)?$/, "-pv$1");
    return {
      ...machineConfig(COMMAND, options.only(GUEST_OPTIONS, [path])),
      name: path,
      ...(existsSync(ported) ? { ported: readInput("image", ported) } : {}),
    };
  });
}

/** The forms of a report besides the tables. */
const FORMS: Readonly<Record<string, (comparison: Comparison, model: CostModel | undefined) => string>> = {
  json: (comparison, model) => `${JSON.stringify(comparisonData(comparison, model))}\n`,
  csv: csvText,
  html: htmlReport,
};

/** Writes the report of a comparison. */
type Writer = (comparison: Comparison, model: CostModel | undefined) => void;

/** What the report is written to, opened before anything is run. A form without a file takes the place of the tables. */
function openOutputs(options: ParsedOptions): Writer[] {
  const printed = Object.keys(FORMS).filter((name) => options.has(name) && options.get(name) === undefined);
  if (printed.length > 1)
    throw new CliError(`${COMMAND}: --${printed.join(" and --")} exclude each other without a file`);
  const writers = Object.entries(FORMS).flatMap(([name, text]): Writer[] => {
    const path = options.get(name);
    if (path === undefined) return [];
    const file = openForWriting(path);
    return [(comparison, model) => writeAll(file, path, Buffer.from(text(comparison, model)))];
  });
  const stdout =
    FORMS[printed[0] ?? ""] ?? ((comparison, model) => `${comparisonLines(comparison, model).join("\n")}\n`);
  return [...writers, (comparison, model) => void process.stdout.write(stdout(comparison, model))];
}

/** One line on stderr about where the comparison is, if a person is looking. */
class CompareProgressLine {
  readonly #enabled = process.stderr.isTTY === true;

  show({ guest, way, round, rounds, done, runs }: CompareProgress): void {
    if (!this.#enabled) return;
    const when = round === 0 ? "warming up" : `round ${round} of ${rounds}`;
    process.stderr.write(`\r\x1b[K${guest}: ${when}, ${way} (run ${done + 1} of ${runs})`);
  }

  clear(): void {
    if (this.#enabled) process.stderr.write("\r\x1b[K");
  }
}
