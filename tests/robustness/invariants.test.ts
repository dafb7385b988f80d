/** The checks of the random machines find what they are there to find. */
import { expect, test } from "vitest";
import { Cpu } from "../../assembly/abi/cpu.js";
import { Layout, Tlb } from "../../assembly/abi/layout.js";
import { Core } from "../../src/core/core.js";
import { CODE, NO_HOST, program } from "../cpu/flat-core.js";
import { describeFuzz, Fuzzer, shrink } from "./fuzz.js";
import { brokenInvariant, Canaries } from "./invariants.js";
import { CODE as FUZZ_CODE, type FuzzCase, RAM_BYTES, ROM_BYTES } from "./random-machine.js";

/** A core that has run a few instructions, with its memory as bytes. */
function warmCore() {
  const core = Core.create({ ramBytes: RAM_BYTES, romBytes: ROM_BYTES }, NO_HOST);
  core.cpu.setSegment(1, { selector: 0, base: 0, limit: 0xffff, access: 0x9b });
  program(core, 0x40, 0x40, 0xa3, 0x00, 0x20, 0xeb, 0xfe);
  core.run(100);
  return { core, memory: new Uint8Array(core.memory.buffer), view: new DataView(core.memory.buffer) };
}

test("a machine at rest has nothing wrong with it", () => {
  const { core } = warmCore();
  const canaries = new Canaries(core);
  core.run(1000);
  expect([canaries.check(), brokenInvariant(core)]).toEqual([undefined, undefined]);
});

test("a byte written outside the machine's regions, to the decode table or to ROM is found", () => {
  const { core, memory } = warmCore();
  for (const at of [0, Layout.CPU + 2048, Layout.DECODE_TABLE, Layout.LARGE_MAP - 1, core.rom.byteOffset + 5]) {
    const canaries = new Canaries(core);
    memory[at]! ^= 1;
    expect(canaries.check()).toContain(`linear memory ${at.toString(16)} was written`);
    memory[at]! ^= 1;
    expect(canaries.check()).toBe(undefined);
  }
});

test("code that changed without the machine's knowledge is found", () => {
  const { core } = warmCore();
  core.ram[CODE] = 0x48;
  expect(brokenInvariant(core)).toContain("instruction 0 has changed");
  core.ram[CODE] = 0x66;
  expect(brokenInvariant(core)).toMatch(/changed|ends elsewhere/);
});

test("a forgotten bit of the code map is found", () => {
  const { core, view } = warmCore();
  view.setBigUint64(core.cpu.field(Cpu.CODE_MAP_PTR) + 8 * (CODE >> 12), 0n, true);
  expect(brokenInvariant(core)).toContain("not in the code map");
});

test("a TLB entry that lets code or ROM be written, or leads elsewhere, is found", () => {
  const { core, view } = warmCore();
  const entry = Layout.TLB + (CODE >> 12) * Tlb.SIZE;
  const tag = view.getUint32(entry + Tlb.READ, true);
  expect(tag >>> 12).toBe(CODE >> 12);
  view.setUint32(entry + Tlb.WRITE, tag, true);
  expect(brokenInvariant(core)).toContain("lets code at 1000 be written");
  view.setUint32(entry + Tlb.DELTA, (core.rom.byteOffset - CODE) >>> 0, true);
  expect(brokenInvariant(core)).toContain("lets ROM be written");
  view.setUint32(entry + Tlb.DELTA, 0, true);
  expect(brokenInvariant(core)).toContain("leads to 1000");
});

test("a failing case is made smaller and printed with what is left of its code", () => {
  const fuzzer = new Fuzzer();
  const fuzz: FuzzCase = { kind: "protected", seed: 5, budget: 4096, blanked: [] };
  // "Fails" if byte 123 of the code is still there and at least 100 ticks are run.
  const small = shrink(fuzz, ({ budget, blanked }) =>
    budget >= 100 && !blanked.some(([a, b]) => a <= 123 && 123 < b) ? "fails" : undefined,
  );
  expect(small.budget).toBe(100);
  fuzzer.run(small);
  expect(describeFuzz(small, fuzzer.core).split("\n")[1]).toContain(`${(FUZZ_CODE + 123).toString(16)}: `);
});
