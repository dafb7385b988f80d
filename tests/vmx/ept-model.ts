/**
 * A slow walker of EPT tables that follows the manual (SDM 3C 28.2) and nothing else, for tests.
 */
import { Ept } from "../../assembly/abi/ept.js";
import { EptViolation } from "../../assembly/abi/vmx.js";

/** Kinds of access. */
export type Kind = "read" | "write" | "fetch";

/** How a walk ends. */
export interface Outcome {
  reason: "frame" | "violation" | "misconfiguration";
  /** Machine address of the byte. */
  ma: number;
  /** Bits 0 to 5 of a violation's qualification. */
  qualification: number;
  /** The entries as the walk leaves them. */
  entries: bigint[];
}

const RIGHT: Record<Kind, number> = { read: Ept.R, write: Ept.W, fetch: Ept.X };

/** True if an entry of level `level` is misconfigured. */
function misconfigured(entry: bigint, level: number, leaf: boolean): boolean {
  const low = Number(entry & 7n);
  if ([2, 4, 6].includes(low)) return true;
  if (((entry >> 36n) & 0xffffn) !== 0n) return true;
  if (!leaf) return (entry & 0x78n) !== 0n || (level === 4 && (entry & 0x80n) !== 0n);
  if ([2, 3, 7].includes(Number((entry >> 3n) & 7n))) return true;
  return level > 1 && (entry & ((1n << BigInt(12 + 9 * (level - 1))) - 0x1000n)) !== 0n;
}

/** Walks `entries`, those of levels 4 to 1, for an access to guest-physical `gpa`. `flags`: accessed and dirty flags are on. */
export function walkEpt(entries: readonly bigint[], gpa: number, kind: Kind, flags: boolean): Outcome {
  const after = [...entries];
  let rights = 7;
  for (let level = 4; level >= 1; level--) {
    const entry = entries[4 - level] as bigint;
    const leaf = level === 1 || (level < 4 && (entry & 0x80n) !== 0n);
    if ((entry & 7n) === 0n) return { reason: "violation", ma: 0, qualification: RIGHT[kind], entries: after };
    if (misconfigured(entry, level, leaf))
      return { reason: "misconfiguration", ma: 0, qualification: 0, entries: after };
    rights &= Number(entry & 7n);
    if (!leaf) continue;
    if ((rights & RIGHT[kind]) === 0) {
      return { reason: "violation", ma: 0, qualification: RIGHT[kind] | (rights << 3), entries: after };
    }
    for (let i = 0; flags && i <= 4 - level; i++) after[i] = (after[i] as bigint) | BigInt(Ept.A);
    if (flags && kind === "write") after[4 - level] = (after[4 - level] as bigint) | BigInt(Ept.D);
    const inPage = (1n << BigInt(12 + 9 * (level - 1))) - 1n;
    return {
      reason: "frame",
      ma: Number((entry & 0xffffff000n) | (BigInt(gpa) & inPage)),
      qualification: 0,
      entries: after,
    };
  }
  throw new Error("level 1 is always a leaf");
}

/** What the qualification adds for the translation of a linear address. */
export const FINAL = EptViolation.LINEAR_VALID | EptViolation.TRANSLATED;
