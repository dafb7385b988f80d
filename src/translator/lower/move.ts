/**
 * Lowering of moves, conversions, conditional operations and single flags.
 */
import { Form } from "../../../assembly/abi/record.js";
import { FlagKind } from "../../../assembly/abi/region.js";
import { W } from "../../wasm/opcodes.js";
import { type Emitter, Local } from "../emitter.js";
import { popLowByte, pushCondition, pushLowByte, toRaw } from "../flags.js";
import type { Lowering } from "./lowering.js";
import { source, putUnary, readUnary } from "./operands.js";

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

/** SETcc to a register. */
export const setcc: Lowering = (e, i) => {
  if (i.memory) return false;
  pushCondition(e, i.condition);
  e.writeReg(i.rm, 1);
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

/** BSWAP. */
export const bswap: Lowering = (e, i) => {
  if (i.size !== 4) return false;
  const c = e.code;
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
    const c = e.code;
    toRaw(e);
    // OF is bit 31 ^ bit 30: both change with CF so that it stays.
    make(e);
    c.get(Local.FLAG_B);
    e.shru(31);
    c.op(W.I32_XOR);
    c.i32(-1073741824);
    c.op(W.I32_MUL);
    c.get(Local.FLAG_B);
    c.op(W.I32_XOR);
    c.set(Local.FLAG_B);
    e.setFlagKind(FlagKind.RAW);
    return true;
  };
}

/** Offset of AH in the state. */
const AH = 1;

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
