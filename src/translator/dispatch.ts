/**
 * Going to one of several known addresses: a chain of comparisons for a few, a table indexed by a hash for many. The table costs one
 * branch that the processor cannot predict, where a search would have several.
 */
import { BlockType, W } from "../wasm/opcodes.js";
import type { Emitter } from "./emitter.js";

/** Most addresses that are compared in turn. */
const FEW = 4;
/** Multipliers tried for the hash. */
const TRIES = 64;
/** Multiplier of the sequence of multipliers (Knuth, TAOCP 3.3.4, table 1, line 16). */
const STEP = 1664525;

/** A hash without many collisions: which addresses each value of (address * multiplier) >>> shift stands for. */
interface Hash {
  multiplier: number;
  shift: number;
  buckets: number[][];
}

function hashOf(targets: readonly number[]): Hash {
  const bits = 33 - Math.clz32(targets.length);
  const shift = 32 - bits;
  const taken = new Uint8Array(1 << bits);
  let best = 0;
  let least = targets.length;
  let multiplier = 0x9e3779b1;
  for (let n = 0; n < TRIES && least > 0; n++) {
    taken.fill(0);
    let collisions = 0;
    for (const t of targets) {
      const at = Math.imul(t, multiplier) >>> shift;
      collisions += taken[at] as number;
      taken[at] = 1;
    }
    if (collisions < least) {
      least = collisions;
      best = multiplier;
    }
    multiplier = (Math.imul(multiplier, STEP) + 0x3c6ef35e) | 1;
  }
  const buckets: number[][] = Array.from(taken, () => []);
  for (const t of targets) buckets[Math.imul(t, best) >>> shift]?.push(t);
  return { multiplier: best, shift, buckets };
}

/** `go` for the one of `targets`, which are keys, that `local` is the address of. Falls through if it is none of them. */
function compareInTurn(e: Emitter, local: number, targets: readonly number[], go: (target: number) => void): void {
  const c = e.code;
  for (const t of targets) {
    c.get(local);
    c.i32(t >>> 0);
    c.op(W.I32_EQ);
    c.open(W.IF, BlockType.EMPTY);
    e.labels.push("if");
    go(t);
    e.labels.pop();
    c.end();
  }
}

/**
 * Emits for each of `targets`, keys of nodes, what `go` emits, to be executed if `local` is that address; `go` ends in a branch. Control falls
 * through if it is none of them. With many targets, `go` must not open what it branches to.
 */
export function dispatch(e: Emitter, local: number, targets: readonly number[], go: (target: number) => void): void {
  if (targets.length <= FEW) {
    compareInTurn(e, local, targets, go);
    return;
  }
  const c = e.code;
  const { multiplier, shift, buckets } = hashOf(targets);
  const cases = buckets.filter((b) => b.length > 0);
  c.open(W.BLOCK, BlockType.EMPTY);
  e.labels.push("none");
  for (const _ of cases) {
    c.open(W.BLOCK, BlockType.EMPTY);
    e.labels.push("case");
  }
  c.get(local);
  c.i32(multiplier);
  c.op(W.I32_MUL);
  e.shru(shift);
  const none = cases.length;
  c.brTable(
    buckets.map((b) => (b.length === 0 ? none : cases.indexOf(b))),
    none,
  );
  cases.forEach((bucket, i) => {
    e.labels.pop();
    c.end();
    compareInTurn(e, local, bucket, go);
    c.br(none - 1 - i);
  });
  e.labels.pop();
  c.end();
}
