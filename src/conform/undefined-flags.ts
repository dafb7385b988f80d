/**
 * Which flags (and results) an instruction leaves undefined, with the manual's word for it.
 *
 * Two processors may differ here and both be right: the recorder's host is from another maker than the one the SDM describes. The rows say
 * exactly what is not compared; everything else is. Sources: SDM 1 appendix A ("EFLAGS cross-reference") and the instruction pages of SDM 2.
 */
import type { InstructionHead } from "./instruction-key.js";

const CF = 0x1;
const PF = 0x4;
const AF = 0x10;
const ZF = 0x40;
const SF = 0x80;
const OF = 0x800;

/** When a row applies; counts are taken modulo 32, as the CPU does. */
type Condition = "always" | "count is not 0" | "count is not 1" | "count reaches the operand size";

/** One entry of the table. */
export interface UndefinedRow {
  keys: readonly string[];
  flags: number;
  when: Condition;
  reason: string;
}

const group = (opcodes: readonly string[], digits: readonly number[]) =>
  opcodes.flatMap((opcode) => digits.map((digit) => `${opcode}.${digit}`));
const SHIFT_OPCODES = ["C0", "C1", "D0", "D1", "D2", "D3"];
const DOUBLE_SHIFTS = ["0FA4", "0FA5", "0FAC", "0FAD"];

/** CF, PF, AF, ZF, SF and OF. */
export const ARITHMETIC_FLAGS = CF | PF | AF | ZF | SF | OF;

/** The whole table; several rows may apply to one instruction. */
export const UNDEFINED_FLAGS: readonly UndefinedRow[] = [
  {
    keys: [
      ...["08", "09", "0A", "0B", "0C", "0D", "20", "21", "22", "23", "24", "25", "30", "31", "32", "33", "34", "35"],
      ...group(["80", "81", "82", "83"], [1, 4, 6]),
      ...["84", "85", "A8", "A9", "F6.0", "F6.1", "F7.0", "F7.1"],
    ],
    flags: AF,
    when: "always",
    reason: "AND, OR, XOR, TEST: the state of AF is undefined",
  },
  {
    keys: group(SHIFT_OPCODES, [0, 1, 2, 3, 4, 5, 6, 7]),
    flags: OF,
    when: "count is not 1",
    reason: "shifts and rotates: OF is defined only for 1-bit shifts and rotates",
  },
  {
    keys: group(SHIFT_OPCODES, [4, 5, 6, 7]),
    flags: AF,
    when: "count is not 0",
    reason: "SHL, SHR, SAR: for a non-zero count AF is undefined",
  },
  {
    keys: group(SHIFT_OPCODES, [4, 5, 6]),
    flags: CF,
    when: "count reaches the operand size",
    reason: "SHL, SHR: CF is undefined where the count is greater than or equal to the size of the operand",
  },
  {
    keys: DOUBLE_SHIFTS,
    flags: AF,
    when: "count is not 0",
    reason: "SHLD, SHRD: AF is undefined if the count is not 0",
  },
  { keys: DOUBLE_SHIFTS, flags: OF, when: "count is not 1", reason: "SHLD, SHRD: OF is defined only for 1-bit shifts" },
  {
    keys: ["F6.4", "F7.4", "F6.5", "F7.5", "69", "6B", "0FAF"],
    flags: SF | ZF | AF | PF,
    when: "always",
    reason: "MUL, IMUL: SF, ZF, AF and PF are undefined",
  },
  {
    keys: ["F6.6", "F7.6", "F6.7", "F7.7"],
    flags: CF | OF | SF | ZF | AF | PF,
    when: "always",
    reason: "DIV, IDIV: CF, OF, SF, ZF, AF and PF are undefined",
  },
  { keys: ["27", "2F"], flags: OF, when: "always", reason: "DAA, DAS: OF is undefined" },
  {
    keys: ["37", "3F"],
    flags: OF | SF | ZF | PF,
    when: "always",
    reason: "AAA, AAS: OF, SF, ZF and PF are undefined",
  },
  { keys: ["D4", "D5"], flags: OF | AF | CF, when: "always", reason: "AAM, AAD: OF, AF and CF are undefined" },
  {
    keys: ["0FA3", "0FAB", "0FB3", "0FBB", "0FBA.4", "0FBA.5", "0FBA.6", "0FBA.7"],
    flags: OF | SF | AF | PF,
    when: "always",
    reason: "BT, BTS, BTR, BTC: OF, SF, AF and PF are undefined",
  },
  {
    keys: ["0FBC", "0FBD"],
    flags: CF | OF | SF | AF | PF,
    when: "always",
    reason: "BSF, BSR: CF, OF, SF, AF and PF are undefined",
  },
];

const ROWS_BY_KEY = new Map<string, UndefinedRow[]>();
for (const row of UNDEFINED_FLAGS) {
  for (const key of row.keys) ROWS_BY_KEY.set(key, [...(ROWS_BY_KEY.get(key) ?? []), row]);
}

function shiftCount(head: InstructionHead, bytes: Uint8Array, cl: number): number {
  switch (head.opcode) {
    case 0xd0:
    case 0xd1:
      return 1;
    case 0xd2:
    case 0xd3:
    case 0x0fa5:
    case 0x0fad:
      return cl & 31;
    default:
      return (bytes.at(-1) ?? 0) & 31;
  }
}

/**
 * The flags that instruction `bytes` (nothing behind it) leaves undefined. `cl` is CL before it, `operandBits` 16 or 32: the operand size in
 * force for opcodes that are not byte operations.
 */
export function undefinedFlags(head: InstructionHead, bytes: Uint8Array, cl: number, operandBits: 16 | 32): number {
  const rows = ROWS_BY_KEY.get(head.key);
  if (rows === undefined) return 0;
  let flags = 0;
  for (const row of rows) {
    if (row.when === "always") {
      flags |= row.flags;
      continue;
    }
    const count = shiftCount(head, bytes, cl);
    const bits = head.opcode < 0x100 && (head.opcode & 1) === 0 ? 8 : operandBits;
    if (row.when === "count is not 0" && count !== 0) flags |= row.flags;
    if (row.when === "count is not 1" && count > 1) flags |= row.flags;
    if (row.when === "count reaches the operand size" && count >= bits) flags |= row.flags;
  }
  return flags;
}

/**
 * The bits of the ModRM reg operand that are defined afterwards. BSF and BSR leave it undefined for a source of zero (their ZF is 1 then); LAR
 * leaves bits 16–19 undefined, the upper bits of the limit.
 */
export function definedDestination(head: InstructionHead, finalFlags: number): number {
  const zero = (finalFlags & ZF) !== 0;
  if ((head.opcode === 0x0fbc || head.opcode === 0x0fbd) && zero) return 0;
  return head.opcode === 0x0f02 && zero ? 0xfff0ffff : 0xffffffff;
}

const REPEATED_COMPARES = [0xa6, 0xa7, 0xae, 0xaf];

/** Iterations of a repeated instruction after which a machine may have paused for events. */
const PAUSE = 64;

/**
 * How the flags of a repeated CMPS or SCAS that faulted after `iterations` are judged. `restored`: they may also be those from before, since
 * EFLAGS is restored (SDM 2B "REP"), or those of the last complete iteration, as other makers' CPUs leave them. `open`: after a pause, from
 * where the instruction was resumed, "before" is any iteration's.
 */
export function faultedCompareFlags(
  head: InstructionHead,
  faulted: boolean,
  iterations: number,
): "exact" | "restored" | "open" {
  if (!faulted || head.repeat === 0 || !REPEATED_COMPARES.includes(head.opcode)) return "exact";
  return iterations > PAUSE ? "open" : "restored";
}
