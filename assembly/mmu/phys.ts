/**
 * Physical memory: where a frame lies in linear memory, and accesses by physical address for the walker. Under EPT the walker's addresses
 * are guest-physical: they are translated once more.
 * RAM starts at physical 0; ROM ends at 4 GB; everything else belongs to the host (assembly/host.ts).
 */
import { Cpu, Probe } from "../abi/cpu";
import { Access } from "../abi/x86";
import { Active, Vmx } from "../abi/vmx";
import { get, set } from "../cpu/state";
import { nested } from "../vmx/ept";
import { exitRaised } from "../vmx/exit";
import { active, vcount } from "../vmx/state";
import { codeWritten, hasCode } from "./code";

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

/** Pointer to the guest's paging structure at guest-physical address `pa`, through EPT; 0: no memory there, or an exit has been raised. */
function nestedPtr(pa: u32, access: u32): usize {
  const mfn = nested(pa >>> 12, pa & 0xfff, access, false);
  const frame: usize = mfn < 0 ? 0 : framePtr(mfn);
  return frame == 0 ? 0 : frame + (pa & 0xfff);
}

/** What physLoad64() reads through EPT: nothing present if an exit has been raised. */
function nestedLoad64(pa: u32): u64 {
  vcount(Vmx.GUEST_REFERENCES, 1);
  const ptr = nestedPtr(pa, Access.READ);
  if (ptr != 0) return load<u64>(ptr);
  return exitRaised() ? 0 : 0xffffffffffffffff;
}

/** The same of a u32. */
function nestedLoad32(pa: u32): u32 {
  vcount(Vmx.GUEST_REFERENCES, 1);
  const ptr = nestedPtr(pa, Access.READ);
  if (ptr != 0) return load<u32>(ptr);
  return exitRaised() ? 0 : 0xffffffff;
}

/** Reads an aligned u32 at a physical address; all ones where there is no memory. */
export function physLoad32(pa: u32): u32 {
  const at = pa & get(Cpu.A20_MASK);
  if ((active() & Active.NESTED) != 0) return nestedLoad32(at);
  if (at < get(Cpu.RAM_BYTES)) return load<u32>(<usize>(get(Cpu.RAM_PTR) + at));
  const frame = framePtr(at >>> 12);
  return frame == 0 ? 0xffffffff : load<u32>(frame + (at & 0xfff));
}

/** Reads an aligned u64 at a physical address; all ones where there is no memory. */
export function physLoad64(pa: u32): u64 {
  const at = pa & get(Cpu.A20_MASK);
  if ((active() & Active.NESTED) != 0) return nestedLoad64(at);
  if (at < get(Cpu.RAM_BYTES)) return load<u64>(<usize>(get(Cpu.RAM_PTR) + at));
  const frame = framePtr(at >>> 12);
  return frame == 0 ? 0xffffffffffffffff : load<u64>(frame + (at & 0xfff));
}

/** Sets bits in the byte at a physical address, in RAM only: accessed and dirty flags. While Cpu.PROBING, only notes that it would. */
export function physSetBits(pa: u32, bits: u32): void {
  const at = pa & get(Cpu.A20_MASK);
  let ptr = <usize>(get(Cpu.RAM_PTR) + at);
  if ((active() & Active.NESTED) != 0) ptr = nestedPtr(at, Access.WRITE);
  if (!isRam(ptr)) return;
  if (get(Cpu.PROBING) != 0) {
    set(Cpu.PROBING, get(Cpu.PROBING) | Probe.WOULD_SET);
    return;
  }
  store<u8>(ptr, <u8>(load<u8>(ptr) | bits));
  if (hasCode(ptr)) codeWritten(ptr, 1);
}
