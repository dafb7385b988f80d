/**
 * Operands of lowered instructions: into locals, back to registers or memory, and into the flag locals.
 */
import { Cpu, SegCache } from "../../../assembly/abi/cpu.js";
import { Tlb } from "../../../assembly/abi/layout.js";
import { Form } from "../../../assembly/abi/record.js";
import type { FlagKind } from "../../../assembly/abi/region.js";
import { W } from "../../wasm/opcodes.js";
import { type Emitter, LOGIC, Local } from "../emitter.js";
import type { Insn } from "../insn.js";

/** Offsets of AL, AX and EAX, of AH, and of DX and EDX in the state. */
export const EAX = 0;
export const AH = 1;
export const EDX = 8;

/** The kind for operands of `size` bytes. */
export function sized(kinds: readonly [FlagKind, FlagKind, FlagKind], size: number): FlagKind {
  return size === 4 ? kinds[0] : size === 1 ? kinds[1] : kinds[2];
}

/** Pushes the immediate, cut to the operand size. */
export function immediate(e: Emitter, i: Insn): void {
  e.code.i32(i.size === 4 ? i.imm : i.size === 2 ? i.imm & 0xffff : i.imm & 0xff);
}

/** Pushes the source of a two-operand form. */
export function source(e: Emitter, i: Insn): void {
  if (i.form === Form.RM_IMM) immediate(e, i);
  else if (i.form === Form.REG_RM) e.readRm(i);
  else e.readReg(i.reg, i.size);
}

/** Pushes the selector in the segment register that the register operand names. */
export function pushSelector(e: Emitter, i: Insn): void {
  e.loadState(Cpu.SEGS + i.reg * SegCache.SIZE + SegCache.SELECTOR);
  e.and(0xffff);
}

/** Sets T1 to the destination's value and T2 to the source's; a memory destination is left in Local.POINTER. */
export function operands(e: Emitter, i: Insn, writes: boolean): void {
  const c = e.code;
  if (i.form === Form.REG_RM) {
    e.readRm(i);
    c.set(Local.T2);
    e.readReg(i.reg, i.size);
    c.set(Local.T1);
    return;
  }
  if (i.memory) {
    e.reach(i, i.size, writes ? Tlb.WRITE : Tlb.READ);
    c.get(Local.POINTER);
    e.load(i.size);
  } else e.readReg(i.rm, i.size);
  c.set(Local.T1);
  source(e, i);
  c.set(Local.T2);
}

/** Pops the result into the destination of a two-operand form. */
export function putResult(e: Emitter, i: Insn): void {
  if (i.form === Form.REG_RM) e.writeReg(i.reg, i.size);
  else if (i.memory) {
    e.code.set(Local.T3);
    e.code.get(Local.POINTER);
    e.code.get(Local.T3);
    e.store(i.size);
  } else e.writeReg(i.rm, i.size);
}

/** Copies T1 and T2 to the flag locals. */
export function flagOperands(e: Emitter, kind: FlagKind): void {
  const c = e.code;
  c.get(Local.T1);
  c.set(Local.FLAG_A);
  c.get(Local.T2);
  c.set(Local.FLAG_B);
  e.setFlagKind(kind);
}

/** Pops a result whose flags are those of a logical operation and pushes it again. */
export function logicFlags(e: Emitter, size: number): void {
  const c = e.code;
  c.tee(Local.T1);
  e.extend(size);
  c.set(Local.FLAG_A);
  c.i32(0);
  c.set(Local.FLAG_B);
  e.setFlagKind(LOGIC);
  c.get(Local.T1);
}

/** Pops a carry vector of `size` bytes into FLAG_B. */
export function rawCarries(e: Emitter, size: number): void {
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

/** Pops the result into the r/m operand that was read for modification. */
export function putUnary(e: Emitter, i: Insn): void {
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
export function readUnary(e: Emitter, i: Insn): void {
  if (!i.memory) {
    e.readReg(i.rm, i.size);
    return;
  }
  e.modify(i);
  e.code.get(Local.POINTER);
  e.load(i.size);
}

/** value << n. */
export function shl(e: Emitter, n: number): void {
  if (n === 0) return;
  e.code.i32(n);
  e.code.op(W.I32_SHL);
}

/** Moves bit `from` of the value to bit `to`; what other bits are there then does not matter. */
export function shlTo(e: Emitter, from: number, to: number): void {
  if (to >= from) shl(e, to - from);
  else e.shru(from - to);
}
