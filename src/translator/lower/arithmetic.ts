/**
 * Lowering of addition, subtraction, logic and comparison.
 */
import { FlagKind } from "../../../assembly/abi/region.js";
import { Reg } from "../../../assembly/abi/x86.js";
import { W } from "../../wasm/opcodes.js";
import { type Emitter, Local } from "../emitter.js";
import { pushCarry } from "../flags.js";
import type { Lowering } from "./lowering.js";
import {
  EAX,
  EDX,
  flagOperands,
  logicFlags,
  operands,
  putResult,
  putUnary,
  rawCarries,
  readUnary,
  shl,
  sized,
} from "./operands.js";

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

/** INC, DEC: CF is kept. */
export function step(add: boolean): Lowering {
  return (e, i) => {
    const c = e.code;
    readUnary(e, i);
    c.set(Local.T1);
    pushCarry(e);
    c.set(Local.FLAG_B);
    c.get(Local.T1);
    c.i32(1);
    c.op(add ? W.I32_ADD : W.I32_SUB);
    e.extend(i.size);
    c.set(Local.FLAG_A);
    if (i.size === 4) e.setFlagKind(add ? FlagKind.INC32 : FlagKind.DEC32);
    else narrowStep(e, i.size, add);
    c.get(Local.FLAG_A);
    putUnary(e, i);
    return true;
  };
}

/** The flags of an INC or DEC of fewer than four bytes, from the result in FLAG_A and CF in FLAG_B. */
function narrowStep(e: Emitter, size: number, add: boolean): void {
  const c = e.code;
  const most = 2 ** (8 * size - 1);
  c.i32(0);
  c.get(Local.FLAG_B);
  c.op(W.I32_SUB);
  e.and(0xc0000000);
  c.get(Local.FLAG_A);
  c.i32(add ? -most : most - 1);
  c.op(W.I32_EQ);
  shl(e, 30);
  c.op(W.I32_XOR);
  c.get(Local.FLAG_A);
  e.and(15);
  c.i32(add ? 0 : 15);
  c.op(W.I32_EQ);
  shl(e, 3);
  c.op(W.I32_OR);
  c.set(Local.FLAG_B);
  e.setFlagKind(FlagKind.RAW);
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

/** CWD, CDQ. */
export const cwd: Lowering = (e, i) => {
  e.getReg32(Reg.EAX);
  e.extend(i.size);
  e.code.i32(31);
  e.code.op(W.I32_SHR_S);
  e.writeReg(EDX, i.size);
  return true;
};

/** CBW, CWDE. */
export const cbw: Lowering = (e, i) => {
  e.getReg32(Reg.EAX);
  e.extend(i.size / 2);
  e.writeReg(EAX, i.size);
  return true;
};

/** XADD: the sum goes to r/m last, so that it stays if both are one register. */
export const xadd: Lowering = (e, i) => {
  const c = e.code;
  readUnary(e, i);
  c.set(Local.T1);
  e.readReg(i.reg, i.size);
  c.set(Local.T2);
  flagOperands(e, sized(ADD, i.size));
  c.get(Local.T1);
  e.writeReg(i.reg, i.size);
  c.get(Local.T1);
  c.get(Local.T2);
  c.op(W.I32_ADD);
  putUnary(e, i);
  return true;
};

/** CMPXCHG: the accumulator becomes r/m's old value in either case, since it is that if they are equal. */
export const cmpxchg: Lowering = (e, i) => {
  const c = e.code;
  readUnary(e, i);
  c.set(Local.T2);
  e.readReg(EAX, i.size);
  c.set(Local.T1);
  flagOperands(e, sized(SUB, i.size));
  c.get(Local.T2);
  e.writeReg(EAX, i.size);
  e.readReg(i.reg, i.size);
  c.get(Local.T2);
  c.get(Local.T1);
  c.get(Local.T2);
  c.op(W.I32_EQ, W.SELECT);
  putUnary(e, i);
  return true;
};
