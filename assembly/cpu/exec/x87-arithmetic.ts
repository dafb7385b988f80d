/**
 * x87 arithmetic between two registers or a register and memory, and the functions of one or two registers that are exact or rounded
 * once. SDM 2A by the names of the instructions. A refused operation (unmasked invalid, denormal or zero divide) changes nothing.
 */
import { FpuStatus } from "../../abi/fpu";
import { Form, Rec } from "../../abi/record";
import { add, div, mul, sqrt } from "../../fpu/arithmetic";
import { roundToInteger } from "../../fpu/convert";
import { setDenormalSource } from "../../fpu/nan";
import {
  extract,
  extractedHead,
  extractedSignificand,
  NO_QUOTIENT,
  partialRemainder,
  scale,
} from "../../fpu/remainder";
import {
  isEmpty,
  overflowStack,
  pop,
  precision,
  push,
  record,
  recordConditions,
  refused,
  setC1,
  setC2,
  setSt,
  stHead,
  stSignificand,
  underflowStack,
} from "../../fpu/state";
import { giveIndefinite, resultHead, resultSignificand } from "../../fpu/value";
import { faulted } from "../fault";
import { form, isMemory } from "../operand";
import { giveInteger, giveReal, ready, remember } from "./x87-frame";

/** What arithmetic() computes: destination op source, or the other way round. */
enum Sum {
  ADD = 0,
  MUL = 1,
  SUB = 4,
  SUBR = 5,
  DIV = 6,
  DIVR = 7,
}

/** Gives a op b. */
function compute(sum: i32, ha: u32, sa: u64, hb: u32, sb: u64): void {
  const bits = precision();
  switch (sum) {
    case Sum.ADD:
      add(ha, sa, hb, sb, 0, bits);
      break;
    case Sum.MUL:
      mul(ha, sa, hb, sb, bits);
      break;
    case Sum.SUB:
      add(ha, sa, hb, sb, 1, bits);
      break;
    case Sum.SUBR:
      add(hb, sb, ha, sa, 1, bits);
      break;
    case Sum.DIV:
      div(ha, sa, hb, sb, bits);
      break;
    default:
      div(hb, sb, ha, sa, bits);
  }
}

/** Ends an instruction whose result goes to ST(i): writes it unless refused, then pops if asked. */
function finish(i: u32, pops: bool): void {
  if (!refused()) {
    setSt(i, resultHead(), resultSignificand());
    if (pops) pop();
  }
  record();
}

/** An arithmetic instruction in any form. `integer`: the memory operand is an integer. */
function arithmetic(rec: usize, sum: i32, integer: bool, pops: bool): void {
  if (!ready()) return;
  if (isMemory(rec)) {
    if (integer) giveInteger(rec);
    else setDenormalSource(giveReal(rec));
    if (faulted()) return;
    remember(rec);
    if (isEmpty(0)) {
      underflowStack();
      giveIndefinite();
    } else compute(sum, stHead(0), stSignificand(0), resultHead(), resultSignificand());
    finish(0, false);
    return;
  }
  remember(rec);
  const i: u32 = load<u8>(rec, Rec.RM);
  const to = form(rec) == Form.RM_REG ? i : 0;
  const from = i ^ to;
  if (isEmpty(0) || isEmpty(i)) {
    underflowStack();
    giveIndefinite();
  } else compute(sum, stHead(to), stSignificand(to), stHead(from), stSignificand(from));
  finish(to, pops);
}

/** FADD. Faults: #NM, #MF; those of a read. */
export function opFadd(rec: usize): void {
  arithmetic(rec, Sum.ADD, false, false);
}

/** FMUL. Faults: #NM, #MF; those of a read. */
export function opFmul(rec: usize): void {
  arithmetic(rec, Sum.MUL, false, false);
}

/** FSUB: destination less source. Faults: #NM, #MF; those of a read. */
export function opFsub(rec: usize): void {
  arithmetic(rec, Sum.SUB, false, false);
}

/** FSUBR: source less destination. Faults: #NM, #MF; those of a read. */
export function opFsubr(rec: usize): void {
  arithmetic(rec, Sum.SUBR, false, false);
}

/** FDIV: destination by source. Faults: #NM, #MF; those of a read. */
export function opFdiv(rec: usize): void {
  arithmetic(rec, Sum.DIV, false, false);
}

/** FDIVR: source by destination. Faults: #NM, #MF; those of a read. */
export function opFdivr(rec: usize): void {
  arithmetic(rec, Sum.DIVR, false, false);
}

/** FADDP. Faults: #NM, #MF. */
export function opFaddp(rec: usize): void {
  arithmetic(rec, Sum.ADD, false, true);
}

/** FMULP. Faults: #NM, #MF. */
export function opFmulp(rec: usize): void {
  arithmetic(rec, Sum.MUL, false, true);
}

/** FSUBP. Faults: #NM, #MF. */
export function opFsubp(rec: usize): void {
  arithmetic(rec, Sum.SUB, false, true);
}

/** FSUBRP. Faults: #NM, #MF. */
export function opFsubrp(rec: usize): void {
  arithmetic(rec, Sum.SUBR, false, true);
}

/** FDIVP. Faults: #NM, #MF. */
export function opFdivp(rec: usize): void {
  arithmetic(rec, Sum.DIV, false, true);
}

/** FDIVRP. Faults: #NM, #MF. */
export function opFdivrp(rec: usize): void {
  arithmetic(rec, Sum.DIVR, false, true);
}

/** FIADD. Faults: #NM, #MF; those of a read. */
export function opFiadd(rec: usize): void {
  arithmetic(rec, Sum.ADD, true, false);
}

/** FIMUL. Faults: #NM, #MF; those of a read. */
export function opFimul(rec: usize): void {
  arithmetic(rec, Sum.MUL, true, false);
}

/** FISUB. Faults: #NM, #MF; those of a read. */
export function opFisub(rec: usize): void {
  arithmetic(rec, Sum.SUB, true, false);
}

/** FISUBR. Faults: #NM, #MF; those of a read. */
export function opFisubr(rec: usize): void {
  arithmetic(rec, Sum.SUBR, true, false);
}

/** FIDIV. Faults: #NM, #MF; those of a read. */
export function opFidiv(rec: usize): void {
  arithmetic(rec, Sum.DIV, true, false);
}

/** FIDIVR. Faults: #NM, #MF; those of a read. */
export function opFidivr(rec: usize): void {
  arithmetic(rec, Sum.DIVR, true, false);
}

/** FSQRT. Faults: #NM, #MF. */
export function opFsqrt(rec: usize): void {
  if (!ready()) return;
  remember(rec);
  if (isEmpty(0)) {
    underflowStack();
    giveIndefinite();
  } else sqrt(stHead(0), stSignificand(0), precision());
  finish(0, false);
}

/** FRNDINT. Faults: #NM, #MF. */
export function opFrndint(rec: usize): void {
  if (!ready()) return;
  remember(rec);
  if (isEmpty(0)) {
    underflowStack();
    giveIndefinite();
  } else roundToInteger(stHead(0), stSignificand(0));
  finish(0, false);
}

/** FSCALE. Faults: #NM, #MF. */
export function opFscale(rec: usize): void {
  if (!ready()) return;
  remember(rec);
  if (isEmpty(0) || isEmpty(1)) {
    underflowStack();
    giveIndefinite();
  } else scale(stHead(0), stSignificand(0), stHead(1), stSignificand(1));
  finish(0, false);
}

/** FXTRACT: the exponent to ST(0), then the significand pushed. Faults: #NM, #MF. */
export function opFxtract(rec: usize): void {
  if (!ready()) return;
  remember(rec);
  if (isEmpty(0) || !isEmpty(7)) {
    if (isEmpty(0)) underflowStack();
    else overflowStack();
    giveIndefinite();
    if (!refused()) {
      setSt(0, resultHead(), resultSignificand());
      push(resultHead(), resultSignificand());
    }
    record();
    return;
  }
  extract(stHead(0), stSignificand(0));
  if (!refused()) {
    setSt(0, extractedHead(), extractedSignificand());
    push(resultHead(), resultSignificand());
  }
  record();
}

/** FPREM and FPREM1: condition bits from the quotient. */
function remainderOf(rec: usize, nearest: bool): void {
  if (!ready()) return;
  remember(rec);
  if (isEmpty(0) || isEmpty(1)) {
    underflowStack();
    giveIndefinite();
    setC2(0);
    finish(0, false);
    return;
  }
  const conditions = partialRemainder(stHead(0), stSignificand(0), stHead(1), stSignificand(1), nearest);
  if (!refused()) setSt(0, resultHead(), resultSignificand());
  if (conditions == NO_QUOTIENT) {
    setC2(0);
    record();
  } else {
    setC1(conditions & FpuStatus.C1);
    recordConditions(conditions);
  }
}

/** FPREM. Faults: #NM, #MF. */
export function opFprem(rec: usize): void {
  remainderOf(rec, false);
}

/** FPREM1. Faults: #NM, #MF. */
export function opFprem1(rec: usize): void {
  remainderOf(rec, true);
}
