/**
 * A comparison as text for a terminal: host times, ratios, crossings with their causes, page walks, and the three properties.
 */
import type { Comparison, GuestComparison, Properties, SectionResult, WayResult } from "../../compare/comparison.js";
import { sectionOf } from "../../compare/comparison.js";
import { MARKERS_ONLY } from "../../compare/sections.js";
import { crossings, total } from "../../cost/counts.js";
import type { CostModel } from "../../cost/model.js";
import { walkReferences } from "../../cost/walks.js";
import { grouped, percent } from "../numbers.js";
import { costLines } from "./cost-text.js";
import { causesText } from "./causes.js";
import { table, wrapped } from "./columns.js";
import { countText, HARDLY_EVER, ratioText, spreadText, timeText } from "./numbers.js";

/** A table with a row for each section that `shown` lets in, and a column for each way. */
function sectionTable(
  guest: GuestComparison,
  title: string,
  ways: readonly WayResult[],
  cell: (section: SectionResult, way: WayResult) => string,
  shown: (name: string) => boolean = () => true,
): string[] {
  const rows = guest.sections.filter(shown).map((name) => ({
    name,
    cells: ways.map((way) => {
      const section = sectionOf(way, name);
      return section === undefined ? "-" : cell(section, way);
    }),
  }));
  return table(
    title,
    ways.map(({ name }) => name),
    rows,
  );
}

function timeTables(guest: GuestComparison): string[] {
  const monitors = guest.ways.filter(({ vmm }) => vmm !== "none");
  const time = ({ time }: SectionResult) => `${timeText(time.nanoseconds)} ${spreadText(time.spread)}`;
  const ratio = ({ time }: SectionResult) => (time.ratio === undefined ? "-" : ratioText(time.ratio));
  const real = (name: string) => name !== MARKERS_ONLY;
  return [
    ...sectionTable(guest, "host time of one operation, nanoseconds", guest.ways, time),
    ...sectionTable(guest, "times as long as on the bare machine", monitors, ratio, real),
  ];
}

function crossingTables(guest: GuestComparison): string[] {
  const monitors = guest.ways.filter(({ vmm }) => vmm !== "none");
  const lines = sectionTable(
    guest,
    "crossings to the monitor in one operation: exits, call-outs, hypercalls",
    monitors,
    ({ perOperation }) => countText(crossings(perOperation)),
  );
  const left = Math.max(...guest.sections.map(({ length }) => length)) + 2;
  const causes = guest.sections.flatMap((name) => {
    const parts = monitors.flatMap((way) => {
      const section = sectionOf(way, name);
      const text = section === undefined ? "" : causesText(section.perOperation);
      return text === "" ? [] : [`${way.name}: ${text}`.split(", ")];
    });
    return parts.length === 0 ? [] : wrapped(name, parts, left);
  });
  return [...lines, "", "their causes, in one operation", ...causes];
}

function walkTable(guest: GuestComparison): string[] {
  const references = ({ perOperation }: SectionResult, way: WayResult) => walkReferences(way, perOperation);
  const some = (name: string) =>
    guest.ways.some((way) => {
      const section = sectionOf(way, name);
      return section !== undefined && references(section, way) >= HARDLY_EVER;
    });
  return sectionTable(
    guest,
    "page-walk references of one operation; +hidden faults",
    guest.ways,
    (section, way) => {
      const hidden = section.perOperation.memory.hidden ?? 0;
      return countText(references(section, way)) + (hidden >= HARDLY_EVER ? ` +${countText(hidden)}` : "");
    },
    some,
  );
}

function equivalenceText({ difference, lines, transcript }: Properties["equivalence"]): string {
  if (difference !== undefined) return "DIFFERS";
  if (lines === undefined) return "output, end and state as bare";
  return transcript
    ? "ported: output and end as bare"
    : `ported: end as bare, ${lines.other} of ${lines.all} lines differ`;
}

function propertyTable(guest: GuestComparison): string[] {
  const rows = guest.ways.map((way) => {
    const { equivalence, control, efficiency } = way.properties;
    const cells = [
      way.vmm === "none" ? "(the measure)" : equivalenceText(equivalence),
      way.vmm === "none" ? "-" : `${grouped(total(control))} attempts`,
      percent(Math.round(efficiency * 1e9), 1e9),
    ];
    return { name: way.name, cells };
  });
  const lines = table("Popek and Goldberg's properties", ["equivalence", "resource control", "efficiency"], rows);
  for (const { name, properties } of guest.ways) {
    const { difference } = properties.equivalence;
    if (difference !== undefined) lines.push(`${name} differs: ${difference}`);
  }
  for (const { name, reason } of guest.absent) lines.push(`${name}: ${reason}`);
  return lines;
}

/** The whole comparison as lines; with a cost model its cycles as well. */
export function comparisonLines({ guests, engine }: Comparison, model?: CostModel): string[] {
  return guests.flatMap((guest, i) => [
    ...(i === 0 ? [] : [""]),
    `${guest.name}: engine ${engine}, lower quartile of ${guest.rounds} rounds, ± the distance to the fastest`,
    ...timeTables(guest),
    ...crossingTables(guest),
    ...walkTable(guest),
    ...(model === undefined ? [] : costLines(model, guest)),
    ...propertyTable(guest),
  ]);
}
