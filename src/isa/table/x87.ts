/**
 * Rows: the x87 floating-point unit of a P6. SDM 1 8.3, SDM 2A "F2XM1" to "FYL2XP1"; the aliases from SDM 2C appendix A's reserved
 * places, which all processors execute. An instruction whose SDM encoding begins with 9B is a WAIT and its FN form.
 */
import { Op } from "../../../assembly/abi/op.js";
import { type Attribute, insn, reads, sensitive, undocumented, writes } from "../dsl.js";
import type { Family, Row } from "../row.js";

/** The arithmetic operations in ModRM.reg order of D8; none where the digit is a comparison. */
const ARITHMETIC: readonly { name: string; op: Op; pop: Op; integer: Op }[] = [
  { name: "ADD", op: Op.FADD, pop: Op.FADDP, integer: Op.FIADD },
  { name: "MUL", op: Op.FMUL, pop: Op.FMULP, integer: Op.FIMUL },
  { name: "SUB", op: Op.FSUB, pop: Op.FSUBP, integer: Op.FISUB },
  { name: "SUBR", op: Op.FSUBR, pop: Op.FSUBRP, integer: Op.FISUBR },
  { name: "DIV", op: Op.FDIV, pop: Op.FDIVP, integer: Op.FIDIV },
  { name: "DIVR", op: Op.FDIVR, pop: Op.FDIVRP, integer: Op.FIDIVR },
];
const DIGITS = [0, 1, 4, 5, 6, 7];

/** Two digits of a ModRM byte that names registers. */
function registerByte(digit: number): string {
  return (0xc0 + digit * 8).toString(16).toUpperCase();
}

function arithmetic(): Row[] {
  return ARITHMETIC.flatMap(({ name, op, pop, integer }, index) => {
    const digit = DIGITS[index]!;
    // With ST(i) as the destination, the two directions of subtraction and division change places.
    const turned = registerByte(digit > 1 ? digit ^ 1 : digit);
    return [
      insn(op, `F${name} m32fp`, `D8 /${digit}`),
      insn(op, `F${name} m64fp`, `DC /${digit}`),
      insn(op, `F${name} ST(0), ST(i)`, `D8 ${registerByte(digit)}+i`),
      insn(op, `F${name} ST(i), ST(0)`, `DC ${turned}+i`),
      insn(pop, `F${name}P ST(i), ST(0)`, `DE ${turned}+i`),
      insn(integer, `FI${name} m32int`, `DA /${digit}`),
      insn(integer, `FI${name} m16int`, `DE /${digit}`),
    ];
  });
}

const EFLAGS_COMPARISON: Attribute = writes("OSZAPC");

// biome-ignore format: a table
const COMPARISON: readonly Row[] = [
  insn(Op.FCOM,     "FCOM m32fp",         "D8 /2"),
  insn(Op.FCOM,     "FCOM m64fp",         "DC /2"),
  insn(Op.FCOM,     "FCOM ST(i)",         "D8 D0+i"),
  insn(Op.FCOM,     "FCOM ST(i)",         "DC D0+i", undocumented),
  insn(Op.FCOMP,    "FCOMP m32fp",        "D8 /3"),
  insn(Op.FCOMP,    "FCOMP m64fp",        "DC /3"),
  insn(Op.FCOMP,    "FCOMP ST(i)",        "D8 D8+i"),
  insn(Op.FCOMP,    "FCOMP ST(i)",        "DC D8+i", undocumented),
  insn(Op.FCOMP,    "FCOMP ST(i)",        "DE D0+i", undocumented),
  insn(Op.FCOMPP,   "FCOMPP",             "DE D9"),
  insn(Op.FICOM,    "FICOM m32int",       "DA /2"),
  insn(Op.FICOM,    "FICOM m16int",       "DE /2"),
  insn(Op.FICOMP,   "FICOMP m32int",      "DA /3"),
  insn(Op.FICOMP,   "FICOMP m16int",      "DE /3"),
  insn(Op.FUCOM,    "FUCOM ST(i)",        "DD E0+i"),
  insn(Op.FUCOMP,   "FUCOMP ST(i)",       "DD E8+i"),
  insn(Op.FUCOMPP,  "FUCOMPP",            "DA E9"),
  insn(Op.FCOMI,    "FCOMI ST, ST(i)",    "DB F0+i", EFLAGS_COMPARISON),
  insn(Op.FCOMIP,   "FCOMIP ST, ST(i)",   "DF F0+i", EFLAGS_COMPARISON),
  insn(Op.FUCOMI,   "FUCOMI ST, ST(i)",   "DB E8+i", EFLAGS_COMPARISON),
  insn(Op.FUCOMIP,  "FUCOMIP ST, ST(i)",  "DF E8+i", EFLAGS_COMPARISON),
  insn(Op.FTST,     "FTST",               "D9 E4"),
  insn(Op.FXAM,     "FXAM",               "D9 E5"),
];

// biome-ignore format: a table
const MOVES: readonly Row[] = [
  insn(Op.FLD,      "FLD m32fp",          "D9 /0"),
  insn(Op.FLD,      "FLD m64fp",          "DD /0"),
  insn(Op.FLD,      "FLD m80fp",          "DB /5"),
  insn(Op.FLD,      "FLD ST(i)",          "D9 C0+i"),
  insn(Op.FST,      "FST m32fp",          "D9 /2"),
  insn(Op.FST,      "FST m64fp",          "DD /2"),
  insn(Op.FST,      "FST ST(i)",          "DD D0+i"),
  insn(Op.FSTP,     "FSTP m32fp",         "D9 /3"),
  insn(Op.FSTP,     "FSTP m64fp",         "DD /3"),
  insn(Op.FSTP,     "FSTP m80fp",         "DB /7"),
  insn(Op.FSTP,     "FSTP ST(i)",         "DD D8+i"),
  insn(Op.FSTP,     "FSTP ST(i)",         "DF D0+i", undocumented),
  insn(Op.FSTP,     "FSTP ST(i)",         "DF D8+i", undocumented),
  insn(Op.FSTPNCE,  "FSTPNCE ST(i)",      "D9 D8+i", undocumented),
  insn(Op.FILD,     "FILD m16int",        "DF /0"),
  insn(Op.FILD,     "FILD m32int",        "DB /0"),
  insn(Op.FILD,     "FILD m64int",        "DF /5"),
  insn(Op.FIST,     "FIST m16int",        "DF /2"),
  insn(Op.FIST,     "FIST m32int",        "DB /2"),
  insn(Op.FISTP,    "FISTP m16int",       "DF /3"),
  insn(Op.FISTP,    "FISTP m32int",       "DB /3"),
  insn(Op.FISTP,    "FISTP m64int",       "DF /7"),
  insn(Op.FBLD,     "FBLD m80bcd",        "DF /4"),
  insn(Op.FBSTP,    "FBSTP m80bcd",       "DF /6"),
  insn(Op.FXCH,     "FXCH ST(i)",         "D9 C8+i"),
  insn(Op.FXCH,     "FXCH ST(i)",         "DD C8+i", undocumented),
  insn(Op.FXCH,     "FXCH ST(i)",         "DF C8+i", undocumented),
  insn(Op.FCMOVCC,  "FCMOVB ST(0), ST(i)",   "DA C0+i", reads("C")),
  insn(Op.FCMOVCC,  "FCMOVE ST(0), ST(i)",   "DA C8+i", reads("Z")),
  insn(Op.FCMOVCC,  "FCMOVBE ST(0), ST(i)",  "DA D0+i", reads("ZC")),
  insn(Op.FCMOVCC,  "FCMOVU ST(0), ST(i)",   "DA D8+i", reads("P")),
  insn(Op.FCMOVCC,  "FCMOVNB ST(0), ST(i)",  "DB C0+i", reads("C")),
  insn(Op.FCMOVCC,  "FCMOVNE ST(0), ST(i)",  "DB C8+i", reads("Z")),
  insn(Op.FCMOVCC,  "FCMOVNBE ST(0), ST(i)", "DB D0+i", reads("ZC")),
  insn(Op.FCMOVCC,  "FCMOVNU ST(0), ST(i)",  "DB D8+i", reads("P")),
];

// biome-ignore format: a table
const FUNCTIONS: readonly Row[] = [
  insn(Op.FCHS,     "FCHS",               "D9 E0"),
  insn(Op.FABS,     "FABS",               "D9 E1"),
  insn(Op.FSQRT,    "FSQRT",              "D9 FA"),
  insn(Op.FRNDINT,  "FRNDINT",            "D9 FC"),
  insn(Op.FSCALE,   "FSCALE",             "D9 FD"),
  insn(Op.FXTRACT,  "FXTRACT",            "D9 F4"),
  insn(Op.FPREM,    "FPREM",              "D9 F8"),
  insn(Op.FPREM1,   "FPREM1",             "D9 F5"),
  insn(Op.FLD1,     "FLD1",               "D9 E8"),
  insn(Op.FLDL2T,   "FLDL2T",             "D9 E9"),
  insn(Op.FLDL2E,   "FLDL2E",             "D9 EA"),
  insn(Op.FLDPI,    "FLDPI",              "D9 EB"),
  insn(Op.FLDLG2,   "FLDLG2",             "D9 EC"),
  insn(Op.FLDLN2,   "FLDLN2",             "D9 ED"),
  insn(Op.FLDZ,     "FLDZ",               "D9 EE"),
  insn(Op.F2XM1,    "F2XM1",              "D9 F0"),
  insn(Op.FYL2X,    "FYL2X",              "D9 F1"),
  insn(Op.FYL2XP1,  "FYL2XP1",            "D9 F9"),
  insn(Op.FPTAN,    "FPTAN",              "D9 F2"),
  insn(Op.FPATAN,   "FPATAN",             "D9 F3"),
  insn(Op.FSIN,     "FSIN",               "D9 FE"),
  insn(Op.FCOS,     "FCOS",               "D9 FF"),
  insn(Op.FSINCOS,  "FSINCOS",            "D9 FB"),
];

/** Bytes that hold the selectors of the last x87 instruction and its operand (SDM 1 8.1.8). */
const STORES_SELECTORS: Attribute[] = [
  sensitive("location", "stores the CS and DS selectors that were really loaded"),
  sensitive("mode", "the RPL of the stored CS is the CPL the last x87 instruction ran at"),
];

// biome-ignore format: a table
const CONTROL: readonly Row[] = [
  insn(Op.FNOP,     "FNOP",               "D9 D0"),
  insn(Op.FNOP,     "FNENI",              "DB E0"),
  insn(Op.FNOP,     "FNDISI",             "DB E1"),
  insn(Op.FNOP,     "FNSETPM",            "DB E4"),
  insn(Op.FINCSTP,  "FINCSTP",            "D9 F7"),
  insn(Op.FDECSTP,  "FDECSTP",            "D9 F6"),
  insn(Op.FFREE,    "FFREE ST(i)",        "DD C0+i"),
  insn(Op.FFREEP,   "FFREEP ST(i)",       "DF C0+i", undocumented),
  insn(Op.FNINIT,   "FNINIT",             "DB E3"),
  insn(Op.FNCLEX,   "FNCLEX",             "DB E2"),
  insn(Op.FLDCW,    "FLDCW m2byte",       "D9 /5"),
  insn(Op.FNSTCW,   "FNSTCW m2byte",      "D9 /7"),
  insn(Op.FNSTSW,   "FNSTSW m2byte",      "DD /7"),
  insn(Op.FNSTSW,   "FNSTSW AX",          "DF E0"),
  insn(Op.FLDENV,   "FLDENV m28byte",     "D9 /4"),
  insn(Op.FNSTENV,  "FNSTENV m28byte",    "D9 /6", ...STORES_SELECTORS),
  insn(Op.FRSTOR,   "FRSTOR m108byte",    "DD /4"),
  insn(Op.FNSAVE,   "FNSAVE m108byte",    "DD /6", ...STORES_SELECTORS),
  insn(Op.WAIT,     "WAIT",               "9B"),
];

/** The x87 instructions. */
export const X87_FAMILIES: readonly Family[] = [
  { title: "x87 arithmetic", rows: arithmetic() },
  { title: "x87 comparison", rows: COMPARISON },
  { title: "x87 moves", rows: MOVES },
  { title: "x87 functions and constants", rows: FUNCTIONS },
  { title: "x87 control", rows: CONTROL },
];
