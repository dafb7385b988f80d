/**
 * The instruction table: every instruction of an i686 without MMX and SSE, and those of VMX, one row for each line of the SDM's opcode
 * tables in its 8-bit or 32-bit form. All that read it (decoder, classifier, documents, tests) read this list.
 */
import type { Family, Row } from "../row.js";
import { ARITHMETIC_FAMILIES } from "./arithmetic.js";
import { BIT_FAMILIES } from "./bits.js";
import { FLOW_FAMILIES } from "./flow.js";
import { MOVE_FAMILIES } from "./move.js";
import { STRING_FAMILIES } from "./string.js";
import { SYSTEM_FAMILIES } from "./system.js";
import { VMX_FAMILIES } from "./vmx.js";
import { X87_FAMILIES } from "./x87.js";

/** The rows under their headings. */
export const FAMILIES: readonly Family[] = [
  ...ARITHMETIC_FAMILIES,
  ...BIT_FAMILIES,
  ...MOVE_FAMILIES,
  ...STRING_FAMILIES,
  ...FLOW_FAMILIES,
  ...SYSTEM_FAMILIES,
  ...VMX_FAMILIES,
  ...X87_FAMILIES,
];

/** All rows. */
export const INSTRUCTIONS: readonly Row[] = FAMILIES.flatMap((family) => family.rows);
