/**
 * What exits of regions have learnt: where indirect branches and interpreted transfers led to. A cell whose branch is worth another
 * look starts at zero and reports when it has been taken often (assembly/cpu/region.ts); any other starts beyond that.
 */
import { Cell, FEEDBACK, TARGET_ENTRIES } from "../../assembly/abi/region.js";
import type { Core } from "../core/core.js";
import { MAX_FEEDBACK, MAX_TARGETS } from "./tuning.js";

/** What is known of one branch. */
interface Branch {
  /** Cells of the regions it is in. */
  cells: number[];
  targets: Set<number>;
  /** Cells that were to report. */
  asked: number;
}

/** The branches of one machine, by address. */
export class Feedback {
  private readonly branches = new Map<number, Branch>();

  /** How often a branch is taken before its cell reports; at most FEEDBACK. */
  patience: number = FEEDBACK;

  constructor(private readonly core: Core) {}

  /** Addresses that the branch at `eip` has led to; none if they are too many to be compared with. */
  targetsOf(eip: number): number[] {
    const branch = this.branches.get(eip);
    if (branch === undefined) return [];
    const view = new DataView(this.core.memory.buffer);
    for (const cell of branch.cells) {
      const table = view.getUint32(cell + Cell.TARGETS, true);
      if (table === 0) continue;
      for (let i = 0; i < TARGET_ENTRIES; i++) {
        const target = view.getUint32(table + 4 * i, true);
        if (target !== 0) branch.targets.add(target);
      }
    }
    return branch.targets.size > MAX_TARGETS ? [] : [...branch.targets].sort((a, b) => a - b);
  }

  /** Enters the new cell `cell` of the branch at `eip`. */
  enter(cell: number, eip: number): void {
    const branch = this.branches.get(eip) ?? { cells: [], targets: new Set(), asked: 0 };
    this.branches.set(eip, branch);
    const asks = branch.asked++ < MAX_FEEDBACK && branch.targets.size <= MAX_TARGETS;
    if (asks) branch.cells.push(cell);
    this.start(cell, asks ? FEEDBACK - this.patience : FEEDBACK);
  }

  /** Makes a cell report nothing. */
  silence(cell: number): void {
    this.start(cell, FEEDBACK);
  }

  private start(cell: number, taken: number): void {
    new DataView(this.core.memory.buffer).setUint32(cell + Cell.TAKEN, taken, true);
  }

  /** The cells are gone, and with the addresses of code perhaps what was learnt of it. */
  clear(): void {
    this.branches.clear();
  }
}
