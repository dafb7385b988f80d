/**
 * Which instructions exit (SDM 3C 25.1). Each function is asked by the instruction of its name behind the checks that come first, and
 * returns true if it has raised the exit. Qualifications: SDM 3C 27.2.1; instruction information: operand-info.ts.
 * Nothing here is asked on the bare machine but active().
 */
import { Cpu } from "../abi/cpu";
import { ExitReason } from "../abi/exit";
import { Form, Rec, RecFlag } from "../abi/record";
import { Active, Primary, Secondary, Vmx } from "../abi/vmx";
import { Cr0, Seg } from "../abi/x86";
import { raiseGp } from "../cpu/fault";
import { effectiveAddress, form, isMemory, size } from "../cpu/operand";
import { cpl, get, segBase } from "../cpu/state";
import { framePtr } from "../mmu/phys";
import { exitAt, exitWithInfo, raiseExit } from "./exit";
import { displacement, memoryInfo, registerInfo } from "./operand-info";
import { active, nonRoot, primary, secondary, vget, vptr, vset } from "./state";

/** True if the monitor's machine refuses a sensitive instruction outside CPL 0: #GP(0) has been raised. */
export function refused(): bool {
  if ((active() & Active.STRICT) == 0 || cpl() == 0) return false;
  raiseGp(0);
  return true;
}

/** Instructions that exit in every guest: CPUID, INVD. */
export function exitsAlways(rec: usize, reason: u32): bool {
  if (!nonRoot()) return false;
  exitAt(rec, reason, 0);
  return true;
}

/** The instructions of VMX. */
export function exitsVmx(rec: usize, reason: u32, info: u32): bool {
  if (!nonRoot()) return false;
  exitWithInfo(rec, reason, info == 0 ? 0 : displacement(rec), info);
  return true;
}

/** Instructions that exit if the primary controls `control` say so. */
export function exitsBy(rec: usize, control: u32, reason: u32, qualification: u32): bool {
  if (!primary(control)) return false;
  exitAt(rec, reason, qualification);
  return true;
}

/** WBINVD. */
export function exitsWbinvd(rec: usize): bool {
  if (!nonRoot() || (secondary() & Secondary.WBINVD) == 0) return false;
  exitAt(rec, ExitReason.WBINVD, 0);
  return true;
}

/** PAUSE: NOP with F3. */
export function exitsPause(rec: usize): bool {
  if (active() == 0 || form(rec) != Form.NONE || (load<u16>(rec, Rec.FLAGS) & RecFlag.REP) == 0) return false;
  return exitsBy(rec, Primary.PAUSE, ExitReason.PAUSE, 0);
}

/** SGDT, SIDT, LGDT, LIDT (`which` 0 to 3). */
export function exitsTables(rec: usize, which: u32): bool {
  if (!nonRoot() || (secondary() & Secondary.DESCRIPTOR_TABLES) == 0) return false;
  const info = memoryInfo(rec) | (size(rec) == 4 ? 1 << 11 : 0) | (which << 28);
  exitWithInfo(rec, ExitReason.GDTR_IDTR_ACCESS, displacement(rec), info);
  return true;
}

/** SLDT, STR, LLDT, LTR (`which` 0 to 3). */
export function exitsSystemSegments(rec: usize, which: u32): bool {
  if (!nonRoot() || (secondary() & Secondary.DESCRIPTOR_TABLES) == 0) return false;
  const info = isMemory(rec) ? memoryInfo(rec) : registerInfo(rec);
  exitWithInfo(rec, ExitReason.LDTR_TR_ACCESS, displacement(rec), info | (which << 28));
  return true;
}

/** The general-purpose register of MOV CR and MOV DR, at its place in a qualification. */
function registerField(rec: usize): u32 {
  return (<u32>load<u8>(rec, Rec.RM) >>> 2) << 8;
}

/** Qualification of a control-register access by MOV: `from` reads it. */
function crQualification(rec: usize, n: u32, from: bool): u32 {
  return n | (from ? 1 << 4 : 0) | registerField(rec);
}

/** MOV r32, CR3. */
export function exitsCr3Store(rec: usize): bool {
  return exitsBy(rec, Primary.CR3_STORE, ExitReason.CR_ACCESS, crQualification(rec, 3, true));
}

/** MOV CR3, r32, unless the value is one of the CR3-target values. */
export function exitsCr3Load(rec: usize, value: u32): bool {
  if (!primary(Primary.CR3_LOAD)) return false;
  const count = vget(Vmx.CR3_TARGET_COUNT);
  for (let i: u32 = 0; i < count; i++) {
    if (vget(Vmx.CR3_TARGET0 + (i << 2)) == value) return false;
  }
  exitAt(rec, ExitReason.CR_ACCESS, crQualification(rec, 3, false));
  return true;
}

/** MOV CR0, r32 or MOV CR4, r32 (`n`): exits if a bit that the monitor owns would differ from its shadow. */
export function exitsCrWrite(rec: usize, n: u32, value: u32): bool {
  if (!nonRoot()) return false;
  const mask = vget(n == 0 ? Vmx.CR0_MASK : Vmx.CR4_MASK);
  const shadow = vget(n == 0 ? Vmx.CR0_SHADOW : Vmx.CR4_SHADOW);
  if (((value ^ shadow) & mask) == 0) return false;
  exitAt(rec, ExitReason.CR_ACCESS, crQualification(rec, n, false));
  return true;
}

/** True if masks say which bits of CR0 and CR4 are the guest's. */
function masked(): bool {
  return (active() & (Active.VMX | Active.TRANSLATED)) != 0;
}

/** `value` as a write to CR0 or CR4 (`n`) takes it: the monitor's bits stay as they are. */
export function ownedBits(n: u32, value: u32): u32 {
  if (!masked()) return value;
  const mask = vget(n == 0 ? Vmx.CR0_MASK : Vmx.CR4_MASK);
  return (value & ~mask) | (get(n == 0 ? Cpu.CR0 : Cpu.CR4) & mask);
}

/** True if CR0 may be `value`: guests are paged, unless unrestricted. */
export function cr0Allowed(value: u32): bool {
  if (!nonRoot() || (secondary() & Secondary.UNRESTRICTED) != 0) return true;
  const needed: u32 = Cr0.PE | Cr0.PG;
  return (value & needed) == needed;
}

/** CR3 as the guest reads it. */
export function shownCr3(): u32 {
  return (active() & Active.TRANSLATED) != 0 ? vget(Vmx.CR3_SHADOW) : get(Cpu.CR3);
}

/** CR0 as the guest reads it. */
export function shownCr0(): u32 {
  if (!masked()) return get(Cpu.CR0);
  const mask = vget(Vmx.CR0_MASK);
  return (get(Cpu.CR0) & ~mask) | (vget(Vmx.CR0_SHADOW) & mask);
}

/** CR4 as the guest reads it. */
export function shownCr4(): u32 {
  if (!masked()) return get(Cpu.CR4);
  const mask = vget(Vmx.CR4_MASK);
  return (get(Cpu.CR4) & ~mask) | (vget(Vmx.CR4_SHADOW) & mask);
}

/** CLTS: exits if the monitor owns TS and shows it set. */
export function exitsClts(rec: usize): bool {
  if (!nonRoot() || (vget(Vmx.CR0_MASK) & vget(Vmx.CR0_SHADOW) & Cr0.TS) == 0) return false;
  exitAt(rec, ExitReason.CR_ACCESS, 2 << 4);
  return true;
}

/** True if CLTS changes nothing: the monitor owns TS and shows it clear. */
export function ownsTs(): bool {
  return nonRoot() && (vget(Vmx.CR0_MASK) & Cr0.TS) != 0;
}

/** LMSW of `value`: PE counts only where it would be set. */
export function exitsLmsw(rec: usize, value: u32): bool {
  if (!nonRoot()) return false;
  const differs = (value ^ vget(Vmx.CR0_SHADOW)) & vget(Vmx.CR0_MASK) & (Cr0.PE | Cr0.MP | Cr0.EM | Cr0.TS);
  if ((differs & ~Cr0.PE) == 0 && ((differs & Cr0.PE) == 0 || (value & Cr0.PE) == 0)) return false;
  const memory = isMemory(rec);
  if (memory) vset(Vmx.GUEST_LINEAR, segBase(load<u8>(rec, Rec.SEG)) + effectiveAddress(rec));
  exitAt(rec, ExitReason.CR_ACCESS, (3 << 4) | (memory ? 1 << 6 : 0) | (value << 16));
  return true;
}

/** MOV to or from a debug register: comes before all other checks. */
export function exitsDr(rec: usize, from: bool): bool {
  if (!primary(Primary.MOV_DR)) return false;
  const q = <u32>load<u8>(rec, Rec.REG) | (from ? 1 << 4 : 0) | registerField(rec);
  exitAt(rec, ExitReason.DR_ACCESS, q);
  return true;
}

/** Bit `n` of the bitmap in the machine frame that the u64 field `field` names; 1 where there is no memory. */
function bitmap(field: i32, n: u32): bool {
  const frame = framePtr(vget(field) >>> 12);
  return frame == 0 || ((load<u8>(frame + (n >>> 3)) >>> (n & 7)) & 1) != 0;
}

/** True if one of `bytes` ports from `port` exits. */
function portExits(port: u32, bytes: u32): bool {
  if (!primary(Primary.IO_BITMAPS)) return primary(Primary.UNCONDITIONAL_IO);
  if (port + bytes > 0x10000) return true;
  for (let p = port; p < port + bytes; p++) {
    if (bitmap(p < 0x8000 ? Vmx.IO_BITMAP_A : Vmx.IO_BITMAP_B, p & 0x7fff)) return true;
  }
  return false;
}

/** IN and OUT. */
export function exitsPort(rec: usize, port: u32, bytes: u32, input: bool): bool {
  if (!nonRoot() || !portExits(port, bytes)) return false;
  const immediate: u32 = form(rec) == Form.IMM ? 1 << 6 : 0;
  exitAt(rec, ExitReason.IO_INSTRUCTION, (bytes - 1) | (input ? 8 : 0) | immediate | (port << 16));
  return true;
}

/** INS and OUTS, for each iteration: `seg` and `at` are the operand in memory. */
export function exitsPortString(rec: usize, port: u32, bytes: u32, input: bool, seg: u32, at: u32): bool {
  if (!nonRoot() || !portExits(port, bytes)) return false;
  const flags: u32 = load<u16>(rec, Rec.FLAGS);
  const repeated: u32 = (flags & (RecFlag.REP | RecFlag.REPNE)) != 0 ? 1 << 5 : 0;
  vset(Vmx.GUEST_LINEAR, segBase(seg) + at);
  const q = (bytes - 1) | (input ? 8 : 0) | (1 << 4) | repeated | (port << 16);
  const wide: u32 = (flags & RecFlag.ADDR16) != 0 ? 0 : 1 << 7;
  exitWithInfo(rec, ExitReason.IO_INSTRUCTION, q, wide | (input ? (<u32>Seg.ES) << 15 : seg << 15));
  return true;
}

/** RDMSR and WRMSR of register `index`. */
export function exitsMsr(rec: usize, index: u32, write: bool): bool {
  if (!nonRoot()) return false;
  if (primary(Primary.MSR_BITMAPS)) {
    const low = index & 0x1fff;
    const high = index - low == 0xc0000000;
    if (index == low || high) {
      if (!bitmap(Vmx.MSR_BITMAP, (write ? 0x4000 : 0) + (high ? 0x2000 : 0) + low)) return false;
    }
  }
  exitAt(rec, write ? ExitReason.WRMSR : ExitReason.RDMSR, 0);
  return true;
}

/** What RDTSC adds. */
export function tscOffset(): u64 {
  return primary(Primary.TSC_OFFSETTING) ? load<u64>(vptr(Vmx.TSC_OFFSET)) : 0;
}

/** Task switch to the TSS of `selector`; `source`: 0 CALL, 1 IRET, 2 JMP, 3 a task gate in the IDT. */
export function exitsTaskSwitch(selector: u32, source: u32): bool {
  if (!nonRoot()) return false;
  const qualification = selector | (source << 30);
  if (vget(Vmx.EVENT_INFO) == 0) exitAt(<usize>get(Cpu.RECORD), ExitReason.TASK_SWITCH, qualification);
  else raiseExit(ExitReason.TASK_SWITCH, qualification);
  return true;
}
