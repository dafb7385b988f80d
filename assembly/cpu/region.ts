/**
 * Entering and leaving translated regions (assembly/abi/region.ts). The interpreter runs a region where it would run the region's
 * first block; the region does the same as the interpreter would, and says by a cell how it goes on.
 * Invariant: between regions the state is complete: registers, flags, EIP and LEFT are in memory.
 */
import { Counter, Cpu, Mode, Stop } from "../abi/cpu";
import { Handler } from "../abi/handler";
import { Layout, POOL_BYTES } from "../abi/layout";
import { BLOCK_DEAD, Block, Rec } from "../abi/record";
import { Cell, CellKind, FEEDBACK, FlagKind, TARGET_ENTRIES } from "../abi/region";
import { Active } from "../abi/vmx";
import { translateRegion } from "../host";
import { count, registerCode } from "../mmu/code";
import { active } from "../vmx/state";
import { findBlock } from "./block";
import { eflags, flagsAdd, flagsSub } from "./flags";
import { leadsTo } from "./hot";
import { cachedBlock, findAndCache, fixed } from "./next-cache";
import { nextEip } from "./operand";
import { enterQuickly, returnQuickly } from "./quick-gate";
import { resume } from "./resume";
import { executeOne, settle } from "./single";
import { get, set } from "./state";
import { perform } from "./translated";

/** Heat of a block that will not be asked about again. */
const COLD: i32 = 0x7fffffff;
/** Mode bits that say who looks on. */
const MONITORS: u32 = Mode.MONITORED | Mode.EXITING | Mode.TRANSLATED;
/** What code must be like to be translated. */
const TRANSLATABLE: u32 = Mode.CODE32 | Mode.STACK32 | Mode.FLAT;

/** A block has used up its heat: asks the host to translate the code from there on. */
export function heated(block: usize): void {
  store<i32>(block, COLD, Block.HEAT);
  if (
    get(Cpu.HEAT) == 0 ||
    (load<u32>(block, Block.MODE) & ~MONITORS) != TRANSLATABLE ||
    load<u32>(block, Block.REGION) != 0
  )
    return;
  translateRegion(<u32>block);
}

/** Turns the flags a region left in FLAG_KIND, FLAG_A and FLAG_B into FLAG_RESULT and FLAG_AUX. */
function settleFlags(): void {
  const a = get(Cpu.FLAG_A);
  const b = get(Cpu.FLAG_B);
  switch (<i32>get(Cpu.FLAG_KIND)) {
    case FlagKind.ADD32:
      flagsAdd<u32>(a, b, a + b);
      break;
    case FlagKind.SUB32:
      flagsSub<u32>(a, b, a - b);
      break;
    case FlagKind.ADD8:
      flagsAdd<u8>(a, b, a + b);
      break;
    case FlagKind.SUB8:
      flagsSub<u8>(a, b, a - b);
      break;
    case FlagKind.ADD16:
      flagsAdd<u16>(a, b, a + b);
      break;
    case FlagKind.SUB16:
      flagsSub<u16>(a, b, a - b);
      break;
    case FlagKind.INC32:
      set(Cpu.FLAG_RESULT, a);
      set(Cpu.FLAG_AUX, (((0 - b) & 0xc0000000) ^ (a == 0x80000000 ? 0x40000000 : 0)) | ((a & 15) == 0 ? 8 : 0));
      break;
    case FlagKind.DEC32:
      set(Cpu.FLAG_RESULT, a);
      set(Cpu.FLAG_AUX, (((0 - b) & 0xc0000000) ^ (a == 0x7fffffff ? 0x40000000 : 0)) | ((a & 15) == 15 ? 8 : 0));
      break;
    default:
      set(Cpu.FLAG_RESULT, a);
      set(Cpu.FLAG_AUX, b);
  }
}

/** Hands FLAG_RESULT and FLAG_AUX to a region. */
function lendFlags(): void {
  set(Cpu.FLAG_KIND, FlagKind.RAW);
  set(Cpu.FLAG_A, get(Cpu.FLAG_RESULT));
  set(Cpu.FLAG_B, get(Cpu.FLAG_AUX));
}

/** The entry block of the region that runs: dead once a store has hit any of the region's code. */
let running: usize = 0;

/**
 * Runs the region of `block`, and those it leads to. Returns the block to go on with; 0: leave the interpreter's loop, as after any
 * block.
 */
export function runRegion(block: usize): usize {
  set(Cpu.LEFT, get(Cpu.LEFT) + get(Cpu.GIVEN));
  set(Cpu.GIVEN, 0);
  lendFlags();
  let here = block;
  while (here != 0) {
    running = here;
    const cell = <usize>call_indirect<u32>(load<u32>(here, Block.REGION));
    if (cell == 0) {
      settleFlags();
      dropTranslation(here, REMAPPED);
      set(Cpu.EIP, load<u32>(here, Block.EIP));
      return here;
    }
    const kind = load<u32>(cell, Cell.KIND);
    if (kind == CellKind.GOTO || kind == CellKind.MISS) {
      set(Cpu.LEFT, get(Cpu.LEFT) + load<u32>(cell, Cell.REFUND));
      set(Cpu.EIP, load<u32>(cell, Cell.EIP));
      if (kind == CellKind.MISS && (get(Cpu.STOP) & Stop.FAULT) == 0) return missed(cell);
      if (kind == CellKind.GOTO && load<u32>(cell, Cell.REFUND) != 0) return single();
    } else if (kind != CellKind.STOPPED && load<u32>(cell, Cell.TAKEN) < FEEDBACK) learn(cell);
    let next: usize = 0;
    if (kind == CellKind.MISS) {
      // refill() has raised a fault.
      settleFlags();
      next = resume();
    } else next = kind == CellKind.STOPPED ? resume() : nextBlock(kind, cell);
    // Behind an interpreted instruction and in a handler the flags are in the state.
    if (kind >= <u32>CellKind.MISS) lendFlags();
    if (next == 0) {
      settleFlags();
      return 0;
    }
    const ready = load<i32>(next, Block.COUNT) <= <i32>get(Cpu.LEFT) && get(Cpu.ATTENTION) == 0;
    if (!ready || load<u16>(next + Block.RECORDS) != Handler.REGION) {
      settleFlags();
      return next;
    }
    here = next;
  }
  return 0;
}

/**
 * The block at EIP after leaving through `cell`: the one it led to last time, the one that EIP led to last time, or found anew.
 * 0: the fetch raised a fault, or the slice is used up.
 */
function nextBlock(kind: u32, cell: usize): usize {
  if (kind == CellKind.GOTO) {
    const linked = <usize>load<u32>(cell, Cell.LINK);
    if (leadsTo(linked, get(Cpu.EIP)) && load<u32>(linked, Block.COUNT) != BLOCK_DEAD) {
      count(Counter.EXITS_FOUND);
      return linked;
    }
  } else {
    const cached = cachedBlock();
    if (cached != 0) {
      count(Counter.EXITS_FOUND);
      return cached;
    }
  }
  count(Counter.EXITS_SEARCHED);
  const generation = get(Cpu.DECODE_GENERATION);
  const found = findAndCache();
  if (found != 0 && generation == get(Cpu.DECODE_GENERATION) && fixed()) store<u32>(cell, <u32>found, Cell.LINK);
  return found;
}

/** Remembers EIP as an address that `cell` leads to. Taken often enough, the region is dropped, to be made again with that knowledge. */
function learn(cell: usize): void {
  const taken = load<u32>(cell, Cell.TAKEN) + 1;
  store<u32>(cell, taken, Cell.TAKEN);
  if (taken < RARE) return;
  let targets = <usize>load<u32>(cell, Cell.TARGETS);
  if (targets == 0) {
    targets = allocate(TARGET_ENTRIES << 2);
    if (targets == 0) return;
    store<u32>(cell, <u32>targets, Cell.TARGETS);
  }
  const eip = get(Cpu.EIP);
  store<u32>(targets + (((eip ^ (eip >>> 8) ^ (eip >>> 16)) & (TARGET_ENTRIES - 1)) << 2), eip);
  if (taken == FEEDBACK) dropTranslation(<usize>load<u32>(cell, Cell.BLOCK), MISSED);
}

/** A region left the instruction at EIP to the interpreter: executes it and goes on behind it. */
function missed(cell: usize): usize {
  settleFlags();
  const taken = load<u32>(cell, Cell.TAKEN) + 1;
  store<u32>(cell, taken, Cell.TAKEN);
  if (taken == MISS_LIMIT) dropTranslation(<usize>load<u32>(cell, Cell.BLOCK), MISSED);
  return stepOver();
}

/**
 * The budget does not cover a node. It may well cover the shorter block that the interpreter has there and that leads into the same
 * region: so the tail of a budget goes one instruction at a time.
 */
function single(): usize {
  settleFlags();
  return stepOver();
}

/** Executes the instruction at EIP. Returns the block behind it; 0: leave the interpreter's loop. */
function stepOver(): usize {
  if (<i32>get(Cpu.LEFT) <= 0) return 0;
  executeOne();
  return get(Cpu.STOP) != 0 ? resume() : findBlock();
}

/** How often an exit is taken before it is worth remembering where it leads. */
const RARE: u32 = 64;
/** Misses at one place after which the region is translated anew, with that instruction at its next stage (src/translator/misses.ts). */
const MISS_LIMIT: u32 = 64;
/** Heat of a block whose region was dropped for its misses, or to follow its branches further: it comes back soon. */
const MISSED: i32 = 500;
/** Heat of a block whose region assumed another mapping of its pages: that may change back and forth. */
const REMAPPED: i32 = 20_000;

/** Takes away a region that no longer fits. */
function dropTranslation(block: usize, heat: i32): void {
  if (load<u32>(block, Block.COUNT) == BLOCK_DEAD || load<u32>(block, Block.REGION) == 0) return;
  count(Counter.REGIONS_DROPPED);
  removeRegion(block, heat);
}

/** Puts the interpreter's first record back in a block that has a region. For the translator, too, when the cache is full. */
export function removeRegion(block: usize, heat: i32): void {
  store<u16>(block + Block.RECORDS, <u16>load<u32>(block, Block.HANDLER));
  store<u32>(block, 0, Block.REGION);
  store<i32>(block, heat, Block.HEAT);
}

/**
 * For regions: has `rec`, in a block given `given` instructions, executed by its generic function, with registers, flags and
 * LEFT in memory. Returns 1 if the region must be left: a fault, or Cpu.STOP is set.
 */
export function interpretInRegion(rec: usize, given: i32): u32 {
  settleFlags();
  set(Cpu.GIVEN, given);
  perform(rec);
  const stop = get(Cpu.STOP);
  if (stop == Stop.CODE_CHANGED && load<u32>(running, Block.COUNT) != BLOCK_DEAD) set(Cpu.STOP, 0);
  else if (stop != 0) {
    settle(rec, given);
    return 1;
  }
  set(Cpu.GIVEN, 0);
  return 0;
}

/** True if a monitor sees INT or IRET. */
function seen(): bool {
  return (active() & (Active.DEPRIVILEGED | Active.LEAVE_AT_USER)) != 0;
}

/** The same for INT n. */
export function interruptInRegion(rec: usize, given: i32): u32 {
  settleFlags();
  set(Cpu.EIP, nextEip(rec));
  if (seen() || !enterQuickly(load<u8>(rec, Rec.IMM), true, false, 0, eflags())) return interpretInRegion(rec, given);
  set(Cpu.TF_ARMED, 0);
  return 0;
}

/** The same for IRETD. */
export function returnInRegion(rec: usize, given: i32): u32 {
  settleFlags();
  return !seen() && returnQuickly() ? 0 : interpretInRegion(rec, given);
}

/** For regions: makes FLAG_A and FLAG_B FlagKind.RAW. */
export function rawFlags(): void {
  settleFlags();
  lendFlags();
}

/** For the translator: `bytes` bytes of the pool for records and cells, zeroed; 0 if the pool is full. */
export function allocate(bytes: u32): usize {
  const at = <usize>get(Cpu.POOL_NEXT);
  if (<u32>at + bytes > <u32>(Layout.BLOCK_POOL + POOL_BYTES)) return 0;
  set(Cpu.POOL_NEXT, <u32>at + bytes);
  // Mostly cells: a call to fill so little costs more than filling it.
  for (let i: u32 = 0; i < bytes; i += 4) store<u32>(at + i, 0);
  return at;
}

/** For the translator: registers a run of code of the region that starts at `owner`. False if the pool is full. */
export function coverCode(owner: usize, ma: u32, bytes: u32): bool {
  const part = allocate(Block.RECORDS);
  if (part == 0) return false;
  store<u32>(part, 1, Block.COUNT);
  store<u32>(part, ma, Block.MA);
  store<u32>(part, bytes, Block.BYTES);
  store<u32>(part, <u32>owner, Block.OWNER);
  registerCode(part);
  return true;
}

/** For the translator: makes `block` run the region in table slot `slot` from now on. */
export function installRegion(block: usize, slot: u32): void {
  const first = block + Block.RECORDS;
  store<u32>(block, load<u16>(first), Block.HANDLER);
  store<u32>(block, slot, Block.REGION);
  store<u16>(first, Handler.REGION);
  count(Counter.REGIONS);
}
