/**
 * Decoded blocks: runs of records that end at a branch, at a page end or after BLOCK_MAX instructions, found by a hash of
 * (machine address, EIP, mode). A block lies in one machine page, so a store to that page is all that can change it.
 * An instruction that straddles pages, or lies outside RAM and ROM, is decoded afresh each time into a block of its own that is not entered anywhere.
 * Invariant: blocks are never freed singly; a dropped one is BLOCK_DEAD until code with the same key is decoded into its place, or the
 * whole pool is emptied.
 */
import { Counter, Cpu, Mode } from "../abi/cpu";
import { Handler } from "../abi/handler";
import { HASH_ENTRIES, Layout, NEXT_ENTRIES, NextCache, POOL_BYTES } from "../abi/layout";
import { BLOCK_DEAD, BLOCK_MAX, Block, HEAT_LENGTH, Rec, RecFlag } from "../abi/record";
import { Access, Seg } from "../abi/x86";
import { count, forgetCode, registerCode, UNLISTED } from "../mmu/code";
import { isRam } from "../mmu/phys";
import { MMIO, translate } from "../mmu/tlb";
import { raiseGp } from "./fault";
import { fetchSlow, withinLimit } from "./fetch";
import { optimise } from "./optimise";
import { specialise } from "./specialise";
import { get, segBase, set } from "./state";
import { countLookup, countUnit, decodeFor } from "./translated";

/** Bytes of the longest block: header, records and the fall-through record. */
const MAX_BLOCK_BYTES: u32 = Block.RECORDS + (BLOCK_MAX + 1) * Rec.BYTES;
/**
 * The block of straddling instructions and of those outside memory, at the start of the pool. It has no hot forms, and execute() runs
 * it whatever has come up since it was fetched: a fetch from a device may do anything.
 */
export const LONE_BLOCK: usize = Layout.BLOCK_POOL;
/** Where the pool proper begins. */
const POOL_START: u32 = Layout.BLOCK_POOL + Block.RECORDS + 2 * Rec.BYTES;
/** Longest legal instruction. */
const MAX_LENGTH: u32 = 15;

/** Drops every decoded block. */
export function flushBlocks(): void {
  memory.fill(Layout.BLOCK_HASH, 0, HASH_ENTRIES * 4);
  memory.fill(Layout.NEXT_CACHE, 0, NEXT_ENTRIES * NextCache.SIZE);
  forgetCode();
  set(Cpu.POOL_NEXT, POOL_START);
  set(Cpu.DECODE_GENERATION, get(Cpu.DECODE_GENERATION) + 1);
}

function bucket(ma: u32, eip: u32, mode: u32): usize {
  const h = ma ^ (eip >>> 12) ^ (mode << 13);
  return <usize>(Layout.BLOCK_HASH + ((h & (HASH_ENTRIES - 1)) << 2));
}

/**
 * The block at CS:EIP for the current mode, decoded if need be. 0: the fetch raised a fault, or nothing may be fetched yet: the
 * slice is used up, or an event comes first.
 */
export function findBlock(): usize {
  if (<i32>get(Cpu.LEFT) <= 0 || get(Cpu.ATTENTION) != 0) return 0;
  const eip = get(Cpu.EIP);
  const mode = get(Cpu.MODE);
  const lin = segBase(Seg.CS) + eip;
  const limited = (mode & Mode.LIMITED) != 0;
  if ((mode & Mode.TRANSLATED) != 0) countLookup();
  if (withinLimit(eip, 1) == 0) {
    raiseGp(0);
    return 0;
  }
  const ptr = translate(lin, Access.EXECUTE, get(Cpu.CPL) == 3 ? 1 : 0);
  if (ptr == 0) return 0;
  if (ptr == MMIO) return loneBlock(eip, mode);
  const ma = <u32>ptr - get(Cpu.RAM_PTR);
  let link = bucket(ma, eip, mode);
  let block = <usize>load<u32>(link);
  let dropped: usize = 0;
  while (block != 0) {
    const same =
      load<u32>(block, Block.MA) == ma && load<u32>(block, Block.EIP) == eip && load<u32>(block, Block.MODE) == mode;
    if (load<u32>(block, Block.COUNT) == BLOCK_DEAD) {
      // Code that is patched and run over and over is decoded into one place.
      if (same && dropped == 0 && load<u32>(block, Block.PAGE_NEXT) == UNLISTED) {
        dropped = block;
        link = block + Block.HASH_NEXT;
        block = <usize>load<u32>(link);
      } else {
        block = <usize>load<u32>(block, Block.HASH_NEXT);
        store<u32>(link, <u32>block);
      }
      continue;
    }
    if (same) {
      if (limited && withinLimit(eip, load<u32>(block, Block.BYTES)) < load<u32>(block, Block.BYTES)) {
        return loneBlock(eip, mode);
      }
      return block;
    }
    link = block + Block.HASH_NEXT;
    block = <usize>load<u32>(link);
  }
  const revived: usize = dropped == 0 ? <usize>0 : decodeAgain(dropped, ptr);
  return revived != 0 ? revived : decodeBlock(ptr, ma, eip, mode);
}

/** For the translator: the block for the current mode that starts at machine address `ma` and EIP `eip`; 0 if none is decoded. */
export function decodedAt(ma: u32, eip: u32): usize {
  const mode = get(Cpu.MODE);
  let block = <usize>load<u32>(bucket(ma, eip, mode));
  while (block != 0) {
    if (
      load<u32>(block, Block.MA) == ma &&
      load<u32>(block, Block.EIP) == eip &&
      load<u32>(block, Block.MODE) == mode
    ) {
      return load<u32>(block, Block.COUNT) != BLOCK_DEAD ? block : 0;
    }
    block = <usize>load<u32>(block, Block.HASH_NEXT);
  }
  return 0;
}

/** Decodes the block at `ptr`; a lone block if its first instruction leaves the page. 0: a fault has been raised. */
function decodeBlock(ptr: usize, ma: u32, eip: u32, mode: u32): usize {
  if (get(Cpu.POOL_NEXT) + MAX_BLOCK_BYTES > <u32>(Layout.BLOCK_POOL + POOL_BYTES)) {
    count(Counter.POOL_FLUSHES);
    flushBlocks();
  }
  const block = <usize>get(Cpu.POOL_NEXT);
  const n = decodeRecords(block, ptr, eip, mode, BLOCK_MAX);
  if (n == 0) return loneBlock(eip, mode);
  finish(block, n, ma, eip, mode);
  const end = load<u32>(block, Block.END);
  set(Cpu.POOL_NEXT, end + Rec.BYTES);
  const head = bucket(ma, eip, mode);
  store<u32>(block, load<u32>(head), Block.HASH_NEXT);
  store<u32>(head, <u32>block);
  if (isRam(ptr)) registerCode(block);
  count(Counter.BLOCKS_DECODED);
  return block;
}

/**
 * Decodes what is now at the place of the dropped block `block` into its storage, where links to it find it again. 0: it does not fit.
 */
function decodeAgain(block: usize, ptr: usize): usize {
  const room = (load<u32>(block, Block.END) - <u32>block - Block.RECORDS) / Rec.BYTES;
  const eip = load<u32>(block, Block.EIP);
  const mode = load<u32>(block, Block.MODE);
  const n = decodeRecords(block, ptr, eip, mode, room < <u32>BLOCK_MAX ? room : BLOCK_MAX);
  if (n == 0) return 0;
  const last = block + Block.RECORDS + (n - 1) * Rec.BYTES;
  if (n == room && (load<u16>(last, Rec.FLAGS) & RecFlag.ENDS) == 0) return 0;
  finish(block, n, load<u32>(block, Block.MA), eip, mode);
  registerCode(block);
  count(Counter.BLOCKS_DECODED);
  return block;
}

/** Decodes at most `most` instructions from `ptr` on into the records of `block`, up to a branch or the page's end. Returns how many. */
function decodeRecords(block: usize, ptr: usize, eip: u32, mode: u32, most: u32): u32 {
  const page = withinLimit(eip, 0x1000 - (<u32>ptr & 0xfff));
  let rec = block + Block.RECORDS;
  let n: u32 = 0;
  let bytes: u32 = 0;
  while (n < most) {
    const rest = page - bytes;
    const length = decodeFor(rec, ptr + bytes, rest < MAX_LENGTH ? rest : MAX_LENGTH, eip + bytes, mode);
    if (length == 0) break;
    store<u8>(rec, <u8>n, Rec.INDEX);
    n++;
    bytes += length;
    rec += Rec.BYTES;
    if ((load<u16>(rec - Rec.BYTES, Rec.FLAGS) & RecFlag.ENDS) != 0) break;
  }
  return n;
}

/** Decodes one instruction from anywhere into the block that is used once. 0: a fault has been raised. */
function loneBlock(eip: u32, mode: u32): usize {
  const rec = LONE_BLOCK + Block.RECORDS;
  const length = fetchSlow(rec, eip, mode);
  if (length == 0) return 0;
  store<u8>(rec, 0, Rec.INDEX);
  finish(LONE_BLOCK, 1, 0xffffffff, eip, mode);
  return LONE_BLOCK;
}

/** Writes the header and the fall-through record and chooses the handlers. */
function finish(block: usize, n: u32, ma: u32, eip: u32, mode: u32): void {
  const first = block + Block.RECORDS;
  let end = first + n * Rec.BYTES;
  const bytes = load<u32>(end - Rec.BYTES, Rec.EIP) + load<u8>(end - Rec.BYTES, Rec.LENGTH) - eip;
  store<u32>(block, n, Block.COUNT);
  store<u32>(block, ma, Block.MA);
  store<u32>(block, eip, Block.EIP);
  store<u32>(block, mode, Block.MODE);
  store<u32>(block, bytes, Block.BYTES);
  const heat = <i32>get(Cpu.HEAT);
  store<i32>(block, heat == 0 ? 0x7fffffff : (heat * <i32>(n + HEAT_LENGTH)) / (2 * HEAT_LENGTH), Block.HEAT);
  store<u32>(block, 0, Block.REGION);
  store<u32>(block, 0, Block.OWNER);
  store<u32>(block, 0, Block.FROM);
  if (block != LONE_BLOCK) {
    if ((mode & Mode.TRANSLATED) != 0) countUnit(first, end);
    for (let rec = first; rec < end; rec += Rec.BYTES) specialise(rec, mode);
    end = optimise(first, end);
  }
  const last = end - Rec.BYTES;
  if ((load<u16>(last, Rec.FLAGS) & RecFlag.ENDS) == 0) {
    store<u16>(end, Handler.FALLTHROUGH, Rec.HANDLER);
    store<u32>(end, eip + bytes, Rec.IMM);
    store<u32>(end, eip + bytes, Rec.EIP);
    store<u8>(end, <u8>n, Rec.INDEX);
    store<u8>(end, 0, Rec.LENGTH);
    store<u16>(end, RecFlag.ENDS, Rec.FLAGS);
    store<u32>(end, 0, Rec.LINK);
    end += Rec.BYTES;
  }
  store<u32>(block, <u32>end, Block.END);
}

/**
 * Finds the block at EIP after the branch record `rec`, and enters it in the record's field `slot` (Rec.LINK or Rec.DISP)
 * if the target lies in the same page and needs no check next time. 0: the fetch raised a fault.
 */
export function linkBlock(rec: usize, slot: u32): usize {
  const generation = get(Cpu.DECODE_GENERATION);
  const from = segBase(Seg.CS) + load<u32>(rec, Rec.EIP);
  const block = findBlock();
  count(Counter.BLOCK_LOOKUPS);
  if (block == 0 || block == LONE_BLOCK || generation != get(Cpu.DECODE_GENERATION)) return block;
  if ((get(Cpu.MODE) & Mode.LIMITED) != 0 || rec < <usize>POOL_START) return block;
  if (load<u32>(block, Block.FROM) == 0) {
    store<u32>(block, <u32>rec - load<u8>(rec, Rec.INDEX) * Rec.BYTES - Block.RECORDS, Block.FROM);
  }
  const here = segBase(Seg.CS) + get(Cpu.EIP);
  if ((from ^ here) >>> 12 == 0) store<u32>(rec + slot, <u32>block);
  return block;
}

/** Forgets a link to a dropped block. */
export function unlink(rec: usize, block: usize): void {
  if (load<u32>(rec, Rec.LINK) == <u32>block) store<u32>(rec, 0, Rec.LINK);
  if (load<u32>(rec, Rec.DISP) == <u32>block) store<u32>(rec, 0, Rec.DISP);
}
