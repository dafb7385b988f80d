/**
 * The HTML report: one file that loads nothing, with the numbers of the comparison; and, in a browser, without errors, without overflow, and with no text on
 * another or outside its drawing.
 */
import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import { type Comparison, compare } from "../../src/index.js";
import { htmlReport } from "../../src/report/html/page.js";
import { inRoot } from "../cli/vmexit.js";
import { CHROMIUM, probed, type View } from "./chromium.js";

let comparison: Comparison;
let html: string;

beforeAll(() => {
  const image = readFileSync(inRoot("roms/nanobench.elf"));
  const ported = readFileSync(inRoot("roms/nanobench-pv.elf"));
  comparison = compare({
    guests: [{ name: "roms/nanobench.elf", image, ported, commandLine: "n=1024", memoryBytes: 16 << 20 }],
    engine: "interpreter",
    rounds: 1,
  });
  html = htmlReport(comparison);
});

/** Looks at every tab: text outside its drawing or on other text, and a page wider than its window. */
const PROBE = `() => {
  const outside = [];
  const overlaps = [];
  const wide = [];
  const look = () => {
    if (document.documentElement.scrollWidth > innerWidth) wide.push(document.documentElement.scrollWidth);
    for (const svg of document.querySelectorAll("svg")) {
      const frame = svg.getBoundingClientRect();
      if (frame.width === 0) continue;
      const texts = [...svg.querySelectorAll("text")].filter((t) => t.textContent !== "");
      const boxes = texts.map((t) => t.getBoundingClientRect());
      boxes.forEach((a, i) => {
        const text = svg.getAttribute("aria-label") + ": " + texts[i].textContent;
        if (a.left < frame.left - 1 || a.right > frame.right + 1 || a.top < frame.top - 2 || a.bottom > frame.bottom + 2) outside.push(text);
        boxes.slice(i + 1).forEach((b, k) => {
          const [x, y] = [Math.min(a.right, b.right) - Math.max(a.left, b.left), Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top)];
          if (x > 2 && y > 4) overlaps.push(text + " and " + texts[i + 1 + k].textContent);
        });
      });
    }
  };
  look();
  for (const details of document.querySelectorAll("details")) details.open = true;
  for (let n = 0; n < 12; n++) {
    const inputs = [...document.querySelectorAll(".tabs")].map((set) => set.querySelectorAll("input")[n]).filter(Boolean);
    if (inputs.length === 0) break;
    for (const input of inputs) input.checked = true;
    look();
  }
  const list = (found) => [...new Set(found)].slice(0, 12);
  return {
    problems: window.problems,
    loaded: performance.getEntriesByType("resource").map((r) => r.name),
    wide: list(wide), outside: list(outside), overlaps: list(overlaps),
    drawings: document.querySelectorAll("svg").length,
    background: getComputedStyle(document.body).backgroundColor,
    data: JSON.parse(document.getElementById("data").textContent).guests[0].name,
    links: [...document.querySelectorAll("nav a")].every((a) => document.querySelector(a.getAttribute("href"))),
    headings: [...document.querySelectorAll("h2")].map((h) => h.textContent),
  };
}`;

interface Found {
  drawings: number;
  [finding: string]: unknown;
}

describe("the page", () => {
  it("loads nothing and runs nothing", () => {
    expect(html).not.toMatch(/https?:|src=|@import|url\(|<link/);
    expect(html.match(/<script[^>]*>/g)).toEqual(['<script type="application/json" id="data">']);
  });

  it("has a panel for each section, the paper beside, and all data", () => {
    for (const name of comparison.guests[0]!.sections.filter((section) => section !== "nothing")) {
      expect(html).toContain(`<h4>${name}</h4>`);
    }
    expect(html).toContain("Adams and Agesen 2006");
    const json = /id="data">(.*?)<\/script>/s.exec(html)![1]!;
    expect(JSON.parse(json)).toEqual(JSON.parse(JSON.stringify(comparison)));
  });

  it("escapes what guests are called", () => {
    const [guest] = comparison.guests;
    const strange = htmlReport({ ...comparison, guests: [{ ...guest!, name: "</script><b>.elf" }] });
    expect(strange).not.toContain("</script><b>");
    expect(strange).toContain("&lt;b&gt;.elf");
  });

  it.skipIf(CHROMIUM === undefined)("the probe finds what it is for (chromium)", () => {
    const text = (x: number, y: number) => `<text x="${x}" y="${y}">some words</text>`;
    const svg = `<svg viewBox="0 0 100 40" width="100" aria-label="x">${text(5, 20)}${text(20, 22)}${text(60, 38)}</svg>`;
    const broken = html
      .replace("<main>", `<main>${svg}<div style="width:3000px">wide</div>`)
      .replace("</body>", "<script>nothing()</script></body>");
    const found = probed<Record<string, string[]>>(broken, PROBE, { width: 1400, dark: false });
    expect(found.problems).toEqual([expect.stringContaining("nothing is not defined")]);
    expect(found.wide).toHaveLength(1);
    expect(found.outside).toEqual(["x: some words"]);
    expect(found.overlaps).toContain("x: some words and some words");
  });

  it.skipIf(CHROMIUM === undefined).each<[string, View, string]>([
    ["light and wide", { width: 1400, dark: false }, "rgb(255, 255, 255)"],
    ["dark and wide", { width: 1400, dark: true }, "rgb(20, 22, 26)"],
    ["light and narrow", { width: 500, dark: false }, "rgb(255, 255, 255)"],
  ])("in a browser (chromium), %s", (_name, view, background) => {
    const { drawings, ...found } = probed<Found>(html, PROBE, view);
    expect(found).toEqual({
      problems: [],
      loaded: [],
      wide: [],
      outside: [],
      overlaps: [],
      background,
      data: "roms/nanobench.elf",
      links: true,
      headings: [
        "What each operation takes",
        "What crosses to the monitor",
        "Where the cycles go",
        "Where one overtakes another",
        "Beside the paper",
        "Popek and Goldberg's properties",
      ],
    });
    expect(drawings).toBeGreaterThan(100);
  });
});
