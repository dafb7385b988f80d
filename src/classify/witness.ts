/**
 * A witness, replayed: the same state executed in its two situations, side by side, in words. Everything is computed from subject, seed
 * and number again, so a witness is three small things that anybody can check.
 */
import { Cpu } from "../../assembly/abi/cpu.js";
import { Eflags, IOPL_SHIFT, Vector } from "../../assembly/abi/x86.js";
import type { Row } from "../isa/row.js";
import { MODE, RESOURCES, word } from "./compare.js";
import { drawState } from "./draw.js";
import { subjectsOf } from "./encode.js";
import type { Evidence, Reading, Witness } from "./evidence.js";
import { CODE_AT, Laboratory, type Outcome } from "./laboratory.js";
import { RELOCATION_WORDS, type Relocation, type Situation, type State } from "./state.js";

/** One line of a comparison. */
interface WitnessLine {
  readonly what: string;
  readonly first: string;
  readonly second: string;
}

/** A witness in words. */
interface WitnessReport {
  readonly witness: Witness;
  readonly bytes: string;
  /** What the table says about it, half a sentence; undefined for privilege and time. */
  readonly reason: string | undefined;
  /** Heads of the two columns. */
  readonly first: string;
  readonly second: string;
  /** The registers and operands both runs begin with. */
  readonly common: readonly string[];
  /** What is different before, by the experiment's design. */
  readonly before: readonly WitnessLine[];
  /** What is different after. */
  readonly after: readonly WitnessLine[];
}

const REGISTERS = ["EAX", "ECX", "EDX", "EBX", "ESP", "EBP", "ESI", "EDI"];
const hex = (value: number, digits = 8) => (value >>> 0).toString(16).toUpperCase().padStart(digits, "0");
const hexBytes = (bytes: readonly number[]) => bytes.map((byte) => hex(byte, 2)).join(" ");
const SYSTEM_SEGMENTS: ReadonlySet<string> = new Set(["LDTR", "TR"]);
const TABLE_REGISTERS: ReadonlySet<string> = new Set(["GDTR", "IDTR"]);
const FLAG_NAMES: readonly [string, number][] = [
  ["CF", Eflags.CF],
  ["PF", Eflags.PF],
  ["AF", Eflags.AF],
  ["ZF", Eflags.ZF],
  ["SF", Eflags.SF],
  ["DF", Eflags.DF],
  ["OF", Eflags.OF],
  ["AC", Eflags.AC],
  ["ID", Eflags.ID],
];

/** How hard a witness is to read: many differences, and others than the flags everybody knows. */
function cost(witness: Witness, reading: Reading): number {
  const known = witness.differs.every((name) => name === "IF" || name === "memory" || name === "completion");
  return witness.differs.length * 4 + (reading === "strict" ? 2 : 0) + (known ? 0 : 1);
}

/** The plainest witness of each kind that was found for a row: fewest differences, the lifted reading first. */
export function plainestWitnesses(evidence: Evidence): Witness[] {
  const kinds = ["privileged", "control", "location", "mode", "reveals"] as const;
  const all = evidence.findings.map(({ witness, reading }) => ({ witness, cost: cost(witness, reading) }));
  const found = kinds.flatMap((kind) => {
    const candidates = all.filter(({ witness }) => witness.kind === kind).sort((a, b) => a.cost - b.cost);
    return candidates.length > 0 ? [candidates[0]!.witness] : [];
  });
  const traps = evidence.row.privilege !== "none" ? evidence.trapWitness : undefined;
  return traps ? [traps, ...found] : found;
}

/** Replays a witness of a row. Errors: RangeError if the row has no such subject. */
export function replay(row: Row, witness: Witness): WitnessReport {
  const subject = subjectsOf(row).find(({ key }) => key === witness.subject);
  if (subject === undefined) throw new RangeError(`${row.text} has no form "${witness.subject}"`);
  const state = drawState(subject, witness.seed, witness.index);
  const laboratory = new Laboratory();
  const a = laboratory.run(state, witness.first);
  const b = laboratory.run(state, witness.second);
  const bytes = hexBytes(state.code);
  const common = commonLines(state);
  const reason = row.sensitive.find(({ kind }) => kind === witness.kind)?.reason;
  if (witness.kind === "control") {
    const after = witness.differs.map((what) => ({ what, first: valueBefore(what, a), second: valueAfter(what, a) }));
    const first = `before, ${situationWords(witness.first)}`;
    return { witness, bytes, reason, first, second: "after", common, before: [], after };
  }
  const names = witness.differs.filter((name) => name !== "completion");
  const after = [
    { what: "ends", first: endWords(a), second: endWords(b) },
    ...(a.kind === "fault" || b.kind === "fault" ? [] : names).flatMap((what) => differenceLines(what, a, b)),
  ];
  return {
    witness,
    bytes,
    reason,
    first: situationWords(witness.first),
    second: situationWords(witness.second),
    common,
    before: designedDifferences(a, b, witness),
    after,
  };
}

function situationWords({ ring, moved }: Situation): string {
  const words = [...moved].map((relocation: Relocation) => RELOCATION_WORDS[relocation]);
  return [`CPL ${ring}`, ...words].join(", ");
}

function flagWords(eflags: number): string {
  const names = FLAG_NAMES.filter(([, bit]) => eflags & bit).map(([name]) => name);
  const iopl = (eflags & Eflags.IOPL) >>> IOPL_SHIFT;
  return `${hex(eflags)} (IF ${eflags & Eflags.IF ? 1 : 0}, IOPL ${iopl}${names.length > 0 ? `, ${names.join(" ")}` : ""})`;
}

function commonLines(state: State): string[] {
  const lines = [0, 4].map((from) =>
    REGISTERS.slice(from, from + 4)
      .map((name, i) => `${name} ${hex(state.regs[from + i]!)}`)
      .join("  "),
  );
  lines.push(`EIP ${hex(CODE_AT)}  EFLAGS ${flagWords(state.own.eflags)}`);
  for (const { at, bytes } of state.patches) lines.push(`[${hex(at)}] ${hexBytes(bytes)}`);
  return lines;
}

function endWords({ kind, vector, error, after }: Outcome): string {
  if (kind === "gate") return `through a gate to ${hex(word(after, Cpu.EIP))}`;
  if (kind === "done") return "completes";
  const code = [Vector.TS, Vector.NP, Vector.SS, Vector.GP].includes(vector) ? `(${hex(error, 4)})` : "";
  return `#${Vector[vector] ?? vector}${code}`;
}

/** Differences of the start that the experiment made. */
function designedDifferences(a: Outcome, b: Outcome, witness: Witness): WitnessLine[] {
  const lines: WitnessLine[] = [];
  if (witness.first.ring !== witness.second.ring) return lines;
  for (const { name, fields, mask } of RESOURCES) {
    const differs = fields.some((field) => ((word(a.before, field) ^ word(b.before, field)) & mask) !== 0);
    if (differs) lines.push({ what: name, first: valueBefore(name, a), second: valueBefore(name, b) });
  }
  return lines;
}

function valueBefore(what: string, { before }: Outcome): string {
  return valueIn(what, before);
}

function valueAfter(what: string, outcome: Outcome): string {
  return outcome.ports.length > 0 && what === "devices" ? outcome.ports.join("; ") : valueIn(what, outcome.after);
}

function valueIn(what: string, words: Uint32Array): string {
  if (what === MODE) return String(word(words, Cpu.CPL));
  const resource = RESOURCES.find(({ name }) => name === what);
  if (resource !== undefined) {
    const { fields, mask } = resource;
    if (mask === Eflags.IOPL) return String((word(words, Cpu.EFLAGS) & mask) >>> IOPL_SHIFT);
    if ((mask & (mask - 1)) === 0) return word(words, Cpu.EFLAGS) & mask ? "1" : "0";
    const [first, second] = fields.map((field) => word(words, field)) as [number, number];
    if (SYSTEM_SEGMENTS.has(what)) return `${hex(first, 4)} at ${hex(second)}`;
    if (TABLE_REGISTERS.has(what)) return `${hex(first)}, limit ${hex(second, 4)}`;
    return what.length === 2 && what.endsWith("S")
      ? hex(first, 4)
      : fields.map((field) => hex(word(words, field) & mask)).join(" ");
  }
  const register = REGISTERS.indexOf(what);
  if (register >= 0) return hex(word(words, Cpu.REGS + 4 * register));
  if (what === "EIP") return hex(word(words, Cpu.EIP));
  if (what === "flags") return flagWords(word(words, Cpu.EFLAGS));
  return "";
}

function differenceLines(what: string, a: Outcome, b: Outcome): WitnessLine[] {
  if (what === "memory") return memoryLines(a.memory, b.memory);
  if (what === "devices") return [{ what, first: a.ports.join("; ") || "none", second: b.ports.join("; ") || "none" }];
  return [{ what, first: valueAfter(what, a), second: valueAfter(what, b) }];
}

/** Words of memory that one run changed and the other did not, or to something else. */
function memoryLines(a: readonly number[], b: readonly number[]): WitnessLine[] {
  const map = (list: readonly number[]) => {
    const words = new Map<number, number>();
    for (let i = 0; i < list.length; i += 2) words.set(list[i]!, list[i + 1]!);
    return words;
  };
  const [first, second] = [map(a), map(b)];
  const addresses = [...new Set([...first.keys(), ...second.keys()])].sort((x, y) => x - y);
  const text = (words: Map<number, number>, at: number) => (words.has(at) ? hex(words.get(at)!) : "unchanged");
  return addresses
    .map((at) => ({ what: `[${hex(at)}]`, first: text(first, at), second: text(second, at) }))
    .filter((line) => line.first !== line.second);
}

const KIND_WORDS: Record<Witness["kind"], string> = {
  privileged: "privileged: ring 0 completes it, another ring traps",
  control: "control sensitive: it changes the mode or the resources",
  location: "location sensitive: what it computes shows the resources of the real machine",
  mode: "mode sensitive: it does something else at another privilege level",
  reveals: "reveals time: what it computes shows the clock of the real machine",
};

/** The report as lines to print. */
export function witnessLines({
  witness,
  bytes,
  reason,
  first,
  second,
  common,
  before,
  after,
}: WitnessReport): string[] {
  const rows: [string, string, string][] = [["", first, second]];
  for (const line of before) rows.push([`  ${line.what} before`, line.first, line.second]);
  for (const line of after) rows.push([`  ${line.what}`, line.first, line.second]);
  const widths = [0, 1].map((column) => Math.max(...rows.map((row) => row[column]!.length)));
  return [
    KIND_WORDS[witness.kind],
    ...(reason === undefined ? [] : [`  ${reason}`]),
    `  ${witness.subject}: ${bytes}   (seed ${witness.seed}, state ${witness.index})`,
    ...common.map((line) => `  ${line}`),
    "",
    ...rows.map((row) => `  ${row[0].padEnd(widths[0]!)}  ${row[1].padEnd(widths[1]!)}  ${row[2]}`.trimEnd()),
  ];
}
