/**
 * The locals of a region function, and the functions of the machine that it imports.
 */

import { ValueType } from "../wasm/opcodes.js";

/** Locals of a region function. 0 to 7 are the general-purpose registers in their encoding order. */
export const Local = {
  LEFT: 8,
  CONTEXT: 9,
  FLAG_KIND: 10,
  FLAG_A: 11,
  FLAG_B: 12,
  ADDRESS: 13,
  POINTER: 14,
  T1: 15,
  T2: 16,
  T3: 17,
  CELL: 18,
  WIDE: 19,
  WIDE2: 20,
} as const;

/** How many i32 locals there are; the i64 ones follow. */
export const I32_LOCALS = 19;
/** How many i64 locals there are. */
export const I64_LOCALS = 2;

/** Function numbers of a region's imports: places in IMPORTS. */
export const Import = {
  INTERPRET: 0,
  PAGES_HOLD: 1,
  RAW_FLAGS: 2,
  INTERRUPT: 3,
  INTERRUPT_RETURN: 4,
  REFILL: 5,
  FLUSH_PAGE: 6,
  LOAD_CR3: 7,
  REPEAT: 8,
} as const;

const NO_RESULT = { params: [], results: [] };
const ONE = { params: [ValueType.I32], results: [ValueType.I32] };
const TWO = { params: [ValueType.I32, ValueType.I32], results: [ValueType.I32] };

/** The imports. */
export const IMPORTS = [
  { module: "core", name: "interpret", type: TWO },
  { module: "core", name: "pagesHold", type: ONE },
  { module: "core", name: "rawFlags", type: NO_RESULT },
  { module: "core", name: "interrupt", type: TWO },
  { module: "core", name: "interruptReturn", type: TWO },
  { module: "core", name: "refill", type: TWO },
  { module: "core", name: "flushPage", type: ONE },
  { module: "core", name: "loadCr3", type: ONE },
  { module: "core", name: "repeat", type: ONE },
];
