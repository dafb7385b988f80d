// The board as a whole: wiring, debug ports, reset, firmware state, snapshots, and hostile guests.
import * as fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import { Rig } from "./fake-board.js";

let rig: Rig;
beforeEach(() => {
  rig = new Rig();
});

describe("ways out", () => {
  it("isa-debug-exit gives (v << 1) | 1 for every width", () => {
    rig.board.bus.portWrite(0xf4, 1, 0x10);
    rig.board.bus.portWrite(0xf4, 4, 0x8000_0003);
    rig.board.bus.portWrite(0xf4, 2, 0xffff);
    expect(rig.exits).toEqual([
      { code: 0x21, source: "isa-debug-exit" },
      { code: 7, source: "isa-debug-exit" },
      { code: 0x1ffff, source: "isa-debug-exit" },
    ]);
    expect(rig.in(0xf4)).toBe(0);
  });

  it("isa-debug-exit moves to another port, but not onto a device", () => {
    rig = new Rig({ debugExitPort: 0x501 });
    rig.out(0xf4, 1);
    rig.out(0x501, 1);
    expect(rig.exits).toEqual([{ code: 3, source: "isa-debug-exit" }]);
    expect(() => new Rig({ debugExitPort: 0x60 })).toThrow("port 0x60 for isa-debug-exit already belongs to");
    expect(() => new Rig({ debugExitPort: 0x10000 })).toThrow("expected ports from 0x0 to 0xFFFF for isa-debug-exit");
  });

  it("the word 0x2000 at port 0x604 is a clean power-off; other sleep commands are not", () => {
    rig.board.bus.portWrite(0x604, 2, 0x0001);
    rig.board.bus.portWrite(0x604, 2, 0x3400);
    expect(rig.exits).toEqual([]);
    rig.board.bus.portWrite(0x604, 2, 0x2000);
    expect(rig.exits).toEqual([{ code: 0, source: "power-off" }]);
    expect(rig.board.bus.portRead(0x604, 2)).toBe(0);
  });
});

describe("markers", () => {
  const marks: string[] = [];
  const write = (name: string, count: number) => {
    for (const character of name) rig.out(0x4f8, character.charCodeAt(0));
    rig.board.bus.portWrite(0x4fc, 4, count);
  };
  beforeEach(() => {
    marks.length = 0;
    rig = new Rig({ onMark: ({ kind, name, count }) => marks.push(`${kind} ${name} ${count}`) });
  });

  it("name a section, begin it, end it, and nest", () => {
    write("outer", 1);
    write("inner", 0xffff_ffff);
    write("", 0);
    write("again", 2);
    write("", 2);
    write("", 0);
    write("", 0);
    write("", 0);
    expect(marks).toEqual([
      "begin outer 1",
      "begin inner 4294967295",
      "end inner 4294967295",
      "begin again 2",
      "begin again 2",
      "end again 2",
      "end again 2",
      "end outer 1",
    ]);
  });

  it("are not reached by what is no mark: an end too many, narrower writes, reads", () => {
    write("name", 0);
    rig.out(0x4fc, 1, 1);
    rig.board.bus.portWrite(0x4fc, 2, 1);
    expect([rig.in(0x4f8), rig.board.bus.portRead(0x4fc, 4)]).toEqual([0xff, 0xffff_ffff]);
    expect(marks).toEqual([]);
    expect(rig.board.bus.unknownPorts()).toEqual([]);
  });

  it("keep a name and a number of open sections that a guest cannot make longer", () => {
    write("x".repeat(1000), 1);
    for (let i = 0; i < 1000; i++) write("", 1);
    for (let i = 0; i < 1000; i++) write("", 0);
    expect(marks[0]).toBe(`begin ${"x".repeat(63)} 1`);
    expect(marks.filter((mark) => mark.startsWith("end"))).toHaveLength(64);
  });

  it("start afresh after a reset", () => {
    write("before", 1);
    rig.out(0x4f8, 0x41);
    rig.board.reset();
    write("", 0);
    write("after", 1);
    expect(marks).toEqual(["begin before 1", "begin after 1"]);
  });

  it("are ports nobody owns when nobody listens", () => {
    rig = new Rig();
    write("a", 1);
    expect(rig.board.bus.unknownPorts().map(({ port, writes }) => [port, writes])).toEqual([
      [0x4f8, 1],
      [0x4fc, 1],
    ]);
  });
});

describe("debug ports", () => {
  it("read 0xE9 and hand over bytes", () => {
    const bytes: [string, number][] = [];
    rig.board.debugConsole.onOutput = (byte) => bytes.push(["e9", byte]);
    rig.board.firmwareConsole.onOutput = (byte) => bytes.push(["402", byte]);
    expect([rig.in(0xe9), rig.in(0x402)]).toEqual([0xe9, 0xe9]);
    rig.out(0xe9, 0x41);
    rig.out(0x402, 0x42);
    expect(bytes).toEqual([
      ["e9", 0x41],
      ["402", 0x42],
    ]);
  });

  it("remember POST codes without growing", () => {
    for (let i = 0; i < 1000; i++) rig.out(0x80, i >> 1);
    expect(rig.board.post.last).toBe(499 & 0xff);
    expect(rig.board.post.count).toBe(1000);
    expect(rig.board.post.history.length).toBe(64);
    expect(rig.board.post.history.slice(-2)).toEqual([498 & 0xff, 499 & 0xff]);
    expect(rig.in(0x80)).toBe(499 & 0xff);
  });
});

describe("DMA registers", () => {
  it("keep addresses, counts and pages as firmware tests them", () => {
    rig.out(0x0d, 0);
    for (const port of [0, 1, 2, 3, 4, 5, 6, 7, 0xc0, 0xc2, 0xc4, 0xce]) {
      rig.out(port < 8 ? 0x0c : 0xd8, 0);
      rig.out(port, 0x34, 0x12);
      expect([rig.in(port), rig.in(port)]).toEqual([0x34, 0x12]);
    }
    for (const page of [0x81, 0x82, 0x83, 0x87, 0x89, 0x8a, 0x8b, 0x8f]) {
      rig.out(page, page ^ 0xff);
      expect(rig.in(page)).toBe(page ^ 0xff);
    }
    rig.out(0x0a, 0x02);
    expect(rig.in(0x0f)).toBe(0xfb);
    rig.out(0x0a, 0x06);
    expect(rig.in(0x0f)).toBe(0xff);
    rig.out(0x0e, 0);
    expect(rig.in(0x0f)).toBe(0xf0);
    rig.out(0x09, 0x05);
    expect(rig.in(0x08)).toBe(0x20);
    rig.out(0xda, 0);
    expect(rig.in(0xde)).toBe(0xff);
  });
});

describe("absent devices", () => {
  it("float: disks, floppy, PCI, fw_cfg, ELCR", () => {
    for (const port of [0x1f7, 0x177, 0x3f6, 0x3f4, 0x3f2, 0x510, 0x511, 0x4d0, 0xcfc, 0x278, 0x3bc, 0x2e8]) {
      expect(rig.in(port), port.toString(16)).toBe(0xff);
    }
    const names = rig.board.bus.unknownPorts().map(({ name }) => name);
    expect(names).not.toContain("unassigned");
    expect(names).toContain("primary IDE controller");
  });

  it("let a PCI probe of mechanism 1 find nothing and reset nothing", () => {
    rig.board.bus.portWrite(0xcfb, 1, 0x01);
    const before = rig.board.bus.portRead(0xcf8, 4);
    rig.board.bus.portWrite(0xcf8, 4, 0x8000_0000);
    expect(rig.board.bus.portRead(0xcf8, 4)).not.toBe(0x8000_0000);
    rig.board.bus.portWrite(0xcf8, 4, before);
    expect(rig.resets).toBe(0);
  });
});

describe("wiring", () => {
  it("brings each device's request to its vector", () => {
    rig.initPics();
    const vectors: number[] = [];
    const collect = (): void => {
      while (rig.intr) vectors.push(rig.takeInterrupt());
    };
    collect();
    vectors.length = 0;
    rig.out(0x43, 0x30);
    rig.out(0x40, 10, 0);
    rig.clock.us(20);
    collect();
    rig.out(0x64, 0x60);
    rig.out(0x60, 0x03);
    rig.board.setKey("a", true);
    collect();
    rig.in(0x60);
    rig.out(0x2fc, 0x08);
    rig.out(0x2f9, 0x02);
    collect();
    rig.out(0x3fc, 0x08);
    rig.out(0x3f9, 0x02);
    collect();
    rig.out(0x70, 0x0b);
    rig.out(0x71, 0x42);
    rig.clock.us(1000);
    collect();
    rig.out(0x64, 0xd3);
    rig.out(0x60, 0x55);
    collect();
    expect(vectors).toEqual([0x20, 0x21, 0x23, 0x24, 0x28, 0x2c]);
  });

  it("calls for a new look when input or a program sets an earlier deadline", () => {
    rig.out(0x43, 0x34);
    rig.out(0x40, 0, 0);
    const before = rig.reschedules;
    rig.board.pressKey("a");
    expect(rig.reschedules).toBe(before + 1);
    rig.clock.us(100);
    const later = rig.reschedules;
    rig.out(0x40, 0x10, 0x00);
    expect(rig.reschedules).toBeGreaterThanOrEqual(later);
  });
});

describe("firmware state", () => {
  it("is what an image without firmware expects: PIC vectors, 18.2 Hz, a translated keyboard", () => {
    rig.board.applyFirmwareState();
    expect(rig.intr).toBe(false);
    expect(rig.board.pic.registers(0)).toEqual({ irr: 0, isr: 0, imr: 0xb8, base: 0x08 });
    expect(rig.board.pic.registers(1)).toEqual({ irr: 0, isr: 0, imr: 0x8e, base: 0x70 });
    rig.clock.us(54_928);
    expect(rig.intr).toBe(true);
    expect(rig.board.acknowledgeInterrupt()).toBe(0x08);
    rig.out(0x20, 0x20);
    rig.board.pressKey("esc");
    rig.clock.us(1);
    expect(rig.board.acknowledgeInterrupt()).toBe(0x09);
    expect(rig.in(0x60)).toBe(0x01);
    rig.out(0x43, 0x00);
    const first = rig.in(0x40) | (rig.in(0x40) << 8);
    rig.clock.us(100);
    rig.out(0x43, 0x00);
    const second = rig.in(0x40) | (rig.in(0x40) << 8);
    expect((first - second) & 0xffff).toBeGreaterThan(115);
    expect((first - second) & 0xffff).toBeLessThan(123);
  });
});

describe("reset and snapshots", () => {
  it("comes back to power-on, except for what a battery or the host holds", () => {
    const fresh = rig.board.save();
    rig.board.applyFirmwareState();
    rig.out(0x3d4, 0x0e);
    rig.out(0x3d5, 0x07);
    rig.out(0x61, 0x03);
    rig.out(0x81, 0x55);
    rig.out(0x80, 0x55);
    rig.out(0x3ff, 0x77);
    rig.clock.us(5000);
    rig.board.reset();
    expect(rig.intr).toBe(false);
    const again = rig.board.save();
    expect({ ...again, pit: 0, rtc: 0, uarts: 0 }).toEqual({ ...fresh, pit: 0, rtc: 0, uarts: 0 });
    expect(again.uarts[0]).toEqual({ ...fresh.uarts[0], scratch: 0x77 });
    expect(again.pit.counters.map((counter) => ({ ...counter, tick: 0 }))).toEqual(
      fresh.pit.counters.map((counter) => ({ ...counter, tick: 0 })),
    );
    expect(rig.clock.timers.nextDeadline()).toBe(Number.POSITIVE_INFINITY);
  });

  it("are plain data with the same bytes for the same run", () => {
    const run = (): string => {
      const one = new Rig();
      one.board.applyFirmwareState();
      one.board.typeText("abc");
      one.board.serial.send(0, [1, 2, 3]);
      one.clock.us(7777);
      return JSON.stringify(one.board.save());
    };
    expect(run()).toBe(run());
    expect(JSON.parse(run())).toEqual(JSON.parse(run()));
  });
});

describe("hostile guests", () => {
  const access = fc.record({
    port: fc.oneof(
      fc.constantFrom(
        0x20,
        0x21,
        0xa0,
        0xa1,
        0x40,
        0x41,
        0x42,
        0x43,
        0x60,
        0x61,
        0x64,
        0x70,
        0x71,
        0x92,
        0xcf9,
        0x3c0,
        0x3d4,
        0x3d5,
        0x3f8,
        0x3f9,
        0x3fa,
        0x3fb,
        0x3fc,
        0x3fd,
        0x2f8,
        0x2fa,
        0x2fc,
        0x0b,
        0xd6,
        0x604,
        0xf4,
      ),
      fc.nat(0xffff),
    ),
    size: fc.constantFrom(1, 2, 4) as fc.Arbitrary<1 | 2 | 4>,
    write: fc.boolean(),
    value: fc.oneof(fc.nat(0xff), fc.nat(0xffff_ffff)),
    wait: fc.oneof(fc.constant(0), fc.nat(100_000)),
  });

  it("cannot make a device throw, return a wrong value, lose its state or stop time", () => {
    fc.assert(
      fc.property(fc.array(access, { maxLength: 120 }), (accesses) => {
        const one = new Rig();
        one.board.applyFirmwareState();
        one.board.typeText("x");
        one.board.serial.send(0, [0x55, 0xaa]);
        for (const { port, size, write, value, wait } of accesses) {
          if (write) {
            one.board.bus.portWrite(port, size, size === 4 ? value : value & (size === 2 ? 0xffff : 0xff));
          } else {
            const read = one.board.bus.portRead(port, size);
            if (!Number.isInteger(read) || read < 0 || read >= 2 ** (8 * size)) throw new Error(`read ${read}`);
          }
          if (one.intr) {
            const vector = one.board.acknowledgeInterrupt();
            if (!Number.isInteger(vector) || vector < 0 || vector > 255) throw new Error(`vector ${vector}`);
          }
          one.clock.advance(wait);
        }
        const saved = JSON.parse(JSON.stringify(one.board.save()));
        const other = new Rig();
        other.clock.time = one.clock.time;
        other.board.load(saved);
        expect(other.intr).toBe(one.intr);
        expect(other.board.save()).toEqual(saved);
        expect(other.clock.timers.nextDeadline()).toBe(one.clock.timers.nextDeadline());
      }),
      { numRuns: 300, seed: 92 },
    );
  });
});
