/**
 * Accessors of the words at `Layout.VMX` (assembly/abi/vmx.ts).
 */
import { Layout } from "../abi/layout";
import { Active, Primary, Vmx } from "../abi/vmx";

/** Reads a u32 word. */
export function vget(field: i32): u32 {
  return load<u32>(Layout.VMX + field);
}

/** Writes a u32 word. */
export function vset(field: i32, value: u32): void {
  store<u32>(Layout.VMX + field, value);
}

/** Pointer to a word. */
export function vptr(field: i32): usize {
  return <usize>(Layout.VMX + field);
}

/** Active bits: what a monitor has asked for. 0 on the bare machine. */
export function active(): u32 {
  return load<u32>(Layout.VMX + Vmx.ACTIVE);
}

/** True if the controls of a VMCS are in force. */
export function nonRoot(): bool {
  return (active() & Active.VMX) != 0;
}

/** True if the primary controls `bits` are in force, all of them. */
export function primary(bits: u32): bool {
  return nonRoot() && (vget(Vmx.PRIMARY) & bits) == bits;
}

/** The secondary controls that count. */
export function secondary(): u32 {
  return (vget(Vmx.PRIMARY) & Primary.SECONDARY) != 0 ? vget(Vmx.SECONDARY) : 0;
}

/** Adds `n` to a u64 counter. */
export function vcount(counter: i32, n: u32): void {
  const ptr = vptr(counter);
  store<u64>(ptr, load<u64>(ptr) + n);
}
