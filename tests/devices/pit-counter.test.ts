// One 8254 counter: wave forms of every mode as the data sheet draws them, and agreement with a pulse-by-pulse oracle under
// random programs.
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PitCounter } from "../../src/devices/pit-counter.js";
import { CounterOracle } from "./pit-oracle.js";

const LOW_BYTE = 0x10;
const BOTH = 0x30;

function counter(mode: number, count: number, options: { gate?: boolean; bcd?: boolean } = {}): PitCounter {
  const pit = new PitCounter();
  pit.reset(0, options.gate ?? true);
  pit.setControl(0, BOTH | (mode << 1) | (options.bcd ? 1 : 0));
  pit.write(0, count & 0xff);
  pit.write(0, count >> 8);
  return pit;
}

/** OUT at ticks 1…n as a string of 0 and 1. */
function wave(pit: PitCounter, from: number, to: number): string {
  let text = "";
  for (let tick = from; tick <= to; tick++) text += pit.out(tick) ? "1" : "0";
  return text;
}

function read16(pit: PitCounter, tick: number): number {
  return pit.read(tick) | (pit.read(tick) << 8);
}

describe("wave forms", () => {
  it("mode 0: OUT rises N + 1 pulses after the count is written and stays", () => {
    expect(wave(counter(0, 4), 0, 9)).toBe("0000011111");
    const pit = counter(0, 4);
    expect([1, 2, 3, 4, 5, 6].map((tick) => read16(pit, tick))).toEqual([4, 3, 2, 1, 0, 0xffff]);
  });

  it("mode 0: GATE low pauses the count, a new count restarts it, its first byte stops it", () => {
    const pit = counter(0, 4);
    pit.setGate(3, false);
    expect(read16(pit, 10)).toBe(2);
    pit.setGate(10, true);
    expect(wave(pit, 11, 13)).toBe("011");
    pit.write(20, 3);
    expect(pit.out(20)).toBe(false);
    expect(wave(pit, 21, 40)).not.toContain("1");
    pit.write(40, 0);
    expect(wave(pit, 41, 45)).toBe("00011");
  });

  it("mode 0: a count written while GATE is low is loaded and starts with GATE", () => {
    const pit = counter(0, 3, { gate: false });
    expect(read16(pit, 5)).toBe(3);
    pit.setGate(5, true);
    expect(wave(pit, 6, 9)).toBe("0011");
  });

  it("mode 1: a rising GATE starts a low pulse of N, and restarts it", () => {
    const pit = counter(1, 3, { gate: false });
    expect(wave(pit, 0, 3)).toBe("1111");
    pit.setGate(4, true);
    expect(wave(pit, 4, 9)).toBe("100011");
    pit.setGate(9, false);
    pit.setGate(10, true);
    pit.setGate(11, false);
    pit.setGate(12, true);
    expect(wave(pit, 12, 17)).toBe("000011");
  });

  it("mode 1: a new count waits for the next trigger", () => {
    const pit = counter(1, 2, { gate: false });
    pit.setGate(0, true);
    pit.write(1, 5);
    pit.write(1, 0);
    expect(wave(pit, 1, 4)).toBe("0011");
    pit.setGate(4, false);
    pit.setGate(5, true);
    expect(wave(pit, 5, 11)).toBe("1000001");
  });

  it("mode 2: low for one pulse in N, counting N to 1", () => {
    expect(wave(counter(2, 4), 1, 13)).toBe("1110111011101");
    const pit = counter(2, 3);
    expect([1, 2, 3, 4, 5, 6].map((tick) => read16(pit, tick))).toEqual([3, 2, 1, 3, 2, 1]);
  });

  it("mode 2: a new count takes over at the end of the period; GATE low lifts OUT and restarts", () => {
    const pit = counter(2, 4);
    pit.write(2, 2);
    pit.write(2, 0);
    expect(wave(pit, 2, 9)).toBe("11010101");
    const gated = counter(2, 3);
    expect(gated.out(3)).toBe(false);
    gated.setGate(3, false);
    expect(wave(gated, 3, 6)).toBe("1111");
    gated.setGate(6, true);
    expect(wave(gated, 7, 10)).toBe("1101");
  });

  it("mode 3: half high and half low; an odd count is high for one pulse more", () => {
    expect(wave(counter(3, 4), 1, 12)).toBe("110011001100");
    expect(wave(counter(3, 5), 1, 15)).toBe("111001110011100");
    const even = counter(3, 6);
    expect([1, 2, 3, 4, 5, 6, 7].map((tick) => read16(even, tick))).toEqual([6, 4, 2, 6, 4, 2, 6]);
    const odd = counter(3, 5);
    expect([1, 2, 3, 4, 5, 6].map((tick) => read16(odd, tick))).toEqual([4, 2, 0, 4, 2, 4]);
  });

  it("mode 3: a new count takes over at the end of the half period", () => {
    const pit = counter(3, 4);
    pit.write(1, 8);
    pit.write(1, 0);
    expect(wave(pit, 1, 11)).toBe("11000011110");
  });

  it("mode 4: one low pulse N + 1 after the write, once", () => {
    expect(wave(counter(4, 3), 0, 8)).toBe("111101111");
    expect(wave(counter(4, 3), 60_000, 70_000)).not.toContain("0");
    const pit = counter(4, 3, { gate: false });
    expect(wave(pit, 0, 20)).not.toContain("0");
    pit.setGate(20, true);
    expect(wave(pit, 21, 24)).toBe("1101");
  });

  it("mode 5: one low pulse N + 1 after a trigger, and a new one after the next", () => {
    const pit = counter(5, 2, { gate: false });
    expect(wave(pit, 0, 5)).not.toContain("0");
    pit.setGate(5, true);
    expect(wave(pit, 5, 10)).toBe("111011");
    pit.setGate(10, false);
    pit.setGate(11, true);
    expect(wave(pit, 11, 15)).toBe("11101");
  });

  it("counts in BCD, with 0 as 10000", () => {
    const pit = counter(0, 0x1000, { bcd: true });
    expect(read16(pit, 2)).toBe(0x0999);
    expect(pit.out(1000)).toBe(false);
    expect(pit.out(1001)).toBe(true);
    expect(read16(pit, 1002)).toBe(0x9999);
    const full = counter(2, 0, { bcd: true });
    expect(read16(full, 1)).toBe(0);
    expect(read16(full, 2)).toBe(0x9999);
    expect(full.out(10_000)).toBe(false);
    expect(full.out(10_001)).toBe(true);
  });

  it("takes 0 as 65536", () => {
    const pit = counter(2, 0);
    expect(read16(pit, 1)).toBe(0);
    expect(read16(pit, 2)).toBe(0xffff);
    expect(wave(pit, 65_535, 65_538)).toBe("1011");
  });
});

describe("bytes and latches", () => {
  it("reads and writes the low byte only, the high byte only, or both in turn", () => {
    const pit = new PitCounter();
    pit.reset(0, true);
    pit.setControl(0, LOW_BYTE | 4);
    pit.write(0, 0x34);
    expect(pit.read(1)).toBe(0x34);
    expect(pit.read(2)).toBe(0x33);
    pit.setControl(2, 0x20 | 4);
    pit.write(2, 0x12);
    expect(pit.read(3)).toBe(0x12);
    expect(pit.read(4)).toBe(0x11);
  });

  it("holds a latched count until both bytes are read, and ignores further latches meanwhile", () => {
    const pit = counter(2, 0x1234);
    pit.latchCount(1);
    pit.latchCount(50);
    expect(pit.read(100)).toBe(0x34);
    pit.latchCount(120);
    expect(pit.read(150)).toBe(0x12);
    expect(read16(pit, 200)).toBe(0x1234 - 199);
  });

  it("reads status before a latched count; null count is set until the load", () => {
    const pit = counter(3, 0x0100);
    pit.latchStatus(0);
    pit.latchCount(0);
    pit.latchStatus(5);
    expect(pit.read(9)).toBe(0x80 | 0x40 | 0x30 | 6);
    pit.read(9);
    pit.read(9);
    pit.latchStatus(1 + 0x80);
    expect(pit.read(1 + 0x80)).toBe(0x36);
  });

  it("forgets latches and byte order with a control word", () => {
    const pit = counter(2, 0x1234);
    pit.latchCount(1);
    pit.read(1);
    pit.latchStatus(1);
    pit.setControl(1, BOTH | 4);
    pit.write(1, 0x78);
    pit.write(1, 0x56);
    expect(read16(pit, 2)).toBe(0x5678);
  });

  it("takes modes 6 and 7 as 2 and 3 and reports the control word as written", () => {
    const pit = new PitCounter();
    pit.reset(0, true);
    pit.setControl(0, BOTH | (6 << 1));
    expect(pit.mode).toBe(2);
    pit.latchStatus(0);
    expect(pit.read(0) & 0x3f).toBe(BOTH | (6 << 1));
    pit.setControl(0, BOTH | (7 << 1));
    expect(pit.mode).toBe(3);
  });
});

type Step =
  | { kind: "control"; mode: number; bcd: boolean }
  | { kind: "count"; value: number }
  | { kind: "first"; value: number }
  | { kind: "gate"; level: boolean }
  | { kind: "wait"; ticks: number };

const small = fc.oneof(fc.integer({ min: 1, max: 12 }), fc.constantFrom(0, 300, 0x9999));
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("control"), mode: fc.nat(5), bcd: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("count"), value: small }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("first"), value: small }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("gate"), level: fc.boolean() }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("wait"), ticks: fc.oneof(fc.nat(40), fc.constant(700)) }) },
) as fc.Arbitrary<Step>;

/** A count as the bytes written; digits above 9 are left out of BCD programs. */
function bytesOf(value: number, bcd: boolean): number {
  return bcd && value !== 0x9999 ? Number.parseInt(String(value), 16) : value;
}

describe("agreement with the pulse-by-pulse oracle", () => {
  it("holds for counts, OUT, status and the predicted next change under random programs", () => {
    fc.assert(
      fc.property(fc.nat(5), fc.boolean(), small, fc.array(step, { maxLength: 25 }), (mode, bcd, first, steps) => {
        const pit = new PitCounter();
        const oracle = new CounterOracle();
        let tick = 0;
        let predicted = Number.POSITIVE_INFINITY;
        pit.reset(0, true);
        const program: Step[] = [{ kind: "control", mode, bcd }, { kind: "count", value: first }, ...steps];
        let half = false;
        let low = 0;
        const writeFirst = (value: number): void => {
          low = value & 0xff;
          pit.write(tick, low);
          oracle.firstByte();
          half = true;
        };
        /** Finishes a count begun before, or writes both bytes; a finished one gets the new high byte, which is a valid number too. */
        const writeCount = (value: number): void => {
          const bytes = bytesOf(value, oracle.bcd);
          if (!half) writeFirst(bytes);
          const whole = (bytes & 0xff00) | low;
          pit.write(tick, bytes >> 8);
          const number = oracle.bcd ? Number(whole.toString(16)) : whole;
          oracle.write(number === 0 ? (oracle.bcd ? 10_000 : 0x10000) : number);
          half = false;
        };
        for (const action of program) {
          if (action.kind === "control") {
            pit.setControl(tick, BOTH | (action.mode << 1) | (action.bcd ? 1 : 0));
            oracle.control(action.mode, action.bcd);
            half = false;
          } else if (action.kind === "count") {
            writeCount(action.value);
          } else if (action.kind === "first") {
            if (half) continue;
            writeFirst(bytesOf(action.value, oracle.bcd));
          } else if (action.kind === "gate") {
            pit.setGate(tick, action.level);
            oracle.setGate(action.level);
          } else {
            predicted = pit.nextChange(tick);
            const before = oracle.out;
            for (let pulse = 0; pulse < action.ticks; pulse++) {
              oracle.clock();
              tick++;
              const expected = tick < predicted ? before : tick === predicted ? !before : oracle.out;
              if (oracle.out !== expected)
                throw new Error(`OUT at tick ${tick} with a change predicted at ${predicted}`);
            }
          }
          expect(pit.out(tick), `OUT at tick ${tick}`).toBe(oracle.out);
          pit.latchStatus(tick);
          expect((pit.read(tick) & 0x40) !== 0, `null count at tick ${tick}`).toBe(oracle.nullCount);
          if (!oracle.nullCount) {
            pit.latchCount(tick);
            expect(read16(pit, tick), `count at tick ${tick}`).toBe(oracle.shown);
          }
        }
      }),
      { numRuns: 2000, seed: 8254 },
    );
  });

  it("does not depend on how far it is advanced at once", () => {
    for (const mode of [0, 1, 2, 3, 4, 5]) {
      for (const count of [1, 2, 3, 4, 5, 100, 0xffff, 0]) {
        const jump = counter(mode, count, { gate: mode !== 1 && mode !== 5 });
        const walk = counter(mode, count, { gate: mode !== 1 && mode !== 5 });
        jump.setGate(2, true);
        walk.setGate(2, true);
        for (let tick = 3; tick < 400_003; tick += 997) walk.out(tick);
        expect(walk.save(400_003), `mode ${mode} count ${count}`).toEqual(jump.save(400_003));
      }
    }
  });
});
