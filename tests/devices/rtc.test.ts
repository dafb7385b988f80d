// The MC146818: calendar, formats, update cycle, the three interrupts, CMOS contents.
import { beforeEach, describe, expect, it } from "vitest";
import { Rig } from "./fake-board.js";

const SECOND = 1_000_000;
let rig: Rig;

const get = (register: number): number => {
  rig.out(0x70, register);
  return rig.in(0x71);
};
const set = (register: number, value: number): void => {
  rig.out(0x70, register);
  rig.out(0x71, value);
};
/** Time and date registers as hexadecimal text: hh:mm:ss dd.mm.yy weekday. */
const show = (): string => {
  const two = (register: number): string => get(register).toString(16).padStart(2, "0");
  return `${two(4)}:${two(2)}:${two(0)} ${two(7)}.${two(8)}.${two(9)} ${get(6)}`;
};
/** Sets the date with updates held, as kernels do. */
const setDate = (h: number, m: number, s: number, day: number, month: number, year: number, weekday: number): void => {
  set(0x0b, get(0x0b) | 0x80);
  [s, m, h].forEach((value, index) => {
    set(index * 2, value);
  });
  set(6, weekday);
  set(7, day);
  set(8, month);
  set(9, year);
  set(0x0b, get(0x0b) & ~0x80);
};

beforeEach(() => {
  rig = new Rig();
  rig.initPics(0xfb, 0xfe);
});

describe("time", () => {
  it("starts at 2026-01-01 00:00:00, a Thursday, in BCD and 24 hours, and runs on virtual time", () => {
    expect(show()).toBe("00:00:00 01.01.26 5");
    expect(get(0x32)).toBe(0x20);
    expect([get(0x0a), get(0x0b), get(0x0d)]).toEqual([0x26, 0x02, 0x80]);
    rig.clock.us(SECOND - 300);
    expect(get(0)).toBe(0);
    expect(get(0x0a)).toBe(0x26);
    rig.clock.us(100);
    expect(get(0x0a)).toBe(0xa6);
    rig.clock.us(200);
    expect(get(0)).toBe(1);
    expect(get(0x0a)).toBe(0x26);
    rig.clock.us(3661 * SECOND);
    expect(show()).toBe("01:01:02 01.01.26 5");
  });

  it("starts at a date of the caller's choice and refuses nonsense", () => {
    rig = new Rig({ rtcTime: new Date("1999-12-31T23:59:58Z") });
    expect(show()).toBe("23:59:58 31.12.99 6");
    rig.clock.us(2 * SECOND);
    expect(show()).toBe("00:00:00 01.01.00 7");
    expect(get(0x32)).toBe(0x20);
    expect(() => new Rig({ rtcTime: "tomorrow" })).toThrow("expected a date for the real-time clock, found tomorrow");
  });

  it("carries over months and leap years", () => {
    setDate(0x23, 0x59, 0x59, 0x28, 0x02, 0x24, 4);
    rig.clock.us(SECOND);
    expect(show()).toBe("00:00:00 29.02.24 5");
    setDate(0x23, 0x59, 0x59, 0x28, 0x02, 0x25, 7);
    rig.clock.us(SECOND);
    expect(show()).toBe("00:00:00 01.03.25 1");
    setDate(0x23, 0x59, 0x59, 0x30, 0x04, 0x25, 1);
    rig.clock.us(SECOND);
    expect(show()).toBe("00:00:00 01.05.25 2");
  });

  it("takes long spans like short ones", () => {
    rig.clock.us(400 * 86_400 * SECOND + 5 * SECOND);
    expect(show()).toBe("00:00:05 05.02.27 6");
  });

  it("counts 12 hours with a PM bit, in BCD and in binary", () => {
    set(0x0b, 0x00);
    setDate(0x11, 0x59, 0x59, 1, 1, 0x26, 5);
    rig.clock.us(SECOND);
    expect(get(4)).toBe(0x92);
    rig.clock.us(3600 * SECOND);
    expect(get(4)).toBe(0x81);
    rig.clock.us(11 * 3600 * SECOND);
    expect(get(4)).toBe(0x12);
    expect(get(7)).toBe(2);
    set(0x0b, 0x04);
    setDate(0x8b, 59, 59, 31, 12, 26, 5);
    rig.clock.us(SECOND);
    expect([get(4), get(2), get(0), get(7), get(8), get(9)]).toEqual([12, 0, 0, 1, 1, 27]);
  });

  it("stands still while SET is on, and while the divider is held in reset; then starts half a second later", () => {
    set(0x0b, 0x92);
    expect(get(0x0b), "SET clears the update enable").toBe(0x82);
    rig.clock.us(10 * SECOND);
    expect(get(0)).toBe(0);
    expect(get(0x0a) & 0x80).toBe(0);
    set(0x0b, 0x02);
    set(0x0a, 0x76);
    rig.clock.us(10 * SECOND + 250_000);
    expect(get(0)).toBe(0);
    set(0x0a, 0x26);
    rig.clock.us(499_000);
    expect(get(0)).toBe(0);
    rig.clock.us(2_000);
    expect(get(0)).toBe(1);
  });

  it("counts on from whatever a guest wrote, without harm", () => {
    for (let register = 0; register < 10; register++) set(register, 0xff);
    rig.clock.us(3 * 86_400 * SECOND);
    expect(get(0x0d)).toBe(0x80);
    expect(get(0)).toBeLessThanOrEqual(0x59);
  });
});

describe("interrupts", () => {
  const expectIrq8 = (): void => {
    expect(rig.intr).toBe(true);
    expect(rig.takeInterrupt()).toBe(0x28);
  };

  it.each([
    [3, 8192],
    [6, 1024],
    [15, 2],
    [1, 256],
    [2, 128],
  ])("periodic rate %i interrupts %i times a second", (rate, hertz) => {
    set(0x0a, 0x20 | rate);
    get(0x0c);
    set(0x0b, 0x42);
    let interrupts = 0;
    while (rig.clock.timers.nextDeadline() <= 2 * rig.clock.hz) {
      rig.clock.runTo(rig.clock.timers.nextDeadline());
      expectIrq8();
      expect(get(0x0c)).toBe(interrupts % hertz === hertz - 1 ? 0xd0 : 0xc0);
      interrupts++;
    }
    expect(interrupts).toBe(2 * hertz);
  });

  it("does not interrupt again before register C has been read", () => {
    set(0x0b, 0x42);
    rig.clock.us(10_000);
    expectIrq8();
    rig.clock.us(10_000);
    expect(rig.intr).toBe(false);
    expect(get(0x0c)).toBe(0xc0);
    expect(get(0x0c)).toBe(0x00);
    rig.clock.us(1000);
    expectIrq8();
  });

  it("sets flags without enables and no request", () => {
    rig.clock.us(SECOND);
    expect(rig.intr).toBe(false);
    expect(get(0x0c)).toBe(0x50);
    set(0x0a, 0x20);
    rig.clock.us(500_000);
    expect(get(0x0c)).toBe(0x00);
  });

  it("update-ended comes each second", () => {
    get(0x0c);
    set(0x0b, 0x12);
    rig.clock.us(SECOND - 1);
    expect(rig.intr).toBe(false);
    rig.clock.us(1);
    expectIrq8();
    expect(get(0x0c) & 0x90).toBe(0x90);
    rig.clock.us(SECOND);
    expectIrq8();
  });

  it("alarm comes at its time, each day, or with don't-care bytes each minute", () => {
    set(0x01, 0x03);
    set(0x03, 0x00);
    set(0x05, 0x00);
    set(0x0b, 0x22);
    rig.clock.us(2 * SECOND);
    expect(rig.intr).toBe(false);
    rig.clock.us(SECOND);
    expectIrq8();
    expect(get(0x0c) & 0xa0).toBe(0xa0);
    rig.clock.us(86_399 * SECOND);
    expect(rig.intr).toBe(false);
    rig.clock.us(SECOND);
    expectIrq8();
    get(0x0c);
    set(0x03, 0xff);
    set(0x05, 0xc0);
    rig.clock.us(60 * SECOND);
    expectIrq8();
  });

  it("stay enabled by the guest only until a reset", () => {
    set(0x0b, 0x72);
    set(0x40, 0x5a);
    rig.board.reset();
    expect(get(0x0b)).toBe(0x02);
    expect(get(0x40)).toBe(0x5a);
    rig.clock.us(2 * SECOND);
    expect(rig.intr).toBe(false);
    expect(get(0)).toBe(2);
  });
});

describe("CMOS", () => {
  const word = (address: number): number => get(address) | (get(address + 1) << 8);

  it.each([
    [1, 640, 0, 0],
    [16, 640, 15 * 1024, 0],
    [64, 640, 63 * 1024, 48 * 16],
    [512, 640, 65_535, 496 * 16],
  ])("tells firmware about %i MB", (megabytes, base, extended, above16) => {
    rig = new Rig({ ramBytes: megabytes * 1024 * 1024 });
    expect([word(0x15), word(0x17), word(0x30), word(0x34)]).toEqual([base, extended, extended, above16]);
    expect([get(0x14), get(0x10), get(0x3d), get(0x38), get(0x5f)]).toEqual([0x06, 0, 0x12, 0x30, 0]);
    let sum = 0;
    for (let address = 0x10; address <= 0x2d; address++) sum += get(address);
    expect((get(0x2e) << 8) | get(0x2f)).toBe(sum);
  });

  it("keeps what guests write, has read-only C and D, and a write-only index", () => {
    set(0x0f, 0x0a);
    set(0x7f, 0x12);
    set(0x0c, 0xff);
    set(0x0d, 0x00);
    expect([get(0x0f), get(0x7f), get(0x0d)]).toEqual([0x0a, 0x12, 0x80]);
    expect(rig.in(0x70)).toBe(0xff);
  });

  it("masks NMI with bit 7 of the index", () => {
    expect(rig.board.raiseNmi()).toBe(true);
    rig.out(0x70, 0x8f);
    expect(rig.board.raiseNmi()).toBe(false);
    expect(rig.nmis).toBe(1);
    rig.out(0x70, 0x0f);
    expect(rig.board.raiseNmi()).toBe(true);
  });
});
