/**
 * Four-level EPT tables in machine frames: finding, making and splitting entries (SDM 3C 28.2.2). It knows the form of the tables and
 * nothing of what leaves mean.
 * Invariant: an entry above the leaves is present exactly if it names a table, with all rights: leaves alone decide.
 */
import { EPT_RIGHTS, Ept } from "../../assembly/abi/ept.js";
import type { Mfn } from "../address.js";
import { type FrameAllocator, LARGE_FRAMES, type Owner } from "./frame-allocator.js";
import type { MachineMemory } from "./machine-memory.js";

/** Position of the index of each level in a guest frame number, from the root down. */
const SHIFTS = [27, 18, 9, 0] as const;
/** Guest frames an EPT can name: 48 bits of address; the machine's guests have 36. */
const MAX_GFN = 2 ** 24;

/** The tables of one VM. An entry is named by the index of its low word in machine RAM. */
export class EptTables {
  /** The top table. */
  readonly root: Mfn;
  /** Number of tables. */
  count = 0;
  /** The region of 512 guest frames looked at last, and where its lowest table's words begin; -1: no such table. */
  private region = -1;
  private table = -1;

  /** An empty root. Errors: OutOfFramesError. */
  constructor(
    private readonly memory: MachineMemory,
    private readonly allocator: FrameAllocator,
    private readonly owner: Owner,
  ) {
    this.root = this.newTable();
  }

  /** The present leaf of a guest frame, or -1. */
  find(gfn: number): number {
    if (gfn >>> 9 !== this.region) {
      const at = this.walk(gfn, 2);
      const low = at < 0 ? 0 : this.memory.words[at]!;
      if ((low & EPT_RIGHTS) === 0) return -1;
      if ((low & Ept.LARGE) !== 0) return at;
      this.region = gfn >>> 9;
      this.table = (low >>> 12) << 10;
    }
    const at = this.table + ((gfn & 511) << 1);
    return (this.memory.words[at]! & EPT_RIGHTS) === 0 ? -1 : at;
  }

  /** The entries of a walk for a guest frame from the root down, as far as tables go. */
  path(gfn: number): number[] {
    const entries: number[] = [];
    for (let level = 0; level < SHIFTS.length; level++) {
      const at = this.walk(gfn, level);
      if (at < 0) break;
      entries.push(at);
    }
    return entries;
  }

  /** Where the 4 KB leaf of a guest frame goes; tables on the way are made, a large leaf is split. Errors: RangeError, OutOfFramesError. */
  make(gfn: number): number {
    return this.reach(gfn, 3);
  }

  /** Where the 2 MB leaf of 512 guest frames goes. Errors: RangeError if smaller entries are there. */
  makeLarge(gfn: number): number {
    const at = this.reach(gfn, 2);
    if (gfn % LARGE_FRAMES !== 0 || (this.memory.words[at]! & EPT_RIGHTS) !== 0) {
      throw new RangeError(`guest frame ${gfn}: expected 512 absent frames on a 2 MB boundary`);
    }
    return at;
  }

  /** Makes the leaf of a guest frame absent; it must not be large. */
  clear(gfn: number): void {
    const at = this.find(gfn);
    if (at >= 0) this.memory.words[at] = this.memory.words[at + 1] = 0;
  }

  /** Replaces a large leaf that covers a guest frame by 512 small ones with the same flags. */
  split(gfn: number): void {
    const at = this.walk(gfn, 2);
    if (at < 0 || (this.memory.words[at]! & Ept.LARGE) === 0) return;
    const { words } = this.memory;
    const low = words[at]! & ~Ept.LARGE;
    const high = words[at + 1]!;
    const table = this.newTable() << 10;
    for (let i = 0; i < LARGE_FRAMES; i++) {
      words[table + 2 * i] = low + i * 4096;
      words[table + 2 * i + 1] = high;
    }
    words[at] = ((table >>> 10) << 12) | EPT_RIGHTS;
    words[at + 1] = 0;
    this.region = -1;
  }

  /** Calls `visit` for each present leaf with its first guest frame, machine frame and number of frames. */
  forEachLeaf(visit: (gfn: number, mfn: Mfn, frames: number) => void): void {
    this.visitTable(this.root, 0, 0, (at, level, gfn) => {
      const low = this.memory.words[at]!;
      const leaf = level === 3 || (low & Ept.LARGE) !== 0;
      if (leaf) visit(gfn, (low >>> 12) as Mfn, level === 3 ? 1 : LARGE_FRAMES);
      return !leaf;
    });
  }

  /** Gives all tables back. */
  destroy(): void {
    const tables: Mfn[] = [this.root];
    this.visitTable(this.root, 0, 0, (at, level) => {
      const low = this.memory.words[at]!;
      const table = level < 3 && (low & Ept.LARGE) === 0;
      if (table) tables.push((low >>> 12) as Mfn);
      return table;
    });
    for (const table of tables) this.allocator.release(table, this.owner);
    this.count = 0;
    this.region = -1;
  }

  /** The entry for a guest frame at a level (0: root), or -1 if a table above it is missing or a leaf. */
  private walk(gfn: number, level: number): number {
    const { words } = this.memory;
    let table: number = this.root;
    for (let i = 0; ; i++) {
      const at = (table << 10) + (((gfn >>> SHIFTS[i]!) & 511) << 1);
      if (i === level) return at;
      const low = words[at]!;
      if ((low & EPT_RIGHTS) === 0 || (low & Ept.LARGE) !== 0) return -1;
      table = low >>> 12;
    }
  }

  private reach(gfn: number, level: number): number {
    if (!Number.isInteger(gfn) || gfn < 0 || gfn >= MAX_GFN) throw new RangeError(`guest frame ${gfn}: out of range`);
    if (level === 3) this.split(gfn);
    const { words } = this.memory;
    let table: number = this.root;
    for (let i = 0; ; i++) {
      const at = (table << 10) + (((gfn >>> SHIFTS[i]!) & 511) << 1);
      if (i === level) return at;
      if ((words[at]! & EPT_RIGHTS) === 0) {
        words[at] = (this.newTable() << 12) | EPT_RIGHTS;
        this.region = -1;
      }
      table = words[at]! >>> 12;
    }
  }

  private newTable(): Mfn {
    this.count++;
    return this.allocator.allocate(this.owner);
  }

  /** Visits present entries depth first; below those for which `visit` returns true. */
  private visitTable(
    table: number,
    level: number,
    first: number,
    visit: (at: number, level: number, gfn: number) => boolean,
  ): void {
    for (let i = 0; i < 512; i++) {
      const at = (table << 10) + 2 * i;
      const low = this.memory.words[at]!;
      if ((low & EPT_RIGHTS) === 0) continue;
      const gfn = first + i * 2 ** SHIFTS[level]!;
      if (visit(at, level, gfn) && level < 3) this.visitTable(low >>> 12, level + 1, gfn, visit);
    }
  }
}
