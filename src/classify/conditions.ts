/**
 * When an instruction traps: a decision tree over what the monitor owns, learned from samples.
 *
 * Only resources of the machine are asked about, never what the guest's registers and tables hold: a trap that follows from these
 * conditions is one the monitor can arrange for. If equal conditions were seen with and without a trap, the guest's data decides.
 */
import { Cr4, Eflags, IOPL_SHIFT, Reg } from "../../assembly/abi/x86.js";
import { ShapeFlag } from "../../assembly/abi/shape.js";
import type { Subject } from "./encode.js";
import { ALLOWED_PORTS } from "./stage.js";
import type { State } from "./state.js";

/** A condition: how it reads when it holds and when it does not. */
interface Condition {
  readonly yes: string;
  readonly no: string;
}

/** What is asked, in the order in which ties are decided. Bit `n` of a sample's conditions belongs to entry `n`. */
export const CONDITIONS: readonly Condition[] = [
  { yes: "CPL > IOPL", no: "CPL ≤ IOPL" },
  { yes: "CR4.UMIP", no: "not CR4.UMIP" },
  { yes: "CR4.TSD", no: "not CR4.TSD" },
  { yes: "CR4.PCE", no: "not CR4.PCE" },
  { yes: "the I/O bitmap denies", no: "the I/O bitmap allows" },
  { yes: "CPL = 3 and CR4.PVI", no: "not (CPL = 3 and CR4.PVI)" },
  { yes: "VIP", no: "not VIP" },
];

/** Bits of a sample's conditions by name. */
export enum Holds {
  ABOVE_IOPL = 1,
  UMIP = 2,
  TSD = 4,
  PCE = 8,
  DENIED = 16,
  VIRTUAL_INTERRUPTS = 32,
  VIP = 64,
}

/** One attempt outside ring 0 at what ring 0 completes. */
export interface TrapSample {
  readonly conditions: number;
  readonly trapped: boolean;
}

/** The conditions of a state in a ring. */
export function conditionsOf({ row }: Subject, { own, regs, code }: State, ring: number): number {
  const iopl = (own.eflags & Eflags.IOPL) >>> IOPL_SHIFT;
  const port = row.operands.includes("imm8") ? code.at(-1)! : regs[Reg.EDX]! & 0xffff;
  const isPort = row.privilege === "io" && (row.operands.length > 0 || (row.flags & ShapeFlag.STRING) !== 0);
  return (
    (ring > iopl ? Holds.ABOVE_IOPL : 0) |
    (own.cr4 & Cr4.UMIP ? Holds.UMIP : 0) |
    (own.cr4 & Cr4.TSD ? Holds.TSD : 0) |
    (own.cr4 & Cr4.PCE ? Holds.PCE : 0) |
    (isPort && !ALLOWED_PORTS.some((allowed) => allowed === port) ? Holds.DENIED : 0) |
    (ring === 3 && own.cr4 & Cr4.PVI ? Holds.VIRTUAL_INTERRUPTS : 0) |
    (own.eflags & Eflags.VIP ? Holds.VIP : 0)
  );
}

/** A decision tree: a verdict, or a condition and what follows from either answer. */
export type Tree = { trapped: boolean } | { condition: number; yes: Tree; no: Tree };

/** Counts of samples by their conditions: how many completed and how many trapped. */
function tally(samples: readonly TrapSample[]): Map<number, [completed: number, trapped: number]> {
  const counts = new Map<number, [number, number]>();
  for (const { conditions, trapped } of samples) {
    const count = counts.get(conditions) ?? [0, 0];
    count[trapped ? 1 : 0]++;
    counts.set(conditions, count);
  }
  return counts;
}

/** True if equal conditions never had different ends. */
export function isDecided(samples: readonly TrapSample[]): boolean {
  return [...tally(samples).values()].every(([completed, trapped]) => completed === 0 || trapped === 0);
}

/** The tree that explains the samples, or undefined if they are not decided by conditions or there are none. */
export function learn(samples: readonly TrapSample[]): Tree | undefined {
  if (samples.length === 0 || !isDecided(samples)) return undefined;
  return grow(samples);
}

function grow(samples: readonly TrapSample[]): Tree {
  const trapped = samples.filter((sample) => sample.trapped).length;
  if (trapped === 0 || trapped === samples.length) return { trapped: trapped > 0 };
  let best = { condition: -1, cost: Number.POSITIVE_INFINITY };
  for (const condition of CONDITIONS.keys()) {
    const [yes, no] = split(samples, condition);
    if (yes.length === 0 || no.length === 0) continue;
    const cost = impurity(yes) + impurity(no);
    if (cost < best.cost - 1e-9) best = { condition, cost };
  }
  const [yes, no] = split(samples, best.condition);
  return { condition: best.condition, yes: grow(yes), no: grow(no) };
}

function split(samples: readonly TrapSample[], condition: number): [TrapSample[], TrapSample[]] {
  const yes: TrapSample[] = [];
  const no: TrapSample[] = [];
  for (const sample of samples) (sample.conditions & (1 << condition) ? yes : no).push(sample);
  return [yes, no];
}

/** Gini impurity times the number of samples. */
function impurity(samples: readonly TrapSample[]): number {
  if (samples.length === 0) return 0;
  const trapped = samples.filter((sample) => sample.trapped).length;
  return (2 * trapped * (samples.length - trapped)) / samples.length;
}

/** When the tree traps, as a sentence part: "always", "never", or paths of conditions. */
export function treeText(tree: Tree): string {
  if ("trapped" in tree) return tree.trapped ? "always" : "never";
  return paths(tree)
    .map((path) => path.join(" and "))
    .join(", or ");
}

function paths(tree: Tree): string[][] {
  if ("trapped" in tree) return tree.trapped ? [[]] : [];
  const { yes, no } = CONDITIONS[tree.condition] as Condition;
  return [...paths(tree.yes).map((path) => [yes, ...path]), ...paths(tree.no).map((path) => [no, ...path])];
}

/** The tree, a line for each question, indented. */
export function treeLines(tree: Tree, indent = ""): string[] {
  if ("trapped" in tree) return [`${indent}${tree.trapped ? "traps" : "completes"}`];
  const { yes, no } = CONDITIONS[tree.condition] as Condition;
  return [
    `${indent}${yes}:`,
    ...treeLines(tree.yes, `${indent}  `),
    `${indent}${no}:`,
    ...treeLines(tree.no, `${indent}  `),
  ];
}

/** Whether the tree traps under the conditions. */
export function trapsAt(tree: Tree, conditions: number): boolean {
  if ("trapped" in tree) return tree.trapped;
  return trapsAt(conditions & (1 << tree.condition) ? tree.yes : tree.no, conditions);
}

/**
 * What a careful monitor chooses: IOPL 0, TSD set, PCE clear, no virtual interrupts, a bitmap that allows nothing. UMIP is the instruction
 * set's, not a choice: samples without it grow no tree that asks for it.
 */
export const MONITORS_CHOICE = Holds.ABOVE_IOPL | Holds.TSD | Holds.DENIED;
