/**
 * Loading CS, SS and the others for a guest, as the processor would on the way to another privilege (SDM 3A 5.5 to 5.8): by the monitor, when it
 * delivers a trap or returns from one.
 */
import { Cpu, SegCache } from "../../../assembly/abi/cpu.js";
import { Desc, Seg } from "../../../assembly/abi/x86.js";
import type { Core } from "../../core/core.js";
import type { MachineMemory } from "../../mm/machine-memory.js";
import type { Words } from "../words.js";
import { accessOf, baseOf, limitOf } from "./descriptor.js";
import type { DescriptorTables } from "./descriptor-tables.js";

const DATA_SEGMENTS = [Seg.ES, Seg.DS, Seg.FS, Seg.GS] as const;
const DPL_SHIFT = 5;

/** The segment registers of a domain. */
export class SegmentRegisters {
  /** The descriptor that was looked at last. */
  private low = 0;
  private high = 0;

  constructor(
    private readonly core: Core,
    private readonly state: Words,
    private readonly memory: MachineMemory,
    private readonly tables: DescriptorTables,
  ) {}

  /** Selector in a segment register. */
  selector(seg: Seg): number {
    return this.state.get(Cpu.SEGS + seg * SegCache.SIZE + SegCache.SELECTOR);
  }

  /** Base of a segment register. */
  base(seg: Seg): number {
    return this.state.get(Cpu.SEGS + seg * SegCache.SIZE + SegCache.BASE);
  }

  /** True if the selector names present code that runs at its own RPL. */
  isCode(selector: number): boolean {
    if (!this.look(selector)) return false;
    const access = accessOf(this.high);
    const wanted = Desc.PRESENT | Desc.SEGMENT | Desc.CODE;
    if ((access & wanted) !== wanted) return false;
    const dpl = (access >>> DPL_SHIFT) & 3;
    return (access & Desc.CONFORMING) !== 0 ? dpl <= (selector & 3) : dpl === (selector & 3);
  }

  /** True if the selector names a present stack of privilege `cpl`. */
  isStack(selector: number, cpl: number): boolean {
    if ((selector & 3) !== cpl || !this.look(selector)) return false;
    const access = accessOf(this.high);
    const wanted = Desc.PRESENT | Desc.SEGMENT | Desc.WRITABLE;
    if ((access & (wanted | Desc.CODE)) !== wanted) return false;
    return ((access >>> DPL_SHIFT) & 3) === cpl;
  }

  /** Loads a register with a selector that has been found good. Returns its base. */
  load(seg: Seg, selector: number): number {
    this.look(selector);
    const base = baseOf(this.low, this.high);
    this.core.exports.writeSegment(
      seg,
      selector,
      base,
      limitOf(this.low, this.high),
      accessOf(this.high) | Desc.ACCESSED,
    );
    return base;
  }

  /** Base of the segment that a good selector names. */
  baseOf(selector: number): number {
    this.look(selector);
    return baseOf(this.low, this.high);
  }

  /** On the way out to privilege `cpl`: data segments of more privilege become null (SDM 2A "IRET"). */
  dropPrivileged(cpl: number): void {
    for (const seg of DATA_SEGMENTS) {
      const access = this.state.get(Cpu.SEGS + seg * SegCache.SIZE + SegCache.ACCESS);
      const conforming = (access & (Desc.CODE | Desc.CONFORMING)) === (Desc.CODE | Desc.CONFORMING);
      if (!conforming && ((access >>> DPL_SHIFT) & 3) < cpl) this.core.exports.writeSegment(seg, 0, 0, 0, 0);
    }
  }

  private look(selector: number): boolean {
    if ((selector & 0xfffc) === 0) return false;
    const at = this.tables.find(selector & 0xffff);
    if (at < 0) return false;
    const { words } = this.memory;
    this.low = words[at >>> 2]!;
    this.high = words[(at >>> 2) + 1]!;
    return true;
  }
}
