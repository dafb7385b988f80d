/**
 * Registers and arithmetic flags at a width known only when the instruction runs. `bytes` is 1, 2 or 4 throughout.
 * The generic functions use these; hot forms know their width and call assembly/cpu/flags.ts directly.
 */
import { Cpu } from "../../abi/cpu";
import { Layout } from "../../abi/layout";
import { Reg } from "../../abi/x86";
import { flagsAdd, flagsLogic, flagsResult, flagsSub } from "../flags";

/** The low `bytes` bytes of general-purpose register `r`; one byte: AL CL DL BL ... of registers 0 to 3. */
export function registerOf(r: u32, bytes: u32): u32 {
  const ptr = <usize>(Layout.CPU + Cpu.REGS + (r << 2));
  if (bytes == 4) return load<u32>(ptr);
  return bytes == 2 ? load<u16>(ptr) : load<u8>(ptr);
}

/** Sets the low `bytes` bytes of register `r`, keeping the rest. */
export function setRegisterOf(r: u32, value: u32, bytes: u32): void {
  const ptr = <usize>(Layout.CPU + Cpu.REGS + (r << 2));
  if (bytes == 4) store<u32>(ptr, value);
  else if (bytes == 2) store<u16>(ptr, <u16>value);
  else store<u8>(ptr, <u8>value);
}

/** AL. */
export function al(): u32 {
  return load<u8>(Layout.CPU + Cpu.REGS);
}

/** AH. */
export function ah(): u32 {
  return load<u8>(Layout.CPU + Cpu.REGS + 1);
}

/** Sets AL. */
export function setAl(value: u32): void {
  store<u8>(Layout.CPU + Cpu.REGS, <u8>value);
}

/** Sets AH. */
export function setAh(value: u32): void {
  store<u8>(Layout.CPU + Cpu.REGS + 1, <u8>value);
}

/** AX. */
export function ax(): u32 {
  return registerOf(Reg.EAX, 2);
}

/** Sets AX, keeping the high half of EAX. */
export function setAx(value: u32): void {
  setRegisterOf(Reg.EAX, value, 2);
}

/** `value`, of which `bytes` bytes count, sign-extended. */
export function signExtend(value: u32, bytes: u32): i32 {
  if (bytes == 4) return <i32>value;
  return bytes == 2 ? <i32>(<i16>value) : <i32>(<i8>value);
}

/** Flags of a + b (+ carry) = r. */
export function flagsAddOf(a: u32, b: u32, r: u32, bytes: u32): void {
  if (bytes == 4) flagsAdd<u32>(a, b, r);
  else if (bytes == 2) flagsAdd<u16>(a, b, r);
  else flagsAdd<u8>(a, b, r);
}

/** Flags of a - b (- borrow) = r. */
export function flagsSubOf(a: u32, b: u32, r: u32, bytes: u32): void {
  if (bytes == 4) flagsSub<u32>(a, b, r);
  else if (bytes == 2) flagsSub<u16>(a, b, r);
  else flagsSub<u8>(a, b, r);
}

/** Flags of a logical operation: CF, OF and AF are zero. */
export function flagsLogicOf(r: u32, bytes: u32): void {
  if (bytes == 4) flagsLogic<u32>(r);
  else if (bytes == 2) flagsLogic<u16>(r);
  else flagsLogic<u8>(r);
}

/** Flags of a result with CF and OF given as 0 or 1; AF is zero. */
export function flagsResultOf(r: u32, carryOut: u32, overflow: u32, bytes: u32): void {
  if (bytes == 4) flagsResult<u32>(r, carryOut, overflow, 0);
  else if (bytes == 2) flagsResult<u16>(r, carryOut, overflow, 0);
  else flagsResult<u8>(r, carryOut, overflow, 0);
}
