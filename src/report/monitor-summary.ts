/**
 * What a monitor did for a guest, for people: the short form that follows a run, and the table of `--stats`.
 */
import type { VmOptions } from "../vmm/options.js";
import type { VmmStatistics } from "../vmm/statistics.js";
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

/** `vt with EPT`. */
function monitorName({ vmm, mmu }: Monitor): string {
  return `${vmm} with ${mmu === "ept" ? "EPT" : "shadow page tables"}`;
}

function totals({ direct, emulated, interpreted, exits }: VmmStatistics) {
  const count = exits.reduce((sum, exit) => sum + exit.count, 0);
  return { ticks: direct + emulated + interpreted, count };
}

/** Two sentences: the share that ran without the monitor, and the exits by cause. They depend on the run alone. */
export function monitorSentences(monitor: Monitor, statistics: VmmStatistics): string[] {
  const { ticks, count } = totals(statistics);
  const share = percent(statistics.direct, ticks);
  const causes = statistics.exits.map((exit) => `${exit.cause} ${grouped(exit.count)}`);
  const list = count === 0 ? "no exits" : `${grouped(count)} exits: ${causes.join(", ")}`;
  return [
    `under ${monitorName(monitor)}, ${share} of ${grouped(ticks)} instructions and events ran without the monitor`,
    list,
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
  const exits = statistics.exits.map((exit) => [
    `    ${exit.cause}`,
    grouped(exit.count),
    percent(exit.count, count),
    grouped(exit.ticks / exit.count),
    `${(exit.nanoseconds / exit.count / 1000).toFixed(1)} us`,
  ]);
  if (exits.length > 0) {
    lines.push(...table([["  exits", "count", "share", "ran before", "monitor took"], ...exits]));
    lines.push(
      "    (means; ran before: instructions and events since the exit before; monitor took: time of the host)",
    );
  }
  const { memory } = statistics;
  const known = Object.keys(MEMORY_WORDS).filter((name) => (memory[name] ?? 0) > 0);
  const others = Object.keys(memory).filter((name) => !(name in MEMORY_WORDS) && memory[name]! > 0);
  const rows = [...known, ...others].map((name) => [`    ${MEMORY_WORDS[name] ?? name}`, grouped(memory[name]!)]);
  if (rows.length > 0) {
    const title = monitor.mmu === "ept" ? "  extended page tables" : "  shadow page tables";
    lines.push(...table([[title, "count"], ...rows]));
  }
  return lines;
}
