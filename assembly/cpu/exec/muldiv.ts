/**
 * Multiplication and division: SDM 2A/2B "MUL", "IMUL", "DIV", "IDIV". A quotient that does not fit and a divisor of zero raise
 * #DE before anything changes.
 *
 * Undefined by the SDM, defined here: a product's SF, ZF and PF are those of its low half and AF is zero; a division keeps
 * all flags.
 */
import { Form, Rec } from "../../abi/record";
import { Reg, Vector } from "../../abi/x86";
import { faulted, raise } from "../fault";
import { form, readReg, readRm, size, writeReg } from "../operand";
import { reg32 } from "../state";
import { ax, flagsResultOf, registerOf, setAh, setAl, setAx, setRegisterOf, signExtend } from "./width";

/** Stores a double-width product in AX, DX:AX or EDX:EAX. */
function setProduct(product: u64, bytes: u32): void {
  if (bytes == 1) {
    setAx(<u32>product);
    return;
  }
  setRegisterOf(Reg.EAX, <u32>product, bytes);
  setRegisterOf(Reg.EDX, <u32>(product >>> (bytes << 3)), bytes);
}

/** MUL: unsigned accumulator * r/m. CF and OF: the high half is not zero. */
export function opMul(rec: usize): void {
  const b = readRm(rec);
  if (faulted()) return;
  const bytes = size(rec);
  const product = <u64>registerOf(Reg.EAX, bytes) * <u64>b;
  setProduct(product, bytes);
  const wide: u32 = product >>> (bytes << 3) != 0 ? 1 : 0;
  flagsResultOf(<u32>product, wide, wide, bytes);
}

/** Flags of a signed product: CF and OF if it is not the sign extension of its low half. */
function signedProductFlags(product: i64, bytes: u32): void {
  const wide: u32 = <i64>signExtend(<u32>product, bytes) != product ? 1 : 0;
  flagsResultOf(<u32>product, wide, wide, bytes);
}

/** IMUL r/m: signed accumulator * r/m, double width. */
export function opImulWide(rec: usize): void {
  const b = readRm(rec);
  if (faulted()) return;
  const bytes = size(rec);
  const product = <i64>signExtend(registerOf(Reg.EAX, bytes), bytes) * <i64>signExtend(b, bytes);
  setProduct(<u64>product, bytes);
  signedProductFlags(product, bytes);
}

/** IMUL r, r/m and IMUL r, r/m, imm: signed, cut to the operand size. */
export function opImul(rec: usize): void {
  const b = readRm(rec);
  if (faulted()) return;
  const bytes = size(rec);
  const a = form(rec) == Form.REG_RM_IMM ? load<i32>(rec, Rec.IMM) : signExtend(readReg(rec), bytes);
  const product = <i64>a * <i64>signExtend(b, bytes);
  writeReg(rec, <u32>product);
  signedProductFlags(product, bytes);
}

/** Stores quotient and remainder: AL and AH, AX and DX, or EAX and EDX. */
function setQuotient(quotient: u32, remainder: u32, bytes: u32): void {
  if (bytes == 1) {
    setAl(quotient);
    setAh(remainder);
    return;
  }
  setRegisterOf(Reg.EAX, quotient, bytes);
  setRegisterOf(Reg.EDX, remainder, bytes);
}

/** The dividend: AX, DX:AX or EDX:EAX, zero-extended. */
function dividend(bytes: u32): u64 {
  if (bytes == 1) return ax();
  if (bytes == 2) return (registerOf(Reg.EDX, 2) << 16) | ax();
  return ((<u64>reg32(Reg.EDX)) << 32) | reg32(Reg.EAX);
}

/** DIV: unsigned. Faults: #DE. */
export function opDiv(rec: usize): void {
  const b = <u64>readRm(rec);
  if (faulted()) return;
  const bytes = size(rec);
  const a = dividend(bytes);
  if (b == 0 || a >>> (bytes << 3) >= b) {
    raise(Vector.DE);
    return;
  }
  setQuotient(<u32>(a / b), <u32>(a % b), bytes);
}

/** IDIV: signed, the remainder has the dividend's sign. Faults: #DE, also for the quotient -2^(n-1) / -1. */
export function opIdiv(rec: usize): void {
  const b = <i64>signExtend(readRm(rec), size(rec));
  if (faulted()) return;
  const bytes = size(rec);
  const free = 64 - (bytes << 4);
  const a = ((<i64>dividend(bytes)) << free) >> free;
  if (b == 0 || (b == -1 && a == i64.MIN_VALUE)) {
    raise(Vector.DE);
    return;
  }
  const quotient = a / b;
  if (<i64>signExtend(<u32>quotient, bytes) != quotient) {
    raise(Vector.DE);
    return;
  }
  setQuotient(<u32>quotient, <u32>(a % b), bytes);
}
