/**
 * Optimises the records of a block that will run as a whole: flags nobody reads are not computed. The result is
 * indistinguishable, since such a block is entered only if the budget covers all of it, and every instruction between
 * a dropped flag computation and the one that overwrites it cannot fault.
 */
import { Handler } from "../abi/handler";
import { Rec } from "../abi/record";

/** Optimises the records from `first` up to `end`; returns the new end. */
export function optimise(first: usize, end: usize): usize {
  for (let rec = first; rec + Rec.BYTES < end; rec += Rec.BYTES) {
    const lean = withoutFlags(load<u16>(rec));
    if (lean != 0 && overwritesFlags(load<u16>(rec + Rec.BYTES))) store<u16>(rec, <u16>lean);
  }
  return end;
}

/** The form of `handler` that computes no flags, or 0. */
function withoutFlags(handler: u32): u32 {
  switch (handler) {
    case Handler.ADD32_RR:
      return Handler.ADD32_RR_NF;
    case Handler.ADD32_RI:
      return Handler.ADD32_RI_NF;
    case Handler.ADD32_RM:
      return Handler.ADD32_RM_NF;
    case Handler.OR32_RR:
      return Handler.OR32_RR_NF;
    case Handler.OR32_RI:
      return Handler.OR32_RI_NF;
    case Handler.OR32_RM:
      return Handler.OR32_RM_NF;
    case Handler.AND32_RR:
      return Handler.AND32_RR_NF;
    case Handler.AND32_RI:
      return Handler.AND32_RI_NF;
    case Handler.AND32_RM:
      return Handler.AND32_RM_NF;
    case Handler.SUB32_RR:
      return Handler.SUB32_RR_NF;
    case Handler.SUB32_RI:
      return Handler.SUB32_RI_NF;
    case Handler.SUB32_RM:
      return Handler.SUB32_RM_NF;
    case Handler.XOR32_RR:
      return Handler.XOR32_RR_NF;
    case Handler.XOR32_RI:
      return Handler.XOR32_RI_NF;
    case Handler.XOR32_RM:
      return Handler.XOR32_RM_NF;
    case Handler.SHL32_RI:
      return Handler.SHL32_RI_NF;
    case Handler.SHR32_RI:
      return Handler.SHR32_RI_NF;
    case Handler.SAR32_RI:
      return Handler.SAR32_RI_NF;
    case Handler.INC32_R:
      return Handler.INC32_R_NF;
    case Handler.DEC32_R:
      return Handler.DEC32_R_NF;
    default:
      return 0;
  }
}

/** True if `handler` sets all six arithmetic flags, reads none, and cannot fault. */
function overwritesFlags(handler: u32): bool {
  switch (handler) {
    case Handler.ADD32_RR:
    case Handler.ADD32_RI:
    case Handler.OR32_RR:
    case Handler.OR32_RI:
    case Handler.AND32_RR:
    case Handler.AND32_RI:
    case Handler.SUB32_RR:
    case Handler.SUB32_RI:
    case Handler.XOR32_RR:
    case Handler.XOR32_RI:
    case Handler.CMP32_RR:
    case Handler.CMP32_RI:
    case Handler.TEST32_RR:
    case Handler.TEST32_RI:
    case Handler.SHL32_RI:
    case Handler.SHR32_RI:
    case Handler.SAR32_RI:
    case Handler.NEG32_R:
    case Handler.IMUL32_RR:
    case Handler.IMUL32_RRI:
      return true;
    default:
      return false;
  }
}
