/**
 * Operations by the names people know: as the SDM writes the instruction.
 */
import { Op } from "../../assembly/abi/op.js";

/** Operations whose name is not the mnemonic. */
const NAMES: Partial<Record<Op, string>> = {
  [Op.MOV_FROM_CR]: "MOV from CR",
  [Op.MOV_TO_CR]: "MOV to CR",
  [Op.MOV_FROM_DR]: "MOV from DR",
  [Op.MOV_TO_DR]: "MOV to DR",
  [Op.MOV_FROM_SEG]: "MOV from Sreg",
  [Op.MOV_TO_SEG]: "MOV to Sreg",
  [Op.PUSH_SEG]: "PUSH Sreg",
  [Op.POP_SEG]: "POP Sreg",
  [Op.JMP_FAR]: "JMP far",
  [Op.JMP_FAR_INDIRECT]: "JMP far",
  [Op.CALL_FAR]: "CALL far",
  [Op.CALL_FAR_INDIRECT]: "CALL far",
  [Op.RET_FAR]: "RET far",
};

/** The name of an operation. */
export function instructionName(op: Op): string {
  return NAMES[op] ?? Op[op] ?? `operation ${op}`;
}
