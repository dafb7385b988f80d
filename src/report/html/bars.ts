/** Horizontal bars: one value for each way on a logarithmic scale, or stacked parts on a linear one. */
import { logScale, linearScale, type Scale, tickText } from "./scales.js";
import { drawing, element, escaped, label, textWidth } from "./svg.js";

/** Width of a panel's drawing. */
export const PANEL_WIDTH = 400;
const LEFT = 88;
const ROW = 20;
const BAR = 13;
const TOP = 6;
const AXIS = 22;
/** Widest text behind a bar. */
const BEHIND = 112;

/** One bar. */
export interface Bar {
  name: string;
  value: number;
  /** Written behind it. */
  text: string;
  /** Written behind that, less loudly. */
  note: string;
  color: string;
}

/** One part of a bar: its name, and a shorter one where that has no room. */
export interface StackedPart {
  name: string;
  short?: string;
  value: number;
  color: string;
  ink: string;
}

/** One bar of parts. */
export interface StackedBar {
  name: string;
  parts: readonly StackedPart[];
  text: string;
}

function axis(scale: Scale, height: number): string {
  return scale.ticks
    .map((tick) => {
      const x = scale.place(tick);
      return (
        element("line", { class: "grid", x1: x, x2: x, y1: TOP, y2: height - AXIS + 4 }) +
        label(x, height - 6, tickText(tick), { class: "tick", "text-anchor": "middle" })
      );
    })
    .join("");
}

function rowName(name: string, y: number, left = LEFT): string {
  return label(left - 8, y + BAR - 2.5, name, { class: "name", "text-anchor": "end" });
}

/** Bars on a logarithmic scale from `least` to `most`; with `measured` a dashed line goes through the end of the first one, the measure. */
export function logBars(title: string, bars: readonly Bar[], least: number, most: number, measured = true): string {
  const height = TOP + ROW * bars.length + AXIS;
  const left = Math.max(LEFT, ...bars.map(({ name }) => textWidth(name, 15.5) + 10));
  const scale = logScale(least, most, left, PANEL_WIDTH - BEHIND, true);
  const rows = bars.map(({ name, value, text, note, color }, i) => {
    const y = TOP + ROW * i + (ROW - BAR) / 2;
    const end = Math.max(scale.place(value), left + 2);
    const words = note === "" ? text : `${text}, ${note}`;
    const values =
      label(end + 6, y + BAR - 2.5, text, { class: "value" }) +
      label(end + 12 + textWidth(text), y + BAR - 2.5, note, { class: "note" });
    const bar = element("rect", { x: left, y, width: end - left, height: BAR, rx: 2, style: `fill:${color}` });
    return element("g", {}, element("title", {}, escaped(`${name}: ${words}`)), rowName(name, y, left), bar, values);
  });
  const at = scale.place(bars[0]?.value ?? 0);
  const measure = measured ? element("line", { class: "measure", x1: at, x2: at, y1: TOP, y2: height - AXIS }) : "";
  return drawing(PANEL_WIDTH, height, title, axis(scale, height), measure, ...rows);
}

/** Stacked bars on one linear scale, whose steps are at least `step`. */
export function stackedBars(title: string, bars: readonly StackedBar[], step = 0): string {
  const height = TOP + ROW * bars.length + AXIS;
  const totals = bars.map(({ parts }) => parts.reduce((sum, { value }) => sum + value, 0));
  const behind = Math.max(40, ...bars.map(({ text }) => textWidth(text) + 14));
  const scale = linearScale(Math.max(...totals), LEFT, PANEL_WIDTH - behind, step);
  const rows = bars.map(({ name, parts, text }, i) => {
    const y = TOP + ROW * i + (ROW - BAR) / 2;
    let sum = 0;
    const drawn = parts.map((part) => {
      const x = scale.place(sum);
      sum += part.value;
      const width = scale.place(sum) - x;
      const fitting = [part.name, part.short ?? part.name].find((text) => textWidth(text, 10) + 6 <= width);
      return element(
        "g",
        {},
        element("title", {}, escaped(`${name}: ${part.name}`)),
        element("rect", { class: "part", x, y, width, height: BAR, style: `fill:${part.color}` }),
        fitting === undefined
          ? ""
          : label(x + width / 2, y + BAR - 3, fitting, { class: "inside", style: `fill:${part.ink}` }),
      );
    });
    const total = label(scale.place(sum) + 6, y + BAR - 2.5, text, { class: "value" });
    return rowName(name, y) + drawn.join("") + total;
  });
  return drawing(PANEL_WIDTH, height, title, axis(scale, height), ...rows);
}
