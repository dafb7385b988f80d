/**
 * Orders a region's nodes for structured control flow: reverse postorder, dominators (Cooper, Harvey & Kennedy 2001), loop
 * headers and merge points, as Ramsey 2022 ("Beyond Relooper") needs them. An edge that would make the graph irreducible is cut: it leaves
 * the region instead.
 */
import { Op } from "../../assembly/abi/op.js";
import type { Node, Region } from "./discover.js";
import type { Insn } from "./insn.js";

/** A node with its place in the order. */
export interface FlowNode {
  node: Node;
  /** Reverse postorder number. */
  order: number;
  /** Immediate dominator; the entry is its own. */
  idom: FlowNode;
  /** Nodes immediately dominated, in reverse postorder. */
  children: FlowNode[];
  /** Target of a back edge. */
  loop: boolean;
  /** Reached by two or more forward edges, or by comparing an address: needs a label. */
  merge: boolean;
}

/** The ordered graph. */
export interface Flow {
  entry: FlowNode;
  /** By key. Nodes not reached from the entry are absent. */
  nodes: Map<number, FlowNode>;
  /** True if the edge stays in the region. */
  follows(from: FlowNode, target: number): boolean;
}

/** Keys of the nodes that a node may go to. */
export function successors(node: Node): readonly number[] {
  const end = node.end;
  switch (end.kind) {
    case "goto":
      return [end.target];
    case "branch":
      return end.taken === end.fall ? [end.taken] : [end.taken, end.fall];
    case "call":
      return [end.target];
    case "return":
      return end.sites;
    case "call-out":
      return [];
    default:
      return end.targets;
  }
}

/** True for INVLPG and MOV CR3 that no monitor watches: they change nothing but translations. */
export function flushes(insn: Insn): boolean {
  return (insn.op === Op.INVLPG || (insn.op === Op.MOV_TO_CR && insn.reg === 3)) && !insn.watched;
}

/** True if which successor a node goes to is found out by comparing an address: its successors have labels. */
function compares(node: Node): boolean {
  if (node.end.kind === "system") return !flushes(node.insns.at(-1) as Insn);
  return node.end.kind === "return" || node.end.kind === "indirect";
}

function postorder(region: Region): Node[] {
  const seen = new Set<number>([region.entry]);
  const out: Node[] = [];
  const stack: { node: Node; next: number[] }[] = [];
  const push = (eip: number) => {
    const node = region.nodes.get(eip) as Node;
    stack.push({ node, next: successors(node).filter((s) => region.nodes.has(s)) });
  };
  push(region.entry);
  while (stack.length > 0) {
    const top = stack[stack.length - 1] as { node: Node; next: number[] };
    const s = top.next.shift();
    if (s === undefined) {
      out.push(top.node);
      stack.pop();
    } else if (!seen.has(s)) {
      seen.add(s);
      push(s);
    }
  }
  return out;
}

/** Orders the region and finds dominators, loops and merges. */
export function orderFlow(region: Region): Flow {
  const order = postorder(region).reverse();
  const nodes = new Map<number, FlowNode>();
  order.forEach((node, i) => {
    const flow = { node, order: i, children: [], loop: false, merge: false } as unknown as FlowNode;
    nodes.set(node.key, flow);
  });
  const entry = nodes.get(region.entry) as FlowNode;
  const list = [...nodes.values()];
  const predecessors = new Map<FlowNode, FlowNode[]>(list.map((n) => [n, []]));
  for (const n of list) {
    for (const s of successors(n.node)) {
      const target = nodes.get(s);
      if (target !== undefined) predecessors.get(target)?.push(n);
    }
  }
  dominators(entry, list, predecessors);
  for (const n of list) {
    if (n !== entry) n.idom.children.push(n);
    let forward = 0;
    for (const p of predecessors.get(n) ?? []) {
      if (p.order < n.order) forward += compares(p.node) ? 2 : 1;
      else if (dominates(n, p)) n.loop = true;
    }
    n.merge = forward > 1;
  }
  return {
    entry,
    nodes,
    follows(from, target) {
      const to = nodes.get(target);
      return to !== undefined && (to.order > from.order || dominates(to, from));
    },
  };
}

function dominators(entry: FlowNode, list: FlowNode[], predecessors: Map<FlowNode, FlowNode[]>): void {
  const known = new Set<FlowNode>([entry]);
  entry.idom = entry;
  for (let changed = true; changed; ) {
    changed = false;
    for (const n of list) {
      if (n === entry) continue;
      let idom: FlowNode | undefined;
      for (const p of predecessors.get(n) ?? []) {
        if (!known.has(p)) continue;
        idom = idom === undefined ? p : meet(p, idom);
      }
      if (idom !== undefined && n.idom !== idom) {
        n.idom = idom;
        known.add(n);
        changed = true;
      }
    }
  }
}

function meet(a: FlowNode, b: FlowNode): FlowNode {
  let x = a;
  let y = b;
  while (x !== y) {
    while (x.order > y.order) x = x.idom;
    while (y.order > x.order) y = y.idom;
  }
  return x;
}

/** True if every path from the entry to `b` goes through `a`. */
export function dominates(a: FlowNode, b: FlowNode): boolean {
  let n = b;
  while (n.order > a.order) n = n.idom;
  return n === a;
}
