/**
 * Code of a domain as regions of the translator: it is translated although its segments are cut, and what lies beyond their end stays out of reach.
 */
import { expect, test } from "vitest";
import { createMachine } from "../../../src/index.js";
import { M2P_END, M2P_START } from "../../../src/vmm/pv/abi.js";
import { guestImage } from "../../lockstep/guest-runs.js";
import { CODE, domainImage, SCRATCH } from "./domain-machine.js";

test("programs and kernel of compute-pv are translated", () => {
  const machine = createMachine({
    image: guestImage("compute-pv"),
    commandLine: "n=60",
    memoryBytes: 16 << 20,
    vmm: "pv",
    engine: "translator",
  });
  expect(machine.run().exit).toEqual({ kind: "guest-exit", code: 33 });
  expect(machine.statistics().translator!.regions).toBeGreaterThan(4);
});

/** MOV EAX, [EBX]; DEC ECX; JNZ to the load; JMP to itself. */
const LOOP = [0x8b, 0x03, 0x49, 0x75, 0xfb, 0xeb, 0xfe];
const END = SCRATCH + 5;

test.each([
  ["the table of frames", M2P_START, END],
  ["a word over the end of its segments", M2P_END - 2, SCRATCH],
  ["the monitor's tables", M2P_END, SCRATCH],
  ["the last word there is", 0xffff_fffc, SCRATCH],
])("a translated load of %s", (_what, address, eip) => {
  const machine = createMachine({ image: domainImage(), memoryBytes: 4 << 20, vmm: "pv", engine: "translator" });
  machine.run({ maxInstructions: 1 });
  expect(machine.cpu.eip).toBe(CODE.handler);
  machine.ram.write(SCRATCH, Uint8Array.from(LOOP));
  machine.setRegisters({ eip: SCRATCH, ebx: SCRATCH, ecx: 1 << 20 });
  machine.run({ maxInstructions: 3 << 20 });
  expect(machine.cpu.eip).toBe(END);
  expect(machine.statistics().translator!.regions).toBeGreaterThan(0);
  machine.setRegisters({ eip: SCRATCH, ebx: address, ecx: 1 });
  machine.run({ maxInstructions: 3 });
  expect(machine.cpu.eip).toBe(eip);
});
