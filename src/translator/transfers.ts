/**
 * The operations that go elsewhere: near branches, which a region follows by itself, and transfers by which privilege or segments may change.
 */
import { Op } from "../../assembly/abi/op.js";

/** The operations whose lowering is part of the region's control flow (src/translator/region.ts). */
export const BRANCHES = [
  ...([Op.JMP, Op.JCC, Op.JCXZ, Op.LOOP, Op.LOOPE, Op.LOOPNE] as const),
  ...([Op.CALL, Op.RET, Op.JMP_INDIRECT, Op.CALL_INDIRECT] as const),
] as const;

/** Transfers that the interpreter makes. */
export const FAR_TRANSFERS = [
  Op.JMP_FAR,
  Op.CALL_FAR,
  Op.JMP_FAR_INDIRECT,
  Op.CALL_FAR_INDIRECT,
  Op.RET_FAR,
  Op.INT,
  Op.INT3,
  Op.INT1,
  Op.INTO,
  Op.IRET,
  Op.SYSENTER,
  Op.SYSEXIT,
] as const;
