/**
 * Makes trace records by stepping a machine tick by tick: every retired instruction and every delivered exception or
 * interrupt, with the registers it changed.
 * Invariant: a traced run retires the same instructions and ends in the same state as an untraced one.
 */
import { Counter, Cpu, SegCache } from "../../assembly/abi/cpu.js";
import { Layout } from "../../assembly/abi/layout.js";
import { DescFlag, Seg, Vector } from "../../assembly/abi/x86.js";
import type { CpuView } from "../core/cpu-view.js";
import type { Machine } from "../machine/machine.js";
import type { RunExit } from "../machine/run-result.js";
import { MODE_INDEX, type RegisterChange, TRACED_REGISTERS, type TraceRecord, type TraceSink } from "./trace-record.js";

/** Where a decoded record may be put between instructions: the upper half of the scratch area. */
const RECORD = Layout.TRANSLATOR + 128;
const SELECTORS = [Seg.ES, Seg.CS, Seg.SS, Seg.DS, Seg.FS, Seg.GS];
const VECTORS = 32;

/** When to begin or end writing records. Absent conditions do not hold; any that holds is enough. */
export interface TracePoint {
  /** The instruction with this number (retired before it since power-on). */
  instruction?: number;
  /** An instruction at this linear address. */
  address?: number;
  /** The delivery of this exception vector. */
  exception?: number;
}

/** What a tracer writes. */
export interface TraceOptions {
  /** Without one, from the first instruction on. */
  start?: TracePoint;
  /** Without one, to the end. The record that meets it is the last one. */
  stop?: TracePoint;
  /** At most this many records. */
  count?: number;
}

/** How far `Tracer.advance` has come. */
export type TraceProgress = { done: false } | { done: true; exit: RunExit | undefined };

/** Traces one machine into a sink. */
export class Tracer {
  readonly #machine: Machine;
  readonly #sink: TraceSink;
  readonly #options: TraceOptions;
  readonly #before = new Uint32Array(TRACED_REGISTERS.length);
  readonly #exceptions = new Float64Array(VECTORS);
  readonly #detach: () => void;
  #interruptVector = NONE;
  #started = false;
  #written = 0;

  constructor(machine: Machine, sink: TraceSink, options: TraceOptions = {}) {
    this.#machine = machine;
    this.#sink = sink;
    this.#options = options;
    this.#detach = machine.onInterrupt((vector) => {
      this.#interruptVector = vector;
    });
    this.#newException();
  }

  /** Records written so far. */
  get written(): number {
    return this.#written;
  }

  /** Goes on for at most `ticks` ticks; `done` when the guest has ended (with its exit) or the last record is written. */
  advance(ticks: number): TraceProgress {
    const reached = this.#skipToStart(ticks);
    if (reached !== undefined) return reached;
    for (let tick = 0; tick < ticks; tick++) {
      const progress = this.#tick();
      if (progress.done) return progress;
    }
    return { done: false };
  }

  /** Writes what is left and lets go of the machine. */
  end(): void {
    this.#detach();
    this.#sink.end();
  }

  /** If only an instruction number starts the trace, gets there at full speed. */
  #skipToStart(ticks: number): TraceProgress | undefined {
    const { start } = this.#options;
    if (this.#started || start?.instruction === undefined) return undefined;
    if (start.address !== undefined || start.exception !== undefined) return undefined;
    const left = start.instruction - this.#machine.instructions;
    if (left <= 0) return undefined;
    const { exit } = this.#machine.run({ maxInstructions: Math.min(left, ticks * 100) });
    this.#newException();
    return exit.kind === "budget" ? { done: false } : { done: true, exit };
  }

  #tick(): TraceProgress {
    const { cpu } = this.#machine;
    const { start, stop } = this.#options;
    const index = this.#machine.instructions;
    const { eip } = cpu;
    const cs = cpu.segment(Seg.CS);
    const linear = (cs.base + eip) >>> 0;
    if (!this.#started && (start === undefined || meets(start, index, linear))) this.#begin(index);
    const followed = this.#started || start?.exception !== undefined;
    const bytes = this.#started && !cpu.halted ? this.#nextBytes(linear) : NO_BYTES;
    const code32 = this.#before[MODE_INDEX] !== 0;
    if (!this.#started && followed) readTraced(cpu, this.#before);
    this.#interruptVector = NONE;
    const exit = this.#machine.step();
    const retired = this.#machine.instructions > index;
    const exception = retired ? this.#trapVector() : this.#newException();
    let last = false;
    if (retired && this.#started) {
      this.#write({ type: "step", index, cs: cs.selector, eip, code32, bytes, changes: this.#changes() });
      last = stop !== undefined && meets(stop, index, linear);
    }
    if (exception !== NONE) {
      if (!this.#started && exception === start?.exception) this.#begin(index, eip);
      this.#event("exception", exception);
      last ||= exception === stop?.exception;
    } else if (this.#interruptVector !== NONE) this.#event("interrupt", this.#interruptVector);
    if (last || this.#written >= (this.#options.count ?? Number.POSITIVE_INFINITY)) return { done: true, exit };
    return exit === undefined ? { done: false } : { done: true, exit };
  }

  /** Begins to write. With `eip` the registers before the current tick are already in `#before`. */
  #begin(index: number, eip?: number): void {
    if (eip === undefined) readTraced(this.#machine.cpu, this.#before);
    this.#started = true;
    this.#sink.start({ index, eip: eip ?? this.#machine.cpu.eip, registers: this.#before });
  }

  #event(type: "exception" | "interrupt", vector: number): void {
    if (!this.#started) return;
    const { cpu, instructions: index } = this.#machine;
    this.#write({ type, index, vector, cs: cpu.segment(Seg.CS).selector, eip: cpu.eip, changes: this.#changes() });
  }

  #write(record: TraceRecord): void {
    if (this.#written >= (this.#options.count ?? Number.POSITIVE_INFINITY)) return;
    this.#sink.record(record);
    this.#written++;
  }

  /** The bytes of the instruction at CS:EIP, none if it cannot be fetched. */
  #nextBytes(linear: number): Uint8Array {
    const { core } = this.#machine;
    const length = core.exports.decodeNext(RECORD);
    return (length > 0 ? core.readLinear(linear, length) : undefined) ?? NO_BYTES;
  }

  /** The registers that differ from `#before`, which then holds the new values. */
  #changes(): RegisterChange[] {
    readTraced(this.#machine.cpu, CURRENT);
    const changes: RegisterChange[] = [];
    for (let register = 0; register < CURRENT.length; register++) {
      const value = CURRENT[register]!;
      if (value === this.#before[register]) continue;
      this.#before[register] = value;
      changes.push({ register, value });
    }
    return changes;
  }

  /** A debug trap is delivered in the tick of the instruction that caused it; the only exception that is. */
  #trapVector(): number {
    const count = this.#machine.cpu.counter(Counter.EXCEPTIONS + Vector.DB);
    if (count === this.#exceptions[Vector.DB]) return NONE;
    this.#exceptions[Vector.DB] = count;
    return Vector.DB;
  }

  /** The exception delivered since the last call, `NONE` if there was none. */
  #newException(): number {
    let found = NONE;
    for (let vector = 0; vector < VECTORS; vector++) {
      const count = this.#machine.cpu.counter(Counter.EXCEPTIONS + vector);
      if (count !== this.#exceptions[vector]) found = vector;
      this.#exceptions[vector] = count;
    }
    return found;
  }
}

/** Registers as they are now: one buffer for every tracer, filled and read at once. */
const CURRENT = new Uint32Array(TRACED_REGISTERS.length);
const NO_BYTES = new Uint8Array();
const NONE = -1;

/** Reads the traced registers in the order of `TRACED_REGISTERS`. */
function readTraced(cpu: CpuView, into: Uint32Array): void {
  for (let register = 0; register < 8; register++) into[register] = cpu.reg(register);
  into[8] = cpu.eflags;
  SELECTORS.forEach((segment, index) => {
    into[9 + index] = cpu.field(Cpu.SEGS + segment * SegCache.SIZE + SegCache.SELECTOR);
  });
  into[15] = cpu.cr0;
  into[16] = cpu.cr2;
  into[17] = cpu.cr3;
  into[18] = cpu.cr4;
  into[MODE_INDEX] = cpu.field(Cpu.SEGS + Seg.CS * SegCache.SIZE + SegCache.ACCESS) & DescFlag.BIG ? 1 : 0;
}

function meets(point: TracePoint, index: number, linear: number): boolean {
  return (point.instruction !== undefined && index >= point.instruction) || point.address === linear;
}
