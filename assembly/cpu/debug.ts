/**
 * Debug registers and debug exceptions (SDM 3B 17.2, 17.3): breakpoints on instructions (fault), data and ports (trap),
 * single step, general detect, and RF.
 * Invariant: traps are collected in Cpu.PENDING_DB while an instruction runs and raised between instructions; DR6 changes
 * when the exception is delivered. EFLAGS.RF stays set only while a breakpoint is enabled (updateAttention) and until the next
 * instruction begins.
 */
import { Cpu } from "../abi/cpu";
import { Cr4, DR6_FIXED, Dr6, Dr7, Eflags, Vector } from "../abi/x86";
import { flushTlb } from "../mmu/access";
import { stopBlock, updateAttention, updateMode } from "./control";
import { raise } from "./fault";
import { fieldPtr, get, set } from "./state";

/** Cpu.SHADOW values: what waits until the instruction after this one is done. */
export const SHADOW_STI: u32 = 1; // interrupts
export const SHADOW_STACK: u32 = 3; // interrupts, debug traps and instruction breakpoints (MOV SS, POP SS)

/** R/W field of DR7: what a breakpoint watches. */
const ON_EXECUTE: u32 = 0;
const ON_WRITE: u32 = 1;
const ON_PORT: u32 = 2;
const ON_ACCESS: u32 = 3;
/** DR7 bits that can be set. */
export const DR7_BITS: u32 = 0xffff23ff;
/** Local enables and LE, which a task switch clears. */
const DR7_LOCAL: u32 = 0x155;
/** DR6 bits that can be set: B0-B3, BD, BS, BT. */
const DR6_BITS: u32 = 0xe00f;
/** B0..B3. */
const DR6_HITS: u32 = 15;

/** Debug register `n`: 0..3, 6, 7. */
export function dr(n: u32): u32 {
  return load<u32>(fieldPtr(Cpu.DR) + (n << 2));
}

/** Writes debug register `n` (0..3, 6, 7) with its fixed bits, and makes the rest of the machine watch. */
export function setDr(n: u32, value: u32): void {
  let v = value;
  if (n == 6) v = (v & DR6_BITS) | DR6_FIXED;
  else if (n == 7) v = (v & DR7_BITS) | Dr7.FIXED;
  const before = dr(7);
  store<u32>(fieldPtr(Cpu.DR) + (n << 2), v);
  if (n == 6 || ((before | dr(7)) & Dr7.ENABLES) == 0) return;
  flushTlb();
  updateMode();
  updateAttention();
}

/** A task switch disables the breakpoints of the old task (SDM 3B 17.2.4). */
export function clearLocalBreakpoints(): void {
  if ((dr(7) & DR7_LOCAL) != 0) setDr(7, dr(7) & ~DR7_LOCAL);
}

/** Bytes that breakpoint `i` covers. The length code 2 is undefined in 32-bit processors and taken as eight. */
function lengthOf(dr7: u32, i: u32): u32 {
  const code = (dr7 >>> (18 + (i << 2))) & 3;
  return code == 2 ? 8 : code + 1;
}

/** DR6 bits of the enabled breakpoints of kind `a` or `b` that overlap `size` bytes at `at`. */
function hits(at: u32, size: u32, a: u32, b: u32): u32 {
  const dr7 = dr(7);
  let found: u32 = 0;
  for (let i: u32 = 0; i < 4; i++) {
    if (((dr7 >>> (i << 1)) & 3) == 0) continue;
    const kind = (dr7 >>> (16 + (i << 2))) & 3;
    if (kind != a && kind != b) continue;
    const length = lengthOf(dr7, i);
    const first = dr(i) & ~(length - 1);
    // Differences modulo 2^32: overlap also across the end of the address space.
    if (at - first < length || first - at < size) found |= 1 << i;
  }
  return found;
}

/** Raises a fault-class #DB; `bits` go to DR6 when it is delivered. */
export function raiseDebug(bits: u32): void {
  raise(Vector.DB);
  set(Cpu.FAULT_ERROR, bits);
}

/** Enters the cause of a debug exception in DR6 and drops general detect, as delivery of #DB does. */
export function enterDebug(bits: u32): void {
  const kept = dr(6) & ~DR6_HITS;
  store<u32>(fieldPtr(Cpu.DR) + 24, ((kept | bits) & DR6_BITS) | DR6_FIXED);
  store<u32>(fieldPtr(Cpu.DR) + 28, dr(7) & ~Dr7.GD);
}

/**
 * Called before each instruction while DR7 enables a breakpoint: true if an instruction breakpoint on linear address `lin` raised #DB.
 * RF suppresses it once: RF is consumed here.
 */
export function checkInstructionBreakpoint(lin: u32): bool {
  const flags = get(Cpu.EFLAGS);
  if ((flags & Eflags.RF) != 0) {
    set(Cpu.EFLAGS, flags & ~Eflags.RF);
    return false;
  }
  const found = hits(lin, 1, ON_EXECUTE, ON_EXECUTE);
  if (found == 0) return false;
  raiseDebug(found);
  return true;
}

/** Remembers a debug trap for the end of the instruction. */
function trap(bits: u32): void {
  if (bits == 0) return;
  set(Cpu.PENDING_DB, get(Cpu.PENDING_DB) | bits);
  updateAttention();
  stopBlock();
}

/** Called for each data access while a data breakpoint is enabled. */
export function checkDataBreakpoint(lin: u32, size: u32, write: bool): void {
  trap(hits(lin, size, ON_ACCESS, write ? ON_WRITE : ON_ACCESS));
}

/** Called for each port access: breakpoints on ports exist while CR4.DE is set. */
export function checkPortBreakpoint(port: u32, size: u32): void {
  if ((dr(7) & Dr7.ENABLES) == 0 || (get(Cpu.CR4) & Cr4.DE) == 0) return;
  trap(hits(port, size, ON_PORT, ON_PORT));
}

/**
 * Called after each instruction that was executed by itself: adds the single-step trap if TF was set when it began, unless
 * the instruction loaded SS, which holds traps off.
 */
export function afterInstruction(): void {
  if (get(Cpu.TF_ARMED) == 0) return;
  set(Cpu.TF_ARMED, 0);
  if (get(Cpu.SHADOW) == SHADOW_STACK) return;
  set(Cpu.PENDING_DB, get(Cpu.PENDING_DB) | Dr6.BS);
  set(Cpu.HALTED, 0);
  updateAttention();
}
