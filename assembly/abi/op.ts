/**
 * Architectural operations: one member per row family of the instruction table (src/isa/), one generic function in
 * assembly/cpu/exec/ each.
 */
export enum Op {
  INVALID = 0, // undefined opcode: #UD
  // The eight of group 1, in ModRM.reg order
  ADD = 1,
  OR = 2,
  ADC = 3,
  SBB = 4,
  AND = 5,
  SUB = 6,
  XOR = 7,
  CMP = 8,
  TEST = 9,
  INC = 10,
  DEC = 11,
  NEG = 12,
  NOT = 13,
  // Rotates and shifts, in ModRM.reg order of group 2
  ROL = 14,
  ROR = 15,
  RCL = 16,
  RCR = 17,
  SHL = 18,
  SHR = 19,
  SAR = 20,
  SHLD = 21,
  SHRD = 22,
  // Multiplication, division, decimal
  MUL = 23,
  IMUL_WIDE = 24, // one operand: EDX:EAX = EAX * r/m
  IMUL = 25, // two or three operands
  DIV = 26,
  IDIV = 27,
  DAA = 28,
  DAS = 29,
  AAA = 30,
  AAS = 31,
  AAM = 32,
  AAD = 33,
  // Bits
  BT = 34,
  BTS = 35,
  BTR = 36,
  BTC = 37,
  BSF = 38,
  BSR = 39,
  BSWAP = 40,
  // Moves
  MOV = 41,
  MOVZX8 = 42, // source of one byte
  MOVZX16 = 43, // source of two bytes
  MOVSX8 = 44,
  MOVSX16 = 45,
  XCHG = 46,
  CMPXCHG = 47,
  XADD = 48,
  CMPXCHG8B = 49,
  CMOVCC = 50,
  SETCC = 51,
  LEA = 52,
  XLAT = 53,
  CBW = 54, // CBW, CWDE
  CWD = 55, // CWD, CDQ
  LAHF = 56,
  SAHF = 57,
  SALC = 58, // undocumented: AL = CF ? FF : 0
  // Flag bits
  CLC = 59,
  STC = 60,
  CMC = 61,
  CLD = 62,
  STD = 63,
  CLI = 64,
  STI = 65,
  // Stack
  PUSH = 66,
  POP = 67,
  PUSHA = 68,
  POPA = 69,
  PUSHF = 70,
  POPF = 71,
  PUSH_SEG = 72,
  POP_SEG = 73,
  ENTER = 74,
  LEAVE = 75,
  // Near control flow
  JMP = 76, // relative
  JCC = 77,
  JCXZ = 78,
  LOOP = 79,
  LOOPE = 80,
  LOOPNE = 81,
  CALL = 82, // relative
  RET = 83, // near, with or without an immediate
  JMP_INDIRECT = 84,
  CALL_INDIRECT = 85,
  BOUND = 86,
  // Far control flow
  JMP_FAR = 87, // pointer in the instruction
  CALL_FAR = 88,
  JMP_FAR_INDIRECT = 89, // pointer in memory
  CALL_FAR_INDIRECT = 90,
  RET_FAR = 91,
  INT = 92,
  INT3 = 93,
  INT1 = 94, // F1
  INTO = 95,
  IRET = 96,
  SYSENTER = 97,
  SYSEXIT = 98,
  // Strings
  MOVS = 99,
  CMPS = 100,
  STOS = 101,
  LODS = 102,
  SCAS = 103,
  INS = 104,
  OUTS = 105,
  // Ports
  IN = 106,
  OUT = 107,
  // Segments
  MOV_FROM_SEG = 108,
  MOV_TO_SEG = 109,
  LES = 110,
  LDS = 111,
  LSS = 112,
  LFS = 113,
  LGS = 114,
  LAR = 115,
  LSL = 116,
  VERR = 117,
  VERW = 118,
  ARPL = 119,
  SLDT = 120,
  STR = 121,
  LLDT = 122,
  LTR = 123,
  SGDT = 124,
  SIDT = 125,
  LGDT = 126,
  LIDT = 127,
  // System
  SMSW = 128,
  LMSW = 129,
  CLTS = 130,
  MOV_FROM_CR = 131,
  MOV_TO_CR = 132,
  MOV_FROM_DR = 133,
  MOV_TO_DR = 134,
  INVLPG = 135,
  INVD = 136,
  WBINVD = 137,
  HLT = 138,
  CPUID = 139,
  RDTSC = 140,
  RDPMC = 141,
  RDMSR = 142,
  WRMSR = 143,
  // The rest
  NOP = 144, // NOP, PAUSE and the reserved NOPs 0F 18..1F
  WAIT = 145,
  UD = 146, // UD1, UD2: defined to raise #UD
  // x87: arithmetic, in ModRM.reg order of D8
  FADD = 147,
  FMUL = 148,
  FCOM = 149,
  FCOMP = 150,
  FSUB = 151,
  FSUBR = 152,
  FDIV = 153,
  FDIVR = 154,
  // and pop
  FADDP = 155,
  FMULP = 156,
  FCOMPP = 157,
  FSUBRP = 158,
  FSUBP = 159,
  FDIVRP = 160,
  FDIVP = 161,
  // with an integer
  FIADD = 162,
  FIMUL = 163,
  FICOM = 164,
  FICOMP = 165,
  FISUB = 166,
  FISUBR = 167,
  FIDIV = 168,
  FIDIVR = 169,
  // Comparison and examination
  FUCOM = 170,
  FUCOMP = 171,
  FUCOMPP = 172,
  FCOMI = 173,
  FCOMIP = 174,
  FUCOMI = 175,
  FUCOMIP = 176,
  FTST = 177,
  FXAM = 178,
  // Moves
  FLD = 179,
  FST = 180,
  FSTP = 181,
  FSTPNCE = 182, // D9 D8+i: FSTP that raises no stack fault
  FILD = 183,
  FIST = 184,
  FISTP = 185,
  FBLD = 186,
  FBSTP = 187,
  FXCH = 188,
  FCMOVCC = 189, // condition by the opcode
  // Other arithmetic
  FCHS = 190,
  FABS = 191,
  FSQRT = 192,
  FRNDINT = 193,
  FSCALE = 194,
  FXTRACT = 195,
  FPREM = 196,
  FPREM1 = 197,
  // Constants
  FLD1 = 198,
  FLDL2T = 199,
  FLDL2E = 200,
  FLDPI = 201,
  FLDLG2 = 202,
  FLDLN2 = 203,
  FLDZ = 204,
  // Transcendental functions
  F2XM1 = 205,
  FYL2X = 206,
  FYL2XP1 = 207,
  FPTAN = 208,
  FPATAN = 209,
  FSIN = 210,
  FCOS = 211,
  FSINCOS = 212,
  // The register stack
  FNOP = 213, // also FNENI, FNDISI and FNSETPM of the 8087 and the 287
  FINCSTP = 214,
  FDECSTP = 215,
  FFREE = 216,
  FFREEP = 217, // FFREE and pop
  // Control
  FNINIT = 218,
  FNCLEX = 219,
  FLDCW = 220,
  FNSTCW = 221,
  FNSTSW = 222,
  FLDENV = 223,
  FNSTENV = 224,
  FRSTOR = 225,
  FNSAVE = 226,
  // VMX
  VMCALL = 227,
  VMLAUNCH = 228,
  VMRESUME = 229,
  VMXOFF = 230,
  VMPTRLD = 231,
  VMPTRST = 232,
  VMCLEAR = 233,
  VMXON = 234,
  VMREAD = 235,
  VMWRITE = 236,
  INVEPT = 237,
  INVVPID = 238,
}

/** One more than the largest Op. */
export const OP_COUNT: i32 = 239;
