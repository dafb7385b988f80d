/**
 * Physical memory: where a frame lies in linear memory, and accesses by physical address for the walker.
 * RAM starts at physical 0; ROM ends at 4 GB; everything else belongs to the host (assembly/host.ts).
 */
import { Cpu } from "../abi/cpu";
import { codeWritten, hasCode } from "./code";
import { get, set } from "../cpu/state";

/** Frames below 4 GB. */
const FRAMES: u32 = 0x100000;

/** Pointer to the start of frame `pfn`, or 0 if it is neither RAM nor ROM. */
export function framePtr(pfn: u32): usize {
  if (pfn < get(Cpu.RAM_BYTES) >>> 12) return <usize>(get(Cpu.RAM_PTR) + (pfn << 12));
  const romFrames = get(Cpu.ROM_BYTES) >>> 12;
  if (pfn >= FRAMES - romFrames && pfn < FRAMES) {
    return <usize>(get(Cpu.ROM_PTR) + ((pfn - (FRAMES - romFrames)) << 12));
  }
  return 0;
}

/** True if `ptr` lies in machine RAM, that is, may be written. */
export function isRam(ptr: usize): bool {
  return <u32>ptr - get(Cpu.RAM_PTR) < get(Cpu.RAM_BYTES);
}

/** Reads an aligned u32 at a physical address; all ones where there is no memory. */
export function physLoad32(pa: u32): u32 {
  const at = pa & get(Cpu.A20_MASK);
  if (at < get(Cpu.RAM_BYTES)) return load<u32>(<usize>(get(Cpu.RAM_PTR) + at));
  const frame = framePtr(at >>> 12);
  return frame == 0 ? 0xffffffff : load<u32>(frame + (at & 0xfff));
}

/** Reads an aligned u64 at a physical address; all ones where there is no memory. */
export function physLoad64(pa: u32): u64 {
  const at = pa & get(Cpu.A20_MASK);
  if (at < get(Cpu.RAM_BYTES)) return load<u64>(<usize>(get(Cpu.RAM_PTR) + at));
  const frame = framePtr(at >>> 12);
  return frame == 0 ? 0xffffffffffffffff : load<u64>(frame + (at & 0xfff));
}

/** Value of Cpu.PROBING once the walk would have set an accessed or dirty flag. */
export const PROBING_WOULD_SET: u32 = 2;

/** Sets bits in the byte at a physical address, in RAM only: accessed and dirty flags. While Cpu.PROBING, only notes that it would. */
export function physSetBits(pa: u32, bits: u32): void {
  const at = pa & get(Cpu.A20_MASK);
  if (at >= get(Cpu.RAM_BYTES)) return;
  if (get(Cpu.PROBING) != 0) {
    set(Cpu.PROBING, PROBING_WOULD_SET);
    return;
  }
  const ptr = <usize>(get(Cpu.RAM_PTR) + at);
  store<u8>(ptr, <u8>(load<u8>(ptr) | bits));
  if (hasCode(ptr)) codeWritten(ptr, 1);
}
