/**
 * Whether a machine's TLB remembers a translation that its tables no longer give. A processor may use such a translation or not
 * (SDM 3A 4.10), and so may two ways of running the same guest: they need not agree on it.
 */
import { Cpu } from "../../assembly/abi/cpu.js";
import { Layout, TLB_ENTRIES, Tlb } from "../../assembly/abi/layout.js";
import { Cr0, Cr4 } from "../../assembly/abi/x86.js";
import type { Core } from "../../src/core/core.js";
import { type Paging, translate, type Use } from "../mmu/paging-oracle.js";

const USES: [number, Use][] = [
  [Tlb.READ, "read"],
  [Tlb.WRITE, "write"],
  [Tlb.EXECUTE, "fetch"],
];
const ALL_ONES = 0xffffffffffffffffn;

/** Whether any translation of the current address space is stale. */
export function hasStaleTranslation(core: Core): boolean {
  const { cpu } = core;
  if ((cpu.cr0 & Cr0.PG) === 0) return false;
  const view = new DataView(core.memory.buffer);
  const ram = new DataView(core.ram.buffer, core.ram.byteOffset, core.ram.length);
  const a20 = cpu.field(Cpu.A20_MASK);
  const pdpte = (i: number) => BigInt(cpu.field(Cpu.PDPTE + 8 * i)) | (BigInt(cpu.field(Cpu.PDPTE + 8 * i + 4)) << 32n);
  const paging: Paging = {
    pae: (cpu.cr4 & Cr4.PAE) !== 0,
    pse: (cpu.cr4 & Cr4.PSE) !== 0,
    wp: (cpu.cr0 & Cr0.WP) !== 0,
    directory: cpu.cr3 & ~0xfff,
    pdptes: [0, 1, 2, 3].map(pdpte),
  };
  const entry = (at: number, bytes: 4 | 8) => {
    const pa = (at & a20) >>> 0;
    if (at > 0xffffffff || pa + bytes > core.ram.length) return bytes === 4 ? 0xffffffffn : ALL_ONES;
    return bytes === 4 ? BigInt(ram.getUint32(pa, true)) : ram.getBigUint64(pa, true);
  };
  const ramPtr = cpu.field(Cpu.RAM_PTR);
  for (let i = 0; i < TLB_ENTRIES; i++) {
    const at = Layout.TLB + i * Tlb.SIZE;
    for (const [field, use] of USES) {
      const tag = view.getUint32(at + field, true);
      if (tag === 0 || ((tag >>> 1) & 0x7ff) !== cpu.field(Cpu.GENERATION)) continue;
      const lin = (tag & 0xfffff000) >>> 0;
      const now = translate(entry, paging, { lin, use, user: (tag & 1) !== 0 });
      if ("error" in now) return true;
      const ma = (lin + view.getUint32(at + Tlb.DELTA, true) - ramPtr) >>> 0;
      const pa = Number(now.pa & BigInt(a20 >>> 0)) + Number(now.pa >> 32n) * 2 ** 32;
      if (ma < core.ram.length ? pa !== ma : pa < core.ram.length) return true;
    }
  }
  return false;
}
