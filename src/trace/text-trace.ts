/**
 * The text form of a trace: one line an instruction, `cs:eip  bytes  disassembly  changed registers`, and one line an
 * exception or interrupt, at the address it went to. The first line gives every register.
 */
import type { Disassembler } from "./disassembler.js";
import { exceptionName } from "../isa/exceptions.js";
import {
  type RegisterChange,
  TRACED_REGISTERS,
  type TraceRecord,
  type TraceSink,
  type TraceStart,
} from "./trace-record.js";

const SELECTORS = new Set(["es", "cs", "ss", "ds", "fs", "gs"]);
const BYTES_COLUMN = 24;
const TEXT_COLUMN = 36;

/** `value` as `digits` lower-case hexadecimal digits. */
export function hexDigits(value: number, digits: number): string {
  return (value >>> 0).toString(16).padStart(digits, "0");
}

function registerText({ register, value }: RegisterChange): string {
  const name = TRACED_REGISTERS[register]!;
  const digits = name === "mode" ? 1 : SELECTORS.has(name) ? 4 : 8;
  return `${name}=${hexDigits(value, digits)}`;
}

/** The changes as `eax=00000001 eflags=00000046`. */
export function changesText(changes: readonly RegisterChange[]): string {
  return changes.map(registerText).join(" ");
}

/** One line for a record, without a line end. */
export function recordText(record: TraceRecord, disassembler: Disassembler): string {
  const at = `${hexDigits(record.cs, 4)}:${hexDigits(record.eip, 8)}`;
  if (record.type !== "step") {
    const what =
      record.type === "exception"
        ? `exception ${exceptionName(record.vector)}`
        : `interrupt ${hexDigits(record.vector, 2)}`;
    return `${at}  -- ${what} ${changesText(record.changes)}`.trimEnd();
  }
  const bytes = [...record.bytes].map((byte) => hexDigits(byte, 2)).join(" ");
  const { text } = disassembler.disassemble(record.bytes, record.eip, record.code32);
  const changes = changesText(record.changes);
  return `${at}  ${bytes.padEnd(BYTES_COLUMN)} ${text.padEnd(TEXT_COLUMN)} ${changes}`.trimEnd();
}

/** The registers a trace begins with, as one comment line. */
export function startText(start: TraceStart): string {
  const all = [...start.registers].map((value, register) => registerText({ register, value }));
  return `# instruction ${start.index} eip=${hexDigits(start.eip, 8)} ${all.join(" ")}`;
}

/** Writes a trace as text lines to `write`. */
export class TextTraceWriter implements TraceSink {
  readonly #write: (text: string) => void;
  readonly #disassembler: Disassembler;
  #lines: string[] = [];

  constructor(write: (text: string) => void, disassembler: Disassembler) {
    this.#write = write;
    this.#disassembler = disassembler;
  }

  start(start: TraceStart): void {
    this.#line(startText(start));
  }

  record(record: TraceRecord): void {
    this.#line(recordText(record, this.#disassembler));
  }

  end(): void {
    if (this.#lines.length > 0) this.#write(`${this.#lines.join("\n")}\n`);
    this.#lines = [];
  }

  #line(line: string): void {
    this.#lines.push(line);
    if (this.#lines.length >= 4096) this.end();
  }
}
