/** What each kind of monitor does about an instruction, from its declared classes. */
import { ExitReason } from "../../assembly/abi/exit.js";
import { Op } from "../../assembly/abi/op.js";
import type { Row } from "../isa/row.js";
import { declaredClasses } from "./declared.js";
import { alwaysExits, declaredVerdict } from "./verdict.js";

/** Kinds of monitors; `trap` on three instruction sets. */
export const MONITORS = ["trap/ia32", "trap/umip", "trap/strict", "hybrid", "bt", "pv", "vt"] as const;
/** One of them. */
export type Monitor = (typeof MONITORS)[number];

/** What the words of `treatmentOf` mean. */
export const TREATMENTS: readonly (readonly [word: string, meaning: string])[] = [
  ["runs", "on the processor, unseen"],
  ["emulated", "traps, and an interpreter routine acts on the virtual state"],
  ["reflected", "enters the monitor through its own IDT or MSRs and from there the guest's handler"],
  ["shadowed", "runs on the monitor's descriptor tables, right but for what the lifted reading leaves out"],
  ["slips", "runs, and the guest may see or change the wrong thing"],
  ["interpreted", "kernel code is interpreted; what user code does with it stands behind"],
  ["inline", "translated to a sequence on the virtual state, without leaving translated code"],
  ["call-out", "translated to a call of an interpreter routine"],
  ["ident", "copied unchanged by the translator"],
  ["hypercall", "the ported kernel asks the monitor instead; if it does not, the instruction traps"],
  ["avoided", "the ported kernel does without"],
  ["exits", "leaves non-root operation, with the reason that stands behind"],
  ["own copy", "acts on the VM's own registers, which the processor loads at entry"],
];

const GATES: ReadonlySet<Op> = new Set([Op.INT, Op.INT1, Op.INT3, Op.INTO, Op.SYSENTER]);
const INLINE: ReadonlySet<Op> = new Set([
  ...[Op.CLI, Op.STI, Op.PUSHF, Op.POPF, Op.CLTS, Op.SMSW, Op.MOV_FROM_CR, Op.MOV_FROM_DR, Op.RDTSC, Op.RDPMC],
  ...[Op.PUSH_SEG, Op.POP_SEG, Op.MOV_FROM_SEG, Op.MOV_TO_SEG, Op.LDS, Op.LES, Op.LFS, Op.LGS, Op.LSS],
  ...[Op.LAR, Op.LSL, Op.VERR, Op.VERW, Op.SGDT, Op.SIDT, Op.SLDT, Op.STR],
  ...[Op.FNSTENV, Op.FNSAVE],
]);

/** What the monitor does about the row. */
export function treatmentOf(row: Row, monitor: Monitor): string {
  switch (monitor) {
    case "trap/ia32":
      return trapping(row, "ia32");
    case "trap/umip":
      return trapping(row, "umip");
    case "trap/strict":
      return trapping(row, "strict");
    case "hybrid":
      return `interpreted; ${inUserMode(row)}`;
    case "bt":
      return translated(row);
    case "pv":
      return ported(row);
    case "vt":
      return nonRoot(row);
  }
}

function isPlain(row: Row): boolean {
  return row.sensitive.length === 0 && row.privilege === "none";
}

/** What the guest's own handler is for: gates, and #UD for want of VMX. */
function isReflected(row: Row): boolean {
  return GATES.has(row.op) || row.privilege === "vmx";
}

function trapping(row: Row, isa: "ia32" | "umip" | "strict"): string {
  if (isPlain(row)) return "runs";
  if (isReflected(row)) return "reflected";
  if (declaredVerdict(row, isa).privileged) return "emulated";
  return declaredClasses(row).lifted.length === 0 ? "shadowed" : "slips";
}

function inUserMode(row: Row): string {
  const verdict = declaredVerdict(row, "ia32");
  if (isPlain(row)) return "runs";
  if (isReflected(row)) return "reflected";
  if (verdict.privileged) return "emulated";
  return verdict.user.lifted.length === 0 ? "runs" : "slips";
}

function translated(row: Row): string {
  if (INLINE.has(row.op)) return "inline";
  if (isPlain(row) && row.reveals === undefined) return "ident";
  return declaredClasses(row).lifted.length === 0 &&
    row.privilege === "none" &&
    row.reveals === undefined &&
    !GATES.has(row.op)
    ? "ident"
    : "call-out";
}

function ported(row: Row): string {
  if (isPlain(row)) return "runs";
  if (isReflected(row)) return "reflected";
  if (declaredVerdict(row, "ia32").privileged) return "hypercall";
  return declaredClasses(row).lifted.length === 0 ? "runs" : "avoided";
}

function nonRoot(row: Row): string {
  if (alwaysExits(row)) return `exits: ${row.exits.map((reason) => ExitReason[reason]).join(", ")}`;
  return row.sensitive.length === 0 ? "runs" : "own copy";
}
