/**
 * Compares two traces, binary or text, and finds the first place where they part.
 * Binary traces that begin at different instructions are compared from where both have begun.
 */
import { BinaryTraceReader, isBinaryTrace, TraceError } from "./binary-trace.js";
import { type Disassembler, loadDisassembler } from "./disassembler.js";
import { changesText, hexDigits, recordText } from "./text-trace.js";
import { TRACED_REGISTERS, type TraceRecord } from "./trace-record.js";

/** Records shown before and behind the first difference. */
const BEFORE = 5;
const BEHIND = 3;

/** The outcome of a comparison: lines for people, and whether the traces agree. */
export interface TraceDifference {
  equal: boolean;
  lines: string[];
}

/** One comparable entry of a trace: what is compared, and how it is printed when it is. */
interface Entry {
  key: string;
  print(): string;
}

/** Compares the traces `a` and `b`, called by their names in the result. Raises `TraceError` for a damaged file. */
export async function diffTraces(a: Uint8Array, b: Uint8Array, names: [string, string]): Promise<TraceDifference> {
  if (isBinaryTrace(a) !== isBinaryTrace(b)) {
    throw new TraceError("expected two traces of the same kind and found one binary and one text trace");
  }
  if (!isBinaryTrace(a)) return compare(textEntries(a), textEntries(b), names, "line");
  const disassembler = await loadDisassembler();
  const readers = [new BinaryTraceReader(a), new BinaryTraceReader(b)] as const;
  const from = Math.max(readers[0].start.index, readers[1].start.index);
  if (readers[0].start.index === readers[1].start.index) {
    const different = startDifference(readers[0], readers[1], names);
    if (different.length > 0) return { equal: false, lines: different };
  }
  return compare(entries(readers[0], from, disassembler), entries(readers[1], from, disassembler), names, "record");
}

/** The registers in which two traces differ before their first record. */
function startDifference(a: BinaryTraceReader, b: BinaryTraceReader, names: [string, string]): string[] {
  const lines: string[] = [];
  const compareOne = (name: string, x: number, y: number) => {
    if (x !== y) lines.push(`  ${name}: ${hexDigits(x, 8)} in ${names[0]}, ${hexDigits(y, 8)} in ${names[1]}`);
  };
  compareOne("eip", a.start.eip, b.start.eip);
  TRACED_REGISTERS.forEach((name, index) => {
    compareOne(name, a.start.registers[index]!, b.start.registers[index]!);
  });
  return lines.length === 0
    ? []
    : [`the traces begin with different registers at instruction ${a.start.index}:`, ...lines];
}

function* entries(reader: BinaryTraceReader, from: number, disassembler: Disassembler): Generator<Entry> {
  for (const record of reader) {
    if (record.index < from) continue;
    yield { key: recordKey(record), print: () => `${record.index}: ${recordText(record, disassembler)}` };
  }
}

function recordKey(record: TraceRecord): string {
  const what = record.type === "step" ? record.bytes.join() : record.vector;
  return `${record.type} ${record.index} ${record.cs}:${record.eip} ${what} ${changesText(record.changes)}`;
}

function* textEntries(bytes: Uint8Array): Generator<Entry> {
  let number = 0;
  let at = 0;
  while (at < bytes.length) {
    const newline = bytes.indexOf(0x0a, at);
    const end = newline < 0 ? bytes.length : newline;
    const text = Buffer.from(bytes.buffer, bytes.byteOffset + at, end - at)
      .toString("latin1")
      .trimEnd();
    at = end + 1;
    const line = ++number;
    yield { key: text, print: () => `${line}: ${text}` };
  }
}

function compare(a: Iterator<Entry>, b: Iterator<Entry>, names: [string, string], unit: string): TraceDifference {
  const recent: Entry[] = [];
  for (let equal = 0; ; equal++) {
    const [x, y] = [a.next(), b.next()];
    if (x.done && y.done) return { equal: true, lines: [`the traces are equal: ${equal} ${unit}s`] };
    if (!x.done && !y.done && x.value.key === y.value.key) {
      recent.push(x.value);
      if (recent.length > BEFORE) recent.shift();
      continue;
    }
    const lines = [`the traces part after ${equal} equal ${unit}s`, ...recent.map((entry) => `    ${entry.print()}`)];
    lines.push(...side(names[0], x, a), ...side(names[1], y, b));
    return { equal: false, lines };
  }
}

/** One trace from the first difference on. */
function side(name: string, first: IteratorResult<Entry>, rest: Iterator<Entry>): string[] {
  if (first.done) return [`  ${name}: ends here`];
  const lines = [`  ${name}:`, `  > ${first.value.print()}`];
  for (let n = 0; n < BEHIND; n++) {
    const next = rest.next();
    if (next.done) break;
    lines.push(`    ${next.value.print()}`);
  }
  return lines;
}
