/**
 * The VMM's own frames in the linear space of a guest: the tables a trap monitor needs wherever the processor may look for them. The
 * range is in every root and lies in one directory entry; the rest of that entry stays the guest's.
 */
import { Pte } from "../../../assembly/abi/x86.js";
import { type Gva, type Mfn, PAGE_BYTES } from "../../address.js";
import { directoryIndex, type Format, tableIndex } from "./format.js";

/** A frame of the range; supervisor code alone has access. */
export interface ReservedFrame {
  mfn: Mfn;
  writable: boolean;
}

/** A range of linear pages that are the VMM's. */
export class ReservedRange {
  /** Pages from `start` on. Errors: RangeError if they are not aligned, or not within one 2 MB region. */
  constructor(
    readonly start: Gva,
    readonly frames: readonly ReservedFrame[],
  ) {
    const last = start + frames.length * PAGE_BYTES - 1;
    if (start % PAGE_BYTES !== 0 || frames.length === 0 || start >>> 21 !== last >>> 21) {
      throw new RangeError(
        `reserved range: expected whole pages in one 2 MB region, found ${frames.length} at ${start.toString(16)}`,
      );
    }
  }

  /** Whether a linear address is the VMM's. */
  covers(gva: number): boolean {
    return gva >= this.start && gva - this.start < this.frames.length * PAGE_BYTES;
  }

  /** The directory index of the range. */
  directoryIndex(format: Format): number {
    return directoryIndex(format, this.start);
  }

  /** Which of the four PAE directories holds it. */
  get pdpteIndex(): number {
    return this.start >>> 30;
  }

  /** Whether a table of the range's directory entry has the VMM's entry at an index. */
  ownsEntry(format: Format, index: number): boolean {
    const first = tableIndex(format, this.start);
    return index >= first && index < first + this.frames.length;
  }

  /** The entry at such an index: its low word. */
  entry(format: Format, index: number): number {
    const { mfn, writable } = this.frames[index - tableIndex(format, this.start)]!;
    return ((mfn * PAGE_BYTES) | Pte.P | Pte.A | (writable ? Pte.RW | Pte.D : 0)) >>> 0;
  }
}
