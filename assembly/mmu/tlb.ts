/**
 * The TLB: direct-mapped, 4,096 entries, tagged by linear page, address-space generation and privilege class.
 *
 *   tag   31........12 11...........1 0
 *         linear page  generation     user
 *
 * Separate tags for read, write and execute; DELTA added to a linear address gives the pointer. One compare of the tag of the
 * LAST byte's page decides hit, permission, page crossing and address space. A flush is a new generation.
 * The execute tag is given when something is fetched. TlbNote.BESIDE_CODE says of an entry with a read tag whether it would have a
 * write tag but for decoded code in the page, so that stores beside code need no walk.
 * Cpu.MAP_EPOCH moves with every flush, and with a single page only if somebody relies on where it is (relyOn()).
 * Invariant: an entry with a tag came from a walk that found A set; with a write tag, D set, RAM, and no decoded code.
 */
import { Counter, Cpu, Probe, Stop, Walked } from "../abi/cpu";
import { Layout, TLB_ENTRIES, Tlb, TlbNote } from "../abi/layout";
import { REFILL_SIZE_SHIFT } from "../abi/region";
import { Vmx } from "../abi/vmx";
import { Access } from "../abi/x86";
import { get, set } from "../cpu/state";
import { forgetVpid, newGeneration } from "../vmx/context";
import { ABSENT_FRAME, NO_FRAME } from "../vmx/ept";
import { active, vget } from "../vmx/state";
import { codeAt, count, hasCode } from "./code";
import { framePtr, isRam } from "./phys";
import { walk, walkPlainly } from "./walk";

/** What translate() returns for an address that is neither RAM nor ROM; the frame is in Cpu.MMIO_PFN. */
export const MMIO: usize = 1;

/** What translate() returns for writes that change nothing: no place in RAM. */
const NOWHERE: usize = 16;

/** Entry that linear address `lin` maps to. */
export function tlbEntry(lin: u32): usize {
  return <usize>(Layout.TLB + (((lin >>> 12) & (TLB_ENTRIES - 1)) << 4));
}

/** Notes (TlbNote) on the entry that linear address `lin` maps to. */
function notesOf(lin: u32): usize {
  return <usize>(Layout.TLB_NOTES + ((lin >>> 12) & (TLB_ENTRIES - 1)));
}

/**
 * True where a monitor has closed the top of linear space to the guest. The processor itself reads its descriptors there; the TLB holds none of it, so that
 * only who has checked the segment's limit gets as far.
 */
function isClosed(lin: u32): bool {
  return lin > ~vget(Vmx.CLOSED);
}

/**
 * Pointer for an access to `lin` with privilege `user` (1: CPL 3). 0: #PF has been raised. MMIO: no memory there.
 * The pointer of a write may be ROM or hold decoded code: the caller looks. What the entry says of user accesses holds for the
 * supervisor's too, so a page that both use stays the user's.
 */
export function translate(lin: u32, access: u32, user: u32): usize {
  const entry = tlbEntry(lin);
  const tag = (lin & 0xfffff000) | (get(Cpu.GENERATION) << 1) | user;
  const found = load<u32>(entry + (access << 2));
  if (found == tag || found == (tag | 1)) return <usize>(lin + load<u32>(entry, Tlb.DELTA));
  const readable = load<u32>(entry, Tlb.READ);
  if (readable == tag || readable == (tag | 1)) {
    // What may be read may be executed. Write tags are withheld from pages with decoded code.
    const ptr = <usize>(lin + load<u32>(entry, Tlb.DELTA));
    if (access == <u32>Access.EXECUTE && (load<u8>(notesOf(lin)) & TlbNote.NO_EXECUTE) == 0) {
      store<u32>(entry, readable, Tlb.EXECUTE);
      return ptr;
    }
    if (access == <u32>Access.WRITE && (load<u8>(notesOf(lin)) & TlbNote.BESIDE_CODE) != 0) {
      if (!hasCode(ptr)) store<u32>(entry, readable, Tlb.WRITE);
      return ptr;
    }
  }
  let frame = walkPlainly(lin, access, user);
  if (frame == 0) {
    const pfn = walk(lin, access, user);
    if (pfn == NO_FRAME) {
      dropPage(lin);
      return 0;
    }
    frame = framePtr(pfn);
    if (frame == 0) {
      count(Counter.TLB_MISSES);
      if (pfn != ABSENT_FRAME) set(Cpu.MMIO_PFN, pfn);
      return MMIO;
    }
  }
  count(Counter.TLB_MISSES);
  if (isClosed(lin)) return frame + (lin & 0xfff);
  const walked = get(Cpu.WALKED);
  const open = (walked & Walked.WRITABLE) != 0 && isRam(frame);
  const notes = notesOf(lin);
  const kept = load<u8>(notes) & TlbNote.RELIED_ON;
  const closed = (walked & Walked.NO_EXECUTE) != 0 ? TlbNote.NO_EXECUTE : 0;
  store<u8>(notes, <u8>(kept | closed | (open ? TlbNote.BESIDE_CODE : 0)));
  store<u32>(entry, tag, Tlb.READ);
  store<u32>(entry, open && !hasCode(frame) ? tag : 0, Tlb.WRITE);
  store<u32>(entry, access == <u32>Access.EXECUTE ? tag : 0, Tlb.EXECUTE);
  store<u32>(entry, <u32>frame - (lin & 0xfffff000), Tlb.DELTA);
  if ((walked & Walked.STORES_DROPPED) != 0 && access == <u32>Access.WRITE) return NOWHERE;
  return frame + (lin & 0xfff);
}

/**
 * For regions: pointer for the access `want` to `lin` at the current privilege, which the TLB did not vouch for. 0: it is the
 * interpreter's (page end, device, ROM, decoded code hit), or it has raised #PF. Either way nothing has been accessed.
 */
export function refill(lin: u32, want: u32): usize {
  const size = want >>> REFILL_SIZE_SHIFT;
  const access = want & ((1 << REFILL_SIZE_SHIFT) - 1);
  if ((lin & 0xfff) + size > 0x1000 || isClosed(lin)) return 0;
  const ptr = translate(lin, access, get(Cpu.CONTEXT) & 1);
  if (get(Cpu.STOP) != 0) {
    // PUSHA and POPA go word by word in the interpreter: which one faults, or exits, is for it to say.
    if (size > 4) set(Cpu.STOP, get(Cpu.STOP) & ~(Stop.FAULT | Stop.EXIT));
    return 0;
  }
  if (ptr == MMIO) return 0;
  if (access != Access.WRITE) return ptr;
  const vouched = (load<u32>(tlbEntry(lin), Tlb.WRITE) | 1) == ((lin & 0xfffff000) | get(Cpu.CONTEXT) | 1);
  return vouched || (isRam(ptr) && !codeAt(ptr, size)) ? ptr : 0;
}

/**
 * Pointer to `bytes` bytes in the page of `lin` if only decoded code elsewhere in the page keeps a write from being vouched for at the
 * current privilege; else 0. Raises nothing.
 */
export function besideCode(lin: u32, bytes: u32): usize {
  const entry = tlbEntry(lin);
  const tag = (lin & 0xfffff000) | get(Cpu.CONTEXT);
  const readable = load<u32>(entry, Tlb.READ);
  if ((readable != tag && readable != (tag | 1)) || (load<u8>(notesOf(lin)) & TlbNote.BESIDE_CODE) == 0) return 0;
  const ptr = <usize>(lin + load<u32>(entry, Tlb.DELTA));
  return codeAt(ptr, bytes) ? 0 : ptr;
}

/** True if a write to `lin` would be translated; raises #PF otherwise. Sets no accessed or dirty flag. */
export function mayWrite(lin: u32, user: u32): bool {
  const tag = (lin & 0xfffff000) | (get(Cpu.GENERATION) << 1) | user;
  if (load<u32>(tlbEntry(lin), Tlb.WRITE) == tag) return true;
  set(Cpu.PROBING, Probe.ON);
  const pfn = walk(lin, Access.WRITE, user);
  set(Cpu.PROBING, 0);
  if (pfn == NO_FRAME) dropPage(lin);
  return pfn != NO_FRAME;
}

/** Drops every translation. */
export function flushTlb(): void {
  count(Counter.TLB_FLUSHES);
  set(Cpu.MAP_EPOCH, get(Cpu.MAP_EPOCH) + 2);
  if (active() != 0) forgetVpid(vget(Vmx.CONTEXT_VPID));
  const generation = newGeneration();
  set(Cpu.GENERATION, generation);
  set(Cpu.CONTEXT, (generation << 1) | (get(Cpu.CPL) == 3 ? 1 : 0));
}

/** Empties one entry. */
function clearEntry(entry: usize): void {
  store<u32>(entry, 0, Tlb.READ);
  store<u32>(entry, 0, Tlb.WRITE);
  store<u32>(entry, 0, Tlb.EXECUTE);
}

/** Drops the translation of the page of `lin`; of the whole 4 MB region if large pages were cached for it (SDM 3A 4.10.4.1). */
export function flushPage(lin: u32): void {
  count(Counter.TLB_FLUSH_PAGES);
  dropPage(lin);
}

/** The same, uncounted. A page fault does it too: the handler may mend the entry without INVLPG (SDM 3A 4.10.4.1). */
function dropPage(lin: u32): void {
  if ((load<u8>(Layout.LARGE_MAP + (lin >>> 25)) & (1 << ((lin >>> 22) & 7))) == 0) {
    const notes = notesOf(lin);
    if ((load<u8>(notes) & TlbNote.RELIED_ON) != 0) {
      store<u8>(notes, <u8>(load<u8>(notes) & ~TlbNote.RELIED_ON));
      set(Cpu.MAP_EPOCH, get(Cpu.MAP_EPOCH) + 2);
    }
    clearEntry(tlbEntry(lin));
    return;
  }
  set(Cpu.MAP_EPOCH, get(Cpu.MAP_EPOCH) + 2);
  const region = lin & 0xffc00000;
  for (let page: u32 = 0; page < 1024; page++) clearEntry(tlbEntry(region | (page << 12)));
}

/**
 * True if code at `lin` is fetched from `ptr` with privilege `user` and fetching sets no accessed flag. Raises, fills and sets nothing:
 * whoever asks may never execute there.
 */
export function executesAt(lin: u32, ptr: usize, user: u32): bool {
  const entry = tlbEntry(lin);
  const tag = (lin & 0xfffff000) | (get(Cpu.GENERATION) << 1) | user;
  if (load<u32>(entry, Tlb.EXECUTE) == tag) return <usize>(lin + load<u32>(entry, Tlb.DELTA)) == ptr;
  const stop = get(Cpu.STOP);
  set(Cpu.PROBING, Probe.ON | Probe.SILENT);
  const pfn = walk(lin, Access.EXECUTE, user);
  const quiet = (get(Cpu.PROBING) & Probe.WOULD_SET) == 0;
  set(Cpu.PROBING, 0);
  set(Cpu.STOP, stop);
  return pfn != NO_FRAME && quiet && framePtr(pfn) + (lin & 0xfff) == ptr;
}

/** For who remembers where code at `lin` lies: dropping the translation of its page moves the map epoch from now on. */
export function relyOn(lin: u32): void {
  const notes = notesOf(lin);
  store<u8>(notes, <u8>(load<u8>(notes) | TlbNote.RELIED_ON));
}

/** Translates without raising, filling or setting flags: a pointer, or 0. For the host's inspection. */
export function probe(lin: u32): usize {
  const stop = get(Cpu.STOP);
  set(Cpu.PROBING, Probe.ON | Probe.SILENT);
  const pfn = walk(lin, Access.READ, 0);
  set(Cpu.PROBING, 0);
  set(Cpu.STOP, stop);
  if (pfn == NO_FRAME) return 0;
  const frame = framePtr(pfn);
  return frame == 0 ? 0 : frame + (lin & 0xfff);
}
