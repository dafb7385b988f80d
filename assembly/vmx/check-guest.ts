/**
 * VM-entry checks of the guest-state area (SDM 3C 26.3.1): a failure is an exit with reason 33.
 */
import { Cpu, SEG_USABLE, SegCache } from "../abi/cpu";
import { EntryFailure, IntrInfo, IntrType, Pin, Secondary, Vmx } from "../abi/vmx";
import { Cr0, Desc, Dr6, Eflags, Pte, Seg, Vector } from "../abi/x86";
import { CR0_BITS, CR4_BITS, PDPTE_RESERVED, paePaging } from "../cpu/cr";
import { SHADOW_STACK, SHADOW_STI } from "../cpu/debug";
import { fieldPtr, get, segPtr, selectorOf } from "../cpu/state";
import { INVALID_SHADOW, rightsOf } from "./guest-fields";
import { valid } from "./inject";
import { secondary, vget } from "./state";

/** What failed: the exit qualification, or FINE. */
const FINE: i32 = -1;
const OTHER: i32 = 0;

/** Reserved bits of EFLAGS. */
const FLAGS_RESERVED: u32 = 0xffc08028;
/** Reserved bits of access rights. */
const RIGHTS_RESERVED: u32 = 0xfffe0f00;
/** Access rights of every segment in virtual-8086 mode. */
const V86_RIGHTS: u32 = 0xf3;
/** G bit of access rights. */
const GRANULAR: u32 = 0x8000;
/** Bits that pending debug exceptions may have: B0 to B3, BS. */
const PENDING: u32 = 15 | Dr6.BS;

function unrestricted(): bool {
  return (secondary() & Secondary.UNRESTRICTED) != 0;
}

function usable(rights: u32): bool {
  return (rights & SEG_USABLE) == 0;
}

function dpl(rights: u32): u32 {
  return (rights >>> 5) & 3;
}

function limitOf(seg: u32): u32 {
  return load<u32>(segPtr(seg), SegCache.LIMIT);
}

/** True if G fits the limit. */
function granularityFits(seg: u32, rights: u32): bool {
  const limit = limitOf(seg);
  if ((limit & 0xfff) != 0xfff && (rights & GRANULAR) != 0) return false;
  return (limit & 0xfff00000) == 0 || (rights & GRANULAR) != 0;
}

/** Control registers (SDM 3C 26.3.1.1). */
function controlRegisters(): bool {
  const cr0 = get(Cpu.CR0);
  const needed: u32 = unrestricted() ? 0 : Cr0.PE | Cr0.PG;
  if ((cr0 & ~(CR0_BITS | Cr0.ET)) != 0 || (cr0 & needed) != needed) return false;
  if ((cr0 & Cr0.PG) != 0 && (cr0 & Cr0.PE) == 0) return false;
  return (get(Cpu.CR4) & ~CR4_BITS) == 0 && vget(Vmx.DEBUGCTL) == 0 && vget(Vmx.DEBUGCTL + 4) == 0;
}

/** Segments in virtual-8086 mode. */
function v86Segments(): bool {
  for (let seg: u32 = 0; seg < 6; seg++) {
    if (load<u32>(segPtr(seg), SegCache.BASE) != selectorOf(seg) << 4) return false;
    if (limitOf(seg) != 0xffff || rightsOf(seg) != V86_RIGHTS) return false;
  }
  return true;
}

/** CS and SS outside virtual-8086 mode: types, privilege. */
function codeAndStack(): bool {
  const cs = rightsOf(Seg.CS);
  const ss = rightsOf(Seg.SS);
  const type = cs & 15;
  const data = type == 3 && unrestricted();
  if (!data && (type & 9) != 9) return false;
  if ((cs & (Desc.SEGMENT | Desc.PRESENT)) != (Desc.SEGMENT | Desc.PRESENT) || !usable(cs)) return false;
  if ((cs & RIGHTS_RESERVED) != 0 || !granularityFits(Seg.CS, cs)) return false;
  if (data && dpl(cs) != 0) return false;
  if (type == 9 || type == 11 ? dpl(cs) != dpl(ss) : !data && dpl(cs) > dpl(ss)) return false;
  if (!unrestricted()) {
    if ((selectorOf(Seg.SS) & 3) != (selectorOf(Seg.CS) & 3) || dpl(ss) != (selectorOf(Seg.SS) & 3)) return false;
  }
  if (dpl(ss) != 0 && (data || (get(Cpu.CR0) & Cr0.PE) == 0)) return false;
  if (!usable(ss)) return true;
  if ((ss & 15) != 3 && (ss & 15) != 7) return false;
  if ((ss & (Desc.SEGMENT | Desc.PRESENT)) != (Desc.SEGMENT | Desc.PRESENT)) return false;
  return (ss & RIGHTS_RESERVED) == 0 && granularityFits(Seg.SS, ss);
}

/** ES, DS, FS or GS outside virtual-8086 mode. */
function dataSegment(seg: u32): bool {
  const rights = rightsOf(seg);
  if (!usable(rights)) return true;
  if ((rights & (Desc.SEGMENT | Desc.PRESENT | Desc.ACCESSED)) != (Desc.SEGMENT | Desc.PRESENT | Desc.ACCESSED))
    return false;
  if ((rights & Desc.CODE) != 0 && (rights & Desc.WRITABLE) == 0) return false;
  if (!unrestricted() && (rights & 15) <= 11 && dpl(rights) < (selectorOf(seg) & 3)) return false;
  return (rights & RIGHTS_RESERVED) == 0 && granularityFits(seg, rights);
}

/** TR or LDTR of one of the types in bit map `types`. */
function systemSegment(seg: u32, types: u32): bool {
  const rights = rightsOf(seg);
  if ((selectorOf(seg) & 4) != 0 || ((types >>> (rights & 15)) & 1) == 0) return false;
  if ((rights & (Desc.SEGMENT | Desc.PRESENT)) != Desc.PRESENT) return false;
  return usable(rights) && (rights & RIGHTS_RESERVED) == 0 && granularityFits(seg, rights);
}

/** Segment registers (SDM 3C 26.3.1.2) and table registers (26.3.1.3). */
function segments(): bool {
  if ((get(Cpu.EFLAGS) & Eflags.VM) != 0) {
    if (!v86Segments()) return false;
  } else {
    if (!codeAndStack()) return false;
    if (!dataSegment(Seg.ES) || !dataSegment(Seg.DS) || !dataSegment(Seg.FS) || !dataSegment(Seg.GS)) return false;
  }
  if (!systemSegment(Seg.TR, (1 << 3) | (1 << 11))) return false;
  if (usable(rightsOf(Seg.LDTR)) && !systemSegment(Seg.LDTR, 1 << 2)) return false;
  return (get(Cpu.GDTR_LIMIT) & 0xffff0000) == 0 && (get(Cpu.IDTR_LIMIT) & 0xffff0000) == 0;
}

/** EFLAGS (SDM 3C 26.3.1.4). */
function flags(info: u32): bool {
  const value = get(Cpu.EFLAGS);
  if ((value & FLAGS_RESERVED) != 0 || (value & Eflags.FIXED) == 0) return false;
  if ((value & Eflags.VM) != 0 && (get(Cpu.CR0) & Cr0.PE) == 0) return false;
  const external = valid(info) && (info & IntrInfo.TYPE) == <u32>IntrType.EXTERNAL;
  return !external || (value & Eflags.IF) != 0;
}

/** True if the event may be injected in the HLT state (SDM 3C 26.3.1.5). */
function wakes(info: u32): bool {
  const type = info & IntrInfo.TYPE;
  const vector = info & IntrInfo.VECTOR;
  if (type == <u32>IntrType.HARDWARE_EXCEPTION) return vector == <u32>Vector.DB || vector == <u32>Vector.MC;
  return type == <u32>IntrType.EXTERNAL || type == <u32>IntrType.NMI || type == <u32>IntrType.OTHER;
}

/** Activity, interruptibility and pending debug exceptions (SDM 3C 26.3.1.5). Returns FINE or the qualification. */
function nonRegister(info: u32): i32 {
  const shadow = get(Cpu.SHADOW);
  const activity = get(Cpu.HALTED);
  const value = get(Cpu.EFLAGS);
  if (activity > 1 || shadow == INVALID_SHADOW) return OTHER;
  if (activity == 1) {
    if (dpl(rightsOf(Seg.SS)) != 0 || shadow != 0 || (valid(info) && !wakes(info))) return OTHER;
  }
  if (shadow == SHADOW_STI && (value & Eflags.IF) == 0) return OTHER;
  if (valid(info)) {
    const type = info & IntrInfo.TYPE;
    if (type == <u32>IntrType.EXTERNAL && shadow != 0) return OTHER;
    if (type == <u32>IntrType.NMI) {
      if (shadow == SHADOW_STACK) return OTHER;
      if (shadow == SHADOW_STI) return EntryFailure.NMI_BY_STI;
      if ((vget(Vmx.PIN) & Pin.VIRTUAL_NMIS) != 0 && get(Cpu.NMI_BLOCKED) != 0) return OTHER;
    }
  }
  const pending = get(Cpu.PENDING_DB);
  if ((pending & ~PENDING) != 0) return OTHER;
  if (shadow != 0 || activity == 1) {
    const step = (pending & Dr6.BS) != 0;
    if (step != ((value & Eflags.TF) != 0)) return OTHER;
  }
  return FINE;
}

/** True if the PDPTE registers may be used. */
function pdptesValid(): bool {
  for (let i: u32 = 0; i < 4; i++) {
    const entry = load<u64>(fieldPtr(Cpu.PDPTE) + (i << 3));
    if ((entry & Pte.P) != 0 && (entry & PDPTE_RESERVED) != 0) return false;
  }
  return true;
}

/** Checks the state that an entry loads. `all`: also what has not changed since the last time. Returns -1, or the exit qualification. */
export function guestFailure(all: bool): i32 {
  const info = vget(Vmx.ENTRY_INTR_INFO);
  if (all && (!controlRegisters() || !segments())) return OTHER;
  if (!flags(info)) return OTHER;
  const state = nonRegister(info);
  if (state != FINE) return state;
  if (vget(Vmx.LINK_POINTER) != 0xffffffff || vget(Vmx.LINK_POINTER + 4) != 0xffffffff)
    return EntryFailure.LINK_POINTER;
  const nested = (secondary() & Secondary.EPT) != 0;
  const pae = paePaging(get(Cpu.CR0), get(Cpu.CR4));
  return all && nested && pae && !pdptesValid() ? EntryFailure.PDPTE : FINE;
}
