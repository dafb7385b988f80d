/**
 * The stack: SDM 2A/2B "PUSH", "POP", "PUSHA", "POPA", "ENTER", "LEAVE". The width of the stack pointer comes from SS (SP wraps at
 * 64 KB), the width of what is pushed from the operand size. An instruction that faults leaves (E)SP and the stack as they were.
 */
import { Form, Rec } from "../../abi/record";
import { Reg, Seg, Vector } from "../../abi/x86";
import { checkSegment, checkWrite, loadSize, storeSize } from "../../mmu/access";
import { alignmentChecked } from "../control";
import { faulted, raiseCode } from "../fault";
import { form, immediate, isMemory, readRm, size, writeRm } from "../operand";
import { reg16, reg32, segBase, setReg32, setStackPointer, stack32, stackPointer } from "../state";
import { registerOf, setRegisterOf } from "./width";

/** `offset` cut to the width of the stack pointer. */
export function stackOffset(offset: u32): u32 {
  return stack32() ? offset : offset & 0xffff;
}

/** True if `bytes` bytes can be written at `at` in the stack segment; raises #SS, #AC or #PF otherwise, in this order. */
function slotAllowed(at: u32, bytes: u32): bool {
  if (!checkSegment(Seg.SS, at, bytes, true)) return false;
  if (((segBase(Seg.SS) + at) & (bytes - 1)) != 0 && alignmentChecked()) {
    raiseCode(Vector.AC, 0);
    return false;
  }
  return checkWrite(Seg.SS, at, bytes);
}

/** True if push() of `bytes` bytes would succeed; raises its fault otherwise. */
export function pushAllowed(bytes: u32): bool {
  return slotAllowed(stackOffset(stackPointer() - bytes), bytes);
}

/** Pushes the low `bytes` bytes (2 or 4) of `value`. Faults: #SS, #PF, #AC; (E)SP is unchanged then. */
export function push(value: u32, bytes: u32): void {
  const at = stackOffset(stackPointer() - bytes);
  storeSize(Seg.SS, at, value, bytes);
  if (faulted()) return;
  setStackPointer(at);
}

/** The `bytes` bytes `depth` bytes above the stack pointer. Faults: #SS, #PF, #AC; then returns 0. */
export function peek(depth: u32, bytes: u32): u32 {
  return loadSize(Seg.SS, stackOffset(stackPointer() + depth), bytes);
}

/** Adds `bytes` to the stack pointer, at its width. */
export function release(bytes: u32): void {
  setStackPointer(stackPointer() + bytes);
}

/** PUSH r/m, PUSH imm. The operand is read before (E)SP changes: PUSH ESP pushes the old value. */
export function opPush(rec: usize): void {
  const value = form(rec) == Form.IMM ? immediate(rec) : readRm(rec);
  if (faulted()) return;
  push(value, size(rec));
}

/** POP r/m. (E)SP is incremented before it is used in a memory operand's address, or written by POP (E)SP. */
export function opPop(rec: usize): void {
  const bytes = size(rec);
  const value = peek(0, bytes);
  if (faulted()) return;
  const old = reg32(Reg.ESP);
  release(bytes);
  writeRm(rec, value);
  if (isMemory(rec) && faulted()) setReg32(Reg.ESP, old);
}

/** PUSHA, PUSHAD: EAX ECX EDX EBX, the old ESP, EBP ESI EDI. All eight places are checked before the first is written. */
export function opPusha(rec: usize): void {
  const bytes = size(rec);
  const top = stackPointer();
  for (let i: u32 = 1; i <= 8; i++) {
    if (!slotAllowed(stackOffset(top - i * bytes), bytes)) return;
  }
  for (let i: u32 = 0; i < 8; i++) {
    storeSize(Seg.SS, stackOffset(top - (i + 1) * bytes), registerOf(i, bytes), bytes);
    if (faulted()) return;
  }
  setStackPointer(top - 8 * bytes);
}

/** POPA, POPAD: EDI ESI EBP, a place that is skipped, EBX EDX ECX EAX. All are read before the first register changes. */
export function opPopa(rec: usize): void {
  const bytes = size(rec);
  const edi = peek(0, bytes);
  if (faulted()) return;
  const esi = peek(bytes, bytes);
  if (faulted()) return;
  const ebp = peek(2 * bytes, bytes);
  if (faulted()) return;
  peek(3 * bytes, bytes);
  if (faulted()) return;
  const ebx = peek(4 * bytes, bytes);
  if (faulted()) return;
  const edx = peek(5 * bytes, bytes);
  if (faulted()) return;
  const ecx = peek(6 * bytes, bytes);
  if (faulted()) return;
  const eax = peek(7 * bytes, bytes);
  if (faulted()) return;
  setRegisterOf(Reg.EDI, edi, bytes);
  setRegisterOf(Reg.ESI, esi, bytes);
  setRegisterOf(Reg.EBP, ebp, bytes);
  setRegisterOf(Reg.EBX, ebx, bytes);
  setRegisterOf(Reg.EDX, edx, bytes);
  setRegisterOf(Reg.ECX, ecx, bytes);
  setRegisterOf(Reg.EAX, eax, bytes);
  release(8 * bytes);
}

/** True if every access of ENTER would succeed; raises the fault of the first that would not. Changes nothing. */
function enterAllowed(bytes: u32, level: u32, top: u32, frame: u32, last: u32): bool {
  if (!slotAllowed(stackOffset(top - bytes), bytes)) return false;
  for (let i: u32 = 1; i < level; i++) {
    loadSize(Seg.SS, stackOffset(frame - i * bytes), bytes);
    if (faulted()) return false;
    if (!slotAllowed(stackOffset(top - (i + 1) * bytes), bytes)) return false;
  }
  if (level != 0 && !slotAllowed(stackOffset(top - (level + 1) * bytes), bytes)) return false;
  return checkWrite(Seg.SS, last, bytes);
}

/**
 * ENTER: pushes (E)BP, copies `level` - 1 frame pointers and pushes the new one, then makes room. Faults like a write at the
 * final stack pointer, although it makes none (SDM 2A "ENTER").
 */
export function opEnter(rec: usize): void {
  const bytes = size(rec);
  const level: u32 = load<u16>(rec, Rec.IMM2) & 31;
  const top = stackPointer();
  const frame = stack32() ? reg32(Reg.EBP) : reg16(Reg.EBP);
  const pushed = (level == 0 ? 1 : level + 1) * bytes;
  const last = stackOffset(top - pushed - load<u16>(rec, Rec.IMM));
  if (!enterAllowed(bytes, level, top, frame, last)) return;
  storeSize(Seg.SS, stackOffset(top - bytes), registerOf(Reg.EBP, bytes), bytes);
  if (faulted()) return;
  for (let i: u32 = 1; i < level; i++) {
    const link = loadSize(Seg.SS, stackOffset(frame - i * bytes), bytes);
    storeSize(Seg.SS, stackOffset(top - (i + 1) * bytes), link, bytes);
    if (faulted()) return;
  }
  setStackPointer(top - bytes);
  const base = registerOf(Reg.ESP, bytes);
  if (level != 0) storeSize(Seg.SS, stackOffset(top - pushed), base, bytes);
  setStackPointer(last);
  setRegisterOf(Reg.EBP, base, bytes);
}

/** LEAVE: (E)SP = (E)BP, then pops (E)BP. */
export function opLeave(rec: usize): void {
  const bytes = size(rec);
  const frame = stack32() ? reg32(Reg.EBP) : reg16(Reg.EBP);
  const value = loadSize(Seg.SS, frame, bytes);
  if (faulted()) return;
  setStackPointer(frame + bytes);
  setRegisterOf(Reg.EBP, value, bytes);
}
