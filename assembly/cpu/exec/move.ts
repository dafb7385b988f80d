/**
 * Moves between registers and memory: SDM 2A/2B "MOV", "MOVZX", "MOVSX", "XCHG", "CMPXCHG", "CMPXCHG8B", "XADD", "CMOVcc",
 * "SETcc", "LEA", "XLAT". A memory source is read even if its value is not used; a compared memory destination is written even if
 * the comparison fails.
 */
import { Layout } from "../../abi/layout";
import { Form, Rec, RecFlag } from "../../abi/record";
import { Eflags, Reg, Vector } from "../../abi/x86";
import { checkSegment, checkWrite, load32, store32 } from "../../mmu/access";
import { alignmentChecked } from "../control";
import { faulted, raiseCode } from "../fault";
import { arithmeticFlags, condition, setArithmeticFlags } from "../flags";
import {
  conditionCode,
  effectiveAddress,
  form,
  isMemory,
  modifyRm,
  readMem,
  readReg,
  readRm,
  readSource,
  size,
  writeBack,
  writeReg,
  writeRm,
} from "../operand";
import { reg16, reg32, segBase, setReg32 } from "../state";
import { al, flagsAddOf, flagsSubOf, registerOf, setAl, setRegisterOf, signExtend } from "./width";

/** MOV. Faults: those of its operands. */
export function opMov(rec: usize): void {
  const value = readSource(rec);
  if (faulted()) return;
  if (form(rec) == Form.REG_RM) writeReg(rec, value);
  else writeRm(rec, value);
}

/** The r/m operand at a size of its own, for the extending moves. */
function readNarrow(rec: usize, bytes: u32): u32 {
  if (isMemory(rec)) return readMem(rec, effectiveAddress(rec), bytes);
  const ptr = <usize>(Layout.CPU + load<u8>(rec, Rec.RM));
  return bytes == 1 ? load<u8>(ptr) : load<u16>(ptr);
}

/** MOVZX r, r/m8. */
export function opMovzx8(rec: usize): void {
  const value = readNarrow(rec, 1);
  if (faulted()) return;
  writeReg(rec, value);
}

/** MOVZX r, r/m16. */
export function opMovzx16(rec: usize): void {
  const value = readNarrow(rec, 2);
  if (faulted()) return;
  writeReg(rec, value);
}

/** MOVSX r, r/m8. */
export function opMovsx8(rec: usize): void {
  const value = readNarrow(rec, 1);
  if (faulted()) return;
  writeReg(rec, signExtend(value, 1));
}

/** MOVSX r, r/m16. */
export function opMovsx16(rec: usize): void {
  const value = readNarrow(rec, 2);
  if (faulted()) return;
  writeReg(rec, signExtend(value, 2));
}

/** XCHG. */
export function opXchg(rec: usize): void {
  const value = modifyRm(rec);
  if (faulted()) return;
  const other = readReg(rec);
  writeReg(rec, value);
  writeBack(rec, other);
}

/** CMPXCHG: if accumulator == r/m then r/m = register, else accumulator = r/m. Flags of accumulator - r/m. */
export function opCmpxchg(rec: usize): void {
  const value = modifyRm(rec);
  if (faulted()) return;
  const bytes = size(rec);
  const expected = registerOf(Reg.EAX, bytes);
  if (expected == value) writeBack(rec, readReg(rec));
  else {
    writeBack(rec, value);
    setRegisterOf(Reg.EAX, value, bytes);
  }
  flagsSubOf(expected, value, expected - value, bytes);
}

/** XADD: r/m += register, register = old r/m. Writes OSZAPC. */
export function opXadd(rec: usize): void {
  const a = modifyRm(rec);
  if (faulted()) return;
  const b = readReg(rec);
  writeReg(rec, a);
  writeBack(rec, a + b);
  flagsAddOf(a, b, a + b, size(rec));
}

/** CMPXCHG8B: if EDX:EAX == m64 then m64 = ECX:EBX, else EDX:EAX = m64. Writes ZF. */
export function opCmpxchg8b(rec: usize): void {
  const seg = load<u8>(rec, Rec.SEG);
  const at = effectiveAddress(rec);
  if (!checkSegment(seg, at, 8, true)) return;
  if (((segBase(seg) + at) & 7) != 0 && alignmentChecked()) {
    raiseCode(Vector.AC, 0);
    return;
  }
  if (!checkWrite(seg, at, 8)) return;
  const low = load32(seg, at);
  const high = load32(seg, at + 4);
  if (faulted()) return;
  const equal = low == reg32(Reg.EAX) && high == reg32(Reg.EDX);
  store32(seg, at, equal ? reg32(Reg.EBX) : low);
  store32(seg, at + 4, equal ? reg32(Reg.ECX) : high);
  if (!equal) {
    setReg32(Reg.EAX, low);
    setReg32(Reg.EDX, high);
  }
  setArithmeticFlags((arithmeticFlags() & ~Eflags.ZF) | (equal ? Eflags.ZF : 0));
}

/** CMOVcc. The source is read, and faults, whatever the condition. */
export function opCmovcc(rec: usize): void {
  const value = readRm(rec);
  if (faulted()) return;
  if (condition(conditionCode(rec))) writeReg(rec, value);
}

/** SETcc: r/m8 = condition ? 1 : 0. */
export function opSetcc(rec: usize): void {
  writeRm(rec, condition(conditionCode(rec)) ? 1 : 0);
}

/** LEA: register = offset of the memory operand, cut or zero-extended to the operand size. */
export function opLea(rec: usize): void {
  writeReg(rec, effectiveAddress(rec));
}

/** XLAT: AL = [(E)BX + AL]. */
export function opXlat(rec: usize): void {
  const at =
    (load<u16>(rec, Rec.FLAGS) & RecFlag.ADDR16) != 0 ? (reg16(Reg.EBX) + al()) & 0xffff : reg32(Reg.EBX) + al();
  const value = readMem(rec, at, 1);
  if (faulted()) return;
  setAl(value);
}
