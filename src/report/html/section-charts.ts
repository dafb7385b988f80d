/** One panel for each section: host time or modelled cycles of each way, what made it cross, and where cycles go. */
import { sectionCycles } from "../../compare/costs.js";
import { type GuestComparison, type SectionResult, sectionOf, type WayResult } from "../../compare/comparison.js";
import { MARKERS_ONLY } from "../../compare/sections.js";
import { crossings, total } from "../../cost/counts.js";
import type { CostModel } from "../../cost/model.js";
import { countText, HARDLY_EVER, quantityText, ratioText, timeText } from "../compare/numbers.js";
import { type Bar, logBars, type StackedBar, stackedBars } from "./bars.js";
import { sectionText } from "./describe.js";
import { tickText } from "./scales.js";
import { groupOf, namedCrossings, wayColor } from "./palette.js";
import { element, escaped } from "./svg.js";

/** A panel: a heading, what the section does, a drawing. */
function panel(name: string, drawing: string): string {
  const text = sectionText(name);
  return element(
    "section",
    { class: "panel" },
    element("h4", {}, escaped(name)),
    text === "" ? "" : element("p", {}, escaped(text)),
    drawing,
  );
}

function panels(content: readonly string[]): string {
  return element("div", { class: "panels" }, ...content);
}

function realSections({ sections }: GuestComparison): string[] {
  return sections.filter((name) => name !== MARKERS_ONLY);
}

/** Bars of one quantity for every section, on one scale for all of them. */
function barPanels(
  guest: GuestComparison,
  what: string,
  quantity: (way: WayResult, section: SectionResult) => number | undefined,
  text: (value: number) => string,
): string {
  const names = realSections(guest);
  const values = names.map((name) =>
    guest.ways.flatMap((way) => {
      const section = sectionOf(way, name);
      const value = section === undefined ? undefined : quantity(way, section);
      return value === undefined ? [] : [{ way, value }];
    }),
  );
  const all = values.flat().map(({ value }) => value);
  const least = Math.max(1, Math.min(...all));
  const most = Math.max(...all);
  return panels(
    names.map((name, i) => {
      const bare = values[i]!.find(({ way }) => way.vmm === "none")?.value;
      const bars = values[i]!.map(({ way, value }): Bar => {
        const note = way.vmm === "none" || !bare ? "" : `${ratioText(value / bare)}×`;
        return { name: way.name, value, text: text(value), note, color: wayColor(way.name) };
      });
      return panel(name, logBars(`${what} of ${name}`, bars, least, most));
    }),
  );
}

/** Host time of an operation. */
export function timePanels(guest: GuestComparison): string {
  return barPanels(guest, "host time", (_way, { time }) => time.nanoseconds, timeText);
}

/** Modelled cycles of an operation. */
export function cyclePanels(guest: GuestComparison, model: CostModel): string {
  return barPanels(
    guest,
    `cycles on a ${model.title}`,
    (way, { name }) => sectionCycles(model, guest, way.name, name)?.total,
    quantityText,
  );
}

/** Monitors that have something to show in a section. */
function monitors(guest: GuestComparison): WayResult[] {
  return guest.ways.filter(({ vmm }) => vmm !== "none");
}

/** Crossings of an operation by cause; sections without any are left out. */
export function causePanels(guest: GuestComparison): string {
  const shown = realSections(guest).filter((name) =>
    monitors(guest).some((way) => {
      const section = sectionOf(way, name);
      return section !== undefined && crossings(section.perOperation) >= HARDLY_EVER;
    }),
  );
  return panels(
    shown.map((name) => {
      const bars = monitors(guest).flatMap((way): StackedBar[] => {
        const section = sectionOf(way, name);
        if (section === undefined) return [];
        const parts = namedCrossings(section.perOperation)
          .filter(({ count }) => count >= HARDLY_EVER)
          .map((entry) => {
            const { color, ink } = groupOf(entry);
            const crossing = entry.crossing === "exit" ? "" : `${entry.crossing} `;
            const short = `${entry.cause} ${countText(entry.count)}`;
            return { name: crossing + short, short, value: entry.count, color, ink };
          });
        const inline = total(section.perOperation.inline);
        const within = inline >= HARDLY_EVER ? ` + ${countText(inline)} inline` : "";
        return [{ name: way.name, parts, text: countText(crossings(section.perOperation)) + within }];
      });
      return panel(name, stackedBars(`crossings of ${name} by cause`, bars, 1));
    }),
  );
}

/** Causes of a panel of crossing times. */
const MOST_CAUSES = 8;

/** Host time in the monitor of one crossing by cause, a panel for each monitor. */
export function crossingTimePanels(guest: GuestComparison): string {
  const shown = monitors(guest).filter(({ crossingTimes }) => crossingTimes.length > 0);
  const all = shown.flatMap(({ crossingTimes }) => crossingTimes.slice(0, MOST_CAUSES));
  const values = all.map(({ nanoseconds }) => nanoseconds);
  return panels(
    shown.map(({ name, crossingTimes }) => {
      const bars = crossingTimes.slice(0, MOST_CAUSES).map((entry): Bar => {
        const { cause, count, nanoseconds } = entry;
        return {
          name: cause,
          value: nanoseconds,
          text: timeText(nanoseconds),
          note: `× ${tickText(count)}`,
          color: groupOf(entry).color,
        };
      });
      return panel(
        name,
        logBars(`time of one crossing under ${name}`, bars, Math.min(...values), Math.max(...values), false),
      );
    }),
  );
}

/** Groups of causes that occur, for the legend. */
export function causeLegend(guest: GuestComparison): string {
  const groups = new Map<string, string>();
  for (const way of monitors(guest)) {
    for (const section of way.sections.filter(({ name }) => name !== MARKERS_ONLY)) {
      for (const entry of namedCrossings(section.perOperation)) {
        if (entry.count < HARDLY_EVER) continue;
        const { name, color } = groupOf(entry);
        groups.set(name, color);
      }
    }
  }
  return legend([...groups]);
}

/** Names with their colours. */
export function legend(entries: readonly (readonly [name: string, color: string])[]): string {
  const items = entries.map(([name, color]) =>
    element("li", {}, element("span", { class: "swatch", style: `background:${color}` }), escaped(name)),
  );
  return element("ul", { class: "legend" }, ...items);
}

/** Where cycles go: kinds of them, in the order in which they are stacked. */
export const CYCLE_PARTS = [
  ["guest", "the guest itself", "--bare", "#14161a"],
  ["walks", "page walks", "--sky", "#14161a"],
  ["crossings", "crossing, in hardware", "--orange", "#14161a"],
  ["monitor", "the monitor's work", "--blue", "#ffffff"],
  ["translation", "translating", "--green", "#ffffff"],
] as const;

/** Modelled cycles of an operation by where they go. */
export function partPanels(guest: GuestComparison, model: CostModel): string {
  return panels(
    realSections(guest).map((name) => {
      const bars = guest.ways.flatMap((way): StackedBar[] => {
        const cycles = sectionCycles(model, guest, way.name, name);
        if (cycles === undefined) return [];
        const parts = CYCLE_PARTS.filter(([key]) => cycles[key] > 0).map(([key, text, color, ink]) => ({
          name: `${text} ${quantityText(cycles[key])}`,
          short: quantityText(cycles[key]),
          value: cycles[key],
          color: `var(${color})`,
          ink,
        }));
        return [{ name: way.name, parts, text: quantityText(cycles.total) }];
      });
      return panel(name, stackedBars(`where the cycles of ${name} go`, bars));
    }),
  );
}
