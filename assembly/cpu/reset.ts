/**
 * Power-on state of an i686 (SDM 3A table 9-1), and the start of the memory layout behind the fixed regions.
 */
import { Cpu, SEG_USABLE, SegCache } from "../abi/cpu";
import { HASH_ENTRIES, Layout, TLB_ENTRIES, Tlb } from "../abi/layout";
import { Translation } from "../abi/translation";
import { Cr0, DR6_FIXED, Dr7, Desc, Eflags, Reg, Seg } from "../abi/x86";
import { Isa, NO_VMCS, Vmx } from "../abi/vmx";
import { powerOn } from "../fpu/state";
import { flushBlocks } from "./block";
import { SIGNATURE } from "./cpuid";
import { updateAttention, updateMode, updateSegment } from "./control";
import { setArithmeticFlags } from "./flags";
import { fieldPtr, segPtr, set, setReg32 } from "./state";
import { vget, vset } from "../vmx/state";

/** Data segment of 64 KB, present, writable, accessed. */
const REAL_DATA: u32 = Desc.PRESENT | Desc.SEGMENT | Desc.WRITABLE | Desc.ACCESSED | SEG_USABLE;

function resetSegment(seg: u32, selector: u32, base: u32, access: u32): void {
  const cache = segPtr(seg);
  store<u32>(cache, base, SegCache.BASE);
  store<u32>(cache, 0xffff, SegCache.LIMIT);
  store<u32>(cache, selector, SegCache.SELECTOR);
  store<u32>(cache, access, SegCache.ACCESS);
}

/** Lays out RAM, ROM and the code maps behind the fixed regions. Sizes are multiples of 4,096. Returns the bytes of memory needed. */
export function layOut(ramBytes: u32, romBytes: u32): u32 {
  vset(Vmx.ISA, Isa.UMIP);
  set(Cpu.RAM_BYTES, ramBytes);
  set(Cpu.ROM_BYTES, romBytes);
  let at: u32 = Layout.RAM;
  set(Cpu.RAM_PTR, at);
  at += ramBytes;
  set(Cpu.ROM_PTR, at);
  at += romBytes;
  set(Cpu.CODE_MAP_PTR, at);
  at += (ramBytes >>> 12) << 3;
  set(Cpu.CODE_LIST_PTR, at);
  at += (ramBytes >>> 12) << 2;
  set(Cpu.CODE_KILLS_PTR, at);
  return at + (ramBytes >>> 12);
}

/** No monitor, no current VMCS. What the machine is stays. */
function resetVmx(): void {
  const isa = vget(Vmx.ISA);
  const epoch = vget(Vmx.EPT_EPOCH);
  memory.fill(Layout.VMX, 0, Vmx.SIZE);
  memory.fill(Layout.TRANSLATION, 0, Translation.SIZE);
  vset(Vmx.ISA, isa);
  vset(Vmx.EPT_EPOCH, epoch + 1);
  vset(Vmx.CURRENT, NO_VMCS);
  vset(Vmx.GENERATION_NEXT, 1);
}

/** Puts the CPU into its power-on state; RAM and counters are left alone. */
export function resetCpu(): void {
  resetVmx();
  for (let r: u32 = 0; r < 8; r++) setReg32(r, 0);
  setReg32(Reg.EDX, SIGNATURE); // SDM 3A 9.1.2
  set(Cpu.ZERO, 0);
  set(Cpu.EIP, 0xfff0);
  set(Cpu.EFLAGS, Eflags.FIXED);
  setArithmeticFlags(0);
  set(Cpu.CPL, 0);
  set(Cpu.STOP, 0);
  set(Cpu.GIVEN, 0);
  set(Cpu.SHADOW, 0);
  set(Cpu.CR0, Cr0.CD | Cr0.NW | Cr0.ET);
  set(Cpu.CR2, 0);
  set(Cpu.CR3, 0);
  set(Cpu.CR4, 0);
  memory.fill(fieldPtr(Cpu.DR), 0, 32);
  store<u32>(fieldPtr(Cpu.DR), DR6_FIXED, 24);
  store<u32>(fieldPtr(Cpu.DR), Dr7.FIXED, 28);
  for (let seg: u32 = 0; seg < 6; seg++) resetSegment(seg, 0, 0, REAL_DATA);
  resetSegment(Seg.CS, 0xf000, 0xffff0000, REAL_DATA);
  resetSegment(Seg.LDTR, 0, 0, Desc.PRESENT | 2 | SEG_USABLE);
  resetSegment(Seg.TR, 0, 0, Desc.PRESENT | 11 | SEG_USABLE);
  set(Cpu.GDTR_BASE, 0);
  set(Cpu.GDTR_LIMIT, 0xffff);
  set(Cpu.IDTR_BASE, 0);
  set(Cpu.IDTR_LIMIT, 0xffff);
  set(Cpu.SYSENTER_CS, 0);
  set(Cpu.SYSENTER_ESP, 0);
  set(Cpu.SYSENTER_EIP, 0);
  memory.fill(fieldPtr(Cpu.PDPTE), 0, 32);
  powerOn();
  set(Cpu.NMI_PENDING, 0);
  set(Cpu.NMI_BLOCKED, 0);
  set(Cpu.HALTED, 0);
  set(Cpu.PENDING_DB, 0);
  set(Cpu.DELIVERING, <u32>-1);
  set(Cpu.EXT, 0);
  set(Cpu.SLOW_ACCESS, 0);
  memory.fill(Layout.TLB, 0, TLB_ENTRIES * Tlb.SIZE);
  memory.fill(Layout.LARGE_MAP, 0, 128);
  set(Cpu.GENERATION, 1);
  memory.fill(Layout.BLOCK_HASH, 0, HASH_ENTRIES * 4);
  flushBlocks();
  for (let seg: u32 = 0; seg < 6; seg++) updateSegment(seg);
  updateMode();
  updateAttention();
}
