/**
 * The lowering of each operation to WebAssembly, by family in lower/. An operation that is absent, and a form its lowering
 * refuses, is executed by the interpreter in the middle of the region: the same meaning by construction.
 */
import { Op } from "../../assembly/abi/op.js";
import { W } from "../wasm/opcodes.js";
import { Local } from "./emitter.js";
import { ADD, SUB, arithmetic, logic, withCarry, compare, test, step, not, neg, cwd, cbw } from "./lower/arithmetic.js";
import { mov, widen, lea, xchg, setcc, cmov, bswap, nop, carryFlag, lahf, sahf } from "./lower/move.js";
import { imul, multiplyWide, div, idiv } from "./lower/multiply.js";
import { shift, rotate, doubleShift } from "./lower/shift.js";
import { push, pop, leave, pusha, popa } from "./lower/stack.js";
import type { Lowering } from "./lower/lowering.js";

/** How each operation is lowered. */
export const LOWERINGS: Partial<Record<Op, Lowering>> = {
  [Op.ADD]: arithmetic(W.I32_ADD, ADD),
  [Op.SUB]: arithmetic(W.I32_SUB, SUB),
  [Op.CMP]: compare,
  [Op.ADC]: withCarry(true),
  [Op.SBB]: withCarry(false),
  [Op.AND]: logic(W.I32_AND),
  [Op.OR]: logic(W.I32_OR),
  [Op.XOR]: logic(W.I32_XOR),
  [Op.TEST]: test,
  [Op.INC]: step(true),
  [Op.DEC]: step(false),
  [Op.NEG]: neg,
  [Op.NOT]: not,
  [Op.ROL]: rotate(true),
  [Op.ROR]: rotate(false),
  [Op.SHL]: shift(Op.SHL),
  [Op.SHR]: shift(Op.SHR),
  [Op.SAR]: shift(Op.SAR),
  [Op.MUL]: multiplyWide(false),
  [Op.IMUL_WIDE]: multiplyWide(true),
  [Op.IMUL]: imul,
  [Op.DIV]: div,
  [Op.IDIV]: idiv,
  [Op.BSWAP]: bswap,
  [Op.MOV]: mov,
  [Op.MOVZX8]: widen(1, false),
  [Op.MOVZX16]: widen(2, false),
  [Op.MOVSX8]: widen(1, true),
  [Op.MOVSX16]: widen(2, true),
  [Op.XCHG]: xchg,
  [Op.CMOVCC]: cmov,
  [Op.SETCC]: setcc,
  [Op.LEA]: lea,
  [Op.CBW]: cbw,
  [Op.CWD]: cwd,
  [Op.CLC]: carryFlag((e) => e.code.i32(0)),
  [Op.STC]: carryFlag((e) => e.code.i32(1)),
  [Op.CMC]: carryFlag((e) => {
    e.code.get(Local.FLAG_B);
    e.shru(31);
    e.code.op(W.I32_EQZ);
  }),
  [Op.PUSH]: push,
  [Op.POP]: pop,
  [Op.LEAVE]: leave,
  [Op.NOP]: nop,
  [Op.PUSHA]: pusha,
  [Op.POPA]: popa,
  [Op.LAHF]: lahf,
  [Op.SAHF]: sahf,
  [Op.SHLD]: doubleShift(true),
  [Op.SHRD]: doubleShift(false),
};
