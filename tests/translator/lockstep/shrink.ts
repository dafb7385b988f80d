/**
 * Makes a failing program small: leaves statements out, one list at a time, as long as it still fails, and writes down what is left as
 * a case line that needs no generator.
 */
import { assemble, type Source } from "./generator.js";
import type { Program } from "./kernel.js";
import { NO_TROUBLE, runPair, TROUBLE } from "./pair.js";
import type { Statement } from "./statements.js";

/** A program with its schedule. */
export interface Case {
  program: Program;
  schedule: number;
  /** True to trouble the translating machine. */
  trouble: boolean;
}

/** What differs when the case runs; undefined if nothing does. */
export function differs({ program, schedule, trouble }: Case): string | undefined {
  return runPair(program, schedule, trouble ? TROUBLE : NO_TROUBLE).difference;
}

function listsOf(source: Source): Statement[][] {
  const all: Statement[][] = [];
  const visit = (list: Statement[]) => {
    all.push(list);
    for (const s of list) for (const part of s.parts) visit(part);
  };
  for (const list of [...source.functions, ...source.chunks, source.bank]) visit(list);
  return all;
}

function caseOf(source: Source, schedule: number, trouble: boolean): Case | undefined {
  try {
    return { program: assemble(source), schedule, trouble };
  } catch {
    return undefined; // a list that was taken out held a label
  }
}

/** The smallest failing case found from `source`, which must fail, in at most `attempts` runs of `judge`. */
export function shrink(source: Source, schedule: number, attempts = 400, judge = differs): Case {
  let left = attempts;
  const fails = (trouble: boolean): boolean => {
    if (left-- <= 0) return false;
    const candidate = caseOf(source, schedule, trouble);
    return candidate !== undefined && judge(candidate) !== undefined;
  };
  const trouble = !fails(false);
  for (let changed = true; changed && left > 0; ) {
    changed = false;
    source.gaps = source.gaps.map((gap, i) => {
      if (gap === 0) return 0;
      source.gaps[i] = 0;
      if (fails(trouble)) return 0;
      source.gaps[i] = gap;
      return gap;
    });
    for (const list of listsOf(source)) {
      for (let size = list.length; size > 0; size = size >> 1) {
        for (let at = 0; at + size <= list.length; ) {
          const taken = list.splice(at, size);
          if (fails(trouble)) changed = true;
          else {
            list.splice(at, 0, ...taken);
            at += size;
          }
        }
      }
    }
    for (let i = source.chunks.length - 1; i >= 0; i--) {
      if (source.chunks.length < 2 || (source.chunks[i] as Statement[]).length > 0) continue;
      const taken = source.chunks.splice(i, 1);
      if (fails(trouble)) changed = true;
      else source.chunks.splice(i, 0, ...taken);
    }
  }
  return { program: assemble(source), schedule, trouble };
}

/** A case as one line. */
export function caseLine({ program, schedule, trouble }: Case): string {
  const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
  const mode = `${program.user ? "user" : "kernel"},${trouble ? "trouble" : "calm"}`;
  return `${mode} ${schedule} ${hex(program.code)} ${program.banks.map(hex).join(" ")}`;
}

/** Reads a case line. Raises an Error if it has another form. */
export function parseCase(line: string): Case {
  const [mode, schedule, code, ...banks] = line.trim().split(/\s+/);
  const bytes = (text: string) => Uint8Array.from(Buffer.from(text, "hex"));
  if (mode === undefined || schedule === undefined || code === undefined || banks.length !== 2) {
    throw new Error(`case line: expected "MODE SCHEDULE CODE BANK BANK" and found "${line.slice(0, 60)}"`);
  }
  return {
    program: {
      user: mode.startsWith("user"),
      code: bytes(code),
      banks: [bytes(banks[0] as string), bytes(banks[1] as string)],
    },
    schedule: Number(schedule),
    trouble: mode.endsWith("trouble"),
  };
}
