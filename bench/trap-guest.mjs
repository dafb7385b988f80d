/**
 * A kernel for measurements under a monitor: flat, paged 1:1, with tables and handlers for one instruction that traps, repeated for ever.
 * The guest is made of bytes here, so that nothing else runs between the traps.
 */
import { SEG_USABLE } from "../dist/assembly/abi/cpu.js";
import { createMachine } from "../dist/src/index.js";

const CODE = 0x10_0000;
const GDT = 0x20_0000;
const IDT = 0x20_1000;
const TSS = 0x20_2000;
const HANDLERS = 0x20_3000;
const DIRECTORY = 0x21_0000;
const TABLE = 0x21_1000;
const DATA = 0x30_0000;
const STACK = 0x32_0000;
const USER_STACK = 0x33_0000;
/** A page that the tables do not have. */
const ABSENT = 0x3f_f000;
const CR0 = 0x8001_0011;
/** Copies of the operation in one round of the loop, which a jump closes. */
const COPIES = 50;

/** Little-endian bytes of a 32-bit value. */
const dword = (value) => [value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, value >>> 24];
/** A flat segment descriptor with access byte `access`. */
const flat = (access) => [0xff, 0xff, 0, 0, 0, access, 0xcf, 0];
/** A gate to the handler at `address` that code of privilege `dpl` may use. */
const gate = (address, dpl) => [
  address & 0xff,
  (address >>> 8) & 0xff,
  8,
  0,
  0,
  0x8e | (dpl << 5),
  ...dword(address).slice(2),
];

/** IRET; and the handlers of #DE and #PF, which go on behind the two or five bytes that faulted. */
const RETURN = [0xcf];
const SKIP_DIV = [0x83, 0x04, 0x24, 0x02, 0xcf];
const SKIP_LOAD = [0x83, 0xc4, 0x04, 0x83, 0x04, 0x24, 0x05, 0xcf];

/**
 * The operations: code, ticks it takes (handlers included), and registers. `user`: it runs in ring 3, with interrupts on.
 */
export const OPERATIONS = {
  CLI: { code: [0xfa], ticks: 1 },
  "CLI, STI": { code: [0xfa, 0xfb], ticks: 2 },
  "PUSHFD, POP": { code: [0x9c, 0x58], ticks: 2 },
  "PUSH, POPFD": { code: [0x50, 0x9d], ticks: 2, registers: { eax: 2 } },
  "OUT to port 0x80": { code: [0xe6, 0x80], ticks: 1 },
  "MOV from CR0": { code: [0x0f, 0x20, 0xc0], ticks: 1 },
  "MOV to CR0, TS set, and CLTS": { code: [0x0f, 0x22, 0xc0, 0x0f, 0x06], ticks: 2, registers: { eax: CR0 | 8 } },
  "MOV to CR3": { code: [0x0f, 0x22, 0xd8], ticks: 1, registers: { eax: DIRECTORY } },
  "INVLPG, load": { code: [0x0f, 0x01, 0x3b, 0x8b, 0x13], ticks: 2 },
  RDMSR: { code: [0x0f, 0x32], ticks: 1, registers: { ecx: 0x174 } },
  "MOV to DR0": { code: [0x0f, 0x23, 0xc0], ticks: 1 },
  LGDT: { code: [0x0f, 0x01, 0x13], ticks: 1 },
  LLDT: { code: [0x0f, 0x00, 0xd1], ticks: 1 },
  STR: { code: [0x0f, 0x00, 0xc8], ticks: 1 },
  LAR: { code: [0x0f, 0x02, 0xc1], ticks: 1, registers: { ecx: 0x10 } },
  "MOV to DS": { code: [0x8e, 0xd9], ticks: 1, registers: { ecx: 0x10 } },
  "far JMP": { code: (at) => [0xea, ...dword(at + 7), 8, 0], ticks: 1 },
  "INT 80h in the kernel, IRET": { code: [0xcd, 0x80], ticks: 2 },
  "INT 80h from ring 3, IRET": { code: [0xcd, 0x80], ticks: 2, user: true },
  "#DE in ring 3, its handler, IRET": { code: [0xf7, 0xf1], ticks: 3, user: true },
  "#PF in ring 3, its handler, IRET": { code: [0xa1, ...dword(ABSENT)], ticks: 4, user: true },
};

/** Puts the guest's tables and handlers into memory. */
function furnish(machine) {
  const put = (address, bytes) => machine.writePhysical(address, Uint8Array.from(bytes));
  const segments = [0x9b, 0x93, 0xfb, 0xf3].flatMap(flat);
  put(GDT, [...dword(0), ...dword(0), ...segments, 0x67, 0, 0, (TSS >>> 8) & 0xff, TSS >>> 16, 0x8b, 0, 0]);
  put(TSS + 4, [...dword(STACK), 0x10, 0]);
  put(HANDLERS, SKIP_DIV);
  put(HANDLERS + 16, SKIP_LOAD);
  put(HANDLERS + 32, RETURN);
  put(IDT, gate(HANDLERS, 0));
  put(IDT + 14 * 8, gate(HANDLERS + 16, 0));
  put(IDT + 0x80 * 8, gate(HANDLERS + 32, 3));
  put(DIRECTORY, dword(TABLE | 0x67));
  put(TABLE, Array.from({ length: 1024 }, (_, page) => dword(page * 4096 === ABSENT ? 0 : (page << 12) | 0x67)).flat());
  // What LGDT loads: the table as it is.
  put(DATA, [0x2f, 0, ...dword(GDT)]);
}

/** Puts the guest's registers in order: ring 0 or 3, paging on. */
function prepare(machine, { user = false, registers = {} }) {
  const { cpu } = machine;
  const privilege = user ? 0x60 : 0;
  const [code, data] = user ? [0x1b, 0x23] : [0x08, 0x10];
  cpu.gdtr = { base: GDT, limit: 0x2f };
  cpu.idtr = { base: IDT, limit: 0x7ff };
  for (let segment = 0; segment < 6; segment++) {
    const [selector, access] = segment === 1 ? [code, 0xc09b] : [data, 0xc093];
    cpu.setSegment(segment, { selector, base: 0, limit: 0xffff_ffff, access: access | privilege | SEG_USABLE });
  }
  cpu.setSegment(7, { selector: 0x28, base: TSS, limit: 0x67, access: 0x8b | SEG_USABLE });
  const eflags = user ? 0x202 : 2;
  const esp = user ? USER_STACK : STACK;
  machine.setRegisters({ cr3: DIRECTORY, cr0: CR0, eflags, esp, eax: 0, ecx: 0, ebx: DATA, ...registers });
  if (user) cpu.cpl = 3;
}

/**
 * A machine under the monitor that `way` configures, repeating `operation`; a function that makes it do `rounds` rounds of the loop, and how many operations
 * those are.
 */
export function trapGuest(operation, way, rounds) {
  const code = [];
  for (let i = 0; i < COPIES; i++) {
    code.push(...(typeof operation.code === "function" ? operation.code(CODE + code.length) : operation.code));
  }
  const image = Uint8Array.from([...code, 0xe9, ...dword(-(code.length + 5))]);
  const machine = createMachine({
    image,
    format: "flat",
    address: CODE,
    mode: "protected",
    memoryBytes: 16 << 20,
    ...way,
  });
  furnish(machine);
  prepare(machine, operation);
  const ticks = rounds * (COPIES * operation.ticks + 1);
  const call = () => machine.run({ maxVirtualSeconds: ticks / machine.clockHz });
  return { machine, operations: rounds * COPIES, call };
}
