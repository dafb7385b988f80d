/**
 * 2^x - 1 and the logarithms: series with 128 significant bits, rounded once, so that results are correctly rounded but for about one
 * argument in 2^50. A P6 is off by up to one unit in the last place of 64 (SDM 1 8.3.10): there the two differ.
 */
import { FpuException, Kind } from "../abi/fpu";
import { setLn2, setLog2E } from "./constants";
import { denormalStops, invalid, nanResult, nanResult1 } from "./nan";
import { except } from "./state";
import { BIAS, exponentOf, give, giveInfinity, giveZero, INTEGER, kind, signOf } from "./value";
import { exponent, giveWide, negate, over, overSmall, plus, scaleBy, setInteger, setReal, times, wide } from "./wide";

/** Terms of the series, enough for 2^-120 at the largest argument. */
const EXPONENTIAL_TERMS: u32 = 34;
const LOGARITHM_TERMS: u32 = 26;

/** Gives 2^x - 1 for -1 <= x <= 1; leaves other numbers as they are. */
export function exponential(h: u32, s: u64): void {
  const k = kind(h, s);
  if (nanResult1(k, h, s)) return;
  if (k == Kind.INFINITY) {
    if (signOf(h) != 0) give(0x8000 | BIAS, INTEGER);
    else give(h, s);
    return;
  }
  if (denormalStops(k, Kind.ZERO)) return;
  if (k == Kind.ZERO || exponentOf(h) >= BIAS) {
    if (h == (0x8000 | BIAS) && s == INTEGER) give(0x8000 | (BIAS - 1), INTEGER);
    else give(h, s);
    return;
  }
  const x = wide(0);
  const one = wide(1);
  const sum = wide(2);
  setReal(x, h, s);
  setLn2(one);
  times(x, x, one);
  setInteger(one, 1);
  setInteger(sum, 1);
  for (let n = EXPONENTIAL_TERMS; n > 1; n--) {
    times(sum, sum, x);
    overSmall(sum, n);
    plus(sum, one, sum);
  }
  times(sum, sum, x);
  giveWide(sum, true);
}

/** p = log2((1 + q) / (1 - q)) for |q| <= 0.172: twice the area hyperbolic tangent, by 1 / ln 2. Uses temporaries 6 to 8. */
function logarithmOfQuotient(p: usize, q: usize): void {
  const square = wide(6);
  const sum = wide(7);
  const term = wide(8);
  times(square, q, q);
  setInteger(sum, 0);
  for (let n = LOGARITHM_TERMS; n > 0; n--) {
    times(sum, sum, square);
    setInteger(term, 1);
    overSmall(term, 2 * n - 1);
    plus(sum, sum, term);
  }
  times(sum, sum, q);
  setLog2E(term);
  times(p, sum, term);
  scaleBy(p, 1);
}

/** p = log2(p) for p > 0. Uses temporaries 3 to 8. */
function logarithm(p: usize): void {
  const one = wide(3);
  const q = wide(4);
  let whole = exponent(p);
  scaleBy(p, -whole);
  // From [1, 2) to [0.7, 1.4), so that the quotient below is small.
  if (load<u64>(p) >= 0xb504f333f9de6485) {
    scaleBy(p, -1);
    whole++;
  }
  setInteger(one, 1);
  plus(q, p, one);
  negate(one);
  plus(p, p, one);
  over(q, p, q);
  logarithmOfQuotient(p, q);
  setInteger(q, whole);
  plus(p, p, q);
}

/** True if the number is 1. */
function isOne(h: u32, s: u64): bool {
  return h == BIAS && s == INTEGER;
}

/** Gives y * log2(x). */
export function logarithmTimes(hx: u32, sx: u64, hy: u32, sy: u64): void {
  const kx = kind(hx, sx);
  const ky = kind(hy, sy);
  if (nanResult(kx, hx, sx, ky, hy, sy)) return;
  const signY = signOf(hy);
  if (kx != Kind.ZERO && signOf(hx) != 0) {
    invalid();
    return;
  }
  const one = isOne(hx, sx);
  if ((ky == Kind.ZERO && (kx == Kind.ZERO || kx == Kind.INFINITY)) || (ky == Kind.INFINITY && one)) {
    invalid();
    return;
  }
  if (kx == Kind.ZERO && ky != Kind.INFINITY) {
    except(FpuException.ZE);
    giveInfinity(signY ^ 1);
    return;
  }
  if (denormalStops(kx, ky)) return;
  const below: u32 = kx != Kind.INFINITY && exponentOf(hx) < BIAS ? 1 : 0;
  if (kx == Kind.INFINITY || ky == Kind.INFINITY) giveInfinity(signY ^ below);
  else if (ky == Kind.ZERO || one) giveZero(signY ^ below);
  else {
    const x = wide(0);
    setReal(x, hx, sx);
    const exact = sx << clz<u64>(sx) == INTEGER;
    logarithm(x);
    setReal(wide(1), hy, sy);
    times(x, x, wide(1));
    giveWide(x, !exact);
  }
}

/** Gives y * log2(x + 1); defined for |x| below 1 - sqrt(0.5), computed for all x above -1. */
export function logarithmPlusOneTimes(hx: u32, sx: u64, hy: u32, sy: u64): void {
  const kx = kind(hx, sx);
  const ky = kind(hy, sy);
  if (nanResult(kx, hx, sx, ky, hy, sy)) return;
  const signX = signOf(hx);
  const signY = signOf(hy);
  const tooLow = signX != 0 && kx != Kind.ZERO && exponentOf(hx) >= BIAS;
  if (tooLow || (kx == Kind.ZERO && ky == Kind.INFINITY) || (kx == Kind.INFINITY && ky == Kind.ZERO)) {
    invalid();
    return;
  }
  if (denormalStops(kx, ky)) return;
  if (kx == Kind.INFINITY || ky == Kind.INFINITY) giveInfinity(signX ^ signY);
  else if (kx == Kind.ZERO || ky == Kind.ZERO) giveZero(signX ^ signY);
  else {
    const x = wide(0);
    setReal(x, hx, sx);
    if (exponent(x) < -2) {
      setInteger(wide(3), 2);
      plus(wide(4), x, wide(3));
      over(wide(4), x, wide(4));
      logarithmOfQuotient(x, wide(4));
    } else {
      setInteger(wide(3), 1);
      plus(x, x, wide(3));
      logarithm(x);
    }
    setReal(wide(1), hy, sy);
    times(x, x, wide(1));
    giveWide(x, true);
  }
}
