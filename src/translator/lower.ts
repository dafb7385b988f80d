/**
 * The lowering of each operation to WebAssembly. `Record<Op, Lowering>` is exhaustive by type; what is not worth lowering is
 * INTERPRETED: the region has the interpreter execute that one instruction. A lowering returns false for forms it leaves to
 * the interpreter, before it has emitted anything.
 */
import { Tlb } from "../../assembly/abi/layout.js";
import { Op } from "../../assembly/abi/op.js";
import { Form } from "../../assembly/abi/record.js";
import { FlagKind } from "../../assembly/abi/region.js";
import { Reg } from "../../assembly/abi/x86.js";
import { W } from "../wasm/opcodes.js";
import { type Emitter, LOGIC, Local } from "./emitter.js";
import { pushCarry, pushCondition, toRaw } from "./flags.js";
import type { Insn } from "./insn.js";

/** Emits one instruction that is not a branch; false: not in this form. */
export type Lowering = (e: Emitter, i: Insn) => boolean;

const ADD = [FlagKind.ADD32, FlagKind.ADD8, FlagKind.ADD16] as const;
const SUB = [FlagKind.SUB32, FlagKind.SUB8, FlagKind.SUB16] as const;

/** The kind for operands of `size` bytes. */
function sized(kinds: readonly [FlagKind, FlagKind, FlagKind], size: number): FlagKind {
  return size === 4 ? kinds[0] : size === 1 ? kinds[1] : kinds[2];
}

/** Pushes the immediate, cut to the operand size. */
function immediate(e: Emitter, i: Insn): void {
  e.code.i32(i.size === 4 ? i.imm : i.size === 2 ? i.imm & 0xffff : i.imm & 0xff);
}

/** Pushes the source of a two-operand form. */
function source(e: Emitter, i: Insn): void {
  if (i.form === Form.RM_IMM) immediate(e, i);
  else if (i.form === Form.REG_RM) e.readRm(i);
  else e.readReg(i.reg, i.size);
}

/** Sets T1 to the destination's value and T2 to the source's; a memory destination is left in Local.POINTER. */
function operands(e: Emitter, i: Insn, writes: boolean): void {
  const c = e.code;
  if (i.form === Form.REG_RM) {
    e.readRm(i);
    c.set(Local.T2);
    e.readReg(i.reg, i.size);
    c.set(Local.T1);
    return;
  }
  if (i.memory) {
    e.address(i);
    e.check(i.size, writes ? Tlb.WRITE : Tlb.READ);
    c.get(Local.POINTER);
    e.load(i.size);
  } else e.readReg(i.rm, i.size);
  c.set(Local.T1);
  source(e, i);
  c.set(Local.T2);
}

/** Pops the result into the destination of a two-operand form. */
function putResult(e: Emitter, i: Insn): void {
  if (i.form === Form.REG_RM) e.writeReg(i.reg, i.size);
  else if (i.memory) {
    e.code.set(Local.T3);
    e.code.get(Local.POINTER);
    e.code.get(Local.T3);
    e.store(i.size);
  } else e.writeReg(i.rm, i.size);
}

/** Copies T1 and T2 to the flag locals. */
function flagOperands(e: Emitter, kind: FlagKind): void {
  const c = e.code;
  c.get(Local.T1);
  c.set(Local.FLAG_A);
  c.get(Local.T2);
  c.set(Local.FLAG_B);
  e.setFlagKind(kind);
}

/** Pops a result whose flags are those of a logical operation and pushes it again. */
function logicFlags(e: Emitter, size: number): void {
  const c = e.code;
  c.tee(Local.T1);
  e.extend(size);
  c.set(Local.FLAG_A);
  c.i32(0);
  c.set(Local.FLAG_B);
  e.setFlagKind(LOGIC);
  c.get(Local.T1);
}

/** ADD, SUB. */
function arithmetic(op: W, kinds: readonly [FlagKind, FlagKind, FlagKind]): Lowering {
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
function logic(op: W): Lowering {
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
function withCarry(add: boolean): Lowering {
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

/** Pops a carry vector of `size` bytes into FLAG_B. */
function rawCarries(e: Emitter, size: number): void {
  const c = e.code;
  if (size === 4) {
    e.and(0xc0000008);
    c.set(Local.FLAG_B);
    return;
  }
  c.tee(Local.T3);
  c.i32(32 - 8 * size);
  c.op(W.I32_SHL);
  e.and(0xc0000000);
  c.get(Local.T3);
  e.and(8);
  c.op(W.I32_OR);
  c.set(Local.FLAG_B);
}

const compare: Lowering = (e, i) => {
  operands(e, i, false);
  flagOperands(e, sized(SUB, i.size));
  return true;
};

const test: Lowering = (e, i) => {
  operands(e, i, false);
  e.code.get(Local.T1);
  e.code.get(Local.T2);
  e.code.op(W.I32_AND);
  logicFlags(e, i.size);
  e.code.op(W.DROP);
  return true;
};

/** INC, DEC of four bytes. */
function step(add: boolean): Lowering {
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

/** Pops the result into the r/m operand that was read for modification. */
function putUnary(e: Emitter, i: Insn): void {
  if (!i.memory) {
    e.writeReg(i.rm, i.size);
    return;
  }
  e.code.set(Local.T3);
  e.code.get(Local.POINTER);
  e.code.get(Local.T3);
  e.store(i.size);
}

/** Pushes the r/m operand for modification. */
function readUnary(e: Emitter, i: Insn): void {
  if (!i.memory) {
    e.readReg(i.rm, i.size);
    return;
  }
  e.modify(i);
  e.code.get(Local.POINTER);
  e.load(i.size);
}

const not: Lowering = (e, i) => {
  readUnary(e, i);
  e.code.i32(-1);
  e.code.op(W.I32_XOR);
  putUnary(e, i);
  return true;
};

const neg: Lowering = (e, i) => {
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

const mov: Lowering = (e, i) => {
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
function widen(from: number, signed: boolean): Lowering {
  return (e, i) => {
    e.readRm(i, from);
    if (signed) e.extend(from);
    e.writeReg(i.reg, i.size);
    return true;
  };
}

const lea: Lowering = (e, i) => {
  e.address(i);
  e.writeReg(i.reg, i.size);
  return true;
};

const xchg: Lowering = (e, i) => {
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

const push: Lowering = (e, i) => {
  if (i.size !== 4) return false;
  const c = e.code;
  if (i.form === Form.IMM) c.i32(i.imm);
  else e.readRm(i);
  c.set(Local.T1);
  pushT1(e);
  return true;
};

/** Pushes T1 on the guest's stack. */
export function pushT1(e: Emitter): void {
  const c = e.code;
  e.getReg32(Reg.ESP);
  c.i32(4);
  c.op(W.I32_SUB);
  e.check(4, Tlb.WRITE);
  c.get(Local.POINTER);
  c.get(Local.T1);
  e.store(4);
  e.getReg32(Reg.ESP);
  c.i32(4);
  c.op(W.I32_SUB);
  e.setReg32(Reg.ESP);
}

/** Pops the guest's stack into T1, dropping `more` bytes behind it. */
export function popT1(e: Emitter, more: number): void {
  const c = e.code;
  e.getReg32(Reg.ESP);
  e.loadAt(4);
  c.set(Local.T1);
  e.getReg32(Reg.ESP);
  c.i32(4 + more);
  c.op(W.I32_ADD);
  e.setReg32(Reg.ESP);
}

const pop: Lowering = (e, i) => {
  if (i.size !== 4 || i.memory) return false;
  popT1(e, 0);
  e.code.get(Local.T1);
  e.writeReg(i.rm, 4);
  return true;
};

const leave: Lowering = (e, i) => {
  if (i.size !== 4) return false;
  const c = e.code;
  e.getReg32(Reg.EBP);
  e.loadAt(4);
  c.set(Local.T1);
  e.getReg32(Reg.EBP);
  c.i32(4);
  c.op(W.I32_ADD);
  e.setReg32(Reg.ESP);
  c.get(Local.T1);
  e.setReg32(Reg.EBP);
  return true;
};

/** Count of a shift by an immediate or by one, 1 to 31; 0 if it is not constant or zero. */
function constantCount(i: Insn): number {
  if (i.form === Form.RM_ONE) return 1;
  return i.form === Form.RM_IMM ? i.imm & 31 : 0;
}

/** SHL, SHR, SAR of four bytes in a register or memory: by a constant, or by CL with the flags kept for a count of zero. */
function shift(op: Op.SHL | Op.SHR | Op.SAR): Lowering {
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
function rotate(left: boolean): Lowering {
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

const imul: Lowering = (e, i) => {
  if (i.size !== 4) return false;
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
function multiplyWide(signed: boolean): Lowering {
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
const div: Lowering = (e, i) => {
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
const idiv: Lowering = (e, i) => {
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

const cwd: Lowering = (e, i) => {
  if (i.size !== 4) return false;
  e.getReg32(Reg.EAX);
  e.code.i32(31);
  e.code.op(W.I32_SHR_S);
  e.setReg32(Reg.EDX);
  return true;
};

const cbw: Lowering = (e, i) => {
  if (i.size !== 4) return false;
  e.getReg32(Reg.EAX);
  e.extend(2);
  e.setReg32(Reg.EAX);
  return true;
};

const setcc: Lowering = (e, i) => {
  if (i.memory) return false;
  pushCondition(e, i.condition);
  e.writeReg(i.rm, 1);
  return true;
};

const cmov: Lowering = (e, i) => {
  const c = e.code;
  e.readRm(i);
  e.readReg(i.reg, i.size);
  pushCondition(e, i.condition);
  c.op(W.SELECT);
  e.writeReg(i.reg, i.size);
  return true;
};

const bswap: Lowering = (e, i) => {
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

const nop: Lowering = () => true;

/** CLC, STC, CMC. */
function carryFlag(make: (e: Emitter) => void): Lowering {
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

/** How each operation is lowered. */
export const LOWERINGS: Partial<Record<Op, Lowering>> = {
  [Op.ADD]: arithmetic(W.I32_ADD, ADD),
  [Op.SUB]: arithmetic(W.I32_SUB, SUB),
  [Op.CMP]: compare,
  [Op.ADC]: withCarry(true),
  [Op.SBB]: withCarry(false),
  [Op.AND]: logic(W.I32_AND),
  [Op.OR]: logic(W.I32_OR),
  [Op.XOR]: logic(W.I32_XOR),
  [Op.TEST]: test,
  [Op.INC]: step(true),
  [Op.DEC]: step(false),
  [Op.NEG]: neg,
  [Op.NOT]: not,
  [Op.ROL]: rotate(true),
  [Op.ROR]: rotate(false),
  [Op.SHL]: shift(Op.SHL),
  [Op.SHR]: shift(Op.SHR),
  [Op.SAR]: shift(Op.SAR),
  [Op.MUL]: multiplyWide(false),
  [Op.IMUL_WIDE]: multiplyWide(true),
  [Op.IMUL]: imul,
  [Op.DIV]: div,
  [Op.IDIV]: idiv,
  [Op.BSWAP]: bswap,
  [Op.MOV]: mov,
  [Op.MOVZX8]: widen(1, false),
  [Op.MOVZX16]: widen(2, false),
  [Op.MOVSX8]: widen(1, true),
  [Op.MOVSX16]: widen(2, true),
  [Op.XCHG]: xchg,
  [Op.CMOVCC]: cmov,
  [Op.SETCC]: setcc,
  [Op.LEA]: lea,
  [Op.CBW]: cbw,
  [Op.CWD]: cwd,
  [Op.CLC]: carryFlag((e) => e.code.i32(0)),
  [Op.STC]: carryFlag((e) => e.code.i32(1)),
  [Op.CMC]: carryFlag((e) => {
    e.code.get(Local.FLAG_B);
    e.shru(31);
    e.code.op(W.I32_EQZ);
  }),
  [Op.PUSH]: push,
  [Op.POP]: pop,
  [Op.LEAVE]: leave,
  [Op.NOP]: nop,
};
