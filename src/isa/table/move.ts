/**
 * Rows: data movement between registers, memory and the stack, conversions, flag bits and no-operations.
 * SDM 1 7.3.1, 7.3.12 to 7.3.14.
 */
import { ExitReason } from "../../../assembly/abi/exit.js";
import { Op } from "../../../assembly/abi/op.js";
import {
  byteSized,
  conditionRows,
  ends,
  exits,
  insn,
  iopl86,
  lockable,
  o32,
  privilegedIf,
  reads,
  sensitive,
  twin,
  undocumented,
  writes,
} from "../dsl.js";
import type { Family, Row } from "../row.js";

const FLAGS_SHOWN = sensitive("location", "stores the real IF, IOPL and NT");
const FLAGS_TAKEN = sensitive("control", "changes IF, IOPL and NT");
const FLAGS_KEPT = sensitive("mode", "IF is kept without a fault if CPL > IOPL, IOPL if CPL > 0");

const VIF_STANDS_IN = sensitive("mode", "with CR4.PVI it acts on VIF instead of IF at CPL 3");

// biome-ignore format: a table
const MOVES: readonly Row[] = [
  insn(Op.MOV,     "MOV r/m8, r8",          "88 /r"),
  insn(Op.MOV,     "MOV r/m32, r32",        "89 /r"),
  insn(Op.MOV,     "MOV r8, r/m8",          "8A /r"),
  insn(Op.MOV,     "MOV r32, r/m32",        "8B /r"),
  insn(Op.MOV,     "MOV AL, moffs8",        "A0"),
  insn(Op.MOV,     "MOV EAX, moffs32",      "A1"),
  insn(Op.MOV,     "MOV moffs8, AL",        "A2"),
  insn(Op.MOV,     "MOV moffs32, EAX",      "A3"),
  insn(Op.MOV,     "MOV r8, imm8",          "B0+rb ib"),
  insn(Op.MOV,     "MOV r32, imm32",        "B8+rd id"),
  insn(Op.MOV,     "MOV r/m8, imm8",        "C6 /0 ib"),
  insn(Op.MOV,     "MOV r/m32, imm32",      "C7 /0 id"),
  insn(Op.MOVZX8,  "MOVZX r32, r/m8",       "0F B6 /r"),
  insn(Op.MOVZX16, "MOVZX r32, r/m16",      "0F B7 /r"),
  insn(Op.MOVSX8,  "MOVSX r32, r/m8",       "0F BE /r"),
  insn(Op.MOVSX16, "MOVSX r32, r/m16",      "0F BF /r"),
  ...conditionRows(Op.CMOVCC, "CMOVcc r32, r/m32", "0F 40+cc /r"),
  ...conditionRows(Op.SETCC,  "SETcc r/m8",        "0F 90+cc /r"),

  insn(Op.XCHG,    "XCHG r/m8, r8",         "86 /r",       lockable),
  insn(Op.XCHG,    "XCHG r/m32, r32",       "87 /r",       lockable),
  insn(Op.XCHG,    "XCHG r32, EAX",         "90+rd"),
  insn(Op.CMPXCHG, "CMPXCHG r/m8, r8",      "0F B0 /r",    writes("OSZAPC"), lockable),
  insn(Op.CMPXCHG, "CMPXCHG r/m32, r32",    "0F B1 /r",    writes("OSZAPC"), lockable),
  insn(Op.XADD,    "XADD r/m8, r8",         "0F C0 /r",    writes("OSZAPC"), lockable),
  insn(Op.XADD,    "XADD r/m32, r32",       "0F C1 /r",    writes("OSZAPC"), lockable),
  insn(Op.CMPXCHG8B, "CMPXCHG8B m64",       "0F C7 /1",    writes("Z"), lockable),
  insn(Op.BSWAP,   "BSWAP r32",             "0F C8+rd"),
  insn(Op.LEA,     "LEA r32, m",            "8D /r"),
  insn(Op.XLAT,    "XLATB",                 "D7",          byteSized),
  insn(Op.CBW,     "CWDE",                  "98",          twin("CBW")),
  insn(Op.CWD,     "CDQ",                   "99",          twin("CWD")),
];

// biome-ignore format: a table
const STACK: readonly Row[] = [
  insn(Op.PUSH,    "PUSH r32",              "50+rd"),
  insn(Op.PUSH,    "PUSH imm32",            "68 id"),
  insn(Op.PUSH,    "PUSH imm8",             "6A ib",       o32),
  insn(Op.PUSH,    "PUSH r/m32",            "FF /6"),
  insn(Op.POP,     "POP r32",               "58+rd"),
  insn(Op.POP,     "POP r/m32",             "8F /0"),
  insn(Op.PUSHA,   "PUSHAD",                "60",          twin("PUSHA")),
  insn(Op.POPA,    "POPAD",                 "61",          twin("POPA")),
  insn(Op.ENTER,   "ENTER imm16, imm8",     "C8 iw ib",    o32),
  insn(Op.LEAVE,   "LEAVE",                 "C9",          o32),
  insn(Op.PUSHF,   "PUSHFD",                "9C",          twin("PUSHF"), reads("OSZAPCDI"), iopl86, FLAGS_SHOWN),
  insn(Op.POPF,    "POPFD",                 "9D",          twin("POPF"), writes("OSZAPCDI"), iopl86, FLAGS_TAKEN, FLAGS_KEPT, ends),
];

// biome-ignore format: a table
const FLAG_BITS: readonly Row[] = [
  insn(Op.LAHF,    "LAHF",                  "9F",          reads("SZAPC")),
  insn(Op.SAHF,    "SAHF",                  "9E",          writes("SZAPC")),
  insn(Op.SALC,    "SALC",                  "D6",          reads("C"), undocumented),
  insn(Op.CLC,     "CLC",                   "F8",          writes("C")),
  insn(Op.STC,     "STC",                   "F9",          writes("C")),
  insn(Op.CMC,     "CMC",                   "F5",          reads("C"), writes("C")),
  insn(Op.CLD,     "CLD",                   "FC",          writes("D")),
  insn(Op.STD,     "STD",                   "FD",          writes("D")),
  insn(Op.CLI,     "CLI",                   "FA",          writes("I"), iopl86, privilegedIf("iopl"), sensitive("control", "clears IF"), VIF_STANDS_IN, ends),
  insn(Op.STI,     "STI",                   "FB",          writes("I"), iopl86, privilegedIf("iopl"), sensitive("control", "sets IF"), VIF_STANDS_IN, ends),
];

// biome-ignore format: a table
const NO_OPERATIONS: readonly Row[] = [
  insn(Op.NOP,     "NOP",                   "90",          o32),
  insn(Op.NOP,     "PAUSE",                 "F3 90",       exits(ExitReason.PAUSE)),
  insn(Op.NOP,     "RESERVEDNOP r/m32, r32", "0F 18 /r",   undocumented),
  insn(Op.NOP,     "RESERVEDNOP r/m32, r32", "0F 19 /r",   undocumented),
  insn(Op.NOP,     "RESERVEDNOP r/m32, r32", "0F 1A /r",   undocumented),
  insn(Op.NOP,     "RESERVEDNOP r/m32, r32", "0F 1B /r",   undocumented),
  insn(Op.NOP,     "RESERVEDNOP r/m32, r32", "0F 1C /r",   undocumented),
  insn(Op.NOP,     "RESERVEDNOP r/m32, r32", "0F 1D /r",   undocumented),
  insn(Op.NOP,     "RESERVEDNOP r/m32, r32", "0F 1E /r",   undocumented),
  insn(Op.NOP,     "RESERVEDNOP r/m32, r32", "0F 1F /r",   undocumented),
  insn(Op.NOP,     "NOP r/m32",             "0F 1F /0"),
];

/** Data movement, stack, flag bits, no-operations. */
export const MOVE_FAMILIES: readonly Family[] = [
  { title: "Data movement and conversion", rows: MOVES },
  { title: "Stack", rows: STACK },
  { title: "Flag bits", rows: FLAG_BITS },
  { title: "No operation", rows: NO_OPERATIONS },
];
