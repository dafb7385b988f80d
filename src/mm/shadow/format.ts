/** The two forms of two-level tables: 32-bit and PAE. Shadow tables have the form of the guest's, so that one entry shadows one. */

/** Sizes of a form. */
export interface Format {
  readonly pae: boolean;
  /** Entries of a table. */
  readonly entries: number;
  /** 32-bit words of an entry. */
  readonly words: 1 | 2;
  /** Position of a directory index in a linear address; the table's is at 12. */
  readonly shift: 22 | 21;
}

/** 32-bit paging: 1,024 entries of 4 bytes (SDM 3A 4.3). */
export const FORMAT_32: Format = { pae: false, entries: 1024, words: 1, shift: 22 };
/** PAE paging: 512 entries of 8 bytes (SDM 3A 4.4). */
export const FORMAT_PAE: Format = { pae: true, entries: 512, words: 2, shift: 21 };

/** Index into the directory for a linear address. */
export function directoryIndex(format: Format, gva: number): number {
  return (gva >>> format.shift) & (format.entries - 1);
}

/** Index into the table for a linear address. */
export function tableIndex(format: Format, gva: number): number {
  return (gva >>> 12) & (format.entries - 1);
}
