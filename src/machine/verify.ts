/**
 * Runs a guest on two machines, one interpreting and one translating, in slices, and compares them after each one. A first difference is
 * narrowed down by running both again from the start with ever finer slices, down to one instruction where it shows.
 * Invariant: both machines get the same configuration and the same input; only `engine` differs.
 */
import { createMachine, type Machine } from "./machine.js";
import type { Engine, MachineConfig } from "./machine-config.js";
import { processorStateText } from "./registers.js";
import type { RunExit } from "./run-result.js";

/** What is compared and for how long. */
export interface VerifyOptions {
  /** Instructions after which the comparison ends. Default: when the guest ends. */
  maxInstructions?: number;
  /** Instructions between two comparisons. Default 100,000. */
  sliceInstructions?: number;
  /** Connects a machine before it runs: input, handlers. Called for every machine made; `first` for those of the first pass. */
  prepare?: (machine: Machine, engine: Engine, first: boolean) => void;
}

/** Two states that should be the same. */
export interface Difference {
  /** The machines agree after this many instructions ... */
  after: number;
  /** ... and no longer after this many. One more than `after` if it could be narrowed down to an instruction. */
  by: number;
  /** CS:EIP on the interpreter where they still agree. */
  cs: number;
  eip: number;
  /** Lines of the processor state with both values, those that differ marked by `*`. */
  state: string[];
  /** The first byte of RAM that differs, if any does. */
  memory?: { address: number; interpreter: number; translator: number };
}

/** How a comparison ended. */
export interface VerifyResult {
  /** What ended the interpreting machine; a `budget` exit if `maxInstructions` is used up or a difference was found. */
  exit: RunExit;
  /** Instructions that agree. */
  instructions: number;
  /** Where the machine is at the end. */
  cs: number;
  eip: number;
  difference?: Difference;
}

const DEFAULT_SLICE = 100_000;
/** RAM and devices are compared after this many slices: they are large. */
const SLICES_PER_MEMORY = 64;
/** A range is cut into this many slices when it is run again. */
const PARTS = 16;

/** Both machines and what they have done. */
class Pair {
  readonly interpreter: Machine;
  readonly translator: Machine;
  exit: RunExit = { kind: "budget", limit: "instructions" };

  constructor(config: MachineConfig, options: VerifyOptions, first: boolean) {
    this.interpreter = createMachine({ ...config, engine: "interpreter" });
    this.translator = createMachine({ ...config, engine: "translator" });
    options.prepare?.(this.interpreter, "interpreter", first);
    options.prepare?.(this.translator, "translator", first);
  }

  /** Runs both for `count` instructions. Returns true if the guest goes on. */
  run(count: number): boolean {
    const a = this.interpreter.run({ maxInstructions: count });
    const b = this.translator.run({ maxInstructions: count });
    this.exit = a.exit;
    return a.exit.kind === "budget" && b.exit.kind === "budget";
  }

  /** The states as lines with both values; undefined if they are the same. */
  differingState(): string[] | undefined {
    const [a, b] = [stateOf(this.interpreter), stateOf(this.translator)];
    if (a === b) return undefined;
    const other = b.split("\n");
    return a.split("\n").map((line, i) => {
      const name = line.replace(/ .*/, "");
      const values = [line, other[i] ?? ""].map((l) => l.slice(name.length + 1));
      if (name === "devices") return values[0] === values[1] ? "  devices      the same" : "* devices      differ";
      return `${values[0] === values[1] ? " " : "*"} ${name.padEnd(12)} ${values[0]}   ${values[1]}`;
    });
  }

  /** The first byte of RAM that differs. */
  differingMemory(): Difference["memory"] {
    const others = this.translator.ram.pieces()[Symbol.iterator]();
    let start = 0;
    for (const a of this.interpreter.ram.pieces()) {
      const b = others.next().value as Uint8Array;
      if (Buffer.compare(a, b) !== 0) {
        const at = a.findIndex((byte, i) => byte !== b[i]);
        return { address: start + at, interpreter: a[at] ?? 0, translator: b[at] ?? 0 };
      }
      start += a.length;
    }
    return undefined;
  }

  /** True if anything differs; RAM is looked at only if `all`. */
  differs(all: boolean): boolean {
    return stateOf(this.interpreter) !== stateOf(this.translator) || (all && this.differingMemory() !== undefined);
  }
}

/** Processor, clock and devices as text: what two equal machines have in common. */
function stateOf(machine: Machine): string {
  return `${processorStateText(machine.cpu)}ticks ${machine.ticks}\ndevices ${JSON.stringify(machine.board.save())}`;
}

/** Where the machines part, in instructions from the start. */
interface Range {
  after: number;
  by: number;
}

/**
 * Runs both machines from the start: to `range.after` in one go, then in slices. Returns the slice in which they part, or undefined if they
 * do not before `range.by`.
 */
function part(config: MachineConfig, options: VerifyOptions, range: Range, slice: number): Range | undefined {
  const pair = new Pair(config, options, false);
  if (range.after > 0) pair.run(range.after);
  for (let at = range.after; at < range.by; at += slice) {
    const goesOn = pair.run(Math.min(slice, range.by - at));
    if (pair.differs(true)) return { after: at, by: Math.min(at + slice, range.by) };
    if (!goesOn) return undefined;
  }
  return undefined;
}

/** Narrows a range down as far as the difference keeps showing, and describes it. */
function describe(config: MachineConfig, options: VerifyOptions, found: Range): Difference {
  let range = found;
  while (range.by - range.after > 1) {
    const finer = part(config, options, range, Math.ceil((range.by - range.after) / PARTS));
    if (finer === undefined) break;
    range = finer;
  }
  const pair = new Pair(config, options, false);
  if (range.after > 0) pair.run(range.after);
  const { eip } = pair.interpreter.cpu;
  const cs = pair.interpreter.registers().cs;
  pair.run(range.by - range.after);
  const memory = pair.differingMemory();
  return { ...range, cs, eip, state: pair.differingState() ?? [], ...(memory === undefined ? {} : { memory }) };
}

/** Runs a guest on both engines and compares. Raises `ConfigError` and `ImageError` as `createMachine` does. */
export function verify(config: MachineConfig, options: VerifyOptions = {}): VerifyResult {
  const pair = new Pair(config, options, true);
  const slice = options.sliceInstructions ?? DEFAULT_SLICE;
  const last = options.maxInstructions ?? Number.POSITIVE_INFINITY;
  let agreed = 0; // RAM included
  for (let n = 1, goesOn = true; goesOn; n++) {
    const before = pair.interpreter.instructions;
    goesOn = pair.run(Math.min(slice, last - before)) && pair.interpreter.instructions < last;
    const all = !goesOn || n % SLICES_PER_MEMORY === 0;
    const by = Math.max(pair.interpreter.instructions, before + 1);
    if (pair.differs(false)) return ended(pair, describe(config, options, { after: agreed, by }));
    if (!all) continue;
    if (pair.differs(true)) return ended(pair, describe(config, options, { after: agreed, by }));
    agreed = pair.interpreter.instructions;
  }
  return ended(pair);
}

function ended(pair: Pair, difference?: Difference): VerifyResult {
  const { cpu, instructions } = pair.interpreter;
  const place = { cs: pair.interpreter.registers().cs, eip: cpu.eip };
  return difference === undefined
    ? { exit: pair.exit, instructions, ...place }
    : { exit: pair.exit, instructions: difference.after, ...place, difference };
}
