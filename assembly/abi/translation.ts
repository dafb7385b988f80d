/**
 * Translation of a guest's kernel (Adams & Agesen 2006, 2.1 to 2.3): what becomes of each sensitive instruction, and the words the machine
 * keeps for it at `Layout.TRANSLATION`. A translation unit is a decoded block, or a region made of several.
 */
/** What becomes of an instruction in translated code. */
export enum Treatment {
  IDENT = 0, // taken over as it is
  INLINE = 1, // executed on the guest's own state, without leaving
  CALL_OUT = 2, // left to the monitor
}

/** Byte offsets from `Layout.TRANSLATION`. */
export enum Translation {
  UNITS = 0, // u64, units made
  IDENT = 8, // u64, instructions in them by Treatment
  INLINE = 16,
  CALL_OUT = 24,
  LOOKUPS = 32, // u64, times that control looked for a unit it was not linked to
  COUNTERS = 40, // bytes of counters from the beginning on
  GUILTY = 64, // GUILTY_ENTRIES machine addresses of instructions that call out because they kept faulting; 0: none
  EXECUTED = 2048, // u64 for each Op: how often it was executed in line
  SIZE = 4096,
}

/** Places in Translation.GUILTY: a power of two. An address has one place, by its low bits. */
export const GUILTY_ENTRIES: i32 = 256;
