/** `vmexit compare` as a user runs it: tables that fit a terminal, JSON and CSV, exit codes, errors in one sentence. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { inRoot, testFolder, vmexit } from "./vmexit.js";

const files = testFolder();
const HELLO = inRoot("roms/hello.elf");

describe("vmexit compare", () => {
  it("prints tables of at most 120 columns", async () => {
    const { code, stdout, stderr } = await vmexit("compare", HELLO, "--rounds", "1");
    expect([code, stderr]).toEqual([0, ""]);
    const [first, ...lines] = Buffer.from(stdout, "latin1").toString("utf8").trimEnd().split("\n");
    expect(first).toBe(`${HELLO}: engine translator, lower quartile of 1 rounds, ± the distance to the fastest`);
    expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(120);
    expect(stdout).toMatch(/^ +trap .* vt\+shadow +vt\+ept +hybrid/m);
    expect(stdout).toMatch(/^vt\+ept +output, end and state as bare +\d+ attempts +\d\d\.\d\d %$/m);
  });

  it("--json has everything, in place of the tables or in a file", async () => {
    const file = files.path("comparison.json");
    const args = ["compare", HELLO, "--rounds", "2", "--vmm", "vt+ept", "--engine", "interpreter"];
    const { stdout } = await vmexit(...args, "--json");
    const comparison = JSON.parse(stdout);
    expect(comparison).toMatchObject({ engine: "interpreter", guests: [{ name: HELLO, rounds: 2, equivalent: true }] });
    expect(comparison.guests[0].ways.map(({ name }: { name: string }) => name)).toEqual(["bare", "vt+ept"]);
    const [section] = comparison.guests[0].ways[1].sections;
    expect(section).toMatchObject({ name: "whole run", operations: 1 });
    expect(section.time.rounds).toHaveLength(2);
    expect((await vmexit(...args, `--json=${file}`)).stdout).toContain("host time of one operation");
    expect(JSON.parse(readFileSync(file, "utf8")).guests).toHaveLength(1);
  });

  it("--html writes a page, and the tables are printed", async () => {
    const file = files.path("page.html");
    const { stdout } = await vmexit("compare", HELLO, "--rounds", "1", "--vmm", "vt+ept", "--html", file);
    expect(stdout).toContain("host time of one operation");
    expect(readFileSync(file, "utf8")).toMatch(/^<!DOCTYPE html>.*What virtualization costs: hello\.elf.*<\/html>\n$/s);
  });

  it("--csv is a line for each quantity", async () => {
    const { stdout } = await vmexit("compare", HELLO, "--rounds", "1", "--vmm", "vt+ept", "--csv");
    const [head, ...lines] = stdout.trimEnd().split("\n");
    expect(head).toBe("guest,way,section,operations,quantity,of,value");
    expect(lines.some((line) => /,vt\+ept,whole run,1,exit,IO_INSTRUCTION,\d+$/.test(line))).toBe(true);
    expect(new Set(lines.map((line) => line.split(",").length))).toEqual(new Set([7]));
  });

  it("--cost adds modelled cycles; a preset, a file or the list of all", async () => {
    const args = ["compare", HELLO, "--rounds", "1", "--vmm", "vt+shadow"];
    const { stdout } = await vmexit(...args, "--cost", "pentium4");
    expect(stdout).toContain("modelled cycles of one operation on a Pentium 4 (Prescott)");
    const file = files.write("cost.json", '{"name": "mine", "base": "merom", "cycles": {"exitPort": 0}}');
    const { cost } = JSON.parse((await vmexit(...args, "--cost", file, "--json")).stdout);
    expect(cost.model.figures.exitPort).toEqual({ value: 0, source: "the cost file" });
    expect(cost.guests[0].cycles["vt+shadow"]["whole run"].crossings).toBeGreaterThan(0);
    const list = await vmexit("compare", "--cost", "list");
    expect(list.stdout).toMatch(/^broadwell: Broadwell, 2014$/m);
  });

  it("a monitor that is not equivalent has an exit code of its own", async () => {
    const args = ["compare", inRoot("roms/sensitive.elf"), "--isa", "ia32", "--vmm", "trap", "--rounds", "1"];
    const { code, stdout } = await vmexit(...args);
    expect(code).toBe(108);
    expect(stdout).toMatch(/^trap differs: line \d+ of what it prints is ".+" and on the bare machine ".+"$/m);
  });

  it.each<[string, string[], number, RegExp]>([
    ["no guest", [], 64, /expected a guest to compare/],
    ["an unknown way", [HELLO, "--vmm", "kvm"], 64, /--vmm: expected ways of bare, trap, .*hybrid.* and found "kvm"$/],
    ["an empty list", [HELLO, "--vmm", "trap,"], 64, /--vmm: expected names with commas .* and found "trap,"$/],
    ["no rounds", [HELLO, "--rounds", "0"], 64, /--rounds: expected a number from 1 to 100 and found "0"$/],
    ["a section nobody has", [HELLO, "--only", "x", "--rounds", "1"], 64, /--only: no guest marks a section "x"$/],
    ["an unknown model", [HELLO, "--cost", "p5"], 64, /--cost: expected pentium4, .* and found "p5"$/],
    ["a broken model", [HELLO, "--cost", HELLO], 64, /--cost .*: expected JSON and found something else/],
    ["two forms on stdout", [HELLO, "--json", "--csv"], 64, /--json and --csv exclude each other without a file$/],
    ["a page that cannot be written", [HELLO, "--html", files.path("no/where.html")], 74, /cannot write .*where\.html/],
    ["a missing guest", ["no.elf"], 66, /cannot read image no\.elf/],
  ])("refuses %s in one sentence", async (_name, args, exitCode, sentence) => {
    const { code, stdout, stderr } = await vmexit("compare", ...args);
    expect(stderr).toMatch(/^vmexit: [^\n]+\n$/);
    expect(stderr.trimEnd()).toMatch(sentence);
    expect([code, stdout]).toEqual([exitCode, ""]);
  });
});
