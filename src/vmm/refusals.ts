/**
 * Which instructions the machine refused a deprivileged guest, so that the monitor executed them: resource control in numbers.
 */
import type { Op } from "../../assembly/abi/op.js";
import { INSTRUCTIONS } from "../isa/table/index.js";
import { instructionName } from "./instruction-names.js";

/** Operations that are privileged or sensitive in some form, by name. */
const REFUSABLE: ReadonlyMap<Op, string> = new Map(
  INSTRUCTIONS.filter(({ privilege, sensitive }) => privilege !== "none" || sensitive.length > 0).map(({ op }) => [
    op,
    instructionName(op),
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
