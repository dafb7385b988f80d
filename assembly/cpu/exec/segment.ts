/**
 * Instructions on segment registers and selectors. SDM 2A/2B: MOV, PUSH, POP, LDS.., LAR, LSL, VERR, VERW, ARPL.
 * Invariant: a load that faults leaves register, selector and stack pointer as they were.
 */
import { Cpu } from "../../abi/cpu";
import { Layout } from "../../abi/layout";
import { Rec } from "../../abi/record";
import { Eflags, Reg, Seg, SysType } from "../../abi/x86";
import { refused } from "../../vmx/intercept";
import { setEflags, updateAttention } from "../control";
import { SHADOW_STACK } from "../debug";
import {
  dplOf,
  inTable,
  isConforming,
  isNull,
  isReadable,
  isWritableData,
  limitOf,
  readDescriptor,
  systemType,
} from "../descriptor";
import { faulted, raiseUd } from "../fault";
import { stackItem } from "../frame";
import { effectiveAddress, isMemory, readMem, readRm, size, writeMem, writeReg, writeRm } from "../operand";
import { loadSegment } from "../segment";
import { cpl, protectedMode, selectorOf, set, setReg16, setReg32, stack32, stackPointer } from "../state";
import { push } from "./stack";

/** Bits of a descriptor's high half that LAR shows. */
const LAR_MASK: u32 = 0x00f0ff00;

/** The 16-bit r/m operand of an instruction of any operand size. Faults: those of a two-byte read. */
export function readRm16(rec: usize): u32 {
  if (isMemory(rec)) return readMem(rec, effectiveAddress(rec), 2);
  return load<u16>(Layout.CPU + load<u8>(rec, Rec.RM));
}

/** Writes a selector-sized value: 16 bits to memory, zero-extended to a 32-bit register. Faults: those of a write. */
export function writeRm16(rec: usize, value: u32): void {
  if (isMemory(rec)) {
    writeMem(rec, effectiveAddress(rec), value, 2);
    return;
  }
  const at = Layout.CPU + load<u8>(rec, Rec.RM);
  if (size(rec) == 4) store<u32>(at, value);
  else store<u16>(at, <u16>value);
}

/** Holds interrupts and traps off until SS and ESP can both be loaded (SDM 3A 6.8.3). */
function shadowStack(): void {
  set(Cpu.SHADOW, SHADOW_STACK);
  updateAttention();
}

/** PUSH Sreg, zero-extended to the operand size. Faults: #SS #PF #AC. */
export function opPushSeg(rec: usize): void {
  if (!refused()) push(selectorOf(load<u8>(rec, Rec.REG)), size(rec));
}

/** POP Sreg: an item of the operand size, of which 16 bits count. The stack pointer moves at the width of the old SS. Faults: #SS #PF #AC #GP #NP. */
export function opPopSeg(rec: usize): void {
  if (refused()) return;
  const seg: u32 = load<u8>(rec, Rec.REG);
  const selector = stackItem(0, size(rec)) & 0xffff;
  if (faulted()) return;
  const wide = stack32();
  const after = stackPointer() + size(rec);
  if (!loadSegment(seg, selector)) return;
  if (wide) setReg32(Reg.ESP, after);
  else setReg16(Reg.ESP, after);
  if (seg == Seg.SS) shadowStack();
}

/** MOV r/m, Sreg. Faults: #UD for a register that does not exist; those of a write. */
export function opMovFromSeg(rec: usize): void {
  const seg: u32 = load<u8>(rec, Rec.REG);
  if (seg > <u32>Seg.GS) raiseUd();
  else if (!refused()) writeRm16(rec, selectorOf(seg));
}

/** MOV Sreg, r/m. Faults: #UD for CS or a register that does not exist; #GP #NP #SS #PF #AC. */
export function opMovToSeg(rec: usize): void {
  const seg: u32 = load<u8>(rec, Rec.REG);
  if (seg > <u32>Seg.GS || seg == Seg.CS) {
    raiseUd();
    return;
  }
  if (refused()) return;
  const selector = readRm16(rec);
  if (faulted() || !loadSegment(seg, selector)) return;
  if (seg == Seg.SS) shadowStack();
}

/** LES, LDS, LSS, LFS, LGS: a far pointer from memory. Faults: #GP #NP #SS #PF #AC. */
function loadFarPointer(rec: usize, seg: u32): void {
  if (refused()) return;
  const ea = effectiveAddress(rec);
  const offset = readMem(rec, ea, size(rec));
  if (faulted()) return;
  const selector = readMem(rec, (ea + size(rec)) & load<u32>(rec, Rec.LINK), 2);
  if (faulted() || !loadSegment(seg, selector)) return;
  writeReg(rec, offset);
}

/** LES. */
export function opLes(rec: usize): void {
  loadFarPointer(rec, Seg.ES);
}

/** LDS. */
export function opLds(rec: usize): void {
  loadFarPointer(rec, Seg.DS);
}

/** LSS. */
export function opLss(rec: usize): void {
  loadFarPointer(rec, Seg.SS);
}

/** LFS. */
export function opLfs(rec: usize): void {
  loadFarPointer(rec, Seg.FS);
}

/** LGS. */
export function opLgs(rec: usize): void {
  loadFarPointer(rec, Seg.GS);
}

/** Sets ZF alone. */
function setZero(holds: bool): void {
  setEflags(holds ? Eflags.ZF : 0, Eflags.ZF);
}

/** Descriptor of a selector the current program may look at, or 0: null, beyond its table, or too privileged. */
function visible(selector: u32): u64 {
  if (isNull(selector) || !inTable(selector)) return 0;
  const d = readDescriptor(selector);
  if (faulted() || isConforming(d)) return d;
  return dplOf(d) < cpl() || dplOf(d) < (selector & 3) ? 0 : d;
}

/** True if LSL shows the limit of this system descriptor: LDTs and TSSs. */
function hasLimit(type: i32): bool {
  return type == SysType.LDT || type == SysType.TSS16_AVAILABLE || type == SysType.TSS16_BUSY || isTss32(type);
}

function isTss32(type: i32): bool {
  return type == SysType.TSS32_AVAILABLE || type == SysType.TSS32_BUSY;
}

/** LAR. Outside protected mode #UD. Faults: those of reading the selector and the table. */
export function opLar(rec: usize): void {
  if (!protectedMode()) {
    raiseUd();
    return;
  }
  if (refused()) return;
  const selector = readRm16(rec);
  if (faulted()) return;
  const d = visible(selector);
  if (faulted()) return;
  const type = systemType(d);
  const shown =
    type < 0 ||
    hasLimit(type) ||
    type == SysType.CALL_GATE16 ||
    type == SysType.CALL_GATE32 ||
    type == SysType.TASK_GATE;
  if (d != 0 && shown) writeReg(rec, <u32>(d >> 32) & LAR_MASK);
  setZero(d != 0 && shown);
}

/** LSL. Outside protected mode #UD. Faults: those of reading the selector and the table. */
export function opLsl(rec: usize): void {
  if (!protectedMode()) {
    raiseUd();
    return;
  }
  if (refused()) return;
  const selector = readRm16(rec);
  if (faulted()) return;
  const d = visible(selector);
  if (faulted()) return;
  const type = systemType(d);
  const shown = d != 0 && (type < 0 || hasLimit(type));
  if (shown) writeReg(rec, limitOf(d));
  setZero(shown);
}

/** VERR. Outside protected mode #UD. */
export function opVerr(rec: usize): void {
  if (!protectedMode()) {
    raiseUd();
    return;
  }
  if (refused()) return;
  const selector = readRm16(rec);
  if (faulted()) return;
  const d = visible(selector);
  if (!faulted()) setZero(isReadable(d));
}

/** VERW. Outside protected mode #UD. */
export function opVerw(rec: usize): void {
  if (!protectedMode()) {
    raiseUd();
    return;
  }
  if (refused()) return;
  const selector = readRm16(rec);
  if (faulted()) return;
  const d = visible(selector);
  if (!faulted()) setZero(isWritableData(d));
}

/** ARPL. Outside protected mode #UD. The destination is written only if its RPL rises. */
export function opArpl(rec: usize): void {
  if (!protectedMode()) {
    raiseUd();
    return;
  }
  const source: u32 = load<u16>(Layout.CPU + load<u8>(rec, Rec.REG)) & 3;
  const selector = readRm(rec);
  if (faulted()) return;
  const raised = (selector & 3) < source;
  if (raised) {
    writeRm(rec, (selector & ~3) | source);
    if (faulted()) return;
  }
  setZero(raised);
}
