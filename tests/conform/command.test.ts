/** `vmexit conform` as a command: options, filters, shards, JSON, and one sentence for whatever is wrong. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, afterEach, describe, expect, test, vi } from "vitest";
import { parseMaskFile } from "../../src/conform/mask-file.js";
import { conformCommand } from "../../src/cli/conform-command.js";
import { headOf } from "../../src/conform/instruction-key.js";
import { UNDEFINED_FLAGS, undefinedFlags } from "../../src/conform/undefined-flags.js";
import { codeAt, type MooTest, mooFile, R, realState } from "./helpers.js";

const folder = mkdtempSync(join(tmpdir(), "conform-"));
afterAll(() => rmSync(folder, { recursive: true }));

const inc = (flags: number): MooTest => ({
  bytes: [0x40],
  initial: realState({}),
  final: { [R.ax]: 1, [R.ip]: 0x12, [R.flags]: flags },
  initialRam: codeAt([0x40]),
});
const and: MooTest = {
  bytes: [0x81, 0xe0, 1, 0],
  initial: realState({ ax: 3 }),
  final: { [R.ax]: 1, [R.ip]: 0x15, [R.flags]: 2 },
  initialRam: codeAt([0x81, 0xe0, 1, 0]),
};
const file = (name: string, bytes: Uint8Array | string) => {
  writeFileSync(join(folder, name), bytes);
  return join(folder, name);
};
const GOOD = file("good.MOO.gz", gzipSync(mooFile([inc(2), and, inc(2)])));
const BAD = file("bad.MOO", mooFile([inc(3), inc(2)]));

let stdout = "";
let stderr = "";
vi.spyOn(process.stdout, "write").mockImplementation((text) => {
  stdout += String(text);
  return true;
});
vi.spyOn(process.stderr, "write").mockImplementation((text) => {
  stderr += String(text);
  return true;
});
afterEach(() => {
  stdout = "";
  stderr = "";
});

describe("vmexit conform", () => {
  test("tests that agree: a table per opcode, totals, code 0", async () => {
    expect(await conformCommand([GOOD])).toBe(0);
    expect(stdout).toMatch(/^40 +2 +0 +0 ok/m);
    expect(stdout).toMatch(/81\.4 +1 +0 +0 ok/);
    expect(stdout).toMatch(/3 tests in 1 files: 3 passed, 0 failed, 0 left out/);
  });

  test("a mismatch is shown in full, with disassembly, and the code is 1", async () => {
    expect(await conformCommand([BAD, "--show", "1"])).toBe(1);
    expect(stdout).toMatch(/bad\.MOO test 0, 40, 16-bit code: 40 {2}inc ax/);
    expect(stdout).toContain("eflags  expected 00000001 [CF], got 00000000 []");
    expect(stdout).toMatch(/^mismatches in: 40 \(1\)$/m);
  });

  test("a directory is read in name order and --json is one object", async () => {
    expect(await conformCommand([folder, "--json"])).toBe(1);
    const report = JSON.parse(stdout);
    expect(report).toMatchObject({
      files: 2,
      passed: 4,
      failed: 1,
      opcodes: { "40": { passed: 3, failed: 1, filtered: 0 } },
    });
    expect(report.mismatches[0]).toMatchObject({ index: 0, key: "40", bytes: "40" });
  });

  test("shards are disjoint and complete", async () => {
    const passed = async (shard: string) => {
      stdout = "";
      await conformCommand([GOOD, "--json", "--shard", shard]);
      return JSON.parse(stdout).passed as number;
    };
    expect([await passed("1/2"), await passed("2/2")]).toEqual([2, 1]);
  });

  test("--opcode takes a key or a whole group", async () => {
    const passed = async (...args: string[]) => {
      stdout = "";
      await conformCommand([GOOD, "--json", ...args]);
      return JSON.parse(stdout).passed as number;
    };
    expect(await passed("--opcode", "40")).toBe(2);
    expect(await passed("--opcode", "81")).toBe(1);
    expect(await passed("--opcode", "81.4,40")).toBe(3);
    expect(await conformCommand([GOOD, "--opcode", "F7"])).toBe(64);
  });

  test("--mask and a metadata.json beside the tests say which flags count", async () => {
    const masks = JSON.stringify({ opcodes: { "40": { "flags-mask": 0xfffe } } });
    expect(await conformCommand([BAD, "--mask", file("masks.json", masks)])).toBe(0);
    const metadata = file("metadata.json", masks);
    expect(await conformCommand([BAD])).toBe(0);
    rmSync(metadata);
    expect(await conformCommand([BAD])).toBe(1);
  });

  test.each([
    [[], 64, "conform: expected at least one file or directory with tests and found none"],
    [["x", "--shard", "3/2"], 64, '--shard: expected I/N with 1 <= I <= N (such as 2/8) and found "3/2"'],
    [["x", "--opcode", "zz"], 64, '--opcode: expected an instruction such as 01, 0FA4, F7 or F7.6 and found "zz"'],
    [["x", "--show", "-1"], 64, "conform: "],
    [["x", "--frobnicate"], 64, "conform: Unknown option '--frobnicate'; see vmexit help conform"],
    [[join(folder, "missing")], 66, "missing: expected a file or directory and found nothing"],
    [
      [file("empty.bin", "")],
      65,
      'empty.bin: expected a MOO file ("MOO ") or native vectors ("VMXV") and found an empty file at offset 0x0',
    ],
    [[file("broken.gz", Uint8Array.of(0x1f, 0x8b, 1, 2))], 65, "broken.gz: expected gzip data: "],
    [[GOOD, "--mask", file("notjson.txt", "{")], 65, "notjson.txt: expected JSON: "],
    [[GOOD, "--mask", file("list.txt", "[]")], 65, 'list.txt: expected an object with a member "opcodes"'],
  ])("%j: code %i and one sentence", async (args, code, sentence) => {
    expect(await conformCommand(args as string[])).toBe(code);
    expect(stderr).toContain(sentence);
    expect(stderr.trimEnd().split("\n")).toHaveLength(1);
  });
});

describe("undefined flags", () => {
  test("every row has keys, flags and the manual's reason", () => {
    for (const row of UNDEFINED_FLAGS) {
      expect(row.keys.length).toBeGreaterThan(0);
      expect(row.flags & ~0x8d5).toBe(0);
      expect(row.reason).toMatch(/(un)?defined/);
    }
  });

  test.each([
    ["and al, 1", [0x24, 1], 0, 0x10],
    ["add al, 1", [0x04, 1], 0, 0],
    ["shl al, 1", [0xd0, 0xe0], 0, 0x10],
    ["shl al, cl (0)", [0xd2, 0xe0], 32, 0],
    ["shl al, cl (7)", [0xd2, 0xe0], 7, 0x810],
    ["shl al, cl (8)", [0xd2, 0xe0], 8, 0x811],
    ["sar al, cl (9)", [0xd2, 0xf8], 9, 0x810],
    ["rol eax, 3", [0xc1, 0xc0, 3], 0, 0x800],
    ["shl ax, 16", [0x66, 0xc1, 0xe0, 16], 0, 0x811],
    ["shld eax, edx, 1", [0x0f, 0xa4, 0xd0, 1], 0, 0x10],
  ])("%s", (_text, code, cl, expected) => {
    const bytes = Uint8Array.from(code);
    const head = headOf(bytes);
    expect(undefinedFlags(head, bytes, cl, head.operandSizePrefix ? 16 : 32)).toBe(expected);
  });

  test("masks are read for opcodes and for members of groups, and nonsense is refused", () => {
    const masks = parseMaskFile(
      "m",
      '{"opcodes":{"08":{"flags-mask":65519},"f6":{"reg":{"4":{"flags-mask":1}}},"00":{}}}',
    );
    expect([...masks]).toEqual([
      ["08", 65519],
      ["F6.4", 1],
    ]);
    expect(() => parseMaskFile("m", '{"opcodes":{"08":{"flags-mask":"x"}}}')).toThrow(
      'm: expected a whole number as flags-mask of opcode 08 and found "x"',
    );
    expect(() => parseMaskFile("m", '{"opcodes":{"08":3}}')).toThrow("m: expected an object for opcode 08 and found 3");
  });
});
