/**
 * Changes the graph of a region so that its code is better, and means the same: joins nodes that follow one another, and peels loops of one
 * node. The first time around such a loop is a node of its own, so that in the loop itself it is always known how the
 * flags were left: by the time around before.
 */
import type { Node, Region } from "./discover.js";
import { successors } from "./flow.js";
import { MAX_NODE_INSNS } from "./tuning.js";

/** Added to the address of a node for the key of its peeled copy. */
const PEELED = 2 ** 32;

/** How often each node is entered from another one, or as the region's entry. */
function predecessors({ entry, nodes }: Region): Map<number, number> {
  const count = new Map<number, number>([[entry, 1]]);
  for (const node of nodes.values()) {
    for (const s of successors(node)) count.set(s, (count.get(s) ?? 0) + 1);
  }
  return count;
}

/** Appends nodes that only one other goes to, and always, to that one. */
function joinChains(region: Region): void {
  const { nodes } = region;
  const count = predecessors(region);
  for (const [key, node] of nodes) {
    while (nodes.get(key) === node && node.end.kind === "goto") {
      const target = node.end.target;
      const next = nodes.get(target);
      if (next === undefined || next === node || count.get(target) !== 1) break;
      if (node.insns.length + next.insns.length > MAX_NODE_INSNS) break;
      node.insns = [...node.insns, ...next.insns];
      node.end = next.end;
      nodes.delete(target);
    }
  }
}

/** The end of a node with one target replaced. */
function redirected(end: Node["end"], from: number, to: number): Node["end"] {
  const at = (target: number) => (target === from ? to : target);
  switch (end.kind) {
    case "goto":
      return { ...end, target: at(end.target) };
    case "branch":
      return { ...end, taken: at(end.taken), fall: at(end.fall) };
    case "call":
      return { ...end, target: at(end.target) };
    case "return":
      return { ...end, sites: end.sites.map(at) };
    case "indirect":
      return { ...end, targets: end.targets.map(at) };
    case "call-out":
      return end;
    case "system":
      return { ...end, targets: end.targets.map(at), next: at(end.next) };
  }
}

/** Gives each node that branches to itself a copy, which all others go to instead. */
function peelLoops(region: Region): void {
  const { nodes } = region;
  for (const [key, node] of [...nodes]) {
    if (node.end.kind !== "branch" || !successors(node).includes(key)) continue;
    for (const other of nodes.values()) {
      if (other !== node) other.end = redirected(other.end, key, key + PEELED);
    }
    nodes.set(key + PEELED, { ...node, key: key + PEELED });
    if (region.entry === key) region.entry = key + PEELED;
  }
}

/** The region with chains joined and loops peeled; the given one is not changed. */
export function reshape(region: Region): Region {
  const nodes = new Map([...region.nodes].map(([key, node]) => [key, { ...node }]));
  const shaped = { ...region, nodes };
  joinChains(shaped);
  peelLoops(shaped);
  return shaped;
}
