/**
 * Far control flow: the operands of JMP, CALL and RET FAR, INT, INT3, INT1, INTO, IRET. The transfers themselves are in
 * assembly/cpu/{far,iret,interrupt,task}.ts. SDM 2A/2B by the names of the instructions.
 */
import { Rec } from "../../abi/record";
import { Vector } from "../../abi/x86";
import { refused } from "../../vmx/intercept";
import { callFar, jumpFar, returnFar } from "../far";
import { faulted } from "../fault";
import { overflow } from "../flags";
import { softwareInterrupt } from "../interrupt";
import { interruptReturn } from "../iret";
import { effectiveAddress, immediate, readMem, size } from "../operand";
import { settleTaskSwitch } from "../task";

/** Selector behind the offset of a far pointer in memory. Faults: those of a read. */
function pointerSelector(rec: usize): u32 {
  return readMem(rec, (effectiveAddress(rec) + size(rec)) & load<u32>(rec, Rec.LINK), 2);
}

/** JMP ptr16:16, ptr16:32. Faults: #GP #NP #TS #SS #PF. */
export function opJmpFar(rec: usize): void {
  if (refused()) return;
  jumpFar(load<u16>(rec, Rec.IMM2), immediate(rec));
  settleTaskSwitch();
}

/** CALL ptr16:16, ptr16:32. Faults: #GP #NP #TS #SS #PF #AC. */
export function opCallFar(rec: usize): void {
  if (refused()) return;
  callFar(load<u16>(rec, Rec.IMM2), immediate(rec), size(rec));
  settleTaskSwitch();
}

/** JMP m16:16, m16:32. Faults: also those of a read. */
export function opJmpFarIndirect(rec: usize): void {
  if (refused()) return;
  const offset = readMem(rec, effectiveAddress(rec), size(rec));
  if (faulted()) return;
  const selector = pointerSelector(rec);
  if (faulted()) return;
  jumpFar(selector, offset);
  settleTaskSwitch();
}

/** CALL m16:16, m16:32. Faults: also those of a read. */
export function opCallFarIndirect(rec: usize): void {
  if (refused()) return;
  const offset = readMem(rec, effectiveAddress(rec), size(rec));
  if (faulted()) return;
  const selector = pointerSelector(rec);
  if (faulted()) return;
  callFar(selector, offset, size(rec));
  settleTaskSwitch();
}

/** RET FAR, with or without bytes to release. Faults: #GP #NP #SS #PF #AC. */
export function opRetFar(rec: usize): void {
  if (!refused()) returnFar(size(rec), load<u16>(rec, Rec.IMM));
}

/** INT n. Faults: those of the delivery. */
export function opInt(rec: usize): void {
  softwareInterrupt(load<u8>(rec, Rec.IMM), rec);
}

/** INT3: #BP as a trap. */
export function opInt3(rec: usize): void {
  softwareInterrupt(Vector.BP, rec);
}

/** INT1: #DB as a trap; the gate's DPL does not matter. */
export function opInt1(rec: usize): void {
  softwareInterrupt(Vector.DB, rec);
}

/** INTO: #OF as a trap if OF is set. */
export function opInto(rec: usize): void {
  if (refused()) return;
  if (overflow() != 0) softwareInterrupt(Vector.OF, rec);
}

/** IRET, IRETD. Faults: #GP #NP #TS #SS #PF #AC. */
export function opIret(rec: usize): void {
  if (refused()) return;
  interruptReturn(size(rec));
  settleTaskSwitch();
}
