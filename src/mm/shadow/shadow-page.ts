/**
 * One shadow table: a machine frame that the processor walks, and what the VMM knows about it.
 * Invariants: `children` of a directory are exactly the pages its present entries name; `parents` of a table are exactly the
 * directory entries that name it.
 */
import type { Gfn, Mfn } from "../../address.js";
import { FORMAT_32, FORMAT_PAE, type Format } from "./format.js";
import { isDirectory, keyOf, kindOf, type Kind, Role } from "./role.js";

/** Most entries of a table: entries of all shadow pages are numbered `slot * ENTRIES + index`. */
export const ENTRIES = 1024;

/** What `frame` says of a page that shadows no machine frame. */
export const UNBACKED = -1;

/** One shadow page. */
export class ShadowPage {
  readonly key: number;
  readonly kind: Kind;
  readonly format: Format;
  /** Tables a directory's entries name. */
  readonly children: (ShadowPage | undefined)[];
  /** For each leaf entry, the next entry of the reverse map's list for its frame, plus one. */
  readonly next: Int32Array;
  /** The entry before it there, plus one; 0: it is the first. */
  readonly previous: Int32Array;
  /** Directory entries that name this page, numbered. */
  readonly parents: number[] = [];
  /** The guest may have written to its table since: only leaf tables, until they are resynchronised. */
  unsync = false;
  /** Stores to the guest's table since the shadow was last used for a fault. */
  stores = 0;
  /** When it was last used for a fault. */
  stamp = 0;
  /** A current root or part of one, or a blank page: not to be evicted. */
  pinned = false;

  /** A page in machine frame `mfn` for guest frame `gfn`, whose machine frame is `frame`. */
  constructor(
    readonly slot: number,
    readonly mfn: Mfn,
    readonly gfn: Gfn,
    readonly role: number,
    readonly frame: number,
    /** The guest's table cannot be written: neither by stores nor by walks that would set A and D. */
    readonly fixed: boolean,
  ) {
    this.key = keyOf(gfn, role);
    this.kind = kindOf(role);
    this.format = (role & Role.PAE) !== 0 ? FORMAT_PAE : FORMAT_32;
    const directory = isDirectory(role);
    this.children = directory ? new Array<ShadowPage | undefined>(this.format.entries).fill(undefined) : [];
    const leaves = directory ? 0 : this.format.entries;
    this.next = new Int32Array(leaves);
    this.previous = new Int32Array(leaves);
  }

  /** Where the low word of an entry lies in machine RAM, as an index of words. */
  word(index: number): number {
    return this.mfn * 1024 + index * this.format.words;
  }
}
