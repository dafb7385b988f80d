/** Entries of paging structures that walks read. */
import type { Counts } from "./counts.js";

/** Entries a walk of a 32-bit guest's tables reads on processors without page-structure caches: directory and table (SDM 3A 4.3). */
export const LEVELS = 2;

/**
 * Entries the processor's walks read. On extended page tables the machine counts them, in both sets of tables; elsewhere a walk that fills the TLB
 * reads a directory entry and a table entry.
 */
export function walkReferences({ mmu }: { mmu?: string }, { memory, tlbMisses }: Counts): number {
  if (mmu !== "ept") return LEVELS * tlbMisses;
  return (memory["guest references"] ?? 0) + (memory["EPT references"] ?? 0);
}
