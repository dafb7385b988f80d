/**
 * The nanobenchmarks of Adams and Agesen, "A Comparison of Software and Hardware Techniques for x86 Virtualization", ASPLOS 2006: cycles on a
 * Pentium 4 672, and the order relations they show.
 */

/** One row of the paper: cycles on the bare machine, under the software VMM (binary translation) and the hardware VMM (VT-x, shadow tables). */
export interface PaperRow {
  /** Name of the section of `roms/nanobench.asm` that does the same. */
  section: string;
  native: number;
  software: number;
  hardware: number;
}

/** The published numbers. */
export const PAPER_ROWS: readonly PaperRow[] = [
  { section: "syscall", native: 242, software: 2308, hardware: 246 },
  { section: "in", native: 3209, software: 216, hardware: 15826 },
  { section: "cr8wr", native: 150, software: 35, hardware: 177 },
  { section: "callret", native: 11, software: 51, hardware: 11 },
  { section: "pgfault", native: 1093, software: 3927, hardware: 11242 },
  { section: "divzero", native: 889, software: 3223, hardware: 1014 },
  { section: "ptemod", native: 1, software: 391, hardware: 12733 },
  { section: "ptemod-p-np", native: 4, software: 17, hardware: 9154 },
  { section: "ptemod-np-p", native: 5, software: 2121, hardware: 17020 },
];

/** A load of the paper: seconds on a processor, as `PaperRow` has cycles. */
export interface PaperLoad {
  section: string;
  /** Name of the processor's cost model. */
  model: string;
  native: number;
  software: number;
  hardware: number;
}

/** Process creation: 40,000 times fork and wait. Ours is a smaller process, so what can be compared is how many times longer than native it takes. */
export const PAPER_LOADS: readonly PaperLoad[] = [
  { section: "forkwait", model: "pentium4", native: 6.02, software: 36.95, hardware: 106.4 },
  { section: "forkwait", model: "merom", native: 2.62, software: 18.43, hardware: 38.89 },
];

/** How two numbers are related: `<<` at most half, `~` at most a quarter apart. */
export type Relation = "<<" | "~";

/** One side of an order relation: a way of the comparison. */
export interface ExpectedRelation {
  section: string;
  left: string;
  relation: Relation;
  right: string;
}

/** What the paper shows, and what it predicts of nested paging. */
export const PAPER_RELATIONS: readonly ExpectedRelation[] = [
  { section: "syscall", left: "vt+shadow", relation: "~", right: "bare" },
  { section: "syscall", left: "vt+shadow", relation: "<<", right: "bt" },
  { section: "divzero", left: "vt+shadow", relation: "~", right: "bare" },
  { section: "divzero", left: "vt+shadow", relation: "<<", right: "bt" },
  { section: "callret", left: "vt+shadow", relation: "~", right: "bare" },
  { section: "cr8wr", left: "vt+shadow", relation: "~", right: "bare" },
  { section: "cr8wr", left: "bt", relation: "<<", right: "bare" },
  { section: "in", left: "bt", relation: "<<", right: "vt+shadow" },
  { section: "pgfault", left: "bt", relation: "<<", right: "vt+shadow" },
  { section: "ptemod", left: "bt", relation: "<<", right: "vt+shadow" },
  { section: "ptemod", left: "vt+ept", relation: "~", right: "bare" },
  { section: "forkwait", left: "bare", relation: "<<", right: "bt" },
  { section: "forkwait", left: "bt", relation: "<<", right: "vt+shadow" },
  { section: "compute", left: "bt", relation: "~", right: "bare" },
  { section: "compute", left: "vt+shadow", relation: "~", right: "bare" },
];

const HALF = 0.5;
const QUARTER = 1.25;

/** True if the relation holds of two numbers. */
export function holds(left: number, relation: Relation, right: number): boolean {
  if (relation === "<<") return left <= HALF * right;
  return Math.max(left, right) <= QUARTER * Math.min(left, right);
}
