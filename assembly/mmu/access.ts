/**
 * Accesses through a segment: limits and rights, alignment, watchpoints, then paging. CPL comes from the state.
 * SDM 3A 5.3 (limits), 5.4 (types), 6.15 interrupt 17 (alignment). The hot forms in cpu/hot.ts do the common case in line and
 * call these when their one compare fails.
 */
import { Cpu, SEG_USABLE, SegCache } from "../abi/cpu";
import { Access, Desc, DescFlag, Seg, Vector } from "../abi/x86";
import { checkDataBreakpoint } from "../cpu/debug";
import { alignmentChecked } from "../cpu/control";
import { faulted, raiseCode } from "../cpu/fault";
import { get, protectedMode, segPtr, set } from "../cpu/state";
import { linearCheckWrite, linearLoad, linearStore } from "./linear";
import { besideCode, tlbEntry } from "./tlb";
import { Tlb } from "../abi/layout";

export { flushPage, flushTlb } from "./tlb";
export { sysLoad8, sysLoad16, sysLoad32, sysStore8, sysStore16, sysStore32 } from "./linear";

/** 1 if accesses are made with user privilege now. */
function userAccess(): u32 {
  return get(Cpu.CPL) == 3 ? 1 : 0;
}

/** True if segment `seg` allows `size` bytes at `offset`; raises #GP(0) or #SS(0) otherwise. */
export function checkSegment(seg: u32, offset: u32, size: u32, write: bool): bool {
  const cache = segPtr(seg);
  const access = load<u32>(cache, SegCache.ACCESS);
  const limit = load<u32>(cache, SegCache.LIMIT);
  const last = offset + size - 1;
  let ok = true;
  let expandDown = false;
  if (protectedMode()) {
    if ((access & SEG_USABLE) == 0) ok = false;
    else if ((access & Desc.CODE) != 0) ok = !write && (access & Desc.WRITABLE) != 0;
    else {
      ok = !write || (access & Desc.WRITABLE) != 0;
      expandDown = (access & Desc.CONFORMING) != 0;
    }
  }
  if (ok) {
    if (expandDown) {
      const top: u32 = (access & DescFlag.BIG) != 0 ? 0xffffffff : 0xffff;
      ok = offset > limit && last >= offset && last <= top;
    } else if (limit != 0xffffffff) {
      ok = last <= limit && last >= offset;
    }
  }
  if (!ok) raiseCode(seg == Seg.SS ? Vector.SS : Vector.GP, 0);
  return ok;
}

/** Checks an access and returns its linear address; the caller looks at faulted(). */
function linearOf(seg: u32, offset: u32, size: u32, write: bool): u32 {
  if (!checkSegment(seg, offset, size, write)) return 0;
  const lin = load<u32>(segPtr(seg), SegCache.BASE) + offset;
  if (get(Cpu.SLOW_ACCESS) != 0) {
    if ((lin & (size - 1)) != 0 && alignmentChecked()) {
      raiseCode(Vector.AC, 0);
      return 0;
    }
    checkDataBreakpoint(lin, size, write);
  }
  return lin;
}

/** Reads `size` bytes (1, 2, 4) at `offset` in segment `seg`. Faults: #GP #SS #PF #AC; then returns 0. */
export function loadSize(seg: u32, offset: u32, size: u32): u32 {
  const lin = linearOf(seg, offset, size, false);
  if (faulted()) return 0;
  return linearLoad(lin, size, userAccess());
}

/** Writes the low `size` bytes of `value` at `offset` in segment `seg`. Faults: #GP #SS #PF #AC. */
export function storeSize(seg: u32, offset: u32, value: u32, size: u32): void {
  const lin = linearOf(seg, offset, size, true);
  if (faulted()) return;
  linearStore(lin, size, value, userAccess());
}

/** Reads for a read-modify-write: checks as for a write. modifyStore() completes it and cannot fault. */
export function modifySize(seg: u32, offset: u32, size: u32): u32 {
  const lin = linearOf(seg, offset, size, true);
  if (faulted()) return 0;
  const user = userAccess();
  if (!linearCheckWrite(lin, size, user)) return 0;
  set(Cpu.MODIFY_LIN, lin);
  return linearLoad(lin, size, user);
}

/** Writes back the value of the last modifySize() with the same size. */
export function modifyStore(value: u32, size: u32): void {
  linearStore(get(Cpu.MODIFY_LIN), size, value, userAccess());
}

/** True if `size` bytes (at most 4,096) at `offset` in `seg` can be written; raises the fault otherwise. Writes nothing. */
export function checkWrite(seg: u32, offset: u32, size: u32): bool {
  if (!checkSegment(seg, offset, size, true)) return false;
  return linearCheckWrite(load<u32>(segPtr(seg), SegCache.BASE) + offset, size, userAccess());
}

/** Reads one byte at `offset` in `seg`. Faults as loadSize(). */
export function load8(seg: u32, offset: u32): u32 {
  return loadSize(seg, offset, 1);
}

/** Reads two bytes at `offset` in `seg`. Faults as loadSize(). */
export function load16(seg: u32, offset: u32): u32 {
  return loadSize(seg, offset, 2);
}

/** Reads four bytes at `offset` in `seg`. Faults as loadSize(). */
export function load32(seg: u32, offset: u32): u32 {
  return loadSize(seg, offset, 4);
}

/** Writes one byte at `offset` in `seg`. Faults as storeSize(). */
export function store8(seg: u32, offset: u32, value: u32): void {
  storeSize(seg, offset, value, 1);
}

/** Writes two bytes at `offset` in `seg`. Faults as storeSize(). */
export function store16(seg: u32, offset: u32, value: u32): void {
  storeSize(seg, offset, value, 2);
}

/** Writes four bytes at `offset` in `seg`. Faults as storeSize(). */
export function store32(seg: u32, offset: u32, value: u32): void {
  storeSize(seg, offset, value, 4);
}

/** modifySize() of one byte. */
export function modify8(seg: u32, offset: u32): u32 {
  return modifySize(seg, offset, 1);
}

/** modifySize() of two bytes. */
export function modify16(seg: u32, offset: u32): u32 {
  return modifySize(seg, offset, 2);
}

/** modifySize() of four bytes. */
export function modify32(seg: u32, offset: u32): u32 {
  return modifySize(seg, offset, 4);
}

/** modifyStore() of one byte. */
export function modifyStore8(value: u32): void {
  modifyStore(value, 1);
}

/** modifyStore() of two bytes. */
export function modifyStore16(value: u32): void {
  modifyStore(value, 2);
}

/** modifyStore() of four bytes. */
export function modifyStore32(value: u32): void {
  modifyStore(value, 4);
}

/** A pointer to `bytes` bytes at `offset` in `seg` if all are readable RAM or ROM in one page with nothing to check; else 0. */
export function directRead(seg: u32, offset: u32, bytes: u32): usize {
  return direct(seg, offset, bytes, false);
}

/** The same for writing: plain RAM, none of the bytes decoded code. Raises nothing. */
export function directWrite(seg: u32, offset: u32, bytes: u32): usize {
  return direct(seg, offset, bytes, true);
}

function direct(seg: u32, offset: u32, bytes: u32, write: bool): usize {
  const cache = segPtr(seg);
  const open = write ? load<u32>(cache, SegCache.WRITE_MAX) : load<u32>(cache, SegCache.READ_MAX);
  if (offset >= open || open - offset < bytes) return 0;
  const lin = load<u32>(cache, SegCache.BASE) + offset;
  if ((lin & 0xfff) + bytes > 0x1000) return 0;
  const entry = tlbEntry(lin);
  const tag = (lin & 0xfffff000) | get(Cpu.CONTEXT);
  const found = load<u32>(entry + ((write ? Access.WRITE : Access.READ) << 2));
  if (found != tag && found != (tag | 1)) return write ? besideCode(lin, bytes) : 0;
  return <usize>(lin + load<u32>(entry, Tlb.DELTA));
}
