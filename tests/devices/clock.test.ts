// Exact rate conversion and the order of deadlines.
import { describe, expect, it } from "vitest";
import { Rate, Timers } from "../../src/devices/clock.js";

describe("rate conversion", () => {
  it.each([
    [100_000_000, 1_193_182],
    [1_000_000_000, 1_193_182],
    [1_000, 1_193_182],
    [2 ** 31, 3_146_889],
    [1_193_182, 32_768],
    [33_333_333, 32_768],
  ])("agrees with big integers at %i Hz against %i Hz", (hz, crystal) => {
    const rate = new Rate(hz, crystal);
    const times = [
      0,
      1,
      2,
      83,
      84,
      hz - 1,
      hz,
      hz + 1,
      12345 * hz + 77,
      2 ** 52 + 12_345,
      Number.MAX_SAFE_INTEGER - hz,
    ];
    for (const time of times) {
      const expected = (BigInt(time) * BigInt(crystal)) / BigInt(hz);
      if (expected > BigInt(Number.MAX_SAFE_INTEGER)) continue;
      expect(rate.ticksAt(time)).toBe(Number(expected));
    }
  });

  it("gives the first clock tick at which a crystal tick has completed", () => {
    for (const hz of [1_000_000_000, 100_000_000, 33_333_333, 999_983]) {
      const rate = new Rate(hz, 1_193_182);
      for (const ticks of [0, 1, 2, 3, 1_193_181, 1_193_182, 1_193_183, 987_654_321]) {
        const time = rate.timeOf(ticks);
        expect(rate.ticksAt(time)).toBeGreaterThanOrEqual(ticks);
        if (time > 0) expect(rate.ticksAt(time - 1)).toBeLessThan(ticks);
      }
    }
  });

  it("refuses rates it cannot convert exactly", () => {
    expect(() => new Rate(999, 32_768)).toThrow(
      "expected a clock rate from 1000 to 2147483648 ticks per second, found 999",
    );
    expect(() => new Rate(1e6 + 0.5, 32_768)).toThrow(RangeError);
    expect(() => new Rate(2 ** 32, 32_768)).toThrow(RangeError);
    expect(() => new Rate(1_000_000, 5_000_000)).toThrow("expected a crystal frequency");
  });
});

describe("timers", () => {
  it("run in order of time, then of insertion, and only when due", () => {
    const timers = new Timers();
    const ran: string[] = [];
    timers.at(20, () => ran.push("c"));
    timers.at(10, () => ran.push("a"));
    timers.at(10, () => ran.push("b"));
    timers.at(30, () => ran.push("late"));
    expect(timers.nextDeadline()).toBe(10);
    timers.runDue(9);
    expect(ran).toEqual([]);
    timers.runDue(25);
    expect(ran).toEqual(["a", "b", "c"]);
    expect(timers.nextDeadline()).toBe(30);
  });

  it("run deadlines that callbacks add, and pass each its own time", () => {
    const timers = new Timers();
    const times: number[] = [];
    const tick = (time: number): void => {
      times.push(time);
      timers.at(time + 10, tick);
    };
    timers.at(10, tick);
    timers.runDue(45);
    expect(times).toEqual([10, 20, 30, 40]);
    expect(timers.nextDeadline()).toBe(50);
  });

  it("forget cancelled deadlines", () => {
    const timers = new Timers();
    const handle = timers.at(5, () => expect.unreachable());
    timers.cancel(handle);
    timers.cancel(handle);
    timers.cancel(undefined);
    expect(timers.nextDeadline()).toBe(Number.POSITIVE_INFINITY);
    timers.runDue(100);
  });

  it("tell when the next deadline has become earlier, and only then", () => {
    const timers = new Timers();
    let calls = 0;
    timers.onEarlier = () => calls++;
    timers.at(100, () => {});
    timers.at(100, () => {});
    timers.at(200, () => {});
    expect(calls).toBe(1);
    timers.at(50, () => {});
    expect(calls).toBe(2);
  });

  it("refuse a deadline that is not a number", () => {
    expect(() => new Timers().at(Number.NaN, () => {})).toThrow("expected a deadline in clock ticks, found NaN");
  });
});
