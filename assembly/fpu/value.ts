/**
 * Numbers in double extended precision: a "head" (sign in bit 15, biased exponent below) and a significand with an explicit
 * integer bit. Functions that compute one leave it in the result pair, read with resultHead() and resultSignificand().
 * SDM 1 4.2, table 4-3 and 8.2.2.
 */
import { Kind } from "../abi/fpu";

/** Exponent bias. */
export const BIAS: i32 = 16383;
/** Exponent field of infinities and NaNs. */
export const EXPONENT_MAX: i32 = 0x7fff;
/** Integer bit. */
export const INTEGER: u64 = 0x8000000000000000;
/** Bit that tells quiet NaNs from signalling ones. */
export const QUIET: u64 = 0x4000000000000000;
/** The real indefinite QNaN: what masked invalid operations give. */
export const INDEFINITE_HEAD: u32 = 0xffff;
export const INDEFINITE: u64 = 0xc000000000000000;

let head: u32 = 0;
let significand: u64 = 0;

/** Leaves a result. */
export function give(h: u32, s: u64): void {
  head = h;
  significand = s;
}

/** Leaves the real indefinite. */
export function giveIndefinite(): void {
  give(INDEFINITE_HEAD, INDEFINITE);
}

/** Leaves a zero of a sign, 0 or 1. */
export function giveZero(sign: u32): void {
  give(sign << 15, 0);
}

/** Leaves an infinity of a sign, 0 or 1. */
export function giveInfinity(sign: u32): void {
  give((sign << 15) | EXPONENT_MAX, INTEGER);
}

/** Sign and exponent of the result. */
export function resultHead(): u32 {
  return head;
}

/** Significand of the result. */
export function resultSignificand(): u64 {
  return significand;
}

/** Sign of a head, 0 or 1. */
export function signOf(h: u32): u32 {
  return (h >>> 15) & 1;
}

/** Biased exponent of a head. */
export function exponentOf(h: u32): i32 {
  return <i32>(h & 0x7fff);
}

/** What a pattern is. */
export function kind(h: u32, s: u64): u32 {
  const exponent = exponentOf(h);
  if (exponent == 0) return s == 0 ? Kind.ZERO : Kind.DENORMAL;
  if ((s & INTEGER) == 0) return Kind.UNSUPPORTED;
  if (exponent != EXPONENT_MAX) return Kind.NORMAL;
  if (s == INTEGER) return Kind.INFINITY;
  return (s & QUIET) != 0 ? Kind.QNAN : Kind.SNAN;
}

/** Exponent of a finite number other than zero, with its significand normalised. */
export function normalExponent(h: u32, s: u64): i32 {
  const exponent = exponentOf(h);
  return exponent != 0 ? exponent : 1 - <i32>clz<u64>(s);
}

/** Significand of a finite number, shifted so that the integer bit is set. Zero stays zero. */
export function normalSignificand(s: u64): u64 {
  return s == 0 ? 0 : s << clz<u64>(s);
}
