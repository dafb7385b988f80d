/**
 * Bit test and scan: SDM 2A "BSF", "BSR", "BSWAP", "BT", "BTC", "BTR", "BTS".
 * A register bit offset reaches beyond a memory operand: it is signed and selects the word as well as the bit.
 *
 * Undefined by the SDM, defined here: BT and its kin write CF alone; BSF and BSR write ZF alone, and leave the destination as it
 * is when the source is zero; BSWAP of 16 bits gives zero.
 */
import { Form, Rec } from "../../abi/record";
import { Eflags } from "../../abi/x86";
import { modifySize, modifyStore } from "../../mmu/access";
import { faulted } from "../fault";
import { arithmeticFlags, setArithmeticFlags, setCarry } from "../flags";
import {
  effectiveAddress,
  form,
  isMemory,
  modifyRm,
  readMem,
  readReg,
  readRm,
  size,
  writeBack,
  writeReg,
} from "../operand";
import { signExtend } from "./width";

/** The bit offset: register or immediate, not yet cut to the operand size. */
function bitOffset(rec: usize): u32 {
  return form(rec) == Form.RM_REG ? readReg(rec) : load<u32>(rec, Rec.IMM);
}

/** True if the operand lies where the bit offset says, not just at its address. */
function isBitString(rec: usize): bool {
  return isMemory(rec) && form(rec) == Form.RM_REG;
}

/** Address of the word of a bit string that holds bit `offset`. */
function wordAddress(rec: usize, offset: u32): u32 {
  const bytes = size(rec);
  const words = signExtend(offset, bytes) >> (bytes == 4 ? 5 : 4);
  return (effectiveAddress(rec) + <u32>words * bytes) & load<u32>(rec, Rec.LINK);
}

/** The word to change. Faults: those of a write. */
function modifyWord(rec: usize, offset: u32): u32 {
  return isBitString(rec) ? modifySize(load<u8>(rec, Rec.SEG), wordAddress(rec, offset), size(rec)) : modifyRm(rec);
}

/** Writes the word read by modifyWord(), and CF from its old value. Cannot fault. */
function setWord(rec: usize, old: u32, value: u32, n: u32): void {
  if (isBitString(rec)) modifyStore(value, size(rec));
  else writeBack(rec, value);
  setCarry((old >>> n) & 1);
}

/** BT: CF = bit. */
export function opBt(rec: usize): void {
  const offset = bitOffset(rec);
  const n = offset & ((size(rec) << 3) - 1);
  const word = isBitString(rec) ? readMem(rec, wordAddress(rec, offset), size(rec)) : readRm(rec);
  if (faulted()) return;
  setCarry((word >>> n) & 1);
}

/** BTS: CF = bit, bit = 1. */
export function opBts(rec: usize): void {
  const offset = bitOffset(rec);
  const n = offset & ((size(rec) << 3) - 1);
  const word = modifyWord(rec, offset);
  if (faulted()) return;
  setWord(rec, word, word | (1 << n), n);
}

/** BTR: CF = bit, bit = 0. */
export function opBtr(rec: usize): void {
  const offset = bitOffset(rec);
  const n = offset & ((size(rec) << 3) - 1);
  const word = modifyWord(rec, offset);
  if (faulted()) return;
  setWord(rec, word, word & ~(1 << n), n);
}

/** BTC: CF = bit, bit = !bit. */
export function opBtc(rec: usize): void {
  const offset = bitOffset(rec);
  const n = offset & ((size(rec) << 3) - 1);
  const word = modifyWord(rec, offset);
  if (faulted()) return;
  setWord(rec, word, word ^ (1 << n), n);
}

/** Replaces ZF. */
function setZero(zf: bool): void {
  setArithmeticFlags((arithmeticFlags() & ~Eflags.ZF) | (zf ? Eflags.ZF : 0));
}

/** BSF: register = number of the lowest set bit of r/m. ZF: there was none. */
export function opBsf(rec: usize): void {
  const value = readRm(rec);
  if (faulted()) return;
  if (value != 0) writeReg(rec, ctz<u32>(value));
  setZero(value == 0);
}

/** BSR: register = number of the highest set bit of r/m. ZF: there was none. */
export function opBsr(rec: usize): void {
  const value = readRm(rec);
  if (faulted()) return;
  if (value != 0) writeReg(rec, 31 - clz<u32>(value));
  setZero(value == 0);
}

/** BSWAP: reverses the bytes of a 32-bit register; a 16-bit register becomes zero. */
export function opBswap(rec: usize): void {
  writeBack(rec, size(rec) == 4 ? bswap<u32>(readRm(rec)) : 0);
}
