/**
 * Control and debug registers: MOV CR, MOV DR, SMSW, LMSW, CLTS, INVLPG, INVD, WBINVD. SDM 2A/2B, SDM 3A 2.5, SDM 3B 17.2.
 * Invariant: order of checks is #UD, CPL, general detect, value; a refused write changes nothing.
 */
import { Cpu } from "../../abi/cpu";
import { ExitReason } from "../../abi/exit";
import { Layout } from "../../abi/layout";
import { Rec } from "../../abi/record";
import { Primary } from "../../abi/vmx";
import { Cr0, Cr4, Dr6, Dr7 } from "../../abi/x86";
import { flushPage } from "../../mmu/access";
import {
  cr0Allowed,
  exitsAlways,
  exitsBy,
  exitsClts,
  exitsCr3Load,
  exitsCr3Store,
  exitsCrWrite,
  exitsDr,
  exitsLmsw,
  exitsWbinvd,
  ownedBits,
  ownsTs,
  shownCr0,
  shownCr3,
  shownCr4,
} from "../../vmx/intercept";
import { writeCr0, writeCr3, writeCr4 } from "../cr";
import { dr, raiseDebug, setDr } from "../debug";
import { faulted, raiseGp, raiseUd } from "../fault";
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
  const n: u32 = load<u8>(rec, Rec.REG);
  if (n == 1 || n > 4) {
    raiseUd();
    return;
  }
  if (!privileged()) return;
  if (n == 0) store<u32>(register(rec), shownCr0());
  else if (n == 2) store<u32>(register(rec), get(Cpu.CR2));
  else if (n == 4) store<u32>(register(rec), shownCr4());
  else if (!exitsCr3Store(rec)) store<u32>(register(rec), shownCr3());
}

/** Loads CR0 as far as a monitor lets the guest. */
function loadCr0(value: u32): void {
  const next = ownedBits(0, value);
  if (cr0Allowed(next)) writeCr0(next);
  else raiseGp(0);
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
  if (n == 2) set(Cpu.CR2, value);
  else if (n == 3) {
    if (!exitsCr3Load(rec, value)) writeCr3(value);
  } else if (exitsCrWrite(rec, n, value)) return;
  else if (n == 0) loadCr0(value);
  else writeCr4(ownedBits(4, value));
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
  if (exitsDr(rec, true)) return;
  const n = debugRegister(rec);
  if (!faulted()) store<u32>(register(rec), dr(n));
}

/** MOV DR, r32. Faults: #UD, #GP(0), #DB. */
export function opMovToDr(rec: usize): void {
  if (exitsDr(rec, false)) return;
  const n = debugRegister(rec);
  if (!faulted()) setDr(n, load<u32>(register(rec)));
}

/** SMSW: 16 bits to memory or a 16-bit register, all of CR0 to a 32-bit one. Faults: #GP(0) by UMIP; those of a write. */
export function opSmsw(rec: usize): void {
  if (shown()) writeRm16(rec, isMemory(rec) || size(rec) == 2 ? shownCr0() & 0xffff : shownCr0());
}

/** LMSW: PE can be set, not cleared. Faults: #GP(0) outside CPL 0; those of a read. */
export function opLmsw(rec: usize): void {
  if (!privileged()) return;
  const value = readRm16(rec);
  if (faulted() || exitsLmsw(rec, value)) return;
  const old = get(Cpu.CR0);
  loadCr0((old & ~MSW) | (value & MSW) | (old & Cr0.PE));
}

/** CLTS. Faults: #GP(0) outside CPL 0. */
export function opClts(rec: usize): void {
  if (privileged() && !exitsClts(rec) && !ownsTs()) set(Cpu.CR0, get(Cpu.CR0) & ~Cr0.TS);
}

/** INVLPG: the operand is an address, not an access: it cannot fault. Faults: #GP(0) outside CPL 0. */
export function opInvlpg(rec: usize): void {
  if (!privileged()) return;
  const lin = segBase(load<u8>(rec, Rec.SEG)) + effectiveAddress(rec);
  if (!exitsBy(rec, Primary.INVLPG, ExitReason.INVLPG, lin)) flushPage(lin);
}

/** INVD: there are no caches to drop. Faults: #GP(0) outside CPL 0. */
export function opInvd(rec: usize): void {
  if (privileged()) exitsAlways(rec, ExitReason.INVD);
}

/** WBINVD: there are no caches to write back. Faults: #GP(0) outside CPL 0. */
export function opWbinvd(rec: usize): void {
  if (privileged()) exitsWbinvd(rec);
}
