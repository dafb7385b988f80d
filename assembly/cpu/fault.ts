/**
 * Faults as values. An instruction that cannot complete calls one of these and returns without having changed
 * architectural state; the block loop sees Stop.FAULT and delivers the exception (assembly/cpu/interrupt.ts).
 */
import { Cpu, Stop } from "../abi/cpu";
import { Rec } from "../abi/record";
import { Active } from "../abi/vmx";
import { Vector } from "../abi/x86";
import { undefinedOpcode } from "../host";
import { active } from "../vmx/state";
import { get, set } from "./state";

/** True if the current instruction has raised a fault. */
export function faulted(): bool {
  return (get(Cpu.STOP) & Stop.FAULT) != 0;
}

/** Raises an exception that pushes no error code. */
export function raise(vector: u32): void {
  set(Cpu.FAULT_VECTOR, vector);
  set(Cpu.FAULT_ERROR, 0);
  set(Cpu.FAULT_HAS_ERROR, 0);
  set(Cpu.STOP, get(Cpu.STOP) | Stop.FAULT);
}

/** Raises an exception with an error code. */
export function raiseCode(vector: u32, error: u32): void {
  set(Cpu.FAULT_VECTOR, vector);
  set(Cpu.FAULT_ERROR, error);
  set(Cpu.FAULT_HAS_ERROR, 1);
  set(Cpu.STOP, get(Cpu.STOP) | Stop.FAULT);
}

/** #GP(error). */
export function raiseGp(error: u32): void {
  raiseCode(Vector.GP, error);
}

/** #UD. */
export function raiseUd(): void {
  raise(Vector.UD);
}

/**
 * #UD for the instruction in `rec`, which the machine does not have: the host hears of it. A monitor that takes every exception is told
 * by its exit instead, and has the guest's processor raise it once more.
 */
export function raiseUndefined(rec: usize): void {
  if ((active() & Active.DEPRIVILEGED) == 0) undefinedOpcode(load<u32>(rec, Rec.EIP));
  raiseUd();
}

/** Forgets the raised fault; returns nothing. For the code that delivers it. */
export function clearFault(): void {
  set(Cpu.STOP, get(Cpu.STOP) & ~Stop.FAULT);
}
