/**
 * A machine whose page tables a test writes entry by entry: two neighbouring pages at TARGET whose translations vary, and
 * system pages below 4 MB (2 MB with PAE) that are always mapped, for code, stacks and handlers.
 *
 *   0000 IDT   0800 GDT   0C00 TSS   1000 code   1800 handlers, `jmp $` each   2000 stack   3000 PDPT
 *   4000 directory   5000 system table   6000, 7000 tables of the two pages   200000, 300000 small frames   400000 large ones
 */
import { Cpu, SEG_USABLE } from "../../assembly/abi/cpu.js";
import { Cr0, Cr4, Reg, Seg, Vector } from "../../assembly/abi/x86.js";
import { Core, type CoreHost } from "../../src/core/core.js";
import { NO_HOST } from "../cpu/flat-core.js";
import type { Paging } from "./paging-oracle.js";

/** How programs are run: in blocks, or step by step through the generic functions. */
export type Engine = "run" | "step";

/** Makes the core under test. */
export type CoreFactory = (host: CoreHost) => Core;

const RAM_BYTES = 8 << 20;
const IDT = 0;
const GDT = 0x800;
const TSS = 0xc00;
/** Where programs are put. */
export const CODE = 0x1000;
/** The handler of vector v is at HANDLERS + 4 * v; it does nothing forever. */
export const HANDLERS = 0x1800;
/** Initial stack pointer, and that of CPL 0 after a change of privilege. */
export const STACK = 0x2f00;
/** Physical addresses of the paging structures. */
export const TABLES = { pdpt: 0x3000, directory: 0x4000, system: 0x5000, first: 0x6000, second: 0x7000 };
/** Frames that entries name: those of the two pages, and the first large frame. */
export const FRAMES = { first: 0x200000, second: 0x300000, large: 0x400000 };
/** First byte of the second page; it is the first of a directory entry's region as well. */
export const TARGET = 0x800000;
/** Entry bits of the system pages: P RW US A D. */
export const SYSTEM_BITS = 0x67;

const FLAT = { code: 0xcf9b00, data: 0xcf9300, userCode: 0xcffb00, userData: 0xcff300 };

/** The makers of cores that tests compare. */
export const CORES: Record<string, CoreFactory> = {
  interpreter: (host) => Core.create({ ramBytes: RAM_BYTES }, host),
};

/** One machine with paging on. */
export class PagingMachine {
  readonly core: Core;
  readonly view: DataView;
  /** Translation as the oracle needs it. */
  readonly paging: Paging;

  constructor(factory: CoreFactory, mode: { pae: boolean; pse: boolean; wp?: boolean }, host: Partial<CoreHost> = {}) {
    this.core = factory({ ...NO_HOST, ...host });
    const { ram, cpu } = this.core;
    this.view = new DataView(ram.buffer, ram.byteOffset, ram.length);
    const { pae, pse, wp = false } = mode;
    this.put(GDT, 0, 0, 0xffff, FLAT.code, 0xffff, FLAT.data, 0xffff, FLAT.userCode, 0xffff, FLAT.userData);
    this.put(TSS + 4, STACK, 0x10);
    for (let vector = 0; vector < 32; vector++) {
      this.put(IDT + 8 * vector, (8 << 16) | (HANDLERS + 4 * vector), 0x8e00);
      ram.set([0xeb, 0xfe], HANDLERS + 4 * vector);
    }
    const bytes = pae ? 8 : 4;
    for (let i = 0; i < 4096 / bytes; i++) this.put(TABLES.system + bytes * i, (i << 12) | SYSTEM_BITS);
    this.put(TABLES.directory, TABLES.system | SYSTEM_BITS);
    this.put(TABLES.pdpt, TABLES.directory | 1);
    this.paging = { pae, pse, wp, directory: TABLES.directory, pdptes: [BigInt(TABLES.directory | 1), 0n, 0n, 0n] };
    cpu.setField(Cpu.CR3, pae ? TABLES.pdpt : TABLES.directory);
    cpu.setField(Cpu.PDPTE, TABLES.directory | 1);
    cpu.setField(Cpu.CR4, (pae ? Cr4.PAE : 0) | (pse ? Cr4.PSE : 0));
    cpu.gdtr = { base: GDT, limit: 0x27 };
    cpu.idtr = { base: IDT, limit: 0xff };
    cpu.setSegment(Seg.TR, { selector: 0x28, base: TSS, limit: 0x67, access: 0x8b | SEG_USABLE });
    this.setWp(wp);
    this.enter(false, CODE);
  }

  /** Stores 32-bit words in RAM. For data and tables, not code. */
  put(at: number, ...words: number[]): void {
    words.forEach((word, i) => this.view.setUint32(at + 4 * i, word, true));
  }

  /** A 32-bit word of RAM. */
  word(at: number): number {
    return this.view.getUint32(at, true);
  }

  /** Puts code in RAM so that the machine notices. */
  code(at: number, ...bytes: number[]): void {
    this.core.writeRam(at, Uint8Array.from(bytes));
  }

  /** Sets CR0.WP. Drops translations. */
  setWp(wp: boolean): void {
    this.paging.wp = wp;
    this.core.cpu.setField(Cpu.CR0, Cr0.PG | Cr0.PE | Cr0.ET | (wp ? Cr0.WP : 0));
    this.core.cpu.refresh();
  }

  /** Where the entries of a linear address lie: directory, then table `table`. */
  entries(lin: number, table: number): { pde: number; pte: number } {
    const { pae } = this.paging;
    return pae
      ? { pde: TABLES.directory + 8 * ((lin >>> 21) & 511), pte: table + 8 * ((lin >>> 12) & 511) }
      : { pde: TABLES.directory + 4 * (lin >>> 22), pte: table + 4 * ((lin >>> 12) & 1023) };
  }

  /** A table entry of the paging mode's size. */
  entry(at: number): bigint {
    return this.paging.pae ? this.view.getBigUint64(at, true) : BigInt(this.view.getUint32(at, true));
  }

  /** Stores a table entry of the paging mode's size. */
  setEntry(at: number, value: bigint): void {
    if (this.paging.pae) this.view.setBigUint64(at, value, true);
    else this.view.setUint32(at, Number(value), true);
  }

  /** Goes to EIP `eip` at CPL 3 or 0 with flat segments. Translations are kept. */
  enter(user: boolean, eip: number): void {
    const { cpu } = this.core;
    const rpl = user ? 3 : 0;
    const data = { selector: (user ? 0x20 : 0x10) | rpl, base: 0, limit: 0xffffffff };
    const access = (user ? 0xc0f3 : 0xc093) | SEG_USABLE;
    cpu.setField(Cpu.CPL, rpl);
    for (const seg of [Seg.ES, Seg.DS, Seg.SS]) cpu.setSegment(seg, { ...data, access });
    cpu.setSegment(Seg.CS, { ...data, selector: (user ? 0x18 : 8) | rpl, access: access | 8 });
    cpu.eflags = 2;
    cpu.esp = STACK;
    cpu.eip = eip;
    cpu.halted = false;
  }

  /** Runs `ticks` ticks. */
  run(engine: Engine, ticks: number): void {
    if (engine === "run") this.core.run(ticks);
    else for (let i = 0; i < ticks; i++) this.core.stepOnce();
  }

  /** The vector whose handler EIP is in; undefined elsewhere. */
  get vector(): number | undefined {
    const distance = this.core.cpu.eip - HANDLERS;
    return distance >= 0 && distance < 128 ? distance >> 2 : undefined;
  }

  /** Error code and CR2 of the page fault whose handler EIP is in; undefined if there is none. */
  get fault(): { error: number; cr2: number; eip: number } | undefined {
    if (this.vector !== Vector.PF) return undefined;
    const { cpu } = this.core;
    const esp = cpu.reg(Reg.ESP);
    return { error: this.word(esp), cr2: cpu.cr2, eip: this.word(esp + 4) };
  }
}
