/**
 * Runs random machines and checks what must hold for all of them: run() returns within its budget and never throws, nothing is
 * written that must not be, and cutting the run in pieces or stepping it changes nothing. A failing case is made smaller.
 */
import { createHash } from "node:crypto";
import { Cpu, SegCache } from "../../assembly/abi/cpu.js";
import { Fpu } from "../../assembly/abi/fpu.js";
import { ExitReason } from "../../assembly/abi/exit.js";
import { Layout } from "../../assembly/abi/layout.js";
import { Core, type CoreHost } from "../../src/core/core.js";
import { hasStaleTranslation } from "./stale.js";
import { brokenInvariant, Canaries } from "./invariants.js";
import { Random } from "../random.js";
import { RandomHost } from "./random-host.js";
import { CODE, CODE_BYTES, type FuzzCase, KINDS, RAM_BYTES, RandomMachine, ROM_BYTES } from "./random-machine.js";

/** Call-backs after which a case ends: REP instructions can make thousands in one tick. */
const MOST_CALLS = 20_000;
/** Ticks given to one call of run(): small, so that a case that runs long in its REP instructions is seen in time. */
const PIECE = 2_000;
/** A halted processor is woken this often before it gets a new life. */
const WAKES = 20;
/** Lives of a machine: after a shutdown it goes on with new tables and registers. */
const LIVES = 100;
/** Host milliseconds after which a case ends early, undecided: long REP instructions make few ticks last long. */
const LONG_CASE = 1_500;

/** How a case is driven. */
export type Drive = "pieces" | "odd pieces" | "steps";

/** What became of a case. */
export interface CaseResult {
  /** What was wrong, or undefined. */
  problem?: string;
  /** Digest of the final state, unless the case was ended early. */
  state?: string;
  ticks: number;
  exceptions: number;
}

/** A core with its random host. */
export class Fuzzer {
  readonly host = new RandomHost();
  readonly core: Core;

  constructor(
    create: (host: CoreHost) => Core = (host) => Core.create({ ramBytes: RAM_BYTES, romBytes: ROM_BYTES }, host),
  ) {
    this.core = create(this.host);
  }

  /** Runs a case. */
  run(fuzz: FuzzCase, drive: Drive = "pieces"): CaseResult {
    const { core, host } = this;
    const machine = new RandomMachine(core, fuzz);
    const canaries = new Canaries(core);
    host.start(core, fuzz.seed ^ 0x5eed, MOST_CALLS);
    const before = this.#exceptions();
    let problem: string | undefined;
    let decided = true;
    try {
      [problem, decided] = this.#drive(machine, fuzz, drive);
    } catch (error) {
      problem = `thrown: ${error instanceof Error ? error.stack : String(error)}`;
    }
    problem ??= canaries.check() ?? brokenInvariant(core);
    const ticks = core.time;
    return { problem, state: decided ? this.#digest() : undefined, ticks, exceptions: this.#exceptions() - before };
  }

  /** Runs the ticks of a case. Returns the problem, and whether the case ran to its end. */
  #drive(machine: RandomMachine, fuzz: FuzzCase, drive: Drive): [string | undefined, boolean] {
    const { core, host } = this;
    const pieces = new Random(fuzz.seed);
    const started = performance.now();
    let wakes = 0;
    let lives = LIVES;
    while (core.time < fuzz.budget) {
      if (host.exhausted) return [undefined, true];
      if (performance.now() - started > LONG_CASE) return [undefined, false];
      const left = fuzz.budget - core.time;
      const piece = Math.min(left, drive === "odd pieces" ? pieces.between(1, 100) : PIECE);
      const before = core.time;
      const reason = drive === "steps" ? core.stepOnce() : core.run(piece);
      const passed = core.time - before;
      const most = drive === "steps" ? 1 : piece;
      if (passed < 0 || passed > most) return [`run(${most}) took ${passed} ticks`, true];
      if (ExitReason[reason] === undefined) return [`unknown exit reason ${reason}`, true];
      if (reason === ExitReason.BUDGET && passed !== most)
        return [`run(${most}) returned BUDGET after ${passed} ticks`, true];
      if (reason === ExitReason.TRIPLE_FAULT || (reason === ExitReason.HLT && ++wakes % WAKES === 0)) {
        if (--lives === 0) return [undefined, true];
        machine.revive();
        continue;
      }
      if (reason !== ExitReason.HLT) continue;
      if (wakes % 2 === 0) core.raiseNmi();
      else core.setInterruptLine(true);
      if (wakes % 4 === 3) core.raiseNmi();
    }
    return [undefined, true];
  }

  /** Exceptions delivered since the core was made. */
  #exceptions(): number {
    let sum = 0;
    for (let vector = 0; vector < 32; vector++) sum += this.core.cpu.counter(8 + vector);
    return sum;
  }

  /** Registers and RAM as a short text. */
  #digest(): string {
    const { cpu, ram } = this.core;
    const fields = [Cpu.CR0, Cpu.CR2, Cpu.CR3, Cpu.CR4, Cpu.CPL, Cpu.EIP, Cpu.HALTED, Cpu.GDTR_BASE, Cpu.IDTR_BASE];
    const segments = Array.from({ length: 8 }, (_, seg) =>
      cpu.field(Cpu.SEGS + seg * SegCache.SIZE + SegCache.SELECTOR),
    );
    const values = [
      ...Array.from({ length: 8 }, (_, r) => cpu.reg(r)),
      ...fields.map((f) => cpu.field(f)),
      ...segments,
    ];
    const x87 = new Uint8Array(this.core.memory.buffer, Layout.CPU + Fpu.ST, Fpu.OPCODE + 4 - Fpu.ST);
    const hash = createHash("sha1").update(ram).update(x87).digest("hex").slice(0, 12);
    const text = values.map((value) => value.toString(16)).join(" ");
    return `${text} eflags ${cpu.eflags.toString(16)} retired ${cpu.retired} time ${this.core.time} ram and x87 ${hash}`;
  }
}

/** Case number `n` of a series. */
export function caseOf(seed: number, n: number, budget: number): FuzzCase {
  return { kind: KINDS[n % KINDS.length]!, seed: (seed + n * 2654435761) >>> 0, budget, blanked: [] };
}

/** A number of cases in a row. */
export interface Series {
  seed: number;
  machines: number;
  /** Budget of each. */
  ticks: number;
}

/** Runs a series up to the first case that fails; its failure is described with a smaller case. */
export function runSeries({ seed, machines, ticks }: Series) {
  const fuzzer = new Fuzzer();
  const sum = { ticks: 0, exceptions: 0, undecided: 0, failure: undefined as string | undefined };
  for (let n = 0; n < machines; n++) {
    const fuzz = caseOf(seed, n, ticks);
    const result = fuzzer.run(fuzz);
    sum.ticks += result.ticks;
    sum.exceptions += result.exceptions;
    if (result.state === undefined) sum.undecided++;
    if (result.problem === undefined) continue;
    const small = shrink(fuzz, (smaller) => fuzzer.run(smaller).problem);
    const { problem } = fuzzer.run(small);
    sum.failure = `case ${n}: ${result.problem}\nsmallest: ${problem}\n${describeFuzz(small, fuzzer.core)}`;
    break;
  }
  return sum;
}

/** The three ways to run a case, and what they came to. */
class Comparison {
  compared = 0;
  /** Cases that told the ways apart by translations that a processor may remember or not. */
  stale = 0;
  readonly #ways = (["pieces", "odd pieces", "steps"] as const).map((drive) => ({ drive, fuzzer: new Fuzzer() }));

  /** The core of the first way, for describing a case. */
  get core(): Core {
    return this.#ways[0]!.fuzzer.core;
  }

  /** What is wrong with a case, or undefined. */
  run(fuzz: FuzzCase): string | undefined {
    const results = this.#ways.map(({ drive, fuzzer }) => fuzzer.run(fuzz, drive));
    const problem = results.find((result) => result.problem !== undefined)?.problem;
    if (problem !== undefined) return problem;
    const states = results.map((result) => result.state);
    if (states.includes(undefined)) return undefined;
    this.compared++;
    if (new Set(states).size === 1) return undefined;
    return `\n  blocks ${states[0]}\n  pieces ${states[1]}\n  steps  ${states[2]}`;
  }

  /** The case with the fewest ticks that the ways differ on. */
  firstDifference(fuzz: FuzzCase): FuzzCase {
    let low = 0;
    let high = fuzz.budget;
    while (low + 1 < high) {
      const middle = (low + high) >> 1;
      if (this.run({ ...fuzz, budget: middle }) === undefined) low = middle;
      else high = middle;
    }
    return { ...fuzz, budget: high };
  }

  /** Whether any way had a stale translation before or after the tick of the first difference. */
  isStale(fuzz: FuzzCase): boolean {
    const first = this.firstDifference(fuzz);
    return [first.budget - 1, first.budget].some((budget) =>
      this.#ways.some(({ drive, fuzzer }) => {
        fuzzer.run({ ...first, budget }, drive);
        return hasStaleTranslation(fuzzer.core);
      }),
    );
  }
}

/** Runs each case of a series in three ways, up to the first one whose final states differ for no good reason. */
export function compareSeries({ seed, machines, ticks }: Series) {
  const comparison = new Comparison();
  for (let n = 0; n < machines; n++) {
    const fuzz = caseOf(seed, n, ticks);
    if (comparison.run(fuzz) === undefined) continue;
    if (comparison.isStale(fuzz)) {
      comparison.stale++;
      continue;
    }
    const small = shrink(fuzz, (smaller) =>
      comparison.run(smaller) !== undefined && !comparison.isStale(smaller) ? "differs" : undefined,
    );
    const failure = `case ${n}: ${comparison.run(small)}\n${describeFuzz(small, comparison.core)}`;
    return { failure, compared: comparison.compared, stale: comparison.stale };
  }
  return { failure: undefined, compared: comparison.compared, stale: comparison.stale };
}

/** The smallest case found that still has a problem: fewer ticks, less code. */
export function shrink(fuzz: FuzzCase, problem: (fuzz: FuzzCase) => string | undefined): FuzzCase {
  let best = fuzz;
  const attempt = (smaller: FuzzCase) => {
    if (problem(smaller) === undefined) return false;
    best = smaller;
    return true;
  };
  for (let low = 0, high = best.budget; low + 1 < high; ) {
    const middle = (low + high) >> 1;
    if (attempt({ ...best, budget: middle })) high = middle;
    else low = middle;
  }
  for (let length = CODE_BYTES / 2; length >= 1; length >>= 1) {
    let tries = 0;
    for (let from = 0; from < CODE_BYTES && tries < 128; from += length) {
      if (best.blanked.some(([a, b]) => a <= from && from + length <= b)) continue;
      tries++;
      attempt({ ...best, blanked: [...best.blanked, [from, from + length]] });
    }
  }
  return best;
}

/** A case as a line that can be pasted, with the code that is left of it. */
export function describeFuzz(fuzz: FuzzCase, core: Core): string {
  const kept: string[] = [];
  for (let at = 0; at < CODE_BYTES && kept.length < 8; at++) {
    if (fuzz.blanked.some(([a, b]) => a <= at && at < b)) continue;
    const bytes = Array.from(core.ram.subarray(CODE + at, CODE + at + 16), (byte) =>
      byte.toString(16).padStart(2, "0"),
    );
    kept.push(`${(CODE + at).toString(16)}: ${bytes.join(" ")}`);
    at += 15;
  }
  return `${JSON.stringify({ ...fuzz, blanked: fuzz.blanked.length })}\n  ${kept.join("\n  ")}`;
}
