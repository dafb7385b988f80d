/**
 * Addition, subtraction, multiplication, division and square root: exact in 128 bits and a sticky bit, then rounded once.
 * SDM 1 8.3.3, SDM 2A tables 3-18 to 3-44 (results by operand class), IEEE 754 5.4.1.
 */
import { FpuException, Kind, Rounding } from "../abi/fpu";
import { denormalStops, invalid, nanResult, nanResult1 } from "./nan";
import { roundResult } from "./round";
import { except, rounding } from "./state";
import { BIAS, INTEGER, give, giveInfinity, giveZero, kind, normalExponent, normalSignificand, signOf } from "./value";
import { divide, low, multiply, remainder, shiftLeft, shiftRightSticky } from "./wide-integer";

/** Sign of a sum that is exactly zero. */
function zeroSign(): u32 {
  return rounding() == Rounding.DOWN ? 1 : 0;
}

/** Gives a + b, or a - b if `subtract` is 1, rounded to `bits` bits. */
export function add(ha: u32, sa: u64, hb: u32, sb: u64, subtract: u32, bits: u32): void {
  const ka = kind(ha, sa);
  const kb = kind(hb, sb);
  if (nanResult(ka, ha, sa, kb, hb, sb)) return;
  const signA = signOf(ha);
  const signB = signOf(hb) ^ subtract;
  if (ka == Kind.INFINITY && kb == Kind.INFINITY && signA != signB) {
    invalid();
    return;
  }
  if (denormalStops(ka, kb)) return;
  if (ka == Kind.INFINITY) giveInfinity(signA);
  else if (kb == Kind.INFINITY) giveInfinity(signB);
  else if (ka == Kind.ZERO && kb == Kind.ZERO) giveZero(signA == signB ? signA : zeroSign());
  else if (ka == Kind.ZERO) roundResult(signB, normalExponent(hb, sb), normalSignificand(sb), 0, bits);
  else if (kb == Kind.ZERO) roundResult(signA, normalExponent(ha, sa), normalSignificand(sa), 0, bits);
  else
    addFinite(
      signA,
      normalExponent(ha, sa),
      normalSignificand(sa),
      signB,
      normalExponent(hb, sb),
      normalSignificand(sb),
      bits,
    );
}

function addFinite(signA: u32, ea: i32, sa: u64, signB: u32, eb: i32, sb: u64, bits: u32): void {
  if (ea < eb || (ea == eb && sa < sb)) {
    addFinite(signB, eb, sb, signA, ea, sa, bits);
    return;
  }
  const high = shiftRightSticky(sb, 0, ea - eb);
  const tail = low();
  if (signA == signB) {
    const sum = sa + high;
    if (sum >= sa) roundResult(signA, ea, sum, tail, bits);
    else {
      const half = shiftRightSticky(sum, tail, 1);
      roundResult(signA, ea + 1, half | INTEGER, low(), bits);
    }
    return;
  }
  const difference = sa - high - (tail != 0 ? 1 : 0);
  const rest = <u64>0 - tail;
  if ((difference | rest) == 0) {
    giveZero(zeroSign());
    return;
  }
  const count = difference != 0 ? <i32>clz<u64>(difference) : 64 + <i32>clz<u64>(rest);
  const normal = shiftLeft(difference, rest, count);
  roundResult(signA, ea - count, normal, low(), bits);
}

/** Gives a * b, rounded to `bits` bits. */
export function mul(ha: u32, sa: u64, hb: u32, sb: u64, bits: u32): void {
  const ka = kind(ha, sa);
  const kb = kind(hb, sb);
  if (nanResult(ka, ha, sa, kb, hb, sb)) return;
  if ((ka == Kind.INFINITY && kb == Kind.ZERO) || (ka == Kind.ZERO && kb == Kind.INFINITY)) {
    invalid();
    return;
  }
  if (denormalStops(ka, kb)) return;
  const sign = signOf(ha ^ hb);
  if (ka == Kind.INFINITY || kb == Kind.INFINITY) giveInfinity(sign);
  else if (ka == Kind.ZERO || kb == Kind.ZERO) giveZero(sign);
  else {
    const exponent = normalExponent(ha, sa) + normalExponent(hb, sb) - BIAS;
    const high = multiply(normalSignificand(sa), normalSignificand(sb));
    if ((high & INTEGER) != 0) roundResult(sign, exponent + 1, high, low(), bits);
    else {
      const normal = shiftLeft(high, low(), 1);
      roundResult(sign, exponent, normal, low(), bits);
    }
  }
}

/** Gives a / b, rounded to `bits` bits. */
export function div(ha: u32, sa: u64, hb: u32, sb: u64, bits: u32): void {
  const ka = kind(ha, sa);
  const kb = kind(hb, sb);
  if (nanResult(ka, ha, sa, kb, hb, sb)) return;
  if (ka == kb && (ka == Kind.INFINITY || ka == Kind.ZERO)) {
    invalid();
    return;
  }
  const sign = signOf(ha ^ hb);
  if (kb == Kind.ZERO && ka != Kind.INFINITY) {
    except(FpuException.ZE);
    giveInfinity(sign);
    return;
  }
  if (denormalStops(ka, kb)) return;
  if (ka == Kind.INFINITY) giveInfinity(sign);
  else if (ka == Kind.ZERO || kb == Kind.INFINITY) giveZero(sign);
  else {
    const a = normalSignificand(sa);
    const b = normalSignificand(sb);
    const exponent = normalExponent(ha, sa) - normalExponent(hb, sb) + BIAS;
    const below = a < b;
    const quotient = below ? divide(a, 0, b) : divide(a >> 1, a << 63, b);
    const rest = remainder();
    const tail = divide(rest, 0, b) | (remainder() != 0 ? 1 : 0);
    roundResult(sign, below ? exponent - 1 : exponent, quotient, tail, bits);
  }
}

/** Gives the square root, rounded to `bits` bits. */
export function sqrt(h: u32, s: u64, bits: u32): void {
  const k = kind(h, s);
  if (nanResult1(k, h, s)) return;
  if (signOf(h) != 0 && k != Kind.ZERO) {
    invalid();
    return;
  }
  if (denormalStops(k, Kind.ZERO)) return;
  if (k == Kind.ZERO || k == Kind.INFINITY) {
    give(h, s);
    return;
  }
  const exponent = normalExponent(h, s) - BIAS;
  const odd = (exponent & 1) != 0;
  const normal = normalSignificand(s);
  // The radicand has 128 bits and lies in [2^126, 2^128), its root in [2^63, 2^64).
  rootOf(odd ? normal : normal >> 1, odd ? 0 : normal << 63);
  roundResult(0, (exponent >> 1) + BIAS, root, rootTail, bits);
}

let root: u64 = 0;
let rootTail: u64 = 0;

/** Integer square root of high:low, and how the remainder compares with the half of the last place. */
function rootOf(high: u64, lowPart: u64): void {
  let restHigh: u64 = 0;
  let rest: u64 = 0;
  root = 0;
  for (let i = 0; i < 64; i++) {
    restHigh = (restHigh << 2) | (rest >> 62);
    rest = (rest << 2) | (high >> 62);
    high = (high << 2) | (lowPart >> 62);
    lowPart <<= 2;
    const trialHigh = root >> 62;
    const trial = (root << 2) | 1;
    root <<= 1;
    if (restHigh > trialHigh || (restHigh == trialHigh && rest >= trial)) {
      restHigh = restHigh - trialHigh - (rest < trial ? 1 : 0);
      rest -= trial;
      root |= 1;
    }
  }
  if ((restHigh | rest) == 0) rootTail = 0;
  else rootTail = restHigh != 0 || rest > root ? INTEGER | 1 : 1;
}
