/**
 * Code that is patched while it is in use, and code pages that become data: what must be seen, and what it may cost.
 * Counts, not times: a store to a page without decoded code goes through the TLB like any other.
 */
import { expect, test } from "vitest";
import { createMachine, type Machine } from "../../src/index.js";

const BASE = 0x10_0000;
const ROUNDS = 480_000;

/** Little-endian bytes of a 32-bit value. */
function dword(value: number): number[] {
  return [value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, value >>> 24];
}

/** Runs a program at BASE, with a RET-ended routine in the next page, to its HLT. */
function run(program: number[], routine: number[]): Machine {
  const image = new Uint8Array(0x2000).fill(0x90);
  image.set(program);
  image.set(routine, 0x1000);
  const machine = createMachine({ image, format: "flat", address: BASE, mode: "protected", memoryBytes: 4 << 20 });
  expect(machine.run({ maxInstructions: 10 * ROUNDS }).exit.kind).toBe("halted");
  return machine;
}

/** CALL from `at` to the routine. */
function callRoutine(at: number): number[] {
  return [0xe8, ...dword(0x1000 - (at + 5))];
}

test("an operand patched tens of thousands of times is new each time and does not fill the pool of blocks", () => {
  const program = [
    ...[0xb9, ...dword(ROUNDS)], // mov ecx, ROUNDS
    ...[0x31, 0xdb], // xor ebx, ebx
    ...[0x89, 0x0d, ...dword(BASE + 0x1001)], // 7: mov [routine + 1], ecx
    ...callRoutine(13),
    ...[0x01, 0xc3], // add ebx, eax
    ...[0x49], // dec ecx
    ...[0x75, 0xf0], // jnz 7
    0xf4,
  ];
  const routine = [0xb8, 0, 0, 0, 0, 0xc3]; // mov eax, imm32; ret
  const machine = run(program, routine);
  expect(machine.cpu.ebx).toBe(((ROUNDS * (ROUNDS + 1)) / 2) >>> 0);
  const { code, tlb } = machine.statistics();
  expect(code.blocksDropped).toBe(ROUNDS - 1);
  expect(code.poolFlushes).toBe(0);
  // One write through the slow path for each patch; nothing else misses.
  expect(tlb.misses).toBeLessThan(ROUNDS + 100);
});

test("a routine that becomes data costs one drop; stores to it are fast again after that", () => {
  const program = [
    ...callRoutine(0),
    ...[0xb9, ...dword(1000)], // mov ecx, 1000
    ...[0x89, 0x0d, ...dword(BASE + 0x1001)], // 10: mov [routine + 1], ecx
    ...[0x49], // dec ecx
    ...[0x75, 0xf7], // jnz 10
    0xf4,
  ];
  const routine = [0xb8, 0, 0, 0, 0, 0xc3];
  const { code, tlb } = run(program, routine).statistics();
  expect(code.blocksDropped).toBe(1);
  expect(tlb.misses).toBeLessThan(10);
});

test("repeated stores beside code leave it alone; those that hit it are seen", () => {
  const fill = (at: number, count: number) => [
    ...[0xbf, ...dword(BASE + at)], // mov edi, at
    ...[0xb9, ...dword(count)], // mov ecx, count
    ...[0xf3, 0xaa], // rep stosb
  ];
  const start = [0xfc, 0xb0, 0x40]; // cld; mov al, 40h
  const hit = [...fill(0x1000, 5), ...[0x31, 0xc0]]; // xor eax, eax
  const before = [...callRoutine(0), ...start, ...fill(0x1040, 0xfc0), ...fill(0x1080, 0x100)];
  const routine = [0xb8, 0, 0, 0, 0, 0xc3];
  expect(run([...before, ...callRoutine(before.length), 0xf4], routine).statistics().code.blocksDropped).toBe(0);
  const all = [...before, ...hit];
  const machine = run([...all, ...callRoutine(all.length), 0xf4], routine);
  expect(machine.statistics().code.blocksDropped).toBe(1);
  expect(machine.cpu.eax, "five times inc eax").toBe(5);
  expect([...machine.ram.read(BASE + 0x103f, 2)]).toEqual([0x90, 0x40]);
});
