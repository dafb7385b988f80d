/** Modelled cycles of a comparison's sections. */
import type { CostModel } from "../cost/model.js";
import { type Cycles, modelledCycles } from "../cost/cycles.js";
import { holds, PAPER_RELATIONS, type ExpectedRelation } from "../cost/paper.js";
import { type GuestComparison, sectionOf } from "./comparison.js";

/** Cycles of one operation of a section under the way of this name; undefined if it has no such section. */
export function sectionCycles(
  model: CostModel,
  guest: GuestComparison,
  way: string,
  section: string,
): Cycles | undefined {
  const result = guest.ways.find(({ name }) => name === way);
  const counts = result === undefined ? undefined : sectionOf(result, section)?.perOperation;
  if (result === undefined || counts === undefined) return undefined;
  // A ported image may have sections of its own: nothing native is in them.
  const profile = guest.profile[section] ?? counts;
  return modelledCycles(
    model,
    { vmm: result.vmm, ...(result.mmu === undefined ? {} : { mmu: result.mmu }) },
    counts,
    profile,
  );
}

/** An order relation of the paper, checked. */
export interface CheckedRelation extends ExpectedRelation {
  /** Modelled cycles on both sides; undefined if the comparison does not have them. */
  cycles: { left: number; right: number } | undefined;
  /** Whether it holds; undefined if it was not compared. */
  holds: boolean | undefined;
}

/** Checks the paper's order relations in modelled cycles. */
export function checkRelations(model: CostModel, guest: GuestComparison): CheckedRelation[] {
  return PAPER_RELATIONS.filter(({ section }) => guest.sections.includes(section)).map((expected) => {
    const left = sectionCycles(model, guest, expected.left, expected.section)?.total;
    const right = sectionCycles(model, guest, expected.right, expected.section)?.total;
    if (left === undefined || right === undefined) return { ...expected, cycles: undefined, holds: undefined };
    return { ...expected, cycles: { left, right }, holds: holds(left, expected.relation, right) };
  });
}
