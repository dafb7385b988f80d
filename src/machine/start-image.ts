/**
 * Carries a boot plan out on a processor: writes RAM and ROM, then sets the registers the boot protocol promises.
 * Invariant: everything a plan does not name is in its power-on state.
 */
import { SEG_USABLE } from "../../assembly/abi/cpu.js";
import { Cr0, Desc, DescFlag, Seg } from "../../assembly/abi/x86.js";
import type { CpuView } from "../core/cpu-view.js";
import type { Platform } from "../core/platform.js";
import type { BootPlan, StartState } from "../loaders/boot-plan.js";

const DATA_SEGMENTS = [Seg.ES, Seg.SS, Seg.DS, Seg.FS, Seg.GS];
const FLAT_LIMIT = 0xffffffff;
const REAL_LIMIT = 0xffff;
const DATA_ACCESS = Desc.PRESENT | Desc.SEGMENT | Desc.WRITABLE | Desc.ACCESSED | SEG_USABLE;
const FLAT_FLAGS = DescFlag.BIG | DescFlag.GRANULAR;

/**
 * Puts the processor into its power-on state and carries `plan` out. RAM is cleared first unless it is `fresh`: new RAM
 * is zero, and a host gives it pages only when they are touched.
 */
export function startImage(platform: Platform, plan: BootPlan, fresh: boolean): void {
  const { ram, cpu } = platform;
  platform.reset();
  if (!fresh) ram.clear();
  for (const write of plan.writes) {
    if ("bytes" in write) ram.write(write.pa, write.bytes);
  }
  if (plan.rom !== undefined) platform.setRom(plan.rom);
  if (plan.cpu.mode === "real") startReal(cpu, plan.cpu);
  if (plan.cpu.mode === "protected") startProtected(cpu, plan.cpu);
}

function startReal(cpu: CpuView, start: StartState): void {
  const cs = start.cs ?? 0;
  cpu.cr0 = Cr0.ET;
  cpu.setSegment(Seg.CS, { selector: cs, base: cs << 4, limit: REAL_LIMIT, access: DATA_ACCESS });
  setRegisters(cpu, start);
}

function startProtected(cpu: CpuView, start: StartState): void {
  const { code, data } = start.selectors ?? { code: 0, data: 0 };
  cpu.cr0 = Cr0.PE | Cr0.ET;
  if (start.gdtr !== undefined) cpu.gdtr = start.gdtr;
  const flat = (selector: number, access: number) => ({
    selector,
    base: 0,
    limit: FLAT_LIMIT,
    access: access | FLAT_FLAGS,
  });
  cpu.setSegment(Seg.CS, flat(code, DATA_ACCESS | Desc.CODE));
  for (const segment of DATA_SEGMENTS) cpu.setSegment(segment, flat(data, DATA_ACCESS));
  setRegisters(cpu, start);
}

function setRegisters(cpu: CpuView, start: StartState): void {
  cpu.eax = start.eax ?? 0;
  cpu.ebx = start.ebx ?? 0;
  cpu.ecx = start.ecx ?? 0;
  cpu.edx = start.edx ?? 0;
  cpu.esi = start.esi ?? 0;
  cpu.edi = start.edi ?? 0;
  cpu.ebp = start.ebp ?? 0;
  cpu.esp = start.esp ?? 0;
  cpu.eip = start.eip;
  cpu.refresh();
}
