/** A comparison as CSV (RFC 4180): one line for each guest, way, section and quantity. */
import type { Comparison } from "../../compare/comparison.js";
import type { GuestComparison, SectionResult, WayResult } from "../../compare/comparison.js";
import { WHOLE_RUN } from "../../compare/sections.js";
import { sectionCycles } from "../../compare/costs.js";
import type { CostModel } from "../../cost/model.js";
import { walkReferences } from "../../cost/walks.js";

const HEADINGS = ["guest", "way", "section", "operations", "quantity", "of", "value"];

type Quantity = readonly [quantity: string, of: string, value: number];

function record(quantity: string, numbers: Readonly<Record<string, number>>): Quantity[] {
  return Object.entries(numbers).map(([of, value]) => [quantity, of, value]);
}

/** What one section has under one way, for one operation. */
function quantities(way: WayResult, { perOperation: counts, time }: SectionResult): Quantity[] {
  return [
    ["nanoseconds", "", time.nanoseconds],
    ["spread", "", time.spread],
    ...(time.ratio === undefined ? [] : ([["ratio", "bare", time.ratio]] as const)),
    ["instructions and events", "", counts.ticks],
    ...counts.crossings.map(({ crossing, cause, count }): Quantity => [crossing, cause, count]),
    ...record("inline", counts.inline),
    ...record("refused", counts.refused),
    ...record("translation", { ...counts.translation }),
    ...record("memory", counts.memory),
    ["page-walk references", "", walkReferences(way, counts)],
  ];
}

/** Modelled cycles of a section by where they go. */
function cycles(
  model: CostModel | undefined,
  guest: GuestComparison,
  way: WayResult,
  section: SectionResult,
): Quantity[] {
  if (model === undefined) return [];
  return record(`cycles on ${model.name}`, { ...sectionCycles(model, guest, way.name, section.name) });
}

function field(value: string | number): string {
  const text = String(value);
  return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** The text of the file. */
export function csvText({ guests }: Comparison, model?: CostModel): string {
  const rows = guests.flatMap((guest) =>
    guest.ways.flatMap((way) =>
      way.sections.flatMap((section) =>
        [...quantities(way, section), ...cycles(model, guest, way, section)].map((quantity) => [
          guest.name,
          way.name,
          section.name,
          section.operations,
          ...quantity,
        ]),
      ),
    ),
  );
  const monitor = guests.flatMap(({ name, ways }) =>
    ways.flatMap((way) =>
      way.crossingTimes.map(({ cause, count, nanoseconds }) => [
        name,
        way.name,
        WHOLE_RUN,
        count,
        "nanoseconds in the monitor",
        cause,
        nanoseconds,
      ]),
    ),
  );
  return [HEADINGS, ...rows, ...monitor].map((row) => `${row.map(field).join(",")}\n`).join("");
}
