/**
 * A kernel that moves its GDT to another frame and back, by a page-table entry and INVLPG alone: its programs load from the one there is, under every
 * monitor that keeps descriptor tables of its own.
 */
import { expect, test } from "vitest";
import { SEG_USABLE } from "../../assembly/abi/cpu.js";
import { createMachine, type Machine } from "../../src/index.js";
import { DEPRIVILEGED, reference, TRANSLATED, type Way } from "./ways.js";

const KERNEL = 0x1_0000;
const PROGRAM = 0x1_1000;
const HANDLER = 0x1_2000;
const GDT = 0x2_0000;
const OTHER_GDT = 0x2_1000;
const IDT = 0x2_2000;
const TSS = 0x2_3000;
const COUNT = 0x2_4000;
const STACK = 0x2_6000;
const USER_STACK = 0x2_8000;
const DIRECTORY = 0x3_0000;
const TABLE = 0x3_1000;
const PRESENT = 0x67;

const dword = (value: number): number[] => [value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, value >>> 24];
const push = (value: number): number[] => [0x68, ...dword(value)];
const flat = (access: number): number[] => [0xff, 0xff, 0, 0, 0, access, 0xcf, 0];
/** Code and data of both rings, and behind them what the test is about: a data segment of ring 3. */
const gdt = (last: number[]): number[] => [
  ...[0, 0].flatMap(dword),
  ...[0x9b, 0x93, 0xfb, 0xf3].flatMap(flat),
  ...last,
  ...[0x67, 0, TSS & 0xff, (TSS >>> 8) & 0xff, TSS >>> 16, 0x8b, 0, 0],
];

function run(way: Way): Machine {
  // PUSH what IRET wants; IRET.
  const start = [...[0x23, USER_STACK, 0x202, 0x1b, PROGRAM].flatMap(push), 0xcf];
  const machine = createMachine({
    image: Uint8Array.from(start),
    format: "flat",
    address: KERNEL,
    mode: "protected",
    memoryBytes: 1 << 20,
    ...way,
  });
  const put = (address: number, bytes: number[]) => machine.writePhysical(address, Uint8Array.from(bytes));
  put(PROGRAM, [
    ...[0xb8, ...dword(0x2b), 0x8e, 0xc0, 0x0f, 0x03, 0xd8], // MOV EAX, 2Bh; MOV ES, EAX; LSL EBX, EAX
    ...[0x81, 0xfb, ...dword(0x1000), 0xd1, 0xd6, 0x0f, 0x0b], // CMP EBX, 1000h; RCL ESI, 1; UD2
  ]);
  put(HANDLER, [
    ...[0xf7, 0x05, ...dword(COUNT), ...dword(3), 0x75, 17], // TEST [COUNT], 3; JNZ behind INVLPG: moved every fourth time
    ...[0x81, 0x35, ...dword(TABLE + (GDT >>> 10)), ...dword(GDT ^ OTHER_GDT)], // XOR [entry], to the other
    ...[0x0f, 0x01, 0x3d, ...dword(GDT)], // INVLPG [GDT]
    ...[0xff, 0x05, ...dword(COUNT), 0x83, 0x3d, ...dword(COUNT), 16], // INC [COUNT]; CMP [COUNT], 16
    ...[0x74, 0x08, 0xc7, 0x04, 0x24, ...dword(PROGRAM), 0xcf], // JE hlt; MOV [ESP], PROGRAM; IRET
    0xf4, // HLT
  ]);
  put(GDT, gdt(flat(0xf3)));
  put(OTHER_GDT, gdt([0xff, 0x0f, 0, 0, 0, 0xf3, 0x40, 0]));
  put(IDT + 8 * 6, [HANDLER & 0xff, (HANDLER >>> 8) & 0xff, 8, 0, 0, 0x8e, HANDLER >>> 16, 0]);
  put(TSS + 4, [...dword(STACK), 0x10, 0]);
  put(DIRECTORY, dword(TABLE | PRESENT));
  put(TABLE, Array.from({ length: 256 }, (_, page) => dword((page << 12) | PRESENT)).flat());
  const { cpu } = machine;
  cpu.gdtr = { base: GDT, limit: 0x37 };
  cpu.idtr = { base: IDT, limit: 0x3f };
  const flatSegment = (number: number, access: number) => ({
    selector: number,
    base: 0,
    limit: 0xffff_ffff,
    access: access | SEG_USABLE,
  });
  for (let segment = 0; segment < 6; segment++) cpu.setSegment(segment, flatSegment(0x23, 0xc0f3));
  cpu.setSegment(1, flatSegment(0x08, 0xc09b));
  cpu.setSegment(2, flatSegment(0x10, 0xc093));
  cpu.setSegment(7, { selector: 0x30, base: TSS, limit: 0x67, access: 0x8b | SEG_USABLE });
  machine.setRegisters({ cr3: DIRECTORY, cr0: 0x8001_0011, eflags: 2, esp: STACK });
  expect(machine.run({ maxInstructions: 1000 }).exit.kind).toBe("halted");
  return machine;
}

test.each(Object.entries({ ...DEPRIVILEGED, ...TRANSLATED }))("%s", (_name, way) => {
  const machine = run(way);
  // One bit for each time: is it the short segment?
  expect(machine.registers().esi).toBe(0b0111_1000_0111_1000);
  expect(machine.stateHash()).toBe(run(reference(way)).stateHash());
});
