/** Modelled cycles as text: a table for the guest, the paper's beside the model's, the order relations, and the models themselves. */
import { checkRelations, sectionCycles } from "../../compare/costs.js";
import type { GuestComparison } from "../../compare/comparison.js";
import { MARKERS_ONLY } from "../../compare/sections.js";
import { COST_KEYS, type CostKey, type CostModel } from "../../cost/model.js";
import { PAPER_LOADS, PAPER_ROWS } from "../../cost/paper.js";
import { PRESETS } from "../../cost/presets.js";
import { table } from "./columns.js";
import { quantityText, ratioText } from "./numbers.js";

/** The model whose numbers are the paper's. */
const PAPERS_MODEL = "pentium4";

function cyclesTable(model: CostModel, guest: GuestComparison): string[] {
  const cell = (way: string, section: string) => {
    const cycles = sectionCycles(model, guest, way, section);
    return cycles === undefined ? "-" : quantityText(cycles.total);
  };
  const names = guest.sections.filter((name) => name !== MARKERS_ONLY);
  const ways = guest.ways.map(({ name }) => name);
  const lines = table(
    `modelled cycles of one operation on a ${model.title}: counts of this run, costs of that processor; no time of this host`,
    ways,
    names.map((name) => ({ name, cells: ways.map((way) => cell(way, name)) })),
  );
  const noEpt = model.figures.exitEpt.source.includes("no EPT") && ways.includes("vt+ept");
  return noEpt ? [...lines, "This processor has no EPT; vt+ept is as if it had."] : lines;
}

/** The paper's numbers beside the model's. */
function paperTable(model: CostModel, guest: GuestComparison): string[] {
  const rows = PAPER_ROWS.filter(({ section }) => guest.sections.includes(section)).map((row) => {
    const modelled = (way: string) => {
      const cycles = sectionCycles(model, guest, way, row.section);
      return cycles === undefined ? "-" : quantityText(cycles.total);
    };
    return {
      name: row.section,
      cells: [
        quantityText(row.native),
        modelled("bare"),
        quantityText(row.software),
        modelled("bt"),
        quantityText(row.hardware),
        modelled("vt+shadow"),
      ],
    };
  });
  return table(
    "beside Adams and Agesen 2006, cycles measured on a Pentium 4 672",
    ["native: paper", "bare: model", "software: paper", "bt: model", "hardware: paper", "vt+shadow: model"],
    rows,
  );
}

/** The paper's loads beside the model's, as times the native one. */
function loadTable(model: CostModel, guest: GuestComparison): string[] {
  const rows = PAPER_LOADS.filter((load) => load.model === model.name && guest.sections.includes(load.section)).map(
    ({ section, native, software, hardware }) => {
      const bare = sectionCycles(model, guest, "bare", section)?.total;
      const modelled = (way: string) => {
        const cycles = sectionCycles(model, guest, way, section)?.total;
        return cycles === undefined || bare === undefined ? "-" : ratioText(cycles / bare);
      };
      const cells = [ratioText(software / native), modelled("bt"), ratioText(hardware / native), modelled("vt+shadow")];
      return { name: section, cells };
    },
  );
  return table(
    "beside Adams and Agesen 2006, times as long as native",
    ["software: paper", "bt: model", "hardware: paper", "vt+shadow: model"],
    rows,
  );
}

function relationLines(model: CostModel, guest: GuestComparison): string[] {
  const rows = checkRelations(model, guest).flatMap(({ section, left, relation, right, cycles, holds }) =>
    cycles === undefined
      ? []
      : [
          {
            name: section,
            cells: [
              left,
              relation,
              right,
              quantityText(cycles.left),
              quantityText(cycles.right),
              holds === true ? "holds" : "DOES NOT HOLD",
            ],
          },
        ],
  );
  return table(
    "the paper's order relations in modelled cycles (<< at most half of, ~ within a quarter of)",
    ["left", "", "right", "left", "right", ""],
    rows,
  );
}

/** What a cost model says about a guest, as lines. */
export function costLines(model: CostModel, guest: GuestComparison): string[] {
  const lines = cyclesTable(model, guest);
  const loads = loadTable(model, guest);
  if (model.name !== PAPERS_MODEL) return [...lines, ...loads];
  return [...lines, ...paperTable(model, guest), ...loads, ...relationLines(model, guest)];
}

/** Every model with each number and its source, as lines. */
export function modelLines(models: readonly CostModel[] = PRESETS): string[] {
  return models.flatMap((model) => [
    `${model.name}: ${model.title}${model.year === undefined ? "" : `, ${model.year}`}`,
    ...(Object.keys(COST_KEYS) as CostKey[]).map((key) => {
      const { value, source } = model.figures[key];
      return `  ${key.padEnd(16)}${quantityText(value).padStart(6)}  ${COST_KEYS[key]}\n${" ".repeat(26)}${source}`;
    }),
    "",
  ]);
}
