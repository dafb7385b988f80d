/** What a run under a monitor tells: two sentences, a table with `--stats`, and a timeline that Perfetto can read. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { grouped, percent } from "../../src/report/numbers.js";
import { Timeline, Track } from "../../src/vmm/timeline.js";
import { inRoot, testFolder, vmexit } from "./vmexit.js";

const files = testFolder();
const HELLO = inRoot("roms/hello.elf");
const MINIKERNEL = inRoot("roms/minikernel.elf");

describe("a run under a monitor", () => {
  it("ends with what the monitor did, in words that depend on the run alone", async () => {
    const bare = await vmexit("run", HELLO);
    const { code, stdout, stderr } = await vmexit("run", HELLO, "--vmm", "vt", "--mmu", "ept");
    expect({ code, stdout }).toEqual({ code: bare.code, stdout: bare.stdout });
    expect(stderr).toMatch(
      /^vmexit: under vt with EPT, \d\d\.\d\d % of [\d,]+ instructions and events ran without the monitor\nvmexit: (\d+) exits: IO_INSTRUCTION \1\n$/,
    );
  });

  it("says nothing of it with --json, which has it all", async () => {
    const { stdout, stderr } = await vmexit("run", HELLO, "--vmm", "vt", "--json");
    expect(stderr).toBe("");
    const { vmm } = JSON.parse(stdout.trimEnd().split("\n").at(-1)!);
    expect(vmm).toMatchObject({ interpreted: 0, exits: [{ cause: "IO_INSTRUCTION", count: vmm.emulated }] });
    expect(vmm.exits[0].ticks).toBe(vmm.direct);
  });

  it.each([
    ["vt on EPT", ["--vmm", "vt"], "the guest under vt with EPT", "entries read in the EPT"],
    [
      "trap",
      ["--vmm", "trap", "--isa", "strict"],
      "the guest under trap with shadow page tables",
      "shadow tables made",
    ],
  ])("--stats is a table without empty rows: %s", async (_name, args, heading, counter) => {
    const { stderr } = await vmexit("run", MINIKERNEL, "--stats", ...args);
    const table = stderr.slice(stderr.indexOf("\n\n") + 2);
    expect(table).toContain(heading);
    expect(table).toContain(counter);
    expect(table).toMatch(/ {2}exits +count +share +ran before +monitor took\n/);
    expect(table).not.toMatch(/ 0$/m);
    const parts = table.split(/\n(?= {2}\S)/).slice(1);
    for (const part of parts) {
      const rows = part.split("\n").filter((line) => line !== "" && !line.trimStart().startsWith("("));
      expect(new Set(rows.map(({ length }) => length)).size).toBe(1);
    }
  });
});

describe("--timeline", () => {
  it("is Trace Event JSON: stretches in order, one instant an exit", async () => {
    const file = files.path("timeline.json");
    const { code } = await vmexit(
      "run",
      MINIKERNEL,
      "--vmm",
      "hybrid",
      "--timeline",
      file,
      `--json=${files.path("s")}`,
    );
    expect(code).toBe(0);
    const { traceEvents } = JSON.parse(readFileSync(file, "utf8"));
    const { vmm } = JSON.parse(readFileSync(files.path("s"), "utf8"));
    const ends = new Map<number, number>();
    const ran = new Map<number, number>();
    let exits = 0;
    for (const event of traceEvents) {
      expect(event).toMatchObject({ name: expect.any(String), ph: expect.stringMatching(/^[MXi]$/), pid: 1 });
      if (event.ph === "M") continue;
      expect(Number.isSafeInteger(event.ts) && event.ts >= 0).toBe(true);
      if (event.ph === "i") {
        expect(event).toMatchObject({ s: "t", tid: Track.EXITS, args: { nanoseconds: expect.any(Number) } });
        exits++;
        continue;
      }
      expect(event.dur).toBeGreaterThan(0);
      expect(event.ts).toBeGreaterThanOrEqual(ends.get(event.tid) ?? 0);
      ends.set(event.tid, event.ts + event.dur);
      ran.set(event.tid, (ran.get(event.tid) ?? 0) + event.dur);
    }
    expect(exits).toBe(vmm.exits.reduce((sum: number, exit: { count: number }) => sum + exit.count, 0));
    expect([ran.get(Track.DIRECT), ran.get(Track.INTERPRETED)]).toEqual([vmm.direct, vmm.interpreted]);
  });

  it.each<[string, string[], number, RegExp]>([
    ["no monitor", [], 64, /^vmexit: --timeline: expected a monitor, --vmm trap, bt, vt or hybrid, and found none\n$/],
    ["a folder that is not there", ["--vmm", "vt"], 74, /^vmexit: cannot write [^\n]+\n$/],
  ])("refuses %s", async (_name, args, exitCode, sentence) => {
    const { code, stdout, stderr } = await vmexit("run", HELLO, "--timeline", files.path("no/where"), ...args);
    expect([code, stdout]).toEqual([exitCode, ""]);
    expect(stderr).toMatch(sentence);
  });

  it("joins what only a device's deadline parted", () => {
    const timeline = new Timeline();
    timeline.ran(Track.DIRECT, 0, 10);
    timeline.ran(Track.DIRECT, 10, 15);
    timeline.exit(15, "CPUID", 1000.4);
    timeline.ran(Track.DIRECT, 15, 15);
    timeline.ran(Track.DIRECT, 15, 20);
    const events = JSON.parse(timeline.toJson("x")).traceEvents.filter(({ ph }: { ph: string }) => ph !== "M");
    expect(events.map(({ name, ts, dur }: Record<string, unknown>) => [name, ts, dur])).toEqual([
      ["direct", 0, 15],
      ["direct", 15, 5],
      ["CPUID", 15, undefined],
    ]);
  });
});

it("numbers for people", () => {
  expect([0, 999, 1000, 1234567].map(grouped)).toEqual(["0", "999", "1,000", "1,234,567"]);
  expect([percent(1, 3), percent(1, 1e9), percent(0, 5), percent(5, 5), percent(99999999, 1e8)]).toEqual([
    "33.33 %",
    "< 0.01 %",
    "0.00 %",
    "100 %",
    "99.99 %",
  ]);
});
