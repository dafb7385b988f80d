/**
 * Control and debug registers: MOV CR, MOV DR, SMSW, LMSW, CLTS, INVLPG, INVD, WBINVD. SDM 2A/2B, SDM 3A 2.5, SDM 3B 17.2.
 * Invariant: order of checks is #UD, CPL, general detect, value; a refused write changes nothing.
 */
import { Cpu } from "../../abi/cpu";
import { Layout } from "../../abi/layout";
import { Rec } from "../../abi/record";
import { Cr0, Cr4, Dr6, Dr7 } from "../../abi/x86";
import { flushPage } from "../../mmu/access";
import { writeCr0, writeCr3, writeCr4 } from "../cr";
import { dr, raiseDebug, setDr } from "../debug";
import { faulted, raiseUd } from "../fault";
import { effectiveAddress, isMemory, size } from "../operand";
import { get, segBase, set } from "../state";
import { readRm16, writeRm16 } from "./segment";
import { privileged, shown } from "./system";

/** CR0 bits that LMSW loads. */
const MSW: u32 = Cr0.PE | Cr0.MP | Cr0.EM | Cr0.TS;

/** The 32-bit general-purpose register of MOV CR and MOV DR. */
function register(rec: usize): usize {
  return <usize>(Layout.CPU + load<u8>(rec, Rec.RM));
}

/** MOV r32, CR. Faults: #UD for a register that does not exist; #GP(0) outside CPL 0. */
export function opMovFromCr(rec: usize): void {
  let field: i32 = 0;
  switch (<i32>load<u8>(rec, Rec.REG)) {
    case 0:
      field = Cpu.CR0;
      break;
    case 2:
      field = Cpu.CR2;
      break;
    case 3:
      field = Cpu.CR3;
      break;
    case 4:
      field = Cpu.CR4;
      break;
    default:
      raiseUd();
      return;
  }
  if (privileged()) store<u32>(register(rec), get(field));
}

/** MOV CR, r32. Faults: #UD for a register that does not exist; #GP(0) outside CPL 0 or for a value it cannot hold. */
export function opMovToCr(rec: usize): void {
  const n: u32 = load<u8>(rec, Rec.REG);
  if (n == 1 || n > 4) {
    raiseUd();
    return;
  }
  if (!privileged()) return;
  const value = load<u32>(register(rec));
  if (n == 0) writeCr0(value);
  else if (n == 2) set(Cpu.CR2, value);
  else if (n == 3) writeCr3(value);
  else writeCr4(value);
}

/**
 * Number of the debug register an instruction names, DR4 and DR5 taken as DR6 and DR7. Raises #UD for them if CR4.DE, #GP(0)
 * outside CPL 0, #DB if DR7.GD: the caller looks at faulted().
 */
function debugRegister(rec: usize): u32 {
  const n: u32 = load<u8>(rec, Rec.REG);
  const alias = n == 4 || n == 5;
  if (alias && (get(Cpu.CR4) & Cr4.DE) != 0) raiseUd();
  else if (privileged() && (dr(7) & Dr7.GD) != 0) raiseDebug(Dr6.BD);
  return alias ? n + 2 : n;
}

/** MOV r32, DR. Faults: #UD, #GP(0), #DB. */
export function opMovFromDr(rec: usize): void {
  const n = debugRegister(rec);
  if (!faulted()) store<u32>(register(rec), dr(n));
}

/** MOV DR, r32. Faults: #UD, #GP(0), #DB. */
export function opMovToDr(rec: usize): void {
  const n = debugRegister(rec);
  if (!faulted()) setDr(n, load<u32>(register(rec)));
}

/** SMSW: 16 bits to memory or a 16-bit register, all of CR0 to a 32-bit one. Faults: #GP(0) by UMIP; those of a write. */
export function opSmsw(rec: usize): void {
  if (shown()) writeRm16(rec, isMemory(rec) || size(rec) == 2 ? get(Cpu.CR0) & 0xffff : get(Cpu.CR0));
}

/** LMSW: PE can be set, not cleared. Faults: #GP(0) outside CPL 0; those of a read. */
export function opLmsw(rec: usize): void {
  if (!privileged()) return;
  const value = readRm16(rec);
  if (faulted()) return;
  const old = get(Cpu.CR0);
  writeCr0((old & ~MSW) | (value & MSW) | (old & Cr0.PE));
}

/** CLTS. Faults: #GP(0) outside CPL 0. */
export function opClts(_rec: usize): void {
  if (privileged()) set(Cpu.CR0, get(Cpu.CR0) & ~Cr0.TS);
}

/** INVLPG: the operand is an address, not an access: it cannot fault. Faults: #GP(0) outside CPL 0. */
export function opInvlpg(rec: usize): void {
  if (privileged()) flushPage(segBase(load<u8>(rec, Rec.SEG)) + effectiveAddress(rec));
}

/** INVD: there are no caches to drop. Faults: #GP(0) outside CPL 0. */
export function opInvd(_rec: usize): void {
  privileged();
}

/** WBINVD: there are no caches to write back. Faults: #GP(0) outside CPL 0. */
export function opWbinvd(_rec: usize): void {
  privileged();
}
