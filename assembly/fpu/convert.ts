/**
 * Between double extended precision and the other formats: single, double, integers, packed decimal. Loading is exact; storing rounds by
 * the rounding control. SDM 1 4.2, 4.7, 8.5; tables 4-3 to 4-5.
 */
import { FpuException, Kind } from "../abi/fpu";
import { denormalStops, nanResult1 } from "./nan";
import { cut, hasCarried, report, toInfinity, wasInexact } from "./round";
import { except, masked, setC1 } from "./state";
import {
  BIAS,
  EXPONENT_MAX,
  exponentOf,
  give,
  INTEGER,
  kind,
  normalExponent,
  normalSignificand,
  QUIET,
  signOf,
} from "./value";
import { low, shiftRightSticky } from "./wide-integer";

/** Largest number of packed decimal, plus one: eighteen digits. */
const DECIMAL_LIMIT: u64 = 1000000000000000000;
/** Packed decimal indefinite (SDM 1 4.7.1): its two top bytes; the rest is C000000000000000. */
const DECIMAL_INDEFINITE_HEAD: u32 = 0xffff;

let head: u32 = 0;

/** Gives the number whose fields are these: a format with `fraction` bits of fraction and exponents up to `top`. Returns true if it is denormal. */
function widen(sign: u32, exponent: i32, bits: u64, fraction: i32, top: i32): bool {
  const significand = bits << (63 - fraction);
  if (exponent == top) {
    give((sign << 15) | EXPONENT_MAX, significand | INTEGER);
    return false;
  }
  const rebase = BIAS - (top >> 1);
  if (exponent != 0) {
    give((sign << 15) | (exponent + rebase), significand | INTEGER);
    return false;
  }
  if (bits == 0) {
    give(sign << 15, 0);
    return false;
  }
  const count = <i32>clz<u64>(significand);
  give((sign << 15) | (1 + rebase - count), significand << count);
  return true;
}

/** Gives a single-precision number; signalling NaNs stay so. Returns true if it was denormal. */
export function fromSingle(bits: u32): bool {
  return widen(bits >>> 31, (bits >>> 23) & 0xff, <u64>(bits & 0x7fffff), 23, 0xff);
}

/** Gives a double-precision number; signalling NaNs stay so. Returns true if it was denormal. */
export function fromDouble(bits: u64): bool {
  return widen(<u32>(bits >> 63), <i32>((bits >> 52) & 0x7ff), bits & 0xfffffffffffff, 52, 0x7ff);
}

/** Gives an integer. */
export function fromInteger(value: i64): void {
  if (value == 0) {
    give(0, 0);
    return;
  }
  const sign: u32 = value < 0 ? 1 : 0;
  const magnitude = <u64>(value < 0 ? -value : value);
  const count = <i32>clz<u64>(magnitude);
  give((sign << 15) | (BIAS + 63 - count), magnitude << count);
}

/** Gives a packed decimal number; digits that are none count by their value. */
export function fromDecimal(digits: u64, top: u32): void {
  let value: u64 = (top >>> 4) & 15;
  value = value * 10 + (top & 15);
  for (let i = 0; i < 16; i++) {
    value = value * 10 + (digits >> 60);
    digits <<= 4;
  }
  fromInteger(value);
  if ((top & 0x8000) == 0) return;
  if (value == 0) give(0x8000, 0);
  else fromInteger(-(<i64>value));
}

/** The number in a format with `fraction` bits of fraction and exponents up to `top`, packed. Raises what storing it raises. */
function narrow(h: u32, s: u64, fraction: i32, top: i32): u64 {
  const k = kind(h, s);
  const sign = (<u64>signOf(h)) << (fraction == 23 ? 31 : 63);
  const infinity = (<u64>top) << fraction;
  const quiet = (<u64>1) << (fraction - 1);
  const fractionMask = (quiet << 1) - 1;
  if (k == Kind.ZERO) return sign;
  if (k == Kind.INFINITY) return sign | infinity;
  if (k == Kind.UNSUPPORTED) {
    except(FpuException.IE);
    return ((<u64>1) << (fraction == 23 ? 31 : 63)) | infinity | quiet;
  }
  if (k == Kind.QNAN || k == Kind.SNAN) {
    if (k == Kind.SNAN) except(FpuException.IE);
    return sign | infinity | quiet | ((s >> (63 - fraction)) & fractionMask);
  }
  const bits = fraction + 1;
  const exponent = normalExponent(h, s) - BIAS + (top >> 1);
  const normal = normalSignificand(s);
  const kept = cut(signOf(h), normal, 0, bits);
  const e = hasCarried() ? exponent + 1 : exponent;
  if (e >= top) {
    except(FpuException.OE);
    if (!masked(FpuException.OE)) return 0;
    except(FpuException.PE);
    const infinite = toInfinity(signOf(h));
    setC1(infinite ? 1 : 0);
    return sign | (infinite ? infinity : infinity - 1);
  }
  if (e > 0) {
    report();
    return sign | ((<u64>e) << fraction) | ((kept >> (63 - fraction)) & fractionMask);
  }
  if (!masked(FpuException.UE)) {
    except(FpuException.UE);
    return 0;
  }
  const shifted = shiftRightSticky(normal, 0, 1 - exponent);
  const denormal = cut(signOf(h), shifted, low(), bits);
  if (wasInexact()) except(FpuException.UE);
  report();
  return sign | (denormal >> (63 - fraction));
}

/** The number in single precision. */
export function toSingle(h: u32, s: u64): u32 {
  return <u32>narrow(h, s, 23, 0xff);
}

/** The number in double precision. */
export function toDouble(h: u32, s: u64): u64 {
  return narrow(h, s, 52, 0x7ff);
}

/** Magnitude of a finite number below 2^63, rounded to an integer. */
function integerMagnitude(h: u32, s: u64): u64 {
  const exponent = normalExponent(h, s) - BIAS;
  const shifted = shiftRightSticky(normalSignificand(s), 0, 63 - exponent);
  return cut(signOf(h), shifted, low(), 64);
}

/** The number as a signed integer of `bits` bits; the integer indefinite with IE if it does not fit. */
export function toInteger(h: u32, s: u64, bits: u32): i64 {
  const k = kind(h, s);
  if (k == Kind.ZERO) return 0;
  const negative = signOf(h);
  const limit = (<u64>1) << (bits - 1);
  if (k < <u32>Kind.INFINITY) {
    const exponent = exponentOf(h) - BIAS;
    if (exponent == 63 && negative != 0 && s == INTEGER && bits == 64) return <i64>limit;
    if (exponent < 63) {
      const magnitude = integerMagnitude(h, s);
      if (magnitude < limit + negative) {
        report();
        return negative != 0 ? -(<i64>magnitude) : <i64>magnitude;
      }
    }
  }
  except(FpuException.IE);
  return -(<i64>limit);
}

/** The low eight bytes of the number in packed decimal; decimalHead() has the other two. The indefinite with IE if it does not fit. */
export function toDecimal(h: u32, s: u64): u64 {
  const k = kind(h, s);
  head = h & 0x8000;
  if (k == Kind.ZERO) return 0;
  if (k < <u32>Kind.INFINITY && exponentOf(h) < BIAS + 63) {
    let magnitude = integerMagnitude(h, s);
    if (magnitude < DECIMAL_LIMIT) {
      report();
      let digits: u64 = 0;
      for (let i = 0; i < 16; i++) {
        digits |= (magnitude % 10) << (i << 2);
        magnitude /= 10;
      }
      head |= <u32>(magnitude % 10) | ((<u32>(magnitude / 10)) << 4);
      return digits;
    }
  }
  except(FpuException.IE);
  head = DECIMAL_INDEFINITE_HEAD;
  return 0xc000000000000000;
}

/** The top two bytes of the last toDecimal(). */
export function decimalHead(): u32 {
  return head;
}

/** Gives the number rounded to an integer by the rounding control (FRNDINT). */
export function roundToInteger(h: u32, s: u64): void {
  const k = kind(h, s);
  if (nanResult1(k, h, s) || denormalStops(k, Kind.ZERO)) return;
  if (k == Kind.ZERO || k == Kind.INFINITY || exponentOf(h) >= BIAS + 63) {
    give(h, s);
    return;
  }
  const magnitude = integerMagnitude(h, s);
  report();
  const count = <i32>clz<u64>(magnitude);
  if (magnitude == 0) give(h & 0x8000, 0);
  else give((h & 0x8000) | (BIAS + 63 - count), magnitude << count);
}

/** Gives the number with a signalling NaN made quiet: loading from single or double precision. Raises IE, DE. */
export function loaded(h: u32, s: u64, denormal: bool): void {
  const k = kind(h, s);
  if (k == Kind.SNAN) {
    except(FpuException.IE);
    give(h, s | QUIET);
    return;
  }
  if (denormal) except(FpuException.DE);
  give(h, s);
}
