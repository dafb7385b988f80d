/**
 * What a shadow entry must be: the guest's entry composed with the map from guest frames to machine frames. Nothing is kept here and no
 * flag is set; the fault path, prefetching, traces, resynchronisation and the invariant all ask the same functions.
 */
import { Pte } from "../../../assembly/abi/x86.js";
import type { GuestPaging } from "../guest-paging.js";
import { NO_FRAME, type P2m } from "../p2m.js";
import { paeAddress, throughA20 } from "../walk-guest.js";
import { ACCESS_SHIFT, Kind, keyOf, Role, View } from "./role.js";
import { type ShadowPage, UNBACKED } from "./shadow-page.js";
import type { ShadowPool } from "./shadow-pool.js";

const RIGHTS = Pte.RW | Pte.US;
/** Role bits that a table has from its directory. */
const INHERITED = Role.PAE | Role.WP | Role.VIEW;

/** A leaf entry of the guest as its shadow sees it. */
export interface Source {
  gfn: number;
  /** R/W and U/S of both levels together. */
  rights: number;
  /** D of the guest's leaf entry. */
  dirty: boolean;
}

/** Composes shadow entries for one VM. */
export class Composer {
  /** From `p2m` and the guest's A20 gate; `pool` knows what is traced. */
  constructor(
    private readonly p2m: P2m,
    private readonly state: GuestPaging,
    private readonly pool: ShadowPool,
  ) {}

  /** Whether stores to a machine frame must be traced: it holds a table whose shadow is in step, or is watched. */
  isTraced(mfn: number): boolean {
    if (this.pool.watched.has(mfn)) return true;
    const pages = this.pool.ofFrame(mfn);
    return pages.length > 0 && !pages[0]!.unsync;
  }

  /**
   * The guest's entry that a page's entry shadows: low word. All ones where the guest has no memory. Flags that a walk cannot set, since the
   * table cannot be written, count as set.
   */
  private guestLow(page: ShadowPage, index: number): number {
    if (page.frame === UNBACKED) return 0xffffffff;
    const low = this.p2m.memory.words[page.frame * 1024 + index * page.format.words]!;
    return page.fixed ? low | Pte.A | Pte.D : low;
  }

  /** The key of the table that a directory's entry should name, now; -1 if none: absent, faulting, or not accessed yet. */
  child(page: ShadowPage, index: number, reserved: boolean): number {
    if (page.kind === Kind.BLANK_DIRECTORY) return -1;
    const own = (page.role & INHERITED) | (reserved ? Role.RESERVED : 0);
    if (page.kind === Kind.IDENTITY) return keyOf(index * 1024, own | Kind.DIRECT | Role.RW | Role.US | Role.DIRTY);
    const low = this.guestLow(page, index);
    const high = this.guestHigh(page, index);
    if ((low & (Pte.P | Pte.A)) !== (Pte.P | Pte.A) || high >>> 4 !== 0) return -1;
    const access = (low & RIGHTS) << ACCESS_SHIFT;
    if ((low & Pte.PS) !== 0 && (page.role & (Role.PAE | Role.PSE)) !== 0) {
      const { pae } = page.format;
      if ((low & (pae ? 0x001ff000 : 0x003ff000)) !== 0) return -1;
      const base = paeAddress(low, high, pae ? 0xffe00000 : 0xffc00000) / 4096;
      return keyOf(base, own | Kind.DIRECT | access | ((low & Pte.D) !== 0 ? Role.DIRTY : 0));
    }
    if (high !== 0) return -1;
    const table = throughA20((low & 0xfffff000) >>> 0, this.state.a20Mask);
    return keyOf(table / 4096, own | Kind.TABLE | access);
  }

  /** What a leaf entry shadows, now; undefined if absent, faulting, or not accessed yet. */
  source(page: ShadowPage, index: number): Source | undefined {
    const rights = (page.role >> ACCESS_SHIFT) & RIGHTS;
    if (page.kind === Kind.DIRECT) {
      const gpa = throughA20((page.gfn + index) * 4096, this.state.a20Mask);
      return { gfn: gpa / 4096, rights, dirty: (page.role & Role.DIRTY) !== 0 };
    }
    if (page.kind !== Kind.TABLE) return undefined;
    const low = this.guestLow(page, index);
    const high = this.guestHigh(page, index);
    if ((low & (Pte.P | Pte.A | Pte.PS)) !== (Pte.P | Pte.A) || high >>> 4 !== 0) return undefined;
    const gpa = throughA20(paeAddress(low, high, 0xfffff000), this.state.a20Mask);
    return { gfn: gpa / 4096, rights: rights & low, dirty: (low & Pte.D) !== 0 };
  }

  /** The shadow entry for a source in a table of role `role`: its low word, or 0 if accesses must fault. */
  leaf(source: Source, role: number): number {
    const mfn = this.p2m.mfn(source.gfn);
    if (mfn === NO_FRAME) return 0;
    const view = role & Role.VIEW;
    if (view === View.USER && (source.rights & Pte.US) === 0) return 0;
    const user = view !== View.SPLIT || (source.rights & Pte.US) !== 0;
    const stores = (source.rights & Pte.RW) !== 0 || (view === View.KERNEL && (role & Role.WP) === 0);
    const writable = stores && this.maySee(source, mfn);
    return ((mfn * 4096) | Pte.P | Pte.A | (user ? Pte.US : 0) | (writable ? Pte.RW | Pte.D : 0)) >>> 0;
  }

  /**
   * The entry that lets the guest's kernel store to a read-only page while CR0.WP is clear, as KVM makes it: writable, and closed to user
   * code, whose next access takes it back. 0 if stores are not possible for another reason.
   */
  supervisorStore(source: Source, role: number): number {
    const applies = (role & (Role.WP | Role.VIEW)) === 0 && (source.rights & Pte.RW) === 0;
    const mfn = this.p2m.mfn(source.gfn);
    if (!applies || mfn === NO_FRAME || !this.maySee(source, mfn)) return 0;
    return ((mfn * 4096) | Pte.P | Pte.A | Pte.RW | Pte.D) >>> 0;
  }

  /** Whether nothing but rights stands against stores that the VMM does not see. */
  private maySee(source: Source, mfn: number): boolean {
    return (
      source.dirty &&
      this.p2m.writable(source.gfn) &&
      !this.isTraced(mfn) &&
      (this.p2m.log === undefined || !this.p2m.log.isClean(source.gfn))
    );
  }

  private guestHigh(page: ShadowPage, index: number): number {
    if (!page.format.pae) return 0;
    if (page.frame === UNBACKED) return 0xffffffff;
    return this.p2m.memory.words[page.frame * 1024 + index * 2 + 1]!;
  }
}
