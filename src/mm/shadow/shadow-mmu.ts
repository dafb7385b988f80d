/**
 * Shadow paging: the processor walks tables of the VMM that hold what the guest's tables mean in machine frames. Faults that the guest's
 * tables do not have are hidden and mended here; the others are the guest's (Adams & Agesen 2006, 2.4; KVM, Documentation/virt/kvm/x86/mmu.rst).
 * It knows no exits: it is told of faults, stores to traced tables, and everything that flushes the guest's TLB.
 * Invariant (`checkShadow`): every present entry is the guest's entry composed with the map of guest frames, is in the reverse map, and is
 * writable only if the frame is neither traced nor awaited by the dirty log and the guest's entry is dirty.
 */
import { Access, PfError, Pte } from "../../../assembly/abi/x86.js";
import { type Gfn, type Gpa, type Gva, gfnOf, gva as gvaOf, type Ma, PAGE_BYTES, PAGE_MASK } from "../../address.js";
import type { GuestMemory } from "../guest-memory.js";
import type { GuestPaging } from "../guest-paging.js";
import { NO_FRAME, type P2m, type P2mListener } from "../p2m.js";
import { commitWalk, findGuest, isCommitted, type WalkHit } from "../walk-guest.js";
import { checkShadow } from "./check.js";
import { directoryIndex, tableIndex } from "./format.js";
import { type ReservedFrame, ReservedRange } from "./reserved-range.js";
import { isDirectory, Kind, keyOf, Role, View } from "./role.js";
import { ShadowRoot } from "./shadow-root.js";
import { ShadowTables, type TlbCallbacks } from "./shadow-tables.js";
import { ShadowStatistics } from "./statistics.js";

/** What a page fault on shadow tables was. */
export type ShadowFault =
  /** Mended: go on with the same instruction. */
  | { kind: "hidden" }
  /** The guest's own: CR2 is the address, this the error code. */
  | { kind: "true"; errorCode: number }
  /** To be emulated, A and D included: no memory there, a store to ROM, a store to a page table that the VMM must learn of. */
  | { kind: "mmio" | "rom" | "trace" | "straddle"; gpa: Gpa }
  /** To be emulated: the address is the VMM's in the shadow, or the access is not one that the view serves. */
  | { kind: "reserved" };

/** How a shadow MMU goes about it. */
export interface ShadowOptions {
  /** Most shadow tables at a time, each a frame of 4 KB. At least 16. */
  maxFrames?: number;
  /** Whether leaf tables may be left to the guest between its TLB flushes. */
  unsync?: boolean;
  /** Leaf entries to fill at each hidden fault, in aligned groups; 1: only the one. A power of two. */
  prefetch?: number;
  /** Stores to a table without a fault through it after which it is taken for data. */
  floodLimit?: number;
}

/** Defaults of the options. 384 tables and their lists take 3 MB. */
const SHADOW_DEFAULTS: Required<ShadowOptions> = { maxFrames: 384, unsync: true, prefetch: 16, floodLimit: 8 };

/** Bytes of the longest operand in memory: what FNSAVE stores. */
const LONGEST_OPERAND = 108;

const HIDDEN: ShadowFault = { kind: "hidden" };
const RESERVED: ShadowFault = { kind: "reserved" };

/** The shadow MMU of one virtual processor. */
export class ShadowMmu {
  readonly statistics = new ShadowStatistics();
  readonly tables: ShadowTables;
  readonly root: ShadowRoot;
  private readonly p2m: P2m;
  private readonly options: Required<ShadowOptions>;
  private readonly listener: P2mListener;

  /** Shadows what `state` says of `memory`. */
  constructor(
    readonly memory: GuestMemory,
    readonly state: GuestPaging,
    tlb: TlbCallbacks,
    options: ShadowOptions = {},
  ) {
    this.options = { ...SHADOW_DEFAULTS, ...options };
    this.p2m = memory.p2m;
    this.tables = new ShadowTables(this.p2m, state, tlb, this.statistics, Math.max(16, this.options.maxFrames));
    this.root = new ShadowRoot(this.tables, state);
    this.tables.onRootLost = () => this.root.select();
    this.listener = {
      mapped: (gfn) => this.tables.frameMapped(gfn),
      unmapped: (gfn, mfn) => this.tables.frameUnmapped(gfn, mfn),
      restricted: (gfn, mfn) => this.tables.protect(mfn, gfn),
    };
    this.p2m.listen(this.listener);
    this.root.select();
  }

  /** Value for the processor's CR3. */
  get rootAddress(): Ma {
    return this.root.ma;
  }

  /** Value for the processor's CR4.PAE. */
  get pae(): boolean {
    return this.root.pae;
  }

  /**
   * Answers a page fault of the processor at `gva`. In the error code, W is the access, and U whether the *guest* is in user mode; the other
   * bits are the shadow's and mean nothing.
   */
  handleFault(gva: Gva, errorCode: number): ShadowFault {
    const { statistics, tables } = this;
    statistics.faults++;
    if (tables.reserved?.covers(gva)) {
      statistics.reserved++;
      return RESERVED;
    }
    const write = (errorCode & PfError.WRITE) !== 0;
    const user = (errorCode & PfError.USER) !== 0;
    const access = write ? Access.WRITE : Access.READ;
    const walk = findGuest(this.memory, this.state, gva, access, user);
    if (!walk.ok) {
      statistics.true++;
      this.forget(gva);
      return { kind: "true", errorCode: walk.errorCode };
    }
    const { gpa } = walk;
    const gfn = gfnOf(gpa);
    const mfn = this.p2m.mfn(gfn);
    if (mfn === NO_FRAME) {
      statistics.mmio++;
      return { kind: "mmio", gpa };
    }
    if (write && !this.p2m.mayWrite(gfn)) {
      statistics.rom++;
      return { kind: "rom", gpa };
    }
    if (write && tables.composer.isTraced(mfn) && !this.untrace(mfn)) return this.trace(gpa);
    if (this.straddles(gva, walk, access, user)) {
      statistics.straddling++;
      return { kind: "straddle", gpa };
    }
    if (write) this.p2m.log?.markDirty(gfn);
    commitWalk(this.memory, walk);
    return this.fill(gva, walk, user);
  }

  /** The instruction whose access was a `straddle` has been emulated: makes the entry for it, unless the access came to nothing. */
  straddled(gva: Gva, errorCode: number): void {
    const access = (errorCode & PfError.WRITE) !== 0 ? Access.WRITE : Access.READ;
    const walk = findGuest(this.memory, this.state, gva, access, (errorCode & PfError.USER) !== 0);
    if (walk.ok && isCommitted(walk)) this.handleFault(gva, errorCode);
  }

  /**
   * True if an access from `at` on may go on into a page where it faults: then it is not for the VMM to say whether A and D of this page
   * are set. Once they are, it makes no difference.
   */
  private straddles(at: Gva, walk: WalkHit, access: Access, user: boolean): boolean {
    const next = ((at | PAGE_MASK) + 1) >>> 0;
    if ((next - at) >>> 0 >= LONGEST_OPERAND || isCommitted(walk)) return false;
    return !findGuest(this.memory, this.state, gvaOf(next), access, user).ok;
  }

  /** A store of `bytes` bytes to guest-physical memory has been made by somebody else than the guest's direct execution. */
  traceWrite(gpa: Gpa, bytes: number): void {
    const end = gpa + bytes;
    for (let at = gpa as number; at < end; ) {
      const part = Math.min(end - at, PAGE_BYTES - (at % PAGE_BYTES));
      this.storeInFrame(gfnOf(at as Gpa), at % PAGE_BYTES, part);
      at += part;
    }
  }

  /** The guest executes INVLPG for `gva` (SDM 3A 4.10.4.1). */
  invlpg(gva: Gva): void {
    this.forget(gva);
    this.tables.flushPage(gva);
  }

  /** The guest's TLB is flushed, and its registers may name another address space or mode: after changes of CR3, CR0.PG, CR0.WP, CR4.PSE, CR4.PAE, CR4.PGE. */
  reload(): void {
    this.syncAll();
    this.root.select();
    this.tables.flush();
  }

  /** The A20 gate moved: every address may mean something else. */
  a20Changed(): void {
    this.flushAll();
  }

  /** Changes whose accesses the tables serve. */
  setView(view: View): void {
    if (view === this.root.view) return;
    this.root.view = view;
    this.root.select();
    if (this.tables.tlb.viewsApart !== true) this.tables.flush();
  }

  /** Drops every shadow table and begins anew: changes speed only. */
  flushAll(): void {
    this.dropPages();
    this.root.select();
    this.tables.flush();
  }

  /** Puts frames of the VMM at `gva` of every address space, for supervisor code; no frames: takes them out again. Errors: RangeError. */
  reserve(gva: Gva, frames: readonly ReservedFrame[]): void {
    const range = frames.length === 0 ? undefined : new ReservedRange(gva, frames);
    this.dropPages();
    this.tables.reserved = range;
    this.root.select();
    this.tables.flush();
  }

  /** Begins to trace stores to a guest frame that is no page table: `handleFault` reports them as `trace`. */
  watch(gfn: Gfn): void {
    const mfn = this.p2m.mfn(gfn);
    if (mfn === NO_FRAME) return;
    const { pool } = this.tables;
    if (pool.ofFrame(mfn)[0]?.unsync) this.tables.resync(mfn);
    pool.watched.add(mfn);
    this.tables.protect(mfn, gfn);
  }

  /** Ends that. */
  unwatch(gfn: Gfn): void {
    const mfn = this.p2m.mfn(gfn);
    const { pool } = this.tables;
    if (mfn === NO_FRAME || !pool.watched.delete(mfn)) return;
    if (!pool.isShadowed(mfn)) this.p2m.setTraced(gfn, false);
  }

  /** Throws an Error naming what is wrong if the tables break their invariant. */
  checkInvariant(): void {
    checkShadow(this.tables, this.root);
  }

  /** Gives all frames back. */
  destroy(): void {
    this.p2m.unlisten(this.listener);
    this.dropPages();
  }

  /** Shadow tables there are. */
  get frames(): number {
    return this.tables.pool.size;
  }

  /** Makes the entries for a walk. */
  private fill(gva: Gva, walk: WalkHit, user: boolean): ShadowFault {
    const { tables } = this;
    const { pool, composer } = tables;
    const directory = this.root.directory(gva)!;
    const at = directoryIndex(directory.format, gva);
    const key = composer.child(directory, at, tables.holdsReserved(directory, at));
    let child = directory.children[at];
    if (child?.key !== key) {
      child = tables.obtain(key);
      tables.link(directory, at, child);
    }
    pool.touch(directory);
    pool.touch(child);

    const index = tableIndex(child.format, gva);
    const source = composer.source(child, index)!;
    let entry = composer.leaf(source, child.role);
    if (entry === 0) return RESERVED; // the view is not for this access
    if (walk.write && (entry & Pte.RW) === 0) {
      if (!user) entry = composer.supervisorStore(source, child.role);
      // The way to the page has just made it a traced table.
      if ((entry & Pte.RW) === 0) return this.trace(walk.gpa);
    }
    tables.setLeaf(child, index, entry);
    this.prefetch(child, index);
    this.statistics.hidden++;
    return HIDDEN;
  }

  /** Fills absent neighbours of an entry, as far as the guest's entries were accessed already. */
  private prefetch(page: Parameters<ShadowTables["setLeaf"]>[0], index: number): void {
    const { tables } = this;
    const count = this.options.prefetch;
    const first = index & -count;
    for (let i = first; i < first + count; i++) {
      if ((tables.entry(page, i) & Pte.P) !== 0) continue;
      const source = tables.composer.source(page, i);
      const entry = source === undefined ? 0 : tables.composer.leaf(source, page.role);
      if (entry === 0) continue;
      tables.setLeaf(page, i, entry);
      this.statistics.prefetched++;
    }
  }

  /** Tries to make a traced frame plain memory: by leaving its leaf tables to the guest, or because it is a table no more. */
  private untrace(mfn: number): boolean {
    const pages = this.tables.pool.ofFrame(mfn);
    if (this.tables.pool.watched.has(mfn)) return false;
    if (this.options.unsync && pages.every((page) => page.kind === Kind.TABLE)) {
      this.tables.unsync(mfn);
      return true;
    }
    if (pages.some((page) => page.pinned || page.stores < this.options.floodLimit)) return false;
    this.statistics.flooded += pages.length;
    for (const page of pages) this.tables.zap(page);
    return true;
  }

  private trace(gpa: Gpa): ShadowFault {
    this.statistics.trace++;
    return { kind: "trace", gpa };
  }

  /** Brings what a store changed up to date. */
  private storeInFrame(gfn: Gfn, offset: number, bytes: number): void {
    const { tables } = this;
    const mfn = this.p2m.mfn(gfn);
    if (mfn === NO_FRAME) return;
    this.p2m.log?.markDirty(gfn);
    if (!tables.composer.isTraced(mfn)) return;
    this.statistics.stores++;
    for (const page of tables.pool.ofFrame(mfn)) {
      const size = page.format.words * 4;
      const last = Math.floor((offset + bytes - 1) / size);
      page.stores++;
      for (let i = Math.floor(offset / size); i <= last; i++) {
        if (isDirectory(page.role)) tables.refreshLink(page, i);
        else tables.refreshLeaf(page, i);
      }
    }
  }

  /** Brings the entry for `gva` in step, in every view. INVLPG does it, and a true fault (SDM 3A 4.10.4.1). */
  private forget(gva: Gva): void {
    const current = this.root.directory(gva);
    if (current === undefined) return;
    for (const view of this.root.view === View.SPLIT ? [View.SPLIT] : [View.KERNEL, View.USER]) {
      const directory = this.tables.pool.find(keyOf(current.gfn, (current.role & ~Role.VIEW) | view));
      const table = directory?.children[directoryIndex(current.format, gva)];
      if (table?.unsync) this.tables.refreshLeaf(table, tableIndex(table.format, gva));
    }
  }

  private syncAll(): void {
    for (const page of this.tables.pool.pages()) if (page.unsync) this.tables.resync(page.frame);
  }

  private dropPages(): void {
    this.root.release();
    const { pool } = this.tables;
    for (const page of [...pool.pages()]) if (page.kind !== Kind.BLANK_TABLE) this.tables.zap(page);
    // Nothing names the blank tables any more.
    for (const page of [...pool.pages()]) {
      page.pinned = false;
      this.tables.zap(page);
    }
  }
}
