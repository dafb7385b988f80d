/**
 * Accesses by linear address: through the TLB, across pages, to ROM, to the host, and to pages with decoded code.
 * An access that crosses a page translates both pages before it touches either: a fault leaves memory as it was.
 */
import { Cpu } from "../abi/cpu";
import { Access } from "../abi/x86";
import { get } from "../cpu/state";
import { mmioRead, mmioWrite } from "../host";
import { codeWritten, hasCode } from "./code";
import { isRam } from "./phys";
import { MMIO, mayWrite, translate } from "./tlb";

/** Physical address of the last MMIO translation, for offset `lin`; frames above 4 GB wrap to nowhere (all ones). */
function mmioAddress(lin: u32): u32 {
  return (get(Cpu.MMIO_PFN) << 12) | (lin & 0xfff);
}

/** Reads one byte of a translated address. */
function loadByte(ptr: usize, lin: u32, pfn: u32): u32 {
  if (ptr != MMIO) return load<u8>(ptr);
  return pfn >= 0x100000 ? 0xff : mmioRead((pfn << 12) | (lin & 0xfff), 1);
}

/** Writes one byte of a translated address. */
function storeByte(ptr: usize, lin: u32, pfn: u32, value: u32): void {
  if (ptr != MMIO) storeTo(ptr, value, 1);
  else if (pfn < 0x100000) mmioWrite((pfn << 12) | (lin & 0xfff), 1, value & 0xff);
}

/** Reads `size` bytes (1, 2, 4) at linear address `lin` with privilege `user`. Faults: #PF; then returns 0. */
export function linearLoad(lin: u32, size: u32, user: u32): u32 {
  if ((lin & 0xfff) + size > 0x1000) return crossLoad(lin, size, user);
  const ptr = translate(lin, Access.READ, user);
  if (ptr == 0) return 0;
  if (ptr == MMIO) {
    if (get(Cpu.MMIO_PFN) >= 0x100000) return size == 4 ? 0xffffffff : size == 2 ? 0xffff : 0xff;
    return mmioRead(mmioAddress(lin), size);
  }
  if (size == 4) return load<u32>(ptr);
  return size == 2 ? load<u16>(ptr) : load<u8>(ptr);
}

/** Writes the low `size` bytes of `value` at linear address `lin` with privilege `user`. Faults: #PF. */
export function linearStore(lin: u32, size: u32, value: u32, user: u32): void {
  if ((lin & 0xfff) + size > 0x1000) {
    crossStore(lin, size, value, user);
    return;
  }
  const ptr = translate(lin, Access.WRITE, user);
  if (ptr == 0) return;
  if (ptr == MMIO) {
    if (get(Cpu.MMIO_PFN) < 0x100000) mmioWrite(mmioAddress(lin), size, value);
    return;
  }
  storeTo(ptr, value, size);
}

/** Stores to RAM inside one page and drops code that was decoded from it; stores to ROM change nothing. */
export function storeTo(ptr: usize, value: u32, size: u32): void {
  if (!isRam(ptr)) return;
  if (hasCode(ptr)) codeWritten(ptr, size);
  if (size == 4) store<u32>(ptr, value);
  else if (size == 2) store<u16>(ptr, <u16>value);
  else store<u8>(ptr, <u8>value);
}

function crossLoad(lin: u32, size: u32, user: u32): u32 {
  const second = (lin & 0xfffff000) + 0x1000;
  const low = translate(lin, Access.READ, user);
  if (low == 0) return 0;
  const lowPfn = get(Cpu.MMIO_PFN);
  const high = translate(second, Access.READ, user);
  if (high == 0) return 0;
  const highPfn = get(Cpu.MMIO_PFN);
  let value: u32 = 0;
  for (let i: u32 = 0; i < size; i++) {
    const at = lin + i;
    const inLow = at - lin < 0x1000 - (lin & 0xfff);
    const byte = inLow
      ? loadByte(low == MMIO ? low : low + i, at, lowPfn)
      : loadByte(high == MMIO ? high : high + (at & 0xfff), at, highPfn);
    value |= byte << (i << 3);
  }
  return value;
}

function crossStore(lin: u32, size: u32, value: u32, user: u32): void {
  const second = (lin & 0xfffff000) + 0x1000;
  if (!bothWritable(lin, second, user)) return;
  const low = translate(lin, Access.WRITE, user);
  if (low == 0) return;
  const lowPfn = get(Cpu.MMIO_PFN);
  const high = translate(second, Access.WRITE, user);
  if (high == 0) return;
  const highPfn = get(Cpu.MMIO_PFN);
  for (let i: u32 = 0; i < size; i++) {
    const at = lin + i;
    const inLow = at - lin < 0x1000 - (lin & 0xfff);
    const byte = (value >>> (i << 3)) & 0xff;
    if (inLow) storeByte(low == MMIO ? low : low + i, at, lowPfn, byte);
    else storeByte(high == MMIO ? high : high + (at & 0xfff), at, highPfn, byte);
  }
}

/**
 * True if the page of `lin` and the next one, `second`, can both be written; raises #PF otherwise. The first page's dirty flag
 * is not set before the second is known to be writable.
 */
function bothWritable(lin: u32, second: u32, user: u32): bool {
  return mayWrite(lin, user) && translate(second, Access.WRITE, user) != 0;
}

/** True if `size` bytes (at most 4,096) at `lin` can be written; raises #PF otherwise. Writes nothing. */
export function linearCheckWrite(lin: u32, size: u32, user: u32): bool {
  if ((lin & 0xfff) + size > 0x1000 && !bothWritable(lin, (lin & 0xfffff000) + 0x1000, user)) return false;
  return translate(lin, Access.WRITE, user) != 0;
}

/** Reads a byte with supervisor privilege: descriptor tables, TSS. Faults: #PF. */
export function sysLoad8(lin: u32): u32 {
  return linearLoad(lin, 1, 0);
}

/** Reads two bytes with supervisor privilege. Faults: #PF. */
export function sysLoad16(lin: u32): u32 {
  return linearLoad(lin, 2, 0);
}

/** Reads four bytes with supervisor privilege. Faults: #PF. */
export function sysLoad32(lin: u32): u32 {
  return linearLoad(lin, 4, 0);
}

/** Writes a byte with supervisor privilege. Faults: #PF. */
export function sysStore8(lin: u32, value: u32): void {
  linearStore(lin, 1, value, 0);
}

/** Writes two bytes with supervisor privilege. Faults: #PF. */
export function sysStore16(lin: u32, value: u32): void {
  linearStore(lin, 2, value, 0);
}

/** Writes four bytes with supervisor privilege. Faults: #PF. */
export function sysStore32(lin: u32, value: u32): void {
  linearStore(lin, 4, value, 0);
}
