/**
 * What regions have learnt about instructions that left them too often: how the next region of the same code emits each.
 */
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

/** An exit of kind MISS: the instruction, and the stage it was emitted at. */
export interface Miss {
  eip: number;
  stage: number;
}

/** Stages of all code that was ever translated, by the address of the instruction: what one region has learnt holds in all. */
export class Misses {
  /** The stage of instructions of which nothing is known; tests put it higher. */
  first: number = Stage.CHECK;
  private readonly stages = new Map<number, number>();

  /** The stages for a new region; `cells` are the MISS cells of the last one with the same entry, by pointer. */
  learn(view: DataView, cells: ReadonlyMap<number, Miss> = new Map()): Stages {
    for (const [cell, { eip, stage }] of cells) {
      if (view.getUint32(cell + Cell.TAKEN, true) <= MISSES || stage < this.stage(eip)) continue;
      this.stages.set(eip, Math.min(stage + 1, Stage.INTERPRET));
    }
    return (eip) => this.stage(eip);
  }

  /** The code at the addresses may be other code by now. */
  clear(): void {
    this.stages.clear();
  }

  /** The stage of the instruction at an address. */
  stage(eip: number): number {
    return this.stages.get(eip) ?? this.first;
  }
}

/**
 * The stage at which instructions of a node are emitted that are known to need none: where one misses, the node is left, so that
 * nobody sees the others miss. Once there are several of them, all refill.
 */
export function leastStage(eips: readonly number[], stages: Stages): number {
  return eips.filter((eip) => stages(eip) !== Stage.CHECK).length > 1 ? Stage.REFILL : Stage.CHECK;
}
