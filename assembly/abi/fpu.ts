/**
 * The x87 state: byte offsets from `Layout.CPU`, behind the integer state. SDM 1 8.1 names every part of it.
 * The tag word is not kept: a bit of VALID says whether a register is in use, the rest follows from its value when asked for.
 */
export enum Fpu {
  ST = 1024, // physical registers R0..R7, 16 bytes each: u64 significand, u16 sign and exponent
  CW = 1152, // u32, control word
  SW = 1156, // u32, status word without TOP
  TOP = 1160, // u32, physical number of ST(0)
  VALID = 1164, // u32, bit i: R(i) is not empty
  IP = 1168, // u32, offset of the last instruction that was not a control instruction
  CS = 1172, // u32, its code selector; SELECTOR_KEPT
  DP = 1176, // u32, offset of its memory operand
  DS = 1180, // u32, selector of its memory operand; SELECTOR_KEPT
  OPCODE = 1184, // u32, low three bits of its first opcode byte and its ModRM byte
  WIDE = 1280, // temporaries of the transcendental functions: Wide.SIZE bytes each
}

/** In Fpu.CS and Fpu.DS while a guest runs deprivileged: the selector is the guest's own, not of an instruction executed since it began to. */
export const SELECTOR_KEPT: i32 = 65536;

/** Bytes of one register in Fpu.ST. */
export const ST_BYTES: i32 = 16;

/** A number of 128 significant bits: significand * 2^(EXPONENT - 127), top bit of HIGH set unless it is zero. */
export enum Wide {
  HIGH = 0, // u64
  LOW = 8, // u64
  EXPONENT = 16, // i32, unbiased
  SIGN = 20, // u32, 1: negative
  SIZE = 24,
}

/** Exception flags of the status word; the masks of the control word have the same places (SDM 1 8.1.3). */
export enum FpuException {
  IE = 1, // invalid operation
  DE = 2, // denormal operand
  ZE = 4, // division by zero
  OE = 8, // overflow
  UE = 16, // underflow
  PE = 32, // precision: the result was rounded
  ALL = 63,
}

/** The other bits of the status word (SDM 1 8.1.3). */
export enum FpuStatus {
  SF = 64, // stack fault: IE is about the register stack
  ES = 128, // an exception is not masked
  C0 = 256,
  C1 = 512,
  C2 = 1024,
  C3 = 16384,
  CONDITIONS = 18176, // C0 to C3
  B = 32768, // the same as ES
}

/** Position of TOP in the status word. */
export const FPU_TOP_SHIFT: i32 = 11;

/** The control word: after FNINIT (SDM 2A "FINIT"), its parts. After power-on it is FIXED (SDM 3A table 9-1). */
export enum FpuControl {
  AFTER_INIT = 895, // 037F
  WRITABLE = 8063, // 1F3F: masks, precision, rounding, infinity control
  FIXED = 64, // bit 6 reads as one
  PRECISION_SHIFT = 8,
  ROUNDING_SHIFT = 10,
}

/** Rounding control (SDM 1 table 4-8). */
export enum Rounding {
  NEAREST = 0,
  DOWN = 1,
  UP = 2,
  ZERO = 3,
}

/** What an 80-bit pattern is (SDM 1 table 4-3 and 8.2.2). Ordered: NaNs and the unsupported come last. */
export enum Kind {
  ZERO = 0,
  NORMAL = 1,
  DENORMAL = 2, // pseudo-denormals as well
  INFINITY = 3,
  QNAN = 4,
  SNAN = 5,
  UNSUPPORTED = 6, // unnormal, pseudo-infinity, pseudo-NaN
}
