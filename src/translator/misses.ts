/**
 * What regions have learnt about instructions that left them too often: how the next region of the same code emits each.
 */
import { Block } from "../../assembly/abi/record.js";
import { Cell } from "../../assembly/abi/region.js";
import { MISSES } from "./tuning.js";

/** How an instruction that accesses memory is emitted: each stage is for those that missed too often at the one before. */
export const Stage = {
  /** The TLB check alone; a miss leaves the region. */
  CHECK: 0,
  /** A failed check calls refill() before it leaves. */
  REFILL: 1,
  /** The interpreter executes it in line. */
  INTERPRET: 2,
} as const;

/** The stage of the instruction at an address. */
export type Stages = (eip: number) => number;

/** Stages of all code that was ever translated, by the machine address of the entry. */
export class Misses {
  /** The stage of instructions of which nothing is known; tests put it higher. */
  first: number = Stage.CHECK;
  private readonly stages = new Map<number, Map<number, number>>();

  /**
   * The stages for a new region at `block`; `cells` are the MISS cells of the last one there, by pointer, with the address of the
   * instruction.
   */
  learn(view: DataView, block: number, cells: ReadonlyMap<number, number>): Stages {
    const ma = view.getUint32(block + Block.MA, true);
    const known = this.stages.get(ma) ?? new Map<number, number>();
    const missed = new Set<number>();
    for (const [cell, eip] of cells) {
      if (view.getUint32(cell + Cell.TAKEN, true) > MISSES) missed.add(eip);
    }
    for (const eip of missed) known.set(eip, Math.min((known.get(eip) ?? this.first) + 1, Stage.INTERPRET));
    if (known.size > 0) this.stages.set(ma, known);
    return (eip) => known.get(eip) ?? this.first;
  }
}
