/**
 * Writing the control registers: reserved bits, the page-directory-pointer entries of PAE paging, and what must be flushed.
 * SDM 3A 2.5 (control registers), 4.1.2 (paging-mode modifiers), 4.4.1 (PDPTE registers), 4.10.4.1 (invalidation).
 * Invariant: a refused write (#GP(0), false returned) changes nothing.
 */
import { Cpu } from "../abi/cpu";
import { Cr0, Cr4, Pte } from "../abi/x86";
import { flushTlb } from "../mmu/access";
import { physLoad64 } from "../mmu/phys";
import { hasUmip } from "../vmx/controls";
import { exitRaised } from "../vmx/exit";
import { updateMode } from "./control";
import { raiseGp } from "./fault";
import { fieldPtr, get, set } from "./state";

/** CR0 bits that exist; the others read as zero whatever is written. ET is always one. */
export const CR0_BITS: u32 = Cr0.PE | Cr0.MP | Cr0.EM | Cr0.TS | Cr0.NE | Cr0.WP | Cr0.AM | Cr0.NW | Cr0.CD | Cr0.PG;
/** CR0 bits that page translations depend on. */
const CR0_PAGING: u32 = Cr0.PE | Cr0.WP | Cr0.PG;
/** CR4 bits that exist; setting another is #GP(0). */
export const CR4_BITS: u32 =
  Cr4.VME | Cr4.PVI | Cr4.TSD | Cr4.DE | Cr4.PSE | Cr4.PAE | Cr4.MCE | Cr4.PGE | Cr4.PCE | Cr4.UMIP;
/** CR4 bits that page translations depend on. */
const CR4_PAGING: u32 = Cr4.PSE | Cr4.PAE | Cr4.PGE;
/** Reserved bits of a present PDPTE: 2-1, 8-5 and all above the 36 physical address bits. */
export const PDPTE_RESERVED: u64 = 0xfffffff0000001e6;

/** True if PAE paging is on with these values. */
export function paePaging(cr0: u32, cr4: u32): bool {
  return (cr0 & Cr0.PG) != 0 && (cr4 & Cr4.PAE) != 0;
}

/** Entry `i` of the page-directory-pointer table that `cr3` names. */
function pdpte(cr3: u32, i: u32): u64 {
  return physLoad64((cr3 & 0xffffffe0) + (i << 3));
}

/** True if the four PDPTEs have no reserved bit set; else #GP(0) has been raised. */
export function checkPdptes(cr3: u32): bool {
  for (let i: u32 = 0; i < 4; i++) {
    const entry = pdpte(cr3, i);
    if (exitRaised()) return false;
    if ((entry & Pte.P) != 0 && (entry & PDPTE_RESERVED) != 0) {
      raiseGp(0);
      return false;
    }
  }
  return true;
}

/** Loads the four PDPTE registers. */
function loadPdptes(cr3: u32): void {
  for (let i: u32 = 0; i < 4; i++) store<u64>(fieldPtr(Cpu.PDPTE) + (i << 3), pdpte(cr3, i));
}

/** Loads the PDPTE registers for CR3 as it is. False: one has a reserved bit set. For VM entries. */
export function loadPdptesChecked(): bool {
  for (let i: u32 = 0; i < 4; i++) {
    const entry = pdpte(get(Cpu.CR3), i);
    if ((entry & Pte.P) != 0 && (entry & PDPTE_RESERVED) != 0) return false;
  }
  loadPdptes(get(Cpu.CR3));
  return true;
}

/** Loads CR3 with a value whose PDPTEs have been checked, and drops all translations. */
export function reloadCr3(value: u32): void {
  set(Cpu.CR3, value);
  if (paePaging(get(Cpu.CR0), get(Cpu.CR4))) loadPdptes(value);
  flushTlb();
}

/** MOV CR0, LMSW. False: #GP(0) (PG without PE, NW without CD, bad PDPTE). */
export function writeCr0(value: u32): bool {
  const old = get(Cpu.CR0);
  const next = (value & CR0_BITS) | Cr0.ET;
  if (((next & Cr0.PG) != 0 && (next & Cr0.PE) == 0) || ((next & Cr0.NW) != 0 && (next & Cr0.CD) == 0)) {
    raiseGp(0);
    return false;
  }
  const changed = old ^ next;
  const pae = paePaging(next, get(Cpu.CR4)) && (changed & (Cr0.PG | Cr0.CD | Cr0.NW)) != 0;
  if (pae && !checkPdptes(get(Cpu.CR3))) return false;
  set(Cpu.CR0, next);
  if (pae) loadPdptes(get(Cpu.CR3));
  if ((changed & CR0_PAGING) != 0) flushTlb();
  if ((changed & (Cr0.PE | Cr0.AM)) != 0) updateMode();
  return true;
}

/** MOV CR3. False: #GP(0) (bad PDPTE). */
export function writeCr3(value: u32): bool {
  if (paePaging(get(Cpu.CR0), get(Cpu.CR4)) && !checkPdptes(value)) return false;
  reloadCr3(value);
  return true;
}

/** MOV CR4. False: #GP(0) (reserved bit, bad PDPTE). */
export function writeCr4(value: u32): bool {
  if ((value & ~CR4_BITS) != 0 || ((value & Cr4.UMIP) != 0 && !hasUmip())) {
    raiseGp(0);
    return false;
  }
  const changed = get(Cpu.CR4) ^ value;
  const pae = paePaging(get(Cpu.CR0), value) && (changed & CR4_PAGING) != 0;
  if (pae && !checkPdptes(get(Cpu.CR3))) return false;
  set(Cpu.CR4, value);
  if (pae) loadPdptes(get(Cpu.CR3));
  if ((changed & CR4_PAGING) != 0) flushTlb();
  return true;
}
