/**
 * How a virtual machine is run: the kind of monitor and what maps its memory, checked as one choice.
 */

/** How sensitive instructions are caught: docs/vmm.md. */
export type VmmKind = "trap" | "vt" | "hybrid" | "bt" | "pv";
/** What maps a virtual machine's memory: shadow page tables, extended page tables, or the guest's own in machine addresses. */
export type MmuKind = "shadow" | "ept" | "direct";
/** What the machine does about sensitive instructions outside ring 0. */
export type IsaName = "ia32" | "umip" | "strict";
/** Rings the guest's kernel and programs run in under `trap`. */
export type Rings = "0/1/3" | "0/3";

/** Monitor kinds, and the memory maps each can use; the first is its default. */
export const MMUS_OF: Readonly<Record<VmmKind, readonly MmuKind[]>> = {
  trap: ["shadow"],
  vt: ["ept", "shadow"],
  hybrid: ["shadow"],
  bt: ["shadow"],
  pv: ["direct"],
};

/** Everything that describes a virtual machine besides its devices. */
export interface VmOptions {
  /** How sensitive instructions are caught. */
  vmm: VmmKind;
  /** What maps its memory. */
  mmu: MmuKind;
  /** The machine it runs on. */
  isa: IsaName;
  /** Rings under `trap`. */
  rings: Rings;
  /** True to report sensitive instructions that did not trap (`trap` on `ia32` and `umip`). */
  diagnose: boolean;
  /** Guest RAM in bytes, a multiple of 4,096. */
  ramBytes: number;
  /** Most frames the shadow tables may take. */
  shadowFrames: number;
}

/** Frames the shadow tables may take unless told otherwise: 4 MB. */
export const DEFAULT_SHADOW_FRAMES = 1024;

/** What is wrong with a choice of monitor and map, as a sentence; undefined if nothing is. */
export function mismatch(vmm: VmmKind, mmu: MmuKind): string | undefined {
  const possible = MMUS_OF[vmm];
  if (possible.includes(mmu)) return undefined;
  return `expected --mmu ${possible.join(" or ")} with --vmm ${vmm} and found ${mmu}`;
}
