/**
 * The page walker: linear to physical by the guest's tables, with permissions and accessed/dirty flags.
 * SDM 3A 4.3 (32-bit paging), 4.4 (PAE), 4.6 (access rights), 4.7 (page-fault error codes), 4.8 (accessed and dirty).
 * The machine has 36 physical address bits in PAE entries, no NX, no PAT and no PSE-36: their bits are reserved.
 */
import { Cpu, Walked } from "../abi/cpu";
import { Layout } from "../abi/layout";
import { Access, Cr0, Cr4, PfError, Pte, Vector } from "../abi/x86";
import { raiseCode } from "../cpu/fault";
import { Active, Vmx } from "../abi/vmx";
import { fieldPtr, get, set } from "../cpu/state";
import { beginWalk, endWalk, NO_FRAME, nested } from "../vmx/ept";
import { exitRaised } from "../vmx/exit";
import { active, vcount, vget } from "../vmx/state";
import { hasCode } from "./code";
import { physLoad32, physLoad64, physSetBits } from "./phys";

/** Reserved bits of a 4 MB directory entry: 21-13 (no PSE-36) and 12 (no PAT). */
const RESERVED_4M: u32 = 0x003ff000;
/** Reserved bits of any present PAE entry: 63-36. */
const RESERVED_PAE: u64 = 0xfffffff000000000;
/** Reserved bits of a 2 MB PAE directory entry below bit 36: 20-13 and 12. */
const RESERVED_2M: u64 = 0x1ff000;
/** Reserved bit of a 4 KB entry while PAT is not supported. */
const RESERVED_4K: u32 = 0x80;

/** Raises #PF for `lin`, unless reading the tables through EPT has raised an exit; returns NO_FRAME. */
function pageFault(lin: u32, access: u32, user: u32, bits: u32): i32 {
  if (exitRaised()) return NO_FRAME;
  set(Cpu.FAULT_LINEAR, lin);
  raiseCode(Vector.PF, bits | (access == Access.WRITE ? PfError.WRITE : 0) | (user != 0 ? PfError.USER : 0));
  return NO_FRAME;
}

/** True if the combined R/W and U/S bits of all levels allow the access (SDM 3A 4.6.1). */
function allowed(rights: u32, access: u32, user: u32): bool {
  if (user != 0) {
    if ((rights & Pte.US) == 0) return false;
    return access != Access.WRITE || (rights & Pte.RW) != 0;
  }
  return access != Access.WRITE || (rights & Pte.RW) != 0 || (get(Cpu.CR0) & Cr0.WP) == 0;
}

/** Notes that a translation of the 4 MB region of `lin` came from a large page: INVLPG must then drop all of it. */
function noteLarge(lin: u32): void {
  const ptr = <usize>(Layout.LARGE_MAP + (lin >>> 25));
  store<u8>(ptr, <u8>(<u32>load<u8>(ptr) | (1 << ((lin >>> 22) & 7))));
}

/** Notes whether later writes through the same translation need no walk: allowed, and D is already set. */
function noteWritable(rights: u32, entry: u32, user: u32): void {
  set(Cpu.WALKED, (entry & Pte.D) != 0 && allowed(rights, Access.WRITE, user) ? Walked.WRITABLE : 0);
}

/**
 * Translates `lin` for an access of privilege `user` (1: CPL 3). Returns the machine frame number (24 bits at most) and sets
 * Cpu.WALKED, or raises #PF or an exit and returns NO_FRAME. ABSENT_FRAME: interpretation finds no frame in the VM's map; Cpu.MMIO_PFN
 * is the guest's.
 */
export function walk(lin: u32, access: u32, user: u32): i32 {
  if (isMonitors(lin)) return pageFault(lin, access, user, 0);
  if ((active() & Active.NESTED) != 0) return walkNested(lin, access, user);
  return walkGuest(lin, access, user);
}

/** True for addresses that translated code may not reach: in a monitor for real hardware, segment limits see to that. */
function isMonitors(lin: u32): bool {
  return (active() & Active.TRANSLATED) != 0 && lin - vget(Vmx.MONITOR_FIRST) < vget(Vmx.MONITOR_BYTES);
}

/** Translates by the paging structures that CR3 names, to a frame that is guest-physical under EPT. */
function walkGuest(lin: u32, access: u32, user: u32): i32 {
  if ((get(Cpu.CR0) & Cr0.PG) == 0) {
    set(Cpu.WALKED, Walked.WRITABLE);
    return (lin & get(Cpu.A20_MASK)) >>> 12;
  }
  const pfn = (get(Cpu.CR4) & Cr4.PAE) != 0 ? walkPae(lin, access, user) : walk32(lin, access, user);
  return pfn == NO_FRAME ? pfn : pfn & (<i32>(get(Cpu.A20_MASK) >>> 12) | 0xf00000);
}

/** The two-dimensional walk: every guest-physical address on the way goes through EPT, and the result. */
function walkNested(lin: u32, access: u32, user: u32): i32 {
  vcount(Vmx.NESTED_WALKS, 1);
  beginWalk(lin);
  const gfn = walkGuest(lin, access, user);
  // Setting an accessed or dirty flag may have raised an exit as well.
  const pfn = gfn == NO_FRAME || exitRaised() ? NO_FRAME : nested(gfn, lin & 0xfff, access, true);
  endWalk();
  return pfn;
}

function walk32(lin: u32, access: u32, user: u32): i32 {
  const pdePa = (get(Cpu.CR3) & 0xfffff000) + ((lin >>> 22) << 2);
  const pde = physLoad32(pdePa);
  if ((pde & Pte.P) == 0) return pageFault(lin, access, user, 0);
  const pse = (get(Cpu.CR4) & Cr4.PSE) != 0;
  const setDirty: u32 = access == Access.WRITE ? Pte.D : 0;
  if (pse && (pde & Pte.PS) != 0) {
    if ((pde & RESERVED_4M) != 0) return pageFault(lin, access, user, PfError.PRESENT | PfError.RESERVED);
    if (!allowed(pde, access, user)) return pageFault(lin, access, user, PfError.PRESENT);
    const flags = Pte.A | setDirty;
    if ((pde & flags) != flags) physSetBits(pdePa, flags);
    noteWritable(pde, pde | setDirty, user);
    noteLarge(lin);
    return ((pde & 0xffc00000) | (lin & 0x3ff000)) >>> 12;
  }
  const ptePa = (pde & 0xfffff000) + (((lin >>> 12) & 0x3ff) << 2);
  const pte = physLoad32(ptePa);
  if ((pte & Pte.P) == 0) return pageFault(lin, access, user, 0);
  if ((pte & RESERVED_4K) != 0) return pageFault(lin, access, user, PfError.PRESENT | PfError.RESERVED);
  const rights = pde & pte;
  if (!allowed(rights, access, user)) return pageFault(lin, access, user, PfError.PRESENT);
  if ((pde & Pte.A) == 0) physSetBits(pdePa, Pte.A);
  const flags = Pte.A | setDirty;
  if ((pte & flags) != flags) physSetBits(ptePa, flags);
  noteWritable(rights, pte | setDirty, user);
  return pte >>> 12;
}

function walkPae(lin: u32, access: u32, user: u32): i32 {
  const pdpte = load<u64>(fieldPtr(Cpu.PDPTE) + ((lin >>> 30) << 3));
  if ((pdpte & Pte.P) == 0) return pageFault(lin, access, user, 0);
  // A table above 4 GB is outside RAM: it reads as all ones, hence as reserved bits.
  const pdePa = (<u32>pdpte & 0xfffff000) + (((lin >>> 21) & 0x1ff) << 3);
  const pde = <u32>(pdpte >>> 32) != 0 ? <u64>-1 : physLoad64(pdePa);
  if ((pde & Pte.P) == 0) return pageFault(lin, access, user, 0);
  if ((pde & RESERVED_PAE) != 0) return pageFault(lin, access, user, PfError.PRESENT | PfError.RESERVED);
  const setDirty: u32 = access == Access.WRITE ? Pte.D : 0;
  if ((pde & Pte.PS) != 0) {
    if ((pde & RESERVED_2M) != 0) return pageFault(lin, access, user, PfError.PRESENT | PfError.RESERVED);
    if (!allowed(<u32>pde, access, user)) return pageFault(lin, access, user, PfError.PRESENT);
    const flags = Pte.A | setDirty;
    if ((<u32>pde & flags) != flags) physSetBits(pdePa, flags);
    noteWritable(<u32>pde, <u32>pde | setDirty, user);
    noteLarge(lin);
    return <i32>((pde & 0xfffe00000) >>> 12) | ((lin & 0x1ff000) >>> 12);
  }
  const ptePa = (<u32>pde & 0xfffff000) + (((lin >>> 12) & 0x1ff) << 3);
  const pte = <u32>(pde >>> 32) != 0 ? <u64>-1 : physLoad64(ptePa);
  if ((pte & Pte.P) == 0) return pageFault(lin, access, user, 0);
  if ((pte & (RESERVED_PAE | RESERVED_4K)) != 0)
    return pageFault(lin, access, user, PfError.PRESENT | PfError.RESERVED);
  const rights = <u32>(pde & pte);
  if (!allowed(rights, access, user)) return pageFault(lin, access, user, PfError.PRESENT);
  if ((pde & Pte.A) == 0) physSetBits(pdePa, Pte.A);
  const flags = Pte.A | setDirty;
  if ((<u32>pte & flags) != flags) physSetBits(ptePa, flags);
  noteWritable(rights, <u32>pte | setDirty, user);
  return <i32>((pte & 0xffffff000) >>> 12);
}

/**
 * Pointer to the frame of `lin` where walk() has nothing unusual to do: a 4 KB page, tables and frame in RAM, address line 20 open, no EPT, the
 * access allowed, and no flag to be set in the directory or beside decoded code. Sets Cpu.WALKED. 0: nothing has been done.
 */
export function walkPlainly(lin: u32, access: u32, user: u32): usize {
  if ((get(Cpu.CR0) & Cr0.PG) == 0 || get(Cpu.A20_MASK) != 0xffffffff || (active() & Active.NESTED) != 0) return 0;
  if (isMonitors(lin)) return 0;
  const ram = get(Cpu.RAM_PTR);
  const bytes = get(Cpu.RAM_BYTES);
  let directory: u32;
  let entry: u32;
  let at: usize;
  if ((get(Cpu.CR4) & Cr4.PAE) == 0) {
    const pdePa = (get(Cpu.CR3) & 0xfffff000) | ((lin >>> 22) << 2);
    if (pdePa >= bytes) return 0;
    directory = load<u32>(<usize>(ram + pdePa));
    const ptePa = (directory & 0xfffff000) | (((lin >>> 12) & 0x3ff) << 2);
    if (ptePa >= bytes) return 0;
    at = <usize>(ram + ptePa);
    entry = load<u32>(at);
  } else {
    const pdpte = load<u64>(fieldPtr(Cpu.PDPTE) + ((lin >>> 30) << 3));
    const pdePa = (<u32>pdpte & 0xfffff000) | (((lin >>> 21) & 0x1ff) << 3);
    if ((pdpte & Pte.P) == 0 || pdpte >>> 32 != 0 || pdePa >= bytes) return 0;
    const pde = load<u64>(<usize>(ram + pdePa));
    directory = <u32>pde;
    const ptePa = (directory & 0xfffff000) | (((lin >>> 12) & 0x1ff) << 3);
    if (pde >>> 32 != 0 || ptePa >= bytes) return 0;
    at = <usize>(ram + ptePa);
    if (load<u32>(at, 4) != 0) return 0;
    entry = load<u32>(at);
  }
  const flags: u32 = Pte.A | (access == <u32>Access.WRITE ? Pte.D : 0);
  const rights = directory & entry;
  if ((directory & (Pte.P | Pte.A | Pte.PS)) != (Pte.P | Pte.A) || (entry & (Pte.P | RESERVED_4K)) != Pte.P) return 0;
  if (!allowed(rights, access, user) || entry >= bytes) return 0;
  if ((entry & flags) != flags) {
    if (hasCode(at)) return 0;
    store<u8>(at, <u8>(entry | flags));
  }
  noteWritable(rights, entry | flags, user);
  return <usize>(ram + (entry & 0xfffff000));
}
