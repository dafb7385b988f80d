// The 8254 on its ports: exact interrupt times, calibration through port 0x61, read-back, the refresh bit, snapshots.
import { describe, expect, it } from "vitest";
import { Rate } from "../../src/devices/clock.js";
import { PIT_HZ } from "../../src/devices/pit.js";
import { Rig } from "./fake-board.js";

describe("the timer on its ports", () => {
  it("raises IRQ 0 at exactly the crystal's ticks, without drift over an hour", () => {
    const rig = new Rig({ hz: 1_000_000_000 });
    const rate = new Rate(1_000_000_000, PIT_HZ);
    rig.initPics(0xfe, 0xff);
    rig.out(0x43, 0x34);
    if (rig.intr) rig.takeInterrupt();
    const start = rig.board.pit.tick + 1;
    rig.out(0x40, 0x00, 0x00);
    for (let n = 1; n <= 20; n++) {
      const due = rate.timeOf(start + n * 65_536);
      rig.clock.runTo(due - 1);
      expect(rig.intr, `before tick ${n}`).toBe(false);
      rig.clock.runTo(due);
      expect(rig.takeInterrupt()).toBe(0x20);
    }
    let ticks = 20;
    while (rig.clock.timers.nextDeadline() <= 3600e9) {
      rig.clock.runTo(rig.clock.timers.nextDeadline());
      if (!rig.intr) continue;
      rig.takeInterrupt();
      ticks++;
    }
    expect(ticks).toBe(Math.floor((3600 * PIT_HZ - start) / 65_536));
  });

  it("lets a kernel calibrate with channel 2 through port 0x61", () => {
    const rig = new Rig();
    rig.out(0x61, (rig.in(0x61) & ~2) | 1);
    rig.out(0x43, 0xb0);
    rig.out(0x42, 0xe9, 0x04);
    const start = rig.clock.time;
    expect(rig.in(0x61) & 0x20).toBe(0);
    while ((rig.in(0x61) & 0x20) === 0) rig.clock.advance(50);
    const us = (rig.clock.time - start) / 100;
    expect(us).toBeGreaterThan((0x4e9 * 1e6) / PIT_HZ);
    expect(us).toBeLessThan(((0x4e9 + 2) * 1e6) / PIT_HZ + 1);
    rig.out(0x61, 0x00);
    rig.out(0x43, 0xb0);
    rig.out(0x42, 0x10, 0x00);
    rig.clock.us(100);
    expect(rig.in(0x61) & 0x20).toBe(0);
    rig.out(0x61, 0x01);
    rig.clock.us(100);
    expect(rig.in(0x61) & 0x20).toBe(0x20);
  });

  it("latches several counters and their status with one read-back command", () => {
    const rig = new Rig();
    rig.out(0x43, 0x36);
    rig.out(0x40, 0x00, 0x10);
    rig.out(0x43, 0x74);
    rig.out(0x41, 0x00, 0x20);
    rig.clock.us(100);
    const expected = [0x1000 - 2 * (rig.board.pit.tick - 1), 0x2000 - (rig.board.pit.tick - 1)];
    rig.out(0x43, 0xc6);
    rig.clock.us(50);
    expect(rig.in(0x40)).toBe(0xb6);
    expect(rig.in(0x41)).toBe(0xb4);
    expect(rig.in(0x40) | (rig.in(0x40) << 8)).toBe(expected[0]);
    expect(rig.in(0x41) | (rig.in(0x41) << 8)).toBe(expected[1]);
    rig.out(0x43, 0xe2);
    expect(rig.in(0x40) & 0x3f).toBe(0x36);
    rig.out(0x43, 0xd8);
    expect(rig.in(0x43)).toBe(0xff);
  });

  it("toggles the refresh bit of port 0x61 every 18 crystal ticks", () => {
    const rig = new Rig();
    let toggles = 0;
    let last = rig.in(0x61) & 0x10;
    for (let i = 0; i < 10_000; i++) {
      rig.clock.advance(100);
      const now = rig.in(0x61) & 0x10;
      if (now !== last) toggles++;
      last = now;
    }
    expect(toggles).toBe(Math.floor(rig.board.pit.tick / 18));
  });

  it("takes interrupts with the shortest periods without hanging", () => {
    const rig = new Rig();
    rig.initPics(0xfe, 0xff);
    for (const mode of [2, 3]) {
      for (const count of [1, 2, 3]) {
        rig.out(0x43, 0x30 | (mode << 1));
        rig.out(0x40, count, 0);
        rig.clock.us(100);
        expect(rig.board.pit.tick).toBeGreaterThan(0);
      }
    }
    expect(rig.edges).toBeGreaterThan(0);
  });

  it("restores in the middle of a count", () => {
    const rig = new Rig();
    rig.initPics(0xfe, 0xff);
    rig.out(0x43, 0x36);
    rig.out(0x40, 0x01, 0x10);
    rig.clock.us(1234);
    const saved = rig.board.save();
    const other = new Rig();
    other.clock.time = rig.clock.time;
    other.board.load(saved);
    for (let i = 0; i < 50; i++) {
      expect(other.clock.timers.nextDeadline()).toBe(rig.clock.timers.nextDeadline());
      rig.clock.us(300);
      other.clock.us(300);
      expect(other.intr).toBe(rig.intr);
      if (rig.intr) expect(other.takeInterrupt()).toBe(rig.takeInterrupt());
    }
    expect(other.board.save()).toEqual(rig.board.save());
  });
});
