/**
 * IN and OUT on the guest's own devices (SDM 2A "IN", 2B "OUT"). Strings of them go through memory, and are interpreted.
 */
import { Cpu } from "../../../assembly/abi/cpu.js";
import { Vmx } from "../../../assembly/abi/vmx.js";
import { Reg } from "../../../assembly/abi/x86.js";
import { Outcome } from "../kind.js";
import { advance, plain } from "./advance.js";
import type { Emulated } from "./emulated.js";

/** Exit qualification of I/O instructions (SDM 3C table 27-5). */
const SIZE = 7;
const IN = 8;
const STRING = 16;
const PORT_SHIFT = 16;

const EAX = Cpu.REGS + 4 * Reg.EAX;

/** The qualification of IN or OUT. */
export function ioQualification(port: number, size: number, isIn: boolean): number {
  return (port << PORT_SHIFT) | (size - 1) | (isIn ? IN : 0);
}

/** EAX with its low `size` bytes replaced. */
function merged(eax: number, value: number, size: number): number {
  if (size === 4) return value;
  const mask = size === 2 ? 0xffff : 0xff;
  return (eax & ~mask) | (value & mask);
}

/** Executes the I/O instruction that the exit qualification describes. */
export function emulateIo(guest: Emulated): Outcome {
  const { state, vmx, host } = guest;
  const qualification = vmx.get(Vmx.QUALIFICATION);
  if ((qualification & STRING) !== 0 || !plain(guest)) return Outcome.INTERPRET;
  const port = qualification >>> PORT_SHIFT;
  const size = ((qualification & SIZE) + 1) as 1 | 2 | 4;
  const eax = state.get(EAX);
  if ((qualification & IN) !== 0) state.set(EAX, merged(eax, host.portRead(port, size), size));
  else host.portWrite(port, size, size === 4 ? eax : eax & (size === 2 ? 0xffff : 0xff));
  return advance(guest, vmx.get(Vmx.INSN_LENGTH));
}
