/** MOO tests on the machine: what passes, what is noticed, and the 286 profile. */
import { describe, expect, test } from "vitest";
import { ByteReader } from "../../src/conform/byte-reader.js";
import { parseMoo } from "../../src/conform/moo.js";
import { adapt286, filter286 } from "../../src/conform/profile-286.js";
import { type RealModeRules, RealModeRunner } from "../../src/conform/real-mode-runner.js";
import type { RealModeCase } from "../../src/conform/test-case.js";
import { codeAt, type MooTest, mooFile, R, realState } from "./helpers.js";

const RULES: RealModeRules = { is286: true, masks: undefined };
const runner = new RealModeRunner();

function read(...tests: MooTest[]): RealModeCase[] {
  return parseMoo(new ByteReader("t", mooFile(tests))).tests;
}

function run(test: MooTest, rules = RULES): { what: string[]; notes: string[] } {
  const [result] = runner.runBatch(read(test), rules);
  return { what: result!.differences.map((difference) => difference.what), notes: result!.notes };
}

/** ADD [0020h], CL on DS:0020 holding 81. */
const ADD: MooTest = {
  bytes: [0x00, 0x0e, 0x20, 0x00],
  initial: realState({ cx: 0x80 }),
  final: { [R.ip]: 0x15, [R.flags]: 0x803 },
  initialRam: [...codeAt([0x00, 0x0e, 0x20, 0x00]), [0x30020, 0x81]],
  finalRam: [[0x30020, 0x01]],
};

/** A test that faults through vector `vector` with handler 5000:0100, frame at 2000:00FA. */
function faulting(bytes: number[], vector: number, state: Parameters<typeof realState>[0] = {}): MooTest {
  const sp = state.sp ?? 0x100;
  const frame = 0x20000 + ((sp - 6) & 0xffff);
  return {
    bytes,
    initial: realState(state),
    final: { [R.cs]: 0x5000, [R.ip]: 0x101, [R.sp]: (sp - 6) & 0xffff, [R.flags]: 2 },
    initialRam: [
      ...codeAt(bytes),
      ...([0x00, 0x01, 0x00, 0x50] as const).map((value, i): [number, number] => [vector * 4 + i, value]),
      [0x50100, 0xf4],
    ],
    finalRam: [0x10, 0x00, 0x00, 0x10, 0x02, 0x00].map((value, i): [number, number] => [frame + i, value]),
    exception: { vector, flagsAddress: frame + 4 },
  };
}

describe("real-mode tests", () => {
  test("a right expectation passes", () => {
    expect(run(ADD)).toEqual({ what: [], notes: [] });
  });

  test("wrong registers, flags, memory and ends are noticed by name", () => {
    expect(run({ ...ADD, final: { ...ADD.final, [R.ax]: 1 } }).what).toEqual(["eax"]);
    expect(run({ ...ADD, final: { ...ADD.final, [R.flags]: 0x802 } }).what).toEqual(["eflags"]);
    expect(run({ ...ADD, final: { ...ADD.final, [R.ds]: 1 } }).what).toEqual(["ds"]);
    expect(run({ ...ADD, finalRam: [] }).what).toEqual(["memory 030020"]);
    expect(
      run({
        ...ADD,
        initialRam: [
          [0x10010, 0xeb],
          [0x10011, 0xfe],
        ],
      }).what,
    ).toContain("end of test");
    expect(run(ADD).what, "the machine is as before after failures").toEqual([]);
  });

  test("a write that the test does not mention is found in the middle of a batch", () => {
    const quiet: MooTest = {
      ...ADD,
      initialRam: codeAt([0x00, 0x0e, 0x20, 0x00]),
      finalRam: [],
      final: { [R.ip]: 0x15, [R.flags]: 0x82 },
    };
    const elsewhere: MooTest = {
      ...quiet,
      initial: realState({ cx: 0x80, ds: 0x3010 }),
      finalRam: [[0x30120, 0x80]],
    };
    const results = runner.runBatch(read(ADD, quiet, elsewhere), RULES);
    expect(results.map((one) => one.differences.map((difference) => difference.what))).toEqual([
      [],
      ["memory 030020"],
      [],
    ]);
  });

  test("undefined flags and masked flags are not compared", () => {
    const and: MooTest = {
      bytes: [0x20, 0xc8],
      initial: realState({ ax: 3, cx: 1 }),
      final: { [R.ax]: 1, [R.ip]: 0x13, [R.flags]: 0x12 },
      initialRam: codeAt([0x20, 0xc8]),
    };
    expect(run(and).what).toEqual([]);
    const add: MooTest = { ...ADD, final: { [R.ip]: 0x15, [R.flags]: 0x2 } };
    expect(run(add).what).toEqual(["eflags"]);
    expect(run(add, { is286: true, masks: new Map([["00", 0xf7fe]]) }).what).toEqual([]);
  });

  test("an exception ends at its handler, with its frame", () => {
    const divide = faulting([0xf6, 0xf1], 0);
    expect(run(divide)).toEqual({ what: [], notes: [] });
    const wrong: MooTest = { ...divide, finalRam: [...divide.finalRam!.slice(1), [0x200fa, 0x12]] };
    expect(run(wrong).what).toEqual(["memory 0200fa"]);
  });
});

describe("facts that are true of the 286 alone", () => {
  const filterOf = (bytes: number[], final: Record<number, number> = {}) =>
    filter286(read({ bytes, initial: realState({}), final: { [R.ip]: 0, ...final } })[0]!);

  test.each([
    [[0x0f, 0x00, 0xc0], "newer-opcode"],
    [[0xd8, 0xc0], "newer-opcode"],
    [[0x9b], "newer-opcode"],
    [[0x64, 0x90], "newer-opcode"],
    [[0x8e, 0xe0], "fs-gs"],
    [[0x8c, 0xe8], "fs-gs"],
    [[0xf0, 0x90], "lock"],
    [[0xf0, 0x00, 0xc0], "lock"],
    [[0xf0, 0x39, 0x07], "lock"],
    [new Array(11).fill(0x3e), "length"],
  ])("%j is left out: %s", (bytes, note) => {
    expect(filterOf(bytes)).toBe(note);
  });

  test.each([[[0x90]], [[0xf0, 0x00, 0x07]], [[0xf0, 0xff, 0x07]], [[0x8e, 0xd8]], [[0x8e, 0xf0]]])(
    "%j is run",
    (bytes) => {
      expect(filterOf(bytes)).toBeUndefined();
    },
  );

  test("IDIV r/m8 that ends with -128 is left out, with another quotient it is run", () => {
    expect(filterOf([0xf6, 0xf9], { [R.ax]: 0x0180 })).toBe("idiv-minimum");
    expect(filterOf([0xf6, 0xf9], { [R.ax]: 0x0181 })).toBeUndefined();
  });

  test("a stack fault is expected as vector 12, and vector 13 would be noticed", () => {
    // LEAVE with BP = FFFF: the word wraps.
    const leave = faulting([0xc9], 13, { bp: 0xffff });
    expect(run(leave)).toEqual({ what: [], notes: ["stack-fault"] });
    // The same through DS stays vector 13.
    const load = faulting([0x8b, 0x04], 13, { si: 0xffff });
    expect(run(load)).toEqual({ what: [], notes: [] });
    const adapted = adapt286(read(leave)[0]!).test;
    expect(adapted.initialRam.addresses.filter((address) => address >= 0x30 && address < 0x38)).toEqual([
      0x30, 0x31, 0x32, 0x33,
    ]);
  });

  test("a string instruction that faults is expected to leave its index registers alone", () => {
    const lods = faulting([0xad], 13, { si: 0xffff });
    lods.final[R.si] = 1;
    expect(run(lods)).toEqual({ what: [], notes: ["string-fault"] });
    const repeated = faulting([0xf3, 0xab], 13, { di: 0xfffb, cx: 9, ax: 0x1234 });
    repeated.final = { ...repeated.final, [R.di]: 1, [R.cx]: 5 };
    const stored: [number, number][] = [
      [0x4fffb, 0x34],
      [0x4fffc, 0x12],
      [0x4fffd, 0x34],
      [0x4fffe, 0x12],
    ];
    repeated.finalRam = [...repeated.finalRam!, ...stored];
    expect(run(repeated)).toEqual({ what: [], notes: ["string-fault"] });
  });

  test("FLAGS bits 12 to 14 are not compared", () => {
    expect(
      run({ ...ADD, initial: realState({ cx: 0x80, flags: 0xf002 }), final: { ...ADD.final, [R.flags]: 0x8803 } }).what,
    ).toEqual([]);
  });
});
