/** Hypercalls about page tables: mmu_update, update_va_mapping, mmuext_op. */
import { DOMID_SELF, Errno, MONITOR_START } from "../abi.js";
import { MAX_LDT_ENTRIES } from "../descriptor-tables.js";
import type { Domain } from "../domain.js";
import { FrameUse } from "../frame-types.js";
import { NO_ACCESS } from "../guest-access.js";
import { batchOf, type Call, Special } from "./call.js";

/** {u64 ptr, u64 val}. */
const UPDATE_BYTES = 16;
/** {u32 cmd, u32 mfn or address, u32 entries or mask}. */
const EXT_BYTES = 12;
/** Set in a count: the call goes on after a pause. */
const PREEMPTED = 0x80000000;

/** Commands in the low bits of an update's address. */
enum Update {
  NORMAL = 0,
  MACHPHYS = 1,
  PRESERVE_AD = 2,
}

/** Commands of mmuext_op. */
enum Ext {
  PIN_L1 = 0,
  PIN_L2 = 1,
  PIN_L3 = 2,
  PIN_L4 = 3,
  UNPIN = 4,
  NEW_BASEPTR = 5,
  FLUSH_LOCAL = 6,
  INVLPG_LOCAL = 7,
  FLUSH_MULTI = 8,
  INVLPG_MULTI = 9,
  FLUSH_ALL = 10,
  INVLPG_ALL = 11,
  FLUSH_CACHE = 12,
  SET_LDT = 13,
}

/** Kinds of flush of update_va_mapping. */
const FLUSH_TYPE = 3;
const FLUSH_TLB = 1;
const FLUSH_PAGE = 2;

/** What is wrong with naming a domain whose memory is meant, 0 if it is the caller itself. */
function foreign(domid: number): number {
  const id = domid & 0xffff;
  if (id === DOMID_SELF) return 0;
  return id > DOMID_SELF ? -Errno.EPERM : -Errno.ESRCH;
}

/** A list of requests, `bytes` each: (list, count, done, domain). Does as many as are due now, up to the first that fails. */
function requests(domain: Domain, call: Call, bytes: number, request: (domain: Domain, at: number) => number): number {
  const { args } = call;
  const wrong = foreign(args[3]!);
  if (wrong !== 0) return wrong;
  const { access } = domain;
  const count = args[1]! & ~PREEMPTED;
  const most = batchOf(call);
  if (call.nested && count > most) return -Errno.E2BIG;
  let result = 0;
  let done = 0;
  while (done < count && done < most) {
    result = request(domain, args[0]! + bytes * done);
    if (result !== 0) break;
    done++;
  }
  const counter = args[2]!;
  if (counter !== 0) {
    const before = (args[1]! & PREEMPTED) === 0 ? 0 : access.read32(counter);
    if (before === NO_ACCESS || !access.write32(counter, before + done)) return -Errno.EFAULT;
  }
  if (result !== 0 || done === count) return result;
  args[0]! += bytes * done;
  args[1] = ((count - done) | PREEMPTED) >>> 0;
  return Special.CONTINUE;
}

/** mmu_update(requests, count, done, domain). */
export function mmuUpdate(domain: Domain, call: Call): number {
  return requests(domain, call, UPDATE_BYTES, update);
}

function update(domain: Domain, at: number): number {
  const { access, frames, tables, memory } = domain;
  const pointer = access.read32(at);
  const high = access.read32(at + 4);
  const value = access.read32(at + 8);
  if (pointer === NO_ACCESS || high === NO_ACCESS || value === NO_ACCESS) return -Errno.EFAULT;
  const command: Update = pointer & 3;
  const mfn = pointer >>> 12;
  if (command > Update.PRESERVE_AD) return -Errno.ENOSYS;
  if (high !== 0 || !frames.owns(mfn)) {
    frames.refuse("foreign frame");
    return -Errno.EINVAL;
  }
  if (command === Update.MACHPHYS) {
    domain.setM2p(mfn, value);
    return 0;
  }
  const use = frames.useOf(mfn);
  if (use === FrameUse.L1 || use === FrameUse.L2) {
    // The entry may give up what keeps its own table one.
    frames.getFrameAs(mfn, use);
    const changed = tables.change(pointer >>> 2, value, use, command === Update.PRESERVE_AD);
    frames.putFrameAs(mfn);
    return changed ? 0 : -Errno.EINVAL;
  }
  if (!frames.getFrameAs(mfn, FrameUse.WRITABLE)) return -Errno.EINVAL;
  memory.words[pointer >>> 2] = value;
  memory.written(pointer - command, 4);
  frames.putFrameAs(mfn);
  return 0;
}

/** update_va_mapping(address, u64 entry, flags): changes the entry of a linear address in the tables in use. */
export function updateVaMapping(domain: Domain, { args }: Call): number {
  const [address, value, , flags] = args as unknown as [number, number, number, number];
  const { tables, frames } = domain;
  const at = tables.entryFor(domain.directory, address);
  if (at < 0) return -Errno.EINVAL;
  const mfn = at >>> 10;
  frames.getFrameAs(mfn, FrameUse.L1);
  const changed = tables.change(at, value, FrameUse.L1, false);
  frames.putFrameAs(mfn);
  if (!changed) return -Errno.EINVAL;
  const type = flags & FLUSH_TYPE;
  if (type === FLUSH_TLB) frames.flush();
  else if (type === FLUSH_PAGE) domain.flushPage(address);
  return 0;
}

/** mmuext_op(requests, count, done, domain). */
export function mmuextOp(domain: Domain, call: Call): number {
  return requests(domain, call, EXT_BYTES, extended);
}

function extended(domain: Domain, at: number): number {
  const { access, frames } = domain;
  const command = access.read32(at);
  const argument = access.read32(at + 4);
  const second = access.read32(at + 8);
  if (command === NO_ACCESS || argument === NO_ACCESS || second === NO_ACCESS) return -Errno.EFAULT;
  switch (command as Ext) {
    case Ext.PIN_L1:
      return pin(domain, argument, FrameUse.L1);
    case Ext.PIN_L2:
      return pin(domain, argument, FrameUse.L2);
    case Ext.PIN_L3:
    case Ext.PIN_L4:
      return -Errno.EINVAL;
    case Ext.UNPIN:
      if (!frames.owns(argument) || !frames.isPinned(argument)) return -Errno.EINVAL;
      frames.setPinned(argument, false);
      frames.putFrameAs(argument);
      return 0;
    case Ext.NEW_BASEPTR:
      return domain.setDirectory(argument) ? 0 : -Errno.EINVAL;
    case Ext.FLUSH_LOCAL:
    case Ext.FLUSH_MULTI:
    case Ext.FLUSH_ALL:
      frames.flush();
      return 0;
    case Ext.INVLPG_LOCAL:
    case Ext.INVLPG_MULTI:
    case Ext.INVLPG_ALL:
      domain.flushPage(argument);
      return 0;
    case Ext.FLUSH_CACHE:
      return 0;
    case Ext.SET_LDT:
      return setLdt(domain, argument, second);
    default:
      return -Errno.ENOSYS;
  }
}

/** Keeps a frame a table, whoever else uses it. */
function pin({ frames }: Domain, mfn: number, use: FrameUse): number {
  if (!frames.owns(mfn)) {
    frames.refuse("foreign frame");
    return -Errno.EINVAL;
  }
  if (frames.isPinned(mfn) || !frames.getFrameAs(mfn, use)) return -Errno.EINVAL;
  frames.setPinned(mfn, true);
  return 0;
}

/** Makes the pages from a linear address on the LDT. */
function setLdt(domain: Domain, base: number, entries: number): number {
  const { access, descriptors } = domain;
  if (entries > MAX_LDT_ENTRIES || (base & 0xfff) !== 0 || base + 8 * entries > MONITOR_START) return -Errno.EINVAL;
  if (descriptors.isLdt(base, entries)) return 0;
  const frames: number[] = [];
  for (let at = 0; at < 8 * entries; at += 4096) {
    const ma = access.translate(base + at, false);
    if (ma === NO_ACCESS) return -Errno.EINVAL;
    frames.push(Math.floor(ma / 4096));
  }
  return descriptors.setLdt(base, entries, frames) ? 0 : -Errno.EINVAL;
}
