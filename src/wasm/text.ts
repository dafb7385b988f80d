/**
 * WebAssembly text (WebAssembly Core Specification 2.0, chapter 6) of a module that `module.ts` made: its one function, an
 * instruction a line, indented by nesting. For people and for golden tests; knows the instructions of `opcodes.ts`.
 */
import { ValueType, W } from "./opcodes.js";

/** One instruction of a function body. */
export interface WasmInstruction {
  /** Its name in the text format. */
  name: string;
  /** Its immediates in the text format. */
  operands: string[];
}

/** What the text says instead of numbers. */
export interface TextNames {
  /** Name of a local, without `$`. */
  local?: (index: number) => string | undefined;
  /** Name of a memory offset. */
  offset?: (offset: number) => string | undefined;
  /** Name of an i32 constant, as an unsigned number. */
  constant?: (value: number) => string | undefined;
}

/** Bytes of a module, read from the front. */
class Reader {
  at = 0;
  constructor(readonly bytes: Uint8Array) {}

  byte(): number {
    const b = this.bytes[this.at++];
    if (b === undefined) throw new Error("wasm text: the module ends in the middle");
    return b;
  }

  u32(): number {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const b = this.byte();
      value |= (b & 0x7f) << shift;
      if ((b & 0x80) === 0) return value >>> 0;
    }
  }

  signed(): bigint {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const b = this.byte();
      value |= BigInt(b & 0x7f) << shift;
      if ((b & 0x80) === 0) return (b & 0x40) !== 0 ? value - (1n << (shift + 7n)) : value;
    }
  }

  text(): string {
    const length = this.u32();
    this.at += length;
    return new TextDecoder().decode(this.bytes.subarray(this.at - length, this.at));
  }
}

const PREFIXES = /^(i32|i64|local|global|table|memory)_/;

/** The name of an opcode in the text format: `I32_LOAD8_U` is `i32.load8_u`. */
export function opcodeName(op: W): string {
  return W[op].toLowerCase().replace(PREFIXES, "$1.");
}

const OPENS: ReadonlySet<W> = new Set([W.BLOCK, W.LOOP, W.IF]);
const TAKES_LABEL: ReadonlySet<W> = new Set([W.BR, W.BR_IF]);
const TAKES_LOCAL: ReadonlySet<W> = new Set([W.LOCAL_GET, W.LOCAL_SET, W.LOCAL_TEE]);

function valueType(byte: number): string {
  return byte === ValueType.I64 ? "i64" : "i32";
}

/** Instructions whose immediate is an alignment and an offset. */
function accessesMemory(op: W): boolean {
  return op >= W.I32_LOAD && op <= 0x3e;
}

function operandsOf(r: Reader, op: W, names: TextNames, functions: readonly string[]): string[] {
  if (OPENS.has(op)) {
    const type = r.byte();
    return type === 0x40 ? [] : [`(result ${valueType(type)})`];
  }
  if (TAKES_LABEL.has(op)) return [String(r.u32())];
  if (op === W.BR_TABLE) return Array.from({ length: r.u32() + 1 }, () => String(r.u32()));
  if (TAKES_LOCAL.has(op)) {
    const index = r.u32();
    const name = names.local?.(index);
    return [name === undefined ? String(index) : `$${name}`];
  }
  if (op === W.CALL) {
    const index = r.u32();
    const name = functions[index];
    return [name === undefined ? String(index) : `$${name}`];
  }
  if (op === W.I64_CONST) return [String(r.signed())];
  if (op === W.I32_CONST) {
    const value = Number(r.signed());
    return [names.constant?.(value >>> 0) ?? String(value)];
  }
  if (accessesMemory(op)) {
    r.u32(); // alignment: never promised
    const offset = r.u32();
    return offset === 0 ? [] : [`offset=${names.offset?.(offset) ?? offset}`];
  }
  return [];
}

/** The function of a module: its parameters, locals and instructions. */
export interface WasmFunction {
  /** Names of the imported functions, in order. */
  imports: string[];
  /** Runs of locals as count and type. */
  locals: [count: number, type: string][];
  body: WasmInstruction[];
  /** Bytes of the body, local declarations included. */
  bytes: number;
}

function readImports(r: Reader): string[] {
  const functions: string[] = [];
  for (let n = r.u32(); n > 0; n--) {
    r.text();
    const name = r.text();
    const kind = r.byte();
    if (kind === 0) {
      functions.push(name);
      r.u32();
    } else if (kind === 1) {
      r.byte(); // element type
      if (r.byte() === 1) r.u32();
      r.u32();
    } else if (kind === 2) {
      if (r.byte() === 1) r.u32();
      r.u32();
    } else throw new Error(`wasm text: expected an import of kind 0 to 2 and found ${kind} at offset ${r.at - 1}`);
  }
  return functions;
}

/** Reads the one function of a module. Raises an Error that says where for what `module.ts` would not have written. */
export function readFunction(module: Uint8Array, names: TextNames = {}): WasmFunction {
  const r = new Reader(module);
  r.at = 8;
  let imports: string[] = [];
  while (r.at < module.length) {
    const id = r.byte();
    const end = r.u32() + r.at;
    if (id === 2) imports = readImports(r);
    if (id === 10) return readBody(r, imports, names);
    r.at = end;
  }
  throw new Error("wasm text: the module has no code section");
}

function readBody(r: Reader, imports: string[], names: TextNames): WasmFunction {
  r.u32(); // functions: one
  const bytes = r.u32();
  const end = r.at + bytes;
  const locals: [number, string][] = [];
  for (let n = r.u32(); n > 0; n--) {
    const count = r.u32();
    locals.push([count, valueType(r.byte())]);
  }
  const body: WasmInstruction[] = [];
  while (r.at < end) {
    const at = r.at;
    const op = r.byte() as W;
    if (W[op] === undefined) throw new Error(`wasm text: unknown opcode 0x${op.toString(16)} at offset ${at}`);
    body.push({ name: opcodeName(op), operands: operandsOf(r, op, names, imports) });
  }
  return { imports, locals, body, bytes };
}

/** The text of a module's function, a line an instruction. */
export function functionText(module: Uint8Array, names: TextNames = {}): string[] {
  const { locals, body } = readFunction(module, names);
  const lines = [
    "(func (result i32)",
    ...locals.map(([count, type]) => `  (local ${Array(count).fill(type).join(" ")})`),
  ];
  let depth = 1;
  body.forEach(({ name, operands }, i) => {
    if (name === "end" || name === "else") depth--;
    if (i < body.length - 1) lines.push(`${"  ".repeat(depth)}${[name, ...operands].join(" ")}`);
    if (name === "block" || name === "loop" || name === "if" || name === "else") depth++;
  });
  lines.push(")");
  return lines;
}
