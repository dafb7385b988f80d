/**
 * Lowering of string instructions with 32-bit addresses. Those without a repeat prefix are done in line: both operands are checked
 * before anything changes. MOVS and STOS with one are a call.
 */
import { Cpu } from "../../../assembly/abi/cpu.js";
import { Layout, Tlb } from "../../../assembly/abi/layout.js";
import { Op } from "../../../assembly/abi/op.js";
import { RecFlag } from "../../../assembly/abi/record.js";
import { Eflags, Reg } from "../../../assembly/abi/x86.js";
import { W } from "../../wasm/opcodes.js";
import { type Emitter, Import, Local } from "../emitter.js";
import type { Insn } from "../insn.js";
import { SUB } from "./arithmetic.js";
import type { Lowering } from "./lowering.js";
import { EAX, flagOperands, sized } from "./operands.js";

/** Pushes the element of the source, at ESI in DS or the overriding segment. */
function pushSource(e: Emitter, i: Insn): void {
  e.getReg32(Reg.ESI);
  e.linear(i.seg, Tlb.READ);
  e.loadAt(i.size);
}

/** Sets Local.POINTER for the destination, at EDI in ES. */
function reachDestination(e: Emitter, i: Insn, tag: number): void {
  e.getReg32(Reg.EDI);
  e.check(i.size, tag);
}

/** Moves index registers by an element in the direction of DF. */
function advance(e: Emitter, i: Insn, ...registers: number[]): void {
  const c = e.code;
  // DF is moved to where it counts two elements.
  const two = 2 * i.size;
  c.i32(i.size);
  e.loadState(Cpu.EFLAGS);
  e.shru(Math.log2(Eflags.DF / two));
  e.and(two);
  c.op(W.I32_SUB);
  c.set(Local.T3);
  for (const r of registers) {
    e.getReg32(r);
    c.get(Local.T3);
    c.op(W.I32_ADD);
    e.setReg32(r);
  }
}

/** Repeated MOVS and STOS: short ones are a call, others a miss. */
function repeat(e: Emitter, i: Insn, op: Op): boolean {
  if (op !== Op.MOVS && op !== Op.STOS) return false;
  const c = e.code;
  const changed = op === Op.MOVS ? [Reg.ECX, Reg.ESI, Reg.EDI] : [Reg.ECX, Reg.EDI];
  e.beginMiss();
  for (const r of op === Op.MOVS ? changed : [Reg.EAX, ...changed]) {
    c.i32(0);
    e.getReg32(r);
    c.memory(W.I32_STORE, Layout.CPU + Cpu.REGS + 4 * r);
  }
  c.i32(e.cells.record(i, e.index));
  c.call(Import.REPEAT);
  c.op(W.I32_EQZ);
  e.missIf();
  for (const r of changed) {
    e.loadState(Cpu.REGS + 4 * r);
    e.setReg32(r);
  }
  return true;
}

/** MOVS, STOS, LODS, SCAS, CMPS. */
export function string(op: Op.MOVS | Op.STOS | Op.LODS | Op.SCAS | Op.CMPS): Lowering {
  return (e, i) => {
    if ((i.flags & RecFlag.ADDR16) !== 0) return false;
    if ((i.flags & (RecFlag.REP | RecFlag.REPNE)) !== 0) return repeat(e, i, op);
    const c = e.code;
    if (op === Op.CMPS) {
      // The interpreter reads the destination first, so its fault comes first.
      reachDestination(e, i, Tlb.READ);
      c.get(Local.POINTER);
      e.load(i.size);
      c.set(Local.T2);
      pushSource(e, i);
      c.set(Local.T1);
      flagOperands(e, sized(SUB, i.size));
      advance(e, i, Reg.ESI, Reg.EDI);
      return true;
    }
    if (op === Op.MOVS || op === Op.LODS) pushSource(e, i);
    else e.readReg(EAX, i.size);
    if (op === Op.LODS) {
      e.writeReg(EAX, i.size);
      advance(e, i, Reg.ESI);
      return true;
    }
    c.set(Local.T1);
    const writes = op === Op.MOVS || op === Op.STOS;
    reachDestination(e, i, writes ? Tlb.WRITE : Tlb.READ);
    c.get(Local.POINTER);
    if (writes) {
      c.get(Local.T1);
      e.store(i.size);
    } else {
      e.load(i.size);
      c.set(Local.T2);
      flagOperands(e, sized(SUB, i.size));
    }
    if (op === Op.MOVS) advance(e, i, Reg.ESI, Reg.EDI);
    else advance(e, i, Reg.EDI);
    return true;
  };
}

/** CLD, STD. */
export function direction(down: boolean): Lowering {
  return (e) => {
    const c = e.code;
    c.i32(0);
    e.loadState(Cpu.EFLAGS);
    if (down) {
      c.i32(Eflags.DF);
      c.op(W.I32_OR);
    } else e.and(~Eflags.DF);
    c.memory(W.I32_STORE, Layout.CPU + Cpu.EFLAGS);
    return true;
  };
}
