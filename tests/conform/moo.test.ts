/** The MOO reader: both register layouts, merging of changes, masks, and what it refuses. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ByteReader } from "../../src/conform/byte-reader.js";
import { ConformFileError } from "../../src/conform/conform-error.js";
import { parseMoo } from "../../src/conform/moo.js";
import { codeAt, mooFile, R, realState } from "./helpers.js";

const parse = (bytes: Uint8Array) => parseMoo(new ByteReader("file.MOO", bytes));
const ADD = {
  bytes: [0x00, 0xc8],
  initial: realState({ ax: 0x1280, cx: 0x80 }),
  final: { [R.ax]: 0x1200, [R.ip]: 0x13, [R.flags]: 0x847 },
  initialRam: codeAt([0x00, 0xc8]),
};

describe("MOO files", () => {
  test("final registers are the initial ones with the changes", () => {
    const { cpu, tests } = parse(mooFile([ADD]));
    expect(cpu).toBe("C286");
    const [one] = tests;
    expect(one!.bytes).toEqual(Uint8Array.of(0x00, 0xc8));
    expect(one!.initial.general[0]).toBe(0x1280);
    expect(one!.final.general).toEqual([0x1200, 0x80, 0, 0, 0x100, 0, 0, 0]);
    expect(one!.final.segments).toEqual([0x4000, 0x1000, 0x2000, 0x3000, 0, 0]);
    expect([one!.final.eip, one!.final.eflags, one!.wide]).toEqual([0x13, 0x847, false]);
  });

  test("32-bit registers and masks of version 1.1 are read in their own order", () => {
    const initial = { 0: 0x10, 2: 0x11111111, 9: 0x9999, 16: 0x100, 17: 2, 18: 0xffff0ff0 };
    const file = mooFile([{ bytes: [0x90], initial, final: { 16: 0x102 }, mask: { 17: 0xffff } }], "386E", true, 1);
    const [one] = parse(file).tests;
    expect(one!.wide).toBe(true);
    expect([one!.initial.cr0, one!.initial.general[0], one!.initial.general[4], one!.initial.dr6]).toEqual([
      0x10, 0x11111111, 0x9999, 0xffff0ff0,
    ]);
    expect(one!.finalMask!.eflags).toBe(0xffff);
    expect(one!.finalMask!.general[0]).toBe(0xffffffff);
  });

  test("a final state without registers is refused, with the offset", () => {
    const file = mooFile([ADD]);
    const at = Buffer.from(file).lastIndexOf("REGS");
    file.set(Buffer.from("XXXX"), at);
    expect(() => parse(file)).toThrow(
      /^file\.MOO: expected a REGS or RG32 chunk in a CPU state and found none at offset 0x[0-9a-f]+$/,
    );
  });

  test.each([
    [
      "another file type",
      (b: Buffer) => b.write("ELF!"),
      'expected a MOO file to begin with "MOO " and found "ELF!" at offset 0x0',
    ],
    ["another version", (b: Buffer) => b.writeUInt8(2, 8), "expected MOO version 1 and found 2.0 at offset 0x8"],
    [
      "a wrong test count",
      (b: Buffer) => b.writeUInt8(7, 12),
      "expected 7 tests, as the first chunk says, and found 1 at offset 0xc",
    ],
    [
      "a chunk that is too long",
      (b: Buffer) => b.writeUInt32LE(1e9, b.indexOf("TEST") + 4),
      /expected 1000000000 bytes for chunk "TEST" and found \d+ at offset/,
    ],
    [
      "a count of memory bytes that is too big",
      (b: Buffer) => b.writeUInt32LE(0xffffffff, b.indexOf("RAM ") + 8),
      /bytes for 4294967295 memory bytes/,
    ],
  ])("%s is refused in one sentence", (_name, damage, sentence) => {
    const file = Buffer.from(mooFile([ADD]));
    damage(file);
    expect(() => parse(file)).toThrow(sentence);
  });

  test("damaged files are refused or read, and nothing else happens", () => {
    const original = mooFile([ADD, ADD]);
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(original.length - 1), fc.nat(255)), { maxLength: 6 }),
        fc.nat(original.length),
        (edits, length) => {
          const file = original.slice(0, length);
          for (const [at, value] of edits) if (at < length) file[at] = value;
          try {
            parse(file);
          } catch (error) {
            expect(error).toBeInstanceOf(ConformFileError);
          }
        },
      ),
      { numRuns: 2000, seed: 7 },
    );
  });
});
