/**
 * The cache of block addresses by EIP: where control goes in flat code when no record or cell remembers it.
 * Invariant: an entry of this map epoch and privilege names the block that findBlock() would find, or one that is BLOCK_DEAD.
 */
import { Cpu, Mode } from "../abi/cpu";
import { Layout, NEXT_ENTRIES, NextCache } from "../abi/layout";
import { BLOCK_DEAD, Block } from "../abi/record";
import { relyOn } from "../mmu/tlb";
import { findBlock } from "./block";
import { get } from "./state";

/** Entry for EIP `eip`. */
function entryOf(eip: u32): usize {
  return <usize>(Layout.NEXT_CACHE + ((eip ^ (eip >>> 9)) & (NEXT_ENTRIES - 1)) * NextCache.SIZE);
}

/** What an entry must hold to count now. */
function epoch(): u32 {
  return get(Cpu.MAP_EPOCH) | (get(Cpu.CONTEXT) & 1);
}

/** The block at EIP if the cache has it, else 0. */
export function cachedBlock(): usize {
  const eip = get(Cpu.EIP);
  const entry = entryOf(eip);
  if (load<u32>(entry, NextCache.EIP) != eip || load<u32>(entry, NextCache.EPOCH) != epoch()) return 0;
  const block = <usize>load<u32>(entry, NextCache.BLOCK);
  return load<u32>(block, Block.COUNT) != BLOCK_DEAD && load<u32>(block, Block.MODE) == get(Cpu.MODE) ? block : 0;
}

/** Finds the block at EIP, and enters it in the cache. 0: as findBlock(). */
export function findAndCache(): usize {
  const eip = get(Cpu.EIP);
  const block = findBlock();
  // Code under a limit or off a base is looked up each time: they may be others by then.
  if (block == 0 || load<u32>(block, Block.MA) == 0xffffffff || !fixed()) return block;
  const entry = entryOf(eip);
  store<u32>(entry, eip, NextCache.EIP);
  store<u32>(entry, epoch(), NextCache.EPOCH);
  store<u32>(entry, <u32>block, NextCache.BLOCK);
  relyOn(eip);
  return block;
}

/** True if EIP alone says which block is meant: code without limit, off base 0. */
export function fixed(): bool {
  return (get(Cpu.MODE) & (Mode.FLAT | Mode.LIMITED)) == Mode.FLAT;
}
