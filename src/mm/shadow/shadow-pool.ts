/**
 * The shadow pages there are: by key, by the guest frame they shadow, and by last use. Their number is bounded.
 * Invariant: the pool holds one machine frame for each page, and no more than `limit`.
 */
import type { Gfn } from "../../address.js";
import type { FrameAllocator, Owner } from "../frame-allocator.js";
import { keyOf } from "./role.js";
import { ShadowPage, UNBACKED } from "./shadow-page.js";

/** All shadow pages of a VM. */
export class ShadowPool {
  /** Pages by slot. */
  readonly slots: (ShadowPage | undefined)[];
  /** Machine frames whose stores somebody else wants to know of. */
  readonly watched = new Set<number>();
  private readonly freeSlots: number[];
  private readonly byKey = new Map<number, ShadowPage>();
  private readonly byFrame = new Map<number, ShadowPage[]>();
  private clock = 0;

  /** An empty pool of at most `limit` pages, whose frames belong to `owner`. */
  constructor(
    private readonly allocator: FrameAllocator,
    private readonly owner: Owner,
    readonly limit: number,
  ) {
    this.slots = new Array<ShadowPage | undefined>(limit).fill(undefined);
    this.freeSlots = Array.from({ length: limit }, (_, i) => limit - 1 - i);
  }

  /** Number of pages. */
  get size(): number {
    return this.byKey.size;
  }

  /** Whether a page must go before another can come: at the limit, or because the machine has no frame left. */
  get full(): boolean {
    return this.freeSlots.length === 0 || this.allocator.free === 0;
  }

  /** All pages. */
  pages(): IterableIterator<ShadowPage> {
    return this.byKey.values();
  }

  /** The page with a key. */
  find(key: number): ShadowPage | undefined {
    return this.byKey.get(key);
  }

  /** The pages that shadow a machine frame; none for most. */
  ofFrame(mfn: number): readonly ShadowPage[] {
    return this.byFrame.get(mfn) ?? [];
  }

  /** Whether a machine frame holds a table that is shadowed, in step or not. */
  isShadowed(mfn: number): boolean {
    return this.byFrame.has(mfn);
  }

  /** A new, empty page. There must be a free slot. Errors: OutOfFramesError. */
  add(gfn: Gfn, role: number, frame: number, fixed: boolean): ShadowPage {
    const mfn = this.allocator.allocate(this.owner);
    const slot = this.freeSlots.pop()!;
    const page = new ShadowPage(slot, mfn, gfn, role, frame, fixed);
    this.slots[slot] = page;
    this.byKey.set(keyOf(gfn, role), page);
    if (frame !== UNBACKED) {
      const pages = this.byFrame.get(frame);
      if (pages === undefined) this.byFrame.set(frame, [page]);
      else pages.push(page);
    }
    this.touch(page);
    return page;
  }

  /** Takes a page out, which nothing may name any more, and gives its frame back. */
  remove(page: ShadowPage): void {
    this.byKey.delete(page.key);
    this.slots[page.slot] = undefined;
    this.freeSlots.push(page.slot);
    if (page.frame !== UNBACKED) {
      const rest = this.ofFrame(page.frame).filter((other) => other !== page);
      if (rest.length === 0) this.byFrame.delete(page.frame);
      else this.byFrame.set(page.frame, rest);
    }
    this.allocator.release(page.mfn, this.owner);
  }

  /** Notes that a page served a fault. */
  touch(page: ShadowPage): void {
    page.stamp = ++this.clock;
    page.stores = 0;
  }

  /** The page not used for longest, among those that may go. */
  oldest(): ShadowPage | undefined {
    let found: ShadowPage | undefined;
    for (const page of this.byKey.values()) {
      if (!page.pinned && (found === undefined || page.stamp < found.stamp)) found = page;
    }
    return found;
  }
}
