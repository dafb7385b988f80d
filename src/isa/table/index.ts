/**
 * The instruction table: every instruction of an i686 without coprocessors, one row for each line of the SDM's opcode
 * tables in its 8-bit or 32-bit form. All that read it (decoder, classifier, documents, tests) read this list.
 */
import type { Row } from "../row.js";
import { ARITHMETIC } from "./arithmetic.js";
import { BITS } from "./bits.js";
import { FLOW } from "./flow.js";
import { MOVE } from "./move.js";
import { STRING } from "./string.js";
import { SYSTEM } from "./system.js";

/** All rows, family by family. */
export const INSTRUCTIONS: readonly Row[] = [...ARITHMETIC, ...BITS, ...MOVE, ...STRING, ...FLOW, ...SYSTEM];
