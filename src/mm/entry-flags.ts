/** Bits of table entries by name, in the order manuals list them. */
import { EPT_LOGGED, EPT_MAY_WRITE, EPT_TYPE_SHIFT, Ept, FrameType } from "../../assembly/abi/ept.js";
import { Pte } from "../../assembly/abi/x86.js";

const PAGE_BITS: [number, string][] = [
  [Pte.P, "P"],
  [Pte.RW, "RW"],
  [Pte.US, "US"],
  [Pte.PWT, "PWT"],
  [Pte.PCD, "PCD"],
  [Pte.A, "A"],
  [Pte.D, "D"],
  [Pte.PS, "PS"],
  [Pte.G, "G"],
];
const EPT_BITS: [number, string][] = [
  [Ept.R, "R"],
  [Ept.W, "W"],
  [Ept.X, "X"],
  [Ept.LARGE, "large"],
  [Ept.A, "A"],
  [Ept.D, "D"],
];

/** Flags of a paging entry of 32-bit or PAE form (SDM 3A table 4-6). */
export function pageFlags(low: number): string[] {
  return PAGE_BITS.filter(([bit]) => (low & bit) !== 0).map(([, name]) => name);
}

/** Flags of an EPT entry (SDM 3C table 28-6); of a leaf, with the VMM's own bits. */
export function eptFlags(low: number, high: number, leaf: boolean): string[] {
  const flags = EPT_BITS.filter(([bit]) => (low & bit) !== 0).map(([, name]) => name);
  if (!leaf) return flags;
  flags.push(FrameType[(high >>> EPT_TYPE_SHIFT) & 3]!);
  if ((high & EPT_LOGGED) !== 0) flags.push("logged");
  if ((high & EPT_MAY_WRITE) === 0) flags.push("no stores");
  return flags;
}
