/** Cost models: the presets are complete and cite their sources, cycles are counts times costs, files are checked. */
import { describe, expect, it } from "vitest";
import { type Counts, NO_TRANSLATION } from "../../src/cost/counts.js";
import { modelledCycles } from "../../src/cost/cycles.js";
import { COST_KEYS, type CostModel, numbersOf } from "../../src/cost/model.js";
import { holds } from "../../src/cost/paper.js";
import { PRESETS, presetNamed } from "../../src/cost/presets.js";
import { readCostModel } from "../../src/cost/read-model.js";

const NOTHING: Counts = {
  ticks: 0,
  crossings: [],
  inline: {},
  refused: {},
  direct: 0,
  emulated: 0,
  interpreted: 0,
  translation: NO_TRANSLATION,
  memory: {},
  tlbMisses: 0,
  delivered: {},
};

/** A model in which each cost is a power of ten of its own, so that a sum shows what is in it. */
function digits(costs: Partial<Record<keyof typeof COST_KEYS, number>>): CostModel {
  const figures = Object.fromEntries(Object.keys(COST_KEYS).map((key) => [key, { value: 0, source: "test" }]));
  for (const [key, value] of Object.entries(costs)) figures[key] = { value, source: "test" };
  return { name: "digits", title: "digits", figures: figures as CostModel["figures"] };
}

describe("presets", () => {
  it.each(PRESETS.map((model) => [model.name, model] as const))(
    "%s is complete, and every number has a source",
    (_name, model) => {
      expect(Object.keys(model.figures).sort()).toEqual(Object.keys(COST_KEYS).sort());
      for (const { value, source } of Object.values(model.figures)) {
        expect(value).toBeGreaterThan(0);
        expect(source).toMatch(/^(?:Adams and Agesen|Bugnion, Nieh and Tsafrir|derived: .+|assumed: .+)/);
      }
    },
  );

  it("an exit on a Pentium 4 costs what the paper's table 1 makes of it, and less on each of its successors", () => {
    const exit = (model: CostModel) => {
      const { exitPageFault, entry, vmread, vmwrite, vmreads, vmwrites } = numbersOf(model);
      return exitPageFault + entry + vmreads * vmread + vmwrites * vmwrite;
    };
    expect(exit(presetNamed("pentium4")!)).toBe(1931 + 2409 + 10 * 178 + 171);
    const [first, second, third, fourth] = PRESETS.map(exit);
    expect(first).toBeGreaterThan(second!);
    expect(second).toBeGreaterThan(third!);
    expect(third).toBeGreaterThan(fourth!);
    expect(PRESETS.map(({ year }) => year)).toEqual([...PRESETS.map(({ year }) => year)].sort());
  });
});

describe("modelled cycles", () => {
  it("on the bare machine: instructions, events, privileged instructions, walks", () => {
    const model = digits({
      instruction: 1,
      event: 10,
      port: 100,
      controlRegister: 1e3,
      interruptFlag: 1e4,
      privileged: 1e5,
      reference: 1e6,
    });
    const profile: Counts = {
      ...NOTHING,
      refused: { IN: 2, "MOV to CR": 3, CLI: 4, IRET: 9, INVLPG: 5 },
      crossings: [
        { crossing: "exit", cause: "#GP", count: 23 }, // the refusals
        { crossing: "exit", cause: "INT 80h", count: 1 },
        { crossing: "exit", cause: "#DE", count: 1 },
        { crossing: "exit", cause: "#PF", count: 7 },
      ],
      memory: { hidden: 6, true: 1 },
      delivered: { interrupt: 1 },
    };
    const cycles = modelledCycles(model, { vmm: "none" }, { ...NOTHING, ticks: 6, tlbMisses: 1 }, profile);
    expect(cycles).toEqual({ guest: 543_246, walks: 2e6, crossings: 0, monitor: 0, translation: 0, total: 2_543_246 });
  });

  it("in non-root operation what exits costs an exit, and the processor does not execute it", () => {
    const model = digits({
      port: 1,
      exitPort: 10,
      entry: 100,
      vmread: 1e3,
      vmreads: 2,
      vmwrite: 1e4,
      vmwrites: 1,
      dispatch: 1e5,
      interruptFlag: 1e6,
    });
    const profile: Counts = { ...NOTHING, refused: { IN: 3, CLI: 1 } };
    const counts: Counts = { ...NOTHING, crossings: [{ crossing: "exit", cause: "IO_INSTRUCTION", count: 2 }] };
    expect(modelledCycles(model, { vmm: "vt", mmu: "ept" }, counts, profile)).toMatchObject({
      guest: 1_000_001,
      crossings: 2 * 12_110,
      monitor: 2e5,
    });
  });

  it("in software: traps, call-outs, hypercalls, inline operations, look-ups, translation, interpretation", () => {
    const model = digits({
      trap: 1,
      dispatch: 10,
      callOut: 100,
      hypercall: 1e3,
      inline: 1e4,
      inlineTime: 1e5,
      inlinePort: 1e6,
      lookup: 1e7,
      translate: 1e8,
      interpret: 1e9,
    });
    const counts: Counts = {
      ...NOTHING,
      crossings: [
        { crossing: "exit", cause: "#PF", count: 1 },
        { crossing: "call-out", cause: "IRET", count: 2 },
        { crossing: "hypercall", cause: "mmu_update", count: 3 },
      ],
      inline: { CLI: 4, RDTSC: 5, IN: 6 },
      translation: { ...NO_TRANSLATION, ident: 5, inline: 2, callOut: 1, lookups: 7 },
      interpreted: 2,
    };
    const { crossings, monitor, translation } = modelledCycles(model, { vmm: "bt" }, counts, NOTHING);
    expect(crossings).toBe(4);
    expect(monitor).toBe(10 + 200 + 3_000 + 40_000 + 500_000 + 6_000_000 + 70_000_000 + 2_000_000_000);
    expect(translation).toBe(8e8);
  });

  it("a system call that does not come out to the monitor is the processor's", () => {
    const model = digits({ event: 1, trap: 10, iret: 100 });
    const call = { crossing: "exit", cause: "INT 80h" } as const;
    const profile: Counts = { ...NOTHING, crossings: [{ ...call, count: 3 }] };
    const counts: Counts = { ...NOTHING, crossings: [{ ...call, count: 1 }] };
    expect(modelledCycles(model, { vmm: "pv", mmu: "direct" }, counts, profile).total).toBe(12);
    expect(modelledCycles(model, { vmm: "trap", mmu: "shadow" }, profile, profile).total).toBe(30);
    // The monitor delivers a fault; a return from it that does not come out is the processor's too, and so is one that ends a call.
    const fault = { crossing: "exit", cause: "#DE", count: 1 } as const;
    const faulting: Counts = { ...profile, refused: { IRET: 4 }, crossings: [...profile.crossings, fault] };
    const delivered: Counts = { ...NOTHING, crossings: [fault] };
    expect(modelledCycles(model, { vmm: "pv", mmu: "direct" }, delivered, faulting).total).toBe(3 * 1 + 10 + 100);
    expect(modelledCycles(model, { vmm: "hybrid" }, { ...delivered, interpreted: 1 }, faulting).total).toBe(10);
  });

  it("a walk on extended page tables is worth several", () => {
    const model = digits({ reference: 1, nested: 4 });
    const counts: Counts = { ...NOTHING, tlbMisses: 5, memory: { "nested walks": 3 } };
    expect(modelledCycles(model, { vmm: "vt", mmu: "ept" }, counts, NOTHING).walks).toBe(24);
    expect(modelledCycles(model, { vmm: "vt", mmu: "shadow" }, counts, NOTHING).walks).toBe(10);
  });
});

it("relations", () => {
  expect([holds(50, "<<", 100), holds(51, "<<", 100), holds(100, "~", 125), holds(126, "~", 100)]).toEqual([
    true,
    false,
    true,
    false,
  ]);
});

describe("a cost file", () => {
  it("changes some numbers of a preset", () => {
    const model = readCostModel(
      '{"name": "mine", "title": "Mine", "base": "haswell", "cycles": {"entry": 0}, "source": "measured"}',
    );
    expect(model).toMatchObject({ name: "mine", title: "Mine", figures: { entry: { value: 0, source: "measured" } } });
    expect(model.figures.exit).toEqual(presetNamed("haswell")!.figures.exit);
  });

  it("or has all of them", () => {
    const cycles = Object.fromEntries(Object.keys(COST_KEYS).map((key, i) => [key, i]));
    expect(numbersOf(readCostModel(JSON.stringify({ name: "all", cycles })))).toEqual(cycles);
  });

  it.each([
    ["{", /^expected JSON and found something else: /],
    ["[]", /^expected an object with name, base and cycles and found \[\]$/],
    ['{"cycles": {}}', /^name: expected a text and found undefined$/],
    ['{"name": "x", "model": 1}', /^model: there is no such field; expected name, title, base, cycles, source$/],
    ['{"name": "x", "base": "p5", "cycles": {}}', /^base: expected pentium4, .* and found "p5"$/],
    ['{"name": "x", "base": "merom"}', /^expected cycles to be an object and found nothing$/],
    ['{"name": "x", "base": "merom", "cycles": {"exits": 1}}', /^cycles\.exits: there is no such cost; .* names them$/],
    [
      '{"name": "x", "base": "merom", "cycles": {"exit": -1}}',
      /^cycles\.exit: expected a number from 0 on and found -1$/,
    ],
    ['{"name": "x", "cycles": {"exit": 1}}', /^cycles\.instruction: expected a number, as there is no base$/],
  ])("refuses %s", (json, sentence) => {
    expect(() => readCostModel(json)).toThrow(sentence);
  });
});
