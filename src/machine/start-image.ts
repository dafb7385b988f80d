/**
 * Carries a boot plan out on a processor: writes RAM and ROM, then sets the registers the boot protocol promises.
 * Invariant: everything a plan does not name is in its power-on state.
 */
import { SEG_USABLE } from "../../assembly/abi/cpu.js";
import { Cr0, Desc, DescFlag, Seg } from "../../assembly/abi/x86.js";
import type { Core } from "../core/core.js";
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
export function startImage(core: Core, plan: BootPlan, fresh: boolean): void {
  core.reset();
  if (!fresh) {
    core.ram.fill(0);
    core.exports.flushCode();
  }
  for (const write of plan.writes) {
    if ("bytes" in write) core.writeRam(write.pa, write.bytes);
  }
  if (plan.rom !== undefined) core.rom.set(plan.rom, core.rom.length - plan.rom.length);
  if (plan.cpu.mode === "real") startReal(core, plan.cpu);
  if (plan.cpu.mode === "protected") startProtected(core, plan.cpu);
}

function startReal(core: Core, start: StartState): void {
  const cs = start.cs ?? 0;
  core.cpu.cr0 = Cr0.ET;
  core.cpu.setSegment(Seg.CS, { selector: cs, base: cs << 4, limit: REAL_LIMIT, access: DATA_ACCESS });
  setRegisters(core, start);
}

function startProtected(core: Core, start: StartState): void {
  const { code, data } = start.selectors ?? { code: 0, data: 0 };
  const { cpu } = core;
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
  setRegisters(core, start);
}

function setRegisters(core: Core, start: StartState): void {
  const { cpu } = core;
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
