/**
 * REP and events: a repeated instruction gives way between iterations, with registers that describe what is done.
 */
import { describe, expect, test } from "vitest";
import { Cpu } from "../../assembly/abi/cpu.js";
import { CODE, flatCore, HANDLERS, program, STACK } from "./flat-core.js";

const BUFFER = 0x100000;
const MMIO = 0x8000000;
const TF = 0x100;
const IF = 0x200;
const REP_MOVSB = [0xf3, 0xa4];
const REP_STOSB = [0xf3, 0xaa];

/** The words that delivery pushed: EIP, CS, EFLAGS. */
function frame(core: ReturnType<typeof flatCore>): { eip: number; eflags: number } {
  const view = new DataView(core.ram.buffer, core.ram.byteOffset);
  return { eip: view.getUint32(STACK - 12, true), eflags: view.getUint32(STACK - 4, true) };
}

describe("REP", () => {
  test("a long repetition stays at its EIP until it is done, then goes on", () => {
    const core = flatCore();
    program(core, ...REP_STOSB);
    core.cpu.eax = 0x5a;
    core.cpu.ecx = 150_000;
    core.cpu.edi = BUFFER;
    core.run(1);
    expect(core.cpu.eip).toBe(CODE);
    expect(core.cpu.ecx).toBe(36 * 4_096); // pauses are where the count is a multiple of 4,096
    expect(core.cpu.edi).toBe(BUFFER + 150_000 - 36 * 4_096);
    core.run(100);
    expect(core.cpu.halted).toBe(true);
    expect(core.cpu.ecx).toBe(0);
    expect(core.ram.subarray(BUFFER, BUFFER + 150_000).every((byte) => byte === 0x5a)).toBe(true);
    expect(core.ram[BUFFER + 150_000]).toBe(0);
  });

  test("a single-step trap comes after each iteration, at the instruction", () => {
    const core = flatCore();
    program(core, ...REP_STOSB);
    core.cpu.ecx = 3;
    core.cpu.edi = BUFFER;
    core.cpu.eflags = TF | 2;
    core.run(10);
    expect(core.cpu.eip).toBe(HANDLERS + 8 * 1 + 1);
    expect(frame(core)).toEqual({ eip: CODE, eflags: TF | 2 });
    expect(core.cpu.ecx).toBe(2);
    expect(core.cpu.edi).toBe(BUFFER + 1);
  });

  test("the trap after the last iteration is behind the instruction", () => {
    const core = flatCore();
    program(core, ...REP_STOSB);
    core.cpu.ecx = 1;
    core.cpu.edi = BUFFER;
    core.cpu.eflags = TF | 2;
    core.run(10);
    expect(frame(core)).toEqual({ eip: CODE + 2, eflags: TF | 2 });
    expect(core.cpu.ecx).toBe(0);
  });

  test("a data breakpoint stops the repetition after the iteration that hits it", () => {
    const core = flatCore();
    program(core, ...REP_MOVSB);
    core.cpu.ecx = 10;
    core.cpu.esi = BUFFER;
    core.cpu.edi = BUFFER + 0x100;
    core.cpu.setDr(0, BUFFER + 0x104);
    core.cpu.setDr(7, 0x10403 & ~2); // G0 clear, L0 set: write, one byte
    core.run(30);
    expect(core.cpu.eip).toBe(HANDLERS + 8 * 1 + 1);
    expect(frame(core).eip).toBe(CODE);
    expect(core.cpu.ecx).toBe(5);
    expect(core.cpu.dr(6) & 15).toBe(1);
  });

  test("an interrupt raised by one of its reads is taken after that iteration; the rest follows the return", () => {
    let reads = 0;
    const core = flatCore({
      mmioRead: () => {
        reads++;
        if (reads === 3) core.setInterruptLine(true);
        return reads;
      },
      acknowledgeInterrupt: () => {
        core.setInterruptLine(false);
        return 0x40;
      },
    });
    core.writeRam(HANDLERS + 8 * 0x40, Uint8Array.from([0x41, 0xbb, 1, 0, 0, 0, 0xcf])); // inc ecx; mov ebx, 1; iret
    program(core, ...REP_MOVSB);
    core.cpu.ecx = 6;
    core.cpu.esi = MMIO;
    core.cpu.edi = BUFFER;
    core.cpu.eflags = IF | 2;
    core.run(40);
    expect(core.cpu.halted).toBe(true);
    expect(core.cpu.ebx).toBe(1);
    expect(reads).toBe(7); // the handler asked for one more
    expect([...core.ram.subarray(BUFFER, BUFFER + 8)]).toEqual([1, 2, 3, 4, 5, 6, 7, 0]);
  });

  test("a stop that a read asks for comes after that iteration", () => {
    let reads = 0;
    const core = flatCore({
      mmioRead: () => {
        if (++reads === 2) core.requestStop();
        return 0;
      },
    });
    program(core, ...REP_MOVSB);
    core.cpu.ecx = 5;
    core.cpu.esi = MMIO;
    core.cpu.edi = BUFFER;
    core.run(40);
    expect(core.cpu.ecx).toBe(3);
    expect(core.cpu.eip).toBe(CODE);
    core.run(40);
    expect(core.cpu.halted).toBe(true);
    expect(reads).toBe(5);
  });

  test("code it writes is executed as written, the next instruction included", () => {
    const core = flatCore();
    // rep movsb over the next instruction: mov al, 1 becomes mov al, 2
    program(core, ...REP_MOVSB, 0xb0, 1);
    core.writeRam(BUFFER, Uint8Array.from([0xb0, 2]));
    core.cpu.ecx = 2;
    core.cpu.esi = BUFFER;
    core.cpu.edi = CODE + 2;
    core.run(40);
    expect(core.cpu.halted).toBe(true);
    expect(core.cpu.eax & 0xff).toBe(2);
  });

  test("a whole repetition is one retired instruction, and virtual time is exact inside it", () => {
    const times: number[] = [];
    const core = flatCore({
      mmioRead: () => {
        times.push(core.time);
        return 0;
      },
    });
    program(core, 0x90, 0x90, ...REP_MOVSB);
    const start = core.time;
    core.cpu.ecx = 3;
    core.cpu.esi = MMIO;
    core.cpu.edi = BUFFER;
    core.run(40);
    expect(times.map((time) => time - start)).toEqual([2, 2, 2]);
    expect(core.time - start).toBe(4); // two NOPs, the repetition, HLT
    expect(core.cpu.field(Cpu.HALTED)).toBe(1);
  });
});
