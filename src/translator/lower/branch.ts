/**
 * The conditions of branches.
 */
import { Op } from "../../../assembly/abi/op.js";
import { Reg } from "../../../assembly/abi/x86.js";
import { W } from "../../wasm/opcodes.js";
import type { Emitter } from "../emitter.js";
import { pushCondition } from "../flags.js";
import type { Insn } from "../insn.js";

/** Condition codes that LOOPE and LOOPNE look at. */
const ZERO = 4;
const NOT_ZERO = 5;

/** Pushes whether a JCC, JCXZ, LOOP, LOOPE or LOOPNE is taken; the count has been decremented then. */
export function pushBranchCondition(e: Emitter, insn: Insn): void {
  if (insn.op === Op.JCC) {
    pushCondition(e, insn.condition);
    return;
  }
  e.getReg32(Reg.ECX);
  if (insn.op === Op.JCXZ) {
    e.code.op(W.I32_EQZ);
    return;
  }
  e.code.i32(1);
  e.code.op(W.I32_SUB);
  e.setReg32(Reg.ECX);
  e.getReg32(Reg.ECX);
  if (insn.op === Op.LOOP) return;
  e.code.i32(0);
  e.code.op(W.I32_NE);
  pushCondition(e, insn.op === Op.LOOPE ? ZERO : NOT_ZERO);
  e.code.op(W.I32_AND);
}
