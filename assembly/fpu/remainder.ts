/**
 * FPREM, FPREM1, FSCALE and FXTRACT. SDM 2A, the instructions' pages: the remainders are exact, and reduce the exponent by at most 63
 * at a time.
 */
import { FpuException, FpuStatus, Kind } from "../abi/fpu";
import { denormalStops, invalid, nanResult, nanResult1 } from "./nan";
import { roundResult } from "./round";
import { except } from "./state";
import {
  BIAS,
  give,
  giveInfinity,
  giveZero,
  INTEGER,
  kind,
  normalExponent,
  normalSignificand,
  resultHead,
  resultSignificand,
  signOf,
} from "./value";
import { fromInteger } from "./convert";

/** Exponent beyond which scaling overflows or underflows whatever the operand. */
const SCALE_LIMIT: i32 = 0x10000;

/** Answer of partialRemainder() if nothing was divided. */
export const NO_QUOTIENT: u32 = 1;

/** Condition bits of a quotient: C0 bit 2, C3 bit 1, C1 bit 0. */
function quotientBits(q: u64): u32 {
  let bits: u32 = 0;
  if ((q & 4) != 0) bits |= FpuStatus.C0;
  if ((q & 2) != 0) bits |= FpuStatus.C3;
  if ((q & 1) != 0) bits |= FpuStatus.C1;
  return bits;
}

/**
 * Gives the remainder of a / b: quotient truncated, or to nearest even if `nearest`. Returns the condition bits; C2 says that the reduction
 * is not complete; or NO_QUOTIENT.
 */
export function partialRemainder(ha: u32, sa: u64, hb: u32, sb: u64, nearest: bool): u32 {
  const ka = kind(ha, sa);
  const kb = kind(hb, sb);
  if (nanResult(ka, ha, sa, kb, hb, sb)) return NO_QUOTIENT;
  if (ka == Kind.INFINITY || kb == Kind.ZERO) {
    invalid();
    return NO_QUOTIENT;
  }
  if (denormalStops(ka, kb)) return NO_QUOTIENT;
  if (ka == Kind.ZERO) {
    give(ha, sa);
    return 0;
  }
  const ea = normalExponent(ha, sa);
  const sign = signOf(ha);
  let rest = normalSignificand(sa);
  if (kb == Kind.INFINITY) {
    roundResult(sign, ea, rest, 0, 64);
    return 0;
  }
  const eb = normalExponent(hb, sb);
  const b = normalSignificand(sb);
  const distance = ea - eb;
  const least = nearest ? -1 : 0;
  if (distance < least) {
    roundResult(sign, ea, rest, 0, 64);
    return 0;
  }
  const complete = distance < 64;
  const steps = complete ? distance : (distance & 31) | 32;
  let q: u64 = 0;
  // Long division, a bit at a time: `rest` stays below 2b, its bit 64 in `over`.
  let over = false;
  for (let i = 0; i <= steps; i++) {
    if (i > 0) {
      over = (rest & INTEGER) != 0;
      rest <<= 1;
    }
    q <<= 1;
    if (over || rest >= b) {
      rest -= b;
      over = false;
      q |= 1;
    }
  }
  // For a partial reduction the remainder belongs to the dividend's exponent less the bits divided.
  const exponent = complete ? (distance < 0 ? ea : eb) : ea - steps;
  if (!complete) {
    normalised(sign, exponent, rest);
    return FpuStatus.C2;
  }
  let resultSign = sign;
  if (nearest) {
    if (distance < 0) {
      // a < b: twice a against b, at the exponent of a.
      if (rest > b) {
        // b - a is b doubled at this exponent, less the rest: it fits, being below a.
        rest = (b << 1) - rest;
        resultSign ^= 1;
        q = 1;
      }
    } else {
      const twice = rest << 1;
      const carry = (rest & INTEGER) != 0;
      if (carry || twice > b || (twice == b && (q & 1) != 0)) {
        rest = b - rest;
        resultSign ^= 1;
        q++;
      }
    }
  }
  if (rest == 0) giveZero(sign);
  else normalised(resultSign, exponent, rest);
  return quotientBits(q);
}

/** Gives significand * 2^(exponent - bias - 63), any significand. */
function normalised(sign: u32, exponent: i32, significand: u64): void {
  if (significand == 0) {
    giveZero(sign);
    return;
  }
  const count = <i32>clz<u64>(significand);
  roundResult(sign, exponent - count, significand << count, 0, 64);
}

/** Gives a * 2^trunc(b). */
export function scale(ha: u32, sa: u64, hb: u32, sb: u64): void {
  const ka = kind(ha, sa);
  const kb = kind(hb, sb);
  if (nanResult(ka, ha, sa, kb, hb, sb)) return;
  const sign = signOf(ha);
  if (kb == Kind.INFINITY) {
    const down = signOf(hb) != 0;
    if ((ka == Kind.INFINITY && down) || (ka == Kind.ZERO && !down)) {
      invalid();
      return;
    }
    if (denormalStops(ka, kb)) return;
    if (down) giveZero(sign);
    else giveInfinity(sign);
    return;
  }
  if (denormalStops(ka, kb)) return;
  if (ka == Kind.ZERO || ka == Kind.INFINITY) {
    give(ha, sa);
    return;
  }
  let by: i32 = 0;
  if (kb != Kind.ZERO) {
    const exponent = normalExponent(hb, sb) - BIAS;
    if (exponent >= 16) by = SCALE_LIMIT;
    else if (exponent >= 0) by = <i32>(normalSignificand(sb) >> (63 - exponent));
    if (signOf(hb) != 0) by = -by;
  }
  roundResult(sign, normalExponent(ha, sa) + by, normalSignificand(sa), 0, 64);
}

let exponentHead: u32 = 0;
let exponentSignificand: u64 = 0;

/** Gives the significand of FXTRACT; extractedHead() and extractedSignificand() are the exponent. */
export function extract(h: u32, s: u64): void {
  const k = kind(h, s);
  if (nanResult1(k, h, s)) keepExponent();
  else if (k == Kind.ZERO) {
    except(FpuException.ZE);
    giveInfinity(1);
    keepExponent();
    give(h, s);
  } else if (k == Kind.INFINITY) {
    giveInfinity(0);
    keepExponent();
    give(h, s);
  } else {
    if (denormalStops(k, Kind.ZERO)) return;
    fromInteger(normalExponent(h, s) - BIAS);
    keepExponent();
    give((h & 0x8000) | BIAS, normalSignificand(s));
  }
}

function keepExponent(): void {
  exponentHead = resultHead();
  exponentSignificand = resultSignificand();
}

/** Sign and exponent of the exponent of extract(). */
export function extractedHead(): u32 {
  return exponentHead;
}

/** Significand of the exponent of extract(). */
export function extractedSignificand(): u64 {
  return exponentSignificand;
}
