/** What the textbooks say about monitors, in counts and in modelled cycles of one comparison: exact, and the same on every computer. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { checkRelations, COST_PRESETS, compare, sectionCycles } from "../../src/index.js";
import { crossings } from "../../src/cost/counts.js";
import { PAPER_LOADS } from "../../src/cost/paper.js";
import { sectionOf } from "../../src/compare/comparison.js";
import { inRoot } from "../cli/vmexit.js";

const image = readFileSync(inRoot("roms/nanobench.elf"));
const ported = readFileSync(inRoot("roms/nanobench-pv.elf"));
const comparison = compare({
  guests: [{ name: "nanobench", image, ported, commandLine: "n=4096", memoryBytes: 16 << 20 }],
  engine: "interpreter",
  rounds: 1,
});
const guest = comparison.guests[0]!;
const pentium4 = COST_PRESETS[0]!;

/** Counts of one operation. */
function counts(way: string, section: string) {
  return sectionOf(guest.ways.find(({ name }) => name === way)!, section)!.perOperation;
}

/** Crossings of one operation, to the precision of what warming up leaves. */
function crossed(way: string, section: string): number {
  return Math.round(crossings(counts(way, section)) * 20) / 20;
}

it("every way is equivalent to the bare machine", () => {
  expect(guest.ways.map(({ name, properties }) => [name, properties.equivalence.difference])).toEqual(
    guest.ways.map(({ name }) => [name, undefined]),
  );
  expect(guest.equivalent).toBe(true);
});

describe("crossings of one operation", () => {
  it.each([
    ["a system call stays in the guest under VT-x", "syscall", { "vt+shadow": 0, "vt+ept": 0 }],
    ["in software it comes out twice: the call and the return", "syscall", { trap: 2, bt: 2 }],
    ["CLI and STI trap, each; translated they are inline", "cli-sti", { trap: 2, bt: 0, "vt+ept": 0 }],
    ["so do PUSHF and POPF", "pushf-popf", { trap: 2, bt: 0, "vt+ept": 0 }],
    ["a port always comes out", "in", { trap: 1, "vt+shadow": 1, "vt+ept": 1 }],
    ["CPUID comes out under VT-x", "cpuid", { trap: 0, "vt+shadow": 1, "vt+ept": 1 }],
    ["extended page tables leave page tables to the guest", "ptemod-p-np", { "vt+ept": 0 }],
    ["and its page faults", "pgfault", { "vt+ept": 0, "vt+shadow": 1 }],
    ["a load of CR3 does not come out with them", "ctxswitch", { "vt+ept": 0, "vt+shadow": 1, trap: 1 }],
  ])("%s", (_what, section, expected) => {
    expect(Object.fromEntries(Object.keys(expected).map((way) => [way, crossed(way, section)]))).toEqual(expected);
  });

  it("a paravirtual kernel makes fewer crossings for the same processes, and none for its interrupt flag", () => {
    expect(crossed("pv", "fork")).toBeLessThan(crossed("trap", "fork"));
    expect(crossed("pv", "cli-sti")).toBe(0);
    expect(counts("pv", "hypercall").crossings.filter(({ count }) => count > 0.1)).toEqual([
      { crossing: "hypercall", cause: "xen_version", count: 1 },
    ]);
    expect(guest.ways.find(({ name }) => name === "bare")!.sections.some(({ name }) => name === "hypercall")).toBe(
      false,
    );
  });

  it("shadow tables make page-table work cross", () => {
    for (const way of ["trap", "bt", "vt+shadow"]) expect(crossed(way, "ptemod")).toBeGreaterThanOrEqual(1);
  });

  it("binary translation learns which stores are to page tables: call-outs, no faults", () => {
    const { crossings: causes, inline } = counts("bt", "ptemod");
    expect(causes.filter(({ count }) => count > 0.1).map(({ crossing }) => crossing)).not.toContain("exit");
    expect(inline).toEqual({});
    expect(counts("bt", "cli-sti").inline).toEqual({ CLI: 1, STI: 1 });
    expect(counts("bt", "pushf-popf").inline).toEqual({ PUSHF: 1, POPF: 1 });
  });
});

describe("modelled cycles on a Pentium 4", () => {
  it.each(
    checkRelations(pentium4, guest).map(
      (each) => [`${each.section}: ${each.left} ${each.relation} ${each.right}`, each] as const,
    ),
  )("%s", (_name, { cycles, holds }) => {
    expect(cycles).toBeDefined();
    expect(holds, JSON.stringify(cycles)).toBe(true);
  });

  it("an exit for a page table costs between its hardware alone and what the paper measured", () => {
    const { crossings: hardware, total } = sectionCycles(pentium4, guest, "vt+shadow", "pgfault")!;
    expect(hardware).toBeGreaterThan(6_100);
    expect(total).toBeLessThan(12_733);
  });

  it("on each later processor hardware gains on software", () => {
    const ratios = COST_PRESETS.map(
      (model) =>
        sectionCycles(model, guest, "vt+shadow", "fork")!.total / sectionCycles(model, guest, "bt", "fork")!.total,
    );
    expect(ratios[0]).toBeGreaterThan(ratios.at(-1)!);
  });
});

it("process creation costs about what the paper measured, in times native, on both of its processors", () => {
  const forkwait = compare({
    guests: [
      {
        name: "forkwait",
        image: readFileSync(inRoot("roms/forkwait.elf")),
        commandLine: "n=64",
        memoryBytes: 16 << 20,
      },
    ],
    engine: "interpreter",
    rounds: 1,
    ways: ["trap", "bt", "vt+shadow"],
  }).guests[0]!;
  for (const { section, model: name, native, software, hardware } of PAPER_LOADS) {
    const model = COST_PRESETS.find((preset) => preset.name === name)!;
    const bare = sectionCycles(model, forkwait, "bare", section)!.total;
    for (const [way, seconds] of [
      ["bt", software],
      ["vt+shadow", hardware],
    ] as const) {
      const ratio = sectionCycles(model, forkwait, way, section)!.total / bare / (seconds / native);
      expect(ratio, `${way} on ${name}`).toBeGreaterThan(0.5);
      expect(ratio, `${way} on ${name}`).toBeLessThan(2);
    }
  }
});
