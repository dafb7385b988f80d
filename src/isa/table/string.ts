/** Rows: string instructions and port input and output. SDM 1 7.3.9, SDM 1 chapter 19 for what may refuse a port. */
import { ExitReason } from "../../../assembly/abi/exit.js";
import { Op } from "../../../assembly/abi/op.js";
import { ends, exits, insn, privilegedIf, reads, sensitive, string, writes } from "../dsl.js";
import type { Family, Row } from "../row.js";

const PORT = [privilegedIf("io"), sensitive("control", "acts on a device"), exits(ExitReason.IO_INSTRUCTION), ends];
const COMPARES = writes("OSZAPC");

// biome-ignore format: a table
const STRINGS: readonly Row[] = [
  insn(Op.MOVS, "MOVSB",          "A4",     string, reads("D")),
  insn(Op.MOVS, "MOVSD",          "A5",     string, reads("D")),
  insn(Op.CMPS, "CMPSB",          "A6",     string, reads("D"), COMPARES),
  insn(Op.CMPS, "CMPSD",          "A7",     string, reads("D"), COMPARES),
  insn(Op.STOS, "STOSB",          "AA",     string, reads("D")),
  insn(Op.STOS, "STOSD",          "AB",     string, reads("D")),
  insn(Op.LODS, "LODSB",          "AC",     string, reads("D")),
  insn(Op.LODS, "LODSD",          "AD",     string, reads("D")),
  insn(Op.SCAS, "SCASB",          "AE",     string, reads("D"), COMPARES),
  insn(Op.SCAS, "SCASD",          "AF",     string, reads("D"), COMPARES),
  insn(Op.INS,  "INSB",           "6C",     string, reads("D"), ...PORT),
  insn(Op.INS,  "INSD",           "6D",     string, reads("D"), ...PORT),
  insn(Op.OUTS, "OUTSB",          "6E",     string, reads("D"), ...PORT),
  insn(Op.OUTS, "OUTSD",          "6F",     string, reads("D"), ...PORT),
];

// biome-ignore format: a table
const PORTS: readonly Row[] = [
  insn(Op.IN,   "IN AL, imm8",    "E4 ib",  ...PORT),
  insn(Op.IN,   "IN EAX, imm8",   "E5 ib",  ...PORT),
  insn(Op.IN,   "IN AL, DX",      "EC",     ...PORT),
  insn(Op.IN,   "IN EAX, DX",     "ED",     ...PORT),
  insn(Op.OUT,  "OUT imm8, AL",   "E6 ib",  ...PORT),
  insn(Op.OUT,  "OUT imm8, EAX",  "E7 ib",  ...PORT),
  insn(Op.OUT,  "OUT DX, AL",     "EE",     ...PORT),
  insn(Op.OUT,  "OUT DX, EAX",    "EF",     ...PORT),
];

/** Strings and ports. */
export const STRING_FAMILIES: readonly Family[] = [
  { title: "Strings", rows: STRINGS },
  { title: "Port input and output", rows: PORTS },
];
