/**
 * The processor's state at one moment, to be put back: everything architectural and the virtual time, none of the machine's own words.
 */
import { Cpu } from "../../../assembly/abi/cpu.js";
import { Fpu } from "../../../assembly/abi/fpu.js";
import type { Words } from "../words.js";

/** Ranges of the state, each up to the offset behind it. */
const RANGES: readonly (readonly [from: number, to: number])[] = [
  [Cpu.REGS, Cpu.STOP],
  [Cpu.SHADOW, Cpu.FAULT_VECTOR],
  [Cpu.CR0, Cpu.EXIT_REASON],
  [Cpu.NMI_BLOCKED, Cpu.GENERATION],
  [Cpu.PENDING_DB, Cpu.RAM_BYTES],
  [Cpu.MSR_MISC, Cpu.IN_TASK_SWITCH],
  [Cpu.FLAG_KIND, Cpu.HEAT],
  [Fpu.ST, Fpu.OPCODE + 4],
];

/** A copy of the state. */
export class Snapshot {
  private readonly parts: Uint8Array[];

  /** The state as it is in `state`. */
  constructor(private readonly state: Words) {
    this.parts = RANGES.map(([from, to]) => state.bytes(from, to - from).slice());
  }

  /** Puts it back. What is derived from it must be derived anew. */
  restore(): void {
    RANGES.forEach(([from, to], i) => this.state.bytes(from, to - from).set(this.parts[i]!));
  }
}
