/**
 * Wraps one function body into a WebAssembly module (WebAssembly Core Specification 2.0, 5.5): imports a memory and functions,
 * exports the function as `f`.
 */
import { Code } from "./code.js";
import type { ValueType } from "./opcodes.js";

/** A function type: parameters and results. */
export interface FunctionType {
  params: readonly ValueType[];
  results: readonly ValueType[];
}

/** What a one-function module is made of. Imported functions have the lowest function numbers, in order. */
export interface FunctionModule {
  /** Module and field names of the imported memory. */
  memory: readonly [string, string];
  /** Imported functions: module, field, type. */
  imports: readonly { module: string; name: string; type: FunctionType }[];
  /** Type of the function. */
  type: FunctionType;
  /** Locals behind the parameters: runs of count and type. */
  locals: readonly (readonly [number, ValueType])[];
  /** Instructions, with the closing `end`. */
  body: Uint8Array;
}

/** Magic number and version 1. */
const HEADER = [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0];

function section(out: Code, id: number, content: Code): void {
  out.byte(id);
  out.u32(content.length);
  out.append(content.take());
}

function name(out: Code, text: string): void {
  const bytes = new TextEncoder().encode(text);
  out.u32(bytes.length);
  out.append(bytes);
}

function functionType(out: Code, type: FunctionType): void {
  out.byte(0x60);
  out.u32(type.params.length);
  for (const p of type.params) out.byte(p);
  out.u32(type.results.length);
  for (const r of type.results) out.byte(r);
}

/** The bytes of a module with one function. */
export function encodeModule(m: FunctionModule): Uint8Array {
  const out = new Code(m.body.length + 512);
  out.append(HEADER);
  const types = new Code();
  types.u32(m.imports.length + 1);
  for (const i of m.imports) functionType(types, i.type);
  functionType(types, m.type);
  section(out, 1, types);
  const imports = new Code();
  imports.u32(m.imports.length + 1);
  name(imports, m.memory[0]);
  name(imports, m.memory[1]);
  imports.append([2, 0, 0]); // a memory of at least 0 pages, no maximum
  m.imports.forEach((i, index) => {
    name(imports, i.module);
    name(imports, i.name);
    imports.byte(0);
    imports.u32(index);
  });
  section(out, 2, imports);
  const functions = new Code();
  functions.u32(1);
  functions.u32(m.imports.length);
  section(out, 3, functions);
  const exports = new Code();
  exports.u32(1);
  name(exports, "f");
  exports.byte(0);
  exports.u32(m.imports.length);
  section(out, 7, exports);
  const body = new Code(m.body.length + 32);
  body.u32(m.locals.length);
  for (const [count, type] of m.locals) {
    body.u32(count);
    body.byte(type);
  }
  body.append(m.body);
  const code = new Code(body.length + 16);
  code.u32(1);
  code.u32(body.length);
  code.append(body.take());
  section(out, 10, code);
  return out.take().slice();
}
