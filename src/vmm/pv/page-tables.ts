/**
 * Direct paging: the guest's page tables are the processor's, in machine addresses, and every change to one goes through here (Barham et al. 2003,
 * 3.3.3). Two levels of 4 KB pages.
 * Invariants: each present entry of a frame in use as L1 or L2 holds a reference to the frame it names, an L1 entry with R/W one as WRITABLE, an L2
 * entry one as L1; the entries of an L2 for the monitor's addresses are the monitor's.
 */
import { Pte } from "../../../assembly/abi/x86.js";
import type { MachineMemory } from "../../mm/machine-memory.js";
import { GUEST_L2_ENTRIES } from "./abi.js";
import type { DescriptorTables } from "./descriptor-tables.js";
import { type FrameContent, FrameUse, type FrameTypes } from "./frame-types.js";

/** Bits that no present entry of a guest may have: global, large, and cache control. */
const DISALLOWED = Pte.G | Pte.PS | Pte.PCD | Pte.PWT;
/** Flags the processor sets by itself. */
const PROCESSOR_FLAGS = Pte.A | Pte.D;
const ENTRIES = 1024;

/** The page tables of a domain. */
export class PageTables implements FrameContent {
  /** Entries changed one by one. */
  updates = 0;
  /** The monitor's entries of every directory, from GUEST_L2_ENTRIES on. */
  readonly monitorEntries = new Uint32Array(ENTRIES - GUEST_L2_ENTRIES);

  constructor(
    private readonly memory: MachineMemory,
    private readonly frames: FrameTypes,
    private readonly descriptors: Pick<DescriptorTables, "validate">,
  ) {}

  validate(mfn: number, use: FrameUse): boolean {
    if (use === FrameUse.SEGMENT) return this.descriptors.validate(mfn);
    const { words } = this.memory;
    const first = mfn << 10;
    const count = use === FrameUse.L2 ? GUEST_L2_ENTRIES : ENTRIES;
    for (let i = 0; i < count; i++) {
      const entry = words[first + i]!;
      if ((entry & Pte.P) === 0 || this.get(entry, use)) continue;
      while (i-- > 0) this.put(words[first + i]!, use);
      return false;
    }
    if (use === FrameUse.L2) words.set(this.monitorEntries, first + GUEST_L2_ENTRIES);
    this.memory.written(mfn * 4096, 4096);
    return true;
  }

  devalidate(mfn: number, use: FrameUse): void {
    if (use === FrameUse.SEGMENT) return;
    const { words } = this.memory;
    const first = mfn << 10;
    const count = use === FrameUse.L2 ? GUEST_L2_ENTRIES : ENTRIES;
    for (let i = 0; i < count; i++) this.put(words[first + i]!, use);
    // What the monitor has there is nothing the guest should find in memory of its own.
    if (use === FrameUse.L2) words.fill(0, first + GUEST_L2_ENTRIES, first + ENTRIES);
  }

  /** Takes what a present entry of a table of `use` refers to; false if it may not. */
  private get(entry: number, use: FrameUse): boolean {
    const { frames } = this;
    if ((entry & DISALLOWED) !== 0) return frames.refuse("flags of a page table entry");
    const mfn = entry >>> 12;
    if (use === FrameUse.L2) return frames.getFrameAs(mfn, FrameUse.L1);
    return (entry & Pte.RW) === 0 ? frames.getFrame(mfn) : frames.getFrameAs(mfn, FrameUse.WRITABLE);
  }

  /** Gives it up; an entry that is not present refers to nothing. */
  private put(entry: number, use: FrameUse): void {
    if ((entry & Pte.P) === 0) return;
    if (use === FrameUse.L2 || (entry & Pte.RW) !== 0) this.frames.putFrameAs(entry >>> 12);
    else this.frames.putFrame(entry >>> 12);
  }

  /** Changes the entry with word index `at` of a table of `use`, which somebody keeps of that use; false if the new one may not be. */
  change(at: number, value: number, use: FrameUse, keepFlags: boolean): boolean {
    const { words } = this.memory;
    if (use === FrameUse.L2 && (at & (ENTRIES - 1)) >= GUEST_L2_ENTRIES) {
      return this.frames.refuse("directory entry of the monitor");
    }
    const old = words[at]!;
    let entry = value;
    if (keepFlags) entry = (value & ~PROCESSOR_FLAGS) | (old & PROCESSOR_FLAGS);
    // Of an entry that goes on naming its frame with the same right, nothing that is counted changes.
    const counted = ((entry ^ old) & (0xfffff000 | Pte.P | Pte.RW)) !== 0 || (entry & DISALLOWED) !== 0;
    if (counted && (entry & Pte.P) !== 0 && !this.get(entry >>> 0, use)) return false;
    words[at] = entry;
    this.updates++;
    if (counted) this.put(old, use);
    return true;
  }

  /** The word index of the L1 entry for a linear address under directory `directory`; -1 if there is no table, or the address is the monitor's. */
  entryFor(directory: number, address: number): number {
    const slot = address >>> 22;
    if (slot >= GUEST_L2_ENTRIES) return -1;
    const pde = this.memory.words[(directory << 10) + slot]!;
    return (pde & Pte.P) === 0 ? -1 : ((pde >>> 12) << 10) + ((address >>> 12) & (ENTRIES - 1));
  }
}
