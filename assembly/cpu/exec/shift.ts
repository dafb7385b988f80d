/**
 * Shifts and rotates: SDM 2B "RCL/RCR/ROL/ROR", "SAL/SAR/SHL/SHR", "SHLD", "SHRD". The count is masked to five bits; a masked
 * count of zero changes nothing, though a memory operand is still checked for writing.
 *
 * Undefined by the SDM, defined here: OF of a count other than 1 follows the rule for 1, taken from the result; AF of a shift
 * is zero; CF of an 8- or 16-bit shift beyond the width is what the next bits shifted out would be (zero, or the sign for SAR);
 * a 16-bit double shift by more than 16 goes on with the destination's own bits behind the source's.
 */
import { Cpu } from "../../abi/cpu";
import { Layout } from "../../abi/layout";
import { Form, Rec } from "../../abi/record";
import { Reg } from "../../abi/x86";
import { faulted } from "../fault";
import { carry, setCarryOverflow } from "../flags";
import { form, modifyRm, readReg, readSource, size, truncate, writeBack } from "../operand";
import { flagsResultOf, signExtend } from "./width";

/** The masked count of a shift or rotate. */
function count(rec: usize): u32 {
  return readSource(rec) & 31;
}

/** Bit `n` of `value`. */
function bit(value: u32, n: u32): u32 {
  return (value >>> n) & 1;
}

/** ROL. Writes CF and OF. */
export function opRol(rec: usize): void {
  const n = count(rec);
  const a = modifyRm(rec);
  if (faulted() || n == 0) return;
  const bits = size(rec) << 3;
  const by = n & (bits - 1);
  const r = by == 0 ? a : truncate((a << by) | (a >>> (bits - by)), size(rec));
  writeBack(rec, r);
  setCarryOverflow(r & 1, (r & 1) ^ bit(r, bits - 1));
}

/** ROR. Writes CF and OF. */
export function opRor(rec: usize): void {
  const n = count(rec);
  const a = modifyRm(rec);
  if (faulted() || n == 0) return;
  const bits = size(rec) << 3;
  const by = n & (bits - 1);
  const r = by == 0 ? a : truncate((a >>> by) | (a << (bits - by)), size(rec));
  writeBack(rec, r);
  const top = bit(r, bits - 1);
  setCarryOverflow(top, top ^ bit(r, bits - 2));
}

/** `value`, `width` (at most 33) bits wide, rotated left by `by` < width. */
function rotateWide(value: u64, by: u32, width: u32): u64 {
  if (by == 0) return value;
  return ((value << by) | (value >>> (width - by))) & (((<u64>1) << width) - 1);
}

/** RCL: rotates operand and CF, 9, 17 or 33 bits. Writes CF and OF. */
export function opRcl(rec: usize): void {
  const n = count(rec);
  const a = modifyRm(rec);
  if (faulted() || n == 0) return;
  const bits = size(rec) << 3;
  const wide = rotateWide(((<u64>carry()) << bits) | a, n % (bits + 1), bits + 1);
  const r = truncate(<u32>wide, size(rec));
  writeBack(rec, r);
  const cf = <u32>(wide >>> bits);
  setCarryOverflow(cf, cf ^ bit(r, bits - 1));
}

/** RCR: rotates operand and CF, 9, 17 or 33 bits. Writes CF and OF. */
export function opRcr(rec: usize): void {
  const n = count(rec);
  const a = modifyRm(rec);
  if (faulted() || n == 0) return;
  const bits = size(rec) << 3;
  const right = n % (bits + 1);
  const wide = rotateWide(((<u64>carry()) << bits) | a, right == 0 ? 0 : bits + 1 - right, bits + 1);
  const r = truncate(<u32>wide, size(rec));
  writeBack(rec, r);
  setCarryOverflow(<u32>(wide >>> bits), bit(r, bits - 1) ^ bit(r, bits - 2));
}

/** SHL. Writes OSZPC. */
export function opShl(rec: usize): void {
  const n = count(rec);
  const a = modifyRm(rec);
  if (faulted() || n == 0) return;
  const bits = size(rec) << 3;
  const wide = (<u64>a) << n;
  const r = truncate(<u32>wide, size(rec));
  const cf = <u32>(wide >>> bits) & 1;
  writeBack(rec, r);
  flagsResultOf(r, cf, cf ^ bit(r, bits - 1), size(rec));
}

/** SHR. Writes OSZPC. */
export function opShr(rec: usize): void {
  const n = count(rec);
  const a = modifyRm(rec);
  if (faulted() || n == 0) return;
  const before = a >>> (n - 1);
  const r = before >>> 1;
  writeBack(rec, r);
  flagsResultOf(r, before & 1, bit(before, (size(rec) << 3) - 1), size(rec));
}

/** SAR. Writes OSZPC. */
export function opSar(rec: usize): void {
  const n = count(rec);
  const a = modifyRm(rec);
  if (faulted() || n == 0) return;
  const before = signExtend(a, size(rec)) >> (n - 1);
  const r = <u32>(before >> 1);
  writeBack(rec, r);
  flagsResultOf(r, before & 1, 0, size(rec));
}

/** The masked count of a double shift: immediate or CL. */
function doubleCount(rec: usize): u32 {
  const n: u32 =
    form(rec) == Form.RM_REG_CL ? load<u8>(Layout.CPU + Cpu.REGS + (Reg.ECX << 2)) : load<u8>(rec, Rec.IMM);
  return n & 31;
}

/** SHLD: shifts r/m left, filling from the top of the register. Writes OSZPC. */
export function opShld(rec: usize): void {
  const n = doubleCount(rec);
  const fill = readReg(rec);
  const a = modifyRm(rec);
  if (faulted() || n == 0) return;
  const bits = size(rec) << 3;
  let r: u32;
  if (bits == 32) r = (a << n) | (fill >>> (32 - n));
  else r = <u32>((((((<u64>a) << 16) | fill) << 16) | a) >>> (32 - n)) & 0xffff;
  const cf = n <= bits ? bit(a, bits - n) : bit(fill, 32 - n);
  writeBack(rec, r);
  flagsResultOf(r, cf, cf ^ bit(r, bits - 1), size(rec));
}

/** SHRD: shifts r/m right, filling from the bottom of the register. Writes OSZPC. */
export function opShrd(rec: usize): void {
  const n = doubleCount(rec);
  const fill = readReg(rec);
  const a = modifyRm(rec);
  if (faulted() || n == 0) return;
  const bits = size(rec) << 3;
  let r: u32;
  if (bits == 32) r = (a >>> n) | (fill << (32 - n));
  else r = <u32>((((((<u64>a) << 16) | fill) << 16) | a) >>> n) & 0xffff;
  const cf = n <= bits ? bit(a, n - 1) : bit(fill, n - 17);
  writeBack(rec, r);
  flagsResultOf(r, cf, bit(r, bits - 1) ^ bit(r, bits - 2), size(rec));
}
