/**
 * What the machine shows its host. Everything else the host needs is bytes in the shared memory, at the offsets of assembly/abi/.
 */
import { Cpu, SegCache, Stop } from "./abi/cpu";
import { Rec } from "./abi/record";
import { flushBlocks } from "./cpu/block";
import { now, rederive, updateAttention, updateMode, updateSegment } from "./cpu/control";
import { fetch } from "./cpu/fetch";
import { eflags, setArithmeticFlags } from "./cpu/flags";
import { layOut, resetCpu } from "./cpu/reset";
import { specialise } from "./cpu/specialise";
import { fieldPtr, get, segPtr, set } from "./cpu/state";
import { decodeFor } from "./cpu/translated";
import { codeWritten } from "./mmu/code";
import { flushTlb, probe } from "./mmu/tlb";

export { decodedAt } from "./cpu/block";
export { rederive } from "./cpu/control";
export { cpuid } from "./cpu/cpuid";
export {
  allocate,
  coverCode,
  installRegion,
  interpretInRegion,
  interruptInRegion,
  rawFlags,
  removeRegion,
  returnInRegion,
} from "./cpu/region";
export { repeatInRegion } from "./cpu/exec/string";
export { flushPageInRegion, loadCr3InRegion, pagesHold } from "./cpu/region-pages";
export { judge } from "./cpu/translated";
export { treatmentOf } from "./cpu/treatment";
export { refill } from "./mmu/tlb";
export { deliverEvent, run, stepOnce, vmenter } from "./run";
export { invept, invvpid } from "./vmx/context";
export { adoptState, applyControls } from "./vmx/controls";
export { vmread, vmwrite } from "./vmx/fields";
export { retireOne } from "./vmx/retire";
export { currentVmcs, vmclear, vmptrld } from "./vmx/vmcs";

/** Lays out `ramBytes` of RAM and `romBytes` of ROM (multiples of 4,096); returns the bytes of memory the machine needs. */
export function setUp(ramBytes: u32, romBytes: u32): u32 {
  return layOut(ramBytes, romBytes);
}

/** Power-on state. RAM is left alone. */
export function reset(): void {
  resetCpu();
}

/** EFLAGS as PUSHFD at CPL 0 shows it. */
export function readEflags(): u32 {
  return eflags();
}

/** Sets all of EFLAGS, reserved bits excepted. */
export function writeEflags(value: u32): void {
  setArithmeticFlags(value);
  set(Cpu.EFLAGS, (value & 0x3f7700) | 2);
  updateMode();
  updateAttention();
}

/** Loads a segment cache as it stands, without checks. CPL is left alone: the host sets it, then calls refresh(). */
export function writeSegment(seg: u32, selector: u32, base: u32, limit: u32, access: u32): void {
  const cache = segPtr(seg);
  store<u32>(cache, selector, SegCache.SELECTOR);
  store<u32>(cache, base, SegCache.BASE);
  store<u32>(cache, limit, SegCache.LIMIT);
  store<u32>(cache, access, SegCache.ACCESS);
  updateSegment(seg);
}

/** Tells that the host changed control state (CR0, CR3, CR4, CPL, DR7 …): recomputes everything derived and drops translations. */
export function refresh(): void {
  rederive();
  flushTlb();
}

/** The same without dropping translations: the host has changed to another context of the TLB, or nothing that they depend on. */
export function refreshKeeping(): void {
  rederive();
}

/** Copies `bytes` bytes of linear memory: cheaper than the host's own ways for a few hundred. */
export function moveBytes(to: usize, from: usize, bytes: u32): void {
  memory.copy(to, from, bytes);
}

/** 1 if the `bytes` bytes, a multiple of 8, at `a` and `b` are equal. */
export function equalBytes(a: usize, b: usize, bytes: u32): u32 {
  for (let i: u32 = 0; i < bytes; i += 8) if (load<u64>(a + i) != load<u64>(b + i)) return 0;
  return 1;
}

/** Level of the INTR pin. */
export function setInterruptLine(level: u32): void {
  set(Cpu.INTR, level);
  updateAttention();
  if (get(Cpu.GIVEN) != 0) set(Cpu.STOP, get(Cpu.STOP) | Stop.SWITCHED);
}

/** An edge on the NMI pin. */
export function raiseNmi(): void {
  set(Cpu.NMI_PENDING, 1);
  updateAttention();
  if (get(Cpu.GIVEN) != 0) set(Cpu.STOP, get(Cpu.STOP) | Stop.SWITCHED);
}

/** Opens or closes the A20 gate. */
export function setA20(enabled: u32): void {
  set(Cpu.A20_MASK, enabled != 0 ? 0xffffffff : 0xffefffff);
  flushTlb();
  if (get(Cpu.GIVEN) != 0) set(Cpu.STOP, get(Cpu.STOP) | Stop.SWITCHED);
}

/** Makes run() return after the current instruction. For host call-backs. */
export function requestStop(): void {
  set(Cpu.STOP, get(Cpu.STOP) | Stop.HOST);
}

/** Tells that the host wrote `bytes` bytes of RAM from physical address `pa`. */
export function ramWritten(pa: u32, bytes: u32): void {
  let at = pa;
  let rest = bytes;
  while (rest > 0) {
    const room: u32 = 0x1000 - (at & 0xfff);
    const part = rest < room ? rest : room;
    codeWritten(<usize>(get(Cpu.RAM_PTR) + at), part);
    at += part;
    rest -= part;
  }
}

/** Drops all translations. */
export function flushTranslations(): void {
  flushTlb();
}

/** Drops all decoded code. Not from a call-back. */
export function flushCode(): void {
  flushBlocks();
}

/** Pointer of linear address `lin` for supervisor reads, or 0: no fault, no flags set. */
export function probeLinear(lin: u32): usize {
  return probe(lin);
}

/** Decodes the `available` bytes at `bytes` for `eip` and `mode` into the record at `rec`, hot form included. Returns the length, 0 if it needs more. */
export function decodeBytes(rec: usize, bytes: usize, available: i32, eip: u32, mode: u32): i32 {
  const length = decodeFor(rec, bytes, available, eip, mode);
  if (length != 0) specialise(rec, mode);
  return length;
}

/** Decodes the instruction at CS:EIP into the record at `rec` without executing it. Returns its length; 0: it cannot be fetched. */
export function decodeNext(rec: usize): i32 {
  const stop = get(Cpu.STOP);
  const length = fetch(rec, get(Cpu.EIP), get(Cpu.MODE));
  set(Cpu.STOP, stop);
  store<u16>(rec, 0, Rec.HANDLER);
  return length;
}

/** Virtual time in ticks, exact also inside call-backs. */
export function time(): f64 {
  return <f64>now();
}

/** Lets `ticks` of virtual time pass: the machine was halted. */
export function skipTime(ticks: f64): void {
  const ptr = fieldPtr(Cpu.SKIPPED);
  store<u64>(ptr, load<u64>(ptr) + <u64>ticks);
}
