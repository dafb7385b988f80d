/**
 * The core's decoder against iced-x86 set up as an i686: all opcodes with all ModRM bytes, then random strings with many
 * prefixes, in 16-bit and 32-bit code. Same verdict, length, operation, operands and prefixes.
 */
import * as iced from "iced-x86";
import { beforeAll, describe, expect, it } from "vitest";
import { Op } from "../../assembly/abi/op.js";
import { Rec } from "../../assembly/abi/record.js";
import { ShapeFlag } from "../../assembly/abi/shape.js";
import type { Row } from "../../src/isa/row.js";
import { INSTRUCTIONS } from "../../src/isa/table/index.js";
import { CoreDecoder } from "./core-decoder.js";
import { type Bitness, describeSample, hexBytes, samplesOf } from "./encode.js";
import { icedDecode, icedOperands, rowsByCode } from "./iced-operands.js";
import { randomNumbers } from "./random.js";

const PREFIXES = [0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3];
const RANDOM_STRINGS = 60_000;
const REPORTED = 20;

/** Operations the decoder leaves to their function where iced refuses an operand: #UD comes at run time. */
const CHECKED_LATER: Record<number, string> = {
  [Op.MOV_TO_SEG]: "segment registers CS, 6 and 7",
  [Op.MOV_FROM_SEG]: "segment registers 6 and 7",
  [Op.MOV_TO_CR]: "control registers 1 and 5 to 7",
  [Op.MOV_FROM_CR]: "control registers 1 and 5 to 7",
};

let core: CoreDecoder;
let rows: Map<iced.Code, Row>;
let theirs: iced.Instruction;

beforeAll(() => {
  core = new CoreDecoder();
  rows = rowsByCode();
  theirs = new iced.Instruction();
});

const seenLater = new Set<number>();
let compared = 0;

/** What the two decoders disagree about; undefined if nothing. */
function disagreement(bytes: Uint8Array, bitness: Bitness): string | undefined {
  const valid = icedDecode(bytes, bitness, theirs);
  const length = core.decode(bytes, bitness);
  const op = length === 0 ? Op.INVALID : core.byte(Rec.OP);
  const row = valid ? rows.get(theirs.code) : undefined;
  if (row === undefined) {
    if (op === Op.INVALID) return undefined;
    if (!valid && op in CHECKED_LATER) {
      seenLater.add(op);
      return undefined;
    }
    return `${Op[op]}, iced ${iced.Code[theirs.code]}`;
  }
  if (length === 0) return `too long, iced ${iced.Code[theirs.code]} of ${theirs.length} bytes`;
  if (op !== row.op) return `${Op[op]}, iced ${row.text}`;
  if (length !== theirs.length) return `length ${length}, iced ${theirs.length} (${row.text})`;
  compared++;
  const mine = core.operands(row);
  const other = icedOperands(theirs, row);
  if (other.length > 0 && mine.join() !== other.join()) return `${row.text}: ${mine.join()}, iced ${other.join()}`;
  return implicitDisagreement(row);
}

/** The same for what no operand shows: prefixes, the segment of a string, the condition, the operand size. */
function implicitDisagreement(row: Row): string | undefined {
  if (core.prefixes().includes("LOCK") !== theirs.hasLockPrefix) return `${row.text}: LOCK`;
  if (row.flags & ShapeFlag.STRING) {
    const repeat = theirs.hasRepPrefix ? "REP" : theirs.hasRepnePrefix ? "REPNE" : "";
    if (core.prefixes() !== repeat) return `${row.text}: prefixes ${core.prefixes()}, iced ${repeat}`;
    const kinds = [theirs.op0Kind, theirs.op1Kind];
    const width = kinds.some((kind) => kind === iced.OpKind.MemorySegSI || kind === iced.OpKind.MemoryESDI)
      ? 0xffff
      : 0xffffffff;
    if (core.dword(Rec.LINK) !== width) return `${row.text}: address size`;
    const source = kinds.some((kind) => kind === iced.OpKind.MemorySegSI || kind === iced.OpKind.MemorySegESI);
    if (source && !core.memory().startsWith(iced.Register[theirs.memorySegment]!)) return `${row.text}: segment`;
  }
  if (row.flags & ShapeFlag.CONDITION) {
    const condition = core.word(Rec.FLAGS) >>> 12;
    if (condition !== theirs.conditionCode - iced.ConditionCode.o) return `${row.text}: condition ${condition}`;
  }
  return undefined;
}

/** Runs `count` strings from `next` and returns the first few disagreements. */
function compareAll(count: number, next: (index: number) => { bytes: Uint8Array; bitness: Bitness }): string[] {
  const wrong: string[] = [];
  for (let index = 0; index < count && wrong.length < REPORTED; index++) {
    const { bytes, bitness } = next(index);
    const message = disagreement(bytes, bitness);
    if (message) wrong.push(`${bitness}-bit ${hexBytes(bytes)}: ${message}`);
  }
  return wrong;
}

describe("the decoder of the core", () => {
  it("decodes every sample of every row to the row", () => {
    const wrong = INSTRUCTIONS.flatMap(samplesOf).filter((sample) => {
      const length = core.decode(sample.bytes, sample.bitness);
      return length !== sample.bytes.length || core.byte(Rec.OP) !== sample.form.row.op;
    });
    expect(wrong.map(describeSample)).toEqual([]);
  });

  it("raises #UD where real and virtual-8086 mode lack an instruction", () => {
    const wrong = INSTRUCTIONS.flatMap(samplesOf).filter((sample) => {
      core.decode(sample.bytes, sample.bitness, true);
      const lacking = (sample.form.row.flags & ShapeFlag.PROTECTED) !== 0;
      return (core.byte(Rec.OP) === Op.INVALID) !== lacking;
    });
    expect(wrong.map(describeSample)).toEqual([]);
  });

  it("agrees with iced on all opcodes with all ModRM bytes", () => {
    const next = randomNumbers(0x0badcafe);
    const wrong = compareAll(2 * 768 * 256, (index) => {
      const bytes = Uint8Array.from({ length: 15 }, () => next() >>> 13);
      const opcode = (index >> 8) % 768;
      const escapes = [[], [0x0f], [0x0f, 0x38]][opcode >> 8]!;
      const head = [...escapes, opcode & 255, index & 255];
      const sizes = next() >>> 29;
      if (sizes & 1) head.unshift(0x66);
      if (sizes & 2) head.unshift(0x67);
      if (sizes & 4) head.unshift(0xf2 | (next() >>> 31));
      bytes.set(head);
      return { bytes, bitness: index >= 768 * 256 ? 32 : 16 };
    });
    expect(wrong).toEqual([]);
  });

  it("agrees with iced on random strings with many prefixes", () => {
    const next = randomNumbers(0x1badb002);
    const wrong = compareAll(2 * RANDOM_STRINGS, (index) => {
      const bytes = Uint8Array.from({ length: 16 }, () => next() >>> 13);
      let at = 0;
      const prefixes = next() % 5;
      while (at < prefixes) bytes[at++] = PREFIXES[next() % PREFIXES.length]!;
      if (next() & 1) bytes[at] = 0x0f;
      return { bytes, bitness: index & 1 ? 32 : 16 };
    });
    expect(wrong).toEqual([]);
  });

  it("agrees with iced at the limit of 15 bytes", () => {
    const next = randomNumbers(0xfee1dead | 0);
    const wrong = compareAll(20_000, (index) => {
      const prefixes = 8 + (next() % 8);
      const bytes = Uint8Array.from({ length: 16 }, (_, at) => (at < prefixes ? 0x66 : next() >>> 13));
      return { bytes, bitness: index & 1 ? 32 : 16 };
    });
    expect(wrong).toEqual([]);
  });

  it("asks for more bytes instead of guessing", () => {
    const wrong = INSTRUCTIONS.flatMap(samplesOf).filter(({ bytes, bitness }) =>
      bytes.some((_, length) => core.decode(bytes.subarray(0, length), bitness) !== 0),
    );
    expect(wrong.map(describeSample)).toEqual([]);
  });

  it("was compared on enough instructions, and leaves to run time only what is listed", () => {
    expect(compared).toBeGreaterThan(200_000);
    expect([...seenLater].sort()).toEqual(Object.keys(CHECKED_LATER).map(Number).sort());
  });
});
