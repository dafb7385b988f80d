/**
 * Keeps the derived words of the state true: decoding mode, TLB context, segment fast limits and the attention word.
 * Invariant: whoever changes a register that these depend on calls the matching function before the next instruction.
 */
import { Attention, Cpu, Mode, SEG_USABLE, SegCache, Stop } from "../abi/cpu";
import { Rec } from "../abi/record";
import { ARITHMETIC_FLAGS, Cr0, Desc, DescFlag, Dr7, Eflags, Seg } from "../abi/x86";
import { Vmx } from "../abi/vmx";
import { watchAttention } from "../vmx/events";
import { vget } from "../vmx/state";
import { arithmeticFlags, setArithmeticFlags } from "./flags";
import { fieldPtr, get, protectedMode, segPtr, set } from "./state";

/** Largest offset below which 4-byte accesses need no check, plus one; 0 if every access must be checked. */
function openMax(seg: u32, write: bool): u32 {
  const cache = segPtr(seg);
  const access = load<u32>(cache, SegCache.ACCESS);
  const limit = load<u32>(cache, SegCache.LIMIT);
  if (get(Cpu.SLOW_ACCESS) != 0 || limit < 3) return 0;
  if (protectedMode()) {
    if ((access & SEG_USABLE) == 0 || (access & Desc.PRESENT) == 0) return 0;
    if ((access & Desc.CODE) != 0) {
      if (write || (access & Desc.WRITABLE) == 0) return 0;
    } else {
      if ((access & Desc.CONFORMING) != 0) return 0;
      if (write && (access & Desc.WRITABLE) == 0) return 0;
    }
  }
  return limit - 2;
}

/** Recomputes what is derived from the cache of segment register `seg`. */
export function updateSegment(seg: u32): void {
  const cache = segPtr(seg);
  store<u32>(cache, openMax(seg, false), SegCache.READ_MAX);
  store<u32>(cache, openMax(seg, true), SegCache.WRITE_MAX);
  if (seg < <u32>Seg.FS) updateMode();
}

/** Recomputes the fast limits of all segments: after changes of mode, alignment checking or data breakpoints. */
function updateAllSegments(): void {
  for (let seg: u32 = 0; seg < 6; seg++) {
    const cache = segPtr(seg);
    store<u32>(cache, openMax(seg, false), SegCache.READ_MAX);
    store<u32>(cache, openMax(seg, true), SegCache.WRITE_MAX);
  }
}

/** True if misaligned accesses raise #AC now (SDM 3A 6.15, interrupt 17). */
export function alignmentChecked(): bool {
  return (get(Cpu.CR0) & Cr0.AM) != 0 && (get(Cpu.EFLAGS) & Eflags.AC) != 0 && get(Cpu.CPL) == 3;
}

/** True if DR7 enables a breakpoint on data or ports (R/W field not 00). */
function dataBreakpoints(): bool {
  const dr7 = load<u32>(fieldPtr(Cpu.DR), 28);
  if ((dr7 & Dr7.ENABLES) == 0) return false;
  for (let i: u32 = 0; i < 4; i++) {
    if (((dr7 >>> (i << 1)) & 3) != 0 && ((dr7 >>> (16 + (i << 2))) & 3) != 0) return true;
  }
  return false;
}

/**
 * True for the limit of a flat segment: 4 GB, or all below what a monitor has closed, where the TLB holds nothing (translate()). So code of flat segments
 * needs no check of limits for either.
 */
export function isFlatLimit(limit: u32): bool {
  return limit == 0xffffffff || limit == ~vget(Vmx.CLOSED);
}

/** True if ES, SS and DS are flat, readable and writable and CS is flat (Mode.FLAT). */
function flat(): bool {
  const es = segPtr(Seg.ES);
  const cs = segPtr(Seg.CS);
  const ss = segPtr(Seg.SS);
  const ds = segPtr(Seg.DS);
  const bases =
    load<u32>(es, SegCache.BASE) |
    load<u32>(cs, SegCache.BASE) |
    load<u32>(ss, SegCache.BASE) |
    load<u32>(ds, SegCache.BASE);
  const open =
    load<u32>(es, SegCache.WRITE_MAX) & load<u32>(ss, SegCache.WRITE_MAX) & load<u32>(ds, SegCache.WRITE_MAX);
  // Limits above 1 MB end in FFF, so the conjunction of the three is that of a flat limit only if each of them is.
  return bases == 0 && isFlatLimit(open + 2);
}

/** Mode bits of CS and SS, as their caches are, outside real and virtual-8086 mode. */
function protectedBits(): u32 {
  const cs = segPtr(Seg.CS);
  // D of CS and B of SS are bit 14 of their access words.
  const code = (load<u32>(cs, SegCache.ACCESS) >>> 14) & Mode.CODE32;
  const stack = (load<u32>(segPtr(Seg.SS), SegCache.ACCESS) >>> 13) & Mode.STACK32;
  const limited: u32 = isFlatLimit(load<u32>(cs, SegCache.LIMIT)) ? 0 : Mode.LIMITED;
  return code | stack | limited | (flat() ? Mode.FLAT : 0) | vget(Vmx.MODE);
}

/**
 * The part of updateMode() that a change of CS, SS or CPL needs where CR0, EFLAGS.VM and SLOW_ACCESS stay as they are, in protected
 * mode outside virtual-8086 mode.
 */
export function refreshMode(): void {
  set(Cpu.MODE, protectedBits());
  set(Cpu.CONTEXT, (get(Cpu.GENERATION) << 1) | (get(Cpu.CPL) == 3 ? 1 : 0));
}

/** Recomputes decoding mode and TLB context: after changes of CS, SS, CR0, CPL, EFLAGS.VM or EFLAGS.AC. */
export function updateMode(): void {
  const cs = segPtr(Seg.CS);
  let mode = vget(Vmx.MODE);
  if ((load<u32>(cs, SegCache.ACCESS) & DescFlag.BIG) != 0) mode |= Mode.CODE32;
  if ((load<u32>(segPtr(Seg.SS), SegCache.ACCESS) & DescFlag.BIG) != 0) mode |= Mode.STACK32;
  if (!isFlatLimit(load<u32>(cs, SegCache.LIMIT))) mode |= Mode.LIMITED;
  const real = !protectedMode();
  if (real) mode |= Mode.REAL;
  else if (flat()) mode |= Mode.FLAT;
  const wasReal = (get(Cpu.MODE) & Mode.REAL) != 0;
  set(Cpu.MODE, mode);
  set(Cpu.CONTEXT, (get(Cpu.GENERATION) << 1) | (get(Cpu.CPL) == 3 ? 1 : 0));
  const slow: u32 = alignmentChecked() || dataBreakpoints() ? 1 : 0;
  if (slow != get(Cpu.SLOW_ACCESS) || real != wasReal) {
    set(Cpu.SLOW_ACCESS, slow);
    updateAllSegments();
    set(Cpu.MODE, (mode & ~Mode.FLAT) | (!real && flat() ? Mode.FLAT : 0));
  }
}

/** Recomputes everything that is derived from registers: after they have been written as a whole. Translations are kept. */
export function rederive(): void {
  set(Cpu.SLOW_ACCESS, alignmentChecked() || dataBreakpoints() ? 1 : 0);
  updateAllSegments();
  updateMode();
  updateAttention();
}

/** Recomputes the attention word: after changes of IF, TF, SHADOW, INTR, NMI, DR7, PENDING_DB or what a monitor waits for. */
export function updateAttention(): void {
  const watched = (load<u32>(fieldPtr(Cpu.DR), 28) & Dr7.ENABLES) != 0;
  const flags = get(Cpu.EFLAGS);
  let attention: u32 = 0;
  if (get(Cpu.INTR) != 0 && (flags & Eflags.IF) != 0) attention |= Attention.INTERRUPT;
  if (get(Cpu.NMI_PENDING) != 0 && get(Cpu.NMI_BLOCKED) == 0) attention |= Attention.NMI;
  if ((flags & Eflags.TF) != 0) attention |= Attention.SINGLE_STEP;
  if (get(Cpu.SHADOW) != 0) attention |= Attention.SHADOW;
  if (watched) attention |= Attention.BREAKPOINTS;
  if (get(Cpu.PENDING_DB) != 0) attention |= Attention.PENDING_DB;
  const watch = vget(Vmx.WATCH);
  if (watch != 0) attention |= watchAttention(watch, flags);
  set(Cpu.ATTENTION, attention);
  // RF lives until the next instruction begins. Only an event or a breakpoint can see it, so without attention it ends here.
  if (attention == 0 && get(Cpu.TF_ARMED) == 0) set(Cpu.EFLAGS, flags & ~Eflags.RF);
}

/** Replaces the EFLAGS bits in `mask` by those of `value`, arithmetic flags included. */
export function setEflags(value: u32, mask: u32): void {
  const old = get(Cpu.EFLAGS);
  const arithmetic = mask & ARITHMETIC_FLAGS;
  if (arithmetic != 0) setArithmeticFlags((arithmeticFlags() & ~arithmetic) | (value & arithmetic));
  const kept = mask & ~ARITHMETIC_FLAGS;
  const flags = (old & ~kept) | (value & kept) | Eflags.FIXED;
  set(Cpu.EFLAGS, flags);
  updateAttention();
  if (((old ^ flags) & (Eflags.VM | Eflags.AC)) != 0) updateMode();
}

/** Virtual time in ticks: instructions retired before the one being executed, and ticks skipped while halted. */
export function now(): u64 {
  const given = get(Cpu.GIVEN);
  const open = given == 0 ? 0 : given - load<u8>(get(Cpu.RECORD), Rec.INDEX);
  return (
    load<u64>(fieldPtr(Cpu.RETIRED)) + load<u64>(fieldPtr(Cpu.SKIPPED)) + <u64>(get(Cpu.SLICE) - get(Cpu.LEFT) - open)
  );
}

/** Makes run() return `reason` after the current instruction. */
export function leave(reason: u32, qualification: u32): void {
  set(Cpu.EXIT_REASON, reason);
  set(Cpu.EXIT_QUALIFICATION, qualification);
  set(Cpu.STOP, get(Cpu.STOP) | Stop.EXIT);
}

/** Leaves the block after the current instruction, since state that blocks depend on has changed. */
export function stopBlock(): void {
  set(Cpu.STOP, get(Cpu.STOP) | Stop.SWITCHED);
}

/** A REP instruction with iterations left gives way to events: it restarts at itself and does not retire yet. */
export function repeatLater(): void {
  set(Cpu.STOP, get(Cpu.STOP) | Stop.REPEAT);
}
