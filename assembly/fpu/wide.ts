/**
 * Arithmetic with 128 significant bits (assembly/abi/fpu.ts, Wide) for the transcendental functions. Results are truncated: each
 * operation is off by at most a few units in the last of 128 places. Exponents cannot overflow. Operands and result may be the same.
 */
import { Fpu, Wide } from "../abi/fpu";
import { Layout } from "../abi/layout";
import { BIAS, INTEGER, normalExponent, normalSignificand, signOf } from "./value";
import { low, multiply, shiftLeft, shiftRightSticky } from "./wide-integer";
import { roundResult } from "./round";

/** Pointer to temporary number `n`. */
export function wide(n: i32): usize {
  return <usize>(Layout.CPU + Fpu.WIDE + n * Wide.SIZE);
}

/** Sets a number by its parts: significand with the top bit set, or zero. */
export function setWide(p: usize, sign: u32, exponent: i32, high: u64, lowPart: u64): void {
  store<u64>(p, high, Wide.HIGH);
  store<u64>(p, lowPart, Wide.LOW);
  store<i32>(p, exponent, Wide.EXPONENT);
  store<u32>(p, sign, Wide.SIGN);
}

/** Sets a number that is not normalised. */
function setNormalised(p: usize, sign: u32, exponent: i32, high: u64, lowPart: u64): void {
  if ((high | lowPart) == 0) {
    setWide(p, 0, 0, 0, 0);
    return;
  }
  const count = high != 0 ? <i32>clz<u64>(high) : 64 + <i32>clz<u64>(lowPart);
  const top = shiftLeft(high, lowPart, count);
  setWide(p, sign, exponent - count, top, low());
}

/** Sets a number to a finite one in double extended precision. */
export function setReal(p: usize, head: u32, significand: u64): void {
  if (significand == 0) setWide(p, 0, 0, 0, 0);
  else setWide(p, signOf(head), normalExponent(head, significand) - BIAS, normalSignificand(significand), 0);
}

/** Sets a number to a small integer. */
export function setInteger(p: usize, value: i32): void {
  const sign: u32 = value < 0 ? 1 : 0;
  setNormalised(p, sign, 63, <u64>(<u32>(sign != 0 ? -value : value)), 0);
}

/** Copies a number. */
export function copy(p: usize, a: usize): void {
  setWide(p, load<u32>(a, Wide.SIGN), exponent(a), load<u64>(a, Wide.HIGH), load<u64>(a, Wide.LOW));
}

/** Turns the sign of a number. */
export function negate(p: usize): void {
  store<u32>(p, load<u32>(p, Wide.SIGN) ^ 1, Wide.SIGN);
}

/** Sign of a number, 1 if negative. */
export function sign(p: usize): u32 {
  return load<u32>(p, Wide.SIGN);
}

/** Exponent of a number: 2^exponent <= |number| < 2^(exponent + 1). */
export function exponent(p: usize): i32 {
  return load<i32>(p, Wide.EXPONENT);
}

/** True if a number is zero. */
export function isZero(p: usize): bool {
  return load<u64>(p, Wide.HIGH) == 0;
}

/** Multiplies a number by a power of two. */
export function scaleBy(p: usize, power: i32): void {
  if (!isZero(p)) store<i32>(p, exponent(p) + power, Wide.EXPONENT);
}

/** p = a * b. */
export function times(p: usize, a: usize, b: usize): void {
  if (isZero(a) || isZero(b)) {
    setWide(p, 0, 0, 0, 0);
    return;
  }
  const ah = load<u64>(a, Wide.HIGH);
  const al = load<u64>(a, Wide.LOW);
  const bh = load<u64>(b, Wide.HIGH);
  const bl = load<u64>(b, Wide.LOW);
  const cross1 = multiply(ah, bl);
  const cross2 = multiply(al, bh);
  let high = multiply(ah, bh);
  let lowPart = low();
  const first = lowPart + cross1;
  if (first < lowPart) high++;
  lowPart = first + cross2;
  if (lowPart < first) high++;
  setNormalised(p, sign(a) ^ sign(b), exponent(a) + exponent(b) + 1, high, lowPart);
}

/** p = a + b. */
export function plus(p: usize, a: usize, b: usize): void {
  if (isZero(b)) {
    copy(p, a);
    return;
  }
  if (isZero(a)) {
    copy(p, b);
    return;
  }
  if (exponent(a) < exponent(b)) plusSmaller(p, b, a);
  else plusSmaller(p, a, b);
}

/** p = a + b for exponent(a) >= exponent(b), neither zero. */
function plusSmaller(p: usize, a: usize, b: usize): void {
  const ah = load<u64>(a, Wide.HIGH);
  const al = load<u64>(a, Wide.LOW);
  const top = exponent(a);
  const signA = sign(a);
  const signB = sign(b);
  const bh = shiftRightSticky(load<u64>(b, Wide.HIGH), load<u64>(b, Wide.LOW), top - exponent(b));
  const bl = low();
  if (signA == signB) {
    const lowSum = al + bl;
    const carry: u64 = lowSum < al ? 1 : 0;
    const highSum = ah + bh + carry;
    if (highSum >= ah && (carry == 0 || highSum != ah)) setWide(p, signA, top, highSum, lowSum);
    else {
      const high = shiftRightSticky(highSum, lowSum, 1);
      setWide(p, signA, top + 1, high | INTEGER, low());
    }
    return;
  }
  if (bh > ah || (bh == ah && bl > al)) setNormalised(p, signB, top, bh - ah - (bl < al ? 1 : 0), bl - al);
  else setNormalised(p, signA, top, ah - bh - (al < bl ? 1 : 0), al - bl);
}

/** p = a / b for b not zero. */
export function over(p: usize, a: usize, b: usize): void {
  if (isZero(a)) {
    setWide(p, 0, 0, 0, 0);
    return;
  }
  const bh = load<u64>(b, Wide.HIGH);
  const bl = load<u64>(b, Wide.LOW);
  let rh = load<u64>(a, Wide.HIGH);
  let rl = load<u64>(a, Wide.LOW);
  let qh: u64 = 0;
  let ql: u64 = 0;
  let beyond = false;
  // The first digit has the weight of the exponents' difference; 128 digits follow the leading one, or lead to it.
  for (let i = 0; i < 128; i++) {
    qh = (qh << 1) | (ql >> 63);
    ql <<= 1;
    if (beyond || rh > bh || (rh == bh && rl >= bl)) {
      rh = rh - bh - (rl < bl ? 1 : 0);
      rl -= bl;
      ql |= 1;
    }
    beyond = (rh & INTEGER) != 0;
    rh = (rh << 1) | (rl >> 63);
    rl <<= 1;
  }
  setNormalised(p, sign(a) ^ sign(b), exponent(a) - exponent(b), qh, ql);
}

/** Divides a number by a small integer, 1 to 65,535. */
export function overSmall(p: usize, n: u32): void {
  const high = load<u64>(p, Wide.HIGH);
  const lowPart = load<u64>(p, Wide.LOW);
  const qh = high / n;
  const first = ((high % n) << 32) | (lowPart >> 32);
  const second = ((first % n) << 32) | (lowPart & 0xffffffff);
  setNormalised(p, sign(p), exponent(p), qh, ((first / n) << 32) | (second / n));
}

/** Gives a number rounded to double extended precision. `inexact`: it stands for an irrational one. */
export function giveWide(p: usize, inexact: bool): void {
  roundResult(sign(p), exponent(p) + BIAS, load<u64>(p, Wide.HIGH), load<u64>(p, Wide.LOW) | (inexact ? 1 : 0), 64);
}
