/**
 * What a monitor calls when it has emulated the instruction that exited.
 */
import { Cpu } from "../abi/cpu";
import { Dr6, Eflags } from "../abi/x86";
import { updateAttention } from "../cpu/control";
import { fieldPtr, get, set } from "../cpu/state";

/**
 * The instruction at EIP, of `length` bytes, has been emulated: it takes its tick and EIP moves behind it (0: EIP is already where it goes
 * on). The shadow it ran under ends, and its single-step trap becomes pending.
 */
export function retireOne(length: u32): void {
  const retired = fieldPtr(Cpu.RETIRED);
  store<u64>(retired, load<u64>(retired) + 1);
  set(Cpu.EIP, get(Cpu.EIP) + length);
  set(Cpu.SHADOW, 0);
  const flags = get(Cpu.EFLAGS);
  set(Cpu.EFLAGS, flags & ~Eflags.RF);
  if ((flags & Eflags.TF) != 0) set(Cpu.PENDING_DB, get(Cpu.PENDING_DB) | Dr6.BS);
  updateAttention();
}
