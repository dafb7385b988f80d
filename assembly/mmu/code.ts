/**
 * Which bytes of RAM hold decoded code. Each RAM page has a u64 whose bit n says that its nth 64-byte chunk may, and the head
 * of a list of the blocks that start in it. A page with any bit set has no write tag in the TLB, so stores come here first.
 * Invariant: a block in the pool that is not BLOCK_DEAD has the chunk bits of all its bytes set.
 */
import { Counter, Cpu, Stop } from "../abi/cpu";
import { Layout, TLB_ENTRIES, Tlb } from "../abi/layout";
import { BLOCK_DEAD, Block } from "../abi/record";
import { get, set } from "../cpu/state";

/** Block.PAGE_NEXT of a dropped block that has left its page's list. */
export const UNLISTED: u32 = 1;

/** Adds one to an event counter. */
export function count(counter: u32): void {
  const ptr = <usize>(Layout.CPU + Cpu.COUNTERS + (counter << 3));
  store<u64>(ptr, load<u64>(ptr) + 1);
}

/** Pointer to the chunk map of the page that `offset` into RAM lies in. */
function mapPtr(offset: u32): usize {
  return <usize>(get(Cpu.CODE_MAP_PTR) + ((offset >>> 12) << 3));
}

/** Pointer to the head of the block list of the page that `offset` into RAM lies in. */
function listPtr(offset: u32): usize {
  return <usize>(get(Cpu.CODE_LIST_PTR) + ((offset >>> 12) << 2));
}

/** Chunk bits of `bytes` bytes from `offset`, clipped to the page. */
function chunks(offset: u32, bytes: u32): u64 {
  const first = (offset & 0xfff) >>> 6;
  const end = (offset & 0xfff) + bytes - 1;
  const last = end > 0xfff ? 63 : end >>> 6;
  return (<u64>-1 >>> (63 - (last - first))) << first;
}

/** True if the page of `ptr` holds decoded code. */
export function hasCode(ptr: usize): bool {
  return load<u64>(mapPtr(<u32>ptr - get(Cpu.RAM_PTR))) != 0;
}

/** True if one of `size` bytes at `ptr`, inside one page, lies in a chunk that may hold decoded code. */
export function codeAt(ptr: usize, size: u32): bool {
  const offset = <u32>ptr - get(Cpu.RAM_PTR);
  return (load<u64>(mapPtr(offset)) & chunks(offset, size)) != 0;
}

/** Enters a decoded block whose code is the RAM bytes from Block.MA. Takes the page's write tags away. */
export function registerCode(block: usize): void {
  const offset = load<u32>(block, Block.MA);
  if (offset >= get(Cpu.RAM_BYTES)) return;
  const map = mapPtr(offset);
  if (load<u64>(map) == 0) dropWriteTags(offset);
  store<u64>(map, load<u64>(map) | chunks(offset, load<u32>(block, Block.BYTES)));
  const list = listPtr(offset);
  store<u32>(block, load<u32>(list), Block.PAGE_NEXT);
  store<u32>(list, <u32>block);
}

/** Takes the write tag from every TLB entry that maps the page of RAM offset `offset`. */
function dropWriteTags(offset: u32): void {
  const page = get(Cpu.RAM_PTR) + (offset & 0xfffff000);
  for (let i: u32 = 0; i < <u32>TLB_ENTRIES; i++) {
    const entry = <usize>(Layout.TLB + i * Tlb.SIZE);
    const tag = load<u32>(entry, Tlb.WRITE);
    if (tag != 0 && (tag & 0xfffff000) + load<u32>(entry, Tlb.DELTA) == page) store<u32>(entry, 0, Tlb.WRITE);
  }
}

/**
 * Tells that `size` bytes of RAM at `ptr`, inside one page, have been or are about to be written: drops the blocks that
 * were decoded from them and, if there were any, makes the running block stop after this instruction.
 */
export function codeWritten(ptr: usize, size: u32): void {
  const offset = <u32>ptr - get(Cpu.RAM_PTR);
  const map = mapPtr(offset);
  const hit = load<u64>(map) & chunks(offset, size);
  if (hit == 0) return;
  let link = listPtr(offset);
  let live: u64 = 0;
  let killed = false;
  let block = <usize>load<u32>(link);
  while (block != 0) {
    const start = load<u32>(block, Block.MA);
    const bytes = load<u32>(block, Block.BYTES);
    const next = <usize>load<u32>(block, Block.PAGE_NEXT);
    if (load<u32>(block, Block.COUNT) == BLOCK_DEAD) {
      store<u32>(link, <u32>next);
      store<u32>(block, UNLISTED, Block.PAGE_NEXT);
    } else if (offset < start + bytes && start < offset + size) {
      killed = true;
      // A part of a region takes the region's entry block with it; that one leaves its own list when it is next walked.
      const owner = <usize>load<u32>(block, Block.OWNER);
      if (owner != 0) kill(owner);
      kill(block);
      store<u32>(link, <u32>next);
      store<u32>(block, UNLISTED, Block.PAGE_NEXT);
      countKill(offset);
      set(Cpu.STOP, get(Cpu.STOP) | Stop.CODE_CHANGED);
      count(Counter.BLOCKS_DROPPED);
    } else {
      live |= chunks(start, bytes);
      link = block + Block.PAGE_NEXT;
    }
    block = next;
  }
  // Patched code will likely be decoded and patched again: its chunks stay marked until a store to them drops nothing.
  store<u64>(map, killed ? live | hit : live);
}

/** Makes `block` and its region, if it has one, unusable. */
function kill(block: usize): void {
  if (load<u32>(block, Block.COUNT) != BLOCK_DEAD && load<u32>(block, Block.REGION) != 0)
    count(Counter.REGIONS_INVALIDATED);
  store<u32>(block, BLOCK_DEAD, Block.COUNT);
}

/** Counts that code in the page of RAM offset `offset` was overwritten. */
function countKill(offset: u32): void {
  const ptr = <usize>(get(Cpu.CODE_KILLS_PTR) + (offset >>> 12));
  const kills: u32 = load<u8>(ptr);
  if (kills < 255) store<u8>(ptr, <u8>(kills + 1));
}

/** Forgets all decoded code: empties the maps. The caller empties hash and pool. */
export function forgetCode(): void {
  const pages = get(Cpu.RAM_BYTES) >>> 12;
  memory.fill(<usize>get(Cpu.CODE_MAP_PTR), 0, pages << 3);
  memory.fill(<usize>get(Cpu.CODE_LIST_PTR), 0, pages << 2);
}
