/**
 * Segment registers of a guest that runs deprivileged: from what the guest believes to what the processor holds, and back.
 */
import { Cpu, SEG_USABLE, SegCache } from "../../../assembly/abi/cpu.js";
import { Seg } from "../../../assembly/abi/x86.js";
import type { Words } from "../words.js";
import { accessOf, baseOf, cutLimit, type Descriptor, growsDown, limitOf, withPrivilege } from "./segments.js";

/** Offset of a cache in the processor's state. */
const at = (seg: number): number => Cpu.SEGS + seg * SegCache.SIZE;
/** DPL in an access word. */
const privilegeOf = (access: number): number => (access >>> 5) & 3;

/** How privileges map. */
export interface Privileges {
  /** The ring of something that the guest believes to be at `privilege`; undefined if it cannot be run. */
  toReal(privilege: number): number | undefined;
  /** First linear address that no segment may reach; 2^32 if all may be reached. */
  top: number;
}

/** True if all six segment registers can be made real. */
export function representable(state: Words, { toReal, top }: Privileges): boolean {
  for (let seg = Seg.ES; seg <= Seg.GS; seg++) {
    const access = state.get(at(seg) + SegCache.ACCESS);
    if ((access & SEG_USABLE) === 0) continue;
    if (toReal(privilegeOf(access)) === undefined) return false;
    if (top !== 2 ** 32 && (growsDown(access) || state.get(at(seg) + SegCache.BASE) >= top)) return false;
  }
  return true;
}

/** Makes the segment registers real. `ring` is the privilege the guest will run at. */
export function lowerSegments(state: Words, { toReal, top }: Privileges, ring: number): void {
  for (let seg = Seg.ES; seg <= Seg.GS; seg++) {
    const cache = at(seg);
    const access = state.get(cache + SegCache.ACCESS);
    if (seg === Seg.CS || seg === Seg.SS) {
      // A null SS cannot be at CPL 3; the selectors of CS and SS show the privilege.
      state.set(cache + SegCache.SELECTOR, (state.get(cache + SegCache.SELECTOR) & ~3) | ring);
    }
    if ((access & SEG_USABLE) === 0) continue;
    state.set(cache + SegCache.ACCESS, withPrivilege(access, toReal(privilegeOf(access))!));
    if (top === 2 ** 32) continue;
    const limit = state.get(cache + SegCache.LIMIT);
    state.set(cache + SegCache.LIMIT, cutLimit(state.get(cache + SegCache.BASE), limit, top)!);
  }
}

/** The descriptor a selector names in the guest's tables. */
export type Lookup = (selector: number) => Descriptor | undefined;

/**
 * Makes the segment registers virtual again. `saved` is the virtual state they were made from, `lowered` what it was made into;
 * a register that the guest has loaded since gets what its own descriptor says.
 */
export function liftSegments(state: Words, saved: Words, lowered: Words, privilege: number, lookup: Lookup): void {
  for (let seg = Seg.ES; seg <= Seg.GS; seg++) {
    const cache = at(seg);
    if (same(state, lowered, cache)) {
      state.bytes(cache, SegCache.SIZE).set(saved.bytes(cache, SegCache.SIZE));
      continue;
    }
    const selector = state.get(cache + SegCache.SELECTOR);
    const descriptor = (state.get(cache + SegCache.ACCESS) & SEG_USABLE) === 0 ? undefined : lookup(selector);
    if (seg === Seg.CS || seg === Seg.SS) state.set(cache + SegCache.SELECTOR, (selector & ~3) | privilege);
    if (descriptor === undefined) continue;
    state.set(cache + SegCache.BASE, baseOf(descriptor));
    state.set(cache + SegCache.LIMIT, limitOf(descriptor));
    state.set(cache + SegCache.ACCESS, accessOf(descriptor));
  }
}

/** True if the guest has not loaded the register since it was lowered. */
function same(state: Words, lowered: Words, cache: number): boolean {
  for (const field of [SegCache.SELECTOR, SegCache.ACCESS, SegCache.BASE, SegCache.LIMIT]) {
    if (state.get(cache + field) !== lowered.get(cache + field)) return false;
  }
  return true;
}
