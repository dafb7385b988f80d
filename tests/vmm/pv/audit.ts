/**
 * Everything that the monitor must keep true of a domain's frames, counted anew from the tables as they are: Barham et al. 2003, 3.3.3, as a check.
 */
import { Cpu } from "../../../assembly/abi/cpu.js";
import { Layout, Tlb, TLB_ENTRIES } from "../../../assembly/abi/layout.js";
import { Pte } from "../../../assembly/abi/x86.js";
import { GUEST_L2_ENTRIES, MONITOR_START } from "../../../src/vmm/pv/abi.js";
import { fixDescriptor } from "../../../src/vmm/pv/descriptor.js";
import type { Domain } from "../../../src/vmm/pv/domain.js";
import { FrameUse, Holding } from "../../../src/vmm/pv/frame-types.js";

const LARGE = Pte.PS;

/** What is wrong with the frames of a domain, as sentences. */
export function audit(domain: Domain): string[] {
  const { frames, memory, tables, descriptors } = domain;
  const wrong: string[] = [];
  const references = new Uint32Array(frames.frames);
  const uses = new Uint32Array(frames.frames);
  const refer = (mfn: number, use: FrameUse, who: string) => {
    if (frames.holdingOf(mfn) === Holding.FOREIGN) {
      wrong.push(`${who} names frame ${mfn}, which is not the domain's`);
      return;
    }
    references[mfn]!++;
    if (use === FrameUse.NONE) return;
    uses[mfn]!++;
    if (frames.useOf(mfn) !== use)
      wrong.push(`${who} relies on frame ${mfn} as ${FrameUse[use]}, it is ${FrameUse[frames.useOf(mfn)]}`);
  };

  for (let mfn = 0; mfn < frames.frames; mfn++) {
    if (frames.isPinned(mfn)) refer(mfn, frames.useOf(mfn), "a pin");
    const use = frames.useOf(mfn);
    if (use !== FrameUse.L1 && use !== FrameUse.L2) continue;
    if (frames.holdingOf(mfn) !== Holding.OWN) wrong.push(`table ${mfn} is not the domain's own`);
    for (let i = 0; i < (use === FrameUse.L2 ? GUEST_L2_ENTRIES : 1024); i++) {
      const entry = memory.words[(mfn << 10) + i]!;
      if ((entry & Pte.P) === 0) continue;
      if ((entry & (LARGE | Pte.G)) !== 0) wrong.push(`entry ${i} of ${mfn} has flags ${(entry & 0xfff).toString(16)}`);
      const of = use === FrameUse.L2 ? FrameUse.L1 : (entry & Pte.RW) !== 0 ? FrameUse.WRITABLE : FrameUse.NONE;
      refer(entry >>> 12, of, `entry ${i} of ${FrameUse[use]} ${mfn}`);
    }
    if (use === FrameUse.L2) {
      tables.monitorEntries.forEach((entry, i) => {
        const found = memory.words[(mfn << 10) + GUEST_L2_ENTRIES + i]!;
        if ((found & ~Pte.A) !== (entry & ~Pte.A))
          wrong.push(`the monitor's entry ${i} of L2 ${mfn} is ${found.toString(16)}`);
      });
    }
  }
  refer(domain.directory, FrameUse.L2, "CR3");
  for (const mfn of descriptors.inUse()) refer(mfn, FrameUse.SEGMENT, "a descriptor table");

  for (let mfn = 0; mfn < frames.frames; mfn++) {
    if (references[mfn] !== frames.referencesOf(mfn)) {
      wrong.push(`frame ${mfn} has ${references[mfn]} references, ${frames.referencesOf(mfn)} are counted`);
    }
    if (uses[mfn] !== frames.useCountOf(mfn)) {
      wrong.push(`frame ${mfn} is relied on ${uses[mfn]} times, ${frames.useCountOf(mfn)} are counted`);
    }
    if (frames.useOf(mfn) === FrameUse.SEGMENT) auditDescriptors(domain, mfn, wrong);
  }
  auditTlb(domain, wrong);
  return wrong;
}

function auditDescriptors({ memory }: Domain, mfn: number, wrong: string[]): void {
  for (let i = 0; i < 1024; i += 2) {
    const [low, high] = [memory.words[(mfn << 10) + i]!, memory.words[(mfn << 10) + i + 1]!];
    const fixed = { low, high };
    if (!fixDescriptor(fixed) || fixed.low !== low || fixed.high !== high) {
      wrong.push(`descriptor ${i / 2} of frame ${mfn} is ${high.toString(16)} ${low.toString(16)}`);
    }
  }
}

/** No translation that the processor still holds lets the guest see a foreign frame, or store to a table. */
function auditTlb({ core, state, frames }: Domain, wrong: string[]): void {
  const tlb = new DataView(core.memory.buffer);
  const generation = state.get(Cpu.GENERATION);
  for (let i = 0; i < TLB_ENTRIES; i++) {
    const at = Layout.TLB + i * Tlb.SIZE;
    const delta = tlb.getUint32(at + Tlb.DELTA, true);
    for (const field of [Tlb.READ, Tlb.WRITE, Tlb.EXECUTE]) {
      const tag = tlb.getUint32(at + field, true);
      if ((tag & 0xfff) >>> 1 !== generation || tag === 0) continue;
      const page = (tag & 0xfffff000) >>> 0;
      if (page >= MONITOR_START) continue;
      const mfn = (((page + delta) % 2 ** 32) - state.get(Cpu.RAM_PTR)) / 4096;
      const table = [FrameUse.L1, FrameUse.L2, FrameUse.SEGMENT].includes(frames.useOf(mfn));
      if (frames.holdingOf(mfn) === Holding.FOREIGN)
        wrong.push(`the TLB leads from ${page.toString(16)} to foreign frame ${mfn}`);
      if (field === Tlb.WRITE && table) wrong.push(`the TLB lets ${page.toString(16)} be stored to, table ${mfn}`);
    }
  }
}
