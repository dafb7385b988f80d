/**
 * Segment descriptors as the monitor changes them: privilege raised, limits cut so that no segment reaches the monitor (SDM 3A 3.4.5).
 */
import { SEG_USABLE } from "../../../assembly/abi/cpu.js";
import { Desc, DescFlag } from "../../../assembly/abi/x86.js";

/** A segment descriptor, as its two words. */
export interface Descriptor {
  low: number;
  high: number;
}

/** Bits of the upper word. */
const DPL_SHIFT = 13;
const DPL = 3 << DPL_SHIFT;
const PRESENT = 0x8000;
const GRANULAR = 0x800000;
/** Access byte and flags, as a segment cache holds them: bits 8-15 and 20-23 of the upper word. */
const ACCESS_SHIFT = 8;

/** Linear base. */
export function baseOf({ low, high }: Descriptor): number {
  return ((low >>> 16) | ((high & 0xff) << 16) | (high & 0xff000000)) >>> 0;
}

/** Limit in bytes. */
export function limitOf({ low, high }: Descriptor): number {
  const limit = (low & 0xffff) | (high & 0xf0000);
  return (high & GRANULAR) === 0 ? limit : ((limit << 12) | 0xfff) >>> 0;
}

/** DPL. */
export function privilegeOf({ high }: Descriptor): number {
  return (high & DPL) >>> DPL_SHIFT;
}

/** Access word of a cache loaded with the descriptor. */
export function accessOf({ high }: Descriptor): number {
  return ((high >>> ACCESS_SHIFT) & 0xf0ff) | SEG_USABLE;
}

/** True for a present code or data segment that has been used: loading it changes nothing in memory. */
export function isUsedSegment({ high }: Descriptor): boolean {
  const bits = PRESENT | ((Desc.SEGMENT | Desc.ACCESSED) << ACCESS_SHIFT);
  return (high & bits) === bits;
}

/** True for a data segment that grows downwards: its limit cannot be cut from above. */
export function growsDown(access: number): boolean {
  return (access & Desc.CODE) === 0 && (access & Desc.CONFORMING) !== 0;
}

/** The largest limit of a segment at `base` that stays below `top`; undefined if there is none. */
export function cutLimit(base: number, limit: number, top: number): number | undefined {
  if (base >= top) return undefined;
  // A segment that wraps around the end of the linear space reaches everything.
  return Math.min(limit, top - 1 - base);
}

/** The descriptor with another privilege and at most `limit` bytes of limit, in pages where it was so. */
export function changed(descriptor: Descriptor, privilege: number, limit: number): Descriptor {
  const granular = (descriptor.high & GRANULAR) !== 0;
  const units = granular ? Math.floor((limit + 1) / 4096) - 1 : limit;
  if (units < 0) return { low: 0, high: 0 };
  return {
    low: ((descriptor.low & 0xffff0000) | (units & 0xffff)) >>> 0,
    high: ((descriptor.high & ~(DPL | 0xf0000)) | (privilege << DPL_SHIFT) | (units & 0xf0000)) >>> 0,
  };
}

/** A cache's access word with another DPL. */
export function withPrivilege(access: number, privilege: number): number {
  return (access & ~(3 << 5)) | (privilege << 5);
}

/** DescFlag of stacks and code with 32-bit offsets. */
export const BIG = DescFlag.BIG;
