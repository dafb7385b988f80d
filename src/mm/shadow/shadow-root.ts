/**
 * The root in use: what the processor's CR3, and with PAE its PDPTE registers, must hold for the guest's present address space. Roots of
 * other address spaces stay in the pool, so that switching back finds them filled.
 * Invariant: the directories of the root in use are pinned, and no others.
 */
import { Cr0, Cr4, Pte } from "../../../assembly/abi/x86.js";
import { type Ma, ma, type Mfn } from "../../address.js";
import { type GuestPaging, pagingOn, paeOn } from "../guest-paging.js";
import { throughA20 } from "../walk-guest.js";
import { Kind, keyOf, Role, View } from "./role.js";
import type { ShadowPage } from "./shadow-page.js";
import type { ShadowTables } from "./shadow-tables.js";

/** The root of a VM's shadow tables. */
export class ShadowRoot {
  /** The guest's present directories: one, or four by bits 31-30 of the linear address. */
  directories: (ShadowPage | undefined)[] = [];
  /** Whether the tables have PAE form. */
  pae = false;
  /** Whose accesses the root serves. */
  view = View.SPLIT;
  /** Moves whenever the values for the processor's registers may have changed. */
  epoch = 0;
  /** Holds the four page-directory-pointer entries. */
  private pointers: Mfn | undefined;

  /** No root yet: `select` comes first. */
  constructor(
    private readonly tables: ShadowTables,
    private readonly state: GuestPaging,
  ) {}

  /** What CR3 must be. */
  get ma(): Ma {
    return ma((this.pae ? this.pointers! : this.directories[0]!.mfn) * 4096);
  }

  /** What the low word of a PDPTE register must be; the high one is 0. */
  pdpteLow(i: number): number {
    const directory = this.directories[i];
    return directory === undefined ? 0 : ((directory.mfn * 4096) | Pte.P) >>> 0;
  }

  /** The directory for a linear address; undefined if the guest has none there. */
  directory(gva: number): ShadowPage | undefined {
    return this.directories[this.pae ? gva >>> 30 : 0];
  }

  /** Chooses the root by the guest's registers. */
  select(): void {
    const keys = this.keys();
    for (const page of this.directories) if (page !== undefined) page.pinned = false;
    this.directories = [];
    for (const key of keys) {
      const page = key === undefined ? undefined : this.tables.obtain(key);
      if (page !== undefined) page.pinned = true;
      this.directories.push(page);
    }
    this.pae = paeOn(this.state);
    this.epoch++;
    if (this.pae) this.writePointers();
  }

  /** Lets go of the root, so that its pages can go. */
  release(): void {
    for (const page of this.directories) if (page !== undefined) page.pinned = false;
    this.directories = [];
    if (this.pointers !== undefined) this.tables.p2m.allocator.release(this.pointers, this.tables.p2m.owners.tables);
    this.pointers = undefined;
  }

  /** Keys of the directories the guest's registers name. */
  private keys(): (number | undefined)[] {
    const { state } = this;
    const { reserved } = this.tables;
    const host = reserved === undefined ? 0 : Role.RESERVED;
    if (!pagingOn(state)) return [keyOf(0, Kind.IDENTITY | this.view | host)];
    const common = this.view | ((state.cr0 & Cr0.WP) !== 0 ? Role.WP : 0);
    if (!paeOn(state)) {
      const pse = (state.cr4 & Cr4.PSE) !== 0 ? Role.PSE : 0;
      return [keyOf(this.tableFrame(state.cr3), Kind.DIRECTORY | common | pse | host)];
    }
    return [0, 1, 2, 3].map((i) => {
      const own = common | Role.PAE | (i === reserved?.pdpteIndex ? Role.RESERVED : 0);
      const low = state.pdpteLow(i);
      if ((low & Pte.P) !== 0 && state.pdpteHigh(i) === 0) return keyOf(this.tableFrame(low), Kind.DIRECTORY | own);
      return (own & Role.RESERVED) !== 0 ? keyOf(0, Kind.BLANK_DIRECTORY | own) : undefined;
    });
  }

  private tableFrame(entry: number): number {
    return throughA20((entry & 0xfffff000) >>> 0, this.state.a20Mask) / 4096;
  }

  private writePointers(): void {
    const { p2m } = this.tables;
    this.pointers ??= p2m.allocator.allocate(p2m.owners.tables);
    for (let i = 0; i < 4; i++) p2m.memory.words[this.pointers * 1024 + 2 * i] = this.pdpteLow(i);
  }
}
