/**
 * Comparison and classification. SDM 2A "FCOM", "FUCOM", "FCOMI", "FXAM".
 */
import { FpuException, FpuStatus, Kind } from "../abi/fpu";
import { denormalStops } from "./nan";
import { except } from "./state";
import { kind, normalExponent, normalSignificand, signOf } from "./value";

/** Answer of compare(): C3, C2, C0 as in the status word. Unordered is all three. */
export enum Order {
  GREATER = 0,
  LESS = 256,
  EQUAL = 16384,
  UNORDERED = 17664,
}

/** Compares a with b; a quiet NaN is invalid unless `quiet` allows it. Raises IE and DE. */
export function compare(ha: u32, sa: u64, hb: u32, sb: u64, quiet: bool): u32 {
  const ka = kind(ha, sa);
  const kb = kind(hb, sb);
  if (ka >= <u32>Kind.QNAN || kb >= <u32>Kind.QNAN) {
    if (!quiet || ka > <u32>Kind.QNAN || kb > <u32>Kind.QNAN) except(FpuException.IE);
    return Order.UNORDERED;
  }
  denormalStops(ka, kb);
  if (ka == Kind.ZERO && kb == Kind.ZERO) return Order.EQUAL;
  const signA = signOf(ha);
  if (kb == Kind.ZERO) return signA != 0 ? Order.LESS : Order.GREATER;
  if (ka == Kind.ZERO || signA != signOf(hb)) return signOf(hb) != 0 ? Order.GREATER : Order.LESS;
  const ea = normalExponent(ha, sa);
  const eb = normalExponent(hb, sb);
  const na = normalSignificand(sa);
  const nb = normalSignificand(sb);
  if (ea == eb && na == nb) return Order.EQUAL;
  const larger = ea > eb || (ea == eb && na > nb);
  return larger == (signA == 0) ? Order.GREATER : Order.LESS;
}

/** C3, C2, C0 of FXAM for a register that is not empty. */
export function examine(h: u32, s: u64): u32 {
  switch (<i32>kind(h, s)) {
    case Kind.UNSUPPORTED:
      return 0;
    case Kind.QNAN:
    case Kind.SNAN:
      return FpuStatus.C0;
    case Kind.NORMAL:
      return FpuStatus.C2;
    case Kind.INFINITY:
      return FpuStatus.C2 | FpuStatus.C0;
    case Kind.ZERO:
      return FpuStatus.C3;
    default:
      return FpuStatus.C3 | FpuStatus.C2;
  }
}
