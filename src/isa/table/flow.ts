/**
 * Rows: control transfers, near and far, and software interrupts. All end their block, BOUND excepted: it only faults.
 * SDM 1 7.3.8, SDM 3A 5.8 and 6.12.
 */
import { ExitReason } from "../../../assembly/abi/exit.js";
import { Op } from "../../../assembly/abi/op.js";
import {
  conditionRows,
  ends,
  exits,
  insn,
  iopl86,
  o32,
  privileged,
  reads,
  sensitive,
  twin,
  undocumented,
  writes,
} from "../dsl.js";
import type { Family, Row } from "../row.js";

const CHECKS_SELECTOR = sensitive("mode", "compares CPL and RPL with the DPL of the target");
const ENTERS_GATE = sensitive("control", "changes CPL through a call gate or the task through a TSS");
const CHANGES_TASK = sensitive("control", "changes the task through a TSS");
const CHECKS_GATE = sensitive("mode", "compares CPL with the DPL of the gate");
const SWITCHES_TASK = exits(ExitReason.TASK_SWITCH);
const PUSHES_CS = sensitive("location", "pushes the CS selector that is really loaded");
const CALL = [CHECKS_SELECTOR, ENTERS_GATE, PUSHES_CS, SWITCHES_TASK, ends];
const JUMP = [CHECKS_SELECTOR, CHANGES_TASK, SWITCHES_TASK, ends];
const RETURN = [
  sensitive("mode", "compares CPL with the RPL of the return address"),
  sensitive("control", "changes CPL to that of the return address"),
  ends,
];
const TRAP = exits(ExitReason.EXCEPTION_NMI, ExitReason.TASK_SWITCH);

// biome-ignore format: a table
const NEAR: readonly Row[] = [
  ...conditionRows(Op.JCC, "Jcc rel8",  "70+cc cb",    o32, ends),
  ...conditionRows(Op.JCC, "Jcc rel32", "0F 80+cc cd", ends),
  insn(Op.JCXZ,              "JECXZ rel8",       "E3 cb",    o32, ends),
  insn(Op.LOOP,              "LOOP rel8",        "E2 cb",    o32, ends),
  insn(Op.LOOPE,             "LOOPE rel8",       "E1 cb",    o32, reads("Z"), ends),
  insn(Op.LOOPNE,            "LOOPNE rel8",      "E0 cb",    o32, reads("Z"), ends),
  insn(Op.JMP,               "JMP rel8",         "EB cb",    o32, ends),
  insn(Op.JMP,               "JMP rel32",        "E9 cd",    ends),
  insn(Op.JMP_INDIRECT,      "JMP r/m32",        "FF /4",    ends),
  insn(Op.CALL,              "CALL rel32",       "E8 cd",    ends),
  insn(Op.CALL_INDIRECT,     "CALL r/m32",       "FF /2",    ends),
  insn(Op.RET,               "RET",              "C3",       o32, ends),
  insn(Op.RET,               "RET imm16",        "C2 iw",    o32, ends),
  insn(Op.BOUND,             "BOUND r32, m32&32", "62 /r",   exits(ExitReason.EXCEPTION_NMI)),
];

// biome-ignore format: a table
const FAR_TRANSFERS: readonly Row[] = [
  insn(Op.JMP_FAR,           "JMP ptr16:32",     "EA cp",    ...JUMP),
  insn(Op.JMP_FAR_INDIRECT,  "JMP m16:32",       "FF /5",    ...JUMP),
  insn(Op.CALL_FAR,          "CALL ptr16:32",    "9A cp",    ...CALL),
  insn(Op.CALL_FAR_INDIRECT, "CALL m16:32",      "FF /3",    ...CALL),
  insn(Op.RET_FAR,           "RETF",             "CB",       o32, ...RETURN),
  insn(Op.RET_FAR,           "RETF imm16",       "CA iw",    o32, ...RETURN),
  insn(Op.INT,               "INT imm8",         "CD ib",    writes("I"), iopl86, CHECKS_GATE, sensitive("control", "enters the gate's privilege level"), SWITCHES_TASK, ends),
  insn(Op.INT3,              "INT3",             "CC",       writes("I"), CHECKS_GATE, sensitive("control", "enters the gate's privilege level"), TRAP, ends),
  insn(Op.INT1,              "INT1",             "F1",       writes("I"), sensitive("control", "enters the gate's privilege level"), TRAP, ends, undocumented),
  insn(Op.INTO,              "INTO",             "CE",       reads("O"), writes("I"), CHECKS_GATE, sensitive("control", "enters the gate's privilege level"), TRAP, ends),
  insn(Op.IRET,              "IRETD",            "CF",       twin("IRET"), writes("OSZAPCDI"), iopl86, sensitive("control", "changes CPL, IF, IOPL, NT and VM"),
    sensitive("mode", "IF, IOPL and VM are kept without a fault outside the privilege that may change them; compares CPL with the RPL of CS"), SWITCHES_TASK, ends),
  insn(Op.SYSENTER,          "SYSENTER",         "0F 34",    writes("I"), sensitive("control", "enters CPL 0"), ends),
  insn(Op.SYSEXIT,           "SYSEXIT",          "0F 35",    privileged, sensitive("control", "enters CPL 3"), ends),
];

/** Control transfers. */
export const FLOW_FAMILIES: readonly Family[] = [
  { title: "Near control transfers", rows: NEAR },
  { title: "Far control transfers and software interrupts", rows: FAR_TRANSFERS },
];
