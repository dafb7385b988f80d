/**
 * Lowering of addition, subtraction, logic and comparison.
 */
import { FlagKind } from "../../../assembly/abi/region.js";
import { Reg } from "../../../assembly/abi/x86.js";
import { W } from "../../wasm/opcodes.js";
import { Local } from "../emitter.js";
import { pushCarry } from "../flags.js";
import type { Lowering } from "./lowering.js";
import { sized, operands, putResult, flagOperands, logicFlags, rawCarries, putUnary, readUnary } from "./operands.js";

/** Kinds of an addition by operand size: four bytes, one, two. */
export const ADD = [FlagKind.ADD32, FlagKind.ADD8, FlagKind.ADD16] as const;

/** Kinds of a subtraction by operand size: four bytes, one, two. */
export const SUB = [FlagKind.SUB32, FlagKind.SUB8, FlagKind.SUB16] as const;

/** ADD, SUB. */
export function arithmetic(op: W, kinds: readonly [FlagKind, FlagKind, FlagKind]): Lowering {
  return (e, i) => {
    operands(e, i, true);
    flagOperands(e, sized(kinds, i.size));
    e.code.get(Local.T1);
    e.code.get(Local.T2);
    e.code.op(op);
    putResult(e, i);
    return true;
  };
}

/** AND, OR, XOR. */
export function logic(op: W): Lowering {
  return (e, i) => {
    operands(e, i, true);
    e.code.get(Local.T1);
    e.code.get(Local.T2);
    e.code.op(op);
    logicFlags(e, i.size);
    putResult(e, i);
    return true;
  };
}

/** ADC, SBB: the flags are computed at once, since the carry that went in is gone afterwards. */
export function withCarry(add: boolean): Lowering {
  return (e, i) => {
    const c = e.code;
    operands(e, i, true);
    c.get(Local.T1);
    c.get(Local.T2);
    c.op(add ? W.I32_ADD : W.I32_SUB);
    pushCarry(e);
    c.op(add ? W.I32_ADD : W.I32_SUB);
    c.set(Local.ADDRESS);
    if (add) {
      c.get(Local.T1);
      c.get(Local.T2);
      c.op(W.I32_AND);
      c.get(Local.T1);
      c.get(Local.T2);
      c.op(W.I32_OR);
      c.get(Local.ADDRESS);
      c.i32(-1);
      c.op(W.I32_XOR, W.I32_AND, W.I32_OR);
    } else {
      c.get(Local.T1);
      c.i32(-1);
      c.op(W.I32_XOR);
      c.get(Local.T2);
      c.op(W.I32_AND);
      c.get(Local.T1);
      c.get(Local.T2);
      c.i32(-1);
      c.op(W.I32_XOR, W.I32_XOR);
      c.get(Local.ADDRESS);
      c.op(W.I32_AND, W.I32_OR);
    }
    rawCarries(e, i.size);
    c.get(Local.ADDRESS);
    e.extend(i.size);
    c.set(Local.FLAG_A);
    e.setFlagKind(FlagKind.RAW);
    c.get(Local.ADDRESS);
    putResult(e, i);
    return true;
  };
}

/** CMP. */
export const compare: Lowering = (e, i) => {
  operands(e, i, false);
  flagOperands(e, sized(SUB, i.size));
  return true;
};

/** TEST. */
export const test: Lowering = (e, i) => {
  operands(e, i, false);
  e.code.get(Local.T1);
  e.code.get(Local.T2);
  e.code.op(W.I32_AND);
  logicFlags(e, i.size);
  e.code.op(W.DROP);
  return true;
};

/** INC, DEC of four bytes. */
export function step(add: boolean): Lowering {
  return (e, i) => {
    if (i.size !== 4) return false;
    const c = e.code;
    if (i.memory) {
      e.modify(i);
      c.get(Local.POINTER);
      e.load(4);
    } else e.readReg(i.rm, 4);
    c.set(Local.T1);
    pushCarry(e);
    c.set(Local.FLAG_B);
    c.get(Local.T1);
    c.i32(1);
    c.op(add ? W.I32_ADD : W.I32_SUB);
    c.tee(Local.FLAG_A);
    e.setFlagKind(add ? FlagKind.INC32 : FlagKind.DEC32);
    putUnary(e, i);
    return true;
  };
}

/** NOT: no flags. */
export const not: Lowering = (e, i) => {
  readUnary(e, i);
  e.code.i32(-1);
  e.code.op(W.I32_XOR);
  putUnary(e, i);
  return true;
};

/** NEG: the flags of 0 - r/m. */
export const neg: Lowering = (e, i) => {
  const c = e.code;
  readUnary(e, i);
  c.set(Local.T2);
  c.i32(0);
  c.set(Local.T1);
  flagOperands(e, sized(SUB, i.size));
  c.i32(0);
  c.get(Local.T2);
  c.op(W.I32_SUB);
  putUnary(e, i);
  return true;
};

/** CDQ. */
export const cwd: Lowering = (e, i) => {
  if (i.size !== 4) return false;
  e.getReg32(Reg.EAX);
  e.code.i32(31);
  e.code.op(W.I32_SHR_S);
  e.setReg32(Reg.EDX);
  return true;
};

/** CWDE. */
export const cbw: Lowering = (e, i) => {
  if (i.size !== 4) return false;
  e.getReg32(Reg.EAX);
  e.extend(2);
  e.setReg32(Reg.EAX);
  return true;
};
