/**
 * Rounding to a format: the one place where precision, overflow and underflow are decided. SDM 1 4.8.4 and 8.5.4 to 8.5.6.
 * Tininess is detected after rounding; a masked underflow is an exception only if the result is inexact.
 */
import { FpuException, Rounding } from "../abi/fpu";
import { except, masked, rounding, setC1 } from "./state";
import { EXPONENT_MAX, give, giveInfinity, INTEGER } from "./value";
import { low, shiftRightSticky } from "./wide-integer";

/** What an unmasked overflow subtracts from the exponent, and an unmasked underflow adds. */
const WRAP: i32 = 24576;

/** Of the last cut(): the exponent went up by one; bits were lost; the magnitude went up. */
let carried: bool = false;
let inexact: bool = false;
let roundedUp: bool = false;

/** True if the last rounding lost bits. */
export function wasInexact(): bool {
  return inexact;
}

/** True if the last rounding carried into the next power of two. */
export function hasCarried(): bool {
  return carried;
}

/** Cuts high:low to the top `bits` bits of `high` by the rounding control. */
export function cut(sign: u32, high: u64, lowPart: u64, bits: u32): u64 {
  let tail = lowPart;
  let kept = high;
  let unit: u64 = 1;
  if (bits != 64) {
    tail = (high << bits) | (lowPart != 0 ? 1 : 0);
    unit = (<u64>1) << (64 - bits);
    kept = high & ~(unit - 1);
  }
  carried = false;
  roundedUp = false;
  inexact = tail != 0;
  if (!inexact) return kept;
  const mode = rounding();
  if (mode == Rounding.NEAREST) roundedUp = tail > INTEGER || (tail == INTEGER && (kept & unit) != 0);
  else roundedUp = mode == (sign != 0 ? Rounding.DOWN : Rounding.UP);
  if (!roundedUp) return kept;
  kept += unit;
  if (kept != 0) return kept;
  carried = true;
  return INTEGER;
}

/** Largest finite significand of `bits` bits. */
function largest(bits: u32): u64 {
  return bits == 64 ? ~(<u64>0) : ~(((<u64>1) << (64 - bits)) - 1);
}

/** Raises PE and sets C1 by the last cut(). */
export function report(): void {
  if (!inexact) return;
  except(FpuException.PE);
  setC1(roundedUp ? 1 : 0);
}

/** True if an overflow goes to infinity in the current rounding mode. */
export function toInfinity(sign: u32): bool {
  const mode = rounding();
  return mode == Rounding.NEAREST || mode == (sign != 0 ? Rounding.DOWN : Rounding.UP);
}

/**
 * Gives the number high:low * 2^(exponent - 16383 - 127), integer bit set, rounded to `bits` bits. `exponent` may be out of range
 * on both sides.
 */
export function roundResult(sign: u32, exponent: i32, high: u64, lowPart: u64, bits: u32): void {
  if (exponent <= 0) {
    tiny(sign, exponent, high, lowPart, bits);
    return;
  }
  const kept = cut(sign, high, lowPart, bits);
  const e = carried ? exponent + 1 : exponent;
  if (e < EXPONENT_MAX) {
    report();
    give((sign << 15) | e, kept);
    return;
  }
  except(FpuException.OE);
  if (!masked(FpuException.OE)) {
    report();
    if (e - WRAP < EXPONENT_MAX) give((sign << 15) | (e - WRAP), kept);
    else {
      except(FpuException.PE);
      setC1(1);
      giveInfinity(sign);
    }
    return;
  }
  except(FpuException.PE);
  const infinite = toInfinity(sign);
  setC1(infinite ? 1 : 0);
  if (infinite) giveInfinity(sign);
  else give((sign << 15) | (EXPONENT_MAX - 1), largest(bits));
}

/** The same for an exponent below the smallest normal one. */
function tiny(sign: u32, exponent: i32, high: u64, lowPart: u64, bits: u32): void {
  const unbounded = cut(sign, high, lowPart, bits);
  const isTiny = exponent < 0 || !carried;
  if (isTiny && !masked(FpuException.UE)) {
    except(FpuException.UE);
    const e = exponent + WRAP + (carried ? 1 : 0);
    if (e > 0) {
      report();
      give((sign << 15) | e, unbounded);
    } else {
      except(FpuException.PE);
      give(sign << 15, 0);
    }
    return;
  }
  const shifted = shiftRightSticky(high, lowPart, 1 - exponent);
  const kept = cut(sign, shifted, low(), bits);
  if (inexact && isTiny) except(FpuException.UE);
  report();
  give((sign << 15) | ((kept & INTEGER) != 0 ? 1 : 0), kept);
}
