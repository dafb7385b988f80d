/**
 * A core in flat protected mode at CPL 0, interrupts through an IDT whose handlers are HLT: the smallest surroundings for programs of a
 * few instructions. Code goes to CODE; the first 64 KB belong to the helper except CODE's page.
 */
import { Cpu, SEG_USABLE } from "../../assembly/abi/cpu.js";
import { Cr0 } from "../../assembly/abi/x86.js";
import { Core, type CoreHost } from "../../src/core/core.js";

/** Where programs are put. */
export const CODE = 0x1000;
/** Initial ESP. */
export const STACK = 0xe000;
/** The handler of vector v is at HANDLERS + 8 * v. */
export const HANDLERS = 0x4000;
const GDT = 0x2000;
const IDT = 0x3000;
const PAGE_DIRECTORY = 0x5000;
const PAGE_TABLE = 0x6000;
const PAGES = 1024;

/** A host without devices; override what a test needs. */
export const NO_HOST: CoreHost = {
  portRead: (_port, size) => (size === 4 ? 0xffffffff : (1 << (8 * size)) - 1),
  portWrite: () => undefined,
  mmioRead: (_pa, size) => (size === 4 ? 0xffffffff : (1 << (8 * size)) - 1),
  mmioWrite: () => undefined,
  acknowledgeInterrupt: () => 0x20,
};

/** Makes a core of 2 MB in flat protected mode. `frames` maps linear page numbers to physical ones and turns paging on. */
export function flatCore(host: Partial<CoreHost> = {}, frames?: ReadonlyMap<number, number>): Core {
  const core = Core.create({ ramBytes: 0x200000 }, { ...NO_HOST, ...host });
  const view = new DataView(core.ram.buffer, core.ram.byteOffset, core.ram.length);
  const put = (at: number, ...words: number[]) => {
    for (const [i, word] of words.entries()) view.setUint32(at + 4 * i, word, true);
  };
  put(GDT + 8, 0xffff, 0xcf9b00, 0xffff, 0xcf9300);
  for (let vector = 0; vector < 256; vector++) {
    put(IDT + 8 * vector, (8 << 16) | (HANDLERS + 8 * vector), 0x8e00);
    core.ram[HANDLERS + 8 * vector] = 0xf4;
  }
  put(PAGE_DIRECTORY, PAGE_TABLE | 3);
  for (let page = 0; page < PAGES; page++) put(PAGE_TABLE + 4 * page, ((frames?.get(page) ?? page) << 12) | 3);
  const { cpu } = core;
  cpu.setField(Cpu.CR3, PAGE_DIRECTORY);
  cpu.setField(Cpu.CR0, frames === undefined ? Cr0.PE | Cr0.ET : Cr0.PE | Cr0.ET | Cr0.PG);
  cpu.gdtr = { base: GDT, limit: 23 };
  cpu.idtr = { base: IDT, limit: 0x7ff };
  for (let seg = 0; seg < 6; seg++) {
    const code = seg === 1;
    const access = (code ? 0xc09b : 0xc093) | SEG_USABLE;
    cpu.setSegment(seg, { selector: code ? 8 : 16, base: 0, limit: 0xffffffff, access });
  }
  cpu.esp = STACK;
  cpu.eip = CODE;
  cpu.eflags = 2;
  core.exports.refresh();
  return core;
}

/** Puts a program at CODE, with HLT behind it, and EIP at its start. */
export function program(core: Core, ...bytes: number[]): void {
  core.writeRam(CODE, Uint8Array.from([...bytes, 0xf4]));
  core.cpu.eip = CODE;
  core.cpu.halted = false;
}
