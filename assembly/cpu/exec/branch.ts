/**
 * Near control flow: SDM 2A/2B "JMP", "Jcc", "JCXZ", "LOOP", "CALL", "RET", "BOUND". A target is cut to 16 bits by a 16-bit operand
 * size and must lie within the CS limit: otherwise #GP(0) at the branch, before anything changes.
 * All but BOUND end a block: EIP holds the next instruction when they start, and they set it if they branch.
 */
import { Cpu, SegCache } from "../../abi/cpu";
import { Rec, RecFlag } from "../../abi/record";
import { Reg, Seg, Vector } from "../../abi/x86";
import { faulted, raise, raiseGp } from "../fault";
import { condition, zero } from "../flags";
import { conditionCode, effectiveAddress, nextEip, readMem, readReg, readRm, size, truncate } from "../operand";
import { segPtr, set } from "../state";
import { peek, push, pushAllowed, release } from "./stack";
import { registerOf, setRegisterOf, signExtend } from "./width";

/** True if EIP may become `target`; raises #GP(0) otherwise. */
export function targetAllowed(target: u32): bool {
  if (target <= load<u32>(segPtr(Seg.CS), SegCache.LIMIT)) return true;
  raiseGp(0);
  return false;
}

/** Jumps to `target`. Faults: #GP(0) beyond the CS limit. */
function jump(target: u32): void {
  if (targetAllowed(target)) set(Cpu.EIP, target);
}

/** Calls `target`: pushes the address of the next instruction. Faults: those of the push, then #GP(0). */
function call(rec: usize, target: u32): void {
  if (!pushAllowed(size(rec)) || !targetAllowed(target)) return;
  push(nextEip(rec), size(rec));
  if (faulted()) return;
  set(Cpu.EIP, target);
}

/** JMP rel. */
export function opJmp(rec: usize): void {
  jump(load<u32>(rec, Rec.IMM));
}

/** Jcc. The target is only checked if the branch is taken. */
export function opJcc(rec: usize): void {
  if (condition(conditionCode(rec))) jump(load<u32>(rec, Rec.IMM));
}

/** Width in bytes of the count register: the address size. */
function countBytes(rec: usize): u32 {
  return (load<u16>(rec, Rec.FLAGS) & RecFlag.ADDR16) != 0 ? 2 : 4;
}

/** JCXZ, JECXZ: the address size chooses the register. */
export function opJcxz(rec: usize): void {
  if (registerOf(Reg.ECX, countBytes(rec)) == 0) jump(load<u32>(rec, Rec.IMM));
}

/** Counts down and jumps if the count is not zero and `also`. The count is unchanged if the jump faults. */
function loopIf(rec: usize, also: bool): void {
  const bytes = countBytes(rec);
  const left = truncate(registerOf(Reg.ECX, bytes) - 1, bytes);
  if (left != 0 && also) {
    jump(load<u32>(rec, Rec.IMM));
    if (faulted()) return;
  }
  setRegisterOf(Reg.ECX, left, bytes);
}

/** LOOP. Writes no flags. */
export function opLoop(rec: usize): void {
  loopIf(rec, true);
}

/** LOOPE: also needs ZF = 1. */
export function opLoope(rec: usize): void {
  loopIf(rec, zero() != 0);
}

/** LOOPNE: also needs ZF = 0. */
export function opLoopne(rec: usize): void {
  loopIf(rec, zero() == 0);
}

/** CALL rel. */
export function opCall(rec: usize): void {
  call(rec, load<u32>(rec, Rec.IMM));
}

/** RET and RET imm16: pops EIP, then releases imm16 more bytes. Faults: #SS, #PF on the read, #GP(0). */
export function opRet(rec: usize): void {
  const bytes = size(rec);
  const target = peek(0, bytes);
  if (faulted() || !targetAllowed(target)) return;
  release(bytes + load<u16>(rec, Rec.IMM));
  set(Cpu.EIP, target);
}

/** JMP r/m. */
export function opJmpIndirect(rec: usize): void {
  const target = readRm(rec);
  if (faulted()) return;
  jump(target);
}

/** CALL r/m. The operand is read before the push: CALL ESP and CALL [ESP] use the old stack pointer. */
export function opCallIndirect(rec: usize): void {
  const target = readRm(rec);
  if (faulted()) return;
  call(rec, target);
}

/** BOUND: #BR unless the signed register lies between the two words of the memory operand, both included. */
export function opBound(rec: usize): void {
  const bytes = size(rec);
  const at = effectiveAddress(rec);
  const lower = signExtend(readMem(rec, at, bytes), bytes);
  if (faulted()) return;
  const upper = signExtend(readMem(rec, (at + bytes) & load<u32>(rec, Rec.LINK), bytes), bytes);
  if (faulted()) return;
  const index = signExtend(readReg(rec), bytes);
  if (index < lower || index > upper) raise(Vector.BR);
}
