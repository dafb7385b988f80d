/**
 * The machine that random programs run on: 32-bit flat protected mode with paging, at CPL 0 or 3, and a small kernel whose
 * handlers make every exception survivable. A handler maps a page of the window that was touched, or goes on at the address
 * the program left in RECOVER; both leave a trace of what happened in CHECKSUM.
 *
 *   00800 IDT   01000 GDT   02000 TSS   03000 kernel   05000 variables   07000 kernel stack
 *   08000 page directory   09000 and 0A000 page tables, seen at 7F0000
 *   10000 program (8 pages), seen again at 410000   20000 data (4 pages), seen again at 420000
 *   28000 window: 4 pages that come and go   30000 stack   50000 bank: one page, frame 50000 or 51000
 */
import { SEG_USABLE } from "../../../assembly/abi/cpu.js";
import { Cr0, Desc, DescFlag, Eflags, Seg, SysType } from "../../../assembly/abi/x86.js";
import type { Core } from "../../../src/core/core.js";
import { Assembler, R } from "./assembler.js";

/** Size of RAM. */
export const RAM_BYTES = 1 << 20;
/** Where the program lies. */
export const CODE = 0x10000;
/** Its longest length. */
export const CODE_BYTES = 0x8000;
/** Distance of the second view of program and data. */
export const ALIAS = 0x400000;
/** The program's data. */
export const DATA = 0x20000;
/** Bytes of it. */
export const DATA_BYTES = 0x4000;
/** Pages that the program unmaps and the page-fault handler maps. */
export const WINDOW = 0x28000;
/** How many. */
export const WINDOW_PAGES = 4;
/** Initial ESP of the program. */
export const STACK = 0x31f00;
/** Linear address of the banked page. */
export const BANK = 0x50000;
/** Where the program says how it goes on after an exception. */
export const RECOVER = 0x5000;
/** Kernel calls (INT 80h), number in EAX. */
export const KernelCall = { UNMAP: 0, SWAP_BANK: 1, PROTECT: 2, FORGET_ACCESSED: 3, NOTHING: 4 } as const;
/** Vector of the host's interrupt. */
export const INTERRUPT = 0x20;
/** Where the kernel sees the page tables: the table of the first 4 MB, then that of the second. */
export const TABLES = 0x7f0000;

const IDT = 0x800;
const GDT = 0x1000;
const TSS = 0x2000;
const KERNEL = 0x3000;
const CHECKSUM = 0x5004;
const TICKS = 0x5008;
const KERNEL_STACK = 0x7f00;
const DIRECTORY = 0x8000;
const TABLE = 0x9000;
const TABLE2 = 0xa000;
const KERNEL_CODE = 0x08;
const KERNEL_DATA = 0x10;
const USER_CODE = 0x1b;
const USER_DATA = 0x23;

const DATA_ACCESS = Desc.PRESENT | Desc.SEGMENT | Desc.WRITABLE | Desc.ACCESSED;
const CODE_ACCESS = DATA_ACCESS | Desc.CODE;
const FLAT = DescFlag.BIG | DescFlag.GRANULAR;
/** Exceptions that push an error code. */
const WITH_ERROR = new Set([8, 10, 11, 12, 13, 14, 17]);
const PTE_ALL = 7; // present, writable, user

function descriptor(base: number, limit: number, access: number): number[] {
  const scaled = access & DescFlag.GRANULAR ? limit >>> 12 : limit;
  const high = ((scaled >> 16) & 15) | (((access >> 12) & 15) << 4);
  return [scaled, scaled >> 8, base, base >> 8, base >> 16, access, high, base >>> 24].map((b) => b & 255);
}

function tableEntry(page: number): number {
  return TABLES + (page >>> 12) * 4;
}

/** The kernel's code and where each vector's handler begins. */
function kernelCode(): { bytes: Uint8Array; handlers: number[] } {
  const a = new Assembler(KERNEL);
  const handlers: number[] = [];
  for (let vector = 0; vector < 32; vector++) {
    handlers.push(KERNEL + a.length);
    if (!WITH_ERROR.has(vector)) a.raw(0x6a, 0);
    a.raw(0x6a, vector);
    a.jmp("exception");
  }
  handlers.push(KERNEL + a.length); // host interrupt: inc [TICKS]; iret
  a.sized(0xfe, 4, 0, { disp: TICKS });
  a.raw(0xcf);
  exceptionHandler(a);
  const call = KERNEL + a.length;
  kernelCall(a);
  while (handlers.length < 0x80) handlers.push(handlers[INTERRUPT] as number);
  handlers.push(call);
  return { bytes: a.finish(), handlers };
}

/** Frame after PUSHAD: vector at 32, error 36, EIP 40, CS 44, EFLAGS 48, ESP 52. */
function exceptionHandler(a: Assembler): void {
  const frame = (disp: number) => ({ base: R.ESP, disp });
  a.label("exception");
  a.raw(0x60);
  a.sized(0x8a, 4, R.EAX, { disp: CHECKSUM });
  a.raw(0xc1, 0xc0, 5); // rol eax, 5
  for (const disp of [32, 36, 40, 48]) a.sized(0x02, 4, R.EAX, frame(disp));
  a.sized(0x88, 4, R.EAX, { disp: CHECKSUM });
  a.raw(0x83);
  a.modrm(7, frame(32));
  a.raw(14);
  a.jcc(5, "recover");
  a.raw(0x0f, 0x20, 0xd0); // mov eax, cr2
  a.sized(0x30, 4, R.EAX, { disp: CHECKSUM });
  a.sized(0x88, 4, R.EAX, R.EBX); // mov ebx, eax
  a.raw(0xc1, 0xeb, 12); // shr ebx, 12
  a.aluImmediate(5, 4, R.EBX, WINDOW >>> 12);
  a.aluImmediate(7, 4, R.EBX, WINDOW_PAGES);
  a.jcc(3, "recover");
  a.sized(0x80, 4, 1, { index: R.EBX, scale: 2, disp: tableEntry(WINDOW) });
  a.value(PTE_ALL, 4);
  a.raw(0x61);
  a.aluImmediate(0, 4, R.ESP, 8);
  a.raw(0xcf);
  a.label("recover");
  a.sized(0x8a, 4, R.EAX, { disp: RECOVER });
  a.sized(0x88, 4, R.EAX, frame(40));
  a.raw(0xf6);
  a.modrm(0, frame(44));
  a.raw(3); // test byte [cs], 3
  a.jcc(4, "from-kernel");
  a.raw(0xc7);
  a.modrm(0, frame(52));
  a.value(STACK, 4);
  a.raw(0x61);
  a.aluImmediate(0, 4, R.ESP, 8);
  a.raw(0xcf);
  a.label("from-kernel");
  a.raw(0x61);
  a.movRegister(R.ESP, STACK);
  a.raw(0x68);
  a.value(Eflags.FIXED | Eflags.IF, 4);
  a.raw(0x6a, KERNEL_CODE);
  a.raw(0xff);
  a.modrm(6, { disp: RECOVER });
  a.raw(0xcf);
}

/** EAX: what to do; ECX: which page of the window. Keeps all registers. */
function kernelCall(a: Assembler): void {
  const invalidate = (rm: Parameters<Assembler["modrm"]>[1]) => {
    a.raw(0x0f, 0x01);
    a.modrm(7, rm);
  };
  const entry = { index: R.EDX, scale: 2, disp: tableEntry(WINDOW) };
  const is = (call: number, otherwise: string) => {
    a.aluImmediate(7, 4, R.EAX, call);
    a.jcc(5, otherwise);
  };
  a.raw(0x60);
  a.sized(0x88, 4, R.ECX, R.EDX);
  a.aluImmediate(4, 4, R.EDX, WINDOW_PAGES - 1);
  a.sized(0x88, 4, R.EDX, R.EBX);
  a.raw(0xc1, 0xe3, 12); // shl ebx, 12
  is(KernelCall.UNMAP, "not-unmap");
  a.aluImmediate(4, 4, entry, ~1);
  invalidate({ base: R.EBX, disp: WINDOW });
  a.jmp("done");
  a.label("not-unmap");
  is(KernelCall.SWAP_BANK, "not-swap");
  a.aluImmediate(6, 4, { disp: tableEntry(BANK) }, 0x1000);
  a.aluImmediate(7, 4, R.ECX, 0);
  a.jcc(8, "reload"); // with a negative ECX the whole TLB goes
  invalidate({ disp: BANK });
  a.jmp("done");
  a.label("reload");
  a.raw(0x0f, 0x20, 0xd8, 0x0f, 0x22, 0xd8); // mov eax, cr3; mov cr3, eax
  a.jmp("done");
  a.label("not-swap");
  is(KernelCall.PROTECT, "not-protect");
  a.aluImmediate(4, 4, entry, ~2);
  invalidate({ base: R.EBX, disp: WINDOW });
  a.jmp("done");
  a.label("not-protect");
  is(KernelCall.FORGET_ACCESSED, "done");
  a.aluImmediate(4, 4, { index: R.EDX, scale: 2, disp: tableEntry(CODE) }, ~0x20);
  invalidate({ base: R.EBX, disp: CODE });
  a.label("done");
  a.raw(0x61, 0xcf);
}

function systemTables(ram: Uint8Array, handlers: readonly number[]): void {
  const view = new DataView(ram.buffer, ram.byteOffset, ram.byteLength);
  ram.set(
    [
      ...descriptor(0, 0, 0),
      ...descriptor(0, 0xffffffff, CODE_ACCESS | FLAT),
      ...descriptor(0, 0xffffffff, DATA_ACCESS | FLAT),
      ...descriptor(0, 0xffffffff, CODE_ACCESS | Desc.DPL | FLAT),
      ...descriptor(0, 0xffffffff, DATA_ACCESS | Desc.DPL | FLAT),
      ...descriptor(TSS, 0x67, Desc.PRESENT | SysType.TSS32_BUSY),
    ],
    GDT,
  );
  handlers.forEach((at, vector) => {
    const dpl = vector === 0x80 || vector === 3 ? Desc.DPL : 0;
    const gate = [at, at >> 8, KERNEL_CODE, 0, 0, Desc.PRESENT | SysType.INTERRUPT_GATE32 | dpl, at >> 16, at >> 24];
    ram.set(
      gate.map((b) => b & 255),
      IDT + vector * 8,
    );
  });
  view.setUint32(TSS + 4, KERNEL_STACK, true);
  view.setUint32(TSS + 8, KERNEL_DATA, true);
  view.setUint16(TSS + 0x66, 0x68, true);
  const entry = (table: number, page: number, frame: number, bits: number) =>
    view.setUint32(table + ((page >>> 12) & 0x3ff) * 4, frame | bits, true);
  view.setUint32(DIRECTORY, TABLE | PTE_ALL, true);
  view.setUint32(DIRECTORY + 4, TABLE2 | PTE_ALL, true);
  for (let page = 0; page < 0x60000; page += 4096) {
    const system = page < CODE;
    if (page >= DIRECTORY && page < CODE) continue;
    entry(TABLE, page, page, system && page !== (RECOVER & ~0xfff) ? 3 : PTE_ALL);
  }
  for (let page = CODE; page < CODE + CODE_BYTES; page += 4096) entry(TABLE2, page, page, PTE_ALL);
  for (let page = DATA; page < DATA + DATA_BYTES; page += 4096) entry(TABLE2, page, page, PTE_ALL);
  entry(TABLE2, TABLES, TABLE, 3);
  entry(TABLE2, TABLES + 0x1000, TABLE2, 3);
}

/** What a machine starts with. */
export interface Program {
  /** True for CPL 3. */
  user: boolean;
  /** Bytes at CODE. */
  code: Uint8Array;
  /** Bytes of the two frames of the bank. */
  banks: readonly [Uint8Array, Uint8Array];
}

/** EFLAGS the program starts with: IF, and IOPL 3 so that user code may use ports and CLI. */
const START_FLAGS = Eflags.FIXED | Eflags.IF | 0x3000;

/** Puts kernel and program into `core` and starts it at CODE. */
export function boot(core: Core, program: Program): void {
  const { cpu, ram } = core;
  const { bytes, handlers } = kernelCode();
  ram.set(bytes, KERNEL);
  systemTables(ram, handlers);
  for (let i = 0; i < DATA_BYTES + 4096 * WINDOW_PAGES; i++) ram[DATA + i] = (i * 37 + (i >>> 7)) & 255;
  ram.set(program.code, CODE);
  ram.set(program.banks[0], BANK);
  ram.set(program.banks[1], BANK + 0x1000);
  core.exports.ramWritten(0, ram.length);
  cpu.cr3 = DIRECTORY;
  cpu.cr4 = 0;
  cpu.cr0 = (Cr0.PE | Cr0.ET | Cr0.NE | Cr0.WP | Cr0.AM | Cr0.PG) >>> 0;
  const usable = SEG_USABLE | FLAT;
  const dpl = program.user ? Desc.DPL : 0;
  const flat = { base: 0, limit: 0xffffffff };
  cpu.setSegment(Seg.CS, {
    ...flat,
    selector: program.user ? USER_CODE : KERNEL_CODE,
    access: CODE_ACCESS | usable | dpl,
  });
  const data = program.user ? USER_DATA : KERNEL_DATA;
  for (const seg of [Seg.SS, Seg.DS, Seg.ES]) {
    cpu.setSegment(seg, { ...flat, selector: data, access: DATA_ACCESS | usable | dpl });
  }
  // FS ends in the middle of the data, GS has a base below 0 as thread-local storage may have.
  cpu.setSegment(Seg.FS, { base: 0x44, limit: DATA + 0x1100, selector: data, access: DATA_ACCESS | usable | dpl });
  cpu.setSegment(Seg.GS, { base: -0x30 >>> 0, limit: 0xffffffff, selector: data, access: DATA_ACCESS | usable | dpl });
  cpu.setSegment(Seg.TR, {
    selector: 0x28,
    base: TSS,
    limit: 0x67,
    access: Desc.PRESENT | SysType.TSS32_BUSY | SEG_USABLE,
  });
  cpu.gdtr = { base: GDT, limit: 0x2f };
  cpu.idtr = { base: IDT, limit: 0x81 * 8 - 1 };
  cpu.cpl = program.user ? 3 : 0;
  [0x11, 0x22, 0x33, DATA, STACK, DATA + 0x800, DATA + 0x1000, DATA + 0x2000].forEach((v, r) => {
    cpu.setReg(r, v);
  });
  cpu.eflags = START_FLAGS;
  cpu.eip = CODE;
  cpu.refresh();
}
