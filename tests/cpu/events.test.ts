/** Interrupts, shadows, priorities, and what happens when delivery itself faults. SDM 3A chapter 6. */
import { describe, expect, test } from "vitest";
import { Counter } from "../../assembly/abi/cpu.js";
import { ExitReason } from "../../assembly/abi/exit.js";
import { CODE, flatCore, HANDLERS, program, STACK } from "./flat-core.js";
import { expectTaken, look, resume, runProgram } from "./handler.js";

const TF = 0x100;
const IF = 0x200;
const STI = 0xfb;
const CLI = 0xfa;
const NOP = 0x90;
const IRET = 0xcf;
const HLT = 0xf4;
/** mov ss, ax */
const MOV_SS = [0x8e, 0xd0];
const STACK_SELECTOR = 16;

/** A core whose INTR pin is up; it drops when vector 20h has been acknowledged. */
function interrupted() {
  let acknowledged = 0;
  const core = flatCore({
    acknowledgeInterrupt: () => {
      acknowledged++;
      core.setInterruptLine(false);
      return 0x20;
    },
  });
  core.setInterruptLine(true);
  return { core, acknowledged: () => acknowledged };
}

describe("interrupts", () => {
  test("one is taken before the next instruction if IF is set, and IF is clear in its handler", () => {
    const { core, acknowledged } = interrupted();
    core.cpu.eflags = 2 | IF;
    expectTaken(runProgram(core, NOP), 0x20, [CODE, 8, 2 | IF]);
    expect(core.cpu.eflags & IF).toBe(0);
    expect(core.cpu.esp).toBe(STACK - 12);
    expect(acknowledged()).toBe(1);
    expect(core.cpu.counter(Counter.INTERRUPTS)).toBe(1);
  });

  test("one waits while IF is clear, without an acknowledge cycle", () => {
    const { core, acknowledged } = interrupted();
    expect(runProgram(core, NOP, NOP).vector).toBe(-1);
    expect(acknowledged()).toBe(0);
  });

  test("STI holds interrupts off for one more instruction", () => {
    const { core } = interrupted();
    expectTaken(runProgram(core, STI, NOP, NOP), 0x20, [CODE + 2, 8]);
  });

  test("STI with IF already set holds nothing off", () => {
    const { core } = interrupted();
    core.setInterruptLine(false);
    core.cpu.eflags = 2 | IF;
    program(core, STI, NOP);
    core.run(1);
    core.setInterruptLine(true);
    expectTaken(resume(core), 0x20, [CODE + 1]);
  });

  test("STI and CLI in a row let no interrupt in", () => {
    const { core } = interrupted();
    expect(runProgram(core, STI, CLI, NOP).vector).toBe(-1);
  });

  test("STI and HLT in a row: the interrupt comes in the halt, and IRET leads behind it", () => {
    const { core } = interrupted();
    core.writeRam(HANDLERS + 8 * 0x20, Uint8Array.of(IRET));
    program(core, STI, HLT, NOP);
    core.run(1000);
    expect(core.cpu.halted).toBe(true);
    expect(core.cpu.eip).toBe(CODE + 4); // the HLT behind the NOP
  });

  test("MOV SS holds interrupts off until ESP has been loaded as well", () => {
    const { core } = interrupted();
    core.cpu.eax = STACK_SELECTOR;
    core.cpu.eflags = 2;
    core.setInterruptLine(false);
    program(core, ...MOV_SS, NOP, NOP);
    core.cpu.eflags = 2 | IF;
    core.run(1);
    core.setInterruptLine(true);
    expectTaken(resume(core), 0x20, [CODE + 3]);
  });

  test("HLT leaves run() with EIP behind it, and an interrupt wakes it", () => {
    const { core } = interrupted();
    core.setInterruptLine(false);
    core.cpu.eflags = 2 | IF;
    program(core, NOP);
    expect(core.run(1000)).toBe(ExitReason.HLT);
    expect(core.cpu.eip).toBe(CODE + 2);
    expect(core.run(1000)).toBe(ExitReason.HLT);
    core.setInterruptLine(true);
    core.run(1000);
    expectTaken(look(core), 0x20, [CODE + 2]);
  });

  test("an NMI needs no IF, goes before an interrupt, and blocks the next one until IRET", () => {
    const { core, acknowledged } = interrupted();
    core.cpu.eflags = 2 | IF;
    core.writeRam(HANDLERS + 16, Uint8Array.of(NOP, HLT, IRET));
    program(core, NOP, NOP);
    core.raiseNmi();
    core.run(1000);
    expect(core.cpu.eip).toBe(HANDLERS + 16 + 2);
    expect(acknowledged()).toBe(0);
    core.setInterruptLine(false);
    core.raiseNmi();
    core.cpu.halted = false;
    core.run(1); // IRET: only now the second NMI comes
    core.run(1000);
    expect(core.cpu.eip).toBe(HANDLERS + 16 + 2);
    expect(core.cpu.esp).toBe(STACK - 12);
  });
});

describe("delivery that faults", () => {
  const gate = (core: ReturnType<typeof flatCore>, vector: number, low: number, high: number) => {
    const view = new DataView(core.ram.buffer, core.ram.byteOffset);
    view.setUint32(0x3000 + 8 * vector, low, true);
    view.setUint32(0x3004 + 8 * vector, high, true);
  };
  const ABSENT = 0x0e00;
  const UD2 = [0x0f, 0x0b];
  const DIV_BY_ZERO = [0x31, 0xc9, 0xf7, 0xf1]; // xor ecx, ecx; div ecx

  test("a benign exception whose gate is absent gives #NP with the gate's number and EXT", () => {
    const core = flatCore();
    gate(core, 6, 0, ABSENT);
    expectTaken(runProgram(core, ...UD2), 11, [6 * 8 + 2 + 1, CODE, 8, 0x10002]);
  });

  test("INT n through an absent gate gives #NP without EXT, at the INT", () => {
    const core = flatCore();
    gate(core, 0x30, 0, ABSENT);
    expectTaken(runProgram(core, 0xcd, 0x30), 11, [0x30 * 8 + 2, CODE, 8, 0x10002]);
  });

  test("a vector beyond the IDT gives #GP with the vector", () => {
    const core = flatCore();
    core.cpu.idtr = { base: 0x3000, limit: 0x1ff };
    expectTaken(runProgram(core, 0xcd, 0x80), 13, [0x80 * 8 + 2, CODE]);
  });

  test("two contributory exceptions make a double fault, with error code 0", () => {
    const core = flatCore();
    gate(core, 0, 0, ABSENT);
    expectTaken(runProgram(core, ...DIV_BY_ZERO), 8, [0, CODE + 2, 8]);
    expect(core.cpu.counter(Counter.EXCEPTIONS + 8)).toBe(1);
  });

  test("a fault while delivering a double fault shuts down: an exit with the state kept", () => {
    const core = flatCore();
    gate(core, 0, 0, ABSENT);
    gate(core, 8, 0, ABSENT);
    program(core, ...DIV_BY_ZERO);
    core.cpu.eax = 0x1234;
    expect(core.run(1000)).toBe(ExitReason.TRIPLE_FAULT);
    expect(core.cpu.eip).toBe(CODE + 2);
    expect(core.cpu.eax).toBe(0x1234);
    expect(core.cpu.esp).toBe(STACK);
  });

  test("an empty IDT shuts down", () => {
    const core = flatCore();
    core.cpu.idtr = { base: 0, limit: 0 };
    program(core, ...UD2);
    expect(core.run(1000)).toBe(ExitReason.TRIPLE_FAULT);
  });

  test("an external interrupt through an absent gate is benign: #NP follows it", () => {
    const { core } = interrupted();
    gate(core, 0x20, 0, ABSENT);
    core.cpu.eflags = 2 | IF;
    expectTaken(runProgram(core, NOP), 11, [0x20 * 8 + 2 + 1, CODE]);
  });

  test("without room on the stack #SS doubles and then shuts down; nothing is written", () => {
    const core = flatCore();
    core.cpu.setSegment(2, { selector: 16, base: 0, limit: 7, access: 0x14093 });
    core.cpu.refresh();
    core.cpu.esp = 8;
    core.ram.fill(0x77, 0, 8);
    program(core, ...UD2);
    expect(core.run(1000)).toBe(ExitReason.TRIPLE_FAULT);
    expect(core.ram.subarray(0, 8).every((byte) => byte === 0x77)).toBe(true);
    expect(core.cpu.esp).toBe(8);
  });

  test("INT3 and INT n never single-step into their handler", () => {
    const core = flatCore();
    core.cpu.eflags = 2 | TF;
    program(core, 0xcc);
    core.run(1000);
    expectTaken(look(core), 3, [CODE + 1, 8, 2 | TF]);
    expect(core.cpu.eflags & TF).toBe(0);
  });
});
