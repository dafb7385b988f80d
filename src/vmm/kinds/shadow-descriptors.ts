/**
 * The shadow descriptor tables of ring deprivileging: what the processor reads where the guest thinks it reads its own GDT and LDT. An entry is the
 * guest's with its privilege raised and its limit cut; whatever the processor must not use by itself (gates, TSSs, segments not yet marked
 * accessed, other privileges) is absent, so that using it traps.
 * Invariant: an entry that is present agrees with the guest's table; stores to frames of the guest's tables are traced.
 */
import { Access } from "../../../assembly/abi/x86.js";
import { gfnOf, gpa, gva, type Gfn } from "../../address.js";
import type { GuestMemory } from "../../mm/guest-memory.js";
import type { GuestPaging } from "../../mm/guest-paging.js";
import { NO_FRAME } from "../../mm/p2m.js";
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

/** A frame that a page of the table lies in: undefined if the guest has not mapped it. */
type Place = Gfn | undefined;

/** The shadow of one table: GDT or LDT. */
export class ShadowDescriptors {
  private base = -1;
  private limit = -1;
  private raise: Raise | undefined;
  /** The guest's descriptors as they were read, two words each; 0 beyond the table. */
  private readonly raw = new Uint32Array(2 * ENTRIES);
  /** Where the pages lie that the table lies in. */
  private places: Place[] = [];
  /** Frames of them that have been stored to since the table was read. */
  private readonly written = new Set<Gfn>();
  private moved = true;
  private filled = 0;

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
    if (this.places.includes(gfn as Gfn)) this.written.add(gfn as Gfn);
  }

  /** The mapping of the table may have changed. */
  remapped(): void {
    this.moved = true;
  }

  /** True if part of the table lies in the page of `address`. */
  lies(address: number): boolean {
    const page = address - (address % PAGE);
    return this.limit >= 0 && page <= this.base + this.limit && page + PAGE > this.base;
  }

  /** Makes the shadow agree with the guest's table at `base` with `limit`; `raise` says which privileges there are. */
  update(base: number, limit: number, raise: Raise): void {
    const other = base !== this.base || limit !== this.limit;
    if (!other && !this.moved && this.written.size === 0 && raise === this.raise) return;
    if (!other && this.written.size === 0 && raise === this.raise && this.inPlace()) {
      this.moved = false;
      return;
    }
    const { places } = this;
    this.base = base;
    this.limit = limit;
    if (other || this.moved) this.follow();
    const count = limit < 7 ? 0 : Math.min(ENTRIES, (limit + 1) >>> 3);
    if (raise !== this.raise) this.raiseAll(raise);
    for (const [page, place] of this.places.entries()) {
      const known = !other && place === places[page] && (place === undefined || !this.written.has(place));
      if (!known) this.read(page, count);
    }
    for (let i = count; i < this.filled; i++) this.put(i, 0, 0);
    this.filled = count;
    this.moved = false;
    this.written.clear();
  }

  /** The guest's own descriptor `index`, as the shadow was made from it; undefined if it is beyond the table. */
  guests(index: number): Descriptor | undefined {
    if (index * 8 + 7 > this.limit) return undefined;
    return { low: this.raw[2 * index]!, high: this.raw[2 * index + 1]! };
  }

  /** Brings the entries in step that lie in page `page` of the table, or partly do. */
  private read(page: number, count: number): void {
    const start = page * PAGE - (this.base % PAGE);
    const end = Math.min(count, Math.ceil((start + PAGE) / 8));
    const first = Math.max(0, Math.floor(start / 8));
    if (this.base % 8 === 0 && this.readAligned(page, first, end, start)) return;
    for (let i = first; i < end; i++) this.compare(i, this.word(i * 8), this.word(i * 8 + 4));
  }

  /** The same where no entry straddles pages, straight from machine memory; false if there is none. A guest may store to its table often. */
  private readAligned(page: number, first: number, end: number, start: number): boolean {
    const { p2m } = this.memory;
    const place = this.places[page];
    const mfn = place === undefined ? NO_FRAME : p2m.mfn(place);
    if (mfn === NO_FRAME) return false;
    const { words } = p2m.memory;
    let at = mfn * (PAGE / 4) + (first * 8 - start) / 4;
    for (let i = first; i < end; i++, at += 2) this.compare(i, words[at]!, words[at + 1]!);
    return true;
  }

  /** The guest's entry `index` is this. */
  private compare(index: number, low: number, high: number): void {
    if (low !== this.raw[2 * index] || high !== this.raw[2 * index + 1]) this.put(index, low, high);
  }

  /** Other privileges are present. */
  private raiseAll(raise: Raise): void {
    this.raise = raise;
    for (let i = 0; i < this.filled; i++) this.put(i, this.raw[2 * i]!, this.raw[2 * i + 1]!);
  }

  /** Makes an entry of the shadow from the guest's. */
  private put(index: number, low: number, high: number): void {
    this.raw[2 * index] = low;
    this.raw[2 * index + 1] = high;
    const entry = isUsedSegment({ low, high }) ? this.lower({ low, high }) : ABSENT;
    this.shadow.set(index * 8, entry.low);
    this.shadow.set(index * 8 + 4, entry.high);
  }

  /** What a segment the guest may load becomes. */
  private lower(descriptor: Descriptor): Descriptor {
    const privilege = this.raise!(privilegeOf(descriptor));
    if (privilege === undefined || growsDown(accessOf(descriptor))) return ABSENT;
    const limit = cutLimit(baseOf(descriptor), limitOf(descriptor), this.top);
    return limit === undefined ? ABSENT : changed(descriptor, privilege, limit);
  }

  /** True if the pages of the table lie where they lay. */
  private inPlace(): boolean {
    const start = this.base - (this.base % PAGE);
    for (let i = 0; i < this.places.length; i++) if (this.find(start + i * PAGE) !== this.places[i]) return false;
    return true;
  }

  /** The frame of a page of the guest's. */
  private find(address: number): Place {
    // Beyond 4 GB a table goes on at 0.
    const walk = findGuest(this.memory, this.paging, gva(address), Access.READ, false);
    return walk.ok ? gfnOf(walk.gpa) : undefined;
  }

  /** Finds the frames that the table lies in now, and has them traced. */
  private follow(): void {
    const before = this.places;
    this.places = [];
    const start = this.base - (this.base % PAGE);
    for (let at = start; this.limit >= 0 && at <= this.base + this.limit; at += PAGE) this.places.push(this.find(at));
    for (const gfn of before) if (gfn !== undefined && !this.places.includes(gfn)) this.tracer.unwatch(gfn);
    for (const gfn of this.places) if (gfn !== undefined && !before.includes(gfn)) this.tracer.watch(gfn);
  }

  /** Four bytes at an offset of the guest's table, which need not be aligned; 0 if they are not mapped. */
  private word(offset: number): number {
    const at = (this.base % PAGE) + offset;
    const place = this.places[Math.floor(at / PAGE)];
    if (place === undefined) return 0;
    if (at % PAGE <= PAGE - 4) return this.memory.read32(gpa(place * PAGE + (at % PAGE)));
    let value = 0;
    for (let i = 0; i < 4; i++) {
      const part = this.places[Math.floor((at + i) / PAGE)];
      if (part === undefined) return 0;
      value |= this.memory.read8(gpa(part * PAGE + ((at + i) % PAGE))) << (8 * i);
    }
    return value >>> 0;
  }
}

/** No segment: using it traps. */
const ABSENT: Descriptor = { low: 0, high: 0 };
