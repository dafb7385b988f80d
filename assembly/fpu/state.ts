/**
 * The x87 registers: stack addressing, control and status word, and the exceptions that the running instruction has met.
 * Exceptions are collected and reach the status word in one go (`record`), so that an instruction that faults on memory leaves
 * no trace. SDM 1 8.1, 8.4, 8.5.
 */
import { FPU_TOP_SHIFT, Fpu, FpuControl, FpuException, FpuStatus, Kind, ST_BYTES } from "../abi/fpu";
import { Layout } from "../abi/layout";
import { get, set } from "../cpu/state";
import { kind } from "./value";

/** FpuException and FpuStatus.SF bits of the running instruction. */
let raised: u32 = 0;
/** 1: the result was rounded away from zero, or a stack fault was an overflow: C1. */
let c1: u32 = 0;

/** Begins an instruction: no exceptions yet, C1 clear. */
export function begin(): void {
  raised = 0;
  c1 = 0;
}

/** Adds exceptions to those of the running instruction. */
export function except(flags: u32): void {
  raised |= flags;
}

/** Sets what C1 will be. */
export function setC1(bit: u32): void {
  c1 = bit;
}

/** True if all of `flags` are masked. */
export function masked(flags: u32): bool {
  return (flags & FpuException.ALL & ~get(Fpu.CW)) == 0;
}

/** True if an exception that forbids a result has been raised and is not masked: invalid, denormal, zero divide. */
export function refused(): bool {
  return !masked(raised & (FpuException.IE | FpuException.DE | FpuException.ZE));
}

/** True if one of `flags` has been raised and is not masked. */
export function refusedBy(flags: u32): bool {
  return !masked(raised & flags);
}

/** True if the result may not go to memory: any unmasked exception but precision. */
export function refusedMemory(): bool {
  return !masked(raised & ~FpuException.PE);
}

/** Sets ES and B by the flags and masks. */
export function summarise(): void {
  const status = get(Fpu.SW) & ~(FpuStatus.ES | FpuStatus.B);
  const pending = (status & ~get(Fpu.CW) & FpuException.ALL) != 0;
  set(Fpu.SW, pending ? status | FpuStatus.ES | FpuStatus.B : status);
}

/** Ends an instruction: its exceptions and C1 go to the status word. */
export function record(): void {
  const status = (get(Fpu.SW) & ~FpuStatus.C1) | raised;
  set(Fpu.SW, c1 != 0 ? status | FpuStatus.C1 : status);
  summarise();
}

/** Ends an instruction that sets all condition bits: `conditions` of C0, C2, C3; C1 as collected. */
export function recordConditions(conditions: u32): void {
  set(Fpu.SW, (get(Fpu.SW) & ~FpuStatus.CONDITIONS) | conditions);
  record();
}

/** Replaces C2 by `bit`, FpuStatus.C2 or 0. */
export function setC2(bit: u32): void {
  set(Fpu.SW, (get(Fpu.SW) & ~FpuStatus.C2) | bit);
}

/** Rounding control: Rounding. */
export function rounding(): u32 {
  return (get(Fpu.CW) >>> FpuControl.ROUNDING_SHIFT) & 3;
}

/** Bits of significand by the precision control: 24, 53 or 64. The reserved setting means 64. */
export function precision(): u32 {
  const control = (get(Fpu.CW) >>> FpuControl.PRECISION_SHIFT) & 3;
  return control == 0 ? 24 : control == 2 ? 53 : 64;
}

/** Number of the physical register of ST(i). */
function physical(i: u32): u32 {
  return (get(Fpu.TOP) + i) & 7;
}

function pointer(i: u32): usize {
  return <usize>(Layout.CPU + Fpu.ST + physical(i) * ST_BYTES);
}

/** True if ST(i) is empty. */
export function isEmpty(i: u32): bool {
  return ((get(Fpu.VALID) >>> physical(i)) & 1) == 0;
}

/** Sign and exponent of ST(i). */
export function stHead(i: u32): u32 {
  return load<u16>(pointer(i), 8);
}

/** Significand of ST(i). */
export function stSignificand(i: u32): u64 {
  return load<u64>(pointer(i));
}

/** Writes ST(i), which is not empty afterwards. */
export function setSt(i: u32, head: u32, significand: u64): void {
  const at = pointer(i);
  store<u64>(at, significand);
  store<u16>(at, <u16>head, 8);
  set(Fpu.VALID, get(Fpu.VALID) | (1 << physical(i)));
}

/** Writes ST(i) and leaves its tag alone. */
export function putSt(i: u32, head: u32, significand: u64): void {
  const at = pointer(i);
  store<u64>(at, significand);
  store<u16>(at, <u16>head, 8);
}

/** Marks ST(i) empty. */
export function free(i: u32): void {
  set(Fpu.VALID, get(Fpu.VALID) & ~(1 << physical(i)));
}

/** Moves TOP by `by`; no register changes. */
export function rotate(by: u32): void {
  set(Fpu.TOP, (get(Fpu.TOP) + by) & 7);
}

/** Pops: ST(0) becomes empty, TOP goes up. */
export function pop(): void {
  free(0);
  rotate(1);
}

/** Pushes a number; the caller has looked whether ST(7) is empty. */
export function push(head: u32, significand: u64): void {
  rotate(7);
  setSt(0, head, significand);
}

/** Raises the invalid exception of an empty source register. */
export function underflowStack(): void {
  except(FpuException.IE | FpuStatus.SF);
  setC1(0);
}

/** Raises the invalid exception of a destination that is not empty. */
export function overflowStack(): void {
  except(FpuException.IE | FpuStatus.SF);
  setC1(1);
}

/** The status word as software sees it. */
export function statusWord(): u32 {
  return get(Fpu.SW) | (get(Fpu.TOP) << FPU_TOP_SHIFT);
}

/** Loads the status word; ES and B follow from flags and masks. */
export function setStatusWord(value: u32): void {
  set(Fpu.TOP, (value >>> FPU_TOP_SHIFT) & 7);
  set(Fpu.SW, value & (FpuException.ALL | FpuStatus.SF | FpuStatus.CONDITIONS));
  summarise();
}

/** Loads the control word. */
export function setControlWord(value: u32): void {
  set(Fpu.CW, (value & FpuControl.WRITABLE) | FpuControl.FIXED);
  summarise();
}

/** The tag word: two bits for each physical register, 0 valid, 1 zero, 2 special, 3 empty (SDM 1 8.1.7). */
export function tagWord(): u32 {
  let tags: u32 = 0;
  for (let r: u32 = 0; r < 8; r++) {
    let tag: u32 = 3;
    if (((get(Fpu.VALID) >>> r) & 1) != 0) {
      const at = <usize>(Layout.CPU + Fpu.ST + r * ST_BYTES);
      const k = kind(load<u16>(at, 8), load<u64>(at));
      tag = k == Kind.NORMAL ? 0 : k == Kind.ZERO ? 1 : 2;
    }
    tags |= tag << (r << 1);
  }
  return tags;
}

/** Loads the tag word: only whether a register is empty is kept. */
export function setTagWord(tags: u32): void {
  let valid: u32 = 0;
  for (let r: u32 = 0; r < 8; r++) if (((tags >>> (r << 1)) & 3) != 3) valid |= 1 << r;
  set(Fpu.VALID, valid);
}

/** FNINIT: the registers keep their contents and are empty. */
export function initialise(): void {
  set(Fpu.CW, FpuControl.AFTER_INIT);
  set(Fpu.SW, 0);
  set(Fpu.TOP, 0);
  set(Fpu.VALID, 0);
  clearPointers();
}

/** Power-on: all registers are +0 and in use, all exceptions unmasked (SDM 3A table 9-1). */
export function powerOn(): void {
  memory.fill(<usize>(Layout.CPU + Fpu.ST), 0, 8 * ST_BYTES);
  set(Fpu.CW, FpuControl.FIXED);
  set(Fpu.SW, 0);
  set(Fpu.TOP, 0);
  set(Fpu.VALID, 0xff);
  clearPointers();
}

function clearPointers(): void {
  set(Fpu.IP, 0);
  set(Fpu.CS, 0);
  set(Fpu.DP, 0);
  set(Fpu.DS, 0);
  set(Fpu.OPCODE, 0);
}
