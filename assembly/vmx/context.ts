/**
 * Address spaces in the TLB (SDM 3C 28.3). A context is a VPID with or without an EPT root, the latter for direct use and for
 * interpretation apart, and in direct use for each view of the monitor's page tables; each has a TLB generation of its own, so that going from one to another keeps the translations of both.
 * Invariant: the generation in use belongs to (CONTEXT_VPID, CONTEXT_EPTP); no two contexts have the same.
 */
import { Cpu } from "../abi/cpu";
import { Layout, TLB_ENTRIES, Tlb } from "../abi/layout";
import { InstructionError, Invalidation, TLB_CONTEXTS, TlbContext, TRANSLATED_VPID, Vmx } from "../abi/vmx";
import { get, set } from "../cpu/state";
import { flushPage, flushTlb } from "../mmu/tlb";
import { vget, vptr, vset } from "./state";

/** Generations fit in the 11 bits above the privilege bit; 0 is never used, so a zero tag never matches. */
const LAST_GENERATION: u32 = 2047;
/** Low bits of an EPT root in CONTEXT_EPTP that are no address. */
const ROOT_FLAGS: u32 = 0xfff;

/** Clears the TLB and begins all contexts anew; returns the first generation. */
function startOver(): u32 {
  memory.fill(Layout.TLB, 0, TLB_ENTRIES * Tlb.SIZE);
  memory.fill(vptr(Vmx.CONTEXTS), 0, TLB_CONTEXTS * TlbContext.SIZE);
  return 1;
}

/** A generation that no entry of the TLB has. */
export function newGeneration(): u32 {
  let generation = vget(Vmx.GENERATION_NEXT) + 1;
  if (generation > LAST_GENERATION) generation = startOver();
  vset(Vmx.GENERATION_NEXT, generation);
  return generation;
}

/** Entry `i` of the table of contexts. */
function contextAt(i: u32): usize {
  return vptr(Vmx.CONTEXTS) + i * TlbContext.SIZE;
}

/** The entry of a context: the one it has, whether or not its translations were dropped, or the next in turn. */
function entryOf(vpid: u32, eptp: u32): usize {
  for (let i: u32 = 0; i < <u32>TLB_CONTEXTS; i++) {
    const at = contextAt(i);
    if (load<u32>(at, TlbContext.VPID) == vpid && load<u32>(at, TlbContext.EPTP) == eptp) return at;
  }
  const next = vget(Vmx.CONTEXT_NEXT) & (TLB_CONTEXTS - 1);
  vset(Vmx.CONTEXT_NEXT, next + 1);
  const at = contextAt(next);
  store<u32>(at, vpid, TlbContext.VPID);
  store<u32>(at, eptp, TlbContext.EPTP);
  store<u32>(at, 0, TlbContext.GENERATION);
  return at;
}

/** Makes (`vpid`, `eptp`) the context whose translations are used. */
export function selectContext(vpid: u32, eptp: u32): void {
  if (vget(Vmx.CONTEXT_VPID) == vpid && vget(Vmx.CONTEXT_EPTP) == eptp) return;
  store<u32>(entryOf(vget(Vmx.CONTEXT_VPID), vget(Vmx.CONTEXT_EPTP)), get(Cpu.GENERATION), TlbContext.GENERATION);
  vset(Vmx.CONTEXT_VPID, vpid);
  vset(Vmx.CONTEXT_EPTP, eptp);
  const kept = load<u32>(entryOf(vpid, eptp), TlbContext.GENERATION);
  const generation = kept == 0 ? newGeneration() : kept;
  set(Cpu.GENERATION, generation);
  set(Cpu.CONTEXT, (generation << 1) | (get(Cpu.CPL) == 3 ? 1 : 0));
  set(Cpu.MAP_EPOCH, get(Cpu.MAP_EPOCH) + 2);
}

/** True if `context` is the VPID of a context of `vpid`, that of its translated code included. */
function isOf(context: u32, vpid: u32): bool {
  return ((context ^ vpid) & ~TRANSLATED_VPID) == 0;
}

/** Forgets the contexts of a VPID other than the one in use: MOV CR3 in one drops the translations of all. */
export function forgetVpid(vpid: u32): void {
  for (let i: u32 = 0; i < <u32>TLB_CONTEXTS; i++) {
    if (isOf(load<u32>(contextAt(i), TlbContext.VPID), vpid)) store<u32>(contextAt(i), 0, TlbContext.GENERATION);
  }
}

/** Forgets the contexts with EPT root `root`, or with any if `all`. */
function forgetRoot(root: u32, all: bool): void {
  for (let i: u32 = 0; i < <u32>TLB_CONTEXTS; i++) {
    const eptp = load<u32>(contextAt(i), TlbContext.EPTP);
    if (eptp != 0 && (all || (eptp & ~ROOT_FLAGS) == root)) store<u32>(contextAt(i), 0, TlbContext.GENERATION);
  }
}

/** INVEPT: drops what was derived from the EPT tables of `eptp`, or of all. Returns 0, or an InstructionError. */
export function invept(type: u32, eptp: u32): u32 {
  const all = type == <u32>Invalidation.ALL;
  if (!all && type != <u32>Invalidation.SINGLE) return InstructionError.INVALIDATION_OPERAND;
  const root = eptp & ~ROOT_FLAGS;
  vset(Vmx.EPT_EPOCH, vget(Vmx.EPT_EPOCH) + 1);
  forgetRoot(root, all);
  const current = vget(Vmx.CONTEXT_EPTP);
  if (current != 0 && (all || (current & ~ROOT_FLAGS) == root)) flushTlb();
  return 0;
}

/** INVVPID: drops translations of `vpid`: of linear address `lin`, or all. Returns 0, or an InstructionError. */
export function invvpid(type: u32, vpid: u32, lin: u32): u32 {
  const all = type == <u32>Invalidation.ALL;
  if (type > <u32>Invalidation.SINGLE_KEEPING_GLOBALS || (!all && vpid == 0)) {
    return InstructionError.INVALIDATION_OPERAND;
  }
  if (type == <u32>Invalidation.ADDRESS) {
    // An entry of the TLB can hold one context only: whosever it is, it goes.
    flushPage(lin);
    return 0;
  }
  if (all) memory.fill(vptr(Vmx.CONTEXTS), 0, TLB_CONTEXTS * TlbContext.SIZE);
  else forgetVpid(vpid);
  if (all || isOf(vget(Vmx.CONTEXT_VPID), vpid)) flushTlb();
  return 0;
}
