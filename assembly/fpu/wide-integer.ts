/**
 * Integers of 128 bits as two halves. Functions return the high half and leave the low one, or the remainder, to be read with
 * low() and remainder(). Exact; nothing here rounds.
 */

let lowHalf: u64 = 0;
let rest: u64 = 0;

/** Low half of the last result. */
export function low(): u64 {
  return lowHalf;
}

/** Remainder of the last division. */
export function remainder(): u64 {
  return rest;
}

/** a * b. Returns the high half. */
export function multiply(a: u64, b: u64): u64 {
  const a0 = a & 0xffffffff;
  const a1 = a >> 32;
  const b0 = b & 0xffffffff;
  const b1 = b >> 32;
  const p00 = a0 * b0;
  const middle = a1 * b0 + (p00 >> 32);
  const p01 = a0 * b1 + (middle & 0xffffffff);
  lowHalf = (p01 << 32) | (p00 & 0xffffffff);
  return a1 * b1 + (middle >> 32) + (p01 >> 32);
}

/** (high:low) / divisor for high < divisor and a divisor with its top bit set. Returns the quotient; the remainder is left. */
export function divide(high: u64, lowPart: u64, divisor: u64): u64 {
  const d1 = divisor >> 32;
  const d0 = divisor & 0xffffffff;
  const q1 = digit(high, lowPart >> 32, divisor, d1, d0);
  const q0 = digit(rest, lowPart & 0xffffffff, divisor, d1, d0);
  return (q1 << 32) | q0;
}

/** One digit of 32 bits of a long division: high < divisor. Leaves the remainder. */
function digit(high: u64, next: u64, divisor: u64, d1: u64, d0: u64): u64 {
  let q = high / d1;
  let r = high - q * d1;
  while (q > 0xffffffff || q * d0 > ((r << 32) | next)) {
    q--;
    r += d1;
    if (r > 0xffffffff) break;
  }
  rest = ((high << 32) | next) - q * divisor;
  return q;
}

/** Shifts right by `count` (any, not negative); bits that fall out set the lowest bit. Returns the high half. */
export function shiftRightSticky(high: u64, lowPart: u64, count: i32): u64 {
  if (count == 0) {
    lowHalf = lowPart;
    return high;
  }
  if (count < 64) {
    const lost = lowPart << (64 - count);
    lowHalf = (high << (64 - count)) | (lowPart >> count) | (lost != 0 ? 1 : 0);
    return high >> count;
  }
  if (count < 128) {
    const lost = count == 64 ? lowPart : (high << (128 - count)) | lowPart;
    lowHalf = (count == 64 ? high : high >> (count - 64)) | (lost != 0 ? 1 : 0);
    return 0;
  }
  lowHalf = (high | lowPart) != 0 ? 1 : 0;
  return 0;
}

/** Shifts left by `count`, 0 to 127. Returns the high half. */
export function shiftLeft(high: u64, lowPart: u64, count: i32): u64 {
  if (count == 0) {
    lowHalf = lowPart;
    return high;
  }
  if (count < 64) {
    lowHalf = lowPart << count;
    return (high << count) | (lowPart >> (64 - count));
  }
  lowHalf = 0;
  return lowPart << (count - 64);
}
