/**
 * What follows from the control words: the words that hot code looks at, and the context of the TLB.
 * Invariant: whoever changes a control word calls applyControls() before the next instruction; an entry does.
 */
import { Cpu, Mode } from "../abi/cpu";
import { Active, Isa, Pin, Primary, Secondary, TRANSLATED_VPID, Vmx, Watch } from "../abi/vmx";
import { rederive, updateAttention, updateMode } from "../cpu/control";
import { get, set } from "../cpu/state";
import { selectContext } from "./context";
import { secondary, vget, vset } from "./state";

/** Primary controls by which instructions that regions do in line can exit. */
const INLINE: u32 = Primary.INVLPG | Primary.CR3_LOAD | Primary.CR3_STORE | Primary.PAUSE;

/** Active bits for the words as they are. */
function activeBits(): u32 {
  let bits: u32 = vget(Vmx.LEAVE_AT_USER) != 0 ? Active.LEAVE_AT_USER : 0;
  if (vget(Vmx.INTERPRET) != 0) return bits | Active.INTERPRET | Active.NESTED;
  if (vget(Vmx.NON_ROOT) != 0) {
    bits |= Active.VMX;
    if ((secondary() & Secondary.EPT) != 0) bits |= Active.NESTED;
  }
  if (vget(Vmx.TRANSLATE) != 0) return bits | Active.TRANSLATED | Active.DEPRIVILEGED;
  if (vget(Vmx.DEPRIVILEGED) != 0) {
    bits |= Active.DEPRIVILEGED;
    if (vget(Vmx.ISA) == Isa.STRICT || vget(Vmx.REFUSE) != 0) bits |= Active.STRICT;
  }
  return bits;
}

/** Watch bits for Active bits `bits`. */
function watchBits(bits: u32): u32 {
  let watch: u32 = 0;
  if ((bits & Active.VMX) != 0) {
    const pin = vget(Vmx.PIN);
    const primary = vget(Vmx.PRIMARY);
    if ((pin & Pin.EXTERNAL_INTERRUPT) != 0) watch |= Watch.EXTERNAL_INTERRUPT;
    if ((pin & Pin.NMI) != 0) watch |= Watch.NMI;
    if ((pin & Pin.VIRTUAL_NMIS) != 0) watch |= Watch.VIRTUAL_NMIS;
    if ((primary & Primary.INTERRUPT_WINDOW) != 0) watch |= Watch.INTERRUPT_WINDOW;
    if ((primary & Primary.NMI_WINDOW) != 0) watch |= Watch.NMI_WINDOW;
    if ((primary & Primary.MONITOR_TRAP) != 0) watch |= Watch.TRAP_FLAG;
  }
  if ((bits & Active.DEPRIVILEGED) != 0) watch |= Watch.DEPRIVILEGED;
  if ((bits & Active.LEAVE_AT_USER) != 0) watch |= Watch.USER;
  return watch;
}

/** The mode bit that says who looks on: regions leave what somebody may want to see to the interpreter. */
function modeBit(bits: u32): u32 {
  if ((bits & Active.TRANSLATED) != 0) return Mode.TRANSLATED;
  if ((bits & Active.DEPRIVILEGED) != 0) return Mode.MONITORED;
  return (bits & Active.VMX) != 0 && (vget(Vmx.PRIMARY) & INLINE) != 0 ? Mode.EXITING : 0;
}

/** VPID whose translations are used: translated code has one of its own, since it may reach other pages than code that runs directly. */
function vpid(): u32 {
  if ((vget(Vmx.ACTIVE) & Active.TRANSLATED) != 0) return (vget(Vmx.VPID) & 0xffff) | TRANSLATED_VPID;
  return vget(Vmx.NON_ROOT) != 0 && (secondary() & Secondary.VPID) == 0 ? 0 : vget(Vmx.VPID) & 0xffff;
}

/** Derives the words of the controls and chooses the TLB's context. */
function deriveControls(): void {
  const bits = activeBits();
  vset(Vmx.ACTIVE, bits);
  vset(Vmx.WATCH, watchBits(bits));
  vset(Vmx.MODE, modeBit(bits));
  vset(Vmx.CLOSED, (bits & (Active.DEPRIVILEGED | Active.TRANSLATED)) == Active.DEPRIVILEGED ? vget(Vmx.CUT) : 0);
  const root: u32 = (bits & Active.NESTED) != 0 ? vget(Vmx.EPTP) & 0xfffff000 : 0;
  const interpreted = (bits & Active.INTERPRET) != 0;
  selectContext(vpid(), root | (interpreted ? 1 : vget(Vmx.VIEW) << 1));
}

/** Derives everything. For entries, and for monitors that have written control words themselves. */
export function applyControls(): void {
  deriveControls();
  updateMode();
  // RF outlives this: only the next instruction ends it.
  const flags = get(Cpu.EFLAGS);
  updateAttention();
  set(Cpu.EFLAGS, flags);
}

/**
 * A monitor has made another state the processor's, with other control words: derives everything, once. `line` is the level of the INTR
 * pin from now on. `whole` 0: the segment caches came with what is derived from each.
 */
export function adoptState(line: u32, whole: u32): void {
  set(Cpu.INTR, line);
  deriveControls();
  if (whole != 0) rederive();
  else {
    updateMode();
    updateAttention();
  }
}

/** True if user-mode instruction prevention is a feature of the machine. */
export function hasUmip(): bool {
  return vget(Vmx.ISA) == Isa.UMIP;
}
