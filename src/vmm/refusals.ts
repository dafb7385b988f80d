/**
 * Which instructions the machine refused a deprivileged guest, so that the monitor executed them: resource control in numbers.
 */
import { Op } from "../../assembly/abi/op.js";
import { INSTRUCTIONS } from "../isa/table/index.js";

/** Operations that are more than one word of the SDM, or whose first row is a form of many. */
const NAMES: Partial<Record<Op, string>> = {
  [Op.MOV_FROM_CR]: "MOV from CR",
  [Op.MOV_TO_CR]: "MOV to CR",
  [Op.MOV_FROM_DR]: "MOV from DR",
  [Op.MOV_TO_DR]: "MOV to DR",
  [Op.MOV_FROM_SEG]: "MOV from Sreg",
  [Op.MOV_TO_SEG]: "MOV to Sreg",
  [Op.PUSH_SEG]: "PUSH Sreg",
  [Op.POP_SEG]: "POP Sreg",
  [Op.CALL_FAR]: "CALL far",
  [Op.CALL_FAR_INDIRECT]: "CALL far",
  [Op.JMP_FAR]: "JMP far",
  [Op.JMP_FAR_INDIRECT]: "JMP far",
  [Op.RET_FAR]: "RET far",
  [Op.INS]: "INS",
  [Op.OUTS]: "OUTS",
};

/** Operations that are privileged or sensitive in some form, by name. */
const REFUSABLE: ReadonlyMap<Op, string> = new Map(
  INSTRUCTIONS.filter(({ privilege, sensitive }) => privilege !== "none" || sensitive.length > 0).map((row) => [
    row.op,
    NAMES[row.op] ?? row.mnemonic,
  ]),
);

/** Counts them by operation. */
export class Refusals {
  private readonly counts = new Uint32Array(256);

  /** The machine refused the instruction of this operation. */
  note(op: Op): void {
    this.counts[op]!++;
  }

  /** How often, by name. An operation that is neither privileged nor sensitive has faulted for a reason of its own. */
  summary(): Record<string, number> {
    const byName: Record<string, number> = {};
    for (const [op, name] of REFUSABLE) {
      const count = this.counts[op]!;
      if (count > 0) byName[name] = (byName[name] ?? 0) + count;
    }
    return byName;
  }
}
