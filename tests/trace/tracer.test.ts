import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { createMachine, type Machine } from "../../src/index.js";
import { BinaryTraceReader, BinaryTraceWriter } from "../../src/trace/binary-trace.js";
import { loadDisassembler } from "../../src/trace/disassembler.js";
import { recordText, TextTraceWriter } from "../../src/trace/text-trace.js";
import { diffTraces } from "../../src/trace/trace-diff.js";
import { TRACED_REGISTERS, type TraceRecord, type TraceStart } from "../../src/trace/trace-record.js";
import { type TraceOptions, Tracer } from "../../src/trace/tracer.js";
import { code, EXIT_33, IDLE, machineOf } from "../machine/guests.js";

interface Traced {
  start: TraceStart | undefined;
  records: TraceRecord[];
}

function traced(machine: Machine, options: TraceOptions = {}): Traced {
  const all: Traced = { start: undefined, records: [] };
  const sink = {
    start: (start: TraceStart) => {
      all.start = { ...start, registers: start.registers.slice() };
    },
    record: (record: TraceRecord) => all.records.push(record),
    end: () => {},
  };
  const tracer = new Tracer(machine, sink, options);
  while (!tracer.advance(1000).done);
  tracer.end();
  return all;
}

const named = (record: TraceRecord) =>
  Object.fromEntries(record.changes.map(({ register, value }) => [TRACED_REGISTERS[register], value]));

function minikernel(): Machine {
  return createMachine({
    image: readFileSync(new URL("../../roms/minikernel.elf", import.meta.url)),
    name: "minikernel.elf",
  });
}

describe("a trace", () => {
  it("has every instruction with its bytes and the registers it changed", () => {
    const { start, records } = traced(machineOf(`b8efbeadde 40 01c0 ${EXIT_33}`));
    expect(start).toMatchObject({ index: 0, eip: 0x100000 });
    expect(records.map((record) => [record.type, record.index, record.eip])).toEqual([
      ["step", 0, 0x100000],
      ["step", 1, 0x100005],
      ["step", 2, 0x100006],
      ["step", 3, 0x100008],
      ["step", 4, 0x10000a],
    ]);
    expect(records[0]).toMatchObject({ bytes: code("b8efbeadde"), cs: 8, code32: true });
    expect(named(records[0]!)).toEqual({ eax: 0xdeadbeef });
    expect(named(records[2]!)).toMatchObject({ eax: 0xbd5b7de0 });
    expect(named(records[4]!)).toEqual({});
  });

  it("has exceptions between the instructions, at the handler they went to", () => {
    const machine = machineOf("31c0 f7f0");
    machine.writePhysical(0, code("0002 0800 008e 1000"));
    machine.writePhysical(0x100200, code(EXIT_33));
    const { records } = traced(machine);
    expect(records.map((record) => record.type)).toEqual(["step", "exception", "step", "step"]);
    expect(records[1]).toMatchObject({ vector: 0, eip: 0x100200, index: 1 });
    expect(named(records[1]!)).toMatchObject({ esp: 0x7c00 - 12 });
    expect(records[2]).toMatchObject({ index: 1, eip: 0x100200 });
  });

  it("leaves the run as it is without one", () => {
    const plain = minikernel();
    const followed = minikernel();
    const result = plain.run();
    const counts = { step: 0, exception: 0, interrupt: 0 };
    const tracer = new Tracer(followed, { start: () => {}, record: ({ type }) => counts[type]++, end: () => {} });
    while (!tracer.advance(10_000).done);
    expect(result.exit.kind).toBe("powered-off");
    expect(counts.step).toBe(plain.instructions);
    expect(followed.instructions).toBe(plain.instructions);
    expect(followed.ticks).toBe(plain.ticks);
    expect(followed.registers()).toEqual(plain.registers());
    expect(followed.stateHash()).toBe(plain.stateHash());
    const { exceptions, interrupts } = plain.statistics();
    expect(counts.interrupt).toBe(interrupts);
    expect(counts.exception).toBe(Object.values(exceptions).reduce((sum, count) => sum + count, 0));
  });

  it("replays: applying the changes to the start gives the final registers", () => {
    const machine = machineOf(`b905000000 40 e2fd ${EXIT_33}`);
    const { start, records } = traced(machine);
    const registers = start!.registers;
    for (const record of records) for (const { register, value } of record.changes) registers[register] = value;
    const final = machine.registers();
    for (const name of ["eax", "ecx", "eflags", "cs", "cr0"] as const) {
      expect(registers[TRACED_REGISTERS.indexOf(name)]).toBe(final[name]);
    }
  });

  it("goes through HLT to the interrupt that ends it", () => {
    const machine = machineOf("b0fe e621 fb f4 ebfd"); // timer at vector 8
    machine.writePhysical(8 * 8, code("0002 0800 008e 1000"));
    machine.writePhysical(0x100200, code(EXIT_33));
    const { records } = traced(machine);
    expect(records.map((record) => record.type)).toEqual(["step", "step", "step", "step", "interrupt", "step", "step"]);
    expect(records[4]).toMatchObject({ vector: 8, eip: 0x100200 });
  });

  it("ends when the guest ends in any way", () => {
    expect(traced(machineOf("0f0b")).records).toEqual([]);
    expect(traced(machineOf(IDLE)).records.length).toBe(5);
  });
});

describe("a part of a trace", () => {
  const LOOP = `b905000000 40 e2fd ${EXIT_33}`; // 1 + 5 × 2 + 2 instructions

  it("begins and ends at instruction numbers", () => {
    const { start, records } = traced(machineOf(LOOP), { start: { instruction: 3 }, stop: { instruction: 5 } });
    expect(start!.index).toBe(3);
    expect(start!.registers[0]).toBe(1);
    expect(records.map((record) => record.index)).toEqual([3, 4, 5]);
  });

  it("begins and ends at addresses", () => {
    const { records } = traced(machineOf(LOOP), { start: { address: 0x100006 }, stop: { address: 0x100008 } });
    expect(records[0]).toMatchObject({ index: 2, eip: 0x100006 });
    expect(records.at(-1)).toMatchObject({ eip: 0x100008, index: 11 });
  });

  it("begins and ends at exceptions", () => {
    const { start, records } = traced(minikernel(), { start: { exception: 14 }, stop: { exception: 0 } });
    expect(records[0]).toMatchObject({ type: "exception", vector: 14 });
    expect(records.at(-1)).toMatchObject({ type: "exception", vector: 0 });
    expect(start!.eip).toBe(0x40000000);
    expect(named(records[0]!).cr2).toBe(0x100000);
  });

  it("is at most as long as asked", () => {
    expect(traced(machineOf(LOOP), { count: 4 }).records.length).toBe(4);
    expect(traced(minikernel(), { start: { instruction: 900_000 }, count: 1 }).records[0]!.index).toBe(900_000);
  });
});

describe("the text form", () => {
  it("is address, bytes, disassembly and changes", async () => {
    let text = "";
    const writer = new TextTraceWriter(
      (part) => {
        text += part;
      },
      await loadDisassembler(),
    );
    const tracer = new Tracer(machineOf(`b801000000 ${EXIT_33}`), writer);
    tracer.advance(100);
    tracer.end();
    expect(text.split("\n").slice(1)).toEqual([
      "0008:00100000  b8 01 00 00 00           mov eax, 1                           eax=00000001",
      "0008:00100005  b0 10                    mov al, 0x10                         eax=00000010",
      "0008:00100007  e6 f4                    out 0xf4, al",
      "",
    ]);
    expect(text).toMatch(/^# instruction 0 eip=00100000 eax=00000000 .* mode=1\n/);
  });

  it("decodes 16-bit code as such and prints unknown bytes as data", async () => {
    const disassembler = await loadDisassembler();
    const step = { type: "step" as const, index: 0, cs: 0xf000, eip: 0xfff0, code32: false, changes: [] };
    expect(recordText({ ...step, bytes: code("ea5be000f0") }, disassembler)).toMatch(
      /^f000:0000fff0 .* ljmp 0xf000:0xe05b$/,
    );
    expect(recordText({ ...step, bytes: code("0f04") }, disassembler)).toMatch(/db 0x0f$/);
    expect(recordText({ ...step, code32: true, bytes: code("b801000000") }, disassembler)).toMatch(/mov eax, 1$/);
    expect(recordText({ type: "exception", index: 0, vector: 14, cs: 8, eip: 5, changes: [] }, disassembler)).toBe(
      "0008:00000005  -- exception #PF",
    );
  });
});

describe("comparing traces", () => {
  function binary(text: string, options: TraceOptions = {}): Uint8Array {
    const pieces: Uint8Array[] = [];
    const tracer = new Tracer(machineOf(text), new BinaryTraceWriter((bytes) => pieces.push(bytes)), options);
    while (!tracer.advance(1000).done);
    tracer.end();
    return Buffer.concat(pieces);
  }
  const names: [string, string] = ["left", "right"];

  it("finds equal ones equal", async () => {
    const one = binary(`40 40 ${EXIT_33}`);
    expect(await diffTraces(one, one, names)).toEqual({ equal: true, lines: ["the traces are equal: 4 records"] });
  });

  it("shows the first difference with what came before and after", async () => {
    const { equal, lines } = await diffTraces(binary(`40 40 40 ${EXIT_33}`), binary(`40 40 48 ${EXIT_33}`), names);
    expect(equal).toBe(false);
    expect(lines[0]).toBe("the traces part after 2 equal records");
    expect(lines[2]).toMatch(/^ {4}1: 0008:00100001 {2}40 .* inc eax .* eax=00000002$/);
    expect(lines[3]).toBe("  left:");
    expect(lines[4]).toMatch(/^ {2}> 2: 0008:00100002 {2}40 .* inc eax .* eax=00000003/);
    expect(lines.find((line) => line.startsWith("  > ") && line.includes("dec eax"))).toMatch(/eax=00000001/);
  });

  it("says which one ends first", async () => {
    const { equal, lines } = await diffTraces(binary("40 40 40 f4", { count: 2 }), binary("40 40 40 f4"), names);
    expect(equal).toBe(false);
    expect(lines).toContain("  left: ends here");
  });

  it("says which registers differ at the beginning", async () => {
    const one = binary("40 f4");
    const other = Uint8Array.from(one);
    new DataView(other.buffer).setUint32(8 + 1 + 4, 0x1234, true); // eax behind header, index 0 and eip
    const { lines } = await diffTraces(one, other, names);
    expect(lines).toEqual([
      "the traces begin with different registers at instruction 0:",
      "  eax: 00000000 in left, 00001234 in right",
    ]);
  });

  it("aligns traces that begin at different instructions", async () => {
    const text = `40 40 40 ${EXIT_33}`;
    const late = binary(text, { start: { instruction: 2 } });
    expect(await diffTraces(binary(text), late, names)).toMatchObject({ equal: true });
    expect([...new BinaryTraceReader(late)].length).toBe(3);
  });

  it("compares text line by line and refuses to mix", async () => {
    const bytes = (text: string) => new TextEncoder().encode(text);
    expect(await diffTraces(bytes("a\nb\n"), bytes("a\nb"), names)).toMatchObject({ equal: true });
    const { lines } = await diffTraces(bytes("a\nb\nc\n"), bytes("a\nx\n"), names);
    expect(lines).toEqual([
      "the traces part after 1 equal lines",
      "    1: a",
      "  left:",
      "  > 2: b",
      "    3: c",
      "  right:",
      "  > 2: x",
    ]);
    await expect(diffTraces(binary("40 f4"), bytes("a"), names)).rejects.toThrow(/one binary and one text/);
  });
});
