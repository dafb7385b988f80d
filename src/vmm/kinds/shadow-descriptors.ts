/**
 * The shadow descriptor tables of ring deprivileging: what the processor reads where the guest thinks it reads its own GDT and LDT. An entry is the
 * guest's with its privilege raised and its limit cut; whatever the processor must not use by itself (gates, TSSs, segments not yet marked
 * accessed, other privileges) is absent, so that using it traps.
 * Invariant: an entry that is present agrees with the guest's table; stores to frames of the guest's tables are traced.
 */
import { Access } from "../../../assembly/abi/x86.js";
import { gfnOf, gpa, gva, type Gfn, type Gpa, type Gva } from "../../address.js";
import type { GuestMemory } from "../../mm/guest-memory.js";
import type { GuestPaging } from "../../mm/guest-paging.js";
import { findGuest } from "../../mm/walk-guest.js";
import type { Words } from "../words.js";
import {
  baseOf,
  changed,
  cutLimit,
  type Descriptor,
  growsDown,
  accessOf,
  isUsedSegment,
  limitOf,
  privilegeOf,
} from "./segments.js";

/** Entries of a table. */
const ENTRIES = 8192;
/** Pages a table may lie in: 64 KB, not aligned. */
const PAGE = 4096;

/** The privilege a guest's descriptor gets in the shadow; undefined: absent. */
export type Raise = (privilege: number) => number | undefined;

/** What tells that stores to a frame are to be noticed. */
export interface Tracer {
  watch(gfn: Gfn): void;
  unwatch(gfn: Gfn): void;
}

/** The shadow of one table: GDT or LDT. */
export class ShadowDescriptors {
  private base = -1;
  private limit = -1;
  private frames: Gfn[] = [];
  private filled = 0;
  private stale = true;
  /** Where the table's pages are, while it is read as a whole. */
  private pages: Map<number, Gpa | undefined> | undefined;

  /** `shadow` are the words of the shadow table; `top` the first linear address that is the monitor's. */
  constructor(
    private readonly shadow: Words,
    private readonly memory: GuestMemory,
    private readonly paging: GuestPaging,
    private readonly tracer: Tracer,
    private readonly top: number,
  ) {}

  /** A store to guest frame `gfn` has been made. */
  stored(gfn: number): void {
    if (this.frames.includes(gfn as Gfn)) this.stale = true;
  }

  /** The mapping of the table may have changed. */
  remapped(): void {
    this.stale = true;
  }

  /** True if part of the table lies in the page of `address`. */
  lies(address: number): boolean {
    const page = address - (address % PAGE);
    return this.limit >= 0 && page <= this.base + this.limit && page + PAGE > this.base;
  }

  /** Makes the shadow agree with the guest's table at `base` with `limit`; `raise` says which privileges there are. */
  update(base: number, limit: number, raise: Raise): void {
    if (!this.stale && base === this.base && limit === this.limit) return;
    this.stale = false;
    this.base = base;
    this.limit = limit;
    this.pages = new Map();
    this.follow();
    const count = limit < 7 ? 0 : Math.min(ENTRIES, (limit + 1) >>> 3);
    for (let i = 0; i < count; i++) this.put(i, this.guests(i), raise);
    for (let i = count; i < this.filled; i++) this.clear(i);
    this.filled = count;
    this.pages = undefined;
  }

  /** The guest's own descriptor `index`; undefined if it is beyond the table or not mapped. */
  guests(index: number): Descriptor | undefined {
    if (index * 8 + 7 > this.limit) return undefined;
    const low = this.word(this.base + index * 8);
    const high = this.word(this.base + index * 8 + 4);
    return low === undefined || high === undefined ? undefined : { low, high };
  }

  private put(index: number, descriptor: Descriptor | undefined, raise: Raise): void {
    const privilege = descriptor === undefined ? undefined : raise(privilegeOf(descriptor));
    if (descriptor === undefined || privilege === undefined || !isUsedSegment(descriptor)) {
      this.clear(index);
      return;
    }
    const whole = limitOf(descriptor);
    const limit = growsDown(accessOf(descriptor)) ? undefined : cutLimit(baseOf(descriptor), whole, this.top);
    if (limit === undefined) {
      this.clear(index);
      return;
    }
    const { low, high } = changed(descriptor, privilege, limit);
    this.shadow.set(index * 8, low);
    this.shadow.set(index * 8 + 4, high);
  }

  private clear(index: number): void {
    this.shadow.set(index * 8, 0);
    this.shadow.set(index * 8 + 4, 0);
  }

  /** Traces the frames that the table lies in now. */
  private follow(): void {
    const frames: Gfn[] = [];
    const start = this.base - (this.base % PAGE);
    // Beyond 4 GB a table goes on at 0.
    for (let at = start; this.limit >= 0 && at <= this.base + this.limit; at += PAGE) {
      const place = this.translate(gva(at));
      if (place !== undefined && !frames.includes(gfnOf(place))) frames.push(gfnOf(place));
    }
    for (const gfn of this.frames) if (!frames.includes(gfn)) this.tracer.unwatch(gfn);
    for (const gfn of frames) if (!this.frames.includes(gfn)) this.tracer.watch(gfn);
    this.frames = frames;
  }

  private translate(address: Gva): Gpa | undefined {
    const offset = address % PAGE;
    const page = address - offset;
    if (this.pages === undefined) return this.walk(address);
    if (!this.pages.has(page)) this.pages.set(page, this.walk(gva(page)));
    const found = this.pages.get(page);
    return found === undefined ? undefined : gpa(found + offset);
  }

  private walk(address: Gva): Gpa | undefined {
    const walk = findGuest(this.memory, this.paging, address, Access.READ, false);
    return walk.ok ? walk.gpa : undefined;
  }

  /** Four bytes of the guest's table, which need not be aligned. */
  private word(address: number): number | undefined {
    const at = gva(address);
    const place = this.translate(at);
    if (place === undefined) return undefined;
    if ((at & (PAGE - 1)) <= PAGE - 4) return this.memory.read32(place);
    let value = 0;
    for (let i = 0; i < 4; i++) {
      const byte = this.translate(gva(address + i));
      if (byte === undefined) return undefined;
      value |= this.memory.read8(byte) << (8 * i);
    }
    return value >>> 0;
  }
}
