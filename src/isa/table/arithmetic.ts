/**
 * Rows: binary arithmetic, logic, multiplication, division and decimal adjustment. SDM 1 7.3.2, 7.3.3 and 7.3.5; flags
 * by SDM 1 appendix A.
 */
import { Op } from "../../../assembly/abi/op.js";
import { type Attribute, insn, lockable, reads, undefines, undocumented, writes } from "../dsl.js";
import type { Family, Row } from "../row.js";

const SUM = [writes("OSZAPC")];
const SUM_WITH_CARRY = [writes("OSZAPC"), reads("C")];
const LOGIC = [writes("OSZPC"), undefines("A")];

/** The eight of group 1: their /digit is also bits 3-5 of their own opcodes. */
const GROUP_1: readonly { op: Op; name: string; flags: Attribute[]; lock: boolean }[] = [
  { op: Op.ADD, name: "ADD", flags: SUM, lock: true },
  { op: Op.OR, name: "OR", flags: LOGIC, lock: true },
  { op: Op.ADC, name: "ADC", flags: SUM_WITH_CARRY, lock: true },
  { op: Op.SBB, name: "SBB", flags: SUM_WITH_CARRY, lock: true },
  { op: Op.AND, name: "AND", flags: LOGIC, lock: true },
  { op: Op.SUB, name: "SUB", flags: SUM, lock: true },
  { op: Op.XOR, name: "XOR", flags: LOGIC, lock: true },
  { op: Op.CMP, name: "CMP", flags: SUM, lock: false },
];

function group1(): Row[] {
  return GROUP_1.flatMap(({ op, name, flags, lock }, digit) => {
    const opcode = (low: number) => (digit * 8 + low).toString(16).toUpperCase().padStart(2, "0");
    const toMemory = lock ? [...flags, lockable] : flags;
    // biome-ignore format: a table
    return [
      insn(op, `${name} r/m8, r8`,     `${opcode(0)} /r`,    ...toMemory),
      insn(op, `${name} r/m32, r32`,   `${opcode(1)} /r`,    ...toMemory),
      insn(op, `${name} r8, r/m8`,     `${opcode(2)} /r`,    ...flags),
      insn(op, `${name} r32, r/m32`,   `${opcode(3)} /r`,    ...flags),
      insn(op, `${name} AL, imm8`,     `${opcode(4)} ib`,    ...flags),
      insn(op, `${name} EAX, imm32`,   `${opcode(5)} id`,    ...flags),
      insn(op, `${name} r/m8, imm8`,   `80 /${digit} ib`,    ...toMemory),
      insn(op, `${name} r/m32, imm32`, `81 /${digit} id`,    ...toMemory),
      insn(op, `${name} r/m8, imm8`,   `82 /${digit} ib`,    ...toMemory, undocumented),
      insn(op, `${name} r/m32, imm8`,  `83 /${digit} ib`,    ...toMemory),
    ];
  });
}

// biome-ignore format: a table
const ARITHMETIC: readonly Row[] = [
  ...group1(),
  insn(Op.TEST,      "TEST r/m8, r8",           "84 /r",       ...LOGIC),
  insn(Op.TEST,      "TEST r/m32, r32",         "85 /r",       ...LOGIC),
  insn(Op.TEST,      "TEST AL, imm8",           "A8 ib",       ...LOGIC),
  insn(Op.TEST,      "TEST EAX, imm32",         "A9 id",       ...LOGIC),
  insn(Op.TEST,      "TEST r/m8, imm8",         "F6 /0 ib",    ...LOGIC),
  insn(Op.TEST,      "TEST r/m32, imm32",       "F7 /0 id",    ...LOGIC),
  insn(Op.TEST,      "TEST r/m8, imm8",         "F6 /1 ib",    ...LOGIC, undocumented),
  insn(Op.TEST,      "TEST r/m32, imm32",       "F7 /1 id",    ...LOGIC, undocumented),

  insn(Op.INC,       "INC r32",                 "40+rd",       writes("OSZAP")),
  insn(Op.INC,       "INC r/m8",                "FE /0",       writes("OSZAP"), lockable),
  insn(Op.INC,       "INC r/m32",               "FF /0",       writes("OSZAP"), lockable),
  insn(Op.DEC,       "DEC r32",                 "48+rd",       writes("OSZAP")),
  insn(Op.DEC,       "DEC r/m8",                "FE /1",       writes("OSZAP"), lockable),
  insn(Op.DEC,       "DEC r/m32",               "FF /1",       writes("OSZAP"), lockable),
  insn(Op.NOT,       "NOT r/m8",                "F6 /2",       lockable),
  insn(Op.NOT,       "NOT r/m32",               "F7 /2",       lockable),
  insn(Op.NEG,       "NEG r/m8",                "F6 /3",       writes("OSZAPC"), lockable),
  insn(Op.NEG,       "NEG r/m32",               "F7 /3",       writes("OSZAPC"), lockable),

  insn(Op.MUL,       "MUL r/m8",                "F6 /4",       writes("OC"), undefines("SZAP")),
  insn(Op.MUL,       "MUL r/m32",               "F7 /4",       writes("OC"), undefines("SZAP")),
  insn(Op.IMUL_WIDE, "IMUL r/m8",               "F6 /5",       writes("OC"), undefines("SZAP")),
  insn(Op.IMUL_WIDE, "IMUL r/m32",              "F7 /5",       writes("OC"), undefines("SZAP")),
  insn(Op.IMUL,      "IMUL r32, r/m32",         "0F AF /r",    writes("OC"), undefines("SZAP")),
  insn(Op.IMUL,      "IMUL r32, r/m32, imm32",  "69 /r id",    writes("OC"), undefines("SZAP")),
  insn(Op.IMUL,      "IMUL r32, r/m32, imm8",   "6B /r ib",    writes("OC"), undefines("SZAP")),
  insn(Op.DIV,       "DIV r/m8",                "F6 /6",       undefines("OSZAPC")),
  insn(Op.DIV,       "DIV r/m32",               "F7 /6",       undefines("OSZAPC")),
  insn(Op.IDIV,      "IDIV r/m8",               "F6 /7",       undefines("OSZAPC")),
  insn(Op.IDIV,      "IDIV r/m32",              "F7 /7",       undefines("OSZAPC")),

  insn(Op.DAA,       "DAA",                     "27",          reads("AC"), writes("SZAPC"), undefines("O")),
  insn(Op.DAS,       "DAS",                     "2F",          reads("AC"), writes("SZAPC"), undefines("O")),
  insn(Op.AAA,       "AAA",                     "37",          reads("A"), writes("AC"), undefines("OSZP")),
  insn(Op.AAS,       "AAS",                     "3F",          reads("A"), writes("AC"), undefines("OSZP")),
  insn(Op.AAM,       "AAM imm8",                "D4 ib",       writes("SZP"), undefines("OAC")),
  insn(Op.AAD,       "AAD imm8",                "D5 ib",       writes("SZP"), undefines("OAC")),
];

/** Integer arithmetic and logic. */
export const ARITHMETIC_FAMILIES: readonly Family[] = [{ title: "Arithmetic and logic", rows: ARITHMETIC }];
