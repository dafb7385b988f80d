/**
 * Addition, subtraction, logic and comparison: SDM 2A/2B "ADD" ... "XOR", "INC", "DEC", "NEG", "NOT".
 * All faults are those of the operands. A memory destination is checked for writing before anything changes.
 */
import { Form } from "../../abi/record";
import { faulted } from "../fault";
import { carry, setCarry } from "../flags";
import { form, modifyRm, readReg, readRm, readSource, size, writeBack, writeReg } from "../operand";
import { flagsAddOf, flagsLogicOf, flagsSubOf } from "./width";

/** The destination, for reading and then writing. Faults: those of a write, for memory. */
function destination(rec: usize): u32 {
  return form(rec) == Form.REG_RM ? readReg(rec) : modifyRm(rec);
}

/** Writes the destination read by destination(). Cannot fault. */
function setDestination(rec: usize, value: u32): void {
  if (form(rec) == Form.REG_RM) writeReg(rec, value);
  else writeBack(rec, value);
}

/** The first operand of a comparison: read only. */
function compared(rec: usize): u32 {
  return form(rec) == Form.REG_RM ? readReg(rec) : readRm(rec);
}

/** ADD: destination += source. Writes OSZAPC. */
export function opAdd(rec: usize): void {
  const b = readSource(rec);
  const a = destination(rec);
  if (faulted()) return;
  const r = a + b;
  setDestination(rec, r);
  flagsAddOf(a, b, r, size(rec));
}

/** ADC: destination += source + CF. Writes OSZAPC. */
export function opAdc(rec: usize): void {
  const b = readSource(rec);
  const a = destination(rec);
  if (faulted()) return;
  const r = a + b + carry();
  setDestination(rec, r);
  flagsAddOf(a, b, r, size(rec));
}

/** SUB: destination -= source. Writes OSZAPC. */
export function opSub(rec: usize): void {
  const b = readSource(rec);
  const a = destination(rec);
  if (faulted()) return;
  const r = a - b;
  setDestination(rec, r);
  flagsSubOf(a, b, r, size(rec));
}

/** SBB: destination -= source + CF. Writes OSZAPC. */
export function opSbb(rec: usize): void {
  const b = readSource(rec);
  const a = destination(rec);
  if (faulted()) return;
  const r = a - b - carry();
  setDestination(rec, r);
  flagsSubOf(a, b, r, size(rec));
}

/** AND: destination &= source. Writes SZP; CF, OF and AF (undefined) become zero. */
export function opAnd(rec: usize): void {
  const b = readSource(rec);
  const r = destination(rec) & b;
  if (faulted()) return;
  setDestination(rec, r);
  flagsLogicOf(r, size(rec));
}

/** OR: destination |= source. Writes SZP; CF, OF and AF (undefined) become zero. */
export function opOr(rec: usize): void {
  const b = readSource(rec);
  const r = destination(rec) | b;
  if (faulted()) return;
  setDestination(rec, r);
  flagsLogicOf(r, size(rec));
}

/** XOR: destination ^= source. Writes SZP; CF, OF and AF (undefined) become zero. */
export function opXor(rec: usize): void {
  const b = readSource(rec);
  const r = destination(rec) ^ b;
  if (faulted()) return;
  setDestination(rec, r);
  flagsLogicOf(r, size(rec));
}

/** CMP: flags of destination - source. */
export function opCmp(rec: usize): void {
  const b = readSource(rec);
  const a = compared(rec);
  if (faulted()) return;
  flagsSubOf(a, b, a - b, size(rec));
}

/** TEST: flags of destination & source. */
export function opTest(rec: usize): void {
  const b = readSource(rec);
  const r = compared(rec) & b;
  if (faulted()) return;
  flagsLogicOf(r, size(rec));
}

/** INC: r/m += 1. Writes OSZAP; CF is kept. */
export function opInc(rec: usize): void {
  const a = modifyRm(rec);
  if (faulted()) return;
  const cf = carry();
  writeBack(rec, a + 1);
  flagsAddOf(a, 1, a + 1, size(rec));
  setCarry(cf);
}

/** DEC: r/m -= 1. Writes OSZAP; CF is kept. */
export function opDec(rec: usize): void {
  const a = modifyRm(rec);
  if (faulted()) return;
  const cf = carry();
  writeBack(rec, a - 1);
  flagsSubOf(a, 1, a - 1, size(rec));
  setCarry(cf);
}

/** NEG: r/m = 0 - r/m. Writes OSZAPC. */
export function opNeg(rec: usize): void {
  const a = modifyRm(rec);
  if (faulted()) return;
  writeBack(rec, 0 - a);
  flagsSubOf(0, a, 0 - a, size(rec));
}

/** NOT: r/m = ~r/m. Writes no flags. */
export function opNot(rec: usize): void {
  const a = modifyRm(rec);
  if (faulted()) return;
  writeBack(rec, ~a);
}
