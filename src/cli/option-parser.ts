/**
 * Options of a subcommand as a table, and their parser. QEMU's single-dash words (`-kernel`, `-m`) are aliases in the
 * same table, which `parseArgs` of `node:util` would take apart into letters. Invariant: an option that is not in the
 * table is refused in one sentence, with the nearest one that is; nothing is skipped in silence.
 */
import { CliError } from "./cli-error.js";

/** One option of a subcommand. */
export interface OptionSpec {
  /** How its value is called in the help text; absent for a switch. `[=FILE]` marks an optional value. */
  value?: string;
  /** What it does, one line. */
  help: string;
  /** QEMU's or short spellings with one dash, without the dash. */
  aliases?: readonly string[];
  /** True if it may be given more than once. */
  many?: boolean;
}

/** The options of a subcommand by long name. */
export type OptionTable = Readonly<Record<string, OptionSpec>>;

/** What was found on a command line. */
export class ParsedOptions {
  readonly positionals: readonly string[];
  readonly #values: ReadonlyMap<string, readonly (string | true)[]>;

  constructor(positionals: readonly string[], values: ReadonlyMap<string, readonly (string | true)[]>) {
    this.positionals = positionals;
    this.#values = values;
  }

  /** Only the named options, with other positionals: what a command hands on to another's reader. */
  only(names: readonly string[], positionals: readonly string[]): ParsedOptions {
    return new ParsedOptions(positionals, new Map([...this.#values].filter(([name]) => names.includes(name))));
  }

  /** True if the option was given. */
  has(name: string): boolean {
    return this.#values.has(name);
  }

  /** The value of the option, the last one if it was given twice; `undefined` without a value. */
  get(name: string): string | undefined {
    const value = this.#values.get(name)?.at(-1);
    return value === true ? undefined : value;
  }

  /** All values of an option that may be repeated. */
  all(name: string): readonly string[] {
    return (this.#values.get(name) ?? []).filter((value) => value !== true);
  }
}

/**
 * Parses `args` by `table`; `command` begins the error sentences. `--name value`, `--name=value` and an alias `-word`
 * mean the same; `--` ends the options and `-` alone is a positional. Raises `CliError`.
 */
export function parseOptions(command: string, args: readonly string[], table: OptionTable): ParsedOptions {
  const values = new Map<string, (string | true)[]>();
  const positionals: string[] = [];
  for (let index = 0; index < args.length; index++) {
    const arg = args[index]!;
    if (arg === "--") {
      positionals.push(...args.slice(index + 1));
      break;
    }
    if (!arg.startsWith("-") || arg === "-") {
      positionals.push(arg);
      continue;
    }
    const [flag, inline] = splitOnce(arg);
    const name = longName(flag, table);
    const spec = name === undefined ? undefined : table[name];
    if (name === undefined || spec === undefined) throw unknownOption(command, flag, table);
    let value: string | true = true;
    if (takesValue(spec)) {
      value = inline ?? args[++index] ?? missingValue(command, flag, spec);
      if (inline === undefined && isOption(value, table)) missingValue(command, flag, spec);
    } else if (inline !== undefined) {
      if (spec.value === undefined) throw new CliError(`${command}: ${flag} takes no value and was given "${inline}"`);
      value = inline === "" ? missingValue(command, flag, spec) : inline;
    }
    const before = values.get(name) ?? [];
    if (before.length > 0 && !spec.many) {
      throw new CliError(`${command}: ${flag} was given more than once and takes one value`);
    }
    values.set(name, [...before, value]);
  }
  return new ParsedOptions(positionals, values);
}

function splitOnce(arg: string): [flag: string, inline: string | undefined] {
  const equals = arg.indexOf("=");
  return equals < 0 ? [arg, undefined] : [arg.slice(0, equals), arg.slice(equals + 1)];
}

/** The table's name of a flag as it was typed, or `undefined` if the table has none. */
function longName(flag: string, table: OptionTable): string | undefined {
  if (flag.startsWith("--")) return Object.hasOwn(table, flag.slice(2)) ? flag.slice(2) : undefined;
  return Object.entries(table).find(([, spec]) => spec.aliases?.includes(flag.slice(1)))?.[0];
}

/** True if `arg` is one of the table's options: then it is not the value of the option before it. */
function isOption(arg: string, table: OptionTable): boolean {
  return arg.startsWith("-") && longName(splitOnce(arg)[0], table) !== undefined;
}

function takesValue(spec: OptionSpec): boolean {
  return spec.value !== undefined && !spec.value.startsWith("[");
}

function missingValue(command: string, flag: string, spec: OptionSpec): never {
  const shape = spec.value?.startsWith("[") ? `${flag}${spec.value}` : `${flag} ${spec.value}`;
  throw new CliError(`${command}: ${flag} needs a value: ${shape}`);
}

function unknownOption(command: string, flag: string, table: OptionTable): CliError {
  const word = flag.replace(/^-+/, "");
  const names = Object.entries(table).flatMap(([name, spec]) => [
    { word: name, spelling: `--${name}` },
    ...(spec.aliases ?? []).map((alias) => ({ word: alias, spelling: `-${alias}` })),
  ]);
  const nearest = nearestOf(word, names);
  const hint = nearest === undefined ? `see vmexit help ${command.split(" ").at(-1)}` : `did you mean ${nearest}?`;
  return new CliError(`${command}: unknown option ${flag}; ${hint}`);
}

/** The spelling whose word is nearest to `word` by edit distance, if it is near enough to be meant. */
export function nearestOf(word: string, names: readonly { word: string; spelling: string }[]): string | undefined {
  const scored = names.map((name) => ({ ...name, distance: editDistance(word, name.word) }));
  const best = scored.reduce((a, b) => (b.distance < a.distance ? b : a), {
    spelling: "",
    distance: Number.POSITIVE_INFINITY,
  });
  return best.distance <= Math.max(1, Math.floor(word.length / 3)) ? best.spelling : undefined;
}

/** Levenshtein distance: insertions, deletions and substitutions from `a` to `b`. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substituted = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(substituted, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[b.length]!;
}
