/**
 * Instruction fetch: finds the bytes at CS:EIP, across pages, within the CS limit and the 15-byte limit.
 * Faults: #GP(0) for the limits (SDM 2A 2.3.11, 3A 5.3), #PF on the first byte that cannot be read.
 */
import { Cpu, SegCache } from "../abi/cpu";
import { Access, Seg } from "../abi/x86";
import { mmioRead } from "../host";
import { MMIO, translate } from "../mmu/tlb";
import { raiseGp } from "./fault";
import { fieldPtr, get, segBase, segPtr } from "./state";
import { decodeFor } from "./translated";

/** Longest legal instruction. */
const MAX_LENGTH: u32 = 15;

/** Pointer to the instruction byte at CS:`eip`; MMIO where there is no memory. 0: #PF has been raised. */
export function fetchPtr(eip: u32): usize {
  return translate(segBase(Seg.CS) + eip, Access.EXECUTE, get(Cpu.CPL) == 3 ? 1 : 0);
}

/** How many bytes may be fetched from `eip` on before the CS limit, at most `most`. 0: beyond the limit. */
export function withinLimit(eip: u32, most: u32): u32 {
  const limit = load<u32>(segPtr(Seg.CS), SegCache.LIMIT);
  if (limit == 0xffffffff) return most;
  if (eip > limit) return 0;
  const rest = limit - eip + 1;
  return rest < most ? rest : most;
}

/**
 * Decodes one instruction at CS:`eip` byte by byte, wherever it lies, into `rec`. Returns its length; 0: a fault has been raised.
 */
export function fetchSlow(rec: usize, eip: u32, mode: u32): i32 {
  const buffer = fieldPtr(Cpu.SCRATCH);
  const allowed = withinLimit(eip, MAX_LENGTH);
  for (let n: u32 = 0; n < allowed; n++) {
    const at = eip + n;
    const ptr = fetchPtr(at);
    if (ptr == 0) return 0;
    let byte: u32 = 0xff;
    if (ptr != MMIO) byte = load<u8>(ptr);
    else if (get(Cpu.MMIO_PFN) < 0x100000) {
      byte = mmioRead((get(Cpu.MMIO_PFN) << 12) | ((segBase(Seg.CS) + at) & 0xfff), 1);
    }
    store<u8>(buffer + n, <u8>byte);
    const length = decodeFor(rec, buffer, n + 1, eip, mode);
    if (length != 0) return length;
  }
  raiseGp(0);
  return 0;
}

/** Decodes the instruction at CS:`eip` into `rec`. Returns its length; 0: a fault has been raised. */
export function fetch(rec: usize, eip: u32, mode: u32): i32 {
  const allowed = withinLimit(eip, MAX_LENGTH);
  if (allowed == 0) {
    raiseGp(0);
    return 0;
  }
  const ptr = fetchPtr(eip);
  if (ptr == 0) return 0;
  if (ptr != MMIO) {
    const page: u32 = 0x1000 - ((segBase(Seg.CS) + eip) & 0xfff);
    const length = decodeFor(rec, ptr, page < allowed ? page : allowed, eip, mode);
    if (length != 0) return length;
  }
  return fetchSlow(rec, eip, mode);
}
