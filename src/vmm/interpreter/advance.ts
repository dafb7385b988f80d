/**
 * The end of an emulated instruction: the guest goes on behind it and has retired it.
 */
import { Attention, Cpu } from "../../../assembly/abi/cpu.js";
import type { Emulated } from "./emulated.js";
import { Outcome } from "../kind.js";

/** What must end with an instruction besides EIP: then the machine's own interpretation does all of it. */
const TRAPS = Attention.SINGLE_STEP | Attention.BREAKPOINTS | Attention.PENDING_DB;

/** True if an instruction can be emulated by a routine now: nothing but EIP and its own effect has to change. */
export function plain(guest: Emulated): boolean {
  return (guest.state.get(Cpu.ATTENTION) & TRAPS) === 0;
}

/** Goes behind the instruction of `length` bytes at EIP. */
export function advance(guest: Emulated, length: number): Outcome {
  guest.core.exports.retireOne(length);
  return Outcome.EMULATED;
}
