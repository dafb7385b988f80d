/**
 * x87 comparison and examination. SDM 2A "FCOM" to "FUCOMPP", "FICOM", "FTST", "FXAM". An unmasked invalid or denormal keeps the
 * stack as it is; the answer is given all the same, as processors do, although the SDM says that it is not.
 */
import { FpuStatus } from "../../abi/fpu";
import { Rec } from "../../abi/record";
import { Eflags } from "../../abi/x86";
import { compare, examine, Order } from "../../fpu/compare";
import { setDenormalSource } from "../../fpu/nan";
import {
  isEmpty,
  pop,
  record,
  recordConditions,
  refused,
  setC1,
  stHead,
  stSignificand,
  underflowStack,
} from "../../fpu/state";
import { resultHead, resultSignificand, signOf } from "../../fpu/value";
import { faulted } from "../fault";
import { setArithmeticFlags } from "../flags";
import { isMemory } from "../operand";
import { giveInteger, giveReal, ready, remember } from "./x87-frame";

/** Compares ST(0) with the given number, unless a register is missing. */
function order(missing: bool, head: u32, significand: u64, quiet: bool): u32 {
  if (!missing) return compare(stHead(0), stSignificand(0), head, significand, quiet);
  underflowStack();
  return Order.UNORDERED;
}

/** Ends a comparison: condition bits, then pops. */
function finish(answer: u32, pops: u32): void {
  if (!refused()) for (let i: u32 = 0; i < pops; i++) pop();
  recordConditions(answer);
}

function compareWithMemory(rec: usize, integer: bool, pops: u32): void {
  if (!ready()) return;
  if (integer) giveInteger(rec);
  else setDenormalSource(giveReal(rec));
  if (faulted()) return;
  remember(rec);
  finish(order(isEmpty(0), resultHead(), resultSignificand(), false), pops);
}

function compareRegisters(rec: usize, i: u32, quiet: bool, pops: u32): void {
  if (!ready()) return;
  remember(rec);
  finish(order(isEmpty(0) || isEmpty(i), stHead(i), stSignificand(i), quiet), pops);
}

/** FCOM. Faults: #NM, #MF; those of a read. */
export function opFcom(rec: usize): void {
  if (isMemory(rec)) compareWithMemory(rec, false, 0);
  else compareRegisters(rec, load<u8>(rec, Rec.RM), false, 0);
}

/** FCOMP. Faults: #NM, #MF; those of a read. */
export function opFcomp(rec: usize): void {
  if (isMemory(rec)) compareWithMemory(rec, false, 1);
  else compareRegisters(rec, load<u8>(rec, Rec.RM), false, 1);
}

/** FCOMPP. Faults: #NM, #MF. */
export function opFcompp(rec: usize): void {
  compareRegisters(rec, 1, false, 2);
}

/** FICOM. Faults: #NM, #MF; those of a read. */
export function opFicom(rec: usize): void {
  compareWithMemory(rec, true, 0);
}

/** FICOMP. Faults: #NM, #MF; those of a read. */
export function opFicomp(rec: usize): void {
  compareWithMemory(rec, true, 1);
}

/** FUCOM. Faults: #NM, #MF. */
export function opFucom(rec: usize): void {
  compareRegisters(rec, load<u8>(rec, Rec.RM), true, 0);
}

/** FUCOMP. Faults: #NM, #MF. */
export function opFucomp(rec: usize): void {
  compareRegisters(rec, load<u8>(rec, Rec.RM), true, 1);
}

/** FUCOMPP. Faults: #NM, #MF. */
export function opFucompp(rec: usize): void {
  compareRegisters(rec, 1, true, 2);
}

/** Compares into ZF, PF and CF; OF, SF and AF are cleared. */
function compareEflags(rec: usize, quiet: bool, pops: bool): void {
  if (!ready()) return;
  remember(rec);
  const i: u32 = load<u8>(rec, Rec.RM);
  const answer = order(isEmpty(0) || isEmpty(i), stHead(i), stSignificand(i), quiet);
  let flags: u32 = 0;
  if ((answer & FpuStatus.C3) != 0) flags |= Eflags.ZF;
  if ((answer & FpuStatus.C2) != 0) flags |= Eflags.PF;
  if ((answer & FpuStatus.C0) != 0) flags |= Eflags.CF;
  setArithmeticFlags(flags);
  if (pops && !refused()) pop();
  record();
}

/** FCOMI. Faults: #NM, #MF. */
export function opFcomi(rec: usize): void {
  compareEflags(rec, false, false);
}

/** FCOMIP. Faults: #NM, #MF. */
export function opFcomip(rec: usize): void {
  compareEflags(rec, false, true);
}

/** FUCOMI. Faults: #NM, #MF. */
export function opFucomi(rec: usize): void {
  compareEflags(rec, true, false);
}

/** FUCOMIP. Faults: #NM, #MF. */
export function opFucomip(rec: usize): void {
  compareEflags(rec, true, true);
}

/** FTST: compares with zero. Faults: #NM, #MF. */
export function opFtst(rec: usize): void {
  if (!ready()) return;
  remember(rec);
  finish(order(isEmpty(0), 0, 0, false), 0);
}

/** FXAM: the class of ST(0); C1 is its sign, even if it is empty. Faults: #NM, #MF. */
export function opFxam(rec: usize): void {
  if (!ready()) return;
  remember(rec);
  setC1(signOf(stHead(0)));
  recordConditions(isEmpty(0) ? FpuStatus.C3 | FpuStatus.C0 : examine(stHead(0), stSignificand(0)));
}
