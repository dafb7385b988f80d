/**
 * The areas of MSRs that an entry loads and an exit stores and loads (SDM 3C 26.4, 27.4, 27.6). An entry of an area is 16 bytes: index,
 * reserved, value. A failure at an entry is an exit with reason 34, at an exit a VMX abort (27.7).
 * Deviation: an area is checked as a whole before any of it is loaded. The registers of SYSENTER that an exit loads are checked only: they
 * are the host's, whose state is not the processor's here, and what the processor holds are the guest's.
 */
import { Cpu } from "../abi/cpu";
import { ExitReason } from "../abi/exit";
import { Vmcs } from "../abi/vmcs";
import { Abort, Vmx } from "../abi/vmx";
import { Msr } from "../abi/x86";
import { msrAccepts, msrKnown, putMsr, readMsr, timeStamp } from "../cpu/msr";
import { set } from "../cpu/state";
import { codeWritten, hasCode } from "../mmu/code";
import { framePtr, isRam } from "../mmu/phys";
import { tscOffset } from "./intercept";
import { vget, vptr } from "./state";

/** Bytes of an entry, and where its value is. */
const ENTRY_BYTES: u32 = 16;
const VALUE: usize = 8;

/** Pointer to entry `i` of the area whose address is at `field`; 0 without memory there. */
function entryAt(field: i32, i: u32): usize {
  const ma = load<u64>(vptr(field)) + <u64>i * ENTRY_BYTES;
  const frame = ma >> 32 != 0 ? <usize>0 : framePtr(<u32>ma >>> 12);
  return frame == 0 ? 0 : frame + (<u32>ma & 0xfff);
}

/** Number of the first entry of an area that cannot be loaded, from 1; 0 if all can. */
function firstBad(count: u32, field: i32): u32 {
  for (let i: u32 = 0; i < count; i++) {
    const at = entryAt(field, i);
    if (at == 0 || load<u32>(at, 4) != 0 || !msrAccepts(load<u32>(at), load<u64>(at, VALUE))) return i + 1;
  }
  return 0;
}

/** Loads the area of an entry. Returns 0, or the number of the first bad entry. */
export function loadAtEntry(): u32 {
  const count = vget(Vmx.ENTRY_MSR_LOAD_COUNT);
  const bad = firstBad(count, Vmx.ENTRY_MSR_LOAD);
  if (bad != 0) return bad;
  for (let i: u32 = 0; i < count; i++) {
    const at = entryAt(Vmx.ENTRY_MSR_LOAD, i);
    putMsr(load<u32>(at), load<u64>(at, VALUE));
  }
  return 0;
}

/** Stores the area of an exit. False: an entry cannot be stored. */
function storeAtExit(): bool {
  const count = vget(Vmx.EXIT_MSR_STORE_COUNT);
  for (let i: u32 = 0; i < count; i++) {
    const at = entryAt(Vmx.EXIT_MSR_STORE, i);
    if (at == 0 || !isRam(at) || load<u32>(at, 4) != 0) return false;
    const index = load<u32>(at);
    if (!msrKnown(index)) return false;
    // The offset is the guest's; root operation sees the counter itself.
    store<u64>(at, index == <u32>Msr.TSC ? timeStamp() - tscOffset() : readMsr(index), VALUE);
    if (hasCode(at)) codeWritten(at, ENTRY_BYTES);
  }
  return true;
}

/** True if the guest-state area holds the register. */
function isGuests(index: u32): bool {
  return index >= <u32>Msr.SYSENTER_CS && index <= <u32>Msr.SYSENTER_EIP;
}

/** Loads the area of an exit. False: an entry cannot be loaded. */
function loadArea(): bool {
  const count = vget(Vmx.EXIT_MSR_LOAD_COUNT);
  if (firstBad(count, Vmx.EXIT_MSR_LOAD) != 0) return false;
  for (let i: u32 = 0; i < count; i++) {
    const at = entryAt(Vmx.EXIT_MSR_LOAD, i);
    if (!isGuests(load<u32>(at))) putMsr(load<u32>(at), load<u64>(at, VALUE));
  }
  return true;
}

/** VMX abort: why goes to the VMCS's frame. */
function abort(indicator: u32): void {
  store<u32>(framePtr(vget(Vmx.CURRENT) >>> 12), indicator, Vmcs.ABORT);
  set(Cpu.EXIT_REASON, ExitReason.VMX_ABORT);
}

/** Behind a failed entry: loads the area of an exit. May end in a VMX abort. */
export function loadAtExit(): void {
  if (!loadArea()) abort(Abort.LOADING_MSRS);
}

/** Behind an exit: stores its area, then loads the other. May end in a VMX abort. */
export function exchangeAtExit(): void {
  if (!storeAtExit()) abort(Abort.SAVING_MSRS);
  else loadAtExit();
}
