/**
 * Operands of generic instruction functions, by the record (assembly/abi/record.ts). Widths come from Rec.SIZE.
 */
import { Cpu } from "../abi/cpu";
import { Layout } from "../abi/layout";
import { CONDITION_SHIFT, Form, RM_MEMORY, Rec, RecFlag } from "../abi/record";
import { Reg } from "../abi/x86";
import { loadSize, modifySize, modifyStore, storeSize } from "../mmu/access";
import { set } from "./state";

/** Offset of the memory operand in its segment, at the instruction's address size. */
export function effectiveAddress(rec: usize): u32 {
  const base = load<u32>(Layout.CPU + load<u8>(rec, Rec.BASE));
  const index = load<u32>(Layout.CPU + load<u8>(rec, Rec.INDEX_REG));
  return (base + (index << load<u8>(rec, Rec.SCALE)) + load<u32>(rec, Rec.DISP)) & load<u32>(rec, Rec.LINK);
}

/** True if the r/m operand is memory. */
export function isMemory(rec: usize): bool {
  return load<u8>(rec, Rec.RM) == RM_MEMORY;
}

/** Form of the instruction: where its operands are. */
export function form(rec: usize): u32 {
  return load<u16>(rec, Rec.FLAGS) & RecFlag.FORM;
}

/** Operand size in bytes: 1, 2 or 4. */
export function size(rec: usize): u32 {
  return load<u8>(rec, Rec.SIZE);
}

/** Condition code of Jcc, SETcc, CMOVcc. */
export function conditionCode(rec: usize): u32 {
  return load<u16>(rec, Rec.FLAGS) >>> CONDITION_SHIFT;
}

/** EIP behind the instruction. */
export function nextEip(rec: usize): u32 {
  return load<u32>(rec, Rec.EIP) + load<u8>(rec, Rec.LENGTH);
}

/** Sets EIP behind the instruction: done for every op that ends a block, before it runs. */
export function advance(rec: usize): void {
  set(Cpu.EIP, nextEip(rec));
}

/** `value` cut to `bytes` bytes. */
export function truncate(value: u32, bytes: u32): u32 {
  return bytes == 4 ? value : value & ((1 << (bytes << 3)) - 1);
}

function loadRegister(offset: u32, bytes: u32): u32 {
  const ptr = <usize>(Layout.CPU + offset);
  if (bytes == 4) return load<u32>(ptr);
  return bytes == 2 ? load<u16>(ptr) : load<u8>(ptr);
}

function storeRegister(offset: u32, value: u32, bytes: u32): void {
  const ptr = <usize>(Layout.CPU + offset);
  if (bytes == 4) store<u32>(ptr, value);
  else if (bytes == 2) store<u16>(ptr, <u16>value);
  else store<u8>(ptr, <u8>value);
}

/** The r/m operand, zero-extended. Faults: those of a read. */
export function readRm(rec: usize): u32 {
  if (isMemory(rec)) return loadSize(load<u8>(rec, Rec.SEG), effectiveAddress(rec), size(rec));
  return loadRegister(load<u8>(rec, Rec.RM), size(rec));
}

/** Writes the r/m operand. Faults: those of a write; a register never faults. */
export function writeRm(rec: usize, value: u32): void {
  if (isMemory(rec)) storeSize(load<u8>(rec, Rec.SEG), effectiveAddress(rec), value, size(rec));
  else storeRegister(load<u8>(rec, Rec.RM), value, size(rec));
}

/** Reads the r/m operand for read-modify-write: faults as a write would. writeBack() completes it. */
export function modifyRm(rec: usize): u32 {
  if (isMemory(rec)) return modifySize(load<u8>(rec, Rec.SEG), effectiveAddress(rec), size(rec));
  return loadRegister(load<u8>(rec, Rec.RM), size(rec));
}

/** Writes the r/m operand read by modifyRm(). Cannot fault. */
export function writeBack(rec: usize, value: u32): void {
  if (isMemory(rec)) modifyStore(value, size(rec));
  else storeRegister(load<u8>(rec, Rec.RM), value, size(rec));
}

/** The register operand, zero-extended. */
export function readReg(rec: usize): u32 {
  return loadRegister(load<u8>(rec, Rec.REG), size(rec));
}

/** Writes the register operand. */
export function writeReg(rec: usize, value: u32): void {
  storeRegister(load<u8>(rec, Rec.REG), value, size(rec));
}

/** The immediate operand, cut to the operand size. */
export function immediate(rec: usize): u32 {
  return truncate(load<u32>(rec, Rec.IMM), size(rec));
}

/** The source operand of a two-operand form. Faults: those of a read, for REG_RM. */
export function readSource(rec: usize): u32 {
  switch (form(rec)) {
    case Form.RM_REG:
    case Form.RM_REG_IMM:
    case Form.RM_REG_CL:
      return readReg(rec);
    case Form.REG_RM:
    case Form.REG_RM_IMM:
      return readRm(rec);
    case Form.RM_CL:
      return load<u8>(Layout.CPU + (Reg.ECX << 2));
    case Form.RM_ONE:
      return 1;
    default:
      return immediate(rec);
  }
}

/** Reads `bytes` bytes at offset `ea` of the instruction's segment. Faults: those of a read. */
export function readMem(rec: usize, ea: u32, bytes: u32): u32 {
  return loadSize(load<u8>(rec, Rec.SEG), ea, bytes);
}

/** Writes `bytes` bytes at offset `ea` of the instruction's segment. Faults: those of a write. */
export function writeMem(rec: usize, ea: u32, value: u32, bytes: u32): void {
  storeSize(load<u8>(rec, Rec.SEG), ea, value, bytes);
}
