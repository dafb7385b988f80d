/**
 * `vmexit classify`: Popek and Goldberg's classes of every instruction, as declared and as derived by experiment.
 * docs/classes.md says what they mean. With --derive the exit code is 1 if an experiment contradicts the table.
 */
import { declaredClasses, unobservable } from "../classify/declared.js";
import { type Derivation, derive } from "../classify/derivation.js";
import { DEFAULT_SEARCH } from "../classify/derive.js";
import {
  declaredBlock,
  declaredTable,
  derivedBlock,
  derivedTable,
  isQuiet,
  kindWords,
  trapWords,
} from "../classify/text.js";
import { allAnswers, theoremLines } from "../classify/theorems.js";
import { MONITORS, treatmentOf } from "../classify/treatment.js";
import { declaredVerdict, ISAS, type Isa, verdictOn } from "../classify/verdict.js";
import { plainestWitnesses, replay, witnessLines } from "../classify/witness.js";
import type { Row } from "../isa/row.js";
import { INSTRUCTIONS } from "../isa/table/index.js";
import { CliError } from "./cli-error.js";
import { type OptionTable, type ParsedOptions, parseOptions } from "./option-parser.js";
import { parseCount } from "./quantities.js";

const COMMAND = "vmexit classify";

/** The options of `vmexit classify`. */
export const CLASSIFY_OPTIONS: OptionTable = {
  derive: { help: "run the experiments and compare with the table" },
  witness: { value: "NAME", help: "replay the experiments that show why NAME is classified as it is" },
  isa: { value: "ISA", help: `instruction set: ${ISAS.join(", ")} (default: ia32; theorems: all)` },
  json: { help: "print JSON" },
  seed: { value: "N", help: `seed of the experiments (default: ${DEFAULT_SEARCH.seed})` },
  states: { value: "N", help: `states per form of a sensitive row (default: ${DEFAULT_SEARCH.sensitiveStates})` },
};

/** Runs `vmexit classify` and returns the process exit code. Raises `CliError`. */
export async function classifyCommand(args: string[]): Promise<number> {
  const options = parseOptions(COMMAND, args, CLASSIFY_OPTIONS);
  // A reader that has left, as `head` does, ends the output in silence.
  process.stdout.on("error", () => {});
  const isa = isaOption(options);
  const witness = options.get("witness");
  if (witness !== undefined) return showWitnesses(witness, options);
  const rows = options.positionals.length === 0 ? INSTRUCTIONS : options.positionals.flatMap(rowsNamed);
  if (options.has("derive")) return showDerivation(rows, isa, options);
  if (options.has("json")) printJson(rows.map(declaredJson));
  else if (options.positionals.length > 0 && rows.length <= 4)
    print(rows.flatMap((row) => [...declaredBlock(row), ""]).slice(0, -1));
  else print([...declaredTable(rows, isa), ...(rows === INSTRUCTIONS ? ["", ...declaredTheorems(isa)] : [])]);
  return 0;
}

function isaOption(options: ParsedOptions): Isa | undefined {
  const text = options.get("isa");
  if (text === undefined) return undefined;
  const isa = ISAS.find((name) => name === text);
  if (isa === undefined) throw new CliError(`--isa: expected ${ISAS.join(", ")} and found "${text}"`);
  return isa;
}

/** Rows by mnemonic ("POPF"), by text ("PUSH CS") or by the mnemonic of the 16-bit form. */
function rowsNamed(name: string): Row[] {
  const wanted = name.toUpperCase();
  const exact = INSTRUCTIONS.filter((row) => row.text.toUpperCase() === wanted);
  const rows =
    exact.length > 0
      ? exact
      : INSTRUCTIONS.filter((row) => row.mnemonic === wanted || row.twin?.toUpperCase() === wanted);
  if (rows.length === 0) {
    throw new CliError(`${COMMAND}: expected an instruction such as POPF or "PUSH CS" and found "${name}"`);
  }
  return rows;
}

function searchOptions(options: ParsedOptions) {
  const count = (name: "seed" | "states", otherwise: number) => {
    const text = options.get(name);
    return text === undefined ? otherwise : parseCount(`--${name}`, text);
  };
  const sensitiveStates = count("states", DEFAULT_SEARCH.sensitiveStates);
  const states = options.has("states") ? sensitiveStates : DEFAULT_SEARCH.states;
  return { seed: count("seed", DEFAULT_SEARCH.seed), states, sensitiveStates };
}

function declaredTheorems(isa: Isa | undefined): string[] {
  const answers = allAnswers((on) => INSTRUCTIONS.map((row) => declaredVerdict(row, on)));
  return theoremLines(isa === undefined ? answers : answers.filter((answer) => answer.isa === isa));
}

function showDerivation(rows: readonly Row[], isa: Isa | undefined, options: ParsedOptions): number {
  const derivation = derive(rows, searchOptions(options));
  const whole = rows === INSTRUCTIONS;
  const answers = allAnswers((on) => derivation.evidence.map((both) => verdictOn(both, on))).filter(
    (answer) => isa === undefined || answer.isa === isa,
  );
  if (options.has("json")) printJson(derivationJson(derivation, whole ? answers : undefined));
  else {
    const few = !whole && rows.length <= 4;
    print(few ? derivation.evidence.flatMap(derivedBlock) : derivedTable(derivation));
    if (whole) print(["", ...theoremLines(answers), "", ...NOTES]);
    print(derivation.disagreements.length === 0 ? ["declared and derived agree"] : derivation.disagreements);
  }
  return derivation.disagreements.length === 0 ? 0 : 1;
}

const NOTES = ["A search finds witnesses; that it finds none in the states tried is no proof."];

function showWitnesses(name: string, options: ParsedOptions): number {
  const rows = rowsNamed(name);
  const derivation = derive(rows, searchOptions(options));
  const reports = derivation.evidence.flatMap(({ ia32, umip }) => {
    const witnesses = plainestWitnesses(ia32);
    return (witnesses.length > 0 ? witnesses : plainestWitnesses(umip)).map((witness) => ({
      instruction: ia32.row.text,
      ...replay(ia32.row, witness),
    }));
  });
  if (options.has("json")) printJson(reports.map((report) => ({ ...report, witness: witnessJson(report.witness) })));
  else if (reports.length === 0) print(derivation.evidence.flatMap(derivedBlock).concat("no witness: innocuous"));
  else {
    let last = "";
    for (const report of reports) {
      if (report.instruction !== last) print([`${last === "" ? "" : "\n"}${report.instruction}`]);
      last = report.instruction;
      print(["", ...witnessLines(report)]);
    }
  }
  return derivation.disagreements.length === 0 ? 0 : 1;
}

function declaredJson(row: Row): object {
  const classes = declaredClasses(row);
  const treatment = Object.fromEntries(MONITORS.map((monitor) => [monitor, treatmentOf(row, monitor)]));
  return { instruction: row.text, opcode: row.code, ...classes, treatment };
}

function witnessJson(witness: Parameters<typeof replay>[1]): object {
  const situation = ({ ring, moved }: (typeof witness)["first"]) => ({ ring, moved: [...moved] });
  return { ...witness, first: situation(witness.first), second: situation(witness.second) };
}

function derivationJson(derivation: Derivation, answers: object | undefined): object {
  return {
    options: derivation.options,
    runs: derivation.runs,
    rows: derivation.evidence.map((both) => {
      const { row } = both.ia32;
      const verdict = verdictOn(both, "ia32");
      return {
        instruction: row.text,
        opcode: row.code,
        traps: trapWords(both),
        ...verdict,
        row: undefined,
        innocuous: isQuiet(row) ? kindWords(verdict.sensitive.strict) === "-" : false,
        unobservable: unobservable(row),
        states: both.ia32.states + both.umip.states,
        coverage: [...new Set([...both.ia32.coverage, ...both.umip.coverage])],
        witnesses: plainestWitnesses(both.ia32).map(witnessJson),
      };
    }),
    theorems: answers,
    disagreements: derivation.disagreements,
  };
}

function print(lines: readonly string[]): void {
  process.stdout.write(`${lines.join("\n")}\n`);
}

function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
}
