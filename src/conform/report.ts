/**
 * What a conformance run found, by instruction, and how it is printed. Counts add up: every test read is passed, failed or left out, and what
 * was left out has a name.
 */
import type { Difference } from "./difference.js";

/** Counts for one instruction key. */
export interface KeyCounts {
  passed: number;
  failed: number;
  filtered: number;
}

/** One failed test, with everything a person needs to reproduce it. */
export interface Mismatch {
  file: string;
  index: number;
  key: string;
  name: string;
  bytes: Uint8Array;
  bits: 16 | 32;
  /** Initial state, as lines. */
  before: string[];
  differences: Difference[];
}

/** The result of `conform`. */
export interface ConformReport {
  files: number;
  passed: number;
  failed: number;
  /** Tests left out, by reason. */
  filtered: Map<string, number>;
  /** Tests run with an adapted expectation, by reason. */
  adapted: Map<string, number>;
  keys: Map<string, KeyCounts>;
  /** The first mismatches only. */
  mismatches: Mismatch[];
  seconds: number;
}

/** A report of nothing yet. */
export function emptyReport(): ConformReport {
  return {
    ...{ files: 0, passed: 0, failed: 0, seconds: 0 },
    ...{ filtered: new Map(), adapted: new Map(), keys: new Map(), mismatches: [] },
  };
}

/** Adds one to a counted reason. */
export function count(map: Map<string, number>, reason: string): void {
  map.set(reason, (map.get(reason) ?? 0) + 1);
}

/** The counts of one key, made when first asked for. */
export function countsOf(report: ConformReport, key: string): KeyCounts {
  let counts = report.keys.get(key);
  if (counts === undefined) {
    counts = { passed: 0, failed: 0, filtered: 0 };
    report.keys.set(key, counts);
  }
  return counts;
}

function byKey(report: ConformReport): [string, KeyCounts][] {
  const rank = (key: string) => (key.startsWith("0F") && key.length > 2 ? `1${key}` : `0${key}`);
  return [...report.keys].sort(([a], [b]) => (rank(a) < rank(b) ? -1 : 1));
}

/** The table: one cell per instruction, four to a line; a cell is marked when something failed. */
export function summaryTable(report: ConformReport): string {
  const cells = byKey(report).map(([key, { passed, failed, filtered }]) => {
    const mark = failed > 0 ? "FAIL" : "ok";
    return `${key.padEnd(7)}${String(passed).padStart(6)}${String(failed).padStart(6)}${String(filtered).padStart(6)} ${mark.padEnd(4)}`;
  });
  const head = "opcode   pass  fail  left     ";
  const columns = Math.min(4, Math.max(1, cells.length));
  const rows = Math.ceil(cells.length / columns);
  const lines = [new Array(columns).fill(head).join(" | ").trimEnd()];
  for (let row = 0; row < rows; row++) {
    const line = [];
    for (let column = 0; column < columns; column++) line.push(cells[column * rows + row] ?? "");
    lines.push(line.join(" | ").trimEnd());
  }
  return lines.join("\n");
}

/** The lines below the table: totals, and what was left out or adapted and why. */
export function summaryLines(report: ConformReport): string[] {
  const lines: string[] = [];
  const total = (map: Map<string, number>) => [...map.values()].reduce((a, b) => a + b, 0);
  for (const [reason, n] of report.filtered) lines.push(`left out ${n}: ${reason}`);
  for (const [reason, n] of report.adapted) lines.push(`adapted ${n}: ${reason}`);
  const failing = byKey(report).filter(([, counts]) => counts.failed > 0);
  if (failing.length > 0)
    lines.push(`mismatches in: ${failing.map(([key, counts]) => `${key} (${counts.failed})`).join(", ")}`);
  const all = report.passed + report.failed + total(report.filtered);
  lines.push(
    `${all} tests in ${report.files} files: ${report.passed} passed, ${report.failed} failed, ${total(report.filtered)} left out; ${report.seconds.toFixed(1)} s`,
  );
  return lines;
}

/** The report as a plain object for `--json`. */
export function reportJson(report: ConformReport): object {
  return {
    files: report.files,
    passed: report.passed,
    failed: report.failed,
    filtered: Object.fromEntries(report.filtered),
    adapted: Object.fromEntries(report.adapted),
    seconds: Number(report.seconds.toFixed(3)),
    opcodes: Object.fromEntries(byKey(report)),
    mismatches: report.mismatches.map(({ bytes, ...rest }) => ({ ...rest, bytes: Buffer.from(bytes).toString("hex") })),
  };
}

/** One mismatch in full. `text` is the disassembly. */
export function mismatchText(mismatch: Mismatch, text: string): string {
  const width = Math.max(...mismatch.differences.map((difference) => difference.what.length));
  const bytes = Buffer.from(mismatch.bytes)
    .toString("hex")
    .replace(/(..)(?=.)/g, "$1 ");
  return [
    `${mismatch.file} test ${mismatch.index}, ${mismatch.key}, ${mismatch.bits}-bit code: ${bytes}  ${text}`,
    ...mismatch.before.map((line) => `  ${line}`),
    ...mismatch.differences.map(
      ({ what, expected, got }) => `  ${what.padEnd(width)}  expected ${expected}, got ${got}`,
    ),
  ].join("\n");
}
