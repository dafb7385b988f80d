/** The tables of the page: every number of the charts, and the three properties. */
import { checkRelations, sectionCycles } from "../../compare/costs.js";
import { type GuestComparison, sectionOf } from "../../compare/comparison.js";
import { MARKERS_ONLY } from "../../compare/sections.js";
import { wayInWords } from "../../compare/ways.js";
import { crossings, total } from "../../cost/counts.js";
import type { CostModel } from "../../cost/model.js";
import { PAPER_LOADS, PAPER_ROWS } from "../../cost/paper.js";
import { grouped, percent } from "../numbers.js";
import { countText, quantityText, ratioText, spreadText, timeText } from "../compare/numbers.js";
import { wayColor } from "./palette.js";
import { element, escaped } from "./svg.js";

/** A table: headings, and rows of markup. The first cell of a row is its heading. */
export function table(caption: string, headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const head = headings.map((heading) => element("th", { scope: "col" }, heading));
  const body = rows.map(([first = "", ...cells]) =>
    element("tr", {}, element("th", { scope: "row" }, first), ...cells.map((cell) => element("td", {}, cell))),
  );
  return element(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    element(
      "table",
      {},
      element("caption", {}, escaped(caption)),
      element("thead", {}, element("tr", {}, ...head)),
      element("tbody", {}, ...body),
    ),
  );
}

/** A way's name with its colour. */
function wayName(name: string): string {
  return element("span", { class: "swatch", style: `background:${wayColor(name)}` }) + escaped(name);
}

const small = (text: string) => element("small", {}, escaped(text));

function crossingText(count: number): string {
  const text = countText(count);
  return text === "1" ? "1 crossing" : `${text} crossings`;
}

/** Host time, ratio and crossings of every section under every way. */
export function numbersTable(guest: GuestComparison): string {
  const rows = guest.sections.map((name) => [
    escaped(name),
    ...guest.ways.map((way) => {
      const section = sectionOf(way, name);
      if (section === undefined) return "–";
      const { time, perOperation } = section;
      const ratio = way.vmm === "none" || time.ratio === undefined ? "" : `${ratioText(time.ratio)}×, `;
      const crossed = way.vmm === "none" ? spreadText(time.spread) : crossingText(crossings(perOperation));
      return `${timeText(time.nanoseconds)} ${small(ratio + crossed)}`;
    }),
  ]);
  return table(
    "Host time of one operation in nanoseconds; times the bare machine's; crossings",
    ["section", ...guest.ways.map(({ name }) => wayName(name))],
    rows,
  );
}

/** Modelled cycles of every section under every way. */
export function cyclesTable(guest: GuestComparison, model: CostModel): string {
  const rows = guest.sections
    .filter((name) => name !== MARKERS_ONLY)
    .map((name) => [
      escaped(name),
      ...guest.ways.map((way) => {
        const cycles = sectionCycles(model, guest, way.name, name);
        return cycles === undefined ? "–" : quantityText(cycles.total);
      }),
    ]);
  return table(
    `Modelled cycles of one operation on a ${model.title}`,
    ["section", ...guest.ways.map(({ name }) => wayName(name))],
    rows,
  );
}

/** Popek and Goldberg's properties of every way. */
export function propertiesTable(guest: GuestComparison): string {
  const rows = guest.ways.map((way) => {
    const { equivalence, control, efficiency } = way.properties;
    const { lines } = equivalence;
    const ported =
      lines?.other === 0
        ? "same output and end"
        : `same end; ${lines?.other} of ${lines?.all} lines differ, it is another program`;
    const same = lines === undefined ? "same output, end, instruction count and state" : ported;
    const differs = `<strong class="bad">differs</strong> ${small(equivalence.difference ?? "")}`;
    return [
      wayName(way.name),
      escaped(wayInWords(way)),
      way.vmm === "none" ? "the measure" : equivalence.difference === undefined ? `✓ ${same}` : differs,
      way.vmm === "none" ? "–" : `${grouped(total(control))} attempts came to the monitor`,
      percent(Math.round(efficiency * 1e9), 1e9),
    ];
  });
  const absent = guest.absent.map(({ name, reason }) => [wayName(name), escaped(reason), "–", "–", "–"]);
  return table(
    "Equivalence: against the bare run. Resource control: attempts at privileged resources. Efficiency: instructions and events that ran without the monitor",
    ["way", "what it is", "equivalence", "resource control", "efficiency"],
    [...rows, ...absent],
  );
}

/** The paper's numbers beside the model's, if the guest has its benchmarks. */
export function paperTable(guest: GuestComparison, model: CostModel): string | undefined {
  const shown = PAPER_ROWS.filter(({ section }) => guest.sections.includes(section));
  if (shown.length === 0) return undefined;
  const cell = (way: string, section: string) => {
    const cycles = sectionCycles(model, guest, way, section);
    return cycles === undefined ? "–" : quantityText(cycles.total);
  };
  return table(
    "Cycles: Adams and Agesen 2006, measured on a Pentium 4 672, beside this run with that processor's costs",
    [
      "benchmark",
      "native, paper",
      "bare, model",
      "software VMM, paper",
      "bt, model",
      "hardware VMM, paper",
      "vt+shadow, model",
    ],
    shown.map(({ section, native, software, hardware }) => [
      escaped(section),
      grouped(native),
      cell("bare", section),
      grouped(software),
      cell("bt", section),
      grouped(hardware),
      cell("vt+shadow", section),
    ]),
  );
}

/** The paper's loads beside the model's as times native, if the guest is one of them. */
export function loadsTable(guest: GuestComparison, models: readonly CostModel[]): string | undefined {
  const rows = PAPER_LOADS.flatMap(({ section, model: name, native, software, hardware }) => {
    const model = models.find((candidate) => candidate.name === name);
    if (model === undefined || !guest.sections.includes(section)) return [];
    const cycles = (way: string) => sectionCycles(model, guest, way, section)?.total;
    const bare = cycles("bare");
    const modelled = (way: string) => {
      const value = cycles(way);
      return value === undefined || bare === undefined ? "–" : `${ratioText(value / bare)}×`;
    };
    const paper = (seconds: number) => `${ratioText(seconds / native)}×`;
    const title = `${escaped(section)} ${small(model.title)}`;
    return [[title, paper(software), modelled("bt"), paper(hardware), modelled("vt+shadow")]];
  });
  if (rows.length === 0) return undefined;
  return table(
    "Times as long as native: Adams and Agesen 2006 (40,000 times fork and wait), and this run with those processors' costs",
    ["load", "software VMM, paper", "bt, model", "hardware VMM, paper", "vt+shadow, model"],
    rows,
  );
}

const SIGNS = { "<<": "≪", "~": "≈" } as const;

/** The paper's order relations, checked; undefined if none could be. */
export function relationsList(guest: GuestComparison, model: CostModel): string | undefined {
  const items = checkRelations(model, guest).flatMap(({ section, left, relation, right, cycles, holds }) => {
    if (cycles === undefined) return [];
    const verdict = holds === true ? "✓ holds" : '<strong class="bad">does not hold</strong>';
    const numbers = `${quantityText(cycles.left)} ${SIGNS[relation]} ${quantityText(cycles.right)}`;
    const text = `${element("b", {}, escaped(section))} ${escaped(`${left} ${SIGNS[relation]} ${right}`)} `;
    return [element("li", {}, text, small(numbers), ` ${verdict}`)];
  });
  return items.length === 0 ? undefined : element("ul", { class: "relations" }, ...items);
}
