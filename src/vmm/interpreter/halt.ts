/**
 * HLT: the virtual processor waits for an event (SDM 2A "HLT").
 */
import { Cpu } from "../../../assembly/abi/cpu.js";
import { Vmx } from "../../../assembly/abi/vmx.js";
import { Outcome } from "../kind.js";
import { advance, plain } from "./advance.js";
import type { Emulated } from "./emulated.js";

/** Halts the virtual processor behind the instruction. */
export function emulateHlt(guest: Emulated): Outcome {
  if (!plain(guest)) return Outcome.INTERPRET;
  advance(guest, guest.vmx.get(Vmx.INSN_LENGTH));
  guest.state.set(Cpu.HALTED, 1);
  return Outcome.HALTED;
}
