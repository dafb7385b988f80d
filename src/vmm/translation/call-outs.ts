/**
 * What translated code calls its monitor for: routines for the frequent instructions, which act on the guest's state where it is. All others are
 * interpreted on the virtual state.
 */
import { Cpu } from "../../../assembly/abi/cpu.js";
import { Op } from "../../../assembly/abi/op.js";
import { emulateInvlpg } from "../interpreter/control-registers.js";
import type { Decoded, Deprivileged } from "../interpreter/decoded.js";
import { emulateHlt } from "../interpreter/halt.js";
import { emulateCpuid } from "../interpreter/identity.js";
import { emulateIn, emulateOut } from "../interpreter/privileged.js";
import { Outcome } from "../kind.js";

/** The routines. The exit tells the length of an instruction that needs no decoding. */
const ROUTINES: Partial<Record<Op, (guest: Deprivileged, instruction: Decoded) => Outcome>> = {
  [Op.HLT]: emulateHlt,
  [Op.CPUID]: emulateCpuid,
  [Op.IN]: emulateIn,
  [Op.OUT]: emulateOut,
  [Op.INVLPG]: emulateInvlpg,
};

/** Executes the instruction `op` at EIP, which translated code left to the monitor. */
export function callOut(guest: Deprivileged, instruction: Decoded, op: Op): Outcome {
  // What is not allowed outside CPL 0 raises its fault by interpretation.
  const routine = guest.state.get(Cpu.CPL) === 0 || op === Op.CPUID ? ROUTINES[op] : undefined;
  return routine === undefined ? Outcome.INTERPRET : routine(guest, instruction);
}
