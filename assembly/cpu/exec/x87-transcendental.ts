/**
 * x87 transcendental instructions: what they take from the stack and leave there. SDM 2A "F2XM1", "FCOS", "FPATAN", "FPTAN", "FSIN",
 * "FSINCOS", "FYL2X", "FYL2XP1"; the values are made in assembly/fpu/trigonometry.ts and logarithm.ts.
 */
import { FpuStatus, Kind } from "../../abi/fpu";
import {
  isEmpty,
  overflowStack,
  pop,
  push,
  record,
  refused,
  setC2,
  setSt,
  stHead,
  stSignificand,
  underflowStack,
} from "../../fpu/state";
import { exponential, logarithmPlusOneTimes, logarithmTimes } from "../../fpu/logarithm";
import { angleTooLarge, arctangent, cosine, sine, tangent } from "../../fpu/trigonometry";
import {
  BIAS,
  giveIndefinite,
  INDEFINITE,
  INDEFINITE_HEAD,
  INTEGER,
  kind,
  resultHead,
  resultSignificand,
} from "../../fpu/value";
import { ready, remember } from "./x87-frame";

/** Ends an instruction: the result goes to ST(i), and ST(0) is popped if that is ST(1). */
function finish(i: u32): void {
  if (!refused()) {
    setSt(i, resultHead(), resultSignificand());
    if (i == 1) pop();
  }
  record();
}

/** Begins a function of two registers. Returns false if the instruction is over. */
function two(rec: usize): bool {
  if (!ready()) return false;
  remember(rec);
  if (!isEmpty(0) && !isEmpty(1)) return true;
  underflowStack();
  giveIndefinite();
  finish(1);
  return false;
}

/** F2XM1. Faults: #NM, #MF. */
export function opF2xm1(rec: usize): void {
  if (!ready()) return;
  remember(rec);
  if (isEmpty(0)) {
    underflowStack();
    giveIndefinite();
  } else exponential(stHead(0), stSignificand(0));
  finish(0);
}

/** FYL2X. Faults: #NM, #MF. */
export function opFyl2x(rec: usize): void {
  if (!two(rec)) return;
  logarithmTimes(stHead(0), stSignificand(0), stHead(1), stSignificand(1));
  finish(1);
}

/** FYL2XP1. Faults: #NM, #MF. */
export function opFyl2xp1(rec: usize): void {
  if (!two(rec)) return;
  logarithmPlusOneTimes(stHead(0), stSignificand(0), stHead(1), stSignificand(1));
  finish(1);
}

/** FPATAN. Faults: #NM, #MF. */
export function opFpatan(rec: usize): void {
  if (!two(rec)) return;
  arctangent(stHead(1), stSignificand(1), stHead(0), stSignificand(0));
  finish(1);
}

/** Begins a trigonometric function: clears C2, or sets it and ends if the angle is too large. */
function angle(rec: usize): bool {
  if (!ready()) return false;
  remember(rec);
  setC2(0);
  if (isEmpty(0)) {
    underflowStack();
    giveIndefinite();
    finish(0);
    return false;
  }
  return smallEnough();
}

/** True if the angle in ST(0) can be reduced; otherwise sets C2 and ends the instruction. */
function smallEnough(): bool {
  if (!angleTooLarge(stHead(0), stSignificand(0))) return true;
  setC2(FpuStatus.C2);
  record();
  return false;
}

/** FSIN. Faults: #NM, #MF. */
export function opFsin(rec: usize): void {
  if (!angle(rec)) return;
  sine(stHead(0), stSignificand(0));
  finish(0);
}

/** FCOS. Faults: #NM, #MF. */
export function opFcos(rec: usize): void {
  if (!angle(rec)) return;
  cosine(stHead(0), stSignificand(0));
  finish(0);
}

/** Begins a trigonometric function that pushes: both registers become the indefinite if one is missing or in the way. */
function pushingAngle(rec: usize): bool {
  if (!ready()) return false;
  remember(rec);
  setC2(0);
  if (!isEmpty(0) && isEmpty(7)) return smallEnough();
  if (isEmpty(0)) underflowStack();
  else overflowStack();
  if (!refused()) {
    setSt(0, INDEFINITE_HEAD, INDEFINITE);
    push(INDEFINITE_HEAD, INDEFINITE);
  }
  record();
  return false;
}

/** FSINCOS: the sine stays, the cosine is pushed. Faults: #NM, #MF. */
export function opFsincos(rec: usize): void {
  if (!pushingAngle(rec)) return;
  const head = stHead(0);
  const significand = stSignificand(0);
  sine(head, significand);
  const sineHead = resultHead();
  const sineSignificand = resultSignificand();
  if (!refused()) cosine(head, significand);
  if (!refused()) {
    setSt(0, sineHead, sineSignificand);
    push(resultHead(), resultSignificand());
  }
  record();
}

/** FPTAN: the tangent stays, 1 is pushed; a NaN is pushed again. Faults: #NM, #MF. */
export function opFptan(rec: usize): void {
  if (!pushingAngle(rec)) return;
  const k = kind(stHead(0), stSignificand(0));
  tangent(stHead(0), stSignificand(0));
  if (!refused()) {
    setSt(0, resultHead(), resultSignificand());
    if (k >= <u32>Kind.INFINITY) push(resultHead(), resultSignificand());
    else push(BIAS, INTEGER);
  }
  record();
}
