/**
 * Exits for events: exceptions, software interrupts, external interrupts and NMIs, windows, the monitor trap flag (SDM 3C 25.2, 25.3,
 * 25.5.2, 25.6). Asked only while a monitor is active.
 */
import { Attention, Cpu, Stop } from "../abi/cpu";
import { ExitReason } from "../abi/exit";
import { Op } from "../abi/op";
import { Rec } from "../abi/record";
import { Dr6, Eflags, Vector } from "../abi/x86";
import { Active, ExitControl, IntrInfo, IntrType, Vmx, Watch } from "../abi/vmx";
import { acknowledgeInterrupt } from "../host";
import { clearFault } from "../cpu/fault";
import { get, set } from "../cpu/state";
import { exitAt, leaveBetween, raiseExit } from "./exit";
import { active, vget, vset } from "./state";

/** True if exception `vector` with error code `error` exits (SDM 3C 25.2). */
function intercepted(vector: u32, error: u32): bool {
  const a = active();
  if ((a & Active.DEPRIVILEGED) != 0) return true;
  if ((a & Active.VMX) == 0) return false;
  const bit = ((vget(Vmx.EXCEPTIONS) >>> vector) & 1) != 0;
  if (vector != <u32>Vector.PF) return bit;
  return bit == ((error & vget(Vmx.PF_MASK)) == vget(Vmx.PF_MATCH));
}

/** True if the exception is fault-class: the saved RF is set (SDM 3C 27.3.3). */
function setsRf(vector: u32, error: u32): bool {
  return vector == <u32>Vector.DB ? (error & Dr6.BD) != 0 : vector != <u32>Vector.DF;
}

/**
 * The exit of the fault described by FAULT_VECTOR and FAULT_ERROR, if a monitor wants it: then the fault is not raised any more but
 * the exit is. #DB has its DR6 bits in FAULT_ERROR. A double fault is nothing that happens while an event is delivered.
 */
export function exceptionExits(vector: u32, hasError: bool, error: u32): bool {
  if (!intercepted(vector, error)) return false;
  clearFault();
  let qualification: u32 = 0;
  if (vector == <u32>Vector.PF) qualification = get(Cpu.FAULT_LINEAR);
  else if (vector == <u32>Vector.DB) qualification = error;
  if (vector == <u32>Vector.DF) vset(Vmx.EVENT_INFO, 0);
  const event = vget(Vmx.EVENT_INFO);
  raiseExit(ExitReason.EXCEPTION_NMI, qualification);
  vset(Vmx.INTR_INFO, vector | IntrType.HARDWARE_EXCEPTION | (hasError ? IntrInfo.ERROR_CODE : 0) | IntrInfo.VALID);
  vset(Vmx.INTR_ERROR, hasError ? error : 0);
  if (event == 0 && setsRf(vector, error)) set(Cpu.EFLAGS, get(Cpu.EFLAGS) | Eflags.RF);
  return true;
}

/** The exit of debug traps `bits`, if a monitor wants #DB: they are pending no more. */
export function trapExits(bits: u32): bool {
  if (active() == 0 || !intercepted(Vector.DB, 0)) return false;
  set(Cpu.PENDING_DB, 0);
  leaveBetween(ExitReason.EXCEPTION_NMI, bits);
  vset(Vmx.INTR_INFO, Vector.DB | IntrType.HARDWARE_EXCEPTION | IntrInfo.VALID);
  return true;
}

/** Kind of the software interrupt that `op` makes. */
export function softwareType(op: u32): u32 {
  if (op == <u32>Op.INT) return IntrType.SOFTWARE_INTERRUPT;
  return op == <u32>Op.INT1 ? IntrType.PRIVILEGED_SOFTWARE : IntrType.SOFTWARE_EXCEPTION;
}

/** The exit of INT n, INT3, INTO or INT1 in `rec`, if a monitor wants it. INT n does not exit by the exception bitmap. */
export function softwareExits(vector: u32, rec: usize): bool {
  const op: u32 = load<u8>(rec, Rec.OP);
  const a = active();
  if (a == 0) return false;
  if (vector == vget(Vmx.DIRECT) && vector != 0 && (a & Active.DEPRIVILEGED) != 0 && op == Op.INT) return false;
  const byBitmap = (a & Active.VMX) != 0 && op != <u32>Op.INT && ((vget(Vmx.EXCEPTIONS) >>> vector) & 1) != 0;
  if ((a & Active.DEPRIVILEGED) == 0 && !byBitmap) return false;
  exitAt(rec, ExitReason.EXCEPTION_NMI, 0);
  vset(Vmx.INTR_INFO, vector | softwareType(op) | IntrInfo.VALID);
  return true;
}

/** Attention bits for what Vmx.WATCH names, with EFLAGS `flags`. Shadows are looked at when it comes to the exit. */
export function watchAttention(watch: u32, flags: u32): u32 {
  const open = (flags & Eflags.IF) != 0;
  const pin = get(Cpu.INTR) != 0;
  const nmiOpen = get(Cpu.NMI_BLOCKED) == 0;
  let due = (watch & Watch.TRAP_DUE) != 0;
  if ((watch & Watch.USER) != 0) due = due || get(Cpu.CPL) == 3;
  if ((watch & Watch.INTERRUPT_WINDOW) != 0) due = due || open;
  if ((watch & Watch.EXTERNAL_INTERRUPT) != 0) due = due || pin;
  if ((watch & Watch.NMI_WINDOW) != 0) due = due || nmiOpen;
  if ((watch & (Watch.NMI | Watch.DEPRIVILEGED)) != 0 && get(Cpu.NMI_PENDING) != 0) {
    due = due || nmiOpen || (watch & Watch.VIRTUAL_NMIS) != 0;
  }
  return (due ? Attention.EXIT : 0) | ((watch & Watch.TRAP_FLAG) != 0 ? Attention.TRAP_FLAG : 0);
}

/** Leaves before user code, whatever else is due. */
export function userExits(): bool {
  if ((vget(Vmx.WATCH) & Watch.USER) == 0 || get(Cpu.CPL) != 3) return false;
  leaveBetween(ExitReason.USER, 0);
  return true;
}

/**
 * The exit that is due between two instructions behind debug traps, if there is one: monitor trap flag, NMI window, NMI, interrupt
 * window, interrupt (SDM 3C 25.2; SDM 3A table 6-2). `shadow`: Cpu.SHADOW.
 */
export function exitsBetween(shadow: u32): bool {
  const watch = vget(Vmx.WATCH);
  if ((watch & Watch.TRAP_DUE) != 0) {
    vset(Vmx.WATCH, watch & ~Watch.TRAP_DUE);
    leaveBetween(ExitReason.MONITOR_TRAP_FLAG, 0);
    return true;
  }
  if (shadow != 0 || watch == 0) return false;
  const nmiOpen = get(Cpu.NMI_BLOCKED) == 0;
  if ((watch & Watch.NMI_WINDOW) != 0 && nmiOpen) {
    leaveBetween(ExitReason.NMI_WINDOW, 0);
    return true;
  }
  if (get(Cpu.NMI_PENDING) != 0) {
    if ((watch & (Watch.NMI | Watch.DEPRIVILEGED)) != 0 && (nmiOpen || (watch & Watch.VIRTUAL_NMIS) != 0)) {
      set(Cpu.NMI_PENDING, 0);
      leaveBetween(ExitReason.EXCEPTION_NMI, 0);
      vset(Vmx.INTR_INFO, Vector.NMI | IntrType.NMI | IntrInfo.VALID);
      return true;
    }
    if (nmiOpen) return false;
  }
  const open = (get(Cpu.EFLAGS) & Eflags.IF) != 0;
  if ((watch & Watch.INTERRUPT_WINDOW) != 0 && open) {
    leaveBetween(ExitReason.INTERRUPT_WINDOW, 0);
    return true;
  }
  const exits = (watch & Watch.EXTERNAL_INTERRUPT) != 0 || ((watch & Watch.DEPRIVILEGED) != 0 && open);
  if (!exits || get(Cpu.INTR) == 0) return false;
  leaveBetween(ExitReason.EXTERNAL_INTERRUPT, 0);
  if ((vget(Vmx.EXIT_CONTROLS) & ExitControl.ACKNOWLEDGE) != 0) {
    vset(Vmx.INTR_INFO, (acknowledgeInterrupt() & IntrInfo.VECTOR) | IntrType.EXTERNAL | IntrInfo.VALID);
  }
  return true;
}

/** Behind an instruction or an event under the monitor trap flag: the exit is due. */
export function armTrapFlag(): void {
  if ((get(Cpu.STOP) & Stop.EXIT) != 0) return;
  vset(Vmx.WATCH, vget(Vmx.WATCH) | Watch.TRAP_DUE);
  set(Cpu.ATTENTION, get(Cpu.ATTENTION) | Attention.EXIT);
}
