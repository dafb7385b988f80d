/**
 * Lowering of shifts and rotates. The flags are those of the generic functions (assembly/cpu/exec/shift.ts), undefined ones included.
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
import { putUnary, readUnary, shl, shlTo } from "./operands.js";

/** Bits of the carry vector that are CF, and CF ^ OF. */
const CF = 0x80000000;
const CF_OF = 0x40000000;

/**
 * Emits an instruction with a count: `operation` finds the operand in T1 and the count, 1 to 31, in T2, and pushes the result. A
 * count of zero changes neither operand nor flags, so that those of before must be FlagKind.RAW if the count is in CL.
 */
function counted(e: Emitter, i: Insn, constant: number | undefined, operation: () => void): void {
  const c = e.code;
  if (constant === undefined) toRaw(e);
  readUnary(e, i);
  c.set(Local.T1);
  if (constant !== undefined) {
    c.i32(constant);
    c.set(Local.T2);
    operation();
    putUnary(e, i);
    return;
  }
  e.getReg32(Reg.ECX);
  e.and(31);
  c.tee(Local.T2);
  c.open(W.IF, 0x40);
  e.labels.push("if");
  operation();
  putUnary(e, i);
  e.labels.pop();
  c.end();
}

/** Count of a shift by an immediate or by one; undefined: it is in CL. */
function constantCount(i: Insn): number | undefined {
  if (i.form === Form.RM_ONE) return 1;
  return i.form === Form.RM_IMM || i.form === Form.RM_REG_IMM ? i.imm & 31 : undefined;
}

/** Emits by counted() unless the count is a constant zero. */
function withCount(make: (e: Emitter, i: Insn) => void): Lowering {
  return (e, i) => {
    const n = constantCount(i);
    if (n === 0) return false;
    counted(e, i, n, () => make(e, i));
    return true;
  };
}

/** SHL, SHR, SAR. */
export function shift(op: Op.SHL | Op.SHR | Op.SAR): Lowering {
  return withCount((e, i) => {
    if (op === Op.SHL) shiftLeft(e, i.size);
    else shiftRight(e, i.size, op === Op.SAR);
    e.setFlagKind(FlagKind.RAW);
    e.code.get(Local.FLAG_A);
  });
}

/** CF is the last bit shifted out, CF ^ OF the sign of the result. */
function shiftLeft(e: Emitter, size: number): void {
  const c = e.code;
  c.get(Local.T1);
  c.get(Local.T2);
  c.op(W.I32_SHL);
  c.tee(Local.FLAG_A);
  if (size < 4) {
    shl(e, 31 - 8 * size);
    e.and(CF | CF_OF);
    c.set(Local.FLAG_B);
    c.get(Local.FLAG_A);
    e.extend(size);
    c.set(Local.FLAG_A);
    return;
  }
  e.shru(1);
  e.and(CF_OF);
  c.get(Local.T1);
  c.get(Local.T2);
  c.i32(1);
  c.op(W.I32_SUB, W.I32_SHL);
  e.and(CF);
  c.op(W.I32_OR);
  c.set(Local.FLAG_B);
}

/** CF is the last bit shifted out; OF the sign before the last step of SHR, zero of SAR. */
function shiftRight(e: Emitter, size: number, signed: boolean): void {
  const c = e.code;
  const right = signed ? W.I32_SHR_S : W.I32_SHR_U;
  c.get(Local.T1);
  if (signed) e.extend(size);
  c.get(Local.T2);
  c.i32(1);
  c.op(W.I32_SUB, right);
  c.tee(Local.T3);
  c.i32(1);
  c.op(right);
  c.set(Local.FLAG_A);
  c.get(Local.T3);
  shl(e, 31);
  c.tee(Local.FLAG_B);
  if (!signed) {
    c.get(Local.T3);
    shl(e, 32 - 8 * size);
    e.and(0x80000000);
    c.op(W.I32_XOR);
  }
  e.shru(1);
  e.and(CF_OF);
  c.get(Local.FLAG_B);
  c.op(W.I32_OR);
  c.set(Local.FLAG_B);
}

/** ROL, ROR: only CF and OF change. A narrow operand is repeated over 32 bits, where it rotates like itself. */
export function rotate(left: boolean): Lowering {
  return (e, i) => {
    const n = constantCount(i);
    if (n === 0) return false;
    toRaw(e);
    counted(e, i, n, () => {
      const c = e.code;
      c.get(Local.T1);
      if (i.size < 4) {
        c.i32(i.size === 1 ? 0x01010101 : 0x00010001);
        c.op(W.I32_MUL);
      }
      c.get(Local.T2);
      c.op(left ? W.I32_ROTL : W.I32_ROTR);
      c.set(Local.T1);
      keepFlagsBut(e, () => {
        // CF: bit 0 of a left rotate, the top one of a right one; CF ^ OF: the top one, or the one below.
        c.get(Local.T1);
        if (left) shl(e, 31);
        else e.and(CF);
        c.get(Local.T1);
        if (left) e.shru(1);
        e.and(CF_OF);
        c.op(W.I32_OR);
      });
      c.get(Local.T1);
    });
    return true;
  };
}

/** Replaces CF and CF ^ OF by what `push` pushes at their places. The flags are FlagKind.RAW. */
function keepFlagsBut(e: Emitter, push: () => void): void {
  const c = e.code;
  c.get(Local.FLAG_B);
  e.and(~(CF | CF_OF));
  push();
  c.op(W.I32_OR);
  c.set(Local.FLAG_B);
  e.setFlagKind(FlagKind.RAW);
}

/** RCL, RCR by one. */
export function rotateCarry(left: boolean): Lowering {
  return (e, i) => {
    if (constantCount(i) !== 1) return false;
    const c = e.code;
    toRaw(e);
    readUnary(e, i);
    c.tee(Local.T1);
    if (left) {
      shl(e, 1);
      c.get(Local.FLAG_B);
      e.shru(31);
    } else {
      e.shru(1);
      c.get(Local.FLAG_B);
      e.shru(31);
      shl(e, 8 * i.size - 1);
    }
    c.op(W.I32_OR);
    c.set(Local.T2);
    keepFlagsBut(e, () => {
      const top = 8 * i.size - 1;
      c.get(Local.T1);
      if (left) {
        // The old top bit is CF, the new one CF ^ OF.
        shlTo(e, top, 31);
        e.and(CF);
        c.get(Local.T2);
        shlTo(e, top, 30);
        e.and(CF_OF);
        c.op(W.I32_OR);
        return;
      }
      // The old bit 0 is CF, OF the exclusive or of the two upper bits of the result.
      shl(e, 31);
      c.get(Local.T1);
      shl(e, 30);
      c.get(Local.T2);
      shlTo(e, top, 30);
      c.get(Local.T2);
      shlTo(e, top - 1, 30);
      c.op(W.I32_XOR, W.I32_XOR);
      e.and(CF_OF);
      c.op(W.I32_OR);
    });
    c.get(Local.T2);
    putUnary(e, i);
    return true;
  };
}

/** SHLD, SHRD of four bytes. */
export function doubleShift(left: boolean): Lowering {
  const double = withCount((e, i) => {
    const c = e.code;
    const [to, from] = left ? [W.I32_SHL, W.I32_SHR_U] : [W.I32_SHR_U, W.I32_SHL];
    c.get(Local.T1);
    c.get(Local.T2);
    c.op(to);
    e.readReg(i.reg, 4);
    c.i32(32);
    c.get(Local.T2);
    c.op(W.I32_SUB, from, W.I32_OR);
    c.set(Local.FLAG_A);
    // CF is the last bit shifted out.
    c.get(Local.T1);
    if (left) {
      c.get(Local.T2);
      c.i32(1);
      c.op(W.I32_SUB, W.I32_SHL);
      e.and(CF);
      c.get(Local.FLAG_A);
    } else {
      c.get(Local.T2);
      c.i32(1);
      c.op(W.I32_SUB, W.I32_SHR_U);
      shl(e, 31);
      c.tee(Local.FLAG_B);
      // OF is the exclusive or of the two upper bits of the result.
      c.get(Local.FLAG_B);
      c.get(Local.FLAG_A);
      c.op(W.I32_XOR);
      c.get(Local.FLAG_A);
      shl(e, 1);
      c.op(W.I32_XOR);
    }
    e.shru(1);
    e.and(CF_OF);
    c.op(W.I32_OR);
    c.set(Local.FLAG_B);
    e.setFlagKind(FlagKind.RAW);
    c.get(Local.FLAG_A);
  });
  return (e, i) => i.size === 4 && double(e, i);
}
