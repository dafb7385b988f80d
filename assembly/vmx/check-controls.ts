/**
 * VM-entry checks of control fields and of the host-state area (SDM 3C 26.2): a failure is a VMfail with error 7 or 8.
 * Deviation: CR0.NE and CR4.VMXE are not fixed, since root operation is the monitor's and not a mode that CR4 switches on.
 */
import {
  ENTRY_ALLOWED,
  ENTRY_REQUIRED,
  EptPointer,
  EXIT_ALLOWED,
  EXIT_REQUIRED,
  ExitControl,
  IntrInfo,
  IntrType,
  PIN_ALLOWED,
  PIN_REQUIRED,
  Pin,
  PRIMARY_ALLOWED,
  PRIMARY_REQUIRED,
  Primary,
  SECONDARY_ALLOWED,
  Secondary,
  Vmx,
} from "../abi/vmx";
import { Cpu } from "../abi/cpu";
import { Cr0, Vector } from "../abi/x86";
import { CR0_BITS, CR4_BITS } from "../cpu/cr";
import { get } from "../cpu/state";
import { valid } from "./inject";
import { secondary, vget, vptr } from "./state";

/** Largest number of CR3-target values. */
const CR3_TARGETS: u32 = 4;
/** EPTP for four levels: the walk length less one, in its place. */
const FOUR_LEVELS: u32 = 3 << 3;
/** Reserved low bits of EPTP. */
const EPTP_RESERVED: u32 = 0xf80;
/** Physical address bits above 32. */
const ADDRESS_HIGH: u32 = 15;
/** Bits 30:12 of the entry interruption information. */
const INFO_RESERVED: u32 = 0x7ffff000;

/** True if the control word at `field` has all required bits and no forbidden one. */
function settable(field: i32, required: u32, allowed: u32): bool {
  const value = vget(field);
  return (value & required) == required && (value & ~allowed) == 0;
}

/** True if the u64 at `field` is a physical address aligned to `alignment`. */
function address(field: i32, alignment: u32): bool {
  return (vget(field) & (alignment - 1)) == 0 && (vget(field + 4) & ~ADDRESS_HIGH) == 0;
}

/** True if an area of `count` MSRs is where it may be, to its last byte. */
function msrArea(count: u32, field: i32): bool {
  if (count == 0) return true;
  const last = load<u64>(vptr(field)) + <u64>count * 16 - 1;
  return address(field, 16) && <u32>(last >> 32) <= ADDRESS_HIGH;
}

/** True if the EPT pointer is well-formed (SDM 3C 26.2.1.1). */
function eptpValid(): bool {
  const eptp = vget(Vmx.EPTP);
  const type = eptp & EptPointer.MEMORY_TYPE;
  if (type != 0 && type != 6) return false;
  return (eptp & EptPointer.WALK_LENGTH) == FOUR_LEVELS && (eptp & EPTP_RESERVED) == 0 && vget(Vmx.EPTP + 4) == 0;
}

/** Checks of the VM-execution controls (SDM 3C 26.2.1.1). */
function executionValid(): bool {
  if (!settable(Vmx.PIN, PIN_REQUIRED, PIN_ALLOWED)) return false;
  if (!settable(Vmx.PRIMARY, PRIMARY_REQUIRED, PRIMARY_ALLOWED)) return false;
  if ((secondary() & ~SECONDARY_ALLOWED) != 0) return false;
  const pin = vget(Vmx.PIN);
  const primary = vget(Vmx.PRIMARY);
  if (vget(Vmx.CR3_TARGET_COUNT) > CR3_TARGETS) return false;
  if ((primary & Primary.IO_BITMAPS) != 0 && !(address(Vmx.IO_BITMAP_A, 4096) && address(Vmx.IO_BITMAP_B, 4096)))
    return false;
  if ((primary & Primary.MSR_BITMAPS) != 0 && !address(Vmx.MSR_BITMAP, 4096)) return false;
  if ((pin & Pin.NMI) == 0 && (pin & Pin.VIRTUAL_NMIS) != 0) return false;
  if ((pin & Pin.VIRTUAL_NMIS) == 0 && (primary & Primary.NMI_WINDOW) != 0) return false;
  const second = secondary();
  if ((second & Secondary.VPID) != 0 && vget(Vmx.VPID) == 0) return false;
  if ((second & Secondary.EPT) != 0 && !eptpValid()) return false;
  return (second & Secondary.UNRESTRICTED) == 0 || (second & Secondary.EPT) != 0;
}

/** True if exceptions of this vector push an error code. */
function pushesError(vector: u32): bool {
  return vector == <u32>Vector.DF || vector == <u32>Vector.AC || (vector >= <u32>Vector.TS && vector <= <u32>Vector.PF);
}

/** True if the event to inject is well-formed (SDM 3C 26.2.1.3). This is checked at each entry. */
export function eventValid(): bool {
  const info = vget(Vmx.ENTRY_INTR_INFO);
  if (!valid(info)) return true;
  const vector = info & IntrInfo.VECTOR;
  const type = info & IntrInfo.TYPE;
  if (type == 1 << 8 || (info & INFO_RESERVED) != 0) return false;
  if (type == <u32>IntrType.OTHER && vector != 0) return false;
  if (type == <u32>IntrType.NMI && vector != <u32>Vector.NMI) return false;
  const hardware = type == <u32>IntrType.HARDWARE_EXCEPTION;
  if (hardware && vector > 31) return false;
  const wantsError = hardware && pushesError(vector) && (get(Cpu.CR0) & Cr0.PE) != 0;
  if (wantsError != ((info & IntrInfo.ERROR_CODE) != 0)) return false;
  if (wantsError && (vget(Vmx.ENTRY_INTR_ERROR) & 0xffff0000) != 0) return false;
  if (type < <u32>IntrType.SOFTWARE_INTERRUPT || type == <u32>IntrType.OTHER) return true;
  const length = vget(Vmx.ENTRY_INSN_LENGTH);
  return length >= 1 && length <= 15;
}

/** Checks of the VM-exit and VM-entry controls (SDM 3C 26.2.1.2, 26.2.1.3). */
function transitionsValid(): bool {
  if (!settable(Vmx.EXIT_CONTROLS, EXIT_REQUIRED, EXIT_ALLOWED)) return false;
  if (!settable(Vmx.ENTRY_CONTROLS, ENTRY_REQUIRED, ENTRY_ALLOWED)) return false;
  const saves = (vget(Vmx.EXIT_CONTROLS) & ExitControl.SAVE_TIMER) != 0;
  if (saves && (vget(Vmx.PIN) & Pin.PREEMPTION_TIMER) == 0) return false;
  if (!msrArea(vget(Vmx.EXIT_MSR_STORE_COUNT), Vmx.EXIT_MSR_STORE)) return false;
  if (!msrArea(vget(Vmx.EXIT_MSR_LOAD_COUNT), Vmx.EXIT_MSR_LOAD)) return false;
  return msrArea(vget(Vmx.ENTRY_MSR_LOAD_COUNT), Vmx.ENTRY_MSR_LOAD);
}

/** True if the control fields may be used for an entry. */
export function controlsValid(): bool {
  return executionValid() && transitionsValid() && eventValid();
}

/** True if the host-state area may be used for an entry (SDM 3C 26.2.2, 26.2.3). */
export function hostValid(): bool {
  const cr0 = vget(Vmx.HOST_CR0);
  const needed: u32 = Cr0.PE | Cr0.PG;
  if ((cr0 & needed) != needed || (cr0 & ~(CR0_BITS | Cr0.ET)) != 0 || (vget(Vmx.HOST_CR4) & ~CR4_BITS) != 0)
    return false;
  for (let at: i32 = Vmx.HOST_ES; at <= Vmx.HOST_TR; at += 4) {
    if ((vget(at) & 7) != 0) return false;
  }
  return vget(Vmx.HOST_CS) != 0 && vget(Vmx.HOST_SS) != 0 && vget(Vmx.HOST_TR) != 0;
}
