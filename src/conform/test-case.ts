/**
 * A single-instruction test of a public set, in one shape whatever file it came from.
 *
 * Registers are in their encoding order everywhere (EAX ECX EDX EBX ESP EBP ESI EDI; ES CS SS DS FS GS).
 */

/** Names of the general registers in encoding order. */
export const REGISTER_NAMES = ["eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi"] as const;
/** Names of the segment registers in encoding order. */
export const SEGMENT_NAMES = ["es", "cs", "ss", "ds", "fs", "gs"] as const;

/** Register values, or an AND-mask over them. */
export interface RegisterSet {
  general: number[];
  segments: number[];
  eip: number;
  eflags: number;
  cr0: number;
  cr3: number;
  dr6: number;
  dr7: number;
}

/** Bytes at physical addresses. */
export interface RamBytes {
  addresses: number[];
  values: number[];
}

/** One test: run `bytes` (with the HLT behind it) from `initial` and compare with `final`. */
export interface RealModeCase {
  index: number;
  name: string;
  /** The instruction with its prefixes, without the HLT behind it. */
  bytes: Uint8Array;
  /** The set has 32-bit registers; otherwise only the low halves mean anything. */
  wide: boolean;
  initial: RegisterSet;
  /** Complete: what the file does not mention is as before. */
  final: RegisterSet;
  /** AND-masks of what is defined afterwards; absent = everything. */
  finalMask: RegisterSet | undefined;
  initialRam: RamBytes;
  /** What changed. */
  finalRam: RamBytes;
  /** The exception the test ends with, and the physical address of the FLAGS it pushed. */
  exception: { vector: number; flagsAddress: number } | undefined;
}

/** A copy that can be changed. */
export function copyRegisters(set: RegisterSet): RegisterSet {
  return { ...set, general: [...set.general], segments: [...set.segments] };
}
