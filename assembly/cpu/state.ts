/**
 * Accessors of the CPU state. The state is bytes at `Layout.CPU` (assembly/abi/cpu.ts); nothing else holds a copy.
 */
import { Cpu, SegCache } from "../abi/cpu";
import { Layout } from "../abi/layout";
import { Cr0, Eflags, IOPL_SHIFT, Reg, Seg } from "../abi/x86";

/** Reads the u32 field `field` of the state. */
export function get(field: i32): u32 {
  return load<u32>(Layout.CPU + field);
}

/** Writes the u32 field `field` of the state. */
export function set(field: i32, value: u32): void {
  store<u32>(Layout.CPU + field, value);
}

/** Pointer to a field of the state. */
export function fieldPtr(field: i32): usize {
  return <usize>(Layout.CPU + field);
}

/** A 32-bit general-purpose register by number. */
export function reg32(r: u32): u32 {
  return load<u32>(Layout.CPU + (r << 2));
}

/** Sets a 32-bit general-purpose register by number. */
export function setReg32(r: u32, value: u32): void {
  store<u32>(Layout.CPU + (r << 2), value);
}

/** The low half of a general-purpose register by number. */
export function reg16(r: u32): u32 {
  return load<u16>(Layout.CPU + (r << 2));
}

/** Sets the low half of a general-purpose register, keeping the rest. */
export function setReg16(r: u32, value: u32): void {
  store<u16>(Layout.CPU + (r << 2), <u16>value);
}

/** Pointer to the cache of segment register `seg` (also LDTR and TR). */
export function segPtr(seg: u32): usize {
  return <usize>(Layout.CPU + Cpu.SEGS + (seg << 5));
}

/** Base address of a segment. */
export function segBase(seg: u32): u32 {
  return load<u32>(segPtr(seg), SegCache.BASE);
}

/** Selector held by a segment register. */
export function selectorOf(seg: u32): u32 {
  return load<u32>(segPtr(seg), SegCache.SELECTOR);
}

/** Current privilege level. */
export function cpl(): u32 {
  return get(Cpu.CPL);
}

/** True in protected mode outside virtual-8086 mode. */
export function protectedMode(): bool {
  return (get(Cpu.CR0) & Cr0.PE) != 0 && (get(Cpu.EFLAGS) & Eflags.VM) == 0;
}

/** True in virtual-8086 mode. */
export function v86Mode(): bool {
  return (get(Cpu.EFLAGS) & Eflags.VM) != 0;
}

/** I/O privilege level, 0..3. */
export function iopl(): u32 {
  return (get(Cpu.EFLAGS) >>> IOPL_SHIFT) & 3;
}

/** True if the stack segment is 32 bits wide: ESP counts, not SP. */
export function stack32(): bool {
  return (load<u32>(segPtr(Seg.SS), SegCache.ACCESS) & 0x4000) != 0;
}

/** Stack pointer at the width of the stack segment. */
export function stackPointer(): u32 {
  return stack32() ? reg32(Reg.ESP) : reg16(Reg.ESP);
}

/** Sets the stack pointer at the width of the stack segment. */
export function setStackPointer(value: u32): void {
  if (stack32()) setReg32(Reg.ESP, value);
  else setReg16(Reg.ESP, value);
}
