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
import { AH, EAX, EDX, shl } from "./operands.js";

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

/** MUL, IMUL with one operand. */
export function multiplyWide(signed: boolean): Lowering {
  return (e, i) => {
    if (i.size !== 4) return narrowWide(e, i, signed);
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

/** MUL, IMUL with one operand of one byte or two: the product fits in 32 bits. */
function narrowWide(e: Emitter, i: Insn, signed: boolean): boolean {
  const c = e.code;
  e.readRm(i);
  if (signed) e.extend(i.size);
  e.readReg(EAX, i.size);
  if (signed) e.extend(i.size);
  c.op(W.I32_MUL);
  c.set(Local.T1);
  storePair(
    e,
    i.size,
    () => c.get(Local.T1),
    () => {
      c.get(Local.T1);
      e.shru(8 * i.size);
    },
  );
  c.get(Local.T1);
  e.extend(i.size);
  c.set(Local.FLAG_A);
  c.get(Local.T1);
  if (signed) {
    c.get(Local.FLAG_A);
    c.op(W.I32_NE);
  } else {
    e.shru(8 * i.size);
    c.i32(0);
    c.op(W.I32_NE);
  }
  lostFlags(e);
  return true;
}

/** Stores two numbers in AL and AH, or in AX and DX. */
function storePair(e: Emitter, size: number, low: () => void, high: () => void): void {
  low();
  e.writeReg(EAX, size);
  high();
  e.writeReg(size === 1 ? AH : EDX, size);
}

/** Sets T2 to the dividend in AX, or in DX and AX. */
function narrowDividend(e: Emitter, size: number): void {
  const c = e.code;
  if (size === 1) e.readReg(EAX, 2);
  else {
    e.readReg(EDX, 2);
    shl(e, 16);
    e.readReg(EAX, 2);
    c.op(W.I32_OR);
  }
  c.set(Local.T2);
}

/** DIV by one byte or two. */
function narrowDiv(e: Emitter, i: Insn): boolean {
  const c = e.code;
  e.readRm(i);
  c.set(Local.T1);
  narrowDividend(e, i.size);
  e.beginMiss();
  c.get(Local.T2);
  e.shru(8 * i.size);
  c.get(Local.T1);
  c.op(W.I32_GE_U); // also true for a divisor of zero
  e.missIf();
  storeQuotient(e, i.size, W.I32_DIV_U, W.I32_REM_U);
  return true;
}

/** Stores quotient and remainder of T2 and T1. */
function storeQuotient(e: Emitter, size: number, divide: W, remainder: W): void {
  const of = (op: W) => () => {
    e.code.get(Local.T2);
    e.code.get(Local.T1);
    e.code.op(op);
  };
  storePair(e, size, of(divide), of(remainder));
}

/** IDIV by one byte or two; -1 is left to the interpreter as well as what faults. */
function narrowIdiv(e: Emitter, i: Insn): boolean {
  const c = e.code;
  e.readRm(i);
  e.extend(i.size);
  c.set(Local.T1);
  narrowDividend(e, i.size);
  if (i.size === 1) {
    c.get(Local.T2);
    e.extend(2);
    c.set(Local.T2);
  }
  e.beginMiss();
  c.get(Local.T1);
  c.i32(1);
  c.op(W.I32_ADD);
  c.i32(1);
  c.op(W.I32_LE_U);
  e.missIf();
  e.beginMiss();
  c.get(Local.T2);
  c.get(Local.T1);
  c.op(W.I32_DIV_S);
  c.tee(Local.T3);
  e.extend(i.size);
  c.get(Local.T3);
  c.op(W.I32_NE);
  e.missIf();
  storeQuotient(e, i.size, W.I32_DIV_S, W.I32_REM_S);
  return true;
}

/** DIV: what would fault is left to the interpreter. The flags stay (SDM: undefined). */
export const div: Lowering = (e, i) => {
  if (i.size !== 4) return narrowDiv(e, i);
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

/** IDIV; by a four-byte operand if the dividend is a sign-extended EAX, the common case. The rest is left to the interpreter. */
export const idiv: Lowering = (e, i) => {
  if (i.size !== 4) return narrowIdiv(e, i);
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
