/**
 * Sine, cosine, tangent and arctangent: argument reduction and series with 128 significant bits, rounded once, so that results are
 * correctly rounded but for about one argument in 2^50. A P6 is off by up to one unit in the last place of 64 (SDM 1 8.3.10): there the
 * two differ. Arguments are reduced by the 66 bits of pi that the SDM gives (SDM 1 8.3.8), as a P6 does.
 */
import { Kind } from "../abi/fpu";
import { setArctangent, setPi } from "./constants";
import { denormalStops, invalid, nanResult, nanResult1 } from "./nan";
import { BIAS, exponentOf, give, giveZero, INTEGER, kind, signOf } from "./value";
import {
  copy,
  exponent,
  giveWide,
  negate,
  over,
  overSmall,
  plus,
  scaleBy,
  setInteger,
  setReal,
  setWide,
  times,
  wide,
} from "./wide";

/** Half of pi in 66 bits: the significand's two halves, exponent 0. */
const HALF_PI_HIGH: u64 = 0xc90fdaa22168c234;
const HALF_PI_LOW: u64 = 0xc000000000000000;
/** Angles below 2^-40 differ from their tangent by less than 2^-80 of themselves. */
const TINY_EXPONENT: i32 = -40;
/** Terms of the series, enough for 2^-120 at the largest reduced argument. */
const SINE_TERMS: u32 = 16;
const ARCTANGENT_TERMS: u32 = 14;

/** Quadrant of the last reduced angle, modulo 4. */
let quadrant: u32 = 0;

/** Temporary 0: the reduced argument; the others belong to the functions below. */
function argument(): usize {
  return wide(0);
}

/** Reduces the angle to [-pi/4, pi/4], in temporary 0, and sets the quadrant. The exponent is below 63. */
function reduceAngle(h: u32, s: u64): void {
  const r = argument();
  setReal(r, h, s);
  quadrant = 0;
  const distance = exponent(r);
  if (distance < -1) return;
  let high = load<u64>(r);
  let lowPart: u64 = 0;
  if (distance < 0) {
    lowPart = high << 63;
    high >>= 1;
  }
  let q: u32 = 0;
  let beyond = false;
  for (let i = 0; i <= distance; i++) {
    if (i > 0) {
      beyond = (high & INTEGER) != 0;
      high = (high << 1) | (lowPart >> 63);
      lowPart <<= 1;
    }
    q <<= 1;
    if (beyond || high > HALF_PI_HIGH || (high == HALF_PI_HIGH && lowPart >= HALF_PI_LOW)) {
      high = high - HALF_PI_HIGH - (lowPart < HALF_PI_LOW ? 1 : 0);
      lowPart -= HALF_PI_LOW;
      q |= 1;
    }
  }
  let turned: u32 = 0;
  if (high > HALF_PI_HIGH >> 1 || (high == HALF_PI_HIGH >> 1 && lowPart > HALF_PI_LOW >> 1)) {
    const less: u64 = HALF_PI_LOW < lowPart ? 1 : 0;
    high = HALF_PI_HIGH - high - less;
    lowPart = HALF_PI_LOW - lowPart;
    turned = 1;
    q++;
  }
  const negative = signOf(h);
  setWide(r, 0, 0, 0, 0);
  if ((high | lowPart) != 0) {
    const count = high != 0 ? <i32>clz<u64>(high) : 64 + <i32>clz<u64>(lowPart);
    if (count >= 64) setWide(r, negative ^ turned, -count, lowPart << (count - 64), 0);
    else if (count > 0)
      setWide(r, negative ^ turned, -count, (high << count) | (lowPart >> (64 - count)), lowPart << count);
    else setWide(r, negative ^ turned, 0, high, lowPart);
  }
  quadrant = (negative != 0 ? 0 - q : q) & 3;
}

/** p = 1 - z/(a(a+1)) (1 - z/((a+2)(a+3)) (1 - ...)) for z in temporary 1, with a = `first`: 2 for sine / argument, 1 for cosine. */
function alternating(p: usize, first: u32): void {
  const one = wide(2);
  setInteger(one, 1);
  setInteger(p, 1);
  for (let k = SINE_TERMS; k > 0; k--) {
    const a = first + 2 * (k - 1);
    times(p, p, wide(1));
    overSmall(p, a * (a + 1));
    negate(p);
    plus(p, one, p);
  }
}

/** Sine and cosine of the reduced angle by quadrant: temporary 3 is the sine, temporary 4 the cosine. */
function sineAndCosine(): void {
  times(wide(1), argument(), argument());
  alternating(wide(3), 2);
  times(wide(3), wide(3), argument());
  alternating(wide(4), 1);
  if ((quadrant & 1) != 0) {
    copy(wide(5), wide(3));
    copy(wide(3), wide(4));
    copy(wide(4), wide(5));
    negate(wide(4));
  }
  if ((quadrant & 2) != 0) {
    negate(wide(3));
    negate(wide(4));
  }
}

/** True if an angle is too large: FSIN and its like set C2 and do nothing. */
export function angleTooLarge(h: u32, s: u64): bool {
  return kind(h, s) == Kind.NORMAL && exponentOf(h) >= BIAS + 63;
}

/** Handles NaNs, infinities and refused denormals. Returns true if that was the end of it. */
function specialAngle(h: u32, s: u64): bool {
  const k = kind(h, s);
  if (nanResult1(k, h, s)) return true;
  if (k == Kind.INFINITY) {
    invalid();
    return true;
  }
  return denormalStops(k, Kind.ZERO);
}

/** Gives the sine of an angle below 2^63. */
export function sine(h: u32, s: u64): void {
  if (specialAngle(h, s)) return;
  if (s == 0) {
    give(h, s);
    return;
  }
  reduceAngle(h, s);
  sineAndCosine();
  giveWide(wide(3), true);
}

/** Gives the cosine of an angle below 2^63. */
export function cosine(h: u32, s: u64): void {
  if (specialAngle(h, s)) return;
  if (s == 0) {
    give(BIAS, INTEGER);
    return;
  }
  reduceAngle(h, s);
  sineAndCosine();
  giveWide(wide(4), true);
}

/** Gives the tangent of an angle below 2^63. */
export function tangent(h: u32, s: u64): void {
  if (specialAngle(h, s)) return;
  if (s == 0) {
    give(h, s);
    return;
  }
  reduceAngle(h, s);
  // Truncation must not hide that the tangent of a tiny angle is larger than the angle.
  if (exponent(argument()) < TINY_EXPONENT && quadrant == 0) {
    giveWide(argument(), true);
    return;
  }
  sineAndCosine();
  over(wide(3), wide(3), wide(4));
  giveWide(wide(3), true);
}

/** Gives pi * numerator / denominator with a sign. */
function givePi(sign: u32, numerator: i32, denominator: u32): void {
  const p = argument();
  setPi(p);
  setInteger(wide(1), numerator);
  times(p, p, wide(1));
  overSmall(p, denominator);
  if (sign != 0) negate(p);
  giveWide(p, true);
}

/** p = arctangent of p for 0 < p <= 1. Uses temporaries 3 to 6. */
function arctangentOf(p: usize): void {
  const nearest = wide(3);
  const t = wide(4);
  // Sixteenths, rounded: p less n/16 is at most 1/32.
  const n = exponent(p) < -5 ? 0 : <i32>(((load<u64>(p) >> <u32>(0 - exponent(p))) + ((<u64>1) << 58)) >> 59);
  if (n != 0) {
    setInteger(nearest, n);
    scaleBy(nearest, -4);
    times(t, p, nearest);
    setInteger(wide(5), 1);
    plus(t, t, wide(5));
    negate(nearest);
    plus(p, p, nearest);
    over(p, p, t);
  }
  const square = wide(4);
  const sum = wide(5);
  const term = wide(6);
  times(square, p, p);
  negate(square);
  setInteger(sum, 0);
  for (let k = ARCTANGENT_TERMS; k > 0; k--) {
    times(sum, sum, square);
    setInteger(term, 1);
    overSmall(term, 2 * k - 1);
    plus(sum, sum, term);
  }
  times(p, p, sum);
  if (n == 0) return;
  setArctangent(term, n);
  plus(p, p, term);
}

/** Gives the angle of the point (x, y): arctangent of y / x in the quadrant of the point. */
export function arctangent(hy: u32, sy: u64, hx: u32, sx: u64): void {
  const kx = kind(hx, sx);
  const ky = kind(hy, sy);
  if (nanResult(ky, hy, sy, kx, hx, sx)) return;
  if (denormalStops(kx, ky)) return;
  const left = signOf(hx) != 0;
  const signY = signOf(hy);
  if (ky == Kind.INFINITY) {
    if (kx == Kind.INFINITY) givePi(signY, left ? 3 : 1, 4);
    else givePi(signY, 1, 2);
  } else if (ky == Kind.ZERO || kx == Kind.INFINITY) {
    if (left) givePi(signY, 1, 1);
    else giveZero(signY);
  } else if (kx == Kind.ZERO) givePi(signY, 1, 2);
  else {
    const angle = argument();
    const x = wide(1);
    const y = wide(2);
    setReal(x, hx & 0x7fff, sx);
    setReal(y, hy & 0x7fff, sy);
    const steep = exponent(y) > exponent(x) || (exponent(y) == exponent(x) && load<u64>(y) > load<u64>(x));
    if (steep) over(angle, x, y);
    else over(angle, y, x);
    arctangentOf(angle);
    if (steep || left) {
      setPi(x);
      if (steep) scaleBy(x, -1);
      if (steep != left) negate(angle);
      plus(angle, x, angle);
    }
    if (signY != 0) negate(angle);
    giveWide(angle, true);
  }
}
