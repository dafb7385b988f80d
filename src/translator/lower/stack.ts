/**
 * Lowering of the stack instructions, for a 32-bit stack segment.
 */
import { Tlb } from "../../../assembly/abi/layout.js";
import { Form } from "../../../assembly/abi/record.js";
import { Reg } from "../../../assembly/abi/x86.js";
import { W } from "../../wasm/opcodes.js";
import { type Emitter, Local } from "../emitter.js";
import type { Lowering } from "./lowering.js";
import { immediate, pushSelector } from "./operands.js";

/** PUSH. */
export const push: Lowering = (e, i) => {
  if (i.form === Form.IMM) immediate(e, i);
  else e.readRm(i);
  e.code.set(Local.T1);
  pushT1(e, i.size);
  return true;
};

/** PUSH of a segment register: its selector, zero-extended. */
export const pushSegment: Lowering = (e, i) => {
  pushSelector(e, i);
  e.code.set(Local.T1);
  pushT1(e, i.size);
  return true;
};

/** Adds `bytes` to ESP. */
export function moveStack(e: Emitter, bytes: number): void {
  e.getReg32(Reg.ESP);
  e.code.i32(bytes);
  e.code.op(W.I32_ADD);
  e.setReg32(Reg.ESP);
}

/** Pushes `size` bytes of T1 on the guest's stack. */
export function pushT1(e: Emitter, size = 4): void {
  const c = e.code;
  e.getReg32(Reg.ESP);
  c.i32(size);
  c.op(W.I32_SUB);
  e.check(size, Tlb.WRITE);
  c.get(Local.POINTER);
  c.get(Local.T1);
  e.store(size);
  moveStack(e, -size);
}

/** Reads `size` bytes from the top of the guest's stack into T1. */
function peekT1(e: Emitter, size: number): void {
  e.getReg32(Reg.ESP);
  e.loadAt(size);
  e.code.set(Local.T1);
}

/** Pops `size` bytes from the guest's stack into T1, dropping `more` bytes behind them. */
export function popT1(e: Emitter, more: number, size = 4): void {
  peekT1(e, size);
  moveStack(e, size + more);
}

/** POP. The address of a memory operand is computed with the stack pointer of after. */
export const pop: Lowering = (e, i) => {
  const c = e.code;
  if (!i.memory) {
    popT1(e, 0, i.size);
    c.get(Local.T1);
    e.writeReg(i.rm, i.size);
    return true;
  }
  peekT1(e, i.size);
  e.modify(i.base === 4 * Reg.ESP ? { ...i, disp: i.disp + i.size } : i);
  c.get(Local.POINTER);
  c.get(Local.T1);
  e.store(i.size);
  moveStack(e, i.size);
  return true;
};

/** ENTER of four bytes at level 0. It faults like a write at the final stack pointer, although it makes none. */
export const enter: Lowering = (e, i) => {
  if (i.size !== 4 || (i.imm2 & 31) !== 0) return false;
  const c = e.code;
  const room = i.imm & 0xffff;
  e.getReg32(Reg.ESP);
  c.i32(4);
  c.op(W.I32_SUB);
  c.tee(Local.T1);
  e.check(4, Tlb.WRITE);
  c.get(Local.POINTER);
  c.set(Local.T2);
  e.getReg32(Reg.ESP);
  c.i32(4 + room);
  c.op(W.I32_SUB);
  e.check(4, Tlb.WRITE);
  c.get(Local.T2);
  e.getReg32(Reg.EBP);
  e.store(4);
  c.get(Local.T1);
  e.setReg32(Reg.EBP);
  moveStack(e, -4 - room);
  return true;
};

/** LEAVE. */
export const leave: Lowering = (e, i) => {
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

/** Registers as PUSHA leaves them in memory, from the lowest address. */
const PUSHA_ORDER = [Reg.EDI, Reg.ESI, Reg.EBP, Reg.ESP, Reg.EBX, Reg.EDX, Reg.ECX, Reg.EAX] as const;
/** Bytes PUSHAD takes. */
const PUSHA_BYTES = 32;

/** PUSHAD, if all of it lies in one page. */
export const pusha: Lowering = (e, i) => {
  if (i.size !== 4) return false;
  const c = e.code;
  e.getReg32(Reg.ESP);
  c.i32(PUSHA_BYTES);
  c.op(W.I32_SUB);
  e.check(PUSHA_BYTES, Tlb.WRITE);
  PUSHA_ORDER.forEach((r, n) => {
    c.get(Local.POINTER);
    e.getReg32(r);
    c.memory(W.I32_STORE, 4 * n);
  });
  moveStack(e, -PUSHA_BYTES);
  return true;
};

/** POPAD, if all of it lies in one page. */
export const popa: Lowering = (e, i) => {
  if (i.size !== 4) return false;
  const c = e.code;
  e.getReg32(Reg.ESP);
  e.check(PUSHA_BYTES, Tlb.READ);
  PUSHA_ORDER.forEach((r, n) => {
    if (r === Reg.ESP) return;
    c.get(Local.POINTER);
    c.memory(W.I32_LOAD, 4 * n);
    e.setReg32(r);
  });
  moveStack(e, PUSHA_BYTES);
  return true;
};
