/**
 * INT, exceptions and IRETD as 32-bit protected-mode kernels use them, without a call for each item: 32-bit interrupt and trap
 * gates, flat or not, to the same or an inner level, and the returns. Descriptors and frames are reached by pointers that the TLB
 * vouches for.
 * Invariant: a function here either does all that gate.ts or iret.ts would, or returns false having changed nothing; whatever could
 * fault, set an accessed or dirty flag, hit decoded code or a breakpoint is left to those.
 */
import { Cpu, Mode, SEG_USABLE, SegCache } from "../abi/cpu";
import { DESCRIPTOR_ENTRIES, KnownDescriptor, Layout, TLB_ENTRIES, Tlb } from "../abi/layout";
import { ARITHMETIC_FLAGS, Cr0, Desc, DescFlag, Eflags, Reg, Seg } from "../abi/x86";
import { Vmx } from "../abi/vmx";
import { relyOn } from "../mmu/tlb";
import { vget } from "../vmx/state";
import { isFlatLimit, refreshMode, updateAttention } from "./control";
import { baseOf, cacheAccess, descriptorAddress, inTable, isBig, isNull, limitOf } from "./descriptor";
import { setArithmeticFlags } from "./flags";
import { dropPrivilegedSegments } from "./segment";
import { cpl, get, reg32, segBase, segPtr, selectorOf, set, setReg32 } from "./state";

/** Upper half of a present 32-bit interrupt or trap gate: P, S, and the type without its lowest bit. */
const GATE_MASK: u32 = 0x9e00;
const GATE32: u32 = 0x8e00;
/** Upper half of a present, accessed, non-conforming code segment. */
const CODE_MASK: u32 = 0x9d00;
const CODE: u32 = 0x9900;
/** Upper half of a present, accessed, writable, expand-up, 32-bit data segment. */
const STACK_MASK: u32 = 0x409f00;
const STACK: u32 = 0x409300;
/** Flags that every gate clears. */
const CLEARED: u32 = Eflags.TF | Eflags.NT | Eflags.RF | Eflags.VM;
/** Flags that IRETD loads at any privilege, arithmetic ones apart. */
const LOADED: u32 = Eflags.TF | Eflags.DF | Eflags.NT | Eflags.RF | Eflags.AC | Eflags.ID;

/**
 * Pointer to `bytes` bytes at `lin` if one TLB entry's tag `tag` vouches for them in context `context`, else 0. What user programs
 * may do, the supervisor may do.
 */
function vouched(lin: u32, bytes: u32, tag: u32, context: u32): usize {
  const entry = <usize>(Layout.TLB + (((lin >>> 12) & (TLB_ENTRIES - 1)) << 4));
  const wanted = ((lin + bytes - 1) & 0xfffff000) | context;
  const found = load<u32>(entry + tag);
  if (found != wanted && found != (wanted | 1)) return 0;
  return <usize>(lin + load<u32>(entry, Tlb.DELTA));
}

/** Where the descriptors of code and of stack segments are remembered. */
const CODES: usize = Layout.DESCRIPTORS;
const STACKS: usize = Layout.DESCRIPTORS + DESCRIPTOR_ENTRIES * KnownDescriptor.SIZE;

/**
 * The descriptor of `selector` as a KnownDescriptor of the table `known`; 0 if it is null, beyond its table or not at hand. What is
 * remembered holds as long as a TLB entry would: until the map epoch moves.
 */
function descriptor(known: usize, selector: u32): usize {
  const at = known + ((selector >>> 3) & (DESCRIPTOR_ENTRIES - 1)) * KnownDescriptor.SIZE;
  const holds =
    load<u32>(at, KnownDescriptor.SELECTOR) == selector &&
    load<u32>(at, KnownDescriptor.EPOCH) == get(Cpu.MAP_EPOCH) &&
    load<u32>(at, KnownDescriptor.TABLE) == get(Cpu.GDTR_BASE) &&
    (selector | 7) <= get(Cpu.GDTR_LIMIT) &&
    load<u64>(<usize>load<u32>(at, KnownDescriptor.PTR)) == load<u64>(at, KnownDescriptor.RAW);
  return holds ? at : lookUp(at, selector);
}

/** Reads the descriptor of `selector` into `at`. 0: it is null, beyond its table or not at hand. */
function lookUp(at: usize, selector: u32): usize {
  if (isNull(selector) || !inTable(selector)) return 0;
  const p = vouched(descriptorAddress(selector), 8, Tlb.READ, get(Cpu.GENERATION) << 1);
  if (p == 0) return 0;
  const d = load<u64>(p);
  // Those of the LDT are read each time.
  store<u32>(at, (selector & 4) == 0 ? selector : 0, KnownDescriptor.SELECTOR);
  store<u32>(at, get(Cpu.MAP_EPOCH), KnownDescriptor.EPOCH);
  store<u32>(at, get(Cpu.GDTR_BASE), KnownDescriptor.TABLE);
  store<u32>(at, <u32>p, KnownDescriptor.PTR);
  store<u64>(at, d, KnownDescriptor.RAW);
  relyOn(descriptorAddress(selector));
  const cache = at + KnownDescriptor.CACHE;
  const open = openBelow(limitOf(d));
  const code = (upper(at) & (Desc.CODE << 8)) != 0;
  const writable = (upper(at) & (Desc.WRITABLE << 8)) != 0;
  store<u32>(cache, baseOf(d), SegCache.BASE);
  store<u32>(cache, limitOf(d), SegCache.LIMIT);
  store<u32>(cache, !code || writable ? open : 0, SegCache.READ_MAX);
  store<u32>(cache, code ? 0 : open, SegCache.WRITE_MAX);
  store<u32>(cache, cacheAccess(d), SegCache.ACCESS);
  store<u32>(at, code ? codeMode(d) : stackMode(d), KnownDescriptor.MODE);
  return at;
}

/** Mode bits of a code segment. */
function codeMode(d: u64): u32 {
  const limited: u32 = isFlatLimit(limitOf(d)) ? 0 : Mode.LIMITED;
  return (isBig(d) ? Mode.CODE32 : 0) | limited | (baseOf(d) == 0 ? Mode.FLAT : 0);
}

/** Mode bits of a stack segment. */
function stackMode(d: u64): u32 {
  return (isBig(d) ? Mode.STACK32 : 0) | (baseOf(d) == 0 && isFlatLimit(limitOf(d)) ? Mode.FLAT : 0);
}

/**
 * Recomputes mode and TLB context after CS has been loaded from `code` and SS from `stack`; 0: SS is as it was. Where the mode was flat, ES
 * and DS are.
 */
function enterMode(code: usize, stack: usize): void {
  const old = get(Cpu.MODE);
  if ((old & Mode.FLAT) == 0) {
    refreshMode();
    return;
  }
  const a = load<u32>(code, KnownDescriptor.MODE);
  const b = stack == 0 ? old & (Mode.STACK32 | Mode.FLAT) : load<u32>(stack, KnownDescriptor.MODE);
  set(
    Cpu.MODE,
    ((a | b) & ~Mode.FLAT) | (a & b & Mode.FLAT) | (old & (Mode.MONITORED | Mode.EXITING | Mode.TRANSLATED)),
  );
  set(Cpu.CONTEXT, (get(Cpu.GENERATION) << 1) | (get(Cpu.CPL) == 3 ? 1 : 0));
}

/** Upper half of a known descriptor. */
function upper(at: usize): u32 {
  return load<u32>(at, KnownDescriptor.RAW + 4);
}

/** Limit of a known descriptor. */
function limit(at: usize): u32 {
  return load<u32>(at, KnownDescriptor.CACHE + SegCache.LIMIT);
}

/** DPL in the upper half of a descriptor. */
function privilegeOf(high: u32): u32 {
  return (high >>> 13) & 3;
}

/** Largest offset of a four-byte access below `limit`, plus one. */
function openBelow(limit: u32): u32 {
  return limit < 3 ? 0 : limit - 2;
}

/** Loads the cache of CS or SS with a known code or stack descriptor; alignment checks and data breakpoints are off. */
function fill(seg: u32, selector: u32, at: usize): void {
  const cache = segPtr(seg);
  // BASE and LIMIT, READ_MAX and WRITE_MAX in pairs.
  store<u64>(cache, load<u64>(at, KnownDescriptor.CACHE), SegCache.BASE);
  store<u64>(cache, load<u64>(at, KnownDescriptor.CACHE + SegCache.READ_MAX), SegCache.READ_MAX);
  store<u32>(cache, selector, SegCache.SELECTOR);
  store<u32>(cache, load<u32>(at, KnownDescriptor.CACHE + SegCache.ACCESS), SegCache.ACCESS);
}

/** True if nothing about the mode calls for care: protected, no virtual-8086 mode, no alignment checks, no data breakpoints. */
function plain(): bool {
  return (get(Cpu.CR0) & Cr0.PE) != 0 && (get(Cpu.EFLAGS) & Eflags.VM) == 0 && get(Cpu.SLOW_ACCESS) == 0;
}

/**
 * Enters the handler of `vector`, pushing the flags `image` and, if `hasError`, `error`. `checked`: the gate's DPL counts, as for INT n.
 * False: nothing has been done.
 */
export function enterQuickly(vector: u32, checked: bool, hasError: bool, error: u32, image: u32): bool {
  if (!plain() || (vector << 3) + 7 > get(Cpu.IDTR_LIMIT)) return false;
  const at = vouched(get(Cpu.IDTR_BASE) + (vector << 3), 8, Tlb.READ, get(Cpu.GENERATION) << 1);
  if (at == 0) return false;
  const low = load<u32>(at);
  const high = load<u32>(at, 4);
  const from = cpl();
  if ((high & GATE_MASK) != GATE32 || (checked && privilegeOf(high) < from)) return false;
  const selector = low >>> 16;
  const d = descriptor(CODES, selector);
  if (d == 0) return false;
  const privilege = privilegeOf(upper(d));
  const offset = (low & 0xffff) | (high & 0xffff0000);
  if ((upper(d) & CODE_MASK) != CODE || privilege > from || offset > limit(d)) return false;
  const cleared = (high & 0x100) == 0 ? CLEARED | Eflags.IF : CLEARED;
  let stack: usize = 0;
  if (privilege == from) {
    if (!pushSame(hasError, error, image)) return false;
  } else {
    stack = pushInner(privilege, hasError, error, image);
    if (stack == 0) return false;
  }
  set(Cpu.CPL, privilege);
  fill(Seg.CS, (selector & 0xfffc) | privilege, d);
  set(Cpu.EIP, offset);
  set(Cpu.EFLAGS, get(Cpu.EFLAGS) & ~cleared);
  // Clearing flags calls for no attention.
  if (get(Cpu.ATTENTION) != 0) updateAttention();
  enterMode(d, stack);
  return true;
}

/** Writes the part of the frame that all gates push, and the error code if there is one. */
function writeFrame(p: usize, hasError: bool, error: u32, image: u32): void {
  let at = p;
  if (hasError) {
    store<u32>(at, error);
    at += 4;
  }
  store<u32>(at, get(Cpu.EIP));
  store<u32>(at, selectorOf(Seg.CS), 4);
  store<u32>(at, image, 8);
}

/** The frame on the current stack, and ESP below it. */
function pushSame(hasError: bool, error: u32, image: u32): bool {
  const cache = segPtr(Seg.SS);
  const bytes: u32 = hasError ? 16 : 12;
  const esp = reg32(Reg.ESP);
  if ((load<u32>(cache, SegCache.ACCESS) & DescFlag.BIG) == 0) return false;
  if (esp < bytes || esp - 4 >= load<u32>(cache, SegCache.WRITE_MAX)) return false;
  const p = vouched(load<u32>(cache, SegCache.BASE) + esp - bytes, bytes, Tlb.WRITE, get(Cpu.CONTEXT));
  if (p == 0) return false;
  writeFrame(p, hasError, error, image);
  setReg32(Reg.ESP, esp - bytes);
  return true;
}

/** The frame on the stack that a 32-bit TSS holds for `privilege`, SS and ESP. Returns the descriptor of SS; 0: nothing has been done. */
function pushInner(privilege: u32, hasError: bool, error: u32, image: u32): usize {
  const tr = segPtr(Seg.TR);
  const slot = privilege * 8 + 4;
  if ((load<u32>(tr, SegCache.ACCESS) & 8) == 0 || slot + 5 > load<u32>(tr, SegCache.LIMIT)) return 0;
  const tss = vouched(load<u32>(tr, SegCache.BASE) + slot, 6, Tlb.READ, get(Cpu.GENERATION) << 1);
  if (tss == 0) return 0;
  const top = load<u32>(tss);
  const ss: u32 = load<u16>(tss, 4);
  const d = descriptor(STACKS, ss);
  if (d == 0 || (upper(d) & STACK_MASK) != STACK || (ss & 3) != privilege || privilegeOf(upper(d)) != privilege)
    return 0;
  const bytes: u32 = hasError ? 24 : 20;
  if (top < bytes || top - 1 > limit(d)) return 0;
  const p = vouched(load<u32>(d, KnownDescriptor.CACHE) + top - bytes, bytes, Tlb.WRITE, get(Cpu.GENERATION) << 1);
  if (p == 0) return 0;
  writeFrame(p, hasError, error, image);
  store<u32>(p + bytes - 8, reg32(Reg.ESP));
  store<u32>(p + bytes - 4, selectorOf(Seg.SS));
  fill(Seg.SS, ss, d);
  setReg32(Reg.ESP, top - bytes);
  return d;
}

/** IRETD to the same or an outer level. False: nothing has been done. */
export function returnQuickly(): bool {
  const old = get(Cpu.EFLAGS);
  // With an NMI waiting, the order in which its block and RF end counts.
  if (!plain() || (old & Eflags.NT) != 0 || get(Cpu.NMI_PENDING) != 0) return false;
  const stack = segPtr(Seg.SS);
  const esp = reg32(Reg.ESP);
  const open = load<u32>(stack, SegCache.READ_MAX);
  if ((load<u32>(stack, SegCache.ACCESS) & DescFlag.BIG) == 0 || open <= 8 || esp >= open - 8) return false;
  const p = vouched(load<u32>(stack, SegCache.BASE) + esp, 12, Tlb.READ, get(Cpu.CONTEXT));
  if (p == 0) return false;
  const eip = load<u32>(p);
  const cs: u32 = load<u16>(p, 4);
  const flags = load<u32>(p, 8);
  const d = descriptor(CODES, cs);
  const from = cpl();
  const to = cs & 3;
  if (d == 0 || (upper(d) & CODE_MASK) != CODE || to < from || privilegeOf(upper(d)) != to) return false;
  if (eip > limit(d) || (flags & Eflags.VM) != 0) return false;
  // Alignment checks begin.
  if (to == 3 && (flags & Eflags.AC) != 0 && (get(Cpu.CR0) & Cr0.AM) != 0) return false;
  let outer: usize = 0;
  if (to == from) setReg32(Reg.ESP, esp + 12);
  else {
    outer = open <= 16 || esp >= open - 16 ? 0 : leaveInner(segBase(Seg.SS) + esp, to);
    if (outer == 0) return false;
  }
  let mask = LOADED;
  if (from <= ((old >>> 12) & 3)) mask |= Eflags.IF;
  if (from == 0) mask |= Eflags.IOPL | Eflags.VIF | Eflags.VIP;
  set(Cpu.CPL, to);
  fill(Seg.CS, cs, d);
  set(Cpu.EIP, eip);
  setArithmeticFlags(flags & ARITHMETIC_FLAGS);
  set(Cpu.EFLAGS, (old & ~mask) | (flags & mask) | Eflags.FIXED);
  set(Cpu.NMI_BLOCKED, 0);
  if (outer != 0) releaseSegments();
  if (calm(flags)) set(Cpu.EFLAGS, get(Cpu.EFLAGS) & ~Eflags.RF);
  else updateAttention();
  enterMode(d, outer);
  return true;
}

/** True if loading `flags` calls for no attention where nothing called for it before: then all that is left to do is to end RF. */
function calm(flags: u32): bool {
  const held = (get(Cpu.INTR) == 0 || (flags & Eflags.IF) == 0) && vget(Vmx.WATCH) == 0;
  return get(Cpu.ATTENTION) == 0 && get(Cpu.TF_ARMED) == 0 && (flags & Eflags.TF) == 0 && held;
}

/** Takes SS and ESP of the outer level `to` from the frame at linear address `lin`. Returns the descriptor of SS; 0: nothing has been done. */
function leaveInner(lin: u32, to: u32): usize {
  const p = vouched(lin, 20, Tlb.READ, get(Cpu.CONTEXT));
  if (p == 0) return 0;
  const ss: u32 = load<u16>(p, 16);
  const d = descriptor(STACKS, ss);
  if (d == 0 || (upper(d) & STACK_MASK) != STACK || (ss & 3) != to || privilegeOf(upper(d)) != to) return 0;
  setReg32(Reg.ESP, load<u32>(p, 12));
  fill(Seg.SS, ss, d);
  return d;
}

/** True if data segment register `seg` may hold a segment that the current privilege may not use. */
function suspect(seg: u32): bool {
  const access = load<u32>(segPtr(seg), SegCache.ACCESS);
  return (access & SEG_USABLE) != 0 && ((access >>> 5) & 3) < cpl();
}

/** Empties the data segment registers the outer level may not use. */
function releaseSegments(): void {
  if (suspect(Seg.ES) || suspect(Seg.DS) || suspect(Seg.FS) || suspect(Seg.GS)) dropPrivilegedSegments();
}
