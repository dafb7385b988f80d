/**
 * Lowering of moves, conversions, conditional operations and single flags.
 */
import { Tlb } from "../../../assembly/abi/layout.js";
import { Form, RecFlag } from "../../../assembly/abi/record.js";
import { Reg, Seg } from "../../../assembly/abi/x86.js";
import { W } from "../../wasm/opcodes.js";
import { type Emitter, Local } from "../emitter.js";
import { popLowByte, pushCondition, pushLowByte, replaceCarry, toRaw } from "../flags.js";
import type { Lowering } from "./lowering.js";
import { AH, EAX, pushSelector, putUnary, readUnary, source } from "./operands.js";

/** MOV in all forms of general registers, memory and immediates. */
export const mov: Lowering = (e, i) => {
  const c = e.code;
  if (i.form === Form.REG_RM) {
    e.readRm(i);
    e.writeReg(i.reg, i.size);
    return true;
  }
  if (!i.memory) {
    source(e, i);
    e.writeReg(i.rm, i.size);
    return true;
  }
  e.modify(i);
  c.get(Local.POINTER);
  source(e, i);
  e.store(i.size);
  return true;
};

/** MOV from a segment register: memory takes two bytes of it, whatever the operand size. */
export const movFromSegment: Lowering = (e, i) => {
  if (i.reg > Seg.GS) return false;
  if (i.memory) {
    e.reach(i, 2, Tlb.WRITE);
    e.code.get(Local.POINTER);
    pushSelector(e, i);
    e.store(2);
  } else {
    pushSelector(e, i);
    e.writeReg(i.rm, i.size);
  }
  return true;
};

/** MOVZX, MOVSX from `from` bytes. */
export function widen(from: number, signed: boolean): Lowering {
  return (e, i) => {
    e.readRm(i, from);
    if (signed) e.extend(from);
    e.writeReg(i.reg, i.size);
    return true;
  };
}

/** LEA. */
export const lea: Lowering = (e, i) => {
  e.address(i);
  e.writeReg(i.reg, i.size);
  return true;
};

/** XCHG. */
export const xchg: Lowering = (e, i) => {
  const c = e.code;
  readUnary(e, i);
  c.set(Local.T1);
  e.readReg(i.reg, i.size);
  c.set(Local.T2);
  c.get(Local.T2);
  putUnary(e, i);
  c.get(Local.T1);
  e.writeReg(i.reg, i.size);
  return true;
};

/** SETcc. */
export const setcc: Lowering = (e, i) => {
  if (i.memory) {
    e.modify(i);
    e.code.get(Local.POINTER);
    pushCondition(e, i.condition);
    e.store(1);
  } else {
    pushCondition(e, i.condition);
    e.writeReg(i.rm, 1);
  }
  return true;
};

/** CMOVcc: a memory source is always read. */
export const cmov: Lowering = (e, i) => {
  const c = e.code;
  e.readRm(i);
  e.readReg(i.reg, i.size);
  pushCondition(e, i.condition);
  c.op(W.SELECT);
  e.writeReg(i.reg, i.size);
  return true;
};

/** BSWAP; of two bytes it gives zero. */
export const bswap: Lowering = (e, i) => {
  const c = e.code;
  if (i.size !== 4) {
    c.i32(0);
    e.writeReg(i.rm, i.size);
    return true;
  }
  e.readReg(i.rm, 4);
  c.i32(8);
  c.op(W.I32_ROTL);
  e.and(0x00ff00ff);
  e.readReg(i.rm, 4);
  c.i32(8);
  c.op(W.I32_ROTR);
  e.and(0xff00ff00);
  c.op(W.I32_OR);
  e.writeReg(i.rm, 4);
  return true;
};

/** NOP. */
export const nop: Lowering = () => true;

/** CLC, STC, CMC. */
export function carryFlag(make: (e: Emitter) => void): Lowering {
  return (e) => {
    toRaw(e);
    make(e);
    replaceCarry(e);
    return true;
  };
}

/** XLAT with a 32-bit address. */
export const xlat: Lowering = (e, i) => {
  if ((i.flags & RecFlag.ADDR16) !== 0) return false;
  e.getReg32(Reg.EBX);
  e.readReg(EAX, 1);
  e.code.op(W.I32_ADD);
  e.linear(i.seg, Tlb.READ);
  e.loadAt(1);
  e.writeReg(EAX, 1);
  return true;
};

/** LAHF. */
export const lahf: Lowering = (e) => {
  pushLowByte(e);
  e.writeReg(AH, 1);
  return true;
};

/** SAHF. */
export const sahf: Lowering = (e) => {
  e.readReg(AH, 1);
  popLowByte(e);
  return true;
};
