/**
 * The reverse map: from a machine frame to every shadow leaf entry that names it, so that a frame can be write-protected or taken
 * away everywhere. Lists run through `ShadowPage.next`; heads are one word for each machine frame.
 */
import { ENTRIES, type ShadowPage } from "./shadow-page.js";

/** Leaf entries by machine frame. */
export class ReverseMap {
  /** Number of the first entry of each frame, plus one; 0: none. */
  private readonly heads: Int32Array;
  /** Entries in all lists. */
  size = 0;

  /** An empty map for `frames` machine frames; `pages` finds a page by its slot. */
  constructor(
    frames: number,
    private readonly pages: readonly (ShadowPage | undefined)[],
  ) {
    this.heads = new Int32Array(frames);
  }

  /** Enters a leaf entry that now names a frame. */
  add(mfn: number, page: ShadowPage, index: number): void {
    page.next[index] = this.heads[mfn]!;
    this.heads[mfn] = page.slot * ENTRIES + index + 1;
    this.size++;
  }

  /** Takes out a leaf entry that no longer names a frame. */
  remove(mfn: number, page: ShadowPage, index: number): void {
    const wanted = page.slot * ENTRIES + index + 1;
    this.size--;
    let at = this.heads[mfn]!;
    if (at === wanted) {
      this.heads[mfn] = page.next[index]!;
      return;
    }
    while (at !== 0) {
      const holder = this.pages[((at - 1) / ENTRIES) | 0]!;
      const follower = holder.next[(at - 1) % ENTRIES]!;
      if (follower === wanted) {
        holder.next[(at - 1) % ENTRIES] = page.next[index]!;
        return;
      }
      at = follower;
    }
    throw new Error(`reverse map: frame ${mfn} has no entry ${index} of shadow page ${page.slot}`);
  }

  /** Calls `visit` for each entry of a frame; it may remove that entry. */
  forEach(mfn: number, visit: (page: ShadowPage, index: number) => void): void {
    for (let at = this.heads[mfn]!; at !== 0; ) {
      const page = this.pages[((at - 1) / ENTRIES) | 0]!;
      const index = (at - 1) % ENTRIES;
      at = page.next[index]!;
      visit(page, index);
    }
  }

  /** Whether an entry is in a frame's list. */
  has(mfn: number, page: ShadowPage, index: number): boolean {
    let found = false;
    this.forEach(mfn, (other, at) => {
      found ||= other === page && at === index;
    });
    return found;
  }
}
