/**
 * The instruction record: 32 bytes, written by the decoder, read by the interpreter, the tracer and later the translator.
 *
 *   0      2   3   4  5    6   7  8    9     10    11  12   16  20  24    26   28
 *   |handler|len|idx|op|size|reg|rm|base|index|scale|seg|disp|imm|eip|flags|imm2|link|
 *
 * `reg`, `rm`, `base`, `index` hold byte offsets into the CPU state, so operands need no table look-up.
 */
export enum Rec {
  HANDLER = 0, // u16, case of the interpreter's switch
  LENGTH = 2, // u8, bytes, 1..15
  INDEX = 3, // u8, instructions before this one in its block
  OP = 4, // u8, Op
  SIZE = 5, // u8, operand size in bytes: 1, 2 or 4; 8 and 10 for memory operands of x87
  REG = 6, // u8, offset in Cpu of the register operand (for segment, control and debug registers: its number)
  RM = 7, // u8, offset in Cpu of the r/m register, or RM_MEMORY; of an x87 register form: i of ST(i)
  BASE = 8, // u8, offset in Cpu of the base register; Cpu.ZERO if none
  INDEX_REG = 9, // u8, offset in Cpu of the index register; Cpu.ZERO if none
  SCALE = 10, // u8, shift count of the index
  SEG = 11, // u8, Seg of the memory operand, overrides applied
  DISP = 12, // i32, displacement; of a conditional branch: link of the fall-through path
  IMM = 16, // i32, immediate, sign-extended to SIZE; of a branch: target EIP; of x87: the 11 opcode bits
  EIP = 20, // u32, EIP of this instruction
  FLAGS = 24, // u16, RecFlag
  IMM2 = 26, // u16, second immediate: far selector, ENTER level
  LINK = 28, // u32, memory operand: mask of the effective address (FFFF or FFFFFFFF); direct branch: block of the taken path, 0 if not linked
  BYTES = 32,
}

/** Rec.RM of a memory operand. */
export const RM_MEMORY: i32 = 255;

/** Rec.FLAGS bits. */
export enum RecFlag {
  FORM = 15, // low four bits: Form
  ADDR16 = 16, // effective 16-bit addressing
  LOCK = 32, // F0
  REP = 64, // F3
  REPNE = 128, // F2
  ENDS = 256, // last instruction of its block
  CALL_OUT = 1024, // translated code: left to the monitor
  INLINE = 2048, // translated code: executed on the guest's own state, and counted
  OPSIZE16 = 512, // effective 16-bit operand size, also for byte operations
  CONDITION = 61440, // bits 12-15: condition code of Jcc, SETcc, CMOVcc
}

/** Position of the condition code in Rec.FLAGS. */
export const CONDITION_SHIFT: i32 = 12;

/** Where an instruction's operands are. The first named is the destination. */
export enum Form {
  NONE = 0, // no explicit operand
  RM = 1, // r/m
  RM_REG = 2, // r/m, register
  REG_RM = 3, // register, r/m
  RM_IMM = 4, // r/m, immediate
  REG_RM_IMM = 5, // register, r/m, immediate (IMUL)
  RM_REG_IMM = 6, // r/m, register, immediate (SHLD)
  IMM = 7, // immediate (PUSH, INT, RET, IN/OUT with port; relative branch: target in IMM)
  FAR = 8, // selector in IMM2, offset in IMM
  IMM_IMM = 9, // ENTER: size in IMM, level in IMM2
  RM_CL = 10, // r/m, CL
  RM_ONE = 11, // r/m, 1
  RM_REG_CL = 12, // r/m, register, CL
  REG = 13, // register field only (segment register of PUSH/POP)
}

/** Header in front of the records of a block. */
export enum Block {
  COUNT = 0, // u32, instructions; BLOCK_DEAD once the block has been dropped
  MA = 4, // u32, machine address of its first byte
  EIP = 8, // u32, EIP of its first instruction
  MODE = 12, // u32, Mode
  HASH_NEXT = 16, // u32 ptr, next block of the same hash
  PAGE_NEXT = 20, // u32 ptr, next block that starts in the same machine page
  BYTES = 24, // u32, length of its code in bytes
  END = 28, // u32 ptr, behind its last record
  HEAT = 32, // i32, counts down by COUNT at each entry; below zero: ask for a translation
  REGION = 36, // u32, slot of its translation in the table of regions, 0 if none
  HANDLER = 40, // u32, the first record's own handler while Handler.REGION stands in its place
  OWNER = 44, // u32 ptr, of a part of a region: the entry block of the region; 0: a block like any other
  FROM = 48, // u32 ptr, the block that first led here by a direct branch; 0 if none has
  RECORDS = 56, // the first record
}

/** Block.COUNT of a dropped block: larger than any budget, so entering it always takes the slow path. */
export const BLOCK_DEAD: i32 = 0x7fffffff;
/** Length of a block that may take Cpu.HEAT instructions in the interpreter; one of n may take Cpu.HEAT * (n + HEAT_LENGTH) / 2 HEAT_LENGTH. */
export const HEAT_LENGTH: i32 = 4;
/** Most instructions in one block. */
export const BLOCK_MAX: i32 = 48;
