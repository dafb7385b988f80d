/**
 * Loading segment registers: the checks of SDM 3A 5.5 to 5.8 and of the instruction pages (MOV, POP, LDS), then the cache.
 * Invariant: a load that faults changes neither selector nor cache. In real mode only selector and base change, so limits
 * loaded in protected mode survive ("big real"); in virtual-8086 mode the whole cache is fixed (SDM 3B 20.2).
 */
import { Cpu, SEG_USABLE, SegCache } from "../abi/cpu";
import { Cr0, Desc, Eflags, Seg, Vector } from "../abi/x86";
import { active } from "../vmx/state";
import { updateAttention, updateSegment } from "./control";
import {
  baseOf,
  cacheAccess,
  dplOf,
  fetchDescriptor,
  isConforming,
  isNull,
  isPresent,
  isReadable,
  isWritableData,
  limitOf,
  markAccessed,
  raiseSelector,
} from "./descriptor";
import { faulted, raiseCode } from "./fault";
import { cpl, get, segPtr, set } from "./state";

/** Access byte of every segment in virtual-8086 mode: present, DPL 3, writable data, accessed. */
const V86_ACCESS: u32 = 0xf3;
/** Access byte a segment register gets in real mode: present, DPL 0, writable data, accessed. */
const REAL_ACCESS: u32 = 0x93;
/** Bits of SegCache.ACCESS above the access byte and below SEG_USABLE. */
const FLAG_BITS: u32 = 0xf000;

/** Fills the cache of `seg` from a descriptor that has passed its checks; code and data become accessed. */
export function fillCache(seg: u32, selector: u32, d: u64): void {
  const cache = segPtr(seg);
  store<u32>(cache, baseOf(d), SegCache.BASE);
  store<u32>(cache, limitOf(d), SegCache.LIMIT);
  store<u32>(cache, selector, SegCache.SELECTOR);
  store<u32>(cache, seg < 6 ? cacheAccess(d) | Desc.ACCESSED : cacheAccess(d), SegCache.ACCESS);
  if (seg < 6) updateSegment(seg);
}

/** Makes `seg` hold a null selector: every access through it faults. */
export function loadNull(seg: u32, selector: u32): void {
  const cache = segPtr(seg);
  store<u32>(cache, selector, SegCache.SELECTOR);
  store<u32>(cache, load<u32>(cache, SegCache.ACCESS) & ~SEG_USABLE, SegCache.ACCESS);
  if (seg < 6) updateSegment(seg);
}

/** Real-mode load: base = selector * 16. CS also becomes writable; a register that held null gets the 64 KB values. */
export function loadSegmentReal(seg: u32, selector: u32): void {
  const cache = segPtr(seg);
  const access = load<u32>(cache, SegCache.ACCESS);
  store<u32>(cache, selector, SegCache.SELECTOR);
  store<u32>(cache, selector << 4, SegCache.BASE);
  if ((access & SEG_USABLE) == 0) {
    store<u32>(cache, 0xffff, SegCache.LIMIT);
    store<u32>(cache, REAL_ACCESS | SEG_USABLE, SegCache.ACCESS);
  } else if (seg == Seg.CS) {
    store<u32>(cache, REAL_ACCESS | SEG_USABLE | (access & FLAG_BITS), SegCache.ACCESS);
  }
  updateSegment(seg);
}

/** Virtual-8086 load: base = selector * 16, limit FFFF, DPL 3, 16-bit (SDM 3B 20.2.1). */
export function loadSegmentV86(seg: u32, selector: u32): void {
  const cache = segPtr(seg);
  store<u32>(cache, selector, SegCache.SELECTOR);
  store<u32>(cache, selector << 4, SegCache.BASE);
  store<u32>(cache, 0xffff, SegCache.LIMIT);
  store<u32>(cache, V86_ACCESS | SEG_USABLE, SegCache.ACCESS);
  updateSegment(seg);
}

/** Loads as the mode asks where no descriptor is used: real or virtual-8086 mode. */
export function loadSegmentPlain(seg: u32, selector: u32): void {
  if ((get(Cpu.EFLAGS) & Eflags.VM) != 0) loadSegmentV86(seg, selector);
  else loadSegmentReal(seg, selector);
}

/**
 * The descriptor of a stack segment for privilege level `privilege`, checked: `vector`(0) if null, `vector`(selector) if it is
 * beyond its table, not writable data, or RPL or DPL differ; `absent`(selector) if not present: #SS, but #NP for IRET. 0 if faulted.
 */
export function stackDescriptor(selector: u32, privilege: u32, vector: u32, absent: u32): u64 {
  if (isNull(selector)) {
    raiseCode(vector, 0);
    return 0;
  }
  const d = fetchDescriptor(selector, vector);
  if (faulted()) return 0;
  if ((selector & 3) != privilege || !isWritableData(d) || dplOf(d) != privilege) {
    raiseSelector(vector, selector);
    return 0;
  }
  if (!isPresent(d)) {
    raiseSelector(absent, selector);
    return 0;
  }
  return d;
}

/**
 * The descriptor of a data segment for privilege level `privilege`, checked: `vector`(selector) if it is beyond its table, not
 * readable, or too privileged (conforming code is never); #NP(selector) if not present. 0 if faulted. Not for null selectors.
 */
export function dataDescriptor(selector: u32, privilege: u32, vector: u32): u64 {
  const d = fetchDescriptor(selector, vector);
  if (faulted()) return 0;
  const dpl = dplOf(d);
  if (!isReadable(d) || (!isConforming(d) && ((selector & 3) > dpl || privilege > dpl))) {
    raiseSelector(vector, selector);
    return 0;
  }
  if (!isPresent(d)) {
    raiseSelector(Vector.NP, selector);
    return 0;
  }
  return d;
}

/**
 * Loads ES, SS, DS, FS or GS as MOV does, in any mode. False: a fault was raised (#GP #NP #SS #PF) and nothing changed.
 */
export function loadSegment(seg: u32, selector: u32): bool {
  if ((get(Cpu.CR0) & Cr0.PE) == 0 || (get(Cpu.EFLAGS) & Eflags.VM) != 0) {
    loadSegmentPlain(seg, selector);
    return true;
  }
  let d: u64 = 0;
  if (seg == Seg.SS) d = stackDescriptor(selector, cpl(), Vector.GP, Vector.SS);
  else if (isNull(selector)) {
    loadNull(seg, selector);
    return true;
  } else d = dataDescriptor(selector, cpl(), Vector.GP);
  if (faulted() || !markAccessed(selector, d)) return false;
  fillCache(seg, selector, d);
  return true;
}

/** Makes CS a checked code segment at privilege level `privilege`, which becomes CPL and the selector's RPL. */
export function commitCode(selector: u32, d: u64, privilege: u32): void {
  set(Cpu.CPL, privilege);
  fillCache(Seg.CS, (selector & 0xfffc) | privilege, d);
  // A monitor may wait for user code.
  if (active() != 0) updateAttention();
}

/** After a return to an outer level: data segments the new CPL may not use become null (SDM 3A 5.8.6). */
export function dropPrivilegedSegments(): void {
  for (let seg: u32 = Seg.ES; seg <= <u32>Seg.GS; seg++) {
    if (seg == Seg.CS || seg == Seg.SS) continue;
    const access = load<u32>(segPtr(seg), SegCache.ACCESS);
    if ((access & SEG_USABLE) == 0) continue;
    const conforming = (access & (Desc.CODE | Desc.CONFORMING)) == (Desc.CODE | Desc.CONFORMING);
    if (!conforming && ((access >>> 5) & 3) < cpl()) loadNull(seg, 0);
  }
}
