/**
 * Lowering of the system instructions that only read or change a word of the state, at CPL 0; any other privilege is a miss. Those that a monitor
 * watches never come here.
 */
import { Cpu } from "../../../assembly/abi/cpu.js";
import { Layout } from "../../../assembly/abi/layout.js";
import { Op } from "../../../assembly/abi/op.js";
import { RecFlag } from "../../../assembly/abi/record.js";
import { Translation } from "../../../assembly/abi/translation.js";
import { Active, Vmx, Watch } from "../../../assembly/abi/vmx.js";
import { ARITHMETIC_FLAGS, Eflags, Reg } from "../../../assembly/abi/x86.js";
import { W } from "../../wasm/opcodes.js";
import { type Emitter, Local } from "../emitter.js";
import { loadFlags, pushLowByte, pushOverflow } from "../flags.js";
import type { Lowering } from "./lowering.js";
import { moveStack, pushT1 } from "./stack.js";

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

/** Pushes something that is not 0 if an interrupt would be taken, or a monitor told, once IF is set. */
function pushWaiting(e: Emitter): void {
  e.loadState(Cpu.INTR);
  e.code.i32(0);
  e.code.memory(W.I32_LOAD, Layout.VMX + Vmx.WATCH);
  e.and(Watch.INTERRUPT_WINDOW);
  e.code.op(W.I32_OR);
}

/** Operations that with registers only cannot leave a guest. */
const QUIET: ReadonlySet<Op> = new Set([
  ...[Op.CLI, Op.NOP, Op.JMP, Op.JCC, Op.MOV, Op.LEA, Op.INC, Op.DEC],
  ...[Op.ADD, Op.SUB, Op.AND, Op.OR, Op.XOR, Op.CMP, Op.TEST],
]);

/**
 * STI in front of another instruction of its node: with nobody waiting, the shadow makes no difference and ends there. Only an exit from that
 * instruction would tell of it.
 */
export const sti: Lowering = (e) => {
  const c = e.code;
  const { following } = e;
  privileged(e);
  e.beginMiss();
  pushWaiting(e);
  if (following === undefined || following.memory || following.watched || !QUIET.has(following.op)) {
    c.i32(0);
    c.memory(W.I32_LOAD, Layout.VMX + Vmx.ACTIVE);
    e.and(Active.VMX);
    c.op(W.I32_OR);
  }
  e.missIf();
  c.i32(0);
  e.loadState(Cpu.EFLAGS);
  c.i32(Eflags.IF);
  c.op(W.I32_OR);
  c.memory(W.I32_STORE, Layout.CPU + Cpu.EFLAGS);
  return true;
};

/** What POPFD loads at CPL 0, arithmetic flags apart. */
const POPPED = Eflags.TF | Eflags.IF | Eflags.DF | Eflags.IOPL | Eflags.NT | Eflags.AC | Eflags.ID;

/** POPFD at CPL 0 of an image without TF and with AC as it is, while nobody waits for IF. */
export const popf: Lowering = (e, i) => {
  if (i.size !== 4) return false;
  const c = e.code;
  privileged(e);
  e.getReg32(Reg.ESP);
  e.loadAt(4);
  c.set(Local.T1);
  e.beginMiss();
  pushWaiting(e);
  c.i32(0);
  c.op(W.I32_NE);
  c.get(Local.T1);
  e.shru(Math.log2(Eflags.IF));
  c.op(W.I32_AND);
  c.get(Local.T1);
  e.and(Eflags.TF);
  c.op(W.I32_OR);
  c.get(Local.T1);
  e.loadState(Cpu.EFLAGS);
  c.op(W.I32_XOR);
  e.and(Eflags.AC);
  c.op(W.I32_OR);
  e.missIf();
  c.i32(0);
  e.loadState(Cpu.EFLAGS);
  e.and(~POPPED);
  c.get(Local.T1);
  e.and(POPPED);
  c.op(W.I32_OR);
  c.memory(W.I32_STORE, Layout.CPU + Cpu.EFLAGS);
  moveStack(e, 4);
  c.get(Local.T1);
  e.shru(Math.log2(Eflags.OF));
  e.and(1);
  c.set(Local.T2);
  loadFlags(e);
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
