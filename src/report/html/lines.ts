/** Lines over a horizontal axis, each with its name at its end. */
import { linearScale, logScale, type Scale, tickText } from "./scales.js";
import { drawing, element, escaped, label, textWidth } from "./svg.js";

/** One line. */
export interface Line {
  name: string;
  color: string;
  /** Points from left to right. */
  points: readonly (readonly [x: number, y: number])[];
}

/** A place worth pointing at. */
export interface Spot {
  x: number;
  y: number;
  text: string;
}

/** What is drawn. */
export interface LineChart {
  title: string;
  lines: readonly Line[];
  /** Names of places on the horizontal axis instead of numbers, at 0, 1, 2 ... */
  categories?: readonly string[];
  /** Names of the axes; categories speak for themselves. */
  horizontal?: string;
  vertical: string;
  logHorizontal?: boolean;
  logVertical?: boolean;
  spots?: readonly Spot[];
  /** Values on the horizontal axis that have a name. */
  marks?: readonly { x: number; text: string }[];
}

const WIDTH = 560;
const HEIGHT = 320;
const LEFT = 56;
const RIGHT = 98;
/** Above the plot: the name of the vertical axis, and names of marks. */
const TOP = 28;
const MARKS = 30;
const BOTTOM = 42;
/** Distance of names at the ends of lines. */
const NAME_HEIGHT = 14;

function horizontalScale({ categories, lines, logHorizontal }: LineChart): Scale {
  const xs = lines.flatMap(({ points }) => points.map(([x]) => x));
  if (categories !== undefined) {
    const step = (WIDTH - LEFT - RIGHT - 30) / Math.max(1, categories.length - 1);
    return { place: (x) => LEFT + 12 + x * step, ticks: categories.map((_, i) => i) };
  }
  if (logHorizontal === true) return logScale(Math.min(...xs), Math.max(...xs), LEFT, WIDTH - RIGHT);
  return linearScale(Math.max(...xs), LEFT, WIDTH - RIGHT);
}

function verticalScale({ lines, logVertical }: LineChart): Scale {
  const ys = lines.flatMap(({ points }) => points.map(([, y]) => y));
  const positive = ys.filter((y) => y > 0);
  if (logVertical === true) return logScale(Math.min(...positive), Math.max(...positive), HEIGHT - BOTTOM, TOP);
  return linearScale(Math.max(...ys), HEIGHT - BOTTOM, TOP);
}

/** Vertical places for names that want to be at `wanted`: in the same order, and none on another. */
function apart(wanted: readonly number[]): number[] {
  const order = wanted.map((_, i) => i).sort((a, b) => wanted[a]! - wanted[b]!);
  const places = [...wanted];
  for (let k = 1; k < order.length; k++) {
    const [above, here] = [places[order[k - 1]!]!, places[order[k]!]!];
    if (here < above + NAME_HEIGHT) places[order[k]!] = above + NAME_HEIGHT;
  }
  const excess = Math.max(0, ...places.map((y) => y - (HEIGHT - BOTTOM + 6)));
  for (let k = order.length - 1, limit = Number.POSITIVE_INFINITY; excess > 0 && k >= 0; k--) {
    const i = order[k]!;
    places[i] = Math.min(places[i]!, limit, HEIGHT - BOTTOM + 6);
    limit = places[i]! - NAME_HEIGHT;
  }
  return places;
}

function axes(chart: LineChart, x: Scale, y: Scale): string {
  const bottom = HEIGHT - BOTTOM;
  const vertical = y.ticks.map(
    (tick) =>
      element("line", { class: "grid", x1: LEFT, x2: WIDTH - RIGHT, y1: y.place(tick), y2: y.place(tick) }) +
      label(LEFT - 8, y.place(tick) + 4, tickText(tick), { class: "tick", "text-anchor": "end" }),
  );
  const horizontal = x.ticks.map((tick, i) => {
    const at = x.place(tick);
    const name = chart.categories?.[i];
    const line = element("line", { class: "grid", x1: at, x2: at, y1: TOP, y2: bottom });
    if (name === undefined)
      return line + label(at, bottom + 17, tickText(tick), { class: "tick", "text-anchor": "middle" });
    // Every other name stands a line lower, so that neighbours do not touch.
    return line + label(at, bottom + (i % 2 === 0 ? 15 : 28), name, { class: "tick", "text-anchor": "middle" });
  });
  const names =
    label(LEFT - 48, 12 - (chart.marks === undefined ? 0 : MARKS), chart.vertical, { class: "axis" }) +
    label(WIDTH - RIGHT, HEIGHT - 8, chart.horizontal ?? "", { class: "axis", "text-anchor": "end" });
  return vertical.join("") + horizontal.join("") + names;
}

/** The drawing. Names of marks stand above it, in room of their own. */
export function lineChart(chart: LineChart): string {
  const above = chart.marks === undefined ? 0 : MARKS;
  const x = horizontalScale(chart);
  const y = verticalScale(chart);
  const place = ([px, py]: readonly [number, number]) => `${x.place(px).toFixed(1)},${y.place(py).toFixed(1)}`;
  const drawn = chart.lines.map(({ name, color, points }) => {
    const dots =
      chart.categories === undefined
        ? []
        : points.map(([px, py]) =>
            element(
              "circle",
              { cx: x.place(px), cy: y.place(py), r: 3.5, style: `fill:${color}` },
              element("title", {}, escaped(`${name}, ${chart.categories![px]}: ${Math.round(py)}`)),
            ),
          );
    const line = element("polyline", { class: "line", points: points.map(place).join(" "), style: `stroke:${color}` });
    return line + dots.join("");
  });
  const ends = chart.lines.map(({ points }) => y.place(points.at(-1)![1]) + 4);
  const names = apart(ends).map((at, i) => {
    const line = chart.lines[i]!;
    const end = x.place(line.points.at(-1)![0]);
    const leader =
      Math.abs(at - ends[i]!) < 2
        ? ""
        : element("line", { class: "leader", x1: end + 4, y1: ends[i]! - 4, x2: end + 11, y2: at - 4 });
    return (
      leader +
      label(end + 13, at, line.name, {
        class: "line-name",
        style: `fill:color-mix(in srgb,${line.color} 72%,var(--ink))`,
      })
    );
  });
  const spots = [...(chart.spots ?? [])]
    .sort((a, b) => a.x - b.x)
    .map((spot, i) => {
      // The first one's name is above to the left, the others' are below to the right.
      const [cx, cy] = [x.place(spot.x), y.place(spot.y)];
      const side = i === 0 && cx > LEFT + textWidth(spot.text, 14) ? -1 : 1;
      const anchor = side < 0 ? "end" : "start";
      const circle = element("circle", { class: "spot", cx, cy, r: 6 });
      return (
        circle + label(cx + 10 * side, cy + 8 + 12 * side, spot.text, { class: "spot-name", "text-anchor": anchor })
      );
    });
  const marks = (chart.marks ?? []).map(
    (mark, i) =>
      element("line", {
        class: "measure",
        x1: x.place(mark.x),
        x2: x.place(mark.x),
        y1: TOP - 2,
        y2: HEIGHT - BOTTOM,
      }) +
      // Names of neighbours stand on two lines.
      label(x.place(mark.x), TOP - (i % 2 === 0 ? 5 : 18), mark.text, { class: "mark", "text-anchor": "middle" }),
  );
  const content = [axes(chart, x, y), ...marks, ...drawn, ...names, ...spots];
  return drawing(WIDTH, HEIGHT + above, chart.title, element("g", { transform: `translate(0 ${above})` }, ...content));
}
