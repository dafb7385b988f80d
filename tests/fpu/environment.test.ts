/** The environment in memory: pointers of the last instruction, layouts of both sizes and modes, and what survives a round trip. */
import { beforeEach, describe, expect, it } from "vitest";
import { Cpu } from "../../assembly/abi/cpu.js";
import type { Core } from "../../src/core/core.js";
import { CODE, flatCore } from "../cpu/flat-core.js";

const DATA = 0x10000;
const STATE = 0x11000;
/** Present, writable data and readable code segments of 64 KB, as real mode has them. */
const REAL_LIMIT = 0xffff;
/** fninit */
const FNINIT = [0xdb, 0xe3];

let core: Core;

/** Runs `count` instructions of `code`. */
function run(code: readonly number[], count: number): void {
  core.ram.set([...code, 0xf4], CODE);
  core.exports.ramWritten(CODE, 64);
  core.cpu.eip = CODE;
  for (let i = 0; i < count; i++) core.stepOnce();
  expect(core.cpu.eip).toBe(CODE + code.length);
}

function words16(at: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => core.ram[at + 2 * i]! | (core.ram[at + 2 * i + 1]! << 8));
}

function words32(at: number, count: number): string[] {
  const view = new DataView(core.ram.buffer, core.ram.byteOffset);
  return Array.from({ length: count }, (_, i) =>
    view
      .getUint32(at + 4 * i, true)
      .toString(16)
      .padStart(8, "0"),
  );
}

/** Real mode with all segments at base `selector` * 16. */
function toRealMode(code: number, data: number): void {
  core.cpu.setField(Cpu.CR0, 0x10);
  for (let seg = 0; seg < 6; seg++) {
    const selector = seg === 1 ? code : data;
    core.cpu.setSegment(seg, {
      selector,
      base: selector * 16,
      limit: REAL_LIMIT,
      access: seg === 1 ? 0x1009b : 0x10093,
    });
  }
  core.exports.refresh();
}

beforeEach(() => {
  core = flatCore();
  core.cpu.edx = DATA;
  core.cpu.edi = STATE;
  core.ram.set([0, 0, 0x80, 0x3f], DATA);
});

describe("FNSTENV", () => {
  it("tells where the last instruction and its operand were, in protected mode", () => {
    // fninit; fld dword [edx]; fnstcw [edx+8]; fnstenv [edi]: control instructions do not count.
    run([...FNINIT, 0xd9, 0x02, 0xd9, 0x7a, 0x08, 0xd9, 0x37], 4);
    expect(words32(STATE, 7)).toEqual([
      "ffff037f",
      "ffff3800",
      "ffff3fff",
      "00001002",
      "01020008",
      "00010000",
      "ffff0010",
    ]);
  });

  it("has words of two bytes with a 16-bit operand size", () => {
    run([...FNINIT, 0xd9, 0x02, 0x66, 0xd9, 0x37], 3);
    expect(words16(STATE, 7)).toEqual([0x37f, 0x3800, 0x3fff, 0x1002, 8, 0, 0x10]);
    expect(core.ram[STATE + 14]).toBe(0);
  });

  it("keeps the operand's pointer when a register instruction follows", () => {
    run([...FNINIT, 0xd9, 0x02, 0xd9, 0xe0, 0xd9, 0x37], 4);
    expect(words32(STATE + 12, 4)).toEqual(["00001004", "01e00008", "00010000", "ffff0010"]);
  });

  it("holds linear addresses and the opcode in real mode", () => {
    toRealMode(0x20, 0x1200);
    core.ram.set([0, 0, 0x80, 0x3f], 0x12000 + 0x40);
    core.cpu.setReg(3, 0x40); // BX
    core.cpu.edi = 0x80;
    // fninit; fld dword [bx]; fnstenv [di]
    core.ram.set([...FNINIT, 0xd9, 0x07, 0xd9, 0x35, 0xf4], CODE);
    core.exports.ramWritten(CODE, 16);
    core.cpu.eip = CODE - 0x200;
    for (let i = 0; i < 3; i++) core.stepOnce();
    expect(words16(0x12080, 7)).toEqual([0x37f, 0x3800, 0x3fff, 0x1002, 0x107, 0x2040, 0x1000]);
  });

  it("masks all exceptions", () => {
    run([...FNINIT, 0xd9, 0x37, 0xd9, 0x7a, 0x08], 3);
    expect(words16(DATA + 8, 1)).toEqual([0x37f]);
  });
});

describe("FNSAVE and FRSTOR", () => {
  it.each([
    ["32-bit", [] as number[]],
    ["16-bit", [0x66]],
  ])("bring everything back, %s", (_name, prefix) => {
    // fninit; fld1; fldpi; fld dword [edx]; fincstp; fnsave [edi]; frstor [edi]; fnsave [edx]
    const save = [...prefix, 0xdd];
    const code = [...FNINIT, 0xd9, 0xe8, 0xd9, 0xeb, 0xd9, 0x02, 0xd9, 0xf7];
    run([...code, ...save, 0x37, ...save, 0x27, ...save, 0x32], 8);
    const bytes = prefix.length > 0 ? 94 : 108;
    expect([...core.ram.subarray(DATA, DATA + bytes)]).toEqual([...core.ram.subarray(STATE, STATE + bytes)]);
    const at = STATE + bytes - 80;
    expect(Buffer.from(core.ram.subarray(at, at + 10)).toString("hex")).toBe("35c26821a2da0fc90040");
    expect(core.ram[STATE + bytes]).toBe(0);
  });

  it("leave an initialised FPU behind", () => {
    run([...FNINIT, 0xd9, 0xe8, 0xdd, 0x37, 0x66, 0xd9, 0x32], 4);
    expect(words16(DATA, 7)).toEqual([0x37f, 0, 0xffff, 0, 0, 0, 0]);
  });
});

describe("power-on", () => {
  it("has no exception masked and +0 in every register", () => {
    // fnstenv [edi]
    run([0xd9, 0x37], 1);
    expect(words32(STATE, 3)).toEqual(["ffff0040", "ffff0000", "ffff5555"]);
  });

  it("CPUID claims the FPU", () => {
    core.cpu.eax = 1;
    run([0x0f, 0xa2], 1);
    expect(core.cpu.edx & 1).toBe(1);
  });
});
