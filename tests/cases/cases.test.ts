/**
 * Every line of every case file, in every variant: flags clear and set, generic functions, blocks and translated code, paging off and on.
 */
import { readdirSync, readFileSync } from "node:fs";
import { Decoder, DecoderOptions, Formatter, FormatterSyntax } from "iced-x86";
import { describe, expect, test } from "vitest";
import { Op } from "../../assembly/abi/op.js";
import { Rec } from "../../assembly/abi/record.js";
import { CoreDecoder } from "../agreement/core-decoder.js";
import { CaseMachine, CODE, VARIANTS } from "./case-machine.js";
import { type Case, parseCases } from "./case-line.js";

const folder = new URL(".", import.meta.url);
const files = readdirSync(folder).filter((name) => name.endsWith(".txt"));
const machine = new CaseMachine();

/** The instruction as iced-x86 writes it, NASM syntax. */
function icedText(line: Case): string {
  const decoder = new Decoder(line.before.code16 ? 16 : 32, line.bytes, DecoderOptions.None);
  decoder.ip = BigInt(CODE);
  const instruction = decoder.decode();
  const formatter = new Formatter(FormatterSyntax.Nasm);
  const text = instruction.length === line.bytes.length ? formatter.format(instruction) : "not one instruction";
  for (const object of [formatter, instruction, decoder]) object.free();
  return text;
}

const cases = new Map(files.map((file) => [file, parseCases(file, readFileSync(new URL(file, folder), "utf8"))]));

test("every operation has a case", () => {
  const decoder = new CoreDecoder();
  const seen = new Set(
    [...cases.values()].flat().map((line) => {
      decoder.decode(line.bytes, line.before.code16 ? 16 : 32);
      return decoder.byte(Rec.OP);
    }),
  );
  const operations = Object.values(Op).filter((op) => typeof op === "number");
  expect(operations.length).toBeGreaterThan(100);
  expect(operations.filter((op) => !seen.has(op)).map((op) => Op[op])).toEqual([]);
});

for (const [file, lines] of cases) {
  describe(file, () => {
    for (const line of lines) {
      test(`${line.where} ${line.text}`, () => {
        expect(line.text).toBe(icedText(line));
        const found = VARIANTS.flatMap((variant) => {
          const how = `${variant.engine}, flags ${variant.flags}, paging ${variant.paging ? "on" : "off"}`;
          return machine.run(line, variant).map((difference) => `${how}: ${difference}`);
        });
        expect(found).toEqual([]);
      });
    }
  });
}

test("most lines were run in translated code", () => {
  const lines = [...cases.values()].flat().length;
  expect(machine.regions).toBeGreaterThan(3 * lines);
});

describe("the checker itself", () => {
  const line = "00 c8 | add al,cl | al=80 cl=80 | ";
  const differences = (after: string) => {
    const [only] = parseCases("x", line + after);
    return only === undefined ? ["no case"] : VARIANTS.flatMap((variant) => machine.run(only, variant));
  };

  test("a right line passes", () => {
    expect(differences("al=00 cf=1 pf=1 af=0 zf=1 sf=0 of=1")).toEqual([]);
  });

  test.each([
    ["a wrong register", "al=01 cf=1 pf=1 af=0 zf=1 sf=0 of=1", "eax"],
    ["a wrong flag", "al=00 cf=0 pf=1 af=0 zf=1 sf=0 of=1", "flags"],
    ["a flag not mentioned", "al=00 cf=1 pf=1 zf=1 sf=0 of=1", "flags"],
    ["a memory write that does not happen", "al=00 cf=1 pf=1 af=0 zf=1 sf=0 of=1 [8000]=01", "[8000]"],
    ["an exception that is not raised", "#DE", "exception"],
    ["a wrong target", "al=00 cf=1 pf=1 af=0 zf=1 sf=0 of=1 eip=1000", "eip"],
  ])("%s is found", (_what, after, where) => {
    expect(differences(after).join("\n")).toContain(`${where}: expected`);
  });

  test("a word it does not know is refused with its place", () => {
    expect(() => parseCases("x", `${line}xyz=1`)).toThrow('x:1: "xyz=1" is no word of the state after');
  });
});
