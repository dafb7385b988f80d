/**
 * Lowering of the stack instructions, for a 32-bit stack segment.
 */
import { Tlb } from "../../../assembly/abi/layout.js";
import { Form } from "../../../assembly/abi/record.js";
import { Reg } from "../../../assembly/abi/x86.js";
import { W } from "../../wasm/opcodes.js";
import { type Emitter, Local } from "../emitter.js";
import type { Lowering } from "./lowering.js";

/** PUSH of four bytes. */
export const push: Lowering = (e, i) => {
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

/** POP of four bytes to a register. */
export const pop: Lowering = (e, i) => {
  if (i.size !== 4 || i.memory) return false;
  popT1(e, 0);
  e.code.get(Local.T1);
  e.writeReg(i.rm, 4);
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
  e.getReg32(Reg.ESP);
  c.i32(PUSHA_BYTES);
  c.op(W.I32_SUB);
  e.setReg32(Reg.ESP);
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
  e.getReg32(Reg.ESP);
  c.i32(PUSHA_BYTES);
  c.op(W.I32_ADD);
  e.setReg32(Reg.ESP);
  return true;
};
