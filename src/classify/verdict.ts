/**
 * From evidence to verdicts: the derived classes of a row, and what they are on each instruction set.
 *
 * `ia32` has no UMIP and `umip` sets it. `strict` is IA-32 on which every instruction that is sensitive in the strict reading traps
 * outside ring 0. `vt` is VMX non-root operation: "privileged" is to exit to root operation, and resources are those that the guest-state
 * area does not hold.
 */
import { ExitReason } from "../../assembly/abi/exit.js";
import { Op } from "../../assembly/abi/op.js";
import type { Privilege, Row, Sensitivity } from "../isa/row.js";
import { INSTRUCTIONS } from "../isa/table/index.js";
import { isDecided, learn, MONITORS_CHOICE, type Tree, trapsAt } from "./conditions.js";
import { declaredClasses, trapsUnder, unobservable } from "./declared.js";
import type { RowEvidence } from "./derive.js";
import type { Evidence, Finding, Reading } from "./evidence.js";

/** The instruction sets of which the theorems are asked. */
export const ISAS = ["ia32", "umip", "strict", "vt"] as const;
/** One of them. */
export type Isa = (typeof ISAS)[number];

/** Exits that a monitor's execution controls make an instruction always cause. */
const CONTROLLED_EXITS: ReadonlySet<ExitReason> = new Set([
  ExitReason.CPUID,
  ExitReason.HLT,
  ExitReason.INVD,
  ExitReason.INVLPG,
  ExitReason.RDPMC,
  ExitReason.RDTSC,
  ExitReason.CR_ACCESS,
  ExitReason.DR_ACCESS,
  ExitReason.IO_INSTRUCTION,
  ExitReason.RDMSR,
  ExitReason.WRMSR,
  ExitReason.GDTR_IDTR_ACCESS,
  ExitReason.LDTR_TR_ACCESS,
  ExitReason.WBINVD,
  ...INSTRUCTIONS.filter((row) => row.privilege === "vmx").flatMap((row) => row.exits),
]);

/** User sensitive only where user mode has IOPL 3, clears IF or handles an NMI. */
const FREE_USER_ONLY: ReadonlySet<Op> = new Set([Op.PUSHF, Op.POPF, Op.IRET]);

/** What was derived of one row on one instruction set. */
export interface Verdict {
  readonly row: Row;
  /** Traps (or exits) outside ring 0 whenever the monitor chooses so. */
  readonly privileged: boolean;
  readonly sensitive: Record<Reading, readonly Sensitivity[]>;
  /** Sensitive in user mode: in any, and in one as kernels make it. */
  readonly user: Record<Reading, readonly Sensitivity[]>;
  readonly ordinaryUser: Record<Reading, readonly Sensitivity[]>;
  /** Tells the time. */
  readonly timed: boolean;
}

/** Whether the instruction always leaves non-root operation under the controls of a monitor. */
export function alwaysExits(row: Row): boolean {
  return row.exits.some((reason) => CONTROLLED_EXITS.has(reason));
}

/** The verdict on a row. */
export function verdictOn(both: RowEvidence, isa: Isa): Verdict {
  const evidence = both[isa];
  const { row } = evidence;
  const kinds = (keep: (finding: Finding) => boolean) => ({
    strict: evidence.kinds("strict", keep),
    lifted: evidence.kinds("lifted", keep),
  });
  const timed = evidence.revealsTime || row.reveals === "time";
  return {
    row,
    privileged: isPrivileged(evidence, isa),
    sensitive: kinds(() => true),
    user: kinds((finding) => finding.user),
    ordinaryUser: kinds((finding) => finding.ordinary),
    timed,
  };
}

/** The same verdict as the table declares it. */
export function declaredVerdict(row: Row, isa: Isa): Verdict {
  const { strict, lifted, userStrict, userLifted } = declaredClasses(row);
  const conditional = row.privilege !== "none" && (row.privilege !== "umip" || isa === "umip");
  const trapping = conditional || (isa === "strict" && strict.length > 0);
  const privileged = isa === "vt" ? alwaysExits(row) : trapping;
  // In non-root operation what does not exit acts on the VM's own copy.
  const here = (kinds: readonly Sensitivity[]) => (isa === "vt" && !privileged ? [] : kinds);
  const user = { strict: here(userStrict), lifted: here(userLifted) };
  const needsPrivilege = FREE_USER_ONLY.has(row.op);
  return {
    row,
    privileged,
    sensitive: { strict: here(strict), lifted: here(lifted) },
    user,
    ordinaryUser: { strict: user.strict, lifted: needsPrivilege ? [] : user.lifted },
    timed: row.reveals === "time",
  };
}

function isPrivileged(evidence: Evidence, isa: Isa): boolean {
  const { traps } = evidence;
  if (isa === "vt") return traps.length > 0 && traps.every(({ trapped }) => trapped);
  const tree = isPrivilegeDecided(evidence) ? learn(traps) : undefined;
  return tree !== undefined && trapsAt(tree, MONITORS_CHOICE);
}

/** True if the machine's conditions alone decide whether the instruction traps outside ring 0. */
function isPrivilegeDecided(evidence: Evidence): boolean {
  const onlyOutside = evidence.findings.some(({ cause }) => cause === "completes outside ring 0 only");
  return isDecided(evidence.traps) && !onlyOutside;
}

/** When the row traps: a tree, or undefined if the guest's data decide or nothing completed. */
export function trapTree({ ia32, umip }: RowEvidence): Tree | undefined {
  if (!isPrivilegeDecided(ia32) || !isPrivilegeDecided(umip)) return undefined;
  return learn([...ia32.traps, ...umip.traps]);
}

const PRIVILEGES: readonly Privilege[] = ["none", "cpl0", "umip", "tsd", "pce", "iopl", "io"];

/** The privilege whose condition explains every sample; undefined if there is none. */
export function derivedPrivilege(both: RowEvidence): Privilege | undefined {
  if (!isPrivilegeDecided(both.ia32) || !isPrivilegeDecided(both.umip)) return "none";
  // What never completes on the bare machine and always exits was looking for VMX operation.
  if (both.ia32.states + both.umip.states === 0 && isPrivileged(both.vt, "vt")) return "vmx";
  const samples = [...both.ia32.traps, ...both.umip.traps];
  const { op } = both.ia32.row;
  return PRIVILEGES.find((privilege) =>
    samples.every(({ conditions, trapped }) => trapsUnder(privilege, op, conditions) === trapped),
  );
}

/** Sentences on how the evidence differs from what is declared of the row; none if they agree. */
export function disagreements(both: RowEvidence): string[] {
  const { row } = both.ia32;
  const declared = declaredClasses(row);
  const found: string[] = [];
  const compare = (what: string, expected: string, actual: string) => {
    if (expected !== actual) found.push(`${row.text} [${row.code}]: ${what}: declared ${expected}, derived ${actual}`);
  };
  const list = (kinds: readonly string[]) => (kinds.length === 0 ? "innocuous" : [...kinds].sort().join(", "));
  compare("privilege", declared.privilege, derivedPrivilege(both) ?? "another condition");
  const hidden = unobservable(row) !== undefined;
  for (const [isa, evidence] of [
    ["ia32", both.ia32],
    ["umip", both.umip],
  ] as const) {
    const guarded = isa === "umip" && row.privilege === "umip";
    const user = (kinds: readonly Sensitivity[]) => list(guarded ? [] : kinds);
    const isUser = (finding: Finding) => finding.user;
    compare(`${isa}, strict reading`, hidden ? "innocuous" : list(declared.strict), list(evidence.kinds("strict")));
    compare(`${isa}, lifted reading`, hidden ? "innocuous" : list(declared.lifted), list(evidence.kinds("lifted")));
    if (hidden) continue;
    compare(`${isa}, user mode, strict reading`, user(declared.userStrict), list(evidence.kinds("strict", isUser)));
    compare(`${isa}, user mode, lifted reading`, user(declared.userLifted), list(evidence.kinds("lifted", isUser)));
    const tellsTime = evidence.revealsTime && !evidence.kinds("strict").includes("location");
    compare(`${isa}, reveals`, declared.reveals ?? "nothing", tellsTime ? "time" : "nothing");
  }
  const under = "traps under a monitor";
  if (row.sensitive.length > 0) {
    compare("strict", under, isPrivileged(both.strict, "strict") ? under : "slips through");
  } else if (row.privilege === "none") {
    compare("strict", "runs", both.strict.traps.some(({ trapped }) => trapped) ? under : "runs");
  }
  const exits = both.vt.traps.some(({ trapped }) => trapped);
  const kinds = both.vt.kinds("strict");
  compare(
    "vt",
    "exits or acts on the VM's own copy",
    kinds.length > 0 ? list(kinds) : "exits or acts on the VM's own copy",
  );
  if (alwaysExits(row) || row.exits.length === 0)
    compare("vt", alwaysExits(row) ? "exits" : "no exit", exits ? "exits" : "no exit");
  return found;
}
