/**
 * The guest's stack, reached as the guest itself reaches it while it runs directly: by the real translations.
 */
import { Cpu, SegCache } from "../../../assembly/abi/cpu.js";
import { REFILL_SIZE_SHIFT } from "../../../assembly/abi/region.js";
import { Access, DescFlag, Seg } from "../../../assembly/abi/x86.js";
import type { Deprivileged } from "./decoded.js";

const SS = Cpu.SEGS + Seg.SS * SegCache.SIZE;
const WORD = 4 << REFILL_SIZE_SHIFT;

/** Pointer to the aligned 32-bit word at SS:`offset`; 0 if it takes the machine to find it, or to say why it cannot be reached. */
export function stackWord(guest: Deprivileged, offset: number, access: Access.READ | Access.WRITE): number {
  const { state } = guest;
  const at = offset >>> 0;
  const open = state.get(SS + (access === Access.WRITE ? SegCache.WRITE_MAX : SegCache.READ_MAX));
  if (at >= open || (state.get(SS + SegCache.ACCESS) & DescFlag.BIG) === 0) return 0;
  const linear = (state.get(SS + SegCache.BASE) + at) >>> 0;
  const { exports } = guest.core;
  let place = exports.refill(linear, WORD | access) >>> 0;
  if (place === 0) {
    // A fault that the guest would not see is mended; any other the interpretation raises for it.
    state.set(Cpu.STOP, 0);
    if (guest.mend(linear, access === Access.WRITE)) place = exports.refill(linear, WORD | access) >>> 0;
    state.set(Cpu.STOP, 0);
  }
  return (place & 3) === 0 ? place : 0;
}
