/**
 * Lowering of the system instructions that only read or clear a word of the state, at CPL 0; any other privilege is a miss. Those that a monitor
 * watches never come here.
 */
import { Cpu } from "../../../assembly/abi/cpu.js";
import { Layout } from "../../../assembly/abi/layout.js";
import { RecFlag } from "../../../assembly/abi/record.js";
import { Translation } from "../../../assembly/abi/translation.js";
import { Vmx } from "../../../assembly/abi/vmx.js";
import { ARITHMETIC_FLAGS, Eflags } from "../../../assembly/abi/x86.js";
import { W } from "../../wasm/opcodes.js";
import { type Emitter, Local } from "../emitter.js";
import { pushLowByte, pushOverflow } from "../flags.js";
import type { Lowering } from "./lowering.js";
import { pushT1 } from "./stack.js";

/** Where each control register that is read as it is lies in the state. */
const PLAIN: ReadonlyMap<number, number> = new Map([
  [2, Cpu.CR2],
  [3, Cpu.CR3],
]);

/** Leaves the instruction to the interpreter outside CPL 0. */
function privileged(e: Emitter): void {
  e.beginMiss();
  e.loadState(Cpu.CPL);
  e.missIf();
}

/** MOV from CR2 or CR3; in translated code CR3 is the guest's. */
export const movFromControl: Lowering = (e, i) => {
  const field = PLAIN.get(i.reg);
  if (field === undefined) return false;
  privileged(e);
  if (i.reg === 3 && (i.flags & RecFlag.INLINE) !== 0) {
    e.code.i32(0);
    e.code.memory(W.I32_LOAD, Layout.VMX + Vmx.CR3_SHADOW);
  } else e.loadState(field);
  e.writeReg(i.rm, 4);
  return true;
};

/** CLI. In a region nothing calls for attention, and clearing IF does not change that. */
export const cli: Lowering = (e) => {
  const c = e.code;
  privileged(e);
  c.i32(0);
  e.loadState(Cpu.EFLAGS);
  e.and(~Eflags.IF);
  c.memory(W.I32_STORE, Layout.CPU + Cpu.EFLAGS);
  return true;
};

/** PUSHFD outside virtual-8086 mode, at any privilege. */
export const pushf: Lowering = (e, i) => {
  if (i.size !== 4) return false;
  const c = e.code;
  pushLowByte(e);
  pushOverflow(e);
  c.i32(Math.log2(Eflags.OF));
  c.op(W.I32_SHL, W.I32_OR);
  e.loadState(Cpu.EFLAGS);
  e.and(~(ARITHMETIC_FLAGS | Eflags.RF | Eflags.VM));
  c.op(W.I32_OR);
  c.set(Local.T1);
  pushT1(e);
  return true;
};

/** Counts the instruction, which has been executed on the state of a translated guest. */
export function countInline(e: Emitter): void {
  const c = e.code;
  const counter = Layout.TRANSLATION + Translation.EXECUTED + 8 * e.insn.op;
  c.i32(0);
  c.i32(0);
  c.memory(W.I64_LOAD, counter);
  c.byte(W.I64_CONST);
  c.byte(1);
  c.op(W.I64_ADD);
  c.memory(W.I64_STORE, counter);
}
