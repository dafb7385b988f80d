/**
 * Descriptor-table registers, MSRs, time, identity, halting and SYSENTER: SDM 2A/2B by the names of
 * the instructions. Invariant: privilege is checked before operands are read (SDM 3A 5.9).
 */
import { Cpu, SegCache } from "../../abi/cpu";
import { ExitReason } from "../../abi/exit";
import { Rec } from "../../abi/record";
import { Primary } from "../../abi/vmx";
import { Cr0, Cr4, Eflags, Reg, Seg, SysType, Vector } from "../../abi/x86";
import { checkWrite, sysStore8 } from "../../mmu/access";
import {
  exitsAlways,
  exitsBy,
  exitsMsr,
  exitsPause,
  exitsSystemSegments,
  exitsTables,
  refused,
} from "../../vmx/intercept";
import { setEflags, stopBlock, updateAttention } from "../control";
import { cpuid } from "../cpuid";
import {
  accessOf,
  descriptorAddress,
  fetchDescriptor,
  isNull,
  isPresent,
  raiseSelector,
  systemType,
} from "../descriptor";
import { faulted, raiseGp, raiseUd } from "../fault";
import { msrKnown, readMsr, timeStamp, writeMsr } from "../msr";
import { effectiveAddress, readMem, size, writeMem } from "../operand";
import { fillCache, loadNull } from "../segment";
import { cpl, get, protectedMode, reg32, segPtr, selectorOf, set, setReg32 } from "../state";
import { readRm16, writeRm16 } from "./segment";

/** Descriptors of the segments SYSENTER and SYSEXIT load: flat, 32-bit, accessed (SDM 2B "SYSENTER"). */
const FLAT_CODE: u64 = 0x00cf9b000000ffff;
const FLAT_DATA: u64 = 0x00cf93000000ffff;
/** DPL 3 in a descriptor. */
const USER: u64 = (<u64>3) << 45;
/** Busy bit of a TSS type. */
const BUSY: u32 = 2;

/** True at CPL 0; raises #GP(0) otherwise. */
export function privileged(): bool {
  if (cpl() == 0) return true;
  raiseGp(0);
  return false;
}

/** True unless CR4.UMIP, or the monitor's machine, denies user mode this instruction with #GP(0). */
export function shown(): bool {
  if (refused()) return false;
  if (cpl() == 0 || (get(Cpu.CR4) & Cr4.UMIP) == 0) return true;
  raiseGp(0);
  return false;
}

/** Stores a table register: 16 bits of limit, 32 of base, whatever the operand size. `which`: 0 SGDT, 1 SIDT. */
function storeTable(rec: usize, which: u32, base: u32, limit: u32): void {
  if (!shown() || exitsTables(rec, which)) return;
  const seg: u32 = load<u8>(rec, Rec.SEG);
  const ea = effectiveAddress(rec);
  const second = (ea + 2) & load<u32>(rec, Rec.LINK);
  if (!checkWrite(seg, ea, 2) || !checkWrite(seg, second, 4)) return;
  writeMem(rec, ea, limit, 2);
  writeMem(rec, second, base, 4);
}

/** Loads a table register; a 16-bit operand size takes 24 bits of base. `which`: 2 LGDT, 3 LIDT. */
function loadTable(rec: usize, which: u32, baseField: i32, limitField: i32): void {
  if (!privileged() || exitsTables(rec, which)) return;
  const ea = effectiveAddress(rec);
  const limit = readMem(rec, ea, 2);
  if (faulted()) return;
  const base = readMem(rec, (ea + 2) & load<u32>(rec, Rec.LINK), 4);
  if (faulted()) return;
  set(limitField, limit);
  set(baseField, size(rec) == 2 ? base & 0xffffff : base);
}

/** SGDT. Faults: #GP(0) by UMIP; those of a write. */
export function opSgdt(rec: usize): void {
  storeTable(rec, 0, get(Cpu.GDTR_BASE), get(Cpu.GDTR_LIMIT));
}

/** SIDT. Faults: #GP(0) by UMIP; those of a write. */
export function opSidt(rec: usize): void {
  storeTable(rec, 1, get(Cpu.IDTR_BASE), get(Cpu.IDTR_LIMIT));
}

/** LGDT. Faults: #GP(0) outside CPL 0; those of a read. */
export function opLgdt(rec: usize): void {
  loadTable(rec, 2, Cpu.GDTR_BASE, Cpu.GDTR_LIMIT);
}

/** LIDT. Faults: #GP(0) outside CPL 0; those of a read. */
export function opLidt(rec: usize): void {
  loadTable(rec, 3, Cpu.IDTR_BASE, Cpu.IDTR_LIMIT);
}

/** SLDT. Faults: #UD outside protected mode; #GP(0) by UMIP; those of a write. */
export function opSldt(rec: usize): void {
  if (!protectedMode()) raiseUd();
  else if (shown() && !exitsSystemSegments(rec, 0)) writeRm16(rec, selectorOf(Seg.LDTR));
}

/** STR. Faults: #UD outside protected mode; #GP(0) by UMIP; those of a write. */
export function opStr(rec: usize): void {
  if (!protectedMode()) raiseUd();
  else if (shown() && !exitsSystemSegments(rec, 1)) writeRm16(rec, selectorOf(Seg.TR));
}

/** Selector operand of LLDT and LTR. Faults: #UD outside protected mode; #GP(0) outside CPL 0; those of a read. */
function tableSelector(rec: usize, which: u32): u32 {
  if (!protectedMode()) raiseUd();
  else if (privileged() && !exitsSystemSegments(rec, which)) return readRm16(rec);
  return 0;
}

/** LLDT; a null selector makes every selector with TI set invalid. Faults: also #GP, #NP(selector). */
export function opLldt(rec: usize): void {
  const selector = tableSelector(rec, 2);
  if (faulted()) return;
  if (isNull(selector)) {
    loadNull(Seg.LDTR, selector);
    return;
  }
  const d = systemDescriptor(selector);
  if (faulted()) return;
  if (systemType(d) != SysType.LDT) raiseSelector(Vector.GP, selector);
  else if (!isPresent(d)) raiseSelector(Vector.NP, selector);
  else fillCache(Seg.LDTR, selector, d);
}

/** The descriptor of a selector that must name the GDT. 0 if faulted. */
function systemDescriptor(selector: u32): u64 {
  if ((selector & 4) != 0) {
    raiseSelector(Vector.GP, selector);
    return 0;
  }
  return fetchDescriptor(selector, Vector.GP);
}

/** LTR: the TSS becomes busy. Faults: also #GP(0) null, #GP, #NP(selector). */
export function opLtr(rec: usize): void {
  const selector = tableSelector(rec, 3);
  if (faulted()) return;
  if (isNull(selector)) {
    raiseGp(0);
    return;
  }
  const d = systemDescriptor(selector);
  if (faulted()) return;
  const type = systemType(d);
  if (type != SysType.TSS16_AVAILABLE && type != SysType.TSS32_AVAILABLE) {
    raiseSelector(Vector.GP, selector);
    return;
  }
  if (!isPresent(d)) {
    raiseSelector(Vector.NP, selector);
    return;
  }
  sysStore8(descriptorAddress(selector) + 5, accessOf(d) | BUSY);
  if (faulted()) return;
  fillCache(Seg.TR, selector, d);
  const tr = segPtr(Seg.TR);
  store<u32>(tr, load<u32>(tr, SegCache.ACCESS) | BUSY, SegCache.ACCESS);
}

/** HLT: run() returns ExitReason.HLT unless an interrupt is already there. Faults: #GP(0) outside CPL 0. */
export function opHlt(rec: usize): void {
  if (!privileged() || exitsBy(rec, Primary.HLT, ExitReason.HLT, 0)) return;
  set(Cpu.HALTED, 1);
  stopBlock();
}

/** CPUID. */
export function opCpuid(rec: usize): void {
  if (!exitsAlways(rec, ExitReason.CPUID)) cpuid(reg32(Reg.EAX), reg32(Reg.ECX));
}

/** Splits a 64-bit answer over EDX:EAX. */
function answer(value: u64): void {
  setReg32(Reg.EAX, <u32>value);
  setReg32(Reg.EDX, <u32>(value >> 32));
}

/** RDTSC. Faults: #GP(0) outside CPL 0 if CR4.TSD. */
export function opRdtsc(rec: usize): void {
  if (cpl() != 0 && (get(Cpu.CR4) & Cr4.TSD) != 0) raiseGp(0);
  else if (!exitsBy(rec, Primary.RDTSC, ExitReason.RDTSC, 0)) answer(timeStamp());
}

/** RDPMC: two counters that never count, since no event can be selected. Faults: #GP(0) outside CPL 0 unless CR4.PCE; number > 1. */
export function opRdpmc(rec: usize): void {
  if (cpl() != 0 && (get(Cpu.CR4) & Cr4.PCE) == 0) raiseGp(0);
  else if (exitsBy(rec, Primary.RDPMC, ExitReason.RDPMC, 0)) return;
  else if (reg32(Reg.ECX) > 1) raiseGp(0);
  else answer(0);
}

/** RDMSR. Faults: #GP(0) outside CPL 0 or for a register there is not. */
export function opRdmsr(rec: usize): void {
  if (!privileged() || exitsMsr(rec, reg32(Reg.ECX), false)) return;
  if (msrKnown(reg32(Reg.ECX))) answer(readMsr(reg32(Reg.ECX)));
  else raiseGp(0);
}

/** WRMSR. Faults: #GP(0) outside CPL 0, for a register there is not, or for a value it cannot hold. */
export function opWrmsr(rec: usize): void {
  if (!privileged() || exitsMsr(rec, reg32(Reg.ECX), true)) return;
  writeMsr(reg32(Reg.ECX), <u64>reg32(Reg.EAX) | ((<u64>reg32(Reg.EDX)) << 32));
}

/** Loads the flat CS and SS of SYSENTER and SYSEXIT. */
function flatSegments(cs: u32, privilege: u32): void {
  const dpl: u64 = privilege == 3 ? USER : 0;
  set(Cpu.CPL, privilege);
  fillCache(Seg.CS, (cs & 0xfffc) | privilege, FLAT_CODE | dpl);
  fillCache(Seg.SS, ((cs + 8) & 0xfffc) | privilege, FLAT_DATA | dpl);
}

/** SYSENTER. Faults: #GP(0) in real mode or if SYSENTER_CS is null. */
export function opSysenter(_rec: usize): void {
  if (refused()) return;
  const cs = get(Cpu.SYSENTER_CS);
  if ((get(Cpu.CR0) & Cr0.PE) == 0 || isNull(cs)) {
    raiseGp(0);
    return;
  }
  set(Cpu.CPL, 0);
  setEflags(0, Eflags.VM | Eflags.IF | Eflags.RF);
  flatSegments(cs, 0);
  setReg32(Reg.ESP, get(Cpu.SYSENTER_ESP));
  set(Cpu.EIP, get(Cpu.SYSENTER_EIP));
}

/** SYSEXIT: to ring 3 at EDX with stack ECX. Faults: #GP(0) in real mode, outside CPL 0, or if SYSENTER_CS is null. */
export function opSysexit(_rec: usize): void {
  const cs = get(Cpu.SYSENTER_CS);
  if ((get(Cpu.CR0) & Cr0.PE) == 0 || cpl() != 0 || isNull(cs)) {
    raiseGp(0);
    return;
  }
  flatSegments(cs + 16, 3);
  setReg32(Reg.ESP, reg32(Reg.ECX));
  set(Cpu.EIP, reg32(Reg.EDX));
  updateAttention();
}

/** NOP, PAUSE and the reserved NOPs: a memory operand is not accessed. */
export function opNop(rec: usize): void {
  exitsPause(rec);
}

/** UD1, UD2. */
export function opUd(_rec: usize): void {
  raiseUd();
}
