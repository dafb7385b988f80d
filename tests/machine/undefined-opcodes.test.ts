/** Opcodes the machine does not have raise #UD and are reported by name. */
import { expect, test } from "vitest";
import { createMachine } from "../../src/index.js";
import { nameAbsent } from "../../src/isa/absent.js";

test.each([
  [[0x0f, 0x6f, 0xc1], "0f 6f", "MMX or SSE2"],
  [[0x66, 0x0f, 0xef, 0xc0], "0f ef", "MMX or SSE2"],
  [[0xf3, 0x0f, 0xb8, 0xc1], "0f b8", "POPCNT"],
  [[0x0f, 0xae, 0xe8], "0f ae", "FXSAVE, SSE state or fences"],
  [[0x0f, 0x01, 0xc1], "0f 01", "VMX, XSAVE or later"],
  [[0x0f, 0x04], "0f 04", "undefined"],
  [[0xf0, 0x89, 0xc0], "89 c0", "LOCK not allowed"],
  [[], "", "undefined"],
] as const)("%j is %s, %s", (bytes, opcode, name) => {
  expect(nameAbsent(new Uint8Array(bytes))).toEqual({ opcode, name });
});

test("a guest that uses SSE is told so, with place and count", () => {
  // MOVAPS XMM0, XMM1 without an IDT: #UD ends in a triple fault.
  const image = new Uint8Array([0x90, 0x0f, 0x28, 0xc1, 0xf4]);
  const machine = createMachine({ image, format: "flat", address: 0x10_0000, mode: "protected", memoryBytes: 4 << 20 });
  expect(machine.run({ maxInstructions: 100 }).exit.kind).toBe("triple-fault");
  expect(machine.statistics().undefinedOpcodes).toEqual([
    { opcode: "0f 28", name: "SSE", address: 0x10_0001, count: 1 },
  ]);
});
