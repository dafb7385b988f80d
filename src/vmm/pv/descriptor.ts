/**
 * Which segment descriptors a guest may have, and what they are made into: privilege at least 1, limits that stay below the monitor, and
 * of system descriptors only call gates to its own code (SDM 3A 3.4.5, 5.8.3).
 */
import { SEG_USABLE } from "../../../assembly/abi/cpu.js";
import { Desc, SysType } from "../../../assembly/abi/x86.js";
import { Flat, GUEST_GDT_ENTRIES, M2P_END } from "./abi.js";

/** Bits of the upper word. */
const PRESENT = 1 << 15;
const SEGMENT = 1 << 12;
const DPL_SHIFT = 13;
const ACCESSED = 1 << 8;
const GRANULAR = 1 << 23;
const TYPE_SHIFT = 8;
const LIMIT_HIGH = 0xf0000;
/** Bits 7-5 of a call gate's upper word are zero. */
const GATE_RESERVED = 0xe0;

/** A descriptor as its two words, changed in place. */
export interface DescriptorWords {
  low: number;
  high: number;
}

/** Linear base. */
export function baseOf(low: number, high: number): number {
  return ((low >>> 16) | ((high & 0xff) << 16) | (high & 0xff000000)) >>> 0;
}

/** Limit in bytes. */
export function limitOf(low: number, high: number): number {
  const limit = (low & 0xffff) | (high & LIMIT_HIGH);
  return (high & GRANULAR) === 0 ? limit : ((limit << 12) | 0xfff) >>> 0;
}

/** Access word of a segment register loaded with the descriptor. */
export function accessOf(high: number): number {
  return ((high >>> TYPE_SHIFT) & 0xf0ff) | SEG_USABLE;
}

/** A selector of code or stack with the privilege of the guest's kernel, if it asks for more. */
export function kernelSelector(selector: number): number {
  return (selector & 3) === 0 ? selector | 1 : selector;
}

/** True if a guest's gate, trap or callback may lead to the selector: one of its own, or the flat code it is given. */
export function isGateTarget(selector: number): boolean {
  if ((selector & 4) !== 0 || selector >>> 3 < GUEST_GDT_ENTRIES) return true;
  return selector === Flat.KERNEL_CS || selector === Flat.USER_CS;
}

/**
 * Makes a descriptor one that the guest may have; false if there is none. Segments are marked accessed, so that the processor never stores to
 * a descriptor table.
 */
export function fixDescriptor(d: DescriptorWords): boolean {
  // Whatever uses one that is not present faults.
  if ((d.high & PRESENT) === 0) return true;
  if ((d.high >>> DPL_SHIFT) % 4 === 0) d.high = (d.high | (1 << DPL_SHIFT)) >>> 0;
  if ((d.high & SEGMENT) !== 0) {
    d.high = (d.high | ACCESSED) >>> 0;
    return cutLimit(d);
  }
  const type = (d.high >>> TYPE_SHIFT) & 0xf;
  // Type 0 is reserved: it faults.
  if (type === 0) return true;
  if (type !== SysType.CALL_GATE32) return false;
  const selector = d.low >>> 16;
  if ((d.high & GATE_RESERVED) !== 0 || (selector & 3) === 0) return false;
  return isGateTarget(selector);
}

/** Keeps a code or data segment below the end of what guests may reach. */
function cutLimit(d: DescriptorWords): boolean {
  const base = baseOf(d.low, d.high);
  const limit = limitOf(d.low, d.high);
  const type = (d.high >>> TYPE_SHIFT) & 0xf;
  const growsDown = (type & (Desc.CODE | Desc.CONFORMING)) === Desc.CONFORMING;
  // What grows downwards reaches up to the end of the linear space, whatever its limit.
  if (growsDown) return false;
  if (base + limit < M2P_END) return true;
  // In bytes the limit could not be said to a page; and a segment that begins behind the end has none.
  if ((d.high & GRANULAR) === 0 || base >= M2P_END - 0xfff) return false;
  const pages = Math.floor((M2P_END - base) / 4096) - 1;
  d.low = ((d.low & 0xffff0000) | (pages & 0xffff)) >>> 0;
  d.high = ((d.high & ~LIMIT_HIGH) | (pages & LIMIT_HIGH)) >>> 0;
  return true;
}
