/**
 * Lowering of bit tests and scans. A register bit offset reaches beyond a memory operand: it is signed and selects the word as well as
 * the bit.
 */
import { Op } from "../../../assembly/abi/op.js";
import { Form } from "../../../assembly/abi/record.js";
import { Tlb } from "../../../assembly/abi/layout.js";
import { Reg } from "../../../assembly/abi/x86.js";
import { W } from "../../wasm/opcodes.js";
import { type Emitter, Local } from "../emitter.js";
import { replaceCarry, replaceZero, toRaw } from "../flags.js";
import type { Insn } from "../insn.js";
import type { Lowering } from "./lowering.js";
import { putUnary } from "./operands.js";

/** Sets Local.POINTER for the word of a bit string in memory that the register operand selects. */
function reachWord(e: Emitter, i: Insn, tag: number): void {
  const c = e.code;
  e.address(i);
  e.readReg(i.reg, i.size);
  e.extend(i.size);
  c.i32(i.size === 4 ? 5 : 4);
  c.op(W.I32_SHR_S);
  c.i32(i.size === 4 ? 2 : 1);
  c.op(W.I32_SHL, W.I32_ADD);
  if (i.mask === 0xffff) e.and(0xffff);
  e.linear(i.seg, tag);
  e.check(i.size, tag);
}

/** BT, BTS, BTR, BTC: CF is the bit, the other flags stay. */
export function bitTest(op: Op.BT | Op.BTS | Op.BTR | Op.BTC): Lowering {
  return (e, i) => {
    const c = e.code;
    const tag = op === Op.BT ? Tlb.READ : Tlb.WRITE;
    toRaw(e);
    if (!i.memory) e.readReg(i.rm, i.size);
    else {
      if (i.form === Form.RM_REG) reachWord(e, i, tag);
      else e.reach(i, i.size, tag);
      c.get(Local.POINTER);
      e.load(i.size);
    }
    c.set(Local.T1);
    if (i.form === Form.RM_REG) e.readReg(i.reg, i.size);
    else c.i32(i.imm);
    e.and(8 * i.size - 1);
    c.set(Local.T2);
    if (op !== Op.BT) {
      c.get(Local.T1);
      c.i32(1);
      c.get(Local.T2);
      c.op(W.I32_SHL);
      if (op === Op.BTS) c.op(W.I32_OR);
      else if (op === Op.BTC) c.op(W.I32_XOR);
      else {
        c.i32(-1);
        c.op(W.I32_XOR, W.I32_AND);
      }
      putUnary(e, i);
    }
    c.get(Local.T1);
    c.get(Local.T2);
    c.op(W.I32_SHR_U);
    e.and(1);
    replaceCarry(e);
    return true;
  };
}

/** BSF, BSR: ZF tells that there is no bit; then the register stays. */
export function scan(forward: boolean): Lowering {
  return (e, i) => {
    const c = e.code;
    toRaw(e);
    e.readRm(i);
    c.tee(Local.T1);
    c.op(W.I32_EQZ);
    replaceZero(e);
    if (!forward) c.i32(31);
    c.get(Local.T1);
    if (forward) c.op(W.I32_CTZ);
    else c.op(W.I32_CLZ, W.I32_SUB);
    e.readReg(i.reg, i.size);
    c.get(Local.T1);
    c.op(W.SELECT);
    e.writeReg(i.reg, i.size);
    return true;
  };
}

/** CMPXCHG8B in a flat segment. EDX:EAX becomes the old value in either case, since it is that if they are equal. */
export const cmpxchg8b: Lowering = (e, i) => {
  if (!e.isFlat(i.seg)) return false;
  const c = e.code;
  toRaw(e);
  e.reach(i, 8, Tlb.WRITE);
  c.get(Local.POINTER);
  e.load(4);
  c.tee(Local.T1);
  e.getReg32(Reg.EAX);
  c.op(W.I32_EQ);
  c.get(Local.POINTER);
  c.memory(W.I32_LOAD, 4);
  c.tee(Local.T2);
  e.getReg32(Reg.EDX);
  c.op(W.I32_EQ, W.I32_AND);
  c.set(Local.T3);
  c.get(Local.POINTER);
  e.getReg32(Reg.EBX);
  c.get(Local.T1);
  c.get(Local.T3);
  c.op(W.SELECT);
  e.store(4);
  c.get(Local.POINTER);
  e.getReg32(Reg.ECX);
  c.get(Local.T2);
  c.get(Local.T3);
  c.op(W.SELECT);
  c.memory(W.I32_STORE, 4);
  c.get(Local.T1);
  e.setReg32(Reg.EAX);
  c.get(Local.T2);
  e.setReg32(Reg.EDX);
  c.get(Local.T3);
  replaceZero(e);
  return true;
};
