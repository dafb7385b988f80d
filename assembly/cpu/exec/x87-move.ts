/**
 * x87 loads, stores, exchanges, sign changes and constants. SDM 2A by the names of the instructions. A store looks at its exceptions
 * first, then whether memory takes it: only then does anything change.
 */
import { FpuException, Rounding } from "../../abi/fpu";
import { Rec } from "../../abi/record";
import { decimalHead, fromDecimal, loaded, toDecimal, toDouble, toInteger, toSingle } from "../../fpu/convert";
import {
  isEmpty,
  overflowStack,
  pop,
  push,
  putSt,
  record,
  refused,
  refusedBy,
  refusedMemory,
  rounding,
  setSt,
  stHead,
  stSignificand,
  underflowStack,
} from "../../fpu/state";
import { give, giveIndefinite, INDEFINITE, INDEFINITE_HEAD, resultHead, resultSignificand } from "../../fpu/value";
import { faulted } from "../fault";
import { condition } from "../flags";
import { isMemory, size } from "../operand";
import { giveInteger, giveReal, load64, loadTop, ready, remember, storeAt, store64, writable } from "./x87-frame";

/** Pushes the given number unless ST(7) is in use, a denormal one even if that is not masked, and ends the instruction. */
function finishPush(): void {
  if (!isEmpty(7)) {
    overflowStack();
    giveIndefinite();
  }
  if (!refusedBy(FpuException.IE)) push(resultHead(), resultSignificand());
  record();
}

/** FLD. Faults: #NM, #MF; those of a read. */
export function opFld(rec: usize): void {
  if (!ready()) return;
  if (isMemory(rec)) {
    const denormal = giveReal(rec);
    if (faulted()) return;
    remember(rec);
    if (size(rec) != 10 && isEmpty(7)) loaded(resultHead(), resultSignificand(), denormal);
  } else {
    remember(rec);
    const i: u32 = load<u8>(rec, Rec.RM);
    if (isEmpty(i)) {
      underflowStack();
      giveIndefinite();
      if (!refused()) push(INDEFINITE_HEAD, INDEFINITE);
      record();
      return;
    }
    give(stHead(i), stSignificand(i));
  }
  finishPush();
}

/** FILD. Faults: #NM, #MF; those of a read. */
export function opFild(rec: usize): void {
  if (!ready()) return;
  giveInteger(rec);
  if (faulted()) return;
  remember(rec);
  finishPush();
}

/** FBLD. Faults: #NM, #MF; those of a read. */
export function opFbld(rec: usize): void {
  if (!ready()) return;
  const digits = load64(rec, 0);
  if (faulted()) return;
  const top = loadTop(rec);
  if (faulted()) return;
  remember(rec);
  fromDecimal(digits, top);
  finishPush();
}

/** Stores ST(0) as a real of the operand's size; an empty register counts as the indefinite. */
function storeReal(rec: usize, pops: bool): void {
  if (!ready()) return;
  let head = stHead(0);
  let significand = stSignificand(0);
  if (isEmpty(0)) {
    underflowStack();
    head = INDEFINITE_HEAD;
    significand = INDEFINITE;
  }
  const bytes = size(rec);
  let value = significand;
  if (bytes == 4) value = toSingle(head, significand);
  else if (bytes == 8) value = toDouble(head, significand);
  if (!writable(rec)) return;
  if (!refusedMemory()) {
    if (bytes == 4) storeAt(rec, 0, <u32>value, 4);
    else store64(rec, value);
    if (bytes == 10 && !faulted()) storeAt(rec, 8, head, 2);
    if (faulted()) return;
    if (pops) pop();
  }
  remember(rec);
  record();
}

/** Copies ST(0) to ST(i). */
function storeRegister(rec: usize, pops: bool): void {
  if (!ready()) return;
  remember(rec);
  const i: u32 = load<u8>(rec, Rec.RM);
  if (isEmpty(0)) {
    underflowStack();
    giveIndefinite();
  } else give(stHead(0), stSignificand(0));
  if (!refused()) {
    setSt(i, resultHead(), resultSignificand());
    if (pops) pop();
  }
  record();
}

/** FST. Faults: #NM, #MF; those of a write. */
export function opFst(rec: usize): void {
  if (isMemory(rec)) storeReal(rec, false);
  else storeRegister(rec, false);
}

/** FSTP. Faults: #NM, #MF; those of a write. */
export function opFstp(rec: usize): void {
  if (isMemory(rec)) storeReal(rec, true);
  else storeRegister(rec, true);
}

/** FSTPNCE: FSTP ST(i) that does nothing but pop if ST(0) is empty. Faults: #NM, #MF. */
export function opFstpnce(rec: usize): void {
  if (!ready()) return;
  remember(rec);
  const i: u32 = load<u8>(rec, Rec.RM);
  if (!isEmpty(0)) setSt(i, stHead(0), stSignificand(0));
  pop();
  record();
}

/** Stores ST(0) as an integer of the operand's size. */
function storeInteger(rec: usize, pops: bool): void {
  if (!ready()) return;
  const bytes = size(rec);
  let value: i64 = -((<i64>1) << ((bytes << 3) - 1));
  if (isEmpty(0)) underflowStack();
  else value = toInteger(stHead(0), stSignificand(0), bytes << 3);
  if (!writable(rec)) return;
  if (!refusedMemory()) {
    if (bytes == 8) store64(rec, <u64>value);
    else storeAt(rec, 0, <u32>value, bytes);
    if (faulted()) return;
    if (pops) pop();
  }
  remember(rec);
  record();
}

/** FIST. Faults: #NM, #MF; those of a write. */
export function opFist(rec: usize): void {
  storeInteger(rec, false);
}

/** FISTP. Faults: #NM, #MF; those of a write. */
export function opFistp(rec: usize): void {
  storeInteger(rec, true);
}

/** FBSTP. Faults: #NM, #MF; those of a write. */
export function opFbstp(rec: usize): void {
  if (!ready()) return;
  let digits: u64 = INDEFINITE;
  let top: u32 = INDEFINITE_HEAD;
  if (isEmpty(0)) underflowStack();
  else {
    digits = toDecimal(stHead(0), stSignificand(0));
    top = decimalHead();
  }
  if (!writable(rec)) return;
  if (!refusedMemory()) {
    store64(rec, digits);
    if (!faulted()) storeAt(rec, 8, top, 2);
    if (faulted()) return;
    pop();
  }
  remember(rec);
  record();
}

/** FXCH: an empty register becomes the indefinite first. Faults: #NM, #MF. */
export function opFxch(rec: usize): void {
  if (!ready()) return;
  remember(rec);
  const i: u32 = load<u8>(rec, Rec.RM);
  const emptyTop = isEmpty(0);
  const emptyOther = isEmpty(i);
  if (emptyTop || emptyOther) underflowStack();
  if (!refused()) {
    const head = emptyTop ? INDEFINITE_HEAD : stHead(0);
    const significand = emptyTop ? INDEFINITE : stSignificand(0);
    setSt(0, emptyOther ? INDEFINITE_HEAD : stHead(i), emptyOther ? INDEFINITE : stSignificand(i));
    setSt(i, head, significand);
  }
  record();
}

/** FCMOVcc: condition from the opcode, DA for the condition and DB for its opposite. Faults: #NM, #MF. */
export function opFcmovcc(rec: usize): void {
  if (!ready()) return;
  remember(rec);
  const i: u32 = load<u8>(rec, Rec.RM);
  const opcode = load<u32>(rec, Rec.IMM);
  const which = (opcode >>> 3) & 3;
  const code = (which == 3 ? 10 : 2 + (which << 1)) | ((opcode >>> 8) & 1);
  if (isEmpty(0) || isEmpty(i)) {
    underflowStack();
    if (!refused()) setSt(0, INDEFINITE_HEAD, INDEFINITE);
    record();
  } else if (condition(code)) setSt(0, stHead(i), stSignificand(i));
}

/** Replaces the sign of ST(0): (sign & keep) ^ flip. */
function changeSign(rec: usize, keep: u32, flip: u32): void {
  if (!ready()) return;
  remember(rec);
  if (isEmpty(0)) {
    underflowStack();
    if (!refused()) setSt(0, INDEFINITE_HEAD, INDEFINITE);
  } else putSt(0, (stHead(0) & keep) ^ flip, stSignificand(0));
  record();
}

/** FCHS. Faults: #NM, #MF. */
export function opFchs(rec: usize): void {
  changeSign(rec, 0xffff, 0x8000);
}

/** FABS. Faults: #NM, #MF. */
export function opFabs(rec: usize): void {
  changeSign(rec, 0x7fff, 0);
}

/**
 * Pushes a constant: the largest significand not above it, plus one in the last place if the rounding control says so. `above`: the nearest
 * is the larger one. SDM 2A "FLD1": the constants are rounded from 66 bits by the rounding control.
 */
function constant(rec: usize, head: u32, significand: u64, above: bool): void {
  if (!ready()) return;
  remember(rec);
  const mode = rounding();
  const up = mode == Rounding.UP || (mode == Rounding.NEAREST && above);
  give(head, up ? significand + 1 : significand);
  finishPush();
}

/** FLD1. Faults: #NM, #MF. */
export function opFld1(rec: usize): void {
  if (!ready()) return;
  remember(rec);
  give(0x3fff, 0x8000000000000000);
  finishPush();
}

/** FLDZ. Faults: #NM, #MF. */
export function opFldz(rec: usize): void {
  if (!ready()) return;
  remember(rec);
  give(0, 0);
  finishPush();
}

/** FLDL2T: log2(10). Faults: #NM, #MF. */
export function opFldl2t(rec: usize): void {
  constant(rec, 0x4000, 0xd49a784bcd1b8afe, false);
}

/** FLDL2E: log2(e). Faults: #NM, #MF. */
export function opFldl2e(rec: usize): void {
  constant(rec, 0x3fff, 0xb8aa3b295c17f0bb, true);
}

/** FLDPI. Faults: #NM, #MF. */
export function opFldpi(rec: usize): void {
  constant(rec, 0x4000, 0xc90fdaa22168c234, true);
}

/** FLDLG2: log10(2). Faults: #NM, #MF. */
export function opFldlg2(rec: usize): void {
  constant(rec, 0x3ffd, 0x9a209a84fbcff798, true);
}

/** FLDLN2: ln(2). Faults: #NM, #MF. */
export function opFldln2(rec: usize): void {
  constant(rec, 0x3ffe, 0xb17217f7d1cf79ab, true);
}
