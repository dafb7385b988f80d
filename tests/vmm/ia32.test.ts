/**
 * Where theory says that equivalence fails: sensitive instructions that do not trap show a deprivileged guest the wrong
 * machine (Robin & Irvine 2000). Which lines of the guests' transcripts come out wrong, and what they say, is fixed here;
 * on `strict` none does.
 */
import { describe, expect, test } from "vitest";
import type { MachineConfig } from "../../src/index.js";
import { atOnce, runGuest } from "../lockstep/guest-runs.js";
import { bare, ENGINES, guest } from "./ways.js";

type Isa = NonNullable<MachineConfig["isa"]>;

/** The lines that differ from the bare machine's, as a guest deprivileged on `isa` prints them. */
function wrongLines(name: string, isa: Isa, engine: (typeof ENGINES)[number]): string[] {
  const run = guest(name);
  const expected = bare(run, { isa }, atOnce).transcript.split("\n");
  const found = runGuest(run, engine, atOnce, { vmm: "trap", isa }).transcript.split("\n");
  expect(found.length).toBe(expected.length);
  return found.filter((line, i) => line !== expected[i]).map((line) => line.trimEnd().replaceAll(/ {2,}/g, " "));
}

/** Table registers, which UMIP makes trap: the monitor's own are seen. In this column order: ring 0, ring 3. */
const TABLES = [
  "SGDT base ffc00000 ffc00000",
  "SGDT limit 0000ffff 0000ffff",
  "SIDT base ffc20000 ffc20000",
  "SLDT 0000ffe8 0000ffe8",
  "STR 0000fff0 0000fff0",
];

/**
 * POPF and IRET change IF and IOPL without a trap or leave them alone without one; PUSHF shows the real ones. What IRET to
 * ring 3 should have set is missing in the virtual flags, so user code sees IF = 0 wherever the monitor looks at them.
 */
const flags = (user: string) => [
  `PUSHFD: IF, IOPL, NT 00000200 ${user}`,
  `POPFD of IF = 1, IOPL = 3 00000200 ${user}`,
  `POPFD of IF = 0, IOPL = 0 00000200 ${user}`,
  `IRETD with IF = 1, IOPL = 3 00000200 ${user}`,
  `IRETD with IF = 0, IOPL = 0 00000200 ${user}`,
  "CLI, then PUSHFD 00000200 #13(0000)",
];

/** CS and SS, their copies, and access rights: ring 1 shows. */
const SELECTORS = [
  "PUSH CS 00000009 0000001b",
  "PUSH SS 00000011 00000023",
  "MOV r32, CS 00000009 0000001b",
  "MOV r32, SS 00000011 00000023",
  "FNSTENV: CS of FLD1 00000009 0000001b",
  "FNSAVE: CS of FLD1 00000009 0000001b",
  "LAR of ring 0 data 0040b300 fff0ffff",
  "LSS of ring 0 data 00000011 #13(0010)",
  "CALL far: pushed CS 00000009 0000001b",
  "JMP far to ring 0 code 00000009 #13(0008)",
  "RETF to ring 0 code 00000009 #13(0008)",
  "CALL to conforming code: CS 00000041 00000043",
  "INT by an open gate: pushed flags 00000000 00000000",
  "SYSENTER: CS 00000009 00000009",
];

describe.each(ENGINES)("%s", (engine) => {
  test("sensitive on ia32 sees the monitor in every sensitive instruction that does not trap", () => {
    expect(wrongLines("sensitive", "ia32", engine)).toEqual([...TABLES, ...flags("00000200"), ...SELECTORS]);
  });

  test("sensitive on umip sees the monitor in all of them but the table registers", () => {
    expect(wrongLines("sensitive", "umip", engine)).toEqual([...flags("00000000"), ...SELECTORS]);
  });

  test.each(["ia32", "umip"] as const)("privilege on %s misses an IRET that should have set IOPL", (isa) => {
    expect(wrongLines("privilege", isa, engine)).toEqual([
      "FAIL: IOPL 3: CLI and IN in ring 3: expected vector 129 error 00000000 eip ffffffff, found vector 13 error 00000000 eip 00100d15",
      "FAIL: IOPL 3: PUSHFD shows it: expected 00003000, found 00000000",
      "privilege: 36 checks, 2 failed",
    ]);
  });

  test.each(["sensitive", "privilege"])("%s on strict sees a bare ia32", (name) => {
    const run = guest(name);
    expect(runGuest(run, engine, atOnce, { vmm: "trap", isa: "strict" })).toEqual(bare(run, { isa: "ia32" }, atOnce));
  });
});
