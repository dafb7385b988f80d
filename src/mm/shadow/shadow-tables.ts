/**
 * Building and taking apart shadow tables: pages, links between them, and leaf entries with their reverse map. It decides nothing; it
 * keeps the structure whole and remembers what the TLB may still hold.
 * Invariants: every present leaf entry outside the VMM's range is in the reverse map; a frame that is shadowed and in step is traced in
 * the map of guest frames; nothing has a writable translation to it, in tables or TLB.
 */
import { Pte } from "../../../assembly/abi/x86.js";
import { type Gfn, type Gva, gfn as toGfn } from "../../address.js";
import type { GuestPaging } from "../guest-paging.js";
import type { P2m } from "../p2m.js";
import { Composer } from "./compose.js";
import type { ReservedRange } from "./reserved-range.js";
import { ReverseMap } from "./reverse-map.js";
import { isDirectory, Kind, keyOf, kindOf, Role } from "./role.js";
import { ENTRIES, type ShadowPage, UNBACKED } from "./shadow-page.js";
import { ShadowPool } from "./shadow-pool.js";
import type { ShadowStatistics } from "./statistics.js";

/** How translations are taken out of the processor's TLB. */
export interface TlbCallbacks {
  /** Drops all translations made with this VM's shadow tables. */
  flush(): void;
  /** Drops those of one page. */
  invlpg(gva: Gva): void;
  /** True if the TLB keeps translations made in one view from serving another; else a change of view drops all. */
  readonly viewsApart?: boolean;
}

/** The shadow tables of one VM. */
export class ShadowTables {
  readonly pool: ShadowPool;
  readonly reverse: ReverseMap;
  readonly composer: Composer;
  /** The VMM's range, if there is one. */
  reserved: ReservedRange | undefined;
  private readonly words: Uint32Array;
  /** The TLB may hold translations of small pages that the tables do not have any more. */
  private staleLeaf = false;
  /** The same of pages that the guest regards as one large page, or has moved as a whole. */
  private staleRegion = false;

  /** Empty tables of at most `limit` pages. */
  constructor(
    readonly p2m: P2m,
    state: GuestPaging,
    readonly tlb: TlbCallbacks,
    readonly statistics: ShadowStatistics,
    limit: number,
  ) {
    this.pool = new ShadowPool(p2m.allocator, p2m.owners.tables, limit);
    this.reverse = new ReverseMap(p2m.memory.frames, this.pool.slots);
    this.composer = new Composer(p2m, state, this.pool);
    this.words = p2m.memory.words;
  }

  /** The page for a key: found, or made and, if need be, an old one given up for it. Errors: OutOfFramesError. */
  obtain(key: number): ShadowPage {
    const found = this.pool.find(key);
    if (found !== undefined) {
      // What is linked anew must be in step: the guest's first access by a new address would see its table as it is.
      if (found.unsync) this.resync(found.frame);
      return found;
    }
    if (this.pool.full) this.evict();
    const role = key % 4096;
    const gfn = toGfn((key - role) / 4096);
    const shadows = kindOf(role) === Kind.TABLE || kindOf(role) === Kind.DIRECTORY;
    const frame = shadows ? this.p2m.mfn(gfn) : UNBACKED;
    if (frame !== UNBACKED && this.pool.ofFrame(frame)[0]?.unsync) this.resync(frame);
    const page = this.pool.add(gfn, role, frame, !this.p2m.mayWrite(gfn));
    this.statistics.created++;
    if (frame !== UNBACKED) this.protect(frame, gfn);
    if ((role & Role.RESERVED) !== 0) this.putReserved(page);
    return page;
  }

  /** Makes a directory's entry name a table, in place of any other. */
  link(page: ShadowPage, index: number, child: ShadowPage): void {
    const old = page.children[index];
    if (old === child) return;
    if (old !== undefined) this.detach(page, index, old);
    page.children[index] = child;
    child.parents.push(page.slot * ENTRIES + index);
    this.words[page.word(index)] = (child.mfn * 4096) | Pte.P | Pte.RW | Pte.US | Pte.A;
  }

  /** Makes a directory's entry name nothing of the guest's. */
  unlink(page: ShadowPage, index: number): void {
    const old = page.children[index];
    if (old === undefined || old.kind === Kind.BLANK_TABLE) return;
    this.detach(page, index, old);
    this.putBlank(page, index);
  }

  /** Sets a leaf entry to a low word that names a frame of the guest. */
  setLeaf(page: ShadowPage, index: number, entry: number): void {
    const at = page.word(index);
    const old = this.words[at]!;
    if (old === entry) return;
    if ((old & Pte.P) === 0) this.reverse.add(entry >>> 12, page, index);
    else {
      if ((old ^ entry) >>> 12 !== 0) {
        this.reverse.remove(old >>> 12, page, index);
        this.reverse.add(entry >>> 12, page, index);
      }
      this.noteStale(page);
    }
    this.words[at] = entry;
  }

  /** Makes a leaf entry absent. */
  dropLeaf(page: ShadowPage, index: number): void {
    const at = page.word(index);
    const old = this.words[at]!;
    if ((old & Pte.P) === 0 || this.isReserved(page, index)) return;
    this.reverse.remove(old >>> 12, page, index);
    this.words[at] = 0;
    this.noteStale(page);
  }

  /** The low word of an entry. */
  entry(page: ShadowPage, index: number): number {
    return this.words[page.word(index)]!;
  }

  /** Whether an entry of a leaf table is the VMM's. */
  isReserved(page: ShadowPage, index: number): boolean {
    return (page.role & Role.RESERVED) !== 0 && this.reserved!.ownsEntry(page.format, index);
  }

  /** Whether the VMM's range lies behind an entry of a directory. */
  holdsReserved(page: ShadowPage, index: number): boolean {
    return (page.role & Role.RESERVED) !== 0 && this.reserved!.directoryIndex(page.format) === index;
  }

  /** Makes a present leaf entry what the guest's entry is now, or absent. */
  refreshLeaf(page: ShadowPage, index: number): void {
    const old = this.entry(page, index);
    if ((old & Pte.P) === 0 || this.isReserved(page, index)) return;
    const source = this.composer.source(page, index);
    const entry = source === undefined ? 0 : this.composer.leaf(source, page.role);
    if (entry === old) return;
    if (source !== undefined && this.composer.supervisorStore(source, page.role) === old) return;
    if (entry === 0) this.dropLeaf(page, index);
    else this.setLeaf(page, index, entry);
  }

  /** Takes a directory's link away if the guest's entry no longer says so. */
  refreshLink(page: ShadowPage, index: number): void {
    const child = page.children[index];
    if (child === undefined || child.kind === Kind.BLANK_TABLE) return;
    if (this.composer.child(page, index, this.holdsReserved(page, index)) !== child.key) this.unlink(page, index);
  }

  /** Empties a page; unless it is pinned, gives it up. */
  zap(page: ShadowPage): void {
    this.clear(page);
    if (page.pinned) return;
    for (const parent of [...page.parents]) {
      this.unlink(this.pool.slots[(parent / ENTRIES) | 0]!, parent % ENTRIES);
    }
    page.children.forEach((blank, i) => blank !== undefined && this.detach(page, i, blank));
    this.pool.remove(page);
    const others = this.pool.ofFrame(page.frame);
    if (
      page.frame !== UNBACKED &&
      !this.pool.watched.has(page.frame) &&
      !others.some((other) => other.gfn === page.gfn)
    )
      this.p2m.setTraced(page.gfn, false);
  }

  /** Takes the right to write to a machine frame from every entry, and traces the guest frame. */
  protect(mfn: number, gfn: Gfn): void {
    let changed = false;
    this.reverse.forEach(mfn, (page, index) => {
      const at = page.word(index);
      if ((this.words[at]! & Pte.RW) === 0) return;
      this.words[at]! &= ~(Pte.RW | Pte.D);
      changed = true;
    });
    if (changed || this.staleLeaf || this.staleRegion) this.flush();
    if (this.composer.isTraced(mfn)) this.p2m.setTraced(gfn, true);
  }

  /** Leaves the leaf tables in a frame to the guest until the next flush. */
  unsync(mfn: number): void {
    for (const page of this.pool.ofFrame(mfn)) {
      page.unsync = true;
      this.p2m.setTraced(page.gfn, false);
    }
    this.statistics.unsynced++;
  }

  /** Brings the shadows of a frame in step with the guest's table, and traces it again. */
  resync(mfn: number): void {
    const pages = this.pool.ofFrame(mfn);
    for (const page of pages) for (let i = 0; i < page.format.entries; i++) this.refreshLeaf(page, i);
    for (const page of pages) page.unsync = false;
    this.protect(mfn, pages[0]!.gfn);
    this.statistics.resynced++;
  }

  /** A guest frame is going away. */
  frameUnmapped(gfn: Gfn, mfn: number): void {
    this.reverse.forEach(mfn, (page, index) => this.dropLeaf(page, index));
    for (const page of this.pool.ofFrame(mfn)) if (page.gfn === gfn) this.orphan(page);
    if (this.staleLeaf || this.staleRegion) this.flush();
  }

  /** A guest frame that was absent is there: tables that read as all ones are tables now. */
  frameMapped(gfn: Gfn): void {
    for (const page of [...this.pool.pages()]) {
      const shadows = page.kind === Kind.TABLE || page.kind === Kind.DIRECTORY;
      if (shadows && page.frame === UNBACKED && page.gfn === gfn) this.orphan(page);
    }
  }

  /** Drops all translations from the TLB. */
  flush(): void {
    this.staleLeaf = false;
    this.staleRegion = false;
    this.statistics.flushes++;
    this.tlb.flush();
  }

  /** Drops one page's translation from the TLB; all, if its region was moved as a whole. */
  flushPage(gva: Gva): void {
    if (this.staleRegion) {
      this.flush();
      return;
    }
    this.statistics.flushedPages++;
    this.tlb.invlpg(gva);
  }

  /** Called when a pinned page lost its guest frame, so that the root must be chosen again. */
  onRootLost: () => void = () => undefined;

  /** Gives a page up whatever it is: its guest frame is another now. */
  private orphan(page: ShadowPage): void {
    const wasRoot = page.pinned;
    page.pinned = false;
    this.zap(page);
    if (wasRoot) this.onRootLost();
  }

  private evict(): void {
    const page = this.pool.oldest();
    if (page === undefined) throw new RangeError(`shadow tables: expected a limit above ${this.pool.limit} pages`);
    this.statistics.evicted++;
    this.zap(page);
  }

  /** Makes all entries of a page absent, but for the VMM's. */
  private clear(page: ShadowPage): void {
    if (page.kind === Kind.BLANK_TABLE) return;
    const { entries } = page.format;
    if (isDirectory(page.role)) for (let i = 0; i < entries; i++) this.unlink(page, i);
    else for (let i = 0; i < entries; i++) this.dropLeaf(page, i);
  }

  private detach(page: ShadowPage, index: number, child: ShadowPage): void {
    page.children[index] = undefined;
    child.parents.splice(child.parents.indexOf(page.slot * ENTRIES + index), 1);
    this.words[page.word(index)] = 0;
    this.staleRegion = true;
  }

  /** Puts the VMM's entries, or the way to them, into a new page. */
  private putReserved(page: ShadowPage): void {
    const { format } = page;
    if (isDirectory(page.role)) {
      this.putBlank(page, this.reserved!.directoryIndex(format));
      return;
    }
    for (let i = 0; i < format.entries; i++) {
      if (this.isReserved(page, i)) this.words[page.word(i)] = this.reserved!.entry(format, i);
    }
  }

  /** If the VMM's range lies behind a directory's entry, leads it there past the guest. */
  private putBlank(page: ShadowPage, index: number): void {
    if (!this.holdsReserved(page, index)) return;
    const blank = this.obtain(keyOf(0, Kind.BLANK_TABLE | Role.RESERVED | (page.role & Role.PAE)));
    blank.pinned = true;
    this.link(page, index, blank);
  }

  private noteStale(page: ShadowPage): void {
    if (page.kind === Kind.DIRECT) this.staleRegion = true;
    else this.staleLeaf = true;
  }
}
