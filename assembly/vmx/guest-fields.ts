/**
 * The guest-state fields of the current VMCS (SDM 3C 24.4), as they are in the CPU state. Segment access rights differ in one bit:
 * "unusable" here is "usable" there.
 */
import { Cpu, SEG_USABLE, SegCache } from "../abi/cpu";
import { VmcsField } from "../abi/vmcs";
import { Interruptibility, Vmx } from "../abi/vmx";
import { ARITHMETIC_FLAGS, Dr6, Reg } from "../abi/x86";
import { SHADOW_STACK, SHADOW_STI } from "../cpu/debug";
import { eflags, setArithmeticFlags } from "../cpu/flags";
import { fieldPtr, get, segPtr, set } from "../cpu/state";
import { vptr } from "./state";

/** Pending-debug bits of a VMCS: B0 to B3, enabled breakpoint, BS. */
const HITS: u32 = 15;
const ENABLED_BREAKPOINT: u32 = 0x1000;

/** Cpu.SHADOW for combinations of bits that an entry refuses. */
export const INVALID_SHADOW: u32 = 4;

/** Interruptibility state (SDM 3C 24.4.2). */
export function interruptibility(): u32 {
  const shadow = get(Cpu.SHADOW);
  let state: u32 = get(Cpu.NMI_BLOCKED) != 0 ? Interruptibility.NMI : 0;
  if (shadow == SHADOW_STI) state |= Interruptibility.STI;
  else if (shadow == SHADOW_STACK) state |= Interruptibility.MOV_SS;
  return state;
}

/** Access rights of segment register `seg` as a VMCS has them (SDM 3C table 24-2). */
export function rightsOf(seg: u32): u32 {
  return load<u32>(segPtr(seg), SegCache.ACCESS) ^ SEG_USABLE;
}

/** Pending debug exceptions (SDM 3C 24.4.2). */
function pendingDebug(): u32 {
  const bits = get(Cpu.PENDING_DB);
  return (bits & (HITS | Dr6.BS)) | ((bits & HITS) != 0 ? ENABLED_BREAKPOINT : 0);
}

/** Pointer to the word of the state that a field simply is, or 0. */
function plainWord(encoding: u32): usize {
  const index = (encoding >>> 1) & 511;
  if (encoding >= <u32>VmcsField.GUEST_PDPTE0 && encoding <= <u32>VmcsField.GUEST_PDPTE3 + 1) {
    return fieldPtr(Cpu.PDPTE) + ((index - 5) << 3) + ((encoding & 1) << 2);
  }
  if (encoding >= <u32>VmcsField.LINK_POINTER && encoding <= <u32>VmcsField.GUEST_DEBUGCTL + 1) {
    return vptr(Vmx.LINK_POINTER) + (index << 3) + ((encoding & 1) << 2);
  }
  if ((encoding & 1) != 0) return 0;
  if (encoding >= <u32>VmcsField.GUEST_ES_SELECTOR && encoding <= <u32>VmcsField.GUEST_TR_SELECTOR) {
    return segPtr(index) + SegCache.SELECTOR;
  }
  if (encoding >= <u32>VmcsField.GUEST_ES_LIMIT && encoding <= <u32>VmcsField.GUEST_TR_LIMIT) {
    return segPtr(index) + SegCache.LIMIT;
  }
  if (encoding >= <u32>VmcsField.GUEST_ES_BASE && encoding <= <u32>VmcsField.GUEST_TR_BASE) {
    return segPtr(index - 3) + SegCache.BASE;
  }
  switch (encoding) {
    case VmcsField.GUEST_GDTR_LIMIT:
      return fieldPtr(Cpu.GDTR_LIMIT);
    case VmcsField.GUEST_IDTR_LIMIT:
      return fieldPtr(Cpu.IDTR_LIMIT);
    case VmcsField.GUEST_SYSENTER_CS:
      return fieldPtr(Cpu.SYSENTER_CS);
    case VmcsField.PREEMPTION_TIMER:
      return vptr(Vmx.PREEMPTION_TIMER);
    case VmcsField.GUEST_CR0:
      return fieldPtr(Cpu.CR0);
    case VmcsField.GUEST_CR3:
      return fieldPtr(Cpu.CR3);
    case VmcsField.GUEST_CR4:
      return fieldPtr(Cpu.CR4);
    case VmcsField.GUEST_GDTR_BASE:
      return fieldPtr(Cpu.GDTR_BASE);
    case VmcsField.GUEST_IDTR_BASE:
      return fieldPtr(Cpu.IDTR_BASE);
    case VmcsField.GUEST_DR7:
      return fieldPtr(Cpu.DR) + 28;
    case VmcsField.GUEST_RSP:
      return fieldPtr(Reg.ESP << 2);
    case VmcsField.GUEST_RIP:
      return fieldPtr(Cpu.EIP);
    case VmcsField.GUEST_SYSENTER_ESP:
      return fieldPtr(Cpu.SYSENTER_ESP);
    case VmcsField.GUEST_SYSENTER_EIP:
      return fieldPtr(Cpu.SYSENTER_EIP);
    case VmcsField.GUEST_ACTIVITY:
      return fieldPtr(Cpu.HALTED);
    default:
      return 0;
  }
}

/** Segment register whose access rights a field is, or -1. */
function rightsSegment(encoding: u32): i32 {
  if (encoding < <u32>VmcsField.GUEST_ES_RIGHTS || encoding > <u32>VmcsField.GUEST_TR_RIGHTS) return -1;
  return (encoding & 1) != 0 ? -1 : <i32>((encoding - VmcsField.GUEST_ES_RIGHTS) >>> 1);
}

/** True if a guest-state field has this encoding. */
export function guestFieldExists(encoding: u32): bool {
  if (plainWord(encoding) != 0 || rightsSegment(encoding) >= 0) return true;
  return (
    encoding == <u32>VmcsField.GUEST_RFLAGS ||
    encoding == <u32>VmcsField.GUEST_INTERRUPTIBILITY ||
    encoding == <u32>VmcsField.GUEST_PENDING_DEBUG
  );
}

/** Reads a guest-state field that exists. */
export function readGuest(encoding: u32): u32 {
  const seg = rightsSegment(encoding);
  if (seg >= 0) return rightsOf(seg);
  switch (encoding) {
    case VmcsField.GUEST_RFLAGS:
      return eflags();
    case VmcsField.GUEST_INTERRUPTIBILITY:
      return interruptibility();
    case VmcsField.GUEST_PENDING_DEBUG:
      return pendingDebug();
    default:
      return load<u32>(plainWord(encoding));
  }
}

/** Writes a guest-state field that exists. What is derived from it is recomputed by the next entry. */
export function writeGuest(encoding: u32, value: u32): void {
  const seg = rightsSegment(encoding);
  if (seg >= 0) {
    store<u32>(segPtr(seg), value ^ SEG_USABLE, SegCache.ACCESS);
    return;
  }
  switch (encoding) {
    case VmcsField.GUEST_RFLAGS:
      setArithmeticFlags(value);
      set(Cpu.EFLAGS, value & ~ARITHMETIC_FLAGS);
      return;
    case VmcsField.GUEST_INTERRUPTIBILITY:
      writeInterruptibility(value);
      return;
    case VmcsField.GUEST_PENDING_DEBUG:
      set(Cpu.PENDING_DB, value & ~ENABLED_BREAKPOINT);
      return;
    default:
      store<u32>(plainWord(encoding), (encoding & 0x6000) == 0 ? value & 0xffff : value);
  }
}

/** Sets shadows and the blocking of NMIs; combinations that an entry refuses are kept for it to see. */
function writeInterruptibility(value: u32): void {
  set(Cpu.NMI_BLOCKED, (value & Interruptibility.NMI) != 0 ? 1 : 0);
  const sti = (value & Interruptibility.STI) != 0;
  const stack = (value & Interruptibility.MOV_SS) != 0;
  set(Cpu.SHADOW, stack ? (sti ? INVALID_SHADOW : SHADOW_STACK) : sti ? SHADOW_STI : 0);
  if ((value & ~(Interruptibility.NMI | Interruptibility.STI | Interruptibility.MOV_SS)) != 0) {
    set(Cpu.SHADOW, INVALID_SHADOW);
  }
}
