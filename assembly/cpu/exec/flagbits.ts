/**
 * Instructions on the flags register that depend on privilege: CLI, STI, PUSHF, POPF. SDM 2A/2B, SDM 3A 6.8.1,
 * SDM 3B 20.2.7, 20.4 (VME and PVI: VIF stands in for IF).
 */
import { Cpu } from "../../abi/cpu";
import { ARITHMETIC_FLAGS, Cr0, Cr4, Eflags } from "../../abi/x86";
import { refused } from "../../vmx/intercept";
import { setEflags } from "../control";
import { SHADOW_STI } from "../debug";
import { faulted, raiseGp } from "../fault";
import { eflags } from "../flags";
import { size } from "../operand";
import { cpl, get, iopl, set, setStackPointer, stackPointer, v86Mode } from "../state";
import { stackItem } from "../frame";
import { push } from "./stack";

/** Flags PUSHFD does not show. */
const HIDDEN: u32 = Eflags.RF | Eflags.VM;
/** Flags any POPF loads; the 32-bit form loads AC and ID besides. */
const POPPED: u32 = ARITHMETIC_FLAGS | Eflags.TF | Eflags.DF | Eflags.NT;

/** True if CLI and STI act on IF here. */
function ownsIf(): bool {
  return (get(Cpu.CR0) & Cr0.PE) == 0 || cpl() <= iopl();
}

/** True if CLI and STI act on VIF instead: VME in virtual-8086 mode, PVI at CPL 3 (SDM 3B 20.4). */
function ownsVif(): bool {
  const enabled = v86Mode() ? Cr4.VME : Cr4.PVI;
  return cpl() == 3 && (get(Cpu.CR4) & enabled) != 0;
}

/** CLI. Faults: #GP(0) without IOPL, unless VIF stands in. */
export function opCli(_rec: usize): void {
  if (ownsIf()) setEflags(0, Eflags.IF);
  else if (ownsVif()) setEflags(0, Eflags.VIF);
  else raiseGp(0);
}

/** STI: interrupts wait for the end of the next instruction. Faults: #GP(0) without IOPL, or if VIP is set where VIF stands in. */
export function opSti(_rec: usize): void {
  if (ownsIf()) {
    if ((get(Cpu.EFLAGS) & Eflags.IF) != 0) return;
    set(Cpu.SHADOW, SHADOW_STI);
    setEflags(Eflags.IF, Eflags.IF);
  } else if (ownsVif() && (get(Cpu.EFLAGS) & Eflags.VIP) == 0) setEflags(Eflags.VIF, Eflags.VIF);
  else raiseGp(0);
}

/** PUSHF, PUSHFD. Faults: #GP(0) in virtual-8086 mode with IOPL < 3, unless 16-bit with VME; #SS #PF #AC. */
export function opPushf(rec: usize): void {
  if (refused()) return;
  let image = eflags() & ~HIDDEN;
  if (v86Mode() && iopl() < 3) {
    if (size(rec) != 2 || (get(Cpu.CR4) & Cr4.VME) == 0) {
      raiseGp(0);
      return;
    }
    image = (image & ~Eflags.IF) | Eflags.IOPL | ((image & Eflags.VIF) != 0 ? Eflags.IF : 0);
  }
  push(image, size(rec));
}

/** POPF, POPFD: IOPL changes at CPL 0 only, IF only with IOPL, silently. Faults: as PUSHF; VME: also TF, or IF with VIP. */
export function opPopf(rec: usize): void {
  if (refused()) return;
  const bytes = size(rec);
  const virtual = v86Mode() && iopl() < 3;
  if (virtual && (bytes != 2 || (get(Cpu.CR4) & Cr4.VME) == 0)) {
    raiseGp(0);
    return;
  }
  const image = stackItem(0, bytes);
  if (faulted()) return;
  if (virtual) {
    const enable = (image & Eflags.IF) != 0;
    if ((image & Eflags.TF) != 0 || (enable && (get(Cpu.EFLAGS) & Eflags.VIP) != 0)) {
      raiseGp(0);
      return;
    }
    setStackPointer(stackPointer() + bytes);
    setEflags(image | (enable ? Eflags.VIF : 0), POPPED | Eflags.VIF);
    return;
  }
  let mask = POPPED;
  if (bytes == 4) mask |= Eflags.AC | Eflags.ID;
  if (ownsIf()) mask |= Eflags.IF;
  if (cpl() == 0) mask |= Eflags.IOPL;
  setStackPointer(stackPointer() + bytes);
  setEflags(image, mask);
}
