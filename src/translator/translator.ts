/**
 * Makes a region of hot code when the machine asks, as fast as the guest's instructions allow it, and puts it in the cache.
 */
import { Counter, Cpu } from "../../assembly/abi/cpu.js";
import { Op } from "../../assembly/abi/op.js";
import { BLOCK_DEAD, Block, HEAT_LENGTH, Rec } from "../../assembly/abi/record.js";
import { Cell, CellKind, PageList } from "../../assembly/abi/region.js";
import type { Core } from "../core/core.js";
import { RegionCache } from "./cache.js";
import { Discovery, type Region } from "./discover.js";
import type { CellFactory } from "./cells.js";
import type { Insn } from "./insn.js";
import { Feedback } from "./feedback.js";
import { type Miss, Misses, Stage } from "./misses.js";
import { emitRegion } from "./region.js";
import { FREE_INSNS, HEAT, MAX_CLIMB, OVERHEAD_INSNS, PACE, RESTLESS_HEAT } from "./tuning.js";

/** What the translator has done so far. */
export interface TranslatorCounters {
  /** Regions made. */
  regions: number;
  /** Guest instructions in them. */
  instructions: number;
  /** Bytes of WebAssembly. */
  bytes: number;
  /** Milliseconds spent discovering, emitting and compiling. */
  milliseconds: number;
  /** Requests that made no region. */
  refused: number;
}

/** The counters, and what has become of the regions. */
export interface TranslatorStatistics extends TranslatorCounters {
  /** Regions that can be entered now. */
  live: number;
  /** Bytes of WebAssembly of those. */
  liveBytes: number;
  /** Regions taken out to be made anew: for what their exits have seen, or because a page moved. */
  dropped: number;
  /** Regions that made room for others. */
  evicted: number;
  /** Regions whose code was written. */
  invalidated: number;
  /** Ways out of regions to a block that the exit or the cache of addresses knew. */
  exitsFound: number;
  /** Ways out of regions to a block that had to be looked up. */
  exitsSearched: number;
}

/** A region that has been made, for an observer. */
export interface MadeRegion {
  /** What was found from the entry on. */
  region: Region;
  /** The WebAssembly module; its function is the region. */
  wasm: Uint8Array;
}

/** A map epoch that never comes: the pages have not been checked yet. */
const NEVER = 0xffffffff;

/** The pool is full: the machine empties it by itself when it next decodes. */
class PoolFull extends Error {}

/** Allocates cells and records in the machine's pool. */
class PoolCells implements CellFactory {
  private readonly known = new Map<string, number>();
  private readonly lists = new Map<string, number>();
  private readonly view: DataView;
  readonly misses = new Map<number, Miss>();

  constructor(
    private readonly core: Core,
    private readonly block: number,
    private readonly feedback: Feedback,
  ) {
    this.view = new DataView(core.memory.buffer);
  }

  private allocate(bytes: number): number {
    const ptr = this.core.exports.allocate(bytes) >>> 0;
    if (ptr === 0) throw new PoolFull();
    return ptr;
  }

  cell(kind: CellKind, eip: number, refund: number): number {
    const key = `${kind}:${eip}:${refund}`;
    const known = this.known.get(key);
    if (known !== undefined) return known;
    const ptr = this.allocate(Cell.SIZE);
    this.view.setUint32(ptr + Cell.EIP, eip, true);
    this.view.setUint32(ptr + Cell.REFUND, refund, true);
    this.view.setUint32(ptr + Cell.KIND, kind, true);
    this.view.setUint32(ptr + Cell.BLOCK, this.block, true);
    this.known.set(key, ptr);
    return ptr;
  }

  miss(eip: number, refund: number, stage: number): number {
    const ptr = this.cell(CellKind.MISS, eip, refund);
    this.misses.set(ptr, { eip, stage });
    return ptr;
  }

  goto(eip: number, refund: number): number {
    return this.cell(CellKind.GOTO, eip, refund);
  }

  dynamic(kind: CellKind.DYNAMIC | CellKind.SYSTEM, eip: number, learn: boolean): number {
    const ptr = this.cell(kind, eip, 0);
    if (learn) this.feedback.enter(ptr, eip);
    else this.feedback.silence(ptr);
    return ptr;
  }

  pageList(pages: readonly (readonly [number, number])[]): number {
    const key = pages.map(([lin]) => lin).join();
    const known = this.lists.get(key);
    if (known !== undefined) return known;
    const ptr = this.allocate(PageList.PAGES + 8 * pages.length);
    this.lists.set(key, ptr);
    this.view.setUint32(ptr + PageList.EPOCH, NEVER, true);
    this.view.setUint32(ptr + PageList.USER_EPOCH, NEVER, true);
    this.view.setUint32(ptr + PageList.COUNT, pages.length, true);
    pages.forEach(([lin, at], i) => {
      this.view.setUint32(ptr + PageList.PAGES + 8 * i, lin, true);
      this.view.setUint32(ptr + PageList.PAGES + 8 * i + 4, at, true);
    });
    return ptr;
  }

  record(insn: Insn, index: number): number {
    const ptr = this.allocate(Rec.BYTES);
    insn.record.forEach((word, i) => this.view.setInt32(ptr + 4 * i, word, true));
    this.view.setUint8(ptr + Rec.INDEX, index);
    return ptr;
  }
}

/** Instructions a block of `count` may take in the interpreter, as assembly/cpu/block.ts has it. */
function heatOf(count: number, heat: number): number {
  return Math.floor((heat * (count + HEAT_LENGTH)) / (2 * HEAT_LENGTH));
}

/** Translates for one machine. */
export class Translator {
  /** What has been done. */
  readonly counters: TranslatorCounters = { regions: 0, instructions: 0, bytes: 0, milliseconds: 0, refused: 0 };
  /** Called with each region that is made: for tools that show them. */
  observer: ((made: MadeRegion) => void) | undefined;
  /** What regions have learnt about their branches. */
  readonly feedback: Feedback;
  /** False: code is translated as soon as it is hot, however much that is. For tests. */
  paced = true;
  /** The regions there are. */
  readonly cache: RegionCache;
  /** What is known of instructions that leave regions. */
  readonly misses = new Misses();
  private readonly born: number;

  /** Makes a translator for `core` and switches the machine's counting of hot blocks on. */
  constructor(private readonly core: Core) {
    this.feedback = new Feedback(core);
    this.cache = new RegionCache(core);
    this.born = core.cpu.retired;
    core.cpu.setField(Cpu.HEAT, HEAT);
    core.exports.flushCode();
  }

  /** Translates the code that starts with the block at `block`, if that can be done. */
  translate(block: number): void {
    const view = new DataView(this.core.memory.buffer);
    const { instructions, regions } = this.counters;
    const allowed = FREE_INSNS + (this.core.cpu.retired - this.born) / PACE;
    if (this.paced && instructions + OVERHEAD_INSNS * regions > allowed) {
      this.heat(block, view);
      return;
    }
    const start = performance.now();
    try {
      if (!this.make(block, view)) this.counters.refused++;
    } catch (error) {
      if (!(error instanceof PoolFull)) throw error;
      this.counters.refused++;
    } finally {
      this.counters.milliseconds += performance.now() - start;
    }
  }

  /** The counters, and what has become of the regions. */
  statistics(): TranslatorStatistics {
    const { cpu } = this.core;
    const live = this.cache.live();
    return {
      ...this.counters,
      live: live.regions,
      liveBytes: live.bytes,
      dropped: cpu.counter(Counter.REGIONS_DROPPED),
      evicted: this.cache.evicted,
      invalidated: cpu.counter(Counter.REGIONS_INVALIDATED),
      exitsFound: cpu.counter(Counter.EXITS_FOUND),
      exitsSearched: cpu.counter(Counter.EXITS_SEARCHED),
    };
  }

  /** Gives a block the heat of one that has just been decoded. */
  private heat(block: number, view: DataView): void {
    const count = view.getUint32(block + Block.COUNT, true);
    view.setInt32(block + Block.HEAT, heatOf(count, this.core.cpu.field(Cpu.HEAT) | 0), true);
  }

  private make(block: number, view: DataView): boolean {
    const { core } = this;
    if (this.cache.forgotten()) {
      this.feedback.clear();
      this.misses.clear();
    }
    const head = this.headOf(block, view);
    const mode = view.getUint32(block + Block.MODE, true);
    const interprets = (eip: number) => this.misses.stage(eip) === Stage.INTERPRET;
    const find = () => new Discovery(core, mode, (branch) => this.feedback.targetsOf(branch), interprets);
    if (head !== block && this.install(head, block, find(), view)) return true;
    if (this.install(block, block, find(), view)) return true;
    this.coolDown(block, view);
    return false;
  }

  /**
   * The block that a region for `hot` should begin with: the first of those that lead to it by calls and forward branches and have run
   * about as often. Code that is hot all over becomes few regions with the callers on top; a loop begins at its header.
   */
  private headOf(hot: number, view: DataView): number {
    const heat = this.core.cpu.field(Cpu.HEAT) | 0;
    const field = (block: number, at: Block) => view.getUint32(block + at, true);
    const often = heatOf(field(hot, Block.COUNT), heat) / field(hot, Block.COUNT);
    let climbed = 0;
    for (let at = hot; ; ) {
      const from = field(at, Block.FROM);
      const count = field(from, Block.COUNT);
      if (from === 0 || count === BLOCK_DEAD || field(from, Block.REGION) !== 0) return at;
      const entered = (heatOf(count, heat) - view.getInt32(from + Block.HEAT, true)) / count;
      climbed += count;
      if (entered < often / 2 || climbed > MAX_CLIMB || field(from, Block.MODE) !== field(hot, Block.MODE)) return at;
      const call = view.getUint8(field(from, Block.END) - Rec.BYTES + Rec.OP) === Op.CALL;
      if (!call && field(from, Block.EIP) >= field(at, Block.EIP)) return at;
      at = from;
    }
  }

  /** Makes the region that begins with the block `head` and has `hot` in it, if there is one. */
  private install(head: number, hot: number, discovery: Discovery, view: DataView): boolean {
    const { core } = this;
    const eip = view.getUint32(head + Block.EIP, true);
    const stages = this.misses.learn(view, this.cache.of(head)?.misses);
    const region = discovery.blockAt(eip) === head ? discovery.run(eip) : undefined;
    if (region === undefined || !region.nodes.has(view.getUint32(hot + Block.EIP, true))) return false;
    const cells = new PoolCells(core, head, this.feedback);
    const bytes = emitRegion(region, { cells, stages });
    for (const run of region.runs) {
      if (core.exports.coverCode(head, run.ma, run.bytes) === 0) throw new PoolFull();
    }
    const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes as Uint8Array<ArrayBuffer>), {
      env: { memory: core.memory },
      core: {
        interpret: core.exports.interpretInRegion,
        pagesHold: core.exports.pagesHold,
        rawFlags: core.exports.rawFlags,
        interrupt: core.exports.interruptInRegion,
        interruptReturn: core.exports.returnInRegion,
        refill: core.exports.refill,
        flushPage: core.exports.flushPageInRegion,
        loadCr3: core.exports.loadCr3InRegion,
        repeat: core.exports.repeatInRegion,
      },
    });
    this.cache.add(head, instance.exports.f as () => number, bytes.length, cells.misses);
    this.rest(region, discovery, view);
    this.counters.regions++;
    this.counters.instructions += region.size;
    this.counters.bytes += bytes.length;
    this.observer?.({ region, wasm: bytes });
    return true;
  }

  /** Blocks inside a region get hot anew before they begin one of their own: they have to be entered from elsewhere for that. */
  private rest(region: Region, discovery: Discovery, view: DataView): void {
    for (const eip of region.nodes.keys()) {
      const block = discovery.blockAt(eip);
      if (block !== 0) this.heat(block, view);
    }
  }

  /** Code that keeps being overwritten is left to the interpreter for a while; each time it is asked for counts as calm. */
  private coolDown(block: number, view: DataView): void {
    const page = view.getUint32(block + Block.MA, true) >>> 12;
    if (page >= this.core.cpu.field(Cpu.RAM_BYTES) >>> 12) return;
    const kills = this.core.cpu.field(Cpu.CODE_KILLS_PTR) + page;
    view.setUint8(kills, view.getUint8(kills) >> 1);
    view.setInt32(block + Block.HEAT, RESTLESS_HEAT, true);
  }
}
