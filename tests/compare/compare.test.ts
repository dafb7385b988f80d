/** `compare` as data: exact counts of each operation under each monitor, equivalence, and what can go wrong. No test looks at a time. */
import { describe, expect, it } from "vitest";
import { type Comparison, type ComparedGuest, compare, type WayResult } from "../../src/index.js";
import { crossings } from "../../src/cost/counts.js";
import { allWays } from "../../src/compare/ways.js";
import { BODIES, markedGuest, OPERATIONS } from "./marked-guest.js";

function compared(guest: ComparedGuest, options: Partial<Parameters<typeof compare>[0]> = {}): Comparison {
  return compare({ guests: [guest], rounds: 1, engine: "interpreter", ...options });
}

function wayOf({ guests }: Comparison, name: string): WayResult {
  return guests[0]!.ways.find((way) => way.name === name)!;
}

/** Crossings of one operation by section. */
function perSection(way: WayResult): Record<string, number> {
  return Object.fromEntries(way.sections.map(({ name, perOperation }) => [name, crossings(perOperation)]));
}

describe.each(["interpreter", "translator"] as const)("a marked guest on the %s", (engine) => {
  const comparison = compared(markedGuest(), { engine });

  it("has every section under every way, and the marks subtracted", () => {
    const [guest] = comparison.guests;
    expect(guest!.sections).toEqual(Object.keys(BODIES));
    for (const { sections } of guest!.ways) {
      expect(sections.map(({ name }) => name)).toEqual(Object.keys(BODIES));
      const nop = sections.find(({ name }) => name === "nop")!;
      expect(nop.operations).toBe(OPERATIONS);
      // Two NOPs, DEC and JNZ each time, and MOV ECX once.
      expect(nop.perOperation).toMatchObject({ ticks: 4 + 1 / OPERATIONS, crossings: [] });
    }
  });

  it("is the same guest everywhere", () => {
    const [guest] = comparison.guests;
    expect(guest!.equivalent).toBe(true);
    for (const { properties } of guest!.ways) {
      expect(properties.equivalence).toEqual({ transcript: true, state: true, difference: undefined });
    }
    expect(wayOf(comparison, "bare").properties).toMatchObject({ control: {}, efficiency: 1 });
  });

  it.each([
    ["bare", { "cli-sti": 0, "pushf-popf": 0, in: 0, cr0: 0, cpuid: 0, nop: 0 }],
    ["trap", { "cli-sti": 2, "pushf-popf": 2, in: 1, cr0: 2, cpuid: 0, nop: 0 }],
    ["vt+shadow", { "cli-sti": 0, "pushf-popf": 0, in: 1, cr0: 0, cpuid: 1, nop: 0 }],
    ["vt+ept", { "cli-sti": 0, "pushf-popf": 0, in: 1, cr0: 0, cpuid: 1, nop: 0 }],
    ["hybrid", { "cli-sti": 0, "pushf-popf": 0, in: 0, cr0: 0, cpuid: 0, nop: 0 }],
  ])("crossings of one operation under %s", (name, expected) => {
    const { nothing, ...counts } = perSection(wayOf(comparison, name));
    expect(counts).toEqual(expected);
    // A pair of marks comes out once between its two readings.
    expect(nothing).toBe(name === "bare" || name === "hybrid" ? 0 : 1);
  });

  it("tells what the machine refused by name", () => {
    const { sections, properties } = wayOf(comparison, "trap");
    const refused = (name: string) => sections.find((section) => section.name === name)!.perOperation.refused;
    expect(refused("cli-sti")).toEqual({ CLI: 1, STI: 1 });
    expect(refused("pushf-popf")).toEqual({ PUSHF: 1, POPF: 1 });
    expect(refused("cr0")).toEqual({ "MOV from CR": 1, "MOV to CR": 1 });
    expect(properties.control).toMatchObject({ CLI: OPERATIONS, STI: OPERATIONS, IN: OPERATIONS });
  });
});

it("a guest without marks is one section", () => {
  const { image: _, ...rest } = markedGuest();
  const comparison = compared({ ...rest, image: Uint8Array.from([0xb0, 0x10, 0xe6, 0xf4]) }, { ways: ["vt+ept"] });
  expect(comparison.guests[0]!.ways.map(({ name }) => name)).toEqual(["bare", "vt+ept"]);
  expect(perSection(wayOf(comparison, "vt+ept"))).toEqual({ "whole run": 1 });
});

it("a monitor that is not equivalent is found, and what differs is said", () => {
  // PUSHF outside ring 0 shows the real interrupt flag on a machine that was built.
  const { image: _, ...rest } = markedGuest();
  const image = Uint8Array.from([0xbc, 0, 0, 0x18, 0, 0x9c, 0x58, 0xc1, 0xe8, 9, 0x24, 1, 0xe6, 0xe9, 0xe6, 0xf4]);
  const comparison = compared({ ...rest, image }, { isa: "ia32", ways: ["trap", "vt+ept"] });
  expect(comparison.guests[0]!.equivalent).toBe(false);
  expect(wayOf(comparison, "vt+ept").properties.equivalence.difference).toBeUndefined();
  expect(wayOf(comparison, "trap").properties.equivalence).toEqual({
    transcript: false,
    state: false,
    difference: expect.stringMatching(/^line 1 of what it prints is ".*" and on the bare machine ".*"$/),
  });
});

it("sections can be chosen; the marks are always subtracted", () => {
  const comparison = compared(markedGuest(), { sections: ["in"], ways: ["vt+ept"] });
  expect(perSection(wayOf(comparison, "vt+ept"))).toEqual({ nothing: 1, in: 1 });
});

it("a kind that needs a ported image is left out without one", () => {
  const ported = allWays().filter((way) => way.ported);
  const comparison = compared(markedGuest(), { ways: ported.map(({ name }) => name) });
  expect(comparison.guests[0]!.absent).toEqual(ported.map(({ name }) => ({ name, reason: "no ported image" })));
});

it("an unknown way is refused", () => {
  expect(() => compared(markedGuest(), { ways: ["xen"] })).toThrow(/^expected ways of bare, trap, .* and found xen$/);
});

it("rounds alternate and are told", () => {
  const seen: string[] = [];
  compared(markedGuest(), { ways: ["trap", "vt+ept"], rounds: 2, onProgress: (p) => seen.push(`${p.round} ${p.way}`) });
  expect(seen).toEqual([
    ...["0 bare", "0 trap", "0 vt+ept"],
    ...["1 bare", "1 trap", "1 vt+ept"],
    ...["2 vt+ept", "2 trap", "2 bare"],
  ]);
});
