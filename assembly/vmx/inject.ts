/**
 * Event injection (SDM 3C 26.6): an event is delivered as if it had occurred at the guest's EIP, but its gate's DPL counts for software
 * interrupts and exceptions only, and the return address of those is behind the instruction.
 */
import { Cpu } from "../abi/cpu";
import { IntrInfo, IntrType, Vmx } from "../abi/vmx";
import { Vector } from "../abi/x86";
import { Counter } from "../abi/cpu";
import { faulted } from "../cpu/fault";
import { deliver, interruptBySoftware } from "../cpu/interrupt";
import { get, set } from "../cpu/state";
import { count } from "../mmu/code";
import { armTrapFlag } from "./events";
import { vset } from "./state";

/** True if interruption information has its valid bit. */
export function valid(info: u32): bool {
  return (info & IntrInfo.VALID) != 0;
}

/** Delivers the event. A fault of the delivery of a software interrupt, or an exit, is left raised. `rf`: RF of the saved flags. */
export function inject(info: u32, error: u32, length: u32, rf: bool): void {
  const vector = info & IntrInfo.VECTOR;
  const type = info & IntrInfo.TYPE;
  vset(Vmx.SHADOW_BEFORE, 0);
  if (type == <u32>IntrType.OTHER) {
    armTrapFlag();
    return;
  }
  if (type >= <u32>IntrType.SOFTWARE_INTERRUPT) {
    const eip = get(Cpu.EIP);
    set(Cpu.HALTED, 0);
    set(Cpu.EIP, eip + length);
    interruptBySoftware(vector, type, length);
    if (faulted()) set(Cpu.EIP, eip);
    return;
  }
  if (type == <u32>IntrType.EXTERNAL) count(Counter.INTERRUPTS);
  if (type == <u32>IntrType.NMI) set(Cpu.NMI_BLOCKED, 1);
  deliver(type == <u32>IntrType.NMI ? Vector.NMI : vector, type, (info & IntrInfo.ERROR_CODE) != 0, error, rf);
}
