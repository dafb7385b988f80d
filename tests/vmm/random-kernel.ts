/**
 * Random kernels: programs of privileged and sensitive instructions on flat, paged memory, with handlers that go on behind whatever faults, in
 * ring 0 with excursions to ring 3. They are made to meet a monitor's routines, caches and shadows in every order.
 */
import { Cpu, SEG_USABLE } from "../../assembly/abi/cpu.js";
import { createMachine, type Engine, type Machine } from "../../src/index.js";
import type { Random } from "../random.js";
import { AT_ONCE } from "../translator/eager.js";
import type { Way } from "./ways.js";

const CODE = 0x1_0000;
const GDT = 0x2_0000;
const IDT = 0x2_1000;
const TSS = 0x2_2000;
const HANDLER = 0x2_3000;
/** Pseudo-descriptors for LGDT and LIDT. */
const TABLES = 0x2_4000;
const STACK = 0x2_6000;
const USER_STACK = 0x2_8000;
const DATA = 0x2_9000;
const DIRECTORIES = [0x3_0000, 0x3_1000] as const;
const PAGE_TABLES = [0x3_2000, 0x3_3000] as const;
const ABSENT = 0x3_f000;
/** Where a monitor keeps its tables: the guest has pages of its own there, which show memory from 0 on. */
const TOP = 0xffc0_0000;
const TOP_TABLE = 0x3_4000;
/** Below it the same. */
const BELOW_TABLE = 0x3_5000;
const CR0 = 0x8001_0011;
const RAM_BYTES = 1 << 20;

const dword = (value: number): number[] => [value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, value >>> 24];
const descriptor = (access: number): number[] => [0xff, 0xff, 0, 0, 0, access, 0xcf, 0];
const gate = (address: number, dpl: number): number[] => [
  address & 0xff,
  (address >>> 8) & 0xff,
  8,
  0,
  0,
  0x8e | (dpl << 5),
  ...dword(address).slice(2),
];
const pushImmediate = (value: number): number[] => [0x68, ...dword(value)];
const moveTo = (register: number, value: number): number[] => [0xb8 + register, ...dword(value)];
const SELECTORS = [0, 0x08, 0x10, 0x13, 0x1b, 0x20, 0x23, 0x28, 0x40] as const;

const topAddress = (random: Random): number =>
  random.pick(TOP, TOP - 2, TOP - 8, TOP + 0x18, TOP + 0x2_0804, TOP + CODE, TOP + DATA);

/** An instruction, or a few that belong together, at `at`. */
type Maker = (random: Random, at: number) => number[];

const selector = (random: Random): number => random.pick(...SELECTORS);
const flags = (random: Random): number => random.bits() & (0x3f_7fd7 & ~0x2_0100);

const MAKERS: readonly Maker[] = [
  () => [0xfa],
  () => [0xfb],
  () => [0xfb, 0xfa],
  () => [0x9c, 0x58],
  () => [0x66, 0x9c, 0x66, 0x58],
  (random) => [...pushImmediate(flags(random)), 0x9d],
  (random) => [...pushImmediate(random.pick(0x202, 0x46, 0xcd5, 0x3002)), 0x9d],
  (random) => [...pushImmediate(flags(random)), 0x66, 0x9d, 0x66, 0x58],
  (random) => [
    ...moveTo(0, CR0 ^ random.pick(0, 2, 4, 8, 10, 0x20, 0x1_0000, 0x4_0000, 0x6000_0000)),
    0x0f,
    0x22,
    0xc0,
  ],
  (random) => [...moveTo(0, random.pick(...DIRECTORIES)), 0x0f, 0x22, 0xd8],
  (random) => [...moveTo(0, random.pick(0, 4, 0x10, 0x80, 0x100, 0x90, 8, 0x8000)), 0x0f, 0x22, 0xe0],
  (random) => [...moveTo(0, random.bits()), 0x0f, 0x22, 0xd0],
  (random) => [0x0f, 0x20, 0xc0 | (random.below(5) << 3)],
  () => [0x0f, 0x06],
  () => [0xd9, 0xd0],
  () => [0x0f, 0x01, 0xe0],
  (random) => [...moveTo(0, random.pick(0x11, 0x19, 0x13)), 0x0f, 0x01, 0xf0],
  (random) => [0x0f, 0x01, 0x3d, ...dword(random.pick(DATA, ABSENT, GDT, STACK - 4))],
  (random) => [0xa1, ...dword(random.pick(DATA, ABSENT, GDT + 16, PAGE_TABLES[0]))],
  // Entries of the page tables: mapped, read-only, the supervisor's, not accessed; with the INVLPG without which a TLB may know better.
  (random) => {
    const page = random.pick(DATA, ABSENT, STACK - 4096);
    const entry = (page & ~4095) | random.pick(7, 0x67, 0x65, 0x63, 0x27);
    const at = random.pick(...PAGE_TABLES) + 4 * (page >>> 12);
    return [0xc7, 0x05, ...dword(at), ...dword(entry), 0x0f, 0x01, 0x3d, ...dword(page)];
  },
  (random) => [0xc7, 0x05, ...dword(random.pick(DATA, ABSENT, DATA + 4094)), ...dword(random.bits())],
  // At the monitor's addresses, and across the border to them; then in a loop that gets hot.
  (random) => [0xa1, ...dword(topAddress(random))],
  (random) => [0xa3, ...dword(TOP + DATA + 4 * random.below(1024))],
  (random) => [...moveTo(3, topAddress(random)), random.pick(0xff, 0x8b, 0x01, 0x84), 0x03],
  (random) => [...moveTo(4, random.pick(TOP + STACK, TOP + 2, STACK)), 0x50, 0x58, ...moveTo(4, STACK)],
  (random) => [...moveTo(0, topAddress(random)), 0xff, 0xe0],
  (random) => [
    ...[...moveTo(1, random.between(3, 20)), ...moveTo(3, random.pick(DATA, DATA, TOP + DATA, TOP - 16))],
    ...[0x03, 0x03, 0x83, 0xc3, 0x04, 0x49, 0x75, 0xf8],
  ],
  // A descriptor is rewritten: present or not, used before or not.
  (random) => [0xc6, 0x05, ...dword(GDT + random.pick(0x15, 0x25, 0x1d)), random.pick(0x93, 0x92, 0xf3, 0xfb, 0x13)],
  (random) => [...moveTo(1, selector(random)), 0x8e, random.pick(0xc1, 0xd9, 0xe1, 0xe9)],
  () => [...moveTo(1, 0x10), 0x8e, 0xd1],
  (random) => [random.pick(0x06, 0x0e, 0x16, 0x1e), 0x58],
  (random) => [...pushImmediate(selector(random)), random.pick(0x07, 0x1f)],
  (random) => [0x8c, 0xc0 | (random.below(6) << 3)],
  () => [0x0f, 0x01, 0x15, ...dword(TABLES)],
  () => [0x0f, 0x01, 0x1d, ...dword(TABLES + 8)],
  (random) => [0x0f, 0x01, random.pick(0x05, 0x0d), ...dword(DATA + 64)],
  (random) => [0x0f, 0x00, random.pick(0xc0, 0xc8)],
  (random) => [...moveTo(1, random.pick(0, 0x28, 0x10)), 0x0f, 0x00, random.pick(0xd1, 0xd9)],
  (random) => [...moveTo(1, selector(random)), 0x0f, random.pick(0x02, 0x03), 0xc1],
  (random) => [...moveTo(1, selector(random)), 0x0f, 0x00, random.pick(0xe1, 0xe9)],
  () => [0xcd, 0x80],
  () => [0xcc],
  () => [0xf7, 0xf6],
  (_, at) => [0xea, ...dword(at + 7), 8, 0],
  (_, at) => [...pushImmediate(8), ...pushImmediate(at + 11), 0xcb],
  (random, at) => [...pushImmediate(flags(random)), ...pushImmediate(8), ...pushImmediate(at + 16), 0xcf],
  // To ring 3, with interrupts on or off.
  (random, at) => [
    ...pushImmediate(0x23),
    ...pushImmediate(USER_STACK),
    ...pushImmediate(random.pick(2, 0x202, 0x202, 0x202, 0x3202, 0x4_0202)),
    ...pushImmediate(0x1b),
    ...pushImmediate(at + 26),
    0xcf,
  ],
  () => [0x0f, 0x31],
  (random) => [...moveTo(1, random.pick(0x174, 0x175, 0x176, 0x10)), 0x0f, random.pick(0x32, 0x30)],
  (random) => [0x0f, 0x23, 0xc0 | (random.below(4) << 3)],
  (random) => [0x0f, 0x21, 0xc0 | (random.pick(0, 6, 7) << 3)],
  (random) => [random.pick(0xe4, 0xe6), 0x80],
  () => [0x0f, 0xa2],
  (random) => [random.pick(0xfc, 0xfd, 0xf8, 0xf9)],
  (random) => [...pushImmediate(random.bits()), 0x5b],
  () => [0x60, 0x61],
];

/** A program of `length` makers' work. EBP holds where the handler goes on. */
function program(random: Random, length: number): number[] {
  const code: number[] = [];
  for (let i = 0; i < length; i++) {
    const body = random.pick(...MAKERS)(random, CODE + code.length + 5);
    code.push(0xbd, ...dword(CODE + code.length + 5 + body.length), ...body);
  }
  return [...code, 0xe9, ...dword(-(code.length + 5))];
}

/** Every block becomes a region when it is first entered: none of these programs lives long enough to be hot. */
function translateAtOnce(machine: Machine): void {
  machine.translator!.paced = false;
  machine.cpu.setField(Cpu.HEAT, AT_ONCE);
  machine.core.exports.flushCode();
}

/** A machine that runs a random kernel, the same one for the same state of `random`. */
export function randomKernel(random: Random, engine: Engine, way: Way): Machine {
  return kernel(program(random, 60), engine, way);
}

/** A machine that runs `code` in ring 0, with tables and handlers. */
export function kernel(code: number[], engine: Engine, way: Way): Machine {
  const machine = createMachine({
    image: Uint8Array.from(code),
    format: "flat",
    address: CODE,
    mode: "protected",
    memoryBytes: RAM_BYTES,
    engine,
    ...way,
  });
  if (engine === "translator") translateAtOnce(machine);
  const put = (address: number, bytes: number[]) => machine.writePhysical(address, Uint8Array.from(bytes));
  put(GDT, [...dword(0), ...dword(0), ...[0x9b, 0x93, 0xfb, 0xf3].flatMap(descriptor)]);
  put(GDT + 0x28, [0x67, 0, TSS & 0xff, (TSS >>> 8) & 0xff, TSS >>> 16, 0x8b, 0, 0]);
  put(TSS + 4, [...dword(STACK), 0x10, 0]);
  // MOV ESP, STACK; JMP EBP.
  put(HANDLER, [0xbc, ...dword(STACK), 0xff, 0xe5]);
  for (let vector = 0; vector < 256; vector++) put(IDT + 8 * vector, gate(HANDLER, vector === 0x80 ? 3 : 0));
  put(TABLES, [0x37, 0, ...dword(GDT)]);
  put(TABLES + 8, [0xff, 7, ...dword(IDT)]);
  put(TOP_TABLE, Array.from({ length: 256 }, (_, page) => dword((page << 12) | 0x67)).flat());
  put(BELOW_TABLE + 4092, dword(DATA | 0x67));
  DIRECTORIES.forEach((directory, i) => {
    put(directory, dword(PAGE_TABLES[i]! | 0x67));
    put(directory + 4092, dword(TOP_TABLE | 0x67));
    put(directory + 4088, dword(BELOW_TABLE | 0x67));
    const entries = Array.from({ length: RAM_BYTES >>> 12 }, (_, page) =>
      dword(page === ABSENT >>> 12 ? 0 : (page << 12) | 0x67),
    );
    put(PAGE_TABLES[i]!, entries.flat());
  });
  const { cpu } = machine;
  cpu.gdtr = { base: GDT, limit: 0x37 };
  cpu.idtr = { base: IDT, limit: 0x7ff };
  for (let segment = 0; segment < 6; segment++) {
    const [number, access] = segment === 1 ? [0x08, 0xc09b] : [0x10, 0xc093];
    cpu.setSegment(segment, { selector: number, base: 0, limit: 0xffff_ffff, access: access | SEG_USABLE });
  }
  cpu.setSegment(7, { selector: 0x28, base: TSS, limit: 0x67, access: 0x8b | SEG_USABLE });
  machine.setRegisters({ cr3: DIRECTORIES[0], cr0: CR0, eflags: 2, esp: STACK });
  return machine;
}
