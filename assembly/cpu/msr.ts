/**
 * Model-specific registers (SDM 4 table 2-2; SYSENTER: SDM 2B). Those of features that CPUID denies read as "nothing there".
 * Invariant: any other number, and any reserved bit, is #GP(0): false is returned and nothing has changed.
 */
import { Cpu } from "../abi/cpu";
import { Msr } from "../abi/x86";
import { tscOffset } from "../vmx/intercept";
import { now } from "./control";
import { raiseGp } from "./fault";
import { fieldPtr, get, set } from "./state";

/** APIC_BASE of a processor whose APIC is switched off: the default address and the BSP bit. */
const APIC_BASE_OFF: u64 = 0xfee00100;
/** MCG_STATUS bits: RIPV, EIPV, MCIP. */
const MCG_STATUS_BITS: u64 = 7;

/** The time-stamp counter: virtual time plus what WRMSR added. */
export function timeStamp(): u64 {
  return now() + load<u64>(fieldPtr(Cpu.TSC_OFFSET)) + tscOffset();
}

/** True if register `index` exists. */
export function msrKnown(index: u32): bool {
  switch (index) {
    case Msr.P5_MC_ADDR:
    case Msr.P5_MC_TYPE:
    case Msr.TSC:
    case Msr.PLATFORM_ID:
    case Msr.APIC_BASE:
    case Msr.BIOS_SIGN_ID:
    case Msr.MTRRCAP:
    case Msr.SYSENTER_CS:
    case Msr.SYSENTER_ESP:
    case Msr.SYSENTER_EIP:
    case Msr.MCG_CAP:
    case Msr.MCG_STATUS:
      return true;
    default:
      return false;
  }
}

/** Value of a register that exists. */
export function readMsr(index: u32): u64 {
  switch (index) {
    case Msr.TSC:
      return timeStamp();
    case Msr.APIC_BASE:
      return APIC_BASE_OFF;
    case Msr.SYSENTER_CS:
      return get(Cpu.SYSENTER_CS);
    case Msr.SYSENTER_ESP:
      return get(Cpu.SYSENTER_ESP);
    case Msr.SYSENTER_EIP:
      return get(Cpu.SYSENTER_EIP);
    case Msr.MCG_STATUS:
      return get(Cpu.MSR_MISC);
    default:
      return 0;
  }
}

/** Writes a register. False: #GP(0) (unknown, read-only, or a value it cannot hold). */
export function writeMsr(index: u32, value: u64): bool {
  if (putMsr(index, value)) return true;
  raiseGp(0);
  return false;
}

/** True if a register takes the value: it is known, not read-only, and can hold it. */
export function msrAccepts(index: u32, value: u64): bool {
  switch (index) {
    case Msr.TSC:
    case Msr.SYSENTER_CS:
    case Msr.SYSENTER_ESP:
    case Msr.SYSENTER_EIP:
    case Msr.P5_MC_ADDR:
    case Msr.P5_MC_TYPE:
    case Msr.BIOS_SIGN_ID:
      return true;
    case Msr.APIC_BASE:
      return value == APIC_BASE_OFF;
    case Msr.MCG_STATUS:
      return (value & ~MCG_STATUS_BITS) == 0;
    default:
      return false;
  }
}

/** Writes a register. False: it does not take the value. */
export function putMsr(index: u32, value: u64): bool {
  if (!msrAccepts(index, value)) return false;
  switch (index) {
    case Msr.TSC:
      store<u64>(fieldPtr(Cpu.TSC_OFFSET), value - now());
      break;
    case Msr.SYSENTER_CS:
      set(Cpu.SYSENTER_CS, <u32>value);
      break;
    case Msr.SYSENTER_ESP:
      set(Cpu.SYSENTER_ESP, <u32>value);
      break;
    case Msr.SYSENTER_EIP:
      set(Cpu.SYSENTER_EIP, <u32>value);
      break;
    case Msr.MCG_STATUS:
      set(Cpu.MSR_MISC, <u32>value);
      break;
    default:
      break;
  }
  return true;
}
