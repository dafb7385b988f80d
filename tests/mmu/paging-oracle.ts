/**
 * Address translation as the tables of the SDM tell it, written for reading and without a TLB: what the machine's walker is
 * compared with. SDM 3A 4.3 and tables 4-4 to 4-6 (32-bit paging), 4.4 and tables 4-8 to 4-11 (PAE), 4.6.1 (rights), 4.7
 * (error codes), 4.8 (accessed and dirty). A processor without PAT, PSE-36 and NX, and with 36 physical address bits.
 */

/** The control registers that translation depends on. */
export interface Paging {
  /** CR4.PAE. */
  pae: boolean;
  /** CR4.PSE. */
  pse: boolean;
  /** CR0.WP. */
  wp: boolean;
  /** Physical address of the page directory, without PAE. */
  directory: number;
  /** The four PDPTE registers, with PAE. */
  pdptes: readonly bigint[];
}

/** How memory is used. */
export type Use = "read" | "write" | "fetch";

/** A page fault with its error code, or a physical address and the entry bits the access sets. */
export type Translation = { error: number } | { pa: bigint; marks: { at: number; bits: bigint }[] };

/** Entry bits (SDM 3A table 4-6). */
export const P = 1n;
export const RW = 2n;
export const US = 4n;
export const A = 0x20n;
export const D = 0x40n;
export const PS = 0x80n;

/** Bits `high` to `low`. */
const bits = (high: number, low: number) => ((1n << BigInt(high - low + 1)) - 1n) << BigInt(low);

/** Bits that must be zero in a present entry. */
function reserved(pae: boolean, directory: boolean, large: boolean): bigint {
  const physical = pae ? bits(63, 36) : 0n;
  if (large) return physical | (pae ? bits(20, 13) : bits(21, 13)) | bits(12, 12);
  return directory ? physical : physical | bits(7, 7);
}

/** Whether the rights of all levels together allow the access. */
function allowed(rights: bigint, use: Use, user: boolean, wp: boolean): boolean {
  if (user && (rights & US) === 0n) return false;
  if (use !== "write" || (rights & RW) !== 0n) return true;
  return !user && !wp;
}

/** Translates `lin`. `entry` reads a table entry of `bytes` bytes at a physical address. */
export function translate(
  entry: (at: number, bytes: 4 | 8) => bigint,
  { pae, pse, wp, directory, pdptes }: Paging,
  { lin, use, user }: { lin: number; use: Use; user: boolean },
): Translation {
  const fault = (cause: number) => ({ error: cause | (use === "write" ? 2 : 0) | (user ? 4 : 0) });
  const pdpte = pdptes[lin >>> 30]!;
  if (pae && (pdpte & P) === 0n) return fault(0);
  let table = pae ? Number(pdpte & bits(35, 12)) : directory;
  let rights = RW | US;
  const marks: { at: number; bits: bigint }[] = [];
  for (const shift of pae ? [21, 12] : [22, 12]) {
    const bytes = pae ? 8 : 4;
    const at = table + bytes * ((lin >>> shift) & (pae ? 511 : 1023));
    const value = entry(at, bytes);
    if ((value & P) === 0n) return fault(0);
    const isDirectory = shift !== 12;
    const large = isDirectory && (value & PS) !== 0n && (pae || pse);
    if ((value & reserved(pae, isDirectory, large)) !== 0n) return fault(9);
    rights &= value;
    if (large || !isDirectory) {
      if (!allowed(rights, use, user, wp)) return fault(1);
      marks.push({ at, bits: use === "write" ? A | D : A });
      const offset = bits(shift - 1, 0);
      return { pa: (value & bits(35, 12) & ~offset) | (BigInt(lin) & offset), marks };
    }
    marks.push({ at, bits: A });
    table = Number(value & bits(35, 12));
  }
  throw new Error("the last level is a leaf");
}
