/**
 * The instructions of VMX, as a guest meets them (SDM 3C 30): it is never in VMX operation of its own, since CR4.VMXE cannot be set. In
 * non-root operation each exits, at any CPL; everywhere else it is #UD. Real and virtual-8086 mode are the decoder's: #UD but for VMCALL.
 */
import { Rec } from "../../abi/record";
import { exitsVmx } from "../../vmx/intercept";
import { memoryInfo, registerInfo } from "../../vmx/operand-info";
import { raiseUndefined } from "../fault";
import { isMemory } from "../operand";

/** Exits with `reason` and the instruction information, or raises #UD. */
function exitOrUndefined(rec: usize, reason: u32, info: u32): void {
  if (!exitsVmx(rec, reason, info)) raiseUndefined(rec);
}

/** The register operand beside r/m, at the place of Reg2. */
function secondRegister(rec: usize): u32 {
  return (<u32>load<u8>(rec, Rec.REG) >>> 2) << 28;
}

/** VMCALL, VMLAUNCH, VMRESUME, VMXOFF. */
export function opVmx(rec: usize, reason: u32): void {
  exitOrUndefined(rec, reason, 0);
}

/** VMCLEAR, VMPTRLD, VMPTRST, VMXON: SDM 3C table 27-13. */
export function opVmxMemory(rec: usize, reason: u32): void {
  exitOrUndefined(rec, reason, memoryInfo(rec));
}

/** VMREAD, VMWRITE (SDM 3C table 27-14); INVEPT, INVVPID (table 27-9), which are alike with a memory operand. */
export function opVmxRegister(rec: usize, reason: u32): void {
  exitOrUndefined(rec, reason, (isMemory(rec) ? memoryInfo(rec) : registerInfo(rec)) | secondRegister(rec));
}
