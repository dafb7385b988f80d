/**
 * A small kernel's worth of tables around user-mode tests: the machine as a 32-bit program of a compatibility-mode Linux sees it.
 *
 * Flat user segments 23h and 2Bh, the file's local descriptor table, INT 3 and INT 4 open to ring 3 and nothing else, paging with the windows
 * as the only user pages, CR0.AM on. A ring-0 stub loads the segment registers and leaves by IRET, every exception ends in a HLT of its own.
 * The machine gets there architecturally: a ROM at the reset vector switches to protected mode, so nothing reaches into hidden state.
 * Invariant: tables and stub are supervisor pages above 3 GB, where no test reaches. Sources: SDM 3A 3.5, 4.3, 6.11, 7.2.
 */
import type { MemoryWindow, NativeEnvironment } from "./native-vectors.js";

/** Linear address of the supervisor area; physical address 0 is mapped there. */
export const KERNEL_LINEAR = 0xc0000000;
/** Physical address of the first window; the others follow, page by page. */
export const WINDOWS_PA = 0x40000;
/** Linear address of the stub that enters user mode from a frame on its stack. */
export const ENTER_USER = KERNEL_LINEAR + 0x1000;
/** Linear address of the first exception handler; handler n is at + n and is one HLT. */
export const HANDLERS = KERNEL_LINEAR + 0x1100;
/** Physical and linear top of the ring-0 stack that exceptions switch to. */
export const KERNEL_STACK_PA = 0x6000;
export const KERNEL_STACK = KERNEL_LINEAR + KERNEL_STACK_PA;
/** Physical address of the frame the stub pops: gs fs es ds edi esi ebp esp ebx edx ecx eax eip cs eflags esp ss. */
export const FRAME_PA = 0x6800;
export const FRAME = KERNEL_LINEAR + FRAME_PA;
/** Machine RAM these tables and the windows need. */
export const USER_MODE_RAM = 0x100000;
/** Size of the ROM with the reset code. */
export const RESET_ROM_BYTES = 0x1000;

const KERNEL_CODE = 0x08;
const KERNEL_DATA = 0x18;
const TSS_SELECTOR = 0x40;
const LDT_SELECTOR = 0x50;
const BOOT_LINEAR = KERNEL_LINEAR + 0x1040;
const GDT_PA = 0x2000;
const TSS_PA = 0x2100;
const IDT_PA = 0x3000;
const LDT_PA = 0x8000; // up to 8192 entries of 8 bytes
const PAGE_DIRECTORY_PA = 0x20000;
const PAGE_TABLES_PA = 0x21000;
const ROM_PAGE = 0xfffff000;
const CR0 = 0x80050033; // PG AM WP NE ET MP PE
const PAGE = 4096;
const P_W_U = 7;
const P_U = 5;
const P_W = 3;

function descriptor(base: number, limit: number, access: number, flags: number): [number, number] {
  const low = ((limit & 0xffff) | (base << 16)) >>> 0;
  const high = ((base & 0xff000000) | (flags << 20) | (limit & 0xf0000) | (access << 8) | ((base >>> 16) & 0xff)) >>> 0;
  return [low, high];
}

/** The 4 KB ROM: switches paging and protection on and goes to the supervisor area, which finishes the set-up and halts. */
export function resetRom(): Uint8Array {
  const rom = new Uint8Array(RESET_ROM_BYTES).fill(0xf4);
  const code: number[] = [];
  const dword = (value: number) => [value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, value >>> 24];
  code.push(0x66, 0x2e, 0x0f, 0x01, 0x16, 0xe0, 0xff); // lgdt cs:[FFE0h]
  code.push(0x66, 0x2e, 0x0f, 0x01, 0x1e, 0xe8, 0xff); // lidt cs:[FFE8h]
  code.push(0x66, 0xb8, ...dword(PAGE_DIRECTORY_PA), 0x0f, 0x22, 0xd8); // mov eax, …; mov cr3, eax
  code.push(0x66, 0xb8, ...dword(CR0), 0x0f, 0x22, 0xc0); // mov eax, …; mov cr0, eax
  code.push(0x66, 0xea, ...dword(BOOT_LINEAR), KERNEL_CODE, 0); // jmp 8:…
  rom.set(code, 0xf00);
  rom.set([0x7f, 0, ...dword(KERNEL_LINEAR + GDT_PA)], 0xfe0);
  rom.set([0xff, 7, ...dword(KERNEL_LINEAR + IDT_PA)], 0xfe8);
  rom.set([0xe9, 0x0d, 0xff], 0xff0); // jmp FF00h
  return rom;
}

/** Everything that is in RAM before the first test, windows excepted: physical address and bytes. */
export function userModeTables(environment: NativeEnvironment): { pa: number; bytes: Uint8Array }[] {
  const ram = new Uint8Array(WINDOWS_PA);
  const view = new DataView(ram.buffer);
  const put = (pa: number, words: readonly number[]) => {
    for (const [i, word] of words.entries()) view.setUint32(pa + i * 4, word, true);
  };
  const gdt: [selector: number, words: [number, number]][] = [
    [0x08, descriptor(0, 0xfffff, 0x9b, 0xc)],
    [0x10, descriptor(0, 0xfffff, 0x9b, 0xc)],
    [0x18, descriptor(0, 0xfffff, 0x93, 0xc)],
    [0x20, descriptor(0, 0xfffff, 0xfb, 0xc)],
    [0x28, descriptor(0, 0xfffff, 0xf3, 0xc)],
    [TSS_SELECTOR, descriptor(KERNEL_LINEAR + TSS_PA, 103, 0x89, 0)],
    [LDT_SELECTOR, descriptor(KERNEL_LINEAR + LDT_PA, Math.max(0, environment.descriptors.length * 8 - 1), 0x82, 0)],
  ];
  for (const [selector, words] of gdt) put(GDT_PA + selector, words);
  put(TSS_PA + 4, [KERNEL_STACK, KERNEL_DATA]);
  view.setUint16(TSS_PA + 102, 104, true); // no I/O bitmap: every port is refused
  for (let vector = 0; vector < 256; vector++) {
    const handler = HANDLERS + vector;
    const access = vector === 3 || vector === 4 ? 0xee00 : 0x8e00; // 32-bit interrupt gates
    put(IDT_PA + vector * 8, [
      ((KERNEL_CODE << 16) | (handler & 0xffff)) >>> 0,
      ((handler & 0xffff0000) | access) >>> 0,
    ]);
  }
  for (const [i, entry] of environment.descriptors.entries()) put(LDT_PA + i * 8, [entry.low, entry.high]);
  ram.fill(0xf4, HANDLERS - KERNEL_LINEAR, HANDLERS - KERNEL_LINEAR + 256);
  ram.set([0x0f, 0xa9, 0x0f, 0xa1, 0x07, 0x1f, 0x61, 0xcf], ENTER_USER - KERNEL_LINEAR); // pop gs, fs, es, ds; popa; iret
  ram.set(
    [
      ...[0x66, 0xb8, KERNEL_DATA, 0, 0x8e, 0xd8, 0x8e, 0xc0, 0x8e, 0xd0], // mov ax, 18h; mov ds, es, ss, ax
      ...[0xbc, 0, KERNEL_STACK_PA >> 8, 0, 0xc0], // mov esp, KERNEL_STACK
      ...[0x66, 0xb8, environment.descriptors.length > 0 ? LDT_SELECTOR : 0, 0, 0x0f, 0x00, 0xd0], // lldt; null: no table
      ...[0x66, 0xb8, TSS_SELECTOR, 0, 0x0f, 0x00, 0xd8], // ltr
      0xf4,
    ],
    BOOT_LINEAR - KERNEL_LINEAR,
  );
  putPageTables(view, environment.windows);
  return [{ pa: 0, bytes: ram }];
}

function putPageTables(view: DataView, windows: readonly MemoryWindow[]): void {
  let nextTable = PAGE_TABLES_PA;
  const map = (linear: number, pa: number, rights: number) => {
    const entry = PAGE_DIRECTORY_PA + (linear >>> 22) * 4;
    if (view.getUint32(entry, true) === 0) {
      view.setUint32(entry, nextTable | P_W_U, true);
      nextTable += PAGE;
    }
    const table = view.getUint32(entry, true) & ~0xfff;
    view.setUint32(table + ((linear >>> 12) & 1023) * 4, pa | rights, true);
  };
  for (let pa = 0; pa < PAGE_DIRECTORY_PA; pa += PAGE) map(KERNEL_LINEAR + pa, pa, P_W);
  map(ROM_PAGE, ROM_PAGE, P_W);
  let pa = WINDOWS_PA;
  for (const window of windows) {
    for (let page = 0; page < window.pages; page++, pa += PAGE) {
      map(window.linear + page * PAGE, pa, window.writable ? P_W_U : P_U);
    }
  }
}
