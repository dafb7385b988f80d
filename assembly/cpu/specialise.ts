/**
 * Chooses the hot form of a record, where there is one (assembly/abi/handler.ts). What is chosen depends only on the record and
 * the mode, and never changes what the instruction means.
 */
import { Mode } from "../abi/cpu";
import { Handler } from "../abi/handler";
import { Op } from "../abi/op";
import { CONDITION_SHIFT, Form, RM_MEMORY, Rec, RecFlag } from "../abi/record";

/** Hot forms per operation and width of the group-1 operations: RR RI RM MR MI. */
const ALU_FORMS: u32 = 5;
/** Hot forms of the eight group-1 operations of one width. */
const ALU_WIDTH: u32 = 40;

/** No hot form has such operands. */
const NO_FORM: u32 = 255;

/** Which of RR RI RM MR MI the operands are. A register-to-register REG_RM is turned round into RM_REG. */
function pattern(rec: usize, form: u32, memory: bool): u32 {
  switch (form) {
    case Form.RM_REG:
      return memory ? 3 : 0;
    case Form.REG_RM: {
      if (memory) return 2;
      const reg = load<u8>(rec, Rec.REG);
      store<u8>(rec, load<u8>(rec, Rec.RM), Rec.REG);
      store<u8>(rec, reg, Rec.RM);
      store<u16>(rec, (load<u16>(rec, Rec.FLAGS) & ~RecFlag.FORM) | Form.RM_REG, Rec.FLAGS);
      return 0;
    }
    case Form.RM_IMM:
      return memory ? 4 : 1;
    default:
      return NO_FORM;
  }
}

/** Hot form for four-byte operands with a register r/m and an immediate count of 1 to 31, or GENERIC. */
function shiftForm(rec: usize, form: u32, byImmediate: u32, byCl: u32): u32 {
  if (form == Form.RM_CL) return byCl;
  if (form == Form.RM_ONE) {
    store<u32>(rec, 1, Rec.IMM);
    return byImmediate;
  }
  const count = load<u32>(rec, Rec.IMM) & 31;
  if (form != Form.RM_IMM || count == 0) return Handler.GENERIC;
  store<u32>(rec, count, Rec.IMM);
  return byImmediate;
}

/** Sets Rec.HANDLER of a freshly decoded record. */
export function specialise(rec: usize, mode: u32): void {
  const translated = (load<u16>(rec, Rec.FLAGS) & (RecFlag.CALL_OUT | RecFlag.INLINE)) != 0;
  const handler: u32 = translated ? translatedForm(rec) : choose(rec, mode);
  store<u16>(rec, <u16>(handler == Handler.GENERIC ? plain(rec) : handler), Rec.HANDLER);
}

/** The form of an instruction that translated code does not take over as it is. */
function translatedForm(rec: usize): u32 {
  const flags: u32 = load<u16>(rec, Rec.FLAGS);
  const links =
    (flags & (RecFlag.INLINE | RecFlag.ENDS)) == (RecFlag.INLINE | RecFlag.ENDS) && load<u32>(rec, Rec.LINK) == 0;
  return links ? Handler.TRANSLATED_SYSTEM : Handler.TRANSLATED;
}

/** What stands for GENERIC: at the end of a block, a form that remembers the block behind it where the record has room for that. */
function plain(rec: usize): u32 {
  if ((load<u16>(rec, Rec.FLAGS) & RecFlag.ENDS) == 0) return Handler.GENERIC;
  if (load<u8>(rec, Rec.OP) == Op.INVLPG) return Handler.INVLPG;
  return load<u32>(rec, Rec.LINK) == 0 ? Handler.SYSTEM : Handler.GENERIC;
}

function choose(rec: usize, mode: u32): u32 {
  const op: u32 = load<u8>(rec, Rec.OP);
  const flags: u32 = load<u16>(rec, Rec.FLAGS);
  const form = flags & RecFlag.FORM;
  const size: u32 = load<u8>(rec, Rec.SIZE);
  const memory = load<u8>(rec, Rec.RM) == RM_MEMORY;
  if (op - Op.ADD <= <u32>(Op.CMP - Op.ADD)) {
    if (size == 2) return Handler.GENERIC;
    const family = Handler.ADD32_RR + (size == 1 ? ALU_WIDTH : 0) + (op - Op.ADD) * ALU_FORMS;
    const p = pattern(rec, form, memory);
    return p == NO_FORM ? Handler.GENERIC : family + p;
  }
  switch (op) {
    case Op.TEST: {
      if (size == 2) return Handler.GENERIC;
      const family: u32 = size == 4 ? Handler.TEST32_RR : Handler.TEST8_RR;
      if (form == Form.RM_IMM) return family + (memory ? 2 : 1);
      return form == Form.RM_REG ? family + (memory ? 3 : 0) : <u32>Handler.GENERIC;
    }
    case Op.MOV: {
      if (size == 2) {
        if (!memory) return Handler.GENERIC;
        return form == Form.REG_RM ? Handler.MOV16_RM : form == Form.RM_REG ? Handler.MOV16_MR : Handler.GENERIC;
      }
      const p = pattern(rec, form, memory);
      if (p == NO_FORM) return Handler.GENERIC;
      return (size == 4 ? <u32>Handler.MOV32_RR : <u32>Handler.MOV8_RR) + p;
    }
    case Op.RET:
      return nearStack(mode) && size == 4 && form == Form.NONE ? Handler.RET32 : Handler.GENERIC;
    case Op.JMP:
      return nearFlow(mode) && size == 4 ? Handler.JMP32 : Handler.GENERIC;
    case Op.JCC:
      return nearFlow(mode) && size == 4 ? Handler.JO + (flags >>> CONDITION_SHIFT) : <u32>Handler.GENERIC;
    case Op.CALL:
      return nearStack(mode) && size == 4 ? Handler.CALL32 : Handler.GENERIC;
    case Op.LOOP:
      return nearFlow(mode) && size == 4 && (flags & RecFlag.ADDR16) == 0 ? Handler.LOOP32 : Handler.GENERIC;
    case Op.NOP:
      // A monitor may want to see PAUSE.
      return (flags & RecFlag.REP) != 0 && (mode & (Mode.MONITORED | Mode.EXITING)) != 0
        ? Handler.GENERIC
        : Handler.NOP_HOT;
    case Op.SETCC:
      return memory ? Handler.GENERIC : Handler.SETCC_R;
    default:
      return size == 4 ? choose32(rec, op, form, memory, mode) : <u32>Handler.GENERIC;
  }
}

/** True if near branches to 32-bit targets need no limit check and may be linked. */
function nearFlow(mode: u32): bool {
  return (mode & (Mode.LIMITED | Mode.CODE32)) == Mode.CODE32;
}

/** The same with ESP as stack pointer. */
function nearStack(mode: u32): bool {
  return nearFlow(mode) && (mode & Mode.STACK32) != 0;
}

/** Hot forms of four-byte operand size. */
function choose32(rec: usize, op: u32, form: u32, memory: bool, mode: u32): u32 {
  const stack = (mode & Mode.STACK32) != 0;
  switch (op) {
    case Op.MOVZX8:
      return memory ? Handler.MOVZX8_RM : Handler.MOVZX8_RR;
    case Op.MOVZX16:
      return memory ? Handler.MOVZX16_RM : Handler.MOVZX16_RR;
    case Op.MOVSX8:
      return memory ? Handler.MOVSX8_RM : Handler.MOVSX8_RR;
    case Op.MOVSX16:
      return memory ? Handler.MOVSX16_RM : Handler.MOVSX16_RR;
    case Op.LEA:
      return Handler.LEA32;
    case Op.INC:
      return memory ? Handler.INC32_M : Handler.INC32_R;
    case Op.DEC:
      return memory ? Handler.DEC32_M : Handler.DEC32_R;
    case Op.NEG:
      return memory ? Handler.GENERIC : Handler.NEG32_R;
    case Op.NOT:
      return memory ? Handler.GENERIC : Handler.NOT32_R;
    case Op.SHL:
      return memory ? Handler.GENERIC : shiftForm(rec, form, Handler.SHL32_RI, Handler.SHL32_RC);
    case Op.SHR:
      return memory ? Handler.GENERIC : shiftForm(rec, form, Handler.SHR32_RI, Handler.SHR32_RC);
    case Op.SAR:
      return memory ? Handler.GENERIC : shiftForm(rec, form, Handler.SAR32_RI, Handler.SAR32_RC);
    case Op.ROL:
      return memory ? Handler.GENERIC : shiftForm(rec, form, Handler.ROL32_RI, Handler.GENERIC);
    case Op.ROR:
      return memory ? Handler.GENERIC : shiftForm(rec, form, Handler.ROR32_RI, Handler.GENERIC);
    case Op.IMUL:
      if (form == Form.REG_RM_IMM) return memory ? Handler.GENERIC : Handler.IMUL32_RRI;
      return memory ? Handler.IMUL32_RM : Handler.IMUL32_RR;
    case Op.CWD:
      return Handler.CDQ;
    case Op.XCHG:
      return memory ? Handler.GENERIC : Handler.XCHG32_RR;
    case Op.CMOVCC:
      return memory ? Handler.CMOV32_RM : Handler.CMOV32_RR;
    case Op.PUSH:
      if (!stack) return Handler.GENERIC;
      if (form == Form.IMM) return Handler.PUSH32_I;
      return memory ? Handler.PUSH32_M : Handler.PUSH32_R;
    case Op.POP:
      return stack && !memory ? Handler.POP32_R : Handler.GENERIC;
    case Op.LEAVE:
      return stack ? Handler.LEAVE32 : Handler.GENERIC;
    case Op.CALL_INDIRECT:
      if (!nearStack(mode)) return Handler.GENERIC;
      return memory ? Handler.CALL32_M : Handler.CALL32_R;
    case Op.JMP_INDIRECT:
      if (!nearFlow(mode)) return Handler.GENERIC;
      return memory ? Handler.JMP32_M : Handler.JMP32_R;
    default:
      return Handler.GENERIC;
  }
}
