/**
 * The declared classes: what the columns of the instruction table and the few lists here say about a row. The experiments of
 * `derive.ts` must find the same.
 *
 * The table's `sensitive` column is the strict reading. The lifted one takes segment registers as part of the program and a legal
 * entry through a gate as a trap (the monitor owns the tables they go through).
 */
import { Op } from "../../assembly/abi/op.js";
import type { Privilege, Reveals, Row, Sensitivity } from "../isa/row.js";
import { Holds } from "./conditions.js";

/** Classes of one row. */
interface Classes {
  readonly privilege: Privilege;
  /** Kinds of sensitivity in either reading. */
  readonly strict: readonly Sensitivity[];
  readonly lifted: readonly Sensitivity[];
  /** Control or location sensitive in user mode, for Theorem 3. */
  readonly userStrict: readonly Sensitivity[];
  readonly userLifted: readonly Sensitivity[];
  readonly reveals: Reveals | undefined;
}

/** Enter a gate, or load segments and nothing else: control in the strict reading only. */
const LIFTED_CONTROL: ReadonlySet<Op> = new Set([
  ...[Op.JMP_FAR, Op.JMP_FAR_INDIRECT, Op.CALL_FAR, Op.CALL_FAR_INDIRECT],
  ...[Op.INT, Op.INT1, Op.INT3, Op.INTO, Op.SYSENTER],
  ...[Op.POP_SEG, Op.MOV_TO_SEG, Op.LDS, Op.LES, Op.LFS, Op.LGS, Op.LSS],
]);

/** Show a selector: location in the strict reading only. */
const LIFTED_LOCATION: ReadonlySet<Op> = new Set([
  ...[Op.PUSH_SEG, Op.MOV_FROM_SEG, Op.CALL_FAR, Op.CALL_FAR_INDIRECT, Op.FNSTENV, Op.FNSAVE],
]);

/** What the manual says of a row and no experiment on this machine can see, and why. */
const UNOBSERVABLE: Partial<Record<Op, string>> = {
  [Op.INVD]: "the machine has no caches",
  [Op.WBINVD]: "the machine has no caches",
  [Op.CPUID]: "there is one identity to show",
  [Op.RDPMC]: "the counters stand still",
};

/** The declared classes of a row. */
export function declaredClasses(row: Row): Classes {
  const strict = row.sensitive.map(({ kind }) => kind).sort();
  const lifted = strict.filter(
    (kind) =>
      !(kind === "control" && LIFTED_CONTROL.has(row.op)) && !(kind === "location" && LIFTED_LOCATION.has(row.op)),
  );
  const atUser = (kinds: readonly Sensitivity[]) =>
    row.privilege === "cpl0" ? [] : kinds.filter((kind) => kind !== "mode");
  return {
    privilege: row.privilege,
    strict,
    lifted,
    userStrict: atUser(strict),
    // From CPL 3 a far return leads to CPL 3.
    userLifted: row.op === Op.RET_FAR ? [] : atUser(lifted),
    reveals: row.reveals,
  };
}

/** Why no experiment can confirm what is declared of the row; undefined if one can. */
export function unobservable(row: Row): string | undefined {
  return UNOBSERVABLE[row.op];
}

/** Whether a row of this privilege traps under the conditions of a sample, outside CPL 0. */
export function trapsUnder(privilege: Privilege, op: Op, conditions: number): boolean {
  const holds = (bits: number) => (conditions & bits) === bits;
  switch (privilege) {
    case "none":
      return false;
    case "cpl0":
      return true;
    case "iopl": {
      const onVif = holds(Holds.VIRTUAL_INTERRUPTS) && !(op === Op.STI && holds(Holds.VIP));
      return holds(Holds.ABOVE_IOPL) && !onVif;
    }
    case "io":
      return holds(Holds.ABOVE_IOPL | Holds.DENIED);
    case "tsd":
      return holds(Holds.TSD);
    case "pce":
      return !holds(Holds.PCE);
    case "umip":
      return holds(Holds.UMIP);
    case "vmx":
      return true;
  }
}

/** When a row of this privilege traps, for people. */
export const PRIVILEGE_CONDITIONS: Record<Privilege, string> = {
  none: "never",
  cpl0: "CPL > 0",
  iopl: "CPL > IOPL",
  io: "CPL > IOPL and the I/O bitmap denies",
  tsd: "CPL > 0 and CR4.TSD",
  pce: "CPL > 0 and not CR4.PCE",
  umip: "CPL > 0 and CR4.UMIP",
  vmx: "always: #UD",
};
