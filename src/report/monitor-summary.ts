/**
 * What a monitor did for a guest, for people: the short form that follows a run, and the table of `--stats`.
 */
import type { MmuKind, VmOptions } from "../vmm/options.js";
import type { Crossing, ExitCount, TranslationCounts, VmmStatistics } from "../vmm/statistics.js";
import { grouped, percent } from "./numbers.js";

/** Counters of the memory map in plain words, in the order they are told. One that is not here is told by its own name. */
const MEMORY_WORDS: Readonly<Record<string, string>> = {
  "nested walks": "walks through both sets of tables",
  "guest references": "entries read in the guest's tables",
  "EPT references": "entries read in the EPT",
  faults: "page faults that came out",
  hidden: "of them hidden: a shadow entry was filled",
  true: "of them true: the guest got them",
  trace: "of them stores to a traced table",
  mmio: "of them accesses to devices",
  rom: "of them stores to ROM",
  reserved: "of them at the monitor's addresses",
  prefetched: "shadow entries filled ahead",
  stores: "stores to the guest's tables noticed",
  created: "shadow tables made",
  evicted: "shadow tables evicted, there being too many",
  flooded: "shadow tables dropped, being data now",
  unsynced: "leaf tables left to the guest till it flushes",
  resynced: "leaf tables brought in step again",
  flushes: "flushes of the TLB",
  flushedPages: "flushes of one page",
};

/** Which monitor it was. */
export type Monitor = Pick<VmOptions, "vmm" | "mmu">;

/** What maps the guest's memory, in a few words and as a title. */
const MAPS: Readonly<Record<MmuKind, string>> = {
  ept: "EPT",
  shadow: "shadow page tables",
  direct: "its own page tables",
};
const TITLES: Readonly<Record<MmuKind, string>> = {
  ept: "extended page tables",
  shadow: "shadow page tables",
  direct: "the guest's own page tables",
};

/** `vt with EPT`. */
function monitorName({ vmm, mmu }: Monitor): string {
  return `${vmm} with ${MAPS[mmu]}`;
}

function totals({ direct, emulated, interpreted, exits }: VmmStatistics) {
  const count = exits.reduce((sum, exit) => sum + exit.count, 0);
  return { ticks: direct + emulated + interpreted, count };
}

/** Ways of coming to the monitor, in the order they are told. */
const CROSSINGS: readonly (readonly [Crossing, string])[] = [
  ["hypercall", "hypercalls"],
  ["call-out", "call-outs"],
  ["exit", "exits"],
];

/** `12 exits: #PF 10, #GP 2`; undefined if there are none of the kind. */
function crossingList(exits: readonly ExitCount[], crossing: Crossing, word: string): string | undefined {
  const those = exits.filter((exit) => exit.crossing === crossing);
  if (those.length === 0) return undefined;
  const count = those.reduce((sum, exit) => sum + exit.count, 0);
  return `${grouped(count)} ${word}: ${those.map((exit) => `${exit.cause} ${grouped(exit.count)}`).join(", ")}`;
}

/** Two sentences: the share that ran without the monitor, and the crossings by cause. They depend on the run alone. */
export function monitorSentences(monitor: Monitor, statistics: VmmStatistics): string[] {
  const { ticks } = totals(statistics);
  const share = percent(statistics.direct, ticks);
  const lists = CROSSINGS.map(([crossing, word]) => crossingList(statistics.exits, crossing, word));
  const told = lists.filter((list) => list !== undefined);
  return [
    `under ${monitorName(monitor)}, ${share} of ${grouped(ticks)} instructions and events ran without the monitor`,
    told.length === 0 ? "no exits" : told.join("; "),
  ];
}

/** Columns under a heading, all but the first right-aligned. */
function table(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const cell = (text: string, column: number) =>
    column === 0 ? text.padEnd(widths[column]!) : text.padStart(widths[column]!);
  return rows.map((row) => row.map(cell).join("  "));
}

/** The table of `--stats`: how the guest ran, exits by cause, and its memory map. Host times are the only part that differs between equal runs. */
export function monitorTable(monitor: Monitor, statistics: VmmStatistics): string[] {
  const { ticks, count } = totals(statistics);
  const ways: [string, number][] = [
    ["directly", statistics.direct],
    ["emulated, one at a time", statistics.emulated],
    ["interpreted, in stretches", statistics.interpreted],
  ];
  const lines = ["", `the guest under ${monitorName(monitor)}`];
  const execution = ways.filter(([, number]) => number > 0);
  lines.push(
    ...table([
      ["  instructions and events", "count", "share"],
      ...execution.map(([name, number]) => [`    ${name}`, grouped(number), percent(number, ticks)]),
    ]),
  );
  const named = new Set(statistics.exits.map(({ crossing }) => crossing));
  const exits = statistics.exits.map((exit) => [
    `    ${named.size > 1 ? `${exit.crossing} ` : ""}${exit.cause}`,
    grouped(exit.count),
    percent(exit.count, count),
    grouped(exit.ticks / exit.count),
    `${(exit.nanoseconds / exit.count / 1000).toFixed(1)} us`,
  ]);
  if (exits.length > 0) {
    const title = CROSSINGS.flatMap(([crossing, word]) => (named.has(crossing) ? [word] : [])).join(" and ");
    lines.push(...table([[`  ${title}`, "count", "share", "ran before", "monitor took"], ...exits]));
    lines.push(
      "    (means; ran before: instructions and events since the exit before; monitor took: time of the host)",
    );
  }
  if (statistics.translation !== undefined) lines.push(...translationTable(statistics.translation, statistics.inline));
  const { memory } = statistics;
  const known = Object.keys(MEMORY_WORDS).filter((name) => (memory[name] ?? 0) > 0);
  const others = Object.keys(memory).filter((name) => !(name in MEMORY_WORDS) && memory[name]! > 0);
  const rows = [...known, ...others].map((name) => [`    ${MEMORY_WORDS[name] ?? name}`, grouped(memory[name]!)]);
  if (rows.length > 0) {
    const title = `  ${TITLES[monitor.mmu]}`;
    lines.push(...table([[title, "count"], ...rows]));
  }
  // Under the others these are instructions that the exits tell of as well.
  const refused = monitor.vmm === "pv" ? Object.entries(statistics.refused) : [];
  if (refused.length > 0) {
    const names = refused.sort(([, a], [, b]) => b - a).map(([name, count]) => [`    ${name}`, grouped(count)]);
    lines.push(...table([["  executed for it or refused", "count"], ...names]));
  }
  return lines;
}

/** What the guest's code was made into, and what of it was executed in line. */
function translationTable(translation: TranslationCounts, inline: Readonly<Record<string, number>>): string[] {
  const { units, ident, callOut, lookups, misses } = translation;
  const executed = Object.entries(inline).sort(([, a], [, b]) => b - a);
  return table([
    ["  translation", "count"],
    ["    units made", grouped(units)],
    ["    of instructions taken over as they are", grouped(ident)],
    ["    and such on the guest's own state, in line", grouped(translation.inline)],
    ["    and call-outs", grouped(callOut)],
    ["    times a unit was looked for", grouped(lookups)],
    ["    and found", percent(lookups - misses, lookups)],
    ...executed.map(([name, count]) => [`    ${name} executed in line`, grouped(count)]),
  ]);
}
