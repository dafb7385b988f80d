/**
 * Which nodes read flags that were set before them. Such a node gets them as FlagKind.RAW from every predecessor; any other
 * node need not know what its predecessors left, since only exits use it.
 */
import { Op } from "../../assembly/abi/op.js";
import { Form } from "../../assembly/abi/record.js";
import type { Node } from "./discover.js";
import type { Flow } from "./flow.js";
import { successors } from "./flow.js";
import type { Insn } from "./insn.js";
import { INTERPRETED } from "./interpreted.js";

/** What an instruction does with the six arithmetic flags. */
const Effect = { NONE: 0, READS: 1, WRITES_ALL: 2 } as const;

/** Operations that know all flags afterwards without looking at those of before. */
const WRITERS: ReadonlySet<Op> = new Set([
  Op.ADD,
  Op.OR,
  Op.AND,
  Op.SUB,
  Op.XOR,
  Op.CMP,
  Op.TEST,
  Op.NEG,
  Op.IMUL,
  Op.MUL,
  Op.IMUL_WIDE,
  Op.XADD,
  Op.CMPXCHG,
  // Interpreted in line, whatever the flags are; afterwards they are FlagKind.RAW.
  ...INTERPRETED,
]);

/** Operations that neither read nor write them. */
const NEUTRAL: ReadonlySet<Op> = new Set([
  Op.MOV,
  Op.MOVZX8,
  Op.MOVZX16,
  Op.MOVSX8,
  Op.MOVSX16,
  Op.LEA,
  Op.PUSH,
  Op.POP,
  Op.LEAVE,
  Op.NOT,
  Op.XCHG,
  Op.CWD,
  Op.CBW,
  Op.BSWAP,
  Op.NOP,
  Op.DIV,
  Op.IDIV,
  Op.JMP,
  Op.CALL,
  Op.RET,
  Op.JMP_INDIRECT,
  Op.CALL_INDIRECT,
  Op.LOOP,
  Op.JCXZ,
  Op.PUSHA,
  Op.PUSH_SEG,
  Op.POPA,
  Op.ENTER,
  Op.XLAT,
  Op.CLD,
  Op.STD,
  Op.MOVS,
  Op.STOS,
  Op.LODS,
  // Some of them in line.
  Op.INVLPG,
  Op.MOV_TO_CR,
  Op.MOV_FROM_CR,
  Op.CLI,
  Op.STI,
]);

function effect(insn: Insn): number {
  if (NEUTRAL.has(insn.op)) return Effect.NONE;
  if (WRITERS.has(insn.op)) return Effect.WRITES_ALL;
  if (insn.op === Op.SHL || insn.op === Op.SHR || insn.op === Op.SAR) {
    const constant = insn.form === Form.RM_ONE || (insn.form === Form.RM_IMM && (insn.imm & 31) !== 0);
    return constant ? Effect.WRITES_ALL : Effect.READS;
  }
  return Effect.READS;
}

/** Nodes whose flags must be RAW where they begin. */
export function rawOnEntry(flow: Flow): Set<Node> {
  const raw = new Set<Node>();
  const passes = new Set<Node>();
  const list = [...flow.nodes.values()];
  for (const n of list) {
    let first: number = Effect.NONE;
    for (const insn of n.node.insns) {
      first = effect(insn);
      if (first !== Effect.NONE) break;
    }
    if (first === Effect.READS) raw.add(n.node);
    else if (first === Effect.NONE) passes.add(n.node);
  }
  for (let changed = true; changed; ) {
    changed = false;
    for (const n of list) {
      if (!passes.has(n.node) || raw.has(n.node)) continue;
      const reads = successors(n.node).some((s) => {
        const to = flow.nodes.get(s);
        return to !== undefined && raw.has(to.node);
      });
      if (reads) {
        raw.add(n.node);
        changed = true;
      }
    }
  }
  return raw;
}
