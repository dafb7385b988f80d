/** A comparison as JSON: all of it, and modelled cycles if there is a model. */
import type { Comparison } from "../../compare/comparison.js";
import { type CheckedRelation, checkRelations, sectionCycles } from "../../compare/costs.js";
import type { Cycles } from "../../cost/cycles.js";
import type { CostModel } from "../../cost/model.js";

/** What `--json` prints. */
export interface ComparisonData extends Comparison {
  /** With a cost model: it, and the cycles of each guest by way and section. */
  cost?: {
    model: CostModel;
    guests: { name: string; cycles: Record<string, Record<string, Cycles>>; relations: CheckedRelation[] }[];
  };
}

/** The comparison with what the model says about it. */
export function comparisonData(comparison: Comparison, model: CostModel | undefined): ComparisonData {
  if (model === undefined) return comparison;
  const guests = comparison.guests.map((guest) => ({
    name: guest.name,
    cycles: Object.fromEntries(
      guest.ways.map((way) => [
        way.name,
        Object.fromEntries(
          way.sections.map(({ name }) => [name, sectionCycles(model, guest, way.name, name)!] as const),
        ),
      ]),
    ),
    relations: checkRelations(model, guest),
  }));
  return { ...comparison, cost: { model, guests } };
}
