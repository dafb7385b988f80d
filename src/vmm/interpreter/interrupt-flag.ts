/**
 * CLI and STI of a guest's kernel: the virtual interrupt flag (SDM 2A "CLI", 2B "STI").
 */
import { Cpu } from "../../../assembly/abi/cpu.js";
import { Rec } from "../../../assembly/abi/record.js";
import { Eflags } from "../../../assembly/abi/x86.js";
import type { Outcome } from "../kind.js";
import { advance } from "./advance.js";
import type { Decoded, Deprivileged } from "./decoded.js";

/** Cpu.SHADOW behind STI. */
const SHADOW_STI = 1;

/** Clears the virtual IF. */
export function emulateCli(guest: Deprivileged, instruction: Decoded): Outcome {
  const { virtual } = guest;
  virtual.set(Cpu.EFLAGS, virtual.get(Cpu.EFLAGS) & ~Eflags.IF);
  return advance(guest, instruction.byte(Rec.LENGTH));
}

/** Sets the virtual IF. Interrupts stay off for one more instruction if they were. */
export function emulateSti(guest: Deprivileged, instruction: Decoded): Outcome {
  const { virtual, state } = guest;
  const flags = virtual.get(Cpu.EFLAGS);
  virtual.set(Cpu.EFLAGS, flags | Eflags.IF);
  const outcome = advance(guest, instruction.byte(Rec.LENGTH));
  if ((flags & Eflags.IF) === 0) {
    state.set(Cpu.SHADOW, SHADOW_STI);
    // The machine looks for shadows where it looks for interrupts.
    guest.core.exports.setInterruptLine(0);
  }
  return outcome;
}
