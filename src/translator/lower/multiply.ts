/**
 * Lowering of multiplication and division. What would fault is left to the interpreter.
 */
import { Form } from "../../../assembly/abi/record.js";
import { FlagKind } from "../../../assembly/abi/region.js";
import { Reg } from "../../../assembly/abi/x86.js";
import { W } from "../../wasm/opcodes.js";
import { type Emitter, Local } from "../emitter.js";
import type { Insn } from "../insn.js";
import type { Lowering } from "./lowering.js";

/** IMUL with two or three operands. */
export const imul: Lowering = (e, i) => {
  if (i.size === 2) return imul16(e, i);
  const c = e.code;
  e.readRm(i);
  c.op(W.I64_EXTEND_I32_S);
  if (i.form === Form.REG_RM_IMM) c.i32(i.imm);
  else e.readReg(i.reg, 4);
  c.op(W.I64_EXTEND_I32_S, W.I64_MUL);
  c.tee(Local.WIDE);
  c.op(W.I32_WRAP_I64);
  c.tee(Local.FLAG_A);
  e.writeReg(i.reg, 4);
  c.get(Local.WIDE);
  c.get(Local.FLAG_A);
  c.op(W.I64_EXTEND_I32_S, W.I64_NE);
  lostFlags(e);
  return true;
};

/** Pops whether a product lost bits: CF = OF = that, and FLAG_A is the result. */
function lostFlags(e: Emitter): void {
  const c = e.code;
  c.i32(31);
  c.op(W.I32_SHL);
  c.set(Local.FLAG_B);
  e.setFlagKind(FlagKind.RAW);
}

/** MUL, IMUL with one operand of four bytes. */
export function multiplyWide(signed: boolean): Lowering {
  return (e, i) => {
    if (i.size !== 4) return false;
    const c = e.code;
    const extend = signed ? W.I64_EXTEND_I32_S : W.I64_EXTEND_I32_U;
    e.readRm(i);
    c.op(extend);
    e.getReg32(Reg.EAX);
    c.op(extend, W.I64_MUL);
    c.tee(Local.WIDE);
    c.op(W.I32_WRAP_I64);
    c.tee(Local.FLAG_A);
    e.setReg32(Reg.EAX);
    c.get(Local.WIDE);
    c.byte(W.I64_CONST);
    c.s32(32);
    c.op(W.I64_SHR_U, W.I32_WRAP_I64);
    c.tee(Local.T1);
    e.setReg32(Reg.EDX);
    c.get(Local.T1);
    if (signed) {
      c.get(Local.FLAG_A);
      c.i32(31);
      c.op(W.I32_SHR_S, W.I32_NE);
    } else {
      c.i32(0);
      c.op(W.I32_NE);
    }
    lostFlags(e);
    return true;
  };
}

/** DIV by a four-byte operand: what would fault is left to the interpreter. The flags stay (SDM: undefined). */
export const div: Lowering = (e, i) => {
  if (i.size !== 4) return false;
  const c = e.code;
  e.readRm(i);
  c.set(Local.T1);
  e.beginMiss();
  e.getReg32(Reg.EDX);
  c.get(Local.T1);
  c.op(W.I32_GE_U); // also true for a divisor of zero
  e.missIf();
  e.getReg32(Reg.EDX);
  c.open(W.IF, 0x40);
  e.labels.push("if");
  e.getReg32(Reg.EDX);
  c.op(W.I64_EXTEND_I32_U);
  c.byte(W.I64_CONST);
  c.s32(32);
  c.op(W.I64_SHL);
  e.getReg32(Reg.EAX);
  c.op(W.I64_EXTEND_I32_U, W.I64_OR);
  c.set(Local.WIDE);
  c.get(Local.WIDE);
  c.get(Local.T1);
  c.op(W.I64_EXTEND_I32_U);
  c.tee(Local.WIDE2);
  c.op(W.I64_REM_U, W.I32_WRAP_I64);
  e.setReg32(Reg.EDX);
  c.get(Local.WIDE);
  c.get(Local.WIDE2);
  c.op(W.I64_DIV_U, W.I32_WRAP_I64);
  e.setReg32(Reg.EAX);
  c.op(W.ELSE);
  e.getReg32(Reg.EAX);
  c.get(Local.T1);
  c.op(W.I32_REM_U);
  e.setReg32(Reg.EDX);
  e.getReg32(Reg.EAX);
  c.get(Local.T1);
  c.op(W.I32_DIV_U);
  e.setReg32(Reg.EAX);
  e.labels.pop();
  c.end();
  return true;
};

/** IDIV by a four-byte operand whose dividend is a sign-extended EAX, the common case; the rest is left to the interpreter. */
export const idiv: Lowering = (e, i) => {
  if (i.size !== 4) return false;
  const c = e.code;
  e.readRm(i);
  c.set(Local.T1);
  e.beginMiss();
  e.getReg32(Reg.EDX);
  e.getReg32(Reg.EAX);
  c.i32(31);
  c.op(W.I32_SHR_S, W.I32_NE);
  c.get(Local.T1);
  c.op(W.I32_EQZ, W.I32_OR);
  c.get(Local.T1);
  c.i32(-1);
  c.op(W.I32_EQ, W.I32_OR);
  e.missIf();
  e.getReg32(Reg.EAX);
  c.get(Local.T1);
  c.op(W.I32_REM_S);
  e.setReg32(Reg.EDX);
  e.getReg32(Reg.EAX);
  c.get(Local.T1);
  c.op(W.I32_DIV_S);
  e.setReg32(Reg.EAX);
  return true;
};

/** IMUL of two bytes: the product fits in 32 bits. */
function imul16(e: Emitter, i: Insn): boolean {
  const c = e.code;
  e.readRm(i);
  e.extend(2);
  if (i.form === Form.REG_RM_IMM) c.i32(i.imm);
  else {
    e.readReg(i.reg, 2);
    e.extend(2);
  }
  c.op(W.I32_MUL);
  c.tee(Local.T1);
  e.writeReg(i.reg, 2);
  c.get(Local.T1);
  e.extend(2);
  c.tee(Local.FLAG_A);
  c.get(Local.T1);
  c.op(W.I32_NE);
  lostFlags(e);
  return true;
}
