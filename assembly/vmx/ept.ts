/**
 * Extended page tables: guest-physical to machine frames by four levels, with permissions and accessed/dirty flags (SDM 3C 28.2),
 * and the bits software keeps in them (EptType), by which interpretation stores. 36 physical address bits; no execute-only pages.
 * Invariant: a flag is set only when the whole translation is allowed; a frame that is absent or forbidden is never remembered.
 */
import { Cpu, Probe, Walked } from "../abi/cpu";
import { Ept } from "../abi/ept";
import { ExitReason } from "../abi/exit";
import { EPT_CACHE_ENTRIES, EptCache, Layout } from "../abi/layout";
import { Access, Eflags } from "../abi/x86";
import {
  Active,
  EPT_MEMORY_TYPE,
  EPT_TYPE_SHIFT,
  EptPointer,
  EptType,
  EptViolation,
  Vmx,
  WRITTEN_ENTRIES,
} from "../abi/vmx";
import { get, set } from "../cpu/state";
import { codeWritten, hasCode } from "../mmu/code";
import { leaveBetween, raiseExit } from "./exit";
import { active, vcount, vget, vptr, vset } from "./state";

/** What nested() returns if it raised an exit. */
export const NO_FRAME: i32 = -1;
/** What nested() returns for a frame that interpretation must ask the host for. */
export const ABSENT_FRAME: i32 = -2;

/** What entries of the VM's map grant, all levels together. */
const RIGHTS: u32 = Ept.R | Ept.W | Ept.X;
/** Where EptType stands in EptCache.RIGHTS. */
const TYPE_SHIFT: u32 = 16;
/** Reserved address bits of any entry: 36 physical address bits. */
const RESERVED: u64 = 0x000ffff000000000;
/** Reserved bits of an entry that names a table: 3 to 6, and 7 in the root. */
const RESERVED_TABLE: u64 = 0x78;
/** Frame number field. */
const FRAME: u64 = 0xffffff000;
/** Entries of Vmx.WRITTEN at which interpretation stops: one instruction cannot use up the rest. */
const NEARLY_FULL: u32 = 44;

/** Linear address being translated, and whether there is one (CR3 loads read tables without). */
let linear: u32 = 0;
let linearValid: bool = false;

/** Tells the linear address that the next translations are for. */
export function beginWalk(lin: u32): void {
  linear = lin;
  linearValid = true;
}

/** Tells that there is none any more. */
export function endWalk(): void {
  linearValid = false;
}

/** Right that an access needs. */
function right(access: u32): u32 {
  return 1 << access;
}

/** Cache entry that guest frame `gfn` maps to. */
function cacheEntry(gfn: u32): usize {
  return <usize>(Layout.EPT_CACHE + (gfn & (EPT_CACHE_ENTRIES - 1)) * EptCache.SIZE);
}

/** Raises an EPT violation: `granted` are the rights along the walk, `final` whether it was the translation itself. */
function violation(gpa: u64, access: u32, asWrite: bool, granted: u32, final: bool): i32 {
  if ((get(Cpu.PROBING) & Probe.SILENT) != 0) return NO_FRAME;
  let q: u32 = right(access) | ((granted & RIGHTS) << 3);
  if (asWrite) q |= EptViolation.READ | EptViolation.WRITE;
  if (linearValid) q |= EptViolation.LINEAR_VALID | (final ? EptViolation.TRANSLATED : 0);
  tell(gpa);
  raiseExit(ExitReason.EPT_VIOLATION, q);
  return NO_FRAME;
}

/** Raises an EPT misconfiguration. */
function misconfiguration(gpa: u64): i32 {
  if ((get(Cpu.PROBING) & Probe.SILENT) != 0) return NO_FRAME;
  tell(gpa);
  raiseExit(ExitReason.EPT_MISCONFIGURATION, 0);
  return NO_FRAME;
}

/** Addresses for the exit; RF, since the instruction starts again behind its breakpoints. */
function tell(gpa: u64): void {
  store<u64>(vptr(Vmx.GUEST_PHYSICAL), gpa);
  vset(Vmx.GUEST_LINEAR, linear);
  if (vget(Vmx.EVENT_INFO) == 0) set(Cpu.EFLAGS, get(Cpu.EFLAGS) | Eflags.RF);
}

/** Pointer to the EPT entry at machine address `ma`, or 0 where there is no RAM. */
function entryPtr(ma: u32): usize {
  return ma < get(Cpu.RAM_BYTES) ? <usize>(get(Cpu.RAM_PTR) + ma) : 0;
}

/** True if an entry of level `level` (4 to 1) is misconfigured. `leaf`: it maps a page. */
function malformed(entry: u64, level: u32, leaf: bool): bool {
  const bits = <u32>entry;
  if ((bits & (Ept.R | Ept.W)) == Ept.W || (bits & RIGHTS) == Ept.X) return true;
  if ((entry & RESERVED) != 0) return true;
  if (!leaf) return (entry & RESERVED_TABLE) != 0 || (level == 4 && (bits & Ept.LARGE) != 0);
  const type = (bits & EPT_MEMORY_TYPE) >>> 3;
  if (type == 2 || type == 3 || type == 7) return true;
  // The frame of a large page is aligned to its size.
  const size: u64 = level == 1 ? 0 : ((<u64>1) << (12 + 9 * (level - 1))) - 0x1000;
  return (entry & size) != 0;
}

/** Sets flags in the EPT entry at `ptr`. */
function setFlags(ptr: usize, flags: u32): void {
  const entry = load<u32>(ptr);
  if ((entry & flags) == flags) return;
  store<u32>(ptr, entry | flags);
  if (hasCode(ptr)) codeWritten(ptr, 4);
}

/** Notes that interpretation writes the traced guest frame `gfn`. */
function note(gfn: u32): void {
  const used = vget(Vmx.WRITTEN_COUNT);
  if (used != 0 && load<u32>(vptr(Vmx.WRITTEN) + ((used - 1) << 2)) == gfn) return;
  if (used < <u32>WRITTEN_ENTRIES) {
    store<u32>(vptr(Vmx.WRITTEN) + (used << 2), gfn);
    vset(Vmx.WRITTEN_COUNT, used + 1);
  }
  if (used >= NEARLY_FULL) leaveBetween(ExitReason.TRACED_WRITES, 0);
}

/**
 * The machine frame of guest frame `gfn` for an access at `offset` in it. `final`: it is the page of the linear address; otherwise one of the guest's paging
 * structures, which counts as written if EPT flags are on. Sets the bits of Cpu.WALKED that hold for the page. NO_FRAME: an exit has been raised.
 * ABSENT_FRAME: interpretation has to ask the host.
 */
export function nested(gfn: u32, offset: u32, access: u32, final: bool): i32 {
  const root = vget(Vmx.CONTEXT_EPTP);
  const flagged = (vget(Vmx.EPTP) & EptPointer.ACCESSED_DIRTY) != 0;
  const interpret = (active() & Active.INTERPRET) != 0;
  const asWrite = flagged && !final && !interpret;
  const wanted: u32 = asWrite ? Access.WRITE : access;
  const cached = cacheEntry(gfn);
  const known =
    load<u32>(cached, EptCache.GFN) == gfn &&
    load<u32>(cached, EptCache.ROOT) == root &&
    load<u32>(cached, EptCache.EPOCH) == vget(Vmx.EPT_EPOCH);
  if (known) {
    const rights = load<u32>(cached, EptCache.RIGHTS);
    const clean = wanted == <u32>Access.WRITE && (rights & Ept.D) == 0;
    if ((interpret || (rights & right(wanted)) != 0) && !clean) {
      vcount(Vmx.EPT_CACHED, 1);
      return granted(gfn, load<u32>(cached, EptCache.MFN), rights, wanted, final);
    }
  }
  return nestedWalk(gfn, offset, access, wanted, asWrite, final, flagged, interpret, root & 0xfffff000);
}

/** Walks the four levels. */
function nestedWalk(
  gfn: u32,
  offset: u32,
  access: u32,
  wanted: u32,
  asWrite: bool,
  final: bool,
  flagged: bool,
  interpret: bool,
  root: u32,
): i32 {
  const gpa = ((<u64>gfn) << 12) | offset;
  let table = root;
  let rights: u32 = RIGHTS;
  let level: u32 = 4;
  let ptr: usize = 0;
  let entry: u64 = 0;
  let path0: usize = 0;
  let path1: usize = 0;
  let path2: usize = 0;
  for (;;) {
    ptr = entryPtr(table + (((gfn >>> (9 * (level - 1))) & 511) << 3));
    if (ptr == 0) return misconfiguration(gpa);
    entry = load<u64>(ptr);
    vcount(Vmx.EPT_REFERENCES, 1);
    if ((<u32>entry & RIGHTS) == 0) {
      return interpret ? absent(gfn) : violation(gpa, access, asWrite, 0, final);
    }
    const leaf = level == 1 || (level < 4 && (<u32>entry & Ept.LARGE) != 0);
    if (malformed(entry, level, leaf)) return misconfiguration(gpa);
    rights &= <u32>entry;
    if (leaf) break;
    if (level == 4) path0 = ptr;
    else if (level == 3) path1 = ptr;
    else path2 = ptr;
    const next = entry & FRAME;
    if (next >> 32 != 0) return misconfiguration(gpa);
    table = <u32>next;
    level--;
  }
  const type = <u32>(entry >> EPT_TYPE_SHIFT) & 3;
  if (interpret) {
    if (type == EptType.ABSENT) return absent(gfn);
  } else if ((rights & right(wanted)) == 0 || (asWrite && (rights & Ept.R) == 0)) {
    return violation(gpa, access, asWrite, rights, final);
  }
  const below = level == 1 ? 0 : gfn & ((1 << (9 * (level - 1))) - 1);
  const mfn = <u32>((entry & FRAME) >> 12) | below;
  let dirty: u32 = Ept.D;
  if (flagged) {
    const writes = wanted == <u32>Access.WRITE && !(interpret && type == EptType.ROM);
    if (get(Cpu.PROBING) == 0) {
      if (path0 != 0) setFlags(path0, Ept.A);
      if (path1 != 0) setFlags(path1, Ept.A);
      if (path2 != 0) setFlags(path2, Ept.A);
      setFlags(ptr, writes ? Ept.A | Ept.D : Ept.A);
    } else if ((<u32>entry & (writes ? Ept.A | Ept.D : Ept.A)) != (writes ? Ept.A | Ept.D : Ept.A)) {
      set(Cpu.PROBING, get(Cpu.PROBING) | Probe.WOULD_SET);
    }
    if (!writes) dirty = <u32>entry & Ept.D;
    else if (get(Cpu.PROBING) != 0) dirty = <u32>entry & Ept.D;
  }
  const noted = (rights & RIGHTS) | dirty | (type << TYPE_SHIFT);
  if (get(Cpu.PROBING) == 0) {
    const cached = cacheEntry(gfn);
    store<u32>(cached, gfn, EptCache.GFN);
    store<u32>(cached, vget(Vmx.CONTEXT_EPTP), EptCache.ROOT);
    store<u32>(cached, vget(Vmx.EPT_EPOCH), EptCache.EPOCH);
    store<u32>(cached, mfn, EptCache.MFN);
    store<u32>(cached, noted, EptCache.RIGHTS);
  }
  return granted(gfn, mfn, noted, wanted, final);
}

/** Interpretation found no frame. */
function absent(gfn: u32): i32 {
  set(Cpu.MMIO_PFN, gfn);
  return ABSENT_FRAME;
}

/** The frame with what the TLB may remember of it. */
function granted(gfn: u32, mfn: u32, rights: u32, wanted: u32, final: bool): i32 {
  if ((active() & Active.INTERPRET) != 0) return interpreted(gfn, mfn, rights, wanted, final);
  if (!final) return mfn;
  let walked = get(Cpu.WALKED);
  if ((rights & (Ept.W | Ept.D)) != (Ept.W | Ept.D)) walked &= ~Walked.WRITABLE;
  if ((rights & Ept.X) == 0) walked |= Walked.NO_EXECUTE;
  set(Cpu.WALKED, walked);
  return mfn;
}

/** The same in interpretation, where the type of the page says what a store does. */
function interpreted(gfn: u32, mfn: u32, rights: u32, wanted: u32, final: bool): i32 {
  const type = rights >>> TYPE_SHIFT;
  const open = type == EptType.RAM && (rights & (Ept.W | Ept.D)) == (Ept.W | Ept.D);
  let walked = final ? get(Cpu.WALKED) & ~Walked.STORES_DROPPED : 0;
  if (!open) walked &= ~Walked.WRITABLE;
  if (type == EptType.ROM) walked |= Walked.STORES_DROPPED;
  else if (wanted == <u32>Access.WRITE && get(Cpu.PROBING) == 0) {
    if (type == EptType.TRACED || (rights & Ept.W) == 0) note(gfn);
  }
  if (final) set(Cpu.WALKED, walked);
  return type == EptType.ROM && !final && wanted == <u32>Access.WRITE ? ABSENT_FRAME : mfn;
}
