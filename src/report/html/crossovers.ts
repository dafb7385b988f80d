/** Where one technique overtakes another: over generations of processors, over the cost of an exit, over what a program does. */
import { sectionCycles } from "../../compare/costs.js";
import { type GuestComparison, sectionOf } from "../../compare/comparison.js";
import { MARKERS_ONLY } from "../../compare/sections.js";
import { crossings } from "../../cost/counts.js";
import { type CostKey, type CostModel, numbersOf } from "../../cost/model.js";
import { PRESETS } from "../../cost/presets.js";
import { LEVELS } from "../../cost/walks.js";
import { grouped } from "../numbers.js";
import { type Line, lineChart, type Spot } from "./lines.js";
import { wayColor } from "./palette.js";

/** Short names of the presets for an axis. */
const SHORT: Readonly<Record<string, string>> = {
  pentium4: "Pentium 4",
  merom: "Merom",
  penryn: "Penryn",
  westmere: "Westmere",
  sandybridge: "Sandy B.",
  ivybridge: "Ivy B.",
  haswell: "Haswell",
  broadwell: "Broadwell",
};

const axisNames = () => PRESETS.map(({ name }) => SHORT[name] ?? name);

/** Cycles of one exit from and entry to non-root operation, with the monitor's VMREADs and VMWRITEs, for a reason. */
function exitCycles(model: CostModel, reason: CostKey): number {
  const cost = numbersOf(model);
  return cost[reason] + cost.entry + cost.vmreads * cost.vmread + cost.vmwrites * cost.vmwrite;
}

/** What one crossing costs on each generation, the monitor's own work aside. */
export function crossingCosts(): string {
  const line = (name: string, color: string, cycles: (model: CostModel) => number): Line => ({
    name,
    color: `var(${color})`,
    points: PRESETS.map((model, i) => [i, cycles(model)] as const),
  });
  return lineChart({
    title: "cycles of one crossing by processor generation",
    categories: axisNames(),
    vertical: "cycles",
    logVertical: true,
    lines: [
      line("exit: #PF", "--blue", (model) => exitCycles(model, "exitPageFault")),
      line("exit: port", "--orange", (model) => exitCycles(model, "exitPort")),
      line("trap, IRET", "--red", (model) => numbersOf(model).trap),
      line("call-out", "--green", (model) => numbersOf(model).callOut),
      line("inline", "--purple", (model) => numbersOf(model).inline),
    ],
  });
}

/** Modelled cycles of a section on each generation, a line for each way. */
export function overGenerations(guest: GuestComparison, section: string): string {
  const lines = guest.ways.flatMap((way): Line[] => {
    const points = PRESETS.flatMap((model, i) => {
      const cycles = sectionCycles(model, guest, way.name, section);
      return cycles === undefined ? [] : [[i, cycles.total] as const];
    });
    return points.length === 0 ? [] : [{ name: way.name, color: wayColor(way.name), points }];
  });
  return lineChart({
    title: `cycles of ${section} by processor generation`,
    categories: axisNames(),
    vertical: "cycles of one operation",
    logVertical: true,
    lines,
  });
}

/** Where two straight lines over x cross, if they do between the ends. */
function crossing(
  a: readonly [number, number],
  b: readonly [number, number],
  most: number,
  name = "",
): Spot | undefined {
  const x = (a[0] - b[0]) / (b[1] - a[1]);
  // Lines that begin together do not cross there.
  if (!(x > most / 100 && x < most)) return undefined;
  return { x, y: a[0] + a[1] * x, text: `${name} ${x < 10 ? x.toFixed(2) : grouped(x)}`.trim() };
}

/**
 * Cycles of one operation of `once` and from 0 to `most` of `repeated`, a line for each way that has both; the places where the lines of software and
 * hardware cross are marked.
 */
export function mixture(
  guest: GuestComparison,
  model: CostModel,
  once: string,
  repeated: string,
  most: number,
): string {
  const costs = guest.ways.flatMap(({ name }) => {
    const first = sectionCycles(model, guest, name, once)?.total;
    const each = sectionCycles(model, guest, name, repeated)?.total;
    return first === undefined || each === undefined ? [] : [{ name, cost: [first, each] as const }];
  });
  const hardware = costs.filter(({ name }) => name.startsWith("vt+shadow"));
  const software = costs.filter(({ name }) => ["bt", "trap", "pv"].includes(name));
  const spots = hardware.flatMap((a) => software.flatMap((b) => crossing(a.cost, b.cost, most, b.name) ?? []));
  return lineChart({
    title: `cycles of one ${once} with a number of ${repeated}`,
    horizontal: `${repeated} for each ${once}`,
    vertical: `cycles, ${model.title}`,
    lines: costs.map(({ name, cost: [first, each] }) => ({
      name,
      color: wayColor(name),
      points: [
        [0, first],
        [most, first + each * most],
      ],
    })),
    spots,
  });
}

/** Ways whose cycles depend on what an exit costs are lines, the others level. */
export function overExitCost(guest: GuestComparison, model: CostModel, section: string): string {
  const costs = Array.from({ length: 25 }, (_, i) => 100 * 10 ** (i / 12));
  const withExits = (cycles: number): CostModel => {
    const figure = { value: cycles, source: "the axis" };
    const none = { value: 0, source: "in the exit" };
    const exits = { exit: figure, exitCpuid: figure, exitPageFault: figure, exitPort: figure, exitEpt: figure };
    return { ...model, figures: { ...model.figures, ...exits, entry: none, vmreads: none, vmwrites: none } };
  };
  const lines = guest.ways.flatMap((way): Line[] => {
    if (sectionOf(way, section) === undefined) return [];
    const points = costs.map(
      (cycles) => [cycles, sectionCycles(withExits(cycles), guest, way.name, section)!.total] as const,
    );
    return [{ name: way.name, color: wayColor(way.name), points }];
  });
  return lineChart({
    title: `cycles of ${section} over the cost of an exit`,
    horizontal: "cycles of one exit and entry",
    vertical: `cycles, software as on a ${model.title}`,
    logHorizontal: true,
    logVertical: true,
    lines,
    marks: ["pentium4", "merom", "westmere", "haswell"].map((name) => ({
      x: exitCycles(PRESETS.find((preset) => preset.name === name)!, "exitPageFault"),
      text: SHORT[name]!,
    })),
  });
}

/** Misses up to which that is drawn. */
const MOST_MISSES = 20;

/** Shadow tables pay for each change of a page table, extended ones for each TLB miss; undefined without both. */
export function missesPerChange(guest: GuestComparison, model: CostModel): string | undefined {
  const [a, b] = ["vt+shadow", "vt+ept"].map((name) => sectionCycles(model, guest, name, "ptemod")?.total);
  if (a === undefined || b === undefined) return undefined;
  const { reference, nested } = numbersOf(model);
  const walk = LEVELS * reference;
  const each = { "vt+shadow": walk, "vt+ept": nested * walk };
  const line = (name: keyof typeof each, first: number): Line => ({
    name,
    color: wayColor(name),
    points: [
      [0, first],
      [MOST_MISSES, first + each[name] * MOST_MISSES],
    ],
  });
  const spot = crossing([a, each["vt+shadow"]], [b, each["vt+ept"]], MOST_MISSES);
  return lineChart({
    title: "cycles of a page-table change and the TLB misses that follow it",
    horizontal: "TLB misses for each page-table change",
    vertical: `cycles, ${model.title}`,
    lines: [line("vt+shadow", a), line("vt+ept", b)],
    spots: spot === undefined ? [] : [spot],
  });
}

/** The section in which monitors differ most in crossings: the one to plot if none is named. */
export function busiestSection(guest: GuestComparison): string | undefined {
  const most = (name: string) =>
    Math.max(
      ...guest.ways.map((way) => {
        const section = sectionOf(way, name);
        return section === undefined ? 0 : crossings(section.perOperation);
      }),
    );
  return guest.sections.filter((name) => name !== MARKERS_ONLY).sort((a, b) => most(b) - most(a))[0];
}
