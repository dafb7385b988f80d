/**
 * The part of the WebAssembly JavaScript interface that Node 20's type package leaves to the browser's library.
 * Source: W3C "WebAssembly JavaScript Interface". Only what is used is declared; add a member when it is needed.
 */
declare namespace WebAssembly {
  type ValueType = "i32" | "i64" | "f32" | "f64" | "funcref" | "externref";
  type ExportValue = ((...args: never) => unknown) | Global | Memory | Table;
  type ImportValue = ExportValue | number | bigint;
  type Exports = Record<string, ExportValue>;
  type Imports = Record<string, Record<string, ImportValue>>;

  /** The bytes are no valid module. */
  class CompileError extends Error {}
  /** The imports do not fit the module. */
  class LinkError extends Error {}
  /** Code of a module trapped. */
  class RuntimeError extends Error {}

  /** A compiled module. Throws CompileError. */
  class Module {
    constructor(bytes: ArrayBufferView | ArrayBuffer);
  }

  /** A module with its imports. Throws LinkError, and RuntimeError from a start function. */
  class Instance {
    constructor(module: Module, imports?: Imports);
    readonly exports: Exports;
  }

  /** A linear memory; sizes are in pages of 65,536 bytes. Throws RangeError when there is no room. */
  class Memory {
    constructor(descriptor: { initial: number; maximum?: number; shared?: boolean });
    readonly buffer: ArrayBuffer;
    grow(pages: number): number;
  }

  /** A table of functions or references. */
  class Table {
    constructor(descriptor: { element: "anyfunc" | "externref"; initial: number; maximum?: number });
    readonly length: number;
    get(index: number): unknown;
    set(index: number, value?: unknown): void;
    grow(entries: number): number;
  }

  /** A global variable. */
  class Global {
    constructor(descriptor: { value: ValueType; mutable?: boolean }, value?: number | bigint);
    value: number | bigint;
  }

  function compile(bytes: ArrayBufferView | ArrayBuffer): Promise<Module>;
  function instantiate(module: Module, imports?: Imports): Promise<Instance>;
  function validate(bytes: ArrayBufferView | ArrayBuffer): boolean;
}
