/** The native vector reader, the committed sample on the machine, and proof that a wrong answer is noticed. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { Eflags } from "../../assembly/abi/x86.js";
import { ConformFileError } from "../../src/conform/conform-error.js";
import { conform, describeNative } from "../../src/conform/conform.js";
import { headOf } from "../../src/conform/instruction-key.js";
import { defaultMemory, mix, type NativeCase, NativeVectorReader } from "../../src/conform/native-vectors.js";
import { parseConformOptions } from "../../src/conform/options.js";
import { mismatchText } from "../../src/conform/report.js";
import { UserModeRunner } from "../../src/conform/user-mode-runner.js";
import { EagerTranslator } from "../translator/eager.js";

/** One in how many of the committed tests is run with the translator, which takes those whose segments are flat. */
const TRANSLATED_SHARE = 2;
const SAMPLE = fileURLToPath(new URL("../vectors/native-user.vxv.gz", import.meta.url));
const bytes = gunzipSync(readFileSync(SAMPLE));
const whole = new NativeVectorReader("sample");
let cases: NativeCase[] = [];

beforeAll(() => {
  cases = whole.push(bytes);
  whole.finish();
});

describe("native vector files", () => {
  test("the sample holds at least 100,000 tests of 16- and 32-bit code, with every way to end", () => {
    expect(cases.length).toBeGreaterThanOrEqual(100_000);
    expect(new Set(cases.map((one) => one.code32))).toEqual(new Set([true, false]));
    const vectors = new Set(cases.map((one) => one.vector));
    for (const vector of [0, 1, 3, 4, 5, 6, 11, 12, 13, 14, 17]) expect(vectors, `vector ${vector}`).toContain(vector);
  });

  test("a stream cut into pieces of any size gives the same tests", () => {
    const part = bytes.subarray(0, 60_000);
    const expected = new NativeVectorReader("one piece").push(part);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 9000 }), { minLength: 1, maxLength: 40 }), (sizes) => {
        const reader = new NativeVectorReader("pieces");
        const got: NativeCase[] = [];
        for (let at = 0, i = 0; at < part.length; i++) {
          const size = sizes[i % sizes.length]!;
          got.push(...reader.push(part.subarray(at, at + size)));
          at += size;
        }
        expect(got.length).toBe(expected.length);
        expect(got.at(-1)).toEqual(expected.at(-1));
      }),
      { numRuns: 20, seed: 3 },
    );
  });

  test("registers and memory that a record does not mention come from the mixing function", () => {
    expect([mix(1, 0), mix(1, 1), mix(0, 0)]).toEqual([0x514e28b7, mix(1, 1), 0]);
    const memory = defaultMemory(whole.environment!);
    expect(memory.length).toBe(8 * 4096);
    expect([memory[0], memory[8191]]).toEqual([0xcc, 0xcc]);
    expect(new DataView(memory.buffer).getUint32(8192, true)).toBe(mix(1 ^ 0x6d656d00, 2048));
  });

  test("a file that ends early is refused with the number of the last test", () => {
    const reader = new NativeVectorReader("short.vxv");
    reader.push(bytes.subarray(0, 5000));
    expect(() => reader.finish()).toThrow(
      /^short\.vxv: expected an end record and found the end of the file behind test \d+ at offset 0x[0-9a-f]+$/,
    );
  });

  test.each([
    ["another type", (b: Buffer) => b.write("ABCD"), 'expected "VMXV" and found "ABCD" at offset 0x0'],
    ["another version", (b: Buffer) => b.writeUInt16LE(9, 4), "expected format version 1 and found 9 at offset 0x4"],
    [
      "a window that is not aligned",
      (b: Buffer) => b.writeUInt32LE(0x200001, 36),
      "expected page-aligned windows below 0xc0000000",
    ],
    [
      "a window where the tables lie",
      (b: Buffer) => b.writeUInt32LE(0xbffff000, 36),
      "expected page-aligned windows below 0xc0000000",
    ],
    ["overlapping windows", (b: Buffer) => b.writeUInt32LE(0x00400000, 36), "expected windows that do not overlap"],
  ])("%s is refused in one sentence", (_name, damage, sentence) => {
    const file = Buffer.from(bytes.subarray(0, 5000));
    damage(file);
    expect(() => new NativeVectorReader("bad.vxv").push(file)).toThrow(sentence);
  });

  test("damaged files are refused or run, and never stop the process", () => {
    const original = bytes.subarray(0, 4000);
    const runner = new UserModeRunner(whole.environment!);
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 1352, max: 3999 }), fc.nat(255)), { minLength: 1, maxLength: 4 }),
        (edits) => {
          const file = Buffer.from(original);
          for (const [at, value] of edits) file[at] = value;
          let read: NativeCase[] = [];
          try {
            read = new NativeVectorReader("damaged").push(file);
          } catch (error) {
            expect(error).toBeInstanceOf(ConformFileError);
          }
          for (const one of read.slice(0, 20)) runner.run(one);
        },
      ),
      { numRuns: 100, seed: 11 },
    );
  });
});

describe("the machine and the CPU that recorded the sample", () => {
  test("agree on every test", { timeout: 120_000 }, () => {
    const report = conform(parseConformOptions([SAMPLE, "--show", "5"]));
    expect(report.mismatches.map((mismatch) => mismatchText(mismatch, "")).join("\n\n")).toBe("");
    expect([report.passed, report.failed, report.filtered.size]).toEqual([cases.length, 0, 0]);
  });

  test("agree through the one-instruction reference path, too", { timeout: 120_000 }, () => {
    const report = conform(parseConformOptions([SAMPLE, "--step", "--shard", "1/8", "--show", "5"]));
    expect(report.mismatches.map((mismatch) => mismatchText(mismatch, "")).join("\n\n")).toBe("");
    expect(report.passed).toBe(Math.ceil(cases.length / 8));
  });

  test("agree in translated code: a sample of the tests that no single-step trap ends", { timeout: 120_000 }, () => {
    const sample = cases.filter((one, n) => one.code32 && (one.eflags & Eflags.TF) === 0 && n % TRANSLATED_SHARE === 0);
    let translator: EagerTranslator | undefined;
    const runner = new UserModeRunner(whole.environment!, { translateRegion: (block) => translator?.translate(block) });
    translator = new EagerTranslator(runner.core);
    const wrong = sample.flatMap((one) =>
      runner.run(one).map((difference) => ({ code: Buffer.from(one.code).toString("hex"), ...difference })),
    );
    expect(wrong.slice(0, 20)).toEqual([]);
    expect(translator.regions).toBeGreaterThan(1_500);
  });

  test("a changed expectation is noticed, whatever it is", () => {
    const runner = new UserModeRunner(whole.environment!);
    const good = cases.find((one) => headOf(one.code).key === "01" && one.vector === 1 && one.writes.length === 1)!;
    expect(runner.run(good)).toEqual([]);
    const differs = (change: Partial<NativeCase>) => runner.run({ ...good, ...change }).map((one) => one.what);
    const general = good.finalGeneral.slice();
    general[3] ^= 0x80000000;
    expect(differs({ finalGeneral: general })).toEqual(["ebx"]);
    expect(differs({ finalEflags: good.finalEflags ^ 1 })).toEqual(["eflags"]);
    expect(differs({ finalEip: good.finalEip + 1 })).toEqual(["eip"]);
    expect(differs({ vector: 13 })).toContain("vector");
    expect(differs({ finalSegments: Uint16Array.from([0, 0x23, 0x2b, 0x2b, 0, 0]) })).not.toEqual([]);
    expect(differs({ writes: [] })[0]).toMatch(/^memory /);
    expect(runner.run(good), "the machine is as before after a mismatch").toEqual([]);
  });

  test("a mismatch names bytes, state, expected and got", () => {
    const text = mismatchText(
      {
        ...describeNative(cases[0]!),
        ...{ file: "f", key: "00", differences: [{ what: "eax", expected: "1", got: "2" }] },
      },
      "add",
    );
    expect(text).toMatch(
      /^f test 0, 00, (16|32)-bit code: [0-9a-f ]+ {2}add\n {2}eax=.*\n[\s\S]*\n {2}eax {2}expected 1, got 2$/,
    );
  });
});
