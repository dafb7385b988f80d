/**
 * How the decoder finds an instruction's operands: the packed form of the SDM's "Opcode" and "Instruction" columns.
 * A decode-table entry is u8 Op, u8 Shape, u16 ShapeFlag bits; for the GROUP shapes the Op byte is the group's number.
 */
export enum Shape {
  NONE = 0, // no operands
  GROUP = 1, // ModRM.reg and memory/register choose an entry of a group
  RM = 2, // r/m                                  /digit
  RM_REG = 3, // r/m, r                           /r
  REG_RM = 4, // r, r/m                           /r
  RM_IMM = 5, // r/m, imm of operand size (8: imm8)
  RM_IMM8 = 6, // r/m, imm8 sign-extended
  REG_RM_IMM = 7, // r, r/m, imm of operand size
  REG_RM_IMM8 = 8, // r, r/m, imm8 sign-extended
  RM_REG_IMM8 = 9, // r/m, r, imm8 (SHLD, SHRD)
  RM_REG_CL = 10, // r/m, r, CL
  RM_ONE = 11, // r/m, 1
  RM_CL = 12, // r/m, CL
  ACC_IMM = 13, // AL/AX/EAX, imm: decoded as RM_IMM
  OPREG = 14, // register in the opcode's low three bits: decoded as RM
  OPREG_IMM = 15, // the same with an immediate of operand size: decoded as RM_IMM
  OPREG_ACC = 16, // XCHG eAX, r: decoded as RM_REG with the accumulator as r/m
  ACC_MOFFS = 17, // MOV AL/eAX, [offset]: decoded as REG_RM
  MOFFS_ACC = 18, // MOV [offset], AL/eAX: decoded as RM_REG
  REL8 = 19, // branch, 8-bit displacement
  REL = 20, // branch, displacement of operand size
  FAR = 21, // ptr16:16, ptr16:32
  IMM8 = 22, // imm8, zero-extended (INT, IN, OUT, AAM, AAD)
  IMM8S = 23, // imm8, sign-extended (PUSH)
  IMM = 24, // imm of operand size (PUSH)
  IMM16 = 25, // imm16 (RET)
  IMM16_IMM8 = 26, // ENTER
  OPSEG = 27, // segment register in opcode bits 3-5 (PUSH, POP)
  SEG_RM = 28, // Sreg in ModRM.reg: REG holds its number; form REG_RM (MOV Sreg, r/m16)
  RM_SEG = 29, // form RM_REG (MOV r/m, Sreg)
  RM_CR = 30, // MOV between r32 and control or debug register: ModRM.mod is ignored, REG holds its number, RM the register
  RM_GROUP = 31, // inside a group: ModRM.rm chooses an entry of a second group
  ST = 32, // ST(i): form RM, RM holds i
  ST0_STI = 33, // ST(0), ST(i): form REG_RM, RM holds i
  STI_ST0 = 34, // ST(i), ST(0): form RM_REG, RM holds i
  PREFIX_GROUP = 35, // anywhere, group or not: the mandatory prefix chooses an entry, by PrefixPlace
}

/** Places of a group by mandatory prefix (SDM 2A 3.1.1.1 "NP", 2.1.2): F2 and F3 come before 66. */
export enum PrefixPlace {
  NONE = 0,
  OPERAND_SIZE = 1, // 66
  REP = 2, // F3
  REPNE = 3, // F2
}

/** Entries of a group by mandatory prefix. */
export const PREFIX_PLACES: i32 = 4;

/** Further facts of an entry. */
export enum ShapeFlag {
  BYTE = 1, // operand size is one byte
  WORD = 2, // operand size is two bytes whatever the prefixes
  DWORD = 4, // operand size is four bytes whatever the prefixes
  LOCKABLE = 8, // LOCK is allowed when the destination is memory
  MEMORY_ONLY = 16, // #UD with a register operand
  REGISTER_ONLY = 32, // #UD with a memory operand
  ENDS = 64, // last instruction of its block
  CONDITION = 128, // condition code in the opcode's low four bits
  STRING = 256, // implicit string operands; takes REP
  PROTECTED = 512, // #UD in real and virtual-8086 mode
  QWORD = 1024, // memory operand of eight bytes
  TBYTE = 2048, // memory operand of ten bytes
}
