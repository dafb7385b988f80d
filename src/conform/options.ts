/** The options of `vmexit conform`: parsing, checking, and the help text. */
import { parseArgs } from "node:util";
import { ConformUsageError } from "./conform-error.js";
import { normaliseKey } from "./instruction-key.js";

/** What to run and how to show it. */
export interface ConformOptions {
  /** Files and directories, at least one. */
  paths: string[];
  /** Take every test whose number modulo `count` is `index`. */
  shard: { index: number; count: number };
  /** Instruction keys to run (`F7` stands for all of its group); empty = all. */
  opcodes: string[];
  /** SingleStepTests metadata.json; without it one beside the MOO file is used. */
  mask: string | undefined;
  /** Print a JSON object instead of tables. */
  json: boolean;
  /** How many mismatches to print in full. */
  show: number;
  /** Run native vectors through the one-instruction reference path of the machine. */
  step: boolean;
  /** The monitor of the virtual machine to run in, or `none`; how it maps memory, and the machine's instruction set: docs/vmm.md. */
  vmm: string;
  mmu: string | undefined;
  isa: string | undefined;
}

/** The options by long name: what value they take and what they do, one line each. */
export const CONFORM_OPTIONS = {
  shard: { value: "I/N", help: "run the Ith of N parts of every file (1 <= I <= N)" },
  opcode: { value: "KEY", help: "only these instructions: 01, 0FA4, F7.6, or F7 for its whole group", many: true },
  mask: { value: "FILE", help: "flag masks of a SingleStepTests metadata.json (default: the one beside the tests)" },
  show: { value: "N", help: "print the first N mismatches in full (default 3)" },
  step: { help: "run native vectors one instruction at a time, through the reference path" },
  vmm: { value: "KIND", help: "run in a virtual machine: vt, hybrid, trap or bt (default none)" },
  mmu: { value: "MAP", help: "with --vmm: ept or shadow" },
  isa: { value: "ISA", help: "with --vmm: ia32, umip or strict (default umip)" },
  json: { help: "print one JSON object instead of tables" },
} as const;

function parseShard(text: string): { index: number; count: number } {
  const match = /^(\d{1,6})\/(\d{1,6})$/.exec(text);
  const index = Number(match?.[1]);
  const count = Number(match?.[2]);
  if (match === null || index < 1 || index > count) {
    throw new ConformUsageError(`--shard: expected I/N with 1 <= I <= N (such as 2/8) and found "${text}"`);
  }
  return { index: index - 1, count };
}

function parseKey(text: string): string {
  const key = normaliseKey(text);
  if (!/^(0F)?[0-9A-F]{2}(\.[0-7])?$/.test(key)) {
    throw new ConformUsageError(`--opcode: expected an instruction such as 01, 0FA4, F7 or F7.6 and found "${text}"`);
  }
  return key;
}

function parseCount(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new ConformUsageError(`--show: expected a whole number and found "${text}"`);
  return Number(text);
}

/** Parses the arguments behind `conform`. Raises `ConformUsageError`. */
export function parseConformOptions(args: readonly string[]): ConformOptions {
  const text = { type: "string" } as const;
  const flag = { type: "boolean" } as const;
  let parsed: ReturnType<typeof parse>;
  function parse() {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        shard: text,
        opcode: { type: "string", multiple: true },
        mask: text,
        show: text,
        json: flag,
        step: flag,
        vmm: text,
        mmu: text,
        isa: text,
      },
    });
  }
  try {
    parsed = parse();
  } catch (error) {
    const sentence = error instanceof Error ? error.message.split(/[.\n]/)[0] : String(error);
    throw new ConformUsageError(`conform: ${sentence}; see vmexit help conform`);
  }
  const { values, positionals } = parsed;
  if (positionals.length === 0) {
    throw new ConformUsageError("conform: expected at least one file or directory with tests and found none");
  }
  return {
    paths: positionals,
    shard: values.shard === undefined ? { index: 0, count: 1 } : parseShard(values.shard),
    opcodes: (values.opcode ?? []).flatMap((list) => list.split(",")).map(parseKey),
    mask: values.mask,
    json: values.json ?? false,
    show: values.show === undefined ? 3 : parseCount(values.show),
    step: values.step ?? false,
    vmm: values.vmm ?? "none",
    mmu: values.mmu,
    isa: values.isa,
  };
}

/** True if the options ask for instructions with this key. */
export function keySelected(opcodes: readonly string[], key: string): boolean {
  return opcodes.length === 0 || opcodes.some((wanted) => key === wanted || key.startsWith(`${wanted}.`));
}
