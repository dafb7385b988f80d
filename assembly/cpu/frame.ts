/**
 * Stack frames of far transfers: a frame is checked as a whole, then written, so that a transfer that cannot complete has
 * written nothing. The frame goes to the current stack or to an inner stack taken from the TSS (SDM 3A 5.8.5, 7.2.1).
 * Protocol: openCurrent() or openInner(), room(), push()..., framePointer(). One frame at a time.
 */
import { Cpu, SegCache } from "../abi/cpu";
import { Desc, Reg, Seg, Vector } from "../abi/x86";
import { checkWrite, loadSize, storeSize, sysLoad16, sysLoad32 } from "../mmu/access";
import { linearCheckWrite, linearStore } from "../mmu/linear";
import { alignmentChecked } from "./control";
import { checkDataBreakpoint } from "./debug";
import { accessOf, baseOf, isBig, limitOf, raiseSelector } from "./descriptor";
import { faulted, raiseCode } from "./fault";
import { get, segBase, segPtr, selectorOf, setReg16, setReg32, stack32, stackPointer } from "./state";

/** The frame being built: 1 if on an inner stack, item size, stack pointer, its mask, and the inner segment. */
let inner: bool = false;
let itemSize: u32 = 0;
let pointer: u32 = 0;
let pointerMask: u32 = 0;
let innerDescriptor: u64 = 0;
let innerSelector: u32 = 0;

/** Mask of stack offsets for the current stack segment. */
export function stackMask(): u32 {
  return stack32() ? 0xffffffff : 0xffff;
}

/** Item `n` (0: the top) of `bytes` bytes on the current stack. Faults: #SS #PF #AC; then returns 0. */
export function stackItem(n: u32, bytes: u32): u32 {
  return loadSize(Seg.SS, (stackPointer() + n * bytes) & stackMask(), bytes);
}

/** `bytes` bytes (2, 4) at `offset` above the top of the current stack. Faults: #SS #PF #AC; then returns 0. */
export function stackAt(offset: u32, bytes: u32): u32 {
  return loadSize(Seg.SS, (stackPointer() + offset) & stackMask(), bytes);
}

/** Starts a frame of `bytes`-byte items on the current stack. */
export function openCurrent(bytes: u32): void {
  inner = false;
  itemSize = bytes;
  pointer = stackPointer();
  pointerMask = stackMask();
}

/** Starts a frame of `bytes`-byte items at `top` in the stack segment `d`, which is not loaded yet. */
export function openInner(selector: u32, d: u64, top: u32, bytes: u32): void {
  inner = true;
  itemSize = bytes;
  innerDescriptor = d;
  innerSelector = selector;
  pointerMask = isBig(d) ? 0xffffffff : 0xffff;
  pointer = top & pointerMask;
}

/** True if an item at `offset` lies within the limit of the inner stack segment. */
function withinInner(offset: u32): bool {
  const last = offset + itemSize - 1;
  const limit = limitOf(innerDescriptor);
  // With the largest limit offsets may wrap (SDM 3A 5.3 leaves it to the implementation).
  if (limit == 0xffffffff && (accessOf(innerDescriptor) & Desc.CONFORMING) == 0) return true;
  if (last < offset) return false;
  if ((accessOf(innerDescriptor) & Desc.CONFORMING) != 0) return offset > limit && last <= pointerMask;
  return last <= limit;
}

/** True if `items` more items can be pushed; else #SS(selector of an inner stack, or 0), #PF or #AC has been raised. */
export function room(items: u32): bool {
  for (let i: u32 = 1; i <= items; i++) {
    const offset = (pointer - i * itemSize) & pointerMask;
    if (inner) {
      if (!withinInner(offset)) {
        raiseSelector(Vector.SS, innerSelector);
        return false;
      }
      if (!linearCheckWrite(baseOf(innerDescriptor) + offset, itemSize, 0)) return false;
    } else {
      if (!checkWrite(Seg.SS, offset, itemSize)) return false;
      if (alignmentChecked() && ((segBase(Seg.SS) + offset) & (itemSize - 1)) != 0) {
        raiseCode(Vector.AC, 0);
        return false;
      }
    }
  }
  return true;
}

/** Pushes one item that room() has made room for. */
export function push(value: u32): void {
  pointer = (pointer - itemSize) & pointerMask;
  if (!inner) {
    storeSize(Seg.SS, pointer, value, itemSize);
    return;
  }
  const lin = baseOf(innerDescriptor) + pointer;
  if (get(Cpu.SLOW_ACCESS) != 0) checkDataBreakpoint(lin, itemSize, true);
  linearStore(lin, itemSize, value, 0);
}

/** Makes the finished frame's top the stack pointer, at the width of the frame's stack segment. */
export function commitPointer(): void {
  if (pointerMask == 0xffffffff) setReg32(Reg.ESP, pointer);
  else setReg16(Reg.ESP, pointer);
}

/** True if the current task's TSS has the 32-bit layout. */
export function tss32(): bool {
  return (load<u32>(segPtr(Seg.TR), SegCache.ACCESS) & 8) != 0;
}

/** Offset in the current TSS of the stack for `privilege`; #TS(TR) if it lies beyond the limit, then returns 0. */
function stackSlot(privilege: u32): u32 {
  const wide = tss32();
  const offset = wide ? privilege * 8 + 4 : privilege * 4 + 2;
  if (offset + (wide ? 5 : 3) > load<u32>(segPtr(Seg.TR), SegCache.LIMIT)) {
    raiseSelector(Vector.TS, selectorOf(Seg.TR));
    return 0;
  }
  return offset;
}

/** Stack selector of the current TSS for `privilege` 0..2. Faults: #TS(TR), #PF; then returns 0. */
export function tssStackSelector(privilege: u32): u32 {
  const slot = stackSlot(privilege);
  if (faulted()) return 0;
  return sysLoad16(segBase(Seg.TR) + slot + (tss32() ? 4 : 2));
}

/** Stack pointer of the current TSS for `privilege` 0..2. Faults: #TS(TR), #PF; then returns 0. */
export function tssStackPointer(privilege: u32): u32 {
  const slot = stackSlot(privilege);
  if (faulted()) return 0;
  const lin = segBase(Seg.TR) + slot;
  return tss32() ? sysLoad32(lin) : sysLoad16(lin);
}
