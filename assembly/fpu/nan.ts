/**
 * Operands that decide the result by being what they are: unsupported patterns, NaNs, denormals. SDM 1 4.8.3.5 (table 4-7: which NaN
 * wins), 8.2.2 (unsupported), 8.5.1 and 8.5.2, 4.9.2 (order of exceptions).
 */
import { FpuException, Kind } from "../abi/fpu";
import { except, masked } from "./state";
import { give, giveIndefinite, QUIET, signOf } from "./value";

/** 1: the memory operand was denormal in its own format, although not in double extended precision. */
let denormalSource: bool = false;

/** Says whether the memory operand of the running instruction was denormal. */
export function setDenormalSource(denormal: bool): void {
  denormalSource = denormal;
}

/** Gives the result if one of two operands is a NaN or unsupported. Returns false if neither is. */
export function nanResult(ka: u32, ha: u32, sa: u64, kb: u32, hb: u32, sb: u64): bool {
  if (ka < <u32>Kind.QNAN && kb < <u32>Kind.QNAN) return false;
  if (ka == Kind.UNSUPPORTED || kb == Kind.UNSUPPORTED) {
    except(FpuException.IE);
    giveIndefinite();
    return true;
  }
  if (ka == Kind.SNAN || kb == Kind.SNAN) except(FpuException.IE);
  let first = ka >= <u32>Kind.QNAN;
  if (first && kb >= <u32>Kind.QNAN) {
    if (ka != kb) first = ka == Kind.QNAN;
    else if (sa != sb) first = sa > sb;
    else first = signOf(ha) == 0;
  }
  if (first) give(ha, sa | QUIET);
  else give(hb, sb | QUIET);
  return true;
}

/** The same for one operand. */
export function nanResult1(k: u32, h: u32, s: u64): bool {
  return nanResult(k, h, s, Kind.ZERO, 0, 0);
}

/** Raises DE if an operand is denormal. Returns true if the operation must not go on. */
export function denormalStops(ka: u32, kb: u32): bool {
  if (ka != Kind.DENORMAL && kb != Kind.DENORMAL && !denormalSource) return false;
  except(FpuException.DE);
  return !masked(FpuException.DE);
}

/** Raises IE and gives the indefinite. */
export function invalid(): void {
  except(FpuException.IE);
  giveIndefinite();
}
