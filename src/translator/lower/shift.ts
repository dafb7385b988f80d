/**
 * Lowering of shifts and rotates. The flags are those of the interpreter's hot forms (assembly/cpu/hot.ts), undefined ones included.
 */
import { Op } from "../../../assembly/abi/op.js";
import { Form } from "../../../assembly/abi/record.js";
import { FlagKind } from "../../../assembly/abi/region.js";
import { Reg } from "../../../assembly/abi/x86.js";
import { W } from "../../wasm/opcodes.js";
import { type Emitter, Local } from "../emitter.js";
import { toRaw } from "../flags.js";
import type { Insn } from "../insn.js";
import type { Lowering } from "./lowering.js";
import { putUnary, readUnary } from "./operands.js";

/** Count of a shift by an immediate or by one, 1 to 31; 0 if it is not constant or zero. */
function constantCount(i: Insn): number {
  if (i.form === Form.RM_ONE) return 1;
  return i.form === Form.RM_IMM ? i.imm & 31 : 0;
}

/** SHL, SHR, SAR of four bytes in a register or memory: by a constant, or by CL with the flags kept for a count of zero. */
export function shift(op: Op.SHL | Op.SHR | Op.SAR): Lowering {
  return (e, i) => {
    if (i.size !== 4) return false;
    const c = e.code;
    const n = constantCount(i);
    if (n === 0) return i.form === Form.RM_CL && !i.memory ? shiftByCl(e, i, op) : false;
    readUnary(e, i);
    c.set(Local.T1);
    c.i32(n);
    c.set(Local.T2);
    shiftResult(e, op);
    c.get(Local.FLAG_A);
    putUnary(e, i);
    return true;
  };
}

/** FLAG_A, FLAG_B and their kind for T1 shifted by T2 (1 to 31): see shl32, shr32 and sar32 in assembly/cpu/hot.ts. */
function shiftResult(e: Emitter, op: Op): void {
  const c = e.code;
  if (op === Op.SHL) {
    c.get(Local.T1);
    c.get(Local.T2);
    c.op(W.I32_SHL);
    c.tee(Local.FLAG_A);
    c.i32(1);
    c.op(W.I32_SHR_U);
    e.and(0x40000000);
    c.get(Local.T1);
    c.get(Local.T2);
    c.i32(1);
    c.op(W.I32_SUB, W.I32_SHL);
    e.and(0x80000000);
    c.op(W.I32_OR);
    c.set(Local.FLAG_B);
  } else {
    const right = op === Op.SHR ? W.I32_SHR_U : W.I32_SHR_S;
    c.get(Local.T1);
    c.get(Local.T2);
    c.i32(1);
    c.op(W.I32_SUB, right);
    c.tee(Local.T3);
    c.i32(1);
    c.op(right);
    c.set(Local.FLAG_A);
    c.get(Local.T3);
    c.i32(31);
    c.op(W.I32_SHL);
    c.tee(Local.FLAG_B);
    if (op === Op.SHR) {
      c.get(Local.T3);
      e.and(0x80000000);
      c.op(W.I32_XOR);
    }
    c.i32(1);
    c.op(W.I32_SHR_U);
    e.and(0x40000000);
    c.get(Local.FLAG_B);
    c.op(W.I32_OR);
    c.set(Local.FLAG_B);
  }
  e.setFlagKind(FlagKind.RAW);
}

function shiftByCl(e: Emitter, i: Insn, op: Op): boolean {
  const c = e.code;
  toRaw(e);
  e.getReg32(Reg.ECX);
  e.and(31);
  c.tee(Local.T2);
  c.open(W.IF, 0x40);
  e.labels.push("if");
  e.readReg(i.rm, 4);
  c.set(Local.T1);
  shiftResult(e, op);
  c.get(Local.FLAG_A);
  e.writeReg(i.rm, 4);
  e.labels.pop();
  c.end();
  return true;
}

/** ROL, ROR of a four-byte register by a constant: only CF and OF change. */
export function rotate(left: boolean): Lowering {
  return (e, i) => {
    const n = constantCount(i);
    if (i.size !== 4 || i.memory || n === 0) return false;
    const c = e.code;
    toRaw(e);
    e.readReg(i.rm, 4);
    c.i32(n);
    c.op(left ? W.I32_ROTL : W.I32_ROTR);
    c.tee(Local.T1);
    e.writeReg(i.rm, 4);
    // CF: bit 0 of a left rotate, bit 31 of a right one; CF ^ OF: bit 31, or bit 30.
    c.get(Local.FLAG_B);
    e.and(0x3fffffff);
    c.get(Local.T1);
    if (left) {
      c.i32(31);
      c.op(W.I32_SHL);
    } else e.and(0x80000000);
    c.op(W.I32_OR);
    c.get(Local.T1);
    if (left) e.shru(1);
    e.and(0x40000000);
    c.op(W.I32_OR);
    c.set(Local.FLAG_B);
    e.setFlagKind(FlagKind.RAW);
    return true;
  };
}

/** SHLD, SHRD of four bytes by a constant. */
export function doubleShift(left: boolean): Lowering {
  return (e, i) => {
    const n = i.form === Form.RM_REG_IMM ? i.imm & 31 : 0;
    if (i.size !== 4 || n === 0) return false;
    const c = e.code;
    readUnary(e, i);
    c.set(Local.T1);
    c.get(Local.T1);
    c.i32(n);
    c.op(left ? W.I32_SHL : W.I32_SHR_U);
    e.readReg(i.reg, 4);
    c.i32(32 - n);
    c.op(left ? W.I32_SHR_U : W.I32_SHL, W.I32_OR);
    c.set(Local.T2);
    // CF is the last bit shifted out; bit 30 of the carry vector is CF ^ OF.
    c.get(Local.T1);
    e.shru(left ? 32 - n : n - 1);
    c.i32(31);
    c.op(W.I32_SHL);
    c.tee(Local.FLAG_B);
    if (!left) {
      c.get(Local.T2);
      e.and(0x80000000);
      c.op(W.I32_XOR);
      c.get(Local.T2);
      c.i32(1);
      c.op(W.I32_SHL);
      e.and(0x80000000);
      c.op(W.I32_XOR);
      e.shru(1);
      c.get(Local.FLAG_B);
    } else {
      c.get(Local.T2);
      e.shru(1);
      e.and(0x40000000);
    }
    c.op(W.I32_OR);
    c.set(Local.FLAG_B);
    c.get(Local.T2);
    c.set(Local.FLAG_A);
    e.setFlagKind(FlagKind.RAW);
    c.get(Local.T2);
    putUnary(e, i);
    return true;
  };
}
