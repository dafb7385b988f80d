/**
 * The regions there are, in the slots of the machine's table, oldest first. When slots or bytes run out the oldest regions make
 * room, one by one, as many as are needed: no run waits for more than that.
 * Invariant: a slot in use belongs to the entry block of a region; if that block has died or the machine has taken the region out,
 * nothing enters it any more, and the slot is free once the entry is the oldest.
 */
import { Cpu } from "../../assembly/abi/cpu.js";
import { BLOCK_DEAD, Block } from "../../assembly/abi/record.js";
import { REGION_SLOTS } from "../../assembly/abi/region.js";
import type { Core } from "../core/core.js";
import type { Miss } from "./misses.js";
import { EVICTED_HEAT, MAX_CACHE_BYTES } from "./tuning.js";

/** A region in the table. */
export interface Entry {
  /** The block it begins with. */
  block: number;
  slot: number;
  /** Size of its WebAssembly. */
  bytes: number;
  /** Cells of kind MISS by pointer. */
  misses: ReadonlyMap<number, Miss>;
}

/** The regions of one machine. */
export class RegionCache {
  /** Regions that made room while they could still have been used. */
  evicted = 0;
  /** Bounds; tests lower them. */
  limits = { regions: REGION_SLOTS - 1, bytes: MAX_CACHE_BYTES };
  private readonly entries = new Map<number, Entry>();
  private readonly free: number[] = [];
  private next = 1;
  private bytes = 0;
  private generation = 0;

  constructor(private readonly core: Core) {}

  /** The region that was made last for `block`, whether it can still be entered or not. */
  of(block: number): Entry | undefined {
    return this.entries.get(block);
  }

  /** Makes `block` run `code` from now on. */
  add(block: number, code: () => number, bytes: number, misses: ReadonlyMap<number, Miss>): void {
    const earlier = this.entries.get(block);
    if (earlier !== undefined) this.release(earlier);
    while (this.entries.size >= this.limits.regions || this.bytes + bytes > this.limits.bytes) {
      const [oldest] = this.entries.values();
      if (oldest === undefined) break;
      this.evict(oldest);
    }
    const slot = this.free.pop() ?? this.next++;
    this.core.regions.set(slot, code);
    this.entries.set(block, { block, slot, bytes, misses });
    this.bytes += bytes;
    this.core.exports.installRegion(block, slot);
  }

  /** Forgets everything if the pool has been emptied since: no region can be entered any more. Returns true if so. */
  forgotten(): boolean {
    const generation = this.core.cpu.field(Cpu.DECODE_GENERATION);
    if (generation === this.generation) return false;
    this.generation = generation;
    for (const { slot } of this.entries.values()) this.core.regions.set(slot, null);
    this.entries.clear();
    this.free.length = 0;
    this.next = 1;
    this.bytes = 0;
    return true;
  }

  /** Regions that can be entered, and the bytes of their WebAssembly. */
  live(): { regions: number; bytes: number } {
    let regions = 0;
    let bytes = 0;
    for (const entry of this.entries.values()) {
      if (!this.lives(entry)) continue;
      regions++;
      bytes += entry.bytes;
    }
    return { regions, bytes };
  }

  /** Evicts one region, chosen by `n`: for tests, since it must change nothing but speed. */
  evictAny(n: number): void {
    const entries = [...this.entries.values()].filter((entry) => this.lives(entry));
    const entry = entries[n % entries.length];
    if (entry !== undefined) this.evict(entry);
  }

  private evict(entry: Entry): void {
    if (this.lives(entry)) {
      this.core.exports.removeRegion(entry.block, EVICTED_HEAT);
      this.evicted++;
    }
    this.release(entry);
  }

  /** Gives the slot back. */
  private release({ block, slot, bytes }: Entry): void {
    this.core.regions.set(slot, null);
    this.free.push(slot);
    this.entries.delete(block);
    this.bytes -= bytes;
  }

  private lives({ block, slot }: Entry): boolean {
    const view = new DataView(this.core.memory.buffer);
    if (this.core.cpu.field(Cpu.DECODE_GENERATION) !== this.generation) return false;
    const dead = view.getUint32(block + Block.COUNT, true) === BLOCK_DEAD;
    return !dead && view.getUint32(block + Block.REGION, true) === slot;
  }
}
