/**
 * Entries of extended page tables: guest-physical to machine addresses in four levels of 512 u64 (SDM 3C 28.2.2).
 * Bits 52 to 62 are ignored by the processor; the VMM keeps a frame's type there.
 */

/** Bits of the low word of an entry; bits 12 and up hold the frame. */
export enum Ept {
  R = 1, // readable
  W = 2, // writable
  X = 4, // executable
  WB = 48, // memory type 6, write-back, of a leaf
  IGNORE_PAT = 64, // of a leaf
  LARGE = 128, // a leaf above the lowest level
  A = 256, // accessed
  D = 512, // dirty, of a leaf
}

/** All three rights; an entry with none of them is not present. */
export const EPT_RIGHTS: i32 = 7;

/** Position of the frame type in the high word: bits 52-53 of the entry. */
export const EPT_TYPE_SHIFT: i32 = 20;

/** Bit 54, in the high word: the frame is write-protected for the dirty log and for nothing else. */
export const EPT_LOGGED: i32 = 4194304;

/** Bit 55, in the high word: stores are permitted once neither type nor dirty log stands against them. */
export const EPT_MAY_WRITE: i32 = 8388608;

/** What a guest frame is to the VMM: the two software bits of its leaf entry. */
export enum FrameType {
  RAM = 0,
  ROM = 1, // stores are dropped
  TRACED = 2, // RAM that holds page tables the VMM shadows: the VMM must learn of stores
  ABSENT = 3, // no memory: devices
}
