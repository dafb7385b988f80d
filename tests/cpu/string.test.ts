/**
 * Repeated string instructions against a model that moves one element at a time: overlaps, directions, page ends, and
 * linear pages that share a frame.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { CODE, flatCore, program } from "./flat-core.js";
import { modelString, type StringInstruction, type StringState } from "./string-model.js";

const REGION = 0x100000;
const REGION_PAGES = 12;
const OPCODES = { movs: 0xa4, cmps: 0xa6, stos: 0xaa, lods: 0xac, scas: 0xae } as const;
const ZF = 0x40;
const DF = 0x400;

/** Frames in another order than the pages; two pairs of pages share one. */
const FRAMES = new Map(
  [4, 3, 3, 2, 9, 8, 8, 1, 0, 11, 10, 5].map((f, p) => [(REGION >>> 12) + p, (REGION >>> 12) + f]),
);
const IDENTITY = new Map<number, number>();
const paged = flatCore({}, FRAMES);
const flat = flatCore();

const instructions = fc.record({
  name: fc.constantFrom("movs", "cmps", "stos", "lods", "scas"),
  size: fc.constantFrom(1, 2, 4),
  repeat: fc.constantFrom("", "rep", "repne"),
  down: fc.boolean(),
}) as fc.Arbitrary<StringInstruction>;
/** An address not far from a page end. */
const nearPageEnd = fc
  .tuple(fc.integer({ min: 4, max: 8 }), fc.integer({ min: -40, max: 40 }))
  .map(([page, offset]) => REGION + page * 4096 + offset);
const anywhere = fc.integer({ min: REGION + 0x4000, max: REGION + 0x8000 });
const cases = fc.record({
  insn: instructions,
  paging: fc.boolean(),
  esi: fc.oneof(nearPageEnd, anywhere),
  apart: fc.oneof(fc.integer({ min: -9, max: 9 }), fc.integer({ min: -9000, max: 9000 })),
  ecx: fc.oneof(fc.integer({ min: 0, max: 20 }), fc.integer({ min: 0, max: 1500 })),
  eax: fc.constantFrom(0, 0x01010101, 0x12345678, 0xffffffff, 0x02010201),
  letters: fc.integer({ min: 1, max: 3 }),
  seed: fc.integer(),
});

/** Fills memory from few different bytes, so that comparisons run long. */
function fill(memory: Uint8Array, letters: number, seed: number): void {
  let state = seed >>> 0;
  for (let i = 0; i < memory.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    memory[i] = letters === 1 ? 1 : ((state >>> 24) % 40) + 1 > letters ? 1 : (state >>> 16) & 0xff;
  }
}

test("string instructions agree with a model that moves one element at a time", () => {
  fc.assert(
    fc.property(cases, ({ insn, paging, esi, apart, ecx, eax, letters, seed }) => {
      const core = paging ? paged : flat;
      const frames = paging ? FRAMES : IDENTITY;
      const memory = core.ram.subarray(REGION, REGION + REGION_PAGES * 4096);
      fill(memory, letters, seed);
      const model = Uint8Array.from(memory);
      const physical = (at: number) => ((frames.get(at >>> 12) ?? at >>> 12) << 12) + (at & 0xfff) - REGION;
      const expected: StringState = { eax, ecx, esi, edi: esi + apart, zf: false };
      modelString(insn, expected, {
        get: (at) => model[physical(at)] ?? 0,
        set: (at, value) => {
          model[physical(at)] = value;
        },
      });

      const prefix = insn.repeat === "" ? [] : [insn.repeat === "rep" ? 0xf3 : 0xf2];
      const width = insn.size === 2 ? [0x66] : [];
      program(core, ...prefix, ...width, OPCODES[insn.name] | (insn.size === 1 ? 0 : 1));
      const { cpu } = core;
      cpu.eax = eax;
      cpu.ecx = ecx;
      cpu.esi = esi;
      cpu.edi = esi + apart;
      cpu.eflags = insn.down ? DF | 2 : 2;
      core.run(10);
      expect(cpu.halted).toBe(true);
      const zf = (cpu.eflags & ZF) !== 0;
      const found: StringState = { eax: cpu.eax, ecx: cpu.ecx, esi: cpu.esi, edi: cpu.edi, zf };
      expect(found).toEqual(expected);
      expect(Buffer.compare(memory, model)).toBe(0);
      expect(cpu.eip).toBe(CODE + prefix.length + width.length + 2);
    }),
    { numRuns: 3000, seed: 20260101 },
  );
});
