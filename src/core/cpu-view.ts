/**
 * Named access to the CPU state in linear memory. There is no copy: a getter loads, a setter stores and, where the machine
 * keeps derived words, tells it to recompute them.
 */
import { type Counter, Cpu, SegCache } from "../../assembly/abi/cpu.js";
import { Layout } from "../../assembly/abi/layout.js";
import { Reg, Seg } from "../../assembly/abi/x86.js";
import type { CoreExports } from "./exports.js";

/** What a segment register's hidden part holds (SDM 3A 3.4.3). */
export interface SegmentCache {
  /** Selector, 16 bits. */
  selector: number;
  /** Linear base address. */
  base: number;
  /** Limit in bytes, already scaled by the granularity bit. */
  limit: number;
  /** Access byte, flags at bits 12-15, and `SEG_USABLE`: assembly/abi/cpu.ts. */
  access: number;
}

/** Base and limit of GDTR or IDTR. */
export interface TableRegister {
  /** Linear base address. */
  base: number;
  /** Limit in bytes: the last valid offset. */
  limit: number;
}

/** The registers of one CPU, by name. Values are unsigned 32-bit numbers. */
export class CpuView {
  private view: DataView;

  /** Binds the view to a machine's exports and memory. */
  constructor(
    private readonly core: CoreExports,
    private readonly memory: WebAssembly.Memory,
  ) {
    this.view = new DataView(memory.buffer);
  }

  private data(): DataView {
    if (this.view.buffer !== this.memory.buffer) this.view = new DataView(this.memory.buffer);
    return this.view;
  }

  /** A u32 of the state by its offset in `Cpu`. */
  field(offset: number): number {
    return this.data().getUint32(Layout.CPU + offset, true);
  }

  /** Stores a u32 of the state. Call `refresh()` afterwards if anything is derived from it. */
  setField(offset: number, value: number): void {
    this.data().setUint32(Layout.CPU + offset, value >>> 0, true);
  }

  /** A general-purpose register by number (`Reg`). */
  reg(r: number): number {
    return this.field(Cpu.REGS + 4 * r);
  }

  /** Sets a general-purpose register by number. */
  setReg(r: number, value: number): void {
    this.setField(Cpu.REGS + 4 * r, value);
  }

  /** Accumulator. */
  get eax(): number {
    return this.reg(Reg.EAX);
  }
  set eax(v: number) {
    this.setReg(Reg.EAX, v);
  }
  /** Counter. */
  get ecx(): number {
    return this.reg(Reg.ECX);
  }
  set ecx(v: number) {
    this.setReg(Reg.ECX, v);
  }
  /** Data. */
  get edx(): number {
    return this.reg(Reg.EDX);
  }
  set edx(v: number) {
    this.setReg(Reg.EDX, v);
  }
  /** Base. */
  get ebx(): number {
    return this.reg(Reg.EBX);
  }
  set ebx(v: number) {
    this.setReg(Reg.EBX, v);
  }
  /** Stack pointer. */
  get esp(): number {
    return this.reg(Reg.ESP);
  }
  set esp(v: number) {
    this.setReg(Reg.ESP, v);
  }
  /** Frame pointer. */
  get ebp(): number {
    return this.reg(Reg.EBP);
  }
  set ebp(v: number) {
    this.setReg(Reg.EBP, v);
  }
  /** Source index. */
  get esi(): number {
    return this.reg(Reg.ESI);
  }
  set esi(v: number) {
    this.setReg(Reg.ESI, v);
  }
  /** Destination index. */
  get edi(): number {
    return this.reg(Reg.EDI);
  }
  set edi(v: number) {
    this.setReg(Reg.EDI, v);
  }
  /** Instruction pointer. */
  get eip(): number {
    return this.field(Cpu.EIP);
  }
  set eip(v: number) {
    this.setField(Cpu.EIP, v);
  }
  /** EFLAGS as PUSHFD at CPL 0 shows it. */
  get eflags(): number {
    return this.core.readEflags() >>> 0;
  }
  set eflags(v: number) {
    this.core.writeEflags(v);
  }
  /** Current privilege level, 0 to 3. */
  get cpl(): number {
    return this.field(Cpu.CPL);
  }
  set cpl(v: number) {
    this.setField(Cpu.CPL, v);
    this.core.refresh();
  }
  /** Control register 0. */
  get cr0(): number {
    return this.field(Cpu.CR0);
  }
  set cr0(v: number) {
    this.setField(Cpu.CR0, v);
    this.core.refresh();
  }
  /** Page-fault linear address. */
  get cr2(): number {
    return this.field(Cpu.CR2);
  }
  set cr2(v: number) {
    this.setField(Cpu.CR2, v);
  }
  /** Page-directory base. In PAE mode the PDPTEs are not reloaded: that is what MOV CR3 does. */
  get cr3(): number {
    return this.field(Cpu.CR3);
  }
  set cr3(v: number) {
    this.setField(Cpu.CR3, v);
    this.core.refresh();
  }
  /** Control register 4. */
  get cr4(): number {
    return this.field(Cpu.CR4);
  }
  set cr4(v: number) {
    this.setField(Cpu.CR4, v);
    this.core.refresh();
  }
  /** Debug register 0-3, 6 or 7. */
  dr(n: number): number {
    return this.field(Cpu.DR + 4 * n);
  }
  /** Sets debug register 0-3, 6 or 7. */
  setDr(n: number, value: number): void {
    this.setField(Cpu.DR + 4 * n, value);
    this.core.refresh();
  }
  /** Hidden and visible part of a segment register, LDTR or TR (`Seg`). */
  segment(seg: number): SegmentCache {
    const at = Cpu.SEGS + seg * SegCache.SIZE;
    return {
      selector: this.field(at + SegCache.SELECTOR),
      base: this.field(at + SegCache.BASE),
      limit: this.field(at + SegCache.LIMIT),
      access: this.field(at + SegCache.ACCESS),
    };
  }
  /** Loads a segment cache as it stands: nothing is checked and CPL is left alone. */
  setSegment(seg: number, cache: SegmentCache): void {
    this.core.writeSegment(seg, cache.selector, cache.base, cache.limit, cache.access);
  }
  /** Selectors of ES CS SS DS FS GS. */
  get selectors(): number[] {
    return [Seg.ES, Seg.CS, Seg.SS, Seg.DS, Seg.FS, Seg.GS].map((s) => this.segment(s).selector);
  }
  /** Global descriptor table register. */
  get gdtr(): TableRegister {
    return { base: this.field(Cpu.GDTR_BASE), limit: this.field(Cpu.GDTR_LIMIT) };
  }
  set gdtr(v: TableRegister) {
    this.setField(Cpu.GDTR_BASE, v.base);
    this.setField(Cpu.GDTR_LIMIT, v.limit);
  }
  /** Interrupt descriptor table register. */
  get idtr(): TableRegister {
    return { base: this.field(Cpu.IDTR_BASE), limit: this.field(Cpu.IDTR_LIMIT) };
  }
  set idtr(v: TableRegister) {
    this.setField(Cpu.IDTR_BASE, v.base);
    this.setField(Cpu.IDTR_LIMIT, v.limit);
  }
  /** True after HLT until an event wakes the CPU. */
  get halted(): boolean {
    return this.field(Cpu.HALTED) !== 0;
  }
  set halted(v: boolean) {
    this.setField(Cpu.HALTED, v ? 1 : 0);
  }
  /** Instructions retired since power-on, exact to 2^53. */
  get retired(): number {
    return Number(this.data().getBigUint64(Layout.CPU + Cpu.RETIRED, true));
  }
  /** An event counter (`Counter`), or the deliveries of one exception: `Counter.EXCEPTIONS + vector`. */
  counter(n: Counter | number): number {
    return Number(this.data().getBigUint64(Layout.CPU + Cpu.COUNTERS + 8 * n, true));
  }
  /** Recomputes what the machine derives from registers, and drops translations: after setField() of control state. */
  refresh(): void {
    this.core.refresh();
  }
}
