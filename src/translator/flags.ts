/**
 * Flags in translated code. An operation leaves its operands in FLAG_A and FLAG_B and its kind in FLAG_KIND; nothing is
 * computed until a condition reads it or the region is left, so what nobody reads costs nothing.
 */
import { FlagKind } from "../../assembly/abi/region.js";
import { W } from "../wasm/opcodes.js";
import { type Emitter, LOGIC, Local, UNKNOWN } from "./emitter.js";

/** Condition codes without their lowest bit, which negates. */
const Condition = { O: 0, B: 1, Z: 2, BE: 3, S: 4, P: 5, L: 6, LE: 7 } as const;

/** Carry-vector bits that are kept (assembly/cpu/flags.ts). */
const AUX_KEPT = 0xc0000008;

function ab(e: Emitter, op: W): void {
  e.code.get(Local.FLAG_A);
  e.code.get(Local.FLAG_B);
  e.code.op(op);
}

/** Width in bytes of an addition or subtraction kind. */
function width(kind: number): number {
  if (kind === FlagKind.ADD8 || kind === FlagKind.SUB8) return 1;
  return kind === FlagKind.ADD16 || kind === FlagKind.SUB16 ? 2 : 4;
}

function isAdd(kind: number): boolean {
  return kind === FlagKind.ADD32 || kind === FlagKind.ADD16 || kind === FlagKind.ADD8;
}

/** Pushes the result, sign-extended. */
function result(e: Emitter): void {
  const kind = e.flags;
  if (kind === FlagKind.RAW || kind === LOGIC || kind === FlagKind.INC32 || kind === FlagKind.DEC32) {
    e.code.get(Local.FLAG_A);
    return;
  }
  ab(e, isAdd(kind) ? W.I32_ADD : W.I32_SUB);
  e.extend(width(kind));
}

/** Pushes the carry vector in FLAG_AUX's form. */
function aux(e: Emitter): void {
  const c = e.code;
  const kind = e.flags;
  if (kind === FlagKind.RAW) {
    c.get(Local.FLAG_B);
    return;
  }
  if (kind === LOGIC) {
    c.i32(0);
    return;
  }
  if (kind === FlagKind.INC32 || kind === FlagKind.DEC32) {
    const inc = kind === FlagKind.INC32;
    c.i32(0);
    c.get(Local.FLAG_B);
    c.op(W.I32_SUB);
    e.and(0xc0000000);
    c.get(Local.FLAG_A);
    c.i32(inc ? 0x80000000 : 0x7fffffff);
    c.op(W.I32_EQ);
    c.i32(30);
    c.op(W.I32_SHL, W.I32_XOR);
    c.get(Local.FLAG_A);
    e.and(15);
    c.i32(inc ? 0 : 15);
    c.op(W.I32_EQ);
    c.i32(3);
    c.op(W.I32_SHL, W.I32_OR);
    return;
  }
  ab(e, isAdd(kind) ? W.I32_ADD : W.I32_SUB);
  c.set(Local.T3);
  if (isAdd(kind)) {
    ab(e, W.I32_AND);
    ab(e, W.I32_OR);
    c.get(Local.T3);
    c.i32(-1);
    c.op(W.I32_XOR, W.I32_AND, W.I32_OR);
  } else {
    c.get(Local.FLAG_A);
    c.i32(-1);
    c.op(W.I32_XOR);
    c.get(Local.FLAG_B);
    c.op(W.I32_AND);
    ab(e, W.I32_XOR);
    c.i32(-1);
    c.op(W.I32_XOR);
    c.get(Local.T3);
    c.op(W.I32_AND, W.I32_OR);
  }
  const bytes = width(kind);
  if (bytes === 4) {
    e.and(AUX_KEPT);
    return;
  }
  c.tee(Local.T3);
  c.i32(32 - 8 * bytes);
  c.op(W.I32_SHL);
  e.and(0xc0000000);
  c.get(Local.T3);
  e.and(8);
  c.op(W.I32_OR);
}

/** Turns the flag locals into FlagKind.RAW. */
export function toRaw(e: Emitter): void {
  if (e.flags === FlagKind.RAW) return;
  requireKnown(e);
  result(e);
  aux(e);
  e.code.set(Local.FLAG_B);
  e.code.set(Local.FLAG_A);
  e.setFlagKind(FlagKind.RAW);
}

/** Refuses to read flags whose kind is known only at run time. */
function requireKnown(e: Emitter): void {
  if (e.flags === UNKNOWN) throw new Error("flags of unknown kind are read: the flow analysis is wrong");
}

/** Pushes CF as 0 or 1. */
export function pushCarry(e: Emitter): void {
  requireKnown(e);
  const c = e.code;
  const kind = e.flags;
  if (kind === LOGIC) c.i32(0);
  else if (kind === FlagKind.INC32 || kind === FlagKind.DEC32) c.get(Local.FLAG_B);
  else if (kind === FlagKind.RAW) {
    c.get(Local.FLAG_B);
    e.shru(31);
  } else if (!isAdd(kind)) ab(e, W.I32_LT_U);
  else {
    ab(e, W.I32_ADD);
    if (width(kind) === 4) {
      c.get(Local.FLAG_A);
      c.op(W.I32_LT_U);
    } else e.shru(8 * width(kind));
  }
}

/** Pushes OF as 0 or 1. */
export function pushOverflow(e: Emitter): void {
  const c = e.code;
  if (e.flags === LOGIC) {
    c.i32(0);
    return;
  }
  aux(e);
  c.tee(Local.T3);
  c.get(Local.T3);
  c.i32(1);
  c.op(W.I32_SHL, W.I32_XOR);
  e.shru(31);
}

function pushZero(e: Emitter): void {
  const kind = e.flags;
  if (kind === FlagKind.SUB32 || kind === FlagKind.SUB8 || kind === FlagKind.SUB16) ab(e, W.I32_EQ);
  else {
    result(e);
    e.code.op(W.I32_EQZ);
  }
}

function pushSign(e: Emitter): void {
  result(e);
  e.shru(31);
  if (e.flags === FlagKind.RAW) {
    e.code.get(Local.FLAG_B);
    e.and(1);
    e.code.op(W.I32_XOR);
  }
}

function pushParity(e: Emitter): void {
  const c = e.code;
  result(e);
  if (e.flags === FlagKind.RAW) {
    c.get(Local.FLAG_B);
    e.shru(8);
    c.op(W.I32_XOR);
  }
  e.and(0xff);
  c.op(W.I32_POPCNT);
  c.i32(1);
  c.op(W.I32_AND, W.I32_EQZ);
}

/** Pushes both operands sign-extended from the kind's width, for signed comparisons. */
function signedOperands(e: Emitter): void {
  e.code.get(Local.FLAG_A);
  e.extend(width(e.flags));
  e.code.get(Local.FLAG_B);
  e.extend(width(e.flags));
}

/** Pushes condition code `cc` as 0 or 1. */
export function pushCondition(e: Emitter, cc: number): void {
  requireKnown(e);
  const c = e.code;
  const subtract = e.flags === FlagKind.SUB32 || e.flags === FlagKind.SUB8 || e.flags === FlagKind.SUB16;
  switch (cc >> 1) {
    case Condition.O:
      pushOverflow(e);
      break;
    case Condition.B:
      pushCarry(e);
      break;
    case Condition.Z:
      pushZero(e);
      break;
    case Condition.BE:
      if (subtract) ab(e, W.I32_LE_U);
      else {
        pushCarry(e);
        pushZero(e);
        c.op(W.I32_OR);
      }
      break;
    case Condition.S:
      pushSign(e);
      break;
    case Condition.P:
      pushParity(e);
      break;
    case Condition.L:
      if (subtract) {
        signedOperands(e);
        c.op(W.I32_LT_S);
      } else {
        pushSign(e);
        pushOverflow(e);
        c.op(W.I32_XOR);
      }
      break;
    default:
      if (subtract) {
        signedOperands(e);
        c.op(W.I32_LE_S);
      } else {
        pushSign(e);
        pushOverflow(e);
        c.op(W.I32_XOR);
        pushZero(e);
        c.op(W.I32_OR);
      }
  }
  if ((cc & 1) !== 0) c.op(W.I32_EQZ);
}

/** Pushes SF, ZF, AF, PF and CF at their places in the low byte of EFLAGS, and its bit 1. */
export function pushLowByte(e: Emitter): void {
  const c = e.code;
  requireKnown(e);
  toRaw(e);
  pushCarry(e);
  const more: [() => void, number][] = [
    [() => pushParity(e), 2],
    [() => pushZero(e), 6],
    [() => pushSign(e), 7],
  ];
  for (const [push, at] of more) {
    push();
    c.i32(at);
    c.op(W.I32_SHL, W.I32_OR);
  }
  c.get(Local.FLAG_B);
  e.and(8);
  c.i32(1);
  c.op(W.I32_SHL, W.I32_OR);
  c.i32(2);
  c.op(W.I32_OR);
}

/** Pops a low byte of EFLAGS into the flags; OF is kept. */
export function popLowByte(e: Emitter): void {
  e.code.set(Local.T1);
  toRaw(e);
  pushOverflow(e);
  e.code.set(Local.T2);
  loadFlags(e);
}

/** Makes the low byte of T1, laid out as EFLAGS, and OF (0 or 1) in T2 the flags. */
export function loadFlags(e: Emitter): void {
  const c = e.code;
  // ZF: a result of zero, or one whose low byte and sign are zero.
  c.i32(0);
  c.i32(0x100);
  c.get(Local.T1);
  e.and(0x40);
  c.op(W.SELECT);
  c.set(Local.FLAG_A);
  c.get(Local.T1);
  c.i32(31);
  c.op(W.I32_SHL);
  c.get(Local.T1);
  c.get(Local.T2);
  c.op(W.I32_XOR);
  e.and(1);
  c.i32(30);
  c.op(W.I32_SHL, W.I32_OR);
  c.get(Local.T1);
  e.shru(1);
  e.and(8);
  c.op(W.I32_OR);
  c.i32(0);
  c.i32(0x100);
  c.get(Local.T1);
  e.and(4);
  c.op(W.SELECT, W.I32_OR);
  c.get(Local.T1);
  e.shru(7);
  e.and(1);
  c.op(W.I32_OR);
  c.set(Local.FLAG_B);
  e.setFlagKind(FlagKind.RAW);
}

/** Pops CF (0 or 1) into flags of FlagKind.RAW: OF is bit 31 ^ bit 30, so both change with CF for it to stay. */
export function replaceCarry(e: Emitter): void {
  const c = e.code;
  c.get(Local.FLAG_B);
  e.shru(31);
  c.op(W.I32_XOR);
  c.i32(-1073741824);
  c.op(W.I32_MUL);
  c.get(Local.FLAG_B);
  c.op(W.I32_XOR);
  c.set(Local.FLAG_B);
  e.setFlagKind(FlagKind.RAW);
}

/** Pops a value that is zero if ZF is to be clear into flags of FlagKind.RAW; the others are kept. */
export function replaceZero(e: Emitter): void {
  const c = e.code;
  // Zero or not, the result's low byte and sign are zero, so that PF and SF come from the deltas.
  c.get(Local.FLAG_B);
  e.and(AUX_KEPT);
  pushParity(e);
  c.op(W.I32_EQZ);
  c.i32(8);
  c.op(W.I32_SHL, W.I32_OR);
  pushSign(e);
  c.op(W.I32_OR);
  c.set(Local.FLAG_B);
  c.set(Local.FLAG_A);
  c.i32(0);
  c.i32(0x100);
  c.get(Local.FLAG_A);
  c.op(W.SELECT);
  c.set(Local.FLAG_A);
  e.setFlagKind(FlagKind.RAW);
}
