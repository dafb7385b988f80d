/**
 * The guest's own page walk, made by the VMM: gva to gpa by the guest's tables and virtual control registers. It agrees with the
 * machine's walker (assembly/mmu/walk.ts) in everything: rights, reserved bits, error codes, and when A and D are set.
 * SDM 3A 4.3 (32-bit paging), 4.4 (PAE), 4.6 (rights), 4.7 (error codes), 4.8 (accessed and dirty).
 */
import { Access, Cr0, Cr4, PfError, Pte } from "../../assembly/abi/x86.js";
import type { Gpa, Gva } from "../address.js";
import type { GuestMemory } from "./guest-memory.js";
import type { GuestPaging } from "./guest-paging.js";

/** Memory by guest-physical address as a page walk reads it: all ones where there is none. */
export interface TableMemory {
  /** Four bytes, low one first; unsigned. */
  read32(gpa: number): number;
}

/** Reserved bits of a 4 MB entry: 21-13 (no PSE-36) and 12 (no PAT). */
const RESERVED_4M = 0x003ff000;
/** Reserved bits in the high word of any present PAE entry: there are 36 address bits and no NX. */
const RESERVED_HIGH = 0xfffffff0;
/** Reserved bits of a 2 MB entry: 20-13 and 12. */
const RESERVED_2M = 0x001ff000;
/** Reserved bit of a 4 KB entry: no PAT. */
const RESERVED_4K = 0x80;

/** An entry as a walk found it. */
interface WalkedEntry {
  /** Guest-physical address, A20 applied. */
  gpa: Gpa;
  /** The low word, before the walk set any flag. */
  low: number;
  /** The high word; 0 in 32-bit paging. */
  high: number;
}

/** A walk that led to an address, or to a page fault. Flags are not set yet: `commitWalk` does that. */
type GuestWalk = WalkFault | WalkHit;

/** A walk that faults. */
interface WalkFault {
  ok: false;
  /** What #PF pushes (SDM 3A 4.7). */
  errorCode: number;
  directory: WalkedEntry | undefined;
  table: WalkedEntry | undefined;
}

/** A walk that ends at an address. */
export interface WalkHit {
  ok: true;
  gpa: Gpa;
  /** The access is a store: D is to be set. */
  write: boolean;
  /** R/W and U/S of all levels together. */
  rights: number;
  /** The directory entry; absent without paging. */
  directory: WalkedEntry | undefined;
  /** The table entry; absent without paging and in large pages. */
  table: WalkedEntry | undefined;
}

/** Frame bits of a PAE entry that is not reserved, as an address. */
export function paeAddress(low: number, high: number, mask: number): number {
  return (high & 0xf) * 0x100000000 + ((low & mask) >>> 0);
}

/** True if the rights allow the access (SDM 3A 4.6.1). */
function allowed(rights: number, write: boolean, user: boolean, cr0: number): boolean {
  if (user && (rights & Pte.US) === 0) return false;
  return !write || (rights & Pte.RW) !== 0 || (!user && (cr0 & Cr0.WP) === 0);
}

/** Applies the A20 gate to an address of up to 36 bits. */
export function throughA20(address: number, mask: number): Gpa {
  return (Math.floor(address / 0x100000000) * 0x100000000 + ((address & mask) >>> 0)) as Gpa;
}

/** Walks the tables of a guest without setting a flag. */
export function findGuest(memory: TableMemory, state: GuestPaging, gva: Gva, access: Access, user: boolean): GuestWalk {
  const write = access === Access.WRITE;
  const { cr0, cr3, cr4, a20Mask } = state;
  if ((cr0 & Cr0.PG) === 0) {
    const gpa = throughA20(gva, a20Mask);
    return { ok: true, gpa, write, rights: Pte.RW | Pte.US, directory: undefined, table: undefined };
  }
  const error = (write ? PfError.WRITE : 0) | (user ? PfError.USER : 0);
  const pae = (cr4 & Cr4.PAE) !== 0;
  let directory: WalkedEntry | undefined;
  let table: WalkedEntry | undefined;
  const fault = (cause: number): WalkFault => ({ ok: false, errorCode: error | cause, directory, table });

  if (pae) {
    const pdpte = state.pdpteLow(gva >>> 30);
    if ((pdpte & Pte.P) === 0) return fault(0);
    // A table above 4 GB is outside RAM: it reads as all ones, hence as reserved bits.
    const above = state.pdpteHigh(gva >>> 30) !== 0;
    directory = readPae(memory, above, ((pdpte & 0xfffff000) >>> 0) + ((gva >>> 21) & 0x1ff) * 8, a20Mask);
  } else directory = read32(memory, ((cr3 & 0xfffff000) >>> 0) + (gva >>> 22) * 4, a20Mask);
  const pde = directory.low;
  if ((pde & Pte.P) === 0) return fault(0);
  if ((directory.high & RESERVED_HIGH) !== 0) return fault(PfError.PRESENT | PfError.RESERVED);

  if ((pde & Pte.PS) !== 0 && (pae || (cr4 & Cr4.PSE) !== 0)) {
    if ((pde & (pae ? RESERVED_2M : RESERVED_4M)) !== 0) return fault(PfError.PRESENT | PfError.RESERVED);
    if (!allowed(pde, write, user, cr0)) return fault(PfError.PRESENT);
    const offset = gva & (pae ? 0x1fffff : 0x3fffff);
    const base = paeAddress(pde, directory.high, pae ? 0xffe00000 : 0xffc00000);
    const gpa = throughA20(base + offset, a20Mask);
    return { ok: true, gpa, write, rights: pde & (Pte.RW | Pte.US), directory, table };
  }

  const base = (pde & 0xfffff000) >>> 0;
  if (pae) table = readPae(memory, directory.high !== 0, base + ((gva >>> 12) & 0x1ff) * 8, a20Mask);
  else table = read32(memory, base + ((gva >>> 12) & 0x3ff) * 4, a20Mask);
  const pte = table.low;
  if ((pte & Pte.P) === 0) return fault(0);
  if (((table.high & RESERVED_HIGH) | (pte & RESERVED_4K)) !== 0) return fault(PfError.PRESENT | PfError.RESERVED);
  const rights = pde & pte & (Pte.RW | Pte.US);
  if (!allowed(rights, write, user, cr0)) return fault(PfError.PRESENT);
  const gpa = throughA20(paeAddress(pte, table.high, 0xfffff000) + (gva & 0xfff), a20Mask);
  return { ok: true, gpa, write, rights, directory, table };
}

/** True if every accessed and dirty flag that the access of a walk sets is set already. */
export function isCommitted({ directory, table, write }: WalkHit): boolean {
  const leaf = table ?? directory;
  if (leaf === undefined) return true;
  const flags = Pte.A | (write ? Pte.D : 0);
  return (leaf.low & flags) === flags && (table === undefined || (directory!.low & Pte.A) !== 0);
}

/** Sets the accessed and dirty flags that the access of a walk sets. Returns whether any was clear. */
export function commitWalk(memory: GuestMemory, walk: WalkHit): boolean {
  const { directory, table, write } = walk;
  const leaf = table ?? directory;
  if (leaf === undefined) return false;
  let changed = false;
  if (table !== undefined && (directory!.low & Pte.A) === 0) {
    memory.setBits(directory!.gpa, Pte.A);
    changed = true;
  }
  const flags = Pte.A | (write ? Pte.D : 0);
  if ((leaf.low & flags) !== flags) {
    memory.setBits(leaf.gpa, flags);
    changed = true;
  }
  return changed;
}

/**
 * Translates `gva` as an access of the guest would, flags included. Returns the gpa; or, negative, minus one less the error code of
 * the page fault, and sets no flag.
 */
export function walkGuest(memory: GuestMemory, state: GuestPaging, gva: Gva, access: Access, user: boolean): number {
  const walk = findGuest(memory, state, gva, access, user);
  if (!walk.ok) return -1 - walk.errorCode;
  commitWalk(memory, walk);
  return walk.gpa;
}

function read32(memory: TableMemory, address: number, a20Mask: number): WalkedEntry {
  const gpa = throughA20(address, a20Mask);
  return { gpa, low: memory.read32(gpa), high: 0 };
}

function readPae(memory: TableMemory, above4G: boolean, address: number, a20Mask: number): WalkedEntry {
  const gpa = throughA20(address, a20Mask);
  if (above4G) return { gpa, low: 0xffffffff, high: 0xffffffff };
  return { gpa, low: memory.read32(gpa), high: memory.read32(gpa + 4) };
}
