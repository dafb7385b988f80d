/**
 * Every combination of the bits in the entries of one page that translation looks at, as directory and table entries. Entries
 * that make lower levels irrelevant come with a few of those only.
 */
import { A, D, P, PS, RW, US } from "./paging-oracle.js";

/** The entries that translate one page. */
export interface PageEntries {
  pde: bigint;
  pte: bigint;
}

/** Where the entries point. */
export interface Places {
  table: number;
  frame: number;
  large: number;
}

/** All sums of subsets of `flags`. */
function subsets(flags: readonly bigint[]): bigint[] {
  return flags.reduce<bigint[]>((sums, flag) => sums.concat(sums.map((sum) => sum | flag)), [0n]);
}

/** Reserved bits to try, one at a time; the SDM's ranges by their ends. */
function reservedBits(pae: boolean, large: boolean): bigint[] {
  const physical = pae ? [36n, 51n, 63n] : [];
  const own = large ? [12n, 13n, pae ? 20n : 21n] : [];
  return [0n, ...[...physical, ...own].map((bit) => 1n << bit)];
}

/** All variants for a paging mode. */
export function entryVariants({ pae, pse }: { pae: boolean; pse: boolean }, places: Places): PageEntries[] {
  const table = BigInt(places.table);
  const frame = BigInt(places.frame);
  const large = BigInt(places.large);
  const ignored = RW | US | A | D;
  const few = [0n, frame | P | ignored];
  const leaves: bigint[] = [frame, frame | ignored | PS];
  for (const flags of subsets([RW, US, A, D])) {
    leaves.push(frame | P | flags, frame | P | flags | PS);
    for (const bit of reservedBits(pae, false).slice(1)) leaves.push(frame | P | flags | bit);
  }
  const variants: PageEntries[] = [];
  const add = (pde: bigint, ptes: readonly bigint[]) => variants.push(...ptes.map((pte) => ({ pde, pte })));
  add(0n, few);
  add(table | ignored | PS, few);
  const largePages = pae || pse;
  for (const flags of subsets([RW, US, A, D])) {
    add(table | P | flags, leaves);
    for (const bit of reservedBits(pae, false).slice(1)) add(table | P | flags | bit, few);
    if (largePages) for (const bit of reservedBits(pae, true)) add(large | P | PS | flags | bit, few);
    else add(table | P | PS | flags, leaves);
  }
  return variants;
}
