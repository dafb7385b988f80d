/**
 * The report as one HTML file: charts as SVG, tables, and everything as JSON. It loads nothing and runs no script; tabs are radio buttons.
 */
import type { Comparison, GuestComparison } from "../../compare/comparison.js";
import type { CostModel } from "../../cost/model.js";
import { PRESETS, presetNamed } from "../../cost/presets.js";
import { comparisonData } from "../compare/data.js";
import { grouped } from "../numbers.js";
import {
  busiestSection,
  crossingCosts,
  missesPerChange,
  mixture,
  overExitCost,
  overGenerations,
} from "./crossovers.js";
import {
  causeLegend,
  causePanels,
  crossingTimePanels,
  CYCLE_PARTS,
  cyclePanels,
  legend,
  partPanels,
  timePanels,
} from "./section-charts.js";
import { STYLE } from "./style.js";
import { element, escaped } from "./svg.js";
import { cyclesTable, loadsTable, numbersTable, paperTable, propertiesTable, relationsList } from "./tables.js";

/** One choice of a set of tabs. */
interface Tab {
  name: string;
  content: string;
}

/** Tabs: radio buttons that show one of several things. `id` is unique in the page. */
function tabs(id: string, list: readonly Tab[]): string {
  const inputs = list.map((_, i) =>
    element("input", { type: "radio", name: id, id: `${id}-${i}`, ...(i === 0 ? { checked: "" } : {}) }).replace(
      "</input>",
      "",
    ),
  );
  const labels = list.map(({ name }, i) => element("label", { for: `${id}-${i}` }, escaped(name)));
  const shown = list.map(({ content }) => element("div", {}, content));
  return element(
    "div",
    { class: "tabs" },
    ...inputs,
    element("div", { class: "choice" }, ...labels),
    element("div", { class: "shown" }, ...shown),
  );
}

function paragraph(text: string): string {
  return element("p", {}, escaped(text));
}

/** A plot with its heading and what to see in it. */
function plot(heading: string, text: string, drawing: string): string {
  return element("section", { class: "plot" }, element("h4", {}, escaped(heading)), paragraph(text), drawing);
}

/** A part of the page: a heading that can be linked to, and content. */
interface Part {
  id: string;
  /** A word for it. */
  short: string;
  heading: string;
  content: string[];
}

function timesPart(guest: GuestComparison, models: readonly CostModel[], id: string): Part {
  const cycles = models.map((model) => ({ name: model.title, content: cyclePanels(guest, model) }));
  return {
    id: `${id}-times`,
    short: "Times",
    heading: "What each operation takes",
    content: [
      paragraph(
        "One scale for all panels, a power of ten from line to line. The dashed line is the bare machine. Host time is this emulator's on this computer; cycles are modelled: the counts of this run times the published costs of a processor.",
      ),
      tabs(`${id}-time`, [{ name: "host time, ns", content: timePanels(guest) }, ...cycles]),
      element("details", {}, element("summary", {}, "All numbers"), numbersTable(guest)),
    ],
  };
}

function causesPart(guest: GuestComparison, id: string): Part {
  return {
    id: `${id}-causes`,
    short: "Crossings",
    heading: "What crosses to the monitor",
    content: [
      paragraph(
        "Exits, call-outs and hypercalls of one operation by cause, counted. What the machine refused a deprivileged kernel is named by instruction. These numbers are the same on every computer.",
      ),
      causeLegend(guest),
      causePanels(guest),
      element("h3", {}, "What one crossing takes"),
      paragraph(
        "Host time in the monitor, nanoseconds, on one scale: the most frequent causes of the whole run, and how often they came.",
      ),
      crossingTimePanels(guest),
    ],
  };
}

function cyclesPart(guest: GuestComparison, models: readonly CostModel[], id: string): Part {
  const parts = models.map((model) => ({
    name: model.title,
    content:
      partPanels(guest, model) +
      element("details", {}, element("summary", {}, "All numbers"), cyclesTable(guest, model)),
  }));
  return {
    id: `${id}-cycles`,
    short: "Cycles",
    heading: "Where the cycles go",
    content: [
      paragraph("Modelled cycles of one operation. Each panel has a scale of its own."),
      legend(CYCLE_PARTS.map(([, name, color]) => [name, `var(${color})`] as const)),
      tabs(`${id}-part`, parts),
    ],
  };
}

function crossoversPart(guest: GuestComparison, id: string): Part {
  const old = presetNamed("pentium4")!;
  const late = presetNamed("haswell")!;
  const has = (name: string) => guest.sections.includes(name);
  const busiest = busiestSection(guest);
  const plots = [
    plot(
      "What one crossing costs",
      "Exit and entry with the monitor's VMREADs and VMWRITEs, a trap with its IRET, a call-out, an inline operation. Exits became almost seven times cheaper in ten years.",
      crossingCosts(),
    ),
  ];
  if (busiest !== undefined) {
    plots.push(
      plot(
        `${busiest}, by generation`,
        "Counts of this run, costs of each processor. Where lines cross, one technique overtakes another.",
        overGenerations(guest, busiest),
      ),
      plot(
        `${busiest}, by the cost of an exit`,
        "Level lines do not exit. The dashed lines are the exits for page faults of four processors.",
        overExitCost(guest, old, busiest),
      ),
    );
  }
  if (has("syscall") && has("ptemod")) {
    const text = (model: CostModel) =>
      `${model.title}. Software pays for system calls, first-generation hardware for page-table changes; circles are where one overtakes the other.`;
    plots.push(
      plot("System calls and page tables, then", text(old), mixture(guest, old, "syscall", "ptemod", 1)),
      plot("System calls and page tables, later", text(late), mixture(guest, late, "syscall", "ptemod", 2)),
    );
  }
  const misses = missesPerChange(guest, late);
  if (misses !== undefined) {
    plots.push(
      plot(
        "Shadow or extended page tables",
        `${late.title}. Shadow tables cost exits when page tables change, extended ones cost references at each TLB miss.`,
        misses,
      ),
    );
  }
  return {
    id: `${id}-crossovers`,
    short: "Crossovers",
    heading: "Where one overtakes another",
    content: [element("div", { class: "pair" }, ...plots)],
  };
}

function paperPart(guest: GuestComparison, id: string): Part[] {
  const model = presetNamed("pentium4")!;
  const tables = [paperTable(guest, model), loadsTable(guest, PRESETS)].filter((table) => table !== undefined);
  const relations = relationsList(guest, model);
  if (tables.length === 0 && relations === undefined) return [];
  return [
    {
      id: `${id}-paper`,
      short: "The paper",
      heading: "Beside the paper",
      content: [
        paragraph(
          "K. Adams and O. Agesen, A Comparison of Software and Hardware Techniques for x86 Virtualization, ASPLOS 2006. The model has no number for a benchmark: each is counts times costs. This guest's system call is INT and IRET, the paper's SYSENTER; its ptemod has an INVLPG.",
        ),
        ...tables,
        ...(relations === undefined
          ? []
          : [
              element("h3", {}, "Order relations"),
              paragraph("≪ is at most half, ≈ within a quarter, in modelled cycles."),
              relations,
            ]),
      ],
    },
  ];
}

function guestParts(guest: GuestComparison, model: CostModel | undefined, id: string): Part[] {
  const models = [...(model === undefined || PRESETS.includes(model) ? [] : [model]), ...PRESETS];
  return [
    timesPart(guest, models, id),
    causesPart(guest, id),
    cyclesPart(guest, models, id),
    crossoversPart(guest, id),
    ...paperPart(guest, id),
    {
      id: `${id}-properties`,
      short: "Properties",
      heading: "Popek and Goldberg's properties",
      content: [element("div", { class: "words" }, propertiesTable(guest))],
    },
  ];
}

function fileName(path: string): string {
  return path.split("/").at(-1)!;
}

/** The text of the file. `model` is a cost model besides the presets. */
export function htmlReport(comparison: Comparison, model?: CostModel): string {
  const { guests, engine } = comparison;
  const rounds = Math.min(...guests.map((guest) => guest.rounds));
  const names = guests.map(({ name }) => fileName(name)).join(", ");
  const several = guests.length > 1;
  const ways = Math.max(...guests.map((guest) => guest.ways.length));
  const parts = guests.flatMap((guest, i) => {
    const own = guestParts(guest, model, `g${i}`);
    return several
      ? own.map((part) => ({
          ...part,
          short: `${fileName(guest.name)}: ${part.short}`,
          heading: `${fileName(guest.name)}: ${part.heading}`,
        }))
      : own;
  });
  const links = parts.map(({ id, short }) => element("li", {}, element("a", { href: `#${id}` }, escaped(short))));
  const instructions = grouped(guests.reduce((sum, { ways: [bare] }) => sum + (bare?.instructions ?? 0), 0));
  const same = guests.every(({ equivalent }) => equivalent)
    ? "with the same result each time"
    : "and not all came to the same result";
  const lead = `${several ? "Each guest" : "The same guest"}, ${ways} ways: ${instructions} instructions, ${same}. Engine ${engine}, lower quartile of ${rounds} ${rounds === 1 ? "round" : "rounds"}.`;
  const json = JSON.stringify(comparisonData(comparison, model)).replaceAll("<", "\\u003c");
  const sections = parts.map(({ id, heading, content }) =>
    element("section", { id }, element("h2", {}, escaped(heading)), ...content),
  );
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(`What virtualization costs: ${names}`)}</title>
<style>${STYLE}</style>
</head>
<body>
<header>
<h1>${escaped(`What virtualization costs: ${names}`)}</h1>
<p class="lead">${escaped(lead)}</p>
</header>
<nav aria-label="parts of the report"><ul>${links.join("")}</ul></nav>
<main>
${sections.join("\n")}
</main>
<footer>Made by vmexit compare. All data are in this file: the element with id “data” has them as JSON.</footer>
<script type="application/json" id="data">${json}</script>
</body>
</html>
`;
}
