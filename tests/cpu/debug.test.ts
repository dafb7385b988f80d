/** Single step, breakpoints, general detect and RF. SDM 3B chapter 17. */
import { describe, expect, test } from "vitest";
import { CODE, flatCore, HANDLERS, program } from "./flat-core.js";
import { expectTaken, look, resume, runProgram } from "./handler.js";

const TF = 0x100;
const RF = 0x10000;
const NOP = 0x90;
const HLT = 0xf4;
const DB = 1;
const DR6_NONE = 0xffff0ff0;
const BS = 0x4000;
const BD = 0x2000;
/** mov dr7, eax and mov eax, dr6 */
const MOV_DR7_EAX = [0x0f, 0x23, 0xf8];
const MOV_EAX_DR6 = [0x0f, 0x21, 0xf0];
const DATA = 0x100000;
/** mov [DATA], al; mov al, [DATA] */
const STORE = [0xa2, 0x00, 0x00, 0x10, 0x00];
const LOAD = [0xa0, 0x00, 0x00, 0x10, 0x00];

/** A core with DR0 and DR7 set. */
function watching(address: number, dr7: number) {
  const core = flatCore();
  core.cpu.setDr(0, address);
  core.cpu.setDr(7, 0x400 | dr7);
  return core;
}
const L0 = 1;
const ON_WRITE = 1 << 16;
const ON_PORT = 2 << 16;
const ON_ACCESS = 3 << 16;
const FOUR_BYTES = 3 << 18;

describe("single step", () => {
  test("the trap comes after one instruction, with BS in DR6 and RF clear", () => {
    const core = flatCore();
    core.cpu.eflags = 2 | TF;
    expectTaken(runProgram(core, NOP, NOP), DB, [CODE + 1, 8, 2 | TF]);
    expect(core.cpu.dr(6)).toBe((DR6_NONE | BS) >>> 0);
    expect(core.cpu.eflags & TF).toBe(0);
  });

  test("POPF that sets TF traps after the next instruction, one that clears it traps itself", () => {
    const core = flatCore();
    // push 102h; popf; nop
    expectTaken(runProgram(core, 0x68, 2, 1, 0, 0, 0x9d, NOP, NOP), DB, [CODE + 7]);
    const other = flatCore();
    other.cpu.eflags = 2 | TF;
    program(other, 0x9d, NOP);
    new DataView(other.ram.buffer, other.ram.byteOffset).setUint32(other.cpu.esp, 2, true);
    expectTaken(resume(other), DB, [CODE + 1, 8, 2]);
  });

  test("MOV SS is not stepped: the trap comes after the instruction behind it", () => {
    const core = flatCore();
    core.cpu.eax = 16;
    core.cpu.eflags = 2 | TF;
    expectTaken(runProgram(core, 0x8e, 0xd0, NOP, NOP), DB, [CODE + 3]);
  });

  test("a fault in a stepped instruction comes without the trap, RF and TF pushed", () => {
    const core = flatCore();
    core.cpu.eflags = 2 | TF;
    expectTaken(runProgram(core, 0x0f, 0x0b), 6, [CODE, 8, 2 | TF | RF]);
    expect(core.cpu.dr(6)).toBe(DR6_NONE);
  });
});

describe("breakpoints", () => {
  test("on an instruction: a fault before it, RF clear in the saved flags", () => {
    const core = watching(CODE + 1, L0);
    expectTaken(runProgram(core, 0x40, 0x40, NOP), DB, [CODE + 1, 8]);
    expect(core.cpu.eax).toBe(1);
    expect(core.cpu.dr(6)).toBe((DR6_NONE | 1) >>> 0);
    expect(look(core).words[2]! & RF).toBe(0);
  });

  test("IRET with RF set goes past the breakpoint once", () => {
    const core = watching(CODE + 1, L0);
    // or dword [esp + 8], 10000h; inc dword [DATA]; cmp dword [DATA], 2; jae to HLT; iret
    const handler = [
      0x81,
      0x4c,
      0x24,
      8,
      0,
      0,
      1,
      0,
      0xff,
      5,
      0,
      0,
      0x10,
      0,
      0x83,
      0x3d,
      0,
      0,
      0x10,
      0,
      2,
      0x73,
      1,
      0xcf,
      HLT,
    ];
    core.writeRam(0x7000, Uint8Array.from(handler));
    core.writeRam(HANDLERS + 8, Uint8Array.of(0xe9, 0xf3, 0x2f, 0, 0)); // jmp 7000h
    program(core, 0x40, 0x40, 0xeb, 0xfd); // inc eax; inc eax (watched); jmp back to it
    core.run(1000);
    expect(core.ram[DATA]).toBe(2);
    expect(core.cpu.eax).toBe(2);
  });

  test("on writes: a trap after the store, not after a load", () => {
    const core = watching(DATA + 2, L0 | ON_WRITE | FOUR_BYTES);
    core.cpu.eax = 0x5a;
    const delivered = runProgram(core, ...LOAD, ...STORE, NOP);
    expectTaken(delivered, DB, [CODE + 10, 8]);
    expect(core.ram[DATA]).toBe(0);
    expect(core.cpu.dr(6)).toBe((DR6_NONE | 1) >>> 0);
  });

  test("on access: a trap after a load as well; next to it none", () => {
    const core = watching(DATA, L0 | ON_ACCESS);
    expectTaken(runProgram(core, ...LOAD, NOP), DB, [CODE + 5]);
    const beside = watching(DATA + 1, L0 | ON_ACCESS);
    expect(runProgram(beside, ...LOAD, NOP).vector).toBe(-1);
  });

  test("on a port: with CR4.DE, after IN", () => {
    const core = watching(0x60, L0 | ON_PORT);
    expect(runProgram(core, 0xe4, 0x60, NOP).vector).toBe(-1);
    core.cpu.cr4 = 8;
    expectTaken(runProgram(core, 0xe4, 0x60, NOP), DB, [CODE + 2]);
  });

  test("enabled by MOV DR7 it holds from the next instruction on", () => {
    const core = flatCore();
    core.cpu.setDr(0, CODE + 4);
    core.cpu.eax = L0;
    expectTaken(runProgram(core, ...MOV_DR7_EAX, NOP, NOP), DB, [CODE + 4]);
  });

  test("disabled ones do nothing", () => {
    const core = watching(CODE, 0);
    expect(runProgram(core, NOP, ...STORE).vector).toBe(-1);
    expect(core.cpu.dr(6)).toBe(DR6_NONE);
  });
});

describe("debug registers", () => {
  test("general detect: any MOV DR faults with BD, and the handler may use them", () => {
    const core = flatCore();
    core.cpu.setDr(7, 0x400 | 0x2000);
    expectTaken(runProgram(core, ...MOV_EAX_DR6), DB, [CODE, 8, 2 | RF]);
    expect(core.cpu.dr(6)).toBe((DR6_NONE | BD) >>> 0);
    expect(core.cpu.dr(7)).toBe(0x400);
  });

  test("DR4 and DR5 are DR6 and DR7 unless CR4.DE, then #UD", () => {
    const core = flatCore();
    expect(runProgram(core, 0x0f, 0x21, 0xe0).vector).toBe(-1); // mov eax, dr4
    expect(core.cpu.eax).toBe(DR6_NONE);
    core.cpu.cr4 = 8;
    expect(runProgram(core, 0x0f, 0x21, 0xe8).vector).toBe(6); // mov eax, dr5
  });

  test("INT1 is a trap that leaves DR6 alone", () => {
    const core = flatCore();
    expectTaken(runProgram(core, 0xf1, NOP), DB, [CODE + 1]);
    expect(core.cpu.dr(6)).toBe(DR6_NONE);
  });
});
