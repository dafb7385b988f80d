/**
 * Segment and system descriptors as they lie in memory: one u64 each (SDM 3A 3.4.5, figure 3-8). Reading them, taking them
 * apart, and the bits the processor itself writes (accessed, busy).
 * Invariant: nothing here changes the CPU state; table accesses are made with supervisor privilege (SDM 3A 4.6.1).
 */
import { Cpu, SEG_USABLE, SegCache } from "../abi/cpu";
import { Desc, Seg, Vector } from "../abi/x86";
import { sysLoad32, sysStore8 } from "../mmu/access";
import { faulted, raiseCode } from "./fault";
import { get, segPtr } from "./state";

/** Access byte of a descriptor: type, S, DPL, P. */
export function accessOf(d: u64): u32 {
  return <u32>(d >> 40) & 0xff;
}

/** Base address of a code, data, LDT or TSS descriptor. */
export function baseOf(d: u64): u32 {
  return (<u32>(d >> 16) & 0xffffff) | (<u32>(d >> 32) & 0xff000000);
}

/** Limit in bytes, granularity applied. */
export function limitOf(d: u64): u32 {
  const limit = (<u32>d & 0xffff) | (<u32>(d >> 32) & 0xf0000);
  return (d & ((<u64>1) << 55)) != 0 ? (limit << 12) | 0xfff : limit;
}

/** Descriptor privilege level, 0..3. */
export function dplOf(d: u64): u32 {
  return <u32>(d >> 45) & 3;
}

/** Type of a system descriptor: a SysType, or -1 for a code or data segment. */
export function systemType(d: u64): i32 {
  const access = accessOf(d);
  return (access & Desc.SEGMENT) != 0 ? -1 : access & 15;
}

/** True if P is set. */
export function isPresent(d: u64): bool {
  return (accessOf(d) & Desc.PRESENT) != 0;
}

/** True for a code segment. */
export function isCode(d: u64): bool {
  return (accessOf(d) & (Desc.SEGMENT | Desc.CODE)) == (Desc.SEGMENT | Desc.CODE);
}

/** True for a conforming code segment. */
export function isConforming(d: u64): bool {
  const bits = Desc.SEGMENT | Desc.CODE | Desc.CONFORMING;
  return (accessOf(d) & bits) == bits;
}

/** True for a data segment that may be written. */
export function isWritableData(d: u64): bool {
  return (accessOf(d) & (Desc.SEGMENT | Desc.CODE | Desc.WRITABLE)) == (Desc.SEGMENT | Desc.WRITABLE);
}

/** True for a data segment, or a code segment that may be read. */
export function isReadable(d: u64): bool {
  const access = accessOf(d);
  if ((access & Desc.SEGMENT) == 0) return false;
  return (access & Desc.CODE) == 0 || (access & Desc.WRITABLE) != 0;
}

/** True for a 32-bit segment (D/B set). */
export function isBig(d: u64): bool {
  return (d & ((<u64>1) << 54)) != 0;
}

/** What SegCache.ACCESS holds for this descriptor: access byte, flags in bits 12-15, usable. */
export function cacheAccess(d: u64): u32 {
  return accessOf(d) | ((<u32>(d >> 52) & 15) << 12) | SEG_USABLE;
}

/** Offset held by a gate: 16 bits for the 286 types, 32 otherwise. */
export function gateOffset(gate: u64): u32 {
  const low = <u32>gate & 0xffff;
  return (accessOf(gate) & 8) != 0 ? low | (<u32>(gate >> 32) & 0xffff0000) : low;
}

/** Selector held by a gate. */
export function gateSelector(gate: u64): u32 {
  return <u32>(gate >> 16) & 0xffff;
}

/** Parameters a call gate copies: words or doublewords, 0..31. */
export function gateParameters(gate: u64): u32 {
  return <u32>(gate >> 32) & 31;
}

/** True if `selector` is one of the four null selectors. */
export function isNull(selector: u32): bool {
  return (selector & 0xfffc) == 0;
}

/** Raises `vector` with a selector as error code. The EXT bit is added on delivery. */
export function raiseSelector(vector: u32, selector: u32): void {
  raiseCode(vector, selector & 0xfffc);
}

/** True if the descriptor of `selector` lies within the limit of the table its TI bit names. */
export function inTable(selector: u32): bool {
  const last = (selector & 0xfff8) + 7;
  if ((selector & 4) == 0) return last <= get(Cpu.GDTR_LIMIT);
  const ldtr = segPtr(Seg.LDTR);
  return (load<u32>(ldtr, SegCache.ACCESS) & SEG_USABLE) != 0 && last <= load<u32>(ldtr, SegCache.LIMIT);
}

/** Linear address of the descriptor of `selector`. */
export function descriptorAddress(selector: u32): u32 {
  const base = (selector & 4) == 0 ? get(Cpu.GDTR_BASE) : load<u32>(segPtr(Seg.LDTR), SegCache.BASE);
  return base + (selector & 0xfff8);
}

/** The eight bytes at linear address `lin`. Faults: #PF; then returns 0. */
export function readTable(lin: u32): u64 {
  const low = sysLoad32(lin);
  if (faulted()) return 0;
  const high = sysLoad32(lin + 4);
  if (faulted()) return 0;
  return <u64>low | ((<u64>high) << 32);
}

/** The descriptor of a selector that is known to be in its table. Faults: #PF; then returns 0. */
export function readDescriptor(selector: u32): u64 {
  return readTable(descriptorAddress(selector));
}

/** The descriptor of `selector`; raises `vector`(selector) if it is beyond its table. Faults also: #PF; then returns 0. */
export function fetchDescriptor(selector: u32, vector: u32): u64 {
  if (!inTable(selector)) {
    raiseSelector(vector, selector);
    return 0;
  }
  return readDescriptor(selector);
}

/**
 * Sets the accessed bit of a code or data descriptor in its table, if it is clear (SDM 3A 3.4.5.1).
 * False: the write faulted (#PF).
 */
export function markAccessed(selector: u32, d: u64): bool {
  const access = accessOf(d);
  if ((access & Desc.ACCESSED) != 0) return true;
  sysStore8(descriptorAddress(selector) + 5, access | Desc.ACCESSED);
  return !faulted();
}

/** The descriptor of a code segment that control goes to: #GP(0) if null, #GP(selector) beyond the table. 0 if faulted. */
export function fetchTarget(selector: u32): u64 {
  if (isNull(selector)) {
    raiseCode(Vector.GP, 0);
    return 0;
  }
  return fetchDescriptor(selector, Vector.GP);
}
