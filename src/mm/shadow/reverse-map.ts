/**
 * The reverse map: from a machine frame to every shadow leaf entry that names it, so that a frame can be write-protected or taken
 * away everywhere. Lists run through `ShadowPage.next` and back through
 * `previous`; heads are one word for each machine frame.
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
    const head = this.heads[mfn]!;
    const entry = page.slot * ENTRIES + index + 1;
    page.next[index] = head;
    page.previous[index] = 0;
    if (head !== 0) this.holder(head).previous[(head - 1) % ENTRIES] = entry;
    this.heads[mfn] = entry;
    this.size++;
  }

  /** Takes out a leaf entry that no longer names a frame. A frame may be named by very many. */
  remove(mfn: number, page: ShadowPage, index: number): void {
    const before = page.previous[index]!;
    const behind = page.next[index]!;
    if (before === 0 && this.heads[mfn] !== page.slot * ENTRIES + index + 1) {
      throw new Error(`reverse map: frame ${mfn} has no entry ${index} of shadow page ${page.slot}`);
    }
    if (before === 0) this.heads[mfn] = behind;
    else this.holder(before).next[(before - 1) % ENTRIES] = behind;
    if (behind !== 0) this.holder(behind).previous[(behind - 1) % ENTRIES] = before;
    this.size--;
  }

  /** The page that entry number `entry` is in. */
  private holder(entry: number): ShadowPage {
    return this.pages[((entry - 1) / ENTRIES) | 0]!;
  }

  /** Calls `visit` for each entry of a frame; it may remove that entry. */
  forEach(mfn: number, visit: (page: ShadowPage, index: number) => void): void {
    for (let at = this.heads[mfn]!; at !== 0; ) {
      const page = this.holder(at);
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
