import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BinaryTraceReader, BinaryTraceWriter, isBinaryTrace, TraceError } from "../../src/trace/binary-trace.js";
import { TRACED_REGISTERS, type TraceRecord, type TraceStart } from "../../src/trace/trace-record.js";
import { unzigzag, zigzag } from "../../src/trace/varint.js";

const CS = TRACED_REGISTERS.indexOf("cs");
const MODE = TRACED_REGISTERS.indexOf("mode");

function written(start: TraceStart, records: readonly TraceRecord[]): Uint8Array {
  const pieces: Uint8Array[] = [];
  const writer = new BinaryTraceWriter((bytes) => pieces.push(bytes));
  writer.start(start);
  for (const record of records) writer.record(record);
  writer.end();
  return Buffer.concat(pieces);
}

const word = fc.oneof(
  fc.constantFrom(0, 1, 0x7fffffff, 0x80000000, 0xffffffff),
  fc.nat().map((n) => n >>> 0),
);
const startArbitrary: fc.Arbitrary<TraceStart> = fc.record({
  index: fc.oneof(fc.nat(), fc.constantFrom(2 ** 40, 2 ** 52)),
  eip: word,
  registers: fc
    .array(word, { minLength: TRACED_REGISTERS.length, maxLength: TRACED_REGISTERS.length })
    .map((values) => Uint32Array.from(values)),
});

/** What a record may be; index, cs, eip and code32 follow from the records before it. */
const shape = fc.record({
  type: fc.constantFrom("step" as const, "step" as const, "step" as const, "exception" as const, "interrupt" as const),
  jump: fc.option(
    fc.nat(3).map((n) => 0x1000 + n * 4),
    { freq: 3 },
  ),
  bytes: fc.uint8Array({ minLength: 1, maxLength: 15 }),
  vector: fc.nat(255),
  changed: fc.dictionary(fc.nat(TRACED_REGISTERS.length - 1).map(String), word, { maxKeys: 5 }),
});

function consistent(
  start: TraceStart,
  shapes: readonly (typeof shape extends fc.Arbitrary<infer T> ? T : never)[],
): TraceRecord[] {
  const registers = start.registers.slice();
  let { index, eip } = start;
  return shapes.map(({ type, jump, bytes, vector, changed }): TraceRecord => {
    const changes = Object.entries(changed)
      .map(([register, value]) => ({ register: Number(register), value }))
      .sort((a, b) => a.register - b.register)
      .filter(({ register, value }) => registers[register] !== value);
    const at = jump ?? eip;
    const [cs, code32] = [registers[CS]!, registers[MODE] !== 0];
    for (const { register, value } of changes) registers[register] = value;
    eip = type === "step" ? (at + bytes.length) >>> 0 : at;
    if (type === "step") return { type, index: index++, cs, eip: at, code32, bytes, changes };
    return { type, index, vector, cs: registers[CS]!, eip: at, changes };
  });
}

describe("the binary trace", () => {
  it("reads back exactly what was written", () => {
    fc.assert(
      fc.property(startArbitrary, fc.array(shape, { maxLength: 60 }), (start, shapes) => {
        const records = consistent(start, shapes);
        const reader = new BinaryTraceReader(written(start, records));
        expect(reader.start).toEqual(start);
        expect([...reader]).toEqual(records.map((record) => normal(record)));
        expect([...reader].length).toBe(records.length);
      }),
      { numRuns: 500, seed: 1 },
    );
  });

  it("needs few bytes for code it has seen", () => {
    const start: TraceStart = { index: 0, eip: 0x1000, registers: new Uint32Array(TRACED_REGISTERS.length) };
    const loop: TraceRecord[] = [];
    for (let index = 0; index < 1000; index++) {
      const changes = [{ register: 0, value: index + 1 }];
      loop.push({
        type: "step",
        index,
        cs: 0,
        eip: 0x1000,
        code32: false,
        bytes: Uint8Array.of(0x40, 0xeb, 0xfd),
        changes,
      });
    }
    expect(written(start, loop).length).toBeLessThan(1000 * 8);
  });

  it("damaged anywhere, ends in records or a TraceError, and never hangs", () => {
    const start: TraceStart = { index: 7, eip: 0x1000, registers: new Uint32Array(TRACED_REGISTERS.length) };
    const step: TraceRecord = {
      type: "step",
      index: 7,
      cs: 0,
      eip: 0x1000,
      code32: false,
      bytes: Uint8Array.of(0x90),
      changes: [{ register: 3, value: 9 }],
    };
    const event: TraceRecord = {
      type: "exception",
      index: 8,
      vector: 14,
      cs: 8,
      eip: 5,
      changes: [{ register: CS, value: 8 }],
    };
    const good = written(start, [step, event, { ...step, index: 8, cs: 8, eip: 0x2000 }]);
    let errors = 0;
    fc.assert(
      fc.property(fc.nat(good.length), fc.nat(255), fc.nat(good.length), (at, value, cut) => {
        const bad = good.slice();
        if (at < bad.length) bad[at] = value;
        try {
          expect([...new BinaryTraceReader(bad.subarray(0, cut + 1))].length).toBeLessThanOrEqual(good.length);
        } catch (error) {
          expect(error).toBeInstanceOf(TraceError);
          expect((error as Error).message).toMatch(/offset \d+$/);
          errors++;
        }
      }),
      { numRuns: 2000, seed: 2 },
    );
    expect(errors).toBeGreaterThan(200);
  });

  it("is told from text, and another version is refused", () => {
    const bytes = written({ index: 0, eip: 0, registers: new Uint32Array(TRACED_REGISTERS.length) }, []);
    expect(isBinaryTrace(bytes)).toBe(true);
    expect(isBinaryTrace(new TextEncoder().encode("# instruction"))).toBe(false);
    expect(() => new BinaryTraceReader(new Uint8Array())).toThrow(/expected a binary trace/);
    bytes[4] = 2;
    expect(() => new BinaryTraceReader(bytes)).toThrow(/expected trace version 1 and found 2 at offset 4/);
  });

  it("folds signed differences so that small ones stay small", () => {
    expect([0, -1, 1, -2, 2147483647, -2147483648].map(zigzag)).toEqual([0, 1, 2, 3, 4294967294, 4294967295]);
    fc.assert(fc.property(fc.integer(), (n) => unzigzag(zigzag(n)) === n));
  });
});

/** Bytes as the reader gives them: a view into the file. */
function normal(record: TraceRecord): TraceRecord {
  return record.type === "step"
    ? { ...record, bytes: expect.toSatisfy((b: Uint8Array) => Buffer.compare(b, record.bytes) === 0) }
    : record;
}
