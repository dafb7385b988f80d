/**
 * CPUID: the guest is told of the processor that its monitor presents, which is the machine's own (SDM 2A "CPUID").
 */
import { Cpu } from "../../../assembly/abi/cpu.js";
import { Vmx } from "../../../assembly/abi/vmx.js";
import { Reg } from "../../../assembly/abi/x86.js";
import { Outcome } from "../kind.js";
import { advance, plain } from "./advance.js";
import type { Emulated } from "./emulated.js";

const EAX = Cpu.REGS + 4 * Reg.EAX;
const ECX = Cpu.REGS + 4 * Reg.ECX;

/** Answers CPUID in the guest's registers. */
export function emulateCpuid(guest: Emulated): Outcome {
  if (!plain(guest)) return Outcome.INTERPRET;
  guest.core.exports.cpuid(guest.state.get(EAX), guest.state.get(ECX));
  return advance(guest, guest.vmx.get(Vmx.INSN_LENGTH));
}
