/**
 * Two machines, one interpreting and one translating, run through the same schedule of slices and interrupts and compared after
 * every slice. The translating one is also troubled in ways that must not show: cut slices, flushed TLB, flushed code.
 */
import { Counter, Cpu } from "../../../assembly/abi/cpu.js";
import { ExitReason } from "../../../assembly/abi/exit.js";
import { Eflags } from "../../../assembly/abi/x86.js";
import { Core } from "../../../src/core/core.js";
import { processorStateText } from "../../../src/machine/registers.js";
import { Stage } from "../../../src/translator/misses.js";
import { Translator, type TranslatorCounters } from "../../../src/translator/translator.js";
import { Random } from "../../random.js";
import { boot, INTERRUPT, type Program, RAM_BYTES } from "./kernel.js";

/** Heats that have almost everything translated, by the low bits of the schedule. */
const HEATS = [24, 24, 24, 8, 24, 24, 24, 240];
/** How often a branch is taken before its region is made again around where it led to. */
const PATIENCE = [3, 10, 1, 40];
/** Stages that memory accesses start at: programs are too short to miss often. */
const STAGES = [Stage.REFILL, Stage.CHECK];
/** Regions that the cache holds. */
const ROOM = [4_000, 5, 2, 40];
/** Port that a program at CPL 3 ends with. */
const END_PORT = 0x80;
/** Ticks after which a program that has not ended is left. */
const LONGEST = 30_000;
/** Ticks between two interrupts of the host. */
const INTERRUPTS = { least: 1, most: 2_000 };

/** What is done to the translating machine between slices; each in percent of the slices. */
export interface Trouble {
  flushTranslations: number;
  flushCode: number;
  /** One region is evicted. */
  evict: number;
  /** The slice is run in several calls. */
  split: number;
  /** A register is changed, which must show: the proof that a difference is seen. */
  corrupt: number;
}

/** Nothing. */
export const NO_TROUBLE: Trouble = { flushTranslations: 0, flushCode: 0, evict: 0, split: 0, corrupt: 0 };
/** Some of everything. */
export const TROUBLE: Trouble = { flushTranslations: 5, flushCode: 3, evict: 20, split: 30, corrupt: 0 };

/** One machine and its interrupt line. */
class Side {
  readonly core: Core;
  #line = false;
  ended = false;

  constructor(program: Program, heat: number | undefined, patience: number, stage: number, room: number) {
    let translator: Translator | undefined;
    this.core = Core.create(
      { ramBytes: RAM_BYTES },
      {
        portRead: (port, size) => (Math.imul(port + this.core.time, 0x01010101) >>> 0) % 2 ** (8 * size),
        portWrite: (port) => this.#written(port),
        mmioRead: (pa) => pa & 0xff,
        mmioWrite: () => undefined,
        acknowledgeInterrupt: () => {
          this.interrupt(false);
          return INTERRUPT;
        },
        translateRegion: (block) => {
          if (translator === undefined) return;
          translator.translate(block);
        },
      },
    );
    if (heat !== undefined) {
      translator = new Translator(this.core);
      translator.feedback.patience = patience;
      translator.misses.first = stage;
      translator.cache.limits.regions = room;
      translator.paced = false;
      this.core.cpu.setField(Cpu.HEAT, heat);
      this.core.exports.flushCode();
    }
    this.translator = translator;
    boot(this.core, program);
  }

  readonly translator: Translator | undefined;

  /** Sets the interrupt line. */
  interrupt(level: boolean): void {
    this.#line = level;
    this.core.setInterruptLine(level);
  }

  /** What a write to a port does: end, a stop, an interrupt, an NMI-free mixture of them. */
  #written(port: number): void {
    if (port === END_PORT) {
      this.ended = true;
      this.core.requestStop();
    } else if (port === 0x41) this.interrupt(true);
    else if (port === 0x42) this.core.requestStop();
    else if (port === 0x43) {
      this.interrupt(true);
      this.core.requestStop();
    }
  }

  /** Runs `budget` ticks in pieces no longer than `piece`, past stops that were asked for. */
  run(budget: number, piece: () => number): string {
    const end = this.core.time + budget;
    let stops = 0;
    for (let calls = 0; this.core.time < end; calls++) {
      if (calls > 2 * budget + 10) return "stuck";
      const reason = this.core.run(Math.min(end - this.core.time, piece()));
      if (reason === ExitReason.HOST_REQUEST) stops++;
      else if (reason !== ExitReason.BUDGET) return `${ExitReason[reason]} after ${stops} stops`;
      if (this.ended) return `ended after ${stops} stops`;
    }
    return `budget after ${stops} stops`;
  }

  /** Registers and counts as text. */
  state(): string {
    const { cpu } = this.core;
    const faults = Array.from({ length: 20 }, (_, v) => cpu.counter(Counter.EXCEPTIONS + v)).join(" ");
    return `${processorStateText(cpu)}ticks ${this.core.time}\ninterrupts ${cpu.counter(Counter.INTERRUPTS)} ${this.#line}\nexceptions ${faults}`;
  }
}

/** What a run of a pair showed. */
export interface Outcome {
  /** Where the machines differ; undefined if they do not. */
  difference: string | undefined;
  /** Instructions retired on one machine. */
  instructions: number;
  counters: TranslatorCounters;
}

/** Lines of `a` and `b` that differ. */
function differing(a: string, b: string): string {
  const other = b.split("\n");
  return a
    .split("\n")
    .map((line, i) => (line === other[i] ? "" : `interpreter ${line}, translator ${other[i]}`))
    .filter((line) => line !== "")
    .join("; ");
}

const NOTHING: TranslatorCounters = { regions: 0, instructions: 0, bytes: 0, milliseconds: 0, refused: 0 };

/**
 * Runs `program` on both machines with the slices, interrupts and troubles of `schedule`. Without `translates` the second one
 * interprets as well.
 */
export function runPair(program: Program, schedule: number, trouble: Trouble, translates = true): Outcome {
  const random = new Random(schedule);
  const troubles = new Random(schedule ^ 0x5bd1e995);
  const left = new Side(program, undefined, 0, 0, 0);
  const right = new Side(
    program,
    translates ? HEATS[schedule & 7] : undefined,
    PATIENCE[(schedule >>> 3) & 3] as number,
    STAGES[(schedule >>> 5) & 1] as number,
    ROOM[(schedule >>> 6) & 3] as number,
  );
  const done = (difference: string | undefined): Outcome => ({
    difference,
    instructions: left.core.cpu.retired,
    counters: right.translator?.counters ?? NOTHING,
  });
  const whole = () => Number.POSITIVE_INFINITY;
  let due = random.between(INTERRUPTS.least, INTERRUPTS.most);
  for (let slices = 0; slices < LONGEST; slices++) {
    const from = left.core.time;
    const budget = Math.min(
      due - from,
      random.pick(1, 2, 3, random.below(20), random.below(300), random.below(3_000)) + 1,
    );
    const a = left.run(budget, whole);
    const split = troubles.chance(trouble.split);
    const b = right.run(budget, split ? () => troubles.between(1, 40) : whole);
    const where = `in the ${budget} ticks from ${from}, EIP ${right.core.cpu.eip.toString(16)}`;
    if (a !== b) return done(`${where}: interpreter ${a}, translator ${b}`);
    const [x, y] = [left.state(), right.state()];
    if (x !== y) return done(`${where}: ${differing(x, y)}`);
    const [m, n] = [Buffer.from(left.core.ram.buffer, left.core.ram.byteOffset, RAM_BYTES), right.core.ram];
    if (!m.equals(n)) {
      const at = m.findIndex((byte, i) => byte !== n[i]);
      return done(`${where}: memory at ${at.toString(16)}, interpreter ${m[at]}, translator ${n[at]}`);
    }
    if (left.core.time > LONGEST || left.ended || !/^(BUDGET|HLT|budget)/.test(a)) return done(undefined);
    if (left.core.cpu.halted && (left.core.cpu.eflags & Eflags.IF) === 0) return done(undefined);
    if (left.core.time >= due || left.core.cpu.halted) {
      left.interrupt(true);
      right.interrupt(true);
      due = left.core.time + random.between(INTERRUPTS.least, INTERRUPTS.most);
    }
    if (troubles.chance(trouble.flushTranslations)) right.core.exports.flushTranslations();
    if (troubles.chance(trouble.flushCode)) right.core.exports.flushCode();
    if (troubles.chance(trouble.evict)) right.translator?.cache.evictAny(troubles.below(1_000));
    if (troubles.chance(trouble.corrupt)) right.core.cpu.ebx ^= 0x100;
  }
  return done("the machines do not get on");
}
