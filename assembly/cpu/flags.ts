/**
 * Lazy arithmetic flags. An operation stores two words: its result, sign-extended to 32 bits, and a carry vector.
 *
 *   FLAG_RESULT  ZF = (result == 0)      SF = bit 31 ^ aux bit 0      PF = even parity of (result ^ aux >> 8) & FF
 *   FLAG_AUX     31: CF    30: CF ^ OF   15-8: parity delta   3: AF   0: sign delta
 *
 * The deltas are zero except where flags are loaded from a register or memory (POPF, SAHF, IRET), since then ZF, SF and PF
 * need not agree with any one result. No operation needs to know which one set the flags.
 */
import { Cpu } from "../abi/cpu";
import { Layout } from "../abi/layout";
import { ARITHMETIC_FLAGS, Eflags } from "../abi/x86";
import { get, set } from "./state";

/** Bits of a carry vector that become flags. */
const AUX_KEPT: u32 = 0xc0000008;

/** Sets the flags of a result and a carry vector of T's width: bit i of `carries` is the carry out of bit i. */
export function setFlags<T>(result: u32, carries: u32): void {
  if (sizeof<T>() == 4) {
    store<u32>(Layout.CPU + Cpu.FLAG_RESULT, result);
    store<u32>(Layout.CPU + Cpu.FLAG_AUX, carries & AUX_KEPT);
  } else if (sizeof<T>() == 2) {
    store<i32>(Layout.CPU + Cpu.FLAG_RESULT, <i32>(<i16>result));
    store<u32>(Layout.CPU + Cpu.FLAG_AUX, ((carries << 16) & 0xc0000000) | (carries & 8));
  } else {
    store<i32>(Layout.CPU + Cpu.FLAG_RESULT, <i32>(<i8>result));
    store<u32>(Layout.CPU + Cpu.FLAG_AUX, ((carries << 24) & 0xc0000000) | (carries & 8));
  }
}

/** Flags of a + b (+ carry) = r. */
export function flagsAdd<T>(a: u32, b: u32, r: u32): void {
  setFlags<T>(r, (a & b) | ((a | b) & ~r));
}

/** Flags of a - b (- borrow) = r. */
export function flagsSub<T>(a: u32, b: u32, r: u32): void {
  setFlags<T>(r, (~a & b) | (~(a ^ b) & r));
}

/** Flags of a logical operation: CF, OF and AF are zero. */
export function flagsLogic<T>(r: u32): void {
  setFlags<T>(r, 0);
}

/** Flags of a result with CF, OF and AF given as 0 or 1. */
export function flagsResult<T>(r: u32, cf: u32, ovf: u32, af: u32): void {
  setFlags<T>(r, 0);
  store<u32>(Layout.CPU + Cpu.FLAG_AUX, (cf << 31) | ((cf ^ ovf) << 30) | (af << 3));
}

/** CF, 0 or 1. */
export function carry(): u32 {
  return get(Cpu.FLAG_AUX) >>> 31;
}

/** Replaces CF and OF (each 0 or 1), keeping the other flags. */
export function setCarryOverflow(cf: u32, ovf: u32): void {
  set(Cpu.FLAG_AUX, (get(Cpu.FLAG_AUX) & 0x3fffffff) | (cf << 31) | ((cf ^ ovf) << 30));
}

/** Replaces CF (0 or 1), keeping the other flags. */
export function setCarry(cf: u32): void {
  setCarryOverflow(cf, overflow());
}

/** OF, 0 or 1. */
export function overflow(): u32 {
  const aux = get(Cpu.FLAG_AUX);
  return (aux ^ (aux << 1)) >>> 31;
}

/** AF, 0 or 1. */
export function adjust(): u32 {
  return (get(Cpu.FLAG_AUX) >>> 3) & 1;
}

/** ZF, 0 or 1. */
export function zero(): u32 {
  return get(Cpu.FLAG_RESULT) == 0 ? 1 : 0;
}

/** SF, 0 or 1. */
export function sign(): u32 {
  return (get(Cpu.FLAG_RESULT) >>> 31) ^ (get(Cpu.FLAG_AUX) & 1);
}

/** PF, 0 or 1. */
export function parity(): u32 {
  return (popcnt<u32>((get(Cpu.FLAG_RESULT) ^ (get(Cpu.FLAG_AUX) >>> 8)) & 0xff) & 1) ^ 1;
}

/** The six arithmetic flags at their EFLAGS positions. */
export function arithmeticFlags(): u32 {
  return carry() | (parity() << 2) | (adjust() << 4) | (zero() << 6) | (sign() << 7) | (overflow() << 11);
}

/** Sets the six arithmetic flags from their EFLAGS positions. */
export function setArithmeticFlags(flags: u32): void {
  const cf = flags & 1;
  const ovf = (flags >>> 11) & 1;
  set(Cpu.FLAG_RESULT, (flags & Eflags.ZF) != 0 ? 0 : 0x100);
  set(
    Cpu.FLAG_AUX,
    (cf << 31) |
      ((cf ^ ovf) << 30) |
      (((flags >>> 4) & 1) << 3) |
      ((flags & Eflags.PF) != 0 ? 0 : 0x100) |
      ((flags >>> 7) & 1),
  );
}

/** EFLAGS as PUSHFD at CPL 0 shows it, RF and VM included. */
export function eflags(): u32 {
  return (get(Cpu.EFLAGS) & ~ARITHMETIC_FLAGS) | Eflags.FIXED | arithmeticFlags();
}

/** True if condition code `cc` (low four bits of Jcc, SETcc, CMOVcc) holds (SDM 1 appendix B). */
export function condition(cc: u32): bool {
  switch (cc >>> 1) {
    case 0:
      return (overflow() ^ (cc & 1)) != 0;
    case 1:
      return (carry() ^ (cc & 1)) != 0;
    case 2:
      return (zero() ^ (cc & 1)) != 0;
    case 3:
      return ((carry() | zero()) ^ (cc & 1)) != 0;
    case 4:
      return (sign() ^ (cc & 1)) != 0;
    case 5:
      return (parity() ^ (cc & 1)) != 0;
    case 6:
      return (sign() ^ overflow() ^ (cc & 1)) != 0;
    default:
      return (((sign() ^ overflow()) | zero()) ^ (cc & 1)) != 0;
  }
}
