/**
 * The lowering of each operation to WebAssembly, by family in lower/. Those in INTERPRETED, and forms that a lowering refuses, are
 * executed by the interpreter in the middle of the region. Invariant: every operation is in exactly one of the three lists; the types see to it.
 */
import { Op } from "../../assembly/abi/op.js";
import { W } from "../wasm/opcodes.js";
import { Local } from "./emitter.js";
import { INTERPRETED } from "./interpreted.js";
import * as alu from "./lower/arithmetic.js";
import { bitTest, cmpxchg8b, scan } from "./lower/bit.js";
import { type Lowering, interpreted } from "./lower/lowering.js";
import * as move from "./lower/move.js";
import { imul, multiplyWide, div, idiv } from "./lower/multiply.js";
import { doubleShift, rotate, rotateCarry, shift } from "./lower/shift.js";
import { enter, leave, pop, popa, push, pushSegment, pusha } from "./lower/stack.js";
import { direction, string } from "./lower/string.js";
import { cli, movFromControl, popf, pushf, sti } from "./lower/system.js";
import { BRANCHES } from "./transfers.js";

const LOWERED: Record<Exclude<Op, (typeof INTERPRETED | typeof BRANCHES)[number]>, Lowering> = {
  [Op.ADD]: alu.arithmetic(W.I32_ADD, alu.ADD),
  [Op.SUB]: alu.arithmetic(W.I32_SUB, alu.SUB),
  [Op.CMP]: alu.compare,
  [Op.ADC]: alu.withCarry(true),
  [Op.SBB]: alu.withCarry(false),
  [Op.AND]: alu.logic(W.I32_AND),
  [Op.OR]: alu.logic(W.I32_OR),
  [Op.XOR]: alu.logic(W.I32_XOR),
  [Op.TEST]: alu.test,
  [Op.INC]: alu.step(true),
  [Op.DEC]: alu.step(false),
  [Op.NEG]: alu.neg,
  [Op.NOT]: alu.not,
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
  [Op.BSWAP]: move.bswap,
  [Op.MOV]: move.mov,
  [Op.MOVZX8]: move.widen(1, false),
  [Op.MOVZX16]: move.widen(2, false),
  [Op.MOVSX8]: move.widen(1, true),
  [Op.MOVSX16]: move.widen(2, true),
  [Op.XCHG]: move.xchg,
  [Op.CMOVCC]: move.cmov,
  [Op.SETCC]: move.setcc,
  [Op.LEA]: move.lea,
  [Op.CBW]: alu.cbw,
  [Op.CWD]: alu.cwd,
  [Op.CLC]: move.carryFlag((e) => e.code.i32(0)),
  [Op.STC]: move.carryFlag((e) => e.code.i32(1)),
  [Op.CMC]: move.carryFlag((e) => {
    e.code.get(Local.FLAG_B);
    e.shru(31);
    e.code.op(W.I32_EQZ);
  }),
  [Op.PUSH]: push,
  [Op.POP]: pop,
  [Op.PUSHF]: pushf,
  [Op.CLI]: cli,
  [Op.STI]: sti,
  [Op.POPF]: popf,
  [Op.MOV_FROM_CR]: movFromControl,
  [Op.LEAVE]: leave,
  [Op.NOP]: move.nop,
  [Op.PUSHA]: pusha,
  [Op.POPA]: popa,
  [Op.LAHF]: move.lahf,
  [Op.SAHF]: move.sahf,
  [Op.SHLD]: doubleShift(true),
  [Op.SHRD]: doubleShift(false),
  [Op.RCL]: rotateCarry(true),
  [Op.RCR]: rotateCarry(false),
  [Op.BT]: bitTest(Op.BT),
  [Op.BTS]: bitTest(Op.BTS),
  [Op.BTR]: bitTest(Op.BTR),
  [Op.BTC]: bitTest(Op.BTC),
  [Op.BSF]: scan(true),
  [Op.BSR]: scan(false),
  [Op.MOV_FROM_SEG]: move.movFromSegment,
  [Op.PUSH_SEG]: pushSegment,
  [Op.XADD]: alu.xadd,
  [Op.CMPXCHG]: alu.cmpxchg,
  [Op.CMPXCHG8B]: cmpxchg8b,
  [Op.XLAT]: move.xlat,
  [Op.CLD]: direction(false),
  [Op.STD]: direction(true),
  [Op.ENTER]: enter,
  [Op.MOVS]: string(Op.MOVS),
  [Op.CMPS]: string(Op.CMPS),
  [Op.STOS]: string(Op.STOS),
  [Op.LODS]: string(Op.LODS),
  [Op.SCAS]: string(Op.SCAS),
};

/** How each operation is emitted where it does not end a node. */
export const LOWERINGS: Readonly<Record<Op, Lowering>> = {
  ...all(INTERPRETED, interpreted),
  ...all(BRANCHES, interpreted),
  ...LOWERED,
};

function all<T extends Op>(ops: readonly T[], lowering: Lowering): Record<T, Lowering> {
  return Object.fromEntries(ops.map((op) => [op, lowering])) as Record<T, Lowering>;
}
