/**
 * Rows: shifts, rotates, double shifts, bit test and bit scan. SDM 1 7.3.6 and 7.3.7. The flags are those of a count
 * above one; a masked count of zero changes none, a count of one also defines OF.
 */
import { Op } from "../../../assembly/abi/op.js";
import { type Attribute, insn, lockable, reads, undefines, undocumented, writes } from "../dsl.js";
import type { Family, Row } from "../row.js";

interface ShiftFamily {
  op: Op;
  name: string;
  digit: number;
  /** Flags of a count of one. */
  once: Attribute[];
  /** Flags of any other count. */
  many: Attribute[];
  extra: Attribute[];
}

const SHIFT = { once: [writes("OSZPC"), undefines("A")], many: [writes("SZPC"), undefines("OA")], extra: [] };
const ROTATE = { once: [writes("OC")], many: [writes("C"), undefines("O")], extra: [] };
const THROUGH_CARRY = { ...ROTATE, extra: [reads("C")] };

/** Group 2. /6 does what /4 does. */
const GROUP_2: readonly ShiftFamily[] = [
  { op: Op.ROL, name: "ROL", digit: 0, ...ROTATE },
  { op: Op.ROR, name: "ROR", digit: 1, ...ROTATE },
  { op: Op.RCL, name: "RCL", digit: 2, ...THROUGH_CARRY },
  { op: Op.RCR, name: "RCR", digit: 3, ...THROUGH_CARRY },
  { op: Op.SHL, name: "SHL", digit: 4, ...SHIFT },
  { op: Op.SHR, name: "SHR", digit: 5, ...SHIFT },
  { op: Op.SHL, name: "SAL", digit: 6, ...SHIFT, extra: [undocumented] },
  { op: Op.SAR, name: "SAR", digit: 7, ...SHIFT },
];

function group2(): Row[] {
  return GROUP_2.flatMap(({ op, name, digit, once, many, extra }) => [
    insn(op, `${name} r/m8, 1`, `D0 /${digit}`, ...once, ...extra),
    insn(op, `${name} r/m32, 1`, `D1 /${digit}`, ...once, ...extra),
    insn(op, `${name} r/m8, CL`, `D2 /${digit}`, ...many, ...extra),
    insn(op, `${name} r/m32, CL`, `D3 /${digit}`, ...many, ...extra),
    insn(op, `${name} r/m8, imm8`, `C0 /${digit} ib`, ...many, ...extra),
    insn(op, `${name} r/m32, imm8`, `C1 /${digit} ib`, ...many, ...extra),
  ]);
}

const DOUBLE = SHIFT.many;
const TEST_BIT = [writes("C"), undefines("OSAP")];
const SCAN = [writes("Z"), undefines("OSAPC")];

// biome-ignore format: a table
const BITS: readonly Row[] = [
  ...group2(),
  insn(Op.SHLD, "SHLD r/m32, r32, imm8", "0F A4 /r ib", ...DOUBLE),
  insn(Op.SHLD, "SHLD r/m32, r32, CL",   "0F A5 /r",    ...DOUBLE),
  insn(Op.SHRD, "SHRD r/m32, r32, imm8", "0F AC /r ib", ...DOUBLE),
  insn(Op.SHRD, "SHRD r/m32, r32, CL",   "0F AD /r",    ...DOUBLE),

  insn(Op.BT,   "BT r/m32, r32",         "0F A3 /r",    ...TEST_BIT),
  insn(Op.BTS,  "BTS r/m32, r32",        "0F AB /r",    ...TEST_BIT, lockable),
  insn(Op.BTR,  "BTR r/m32, r32",        "0F B3 /r",    ...TEST_BIT, lockable),
  insn(Op.BTC,  "BTC r/m32, r32",        "0F BB /r",    ...TEST_BIT, lockable),
  insn(Op.BT,   "BT r/m32, imm8",        "0F BA /4 ib", ...TEST_BIT),
  insn(Op.BTS,  "BTS r/m32, imm8",       "0F BA /5 ib", ...TEST_BIT, lockable),
  insn(Op.BTR,  "BTR r/m32, imm8",       "0F BA /6 ib", ...TEST_BIT, lockable),
  insn(Op.BTC,  "BTC r/m32, imm8",       "0F BA /7 ib", ...TEST_BIT, lockable),
  insn(Op.BSF,  "BSF r32, r/m32",        "0F BC /r",    ...SCAN),
  insn(Op.BSR,  "BSR r32, r/m32",        "0F BD /r",    ...SCAN),
];

/** Shifts, rotates and bit operations. */
export const BIT_FAMILIES: readonly Family[] = [{ title: "Shifts, rotates and bits", rows: BITS }];
