/**
 * What regions have in the machine's memory: cells of exits, lists of pages, records of instructions.
 */
import type { CellKind } from "../../assembly/abi/region.js";
import type { Insn } from "./insn.js";

/** Makes the exits of a region; the same request gives the same cell. */
export interface CellFactory {
  /** Pointer of a cell. */
  cell(kind: CellKind, eip: number, refund: number): number;
  /** Pointer of a cell of kind MISS of an instruction emitted at `stage` (src/translator/misses.ts). */
  miss(eip: number, refund: number, stage: number): number;
  /** Pointer of a cell of kind GOTO. */
  goto(eip: number, refund: number): number;
  /** Pointer of a cell of the branch at `eip`, which leads anywhere. `learn`: the machine remembers where. */
  dynamic(kind: CellKind.DYNAMIC | CellKind.SYSTEM, eip: number, learn: boolean): number;
  /** Pointer of a PageList (assembly/abi/region.ts); the same request gives the same one. */
  pageList(pages: readonly (readonly [number, number])[]): number;
  /** Pointer of a record for the interpreter, with its index in a block. */
  record(insn: Insn, index: number): number;
}

/** Cells and records of the first pass, which only finds out what is used. */
export const NO_CELLS: CellFactory = {
  cell: () => 0,
  miss: () => 0,
  goto: () => 0,
  dynamic: () => 0,
  pageList: () => 0,
  record: () => 0,
};
