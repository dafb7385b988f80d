// The 8259A and the pair of them: priorities, end-of-interrupt commands, modes, spurious requests, cascade.
import { beforeEach, describe, expect, it } from "vitest";
import { Pic } from "../../src/devices/pic.js";
import { PicPair } from "../../src/devices/pic-pair.js";

describe("one 8259A", () => {
  let pic: Pic;
  let int = false;
  let edges = 0;

  const init = (icw1 = 0x13, icw4 = 0x01): void => {
    pic.write(0, icw1);
    pic.write(1, 0x40);
    if ((icw1 & 2) === 0) pic.write(1, 0x00);
    if ((icw1 & 1) !== 0) pic.write(1, icw4);
  };
  const raise = (...levels: number[]): void => {
    for (const level of levels) pic.setLine(level, true);
  };
  const readIrr = (): number => {
    pic.write(0, 0x0a);
    return pic.read(0);
  };
  const readIsr = (): number => {
    pic.write(0, 0x0b);
    return pic.read(0);
  };
  /** Acknowledges everything that is pending with an end of interrupt each, and returns the order. */
  const drain = (eoi: number): number[] => {
    const order: number[] = [];
    while (int && order.length < 20) {
      const level = pic.acknowledge();
      order.push(level);
      pic.setLine(level, false);
      pic.write(0, eoi);
    }
    return order;
  };

  beforeEach(() => {
    int = false;
    edges = 0;
    pic = new Pic((level) => {
      int = level;
      if (level) edges++;
    });
    init();
  });

  it("serves level 0 first and 7 last, with the vector of ICW2", () => {
    raise(5, 3, 7);
    expect(int).toBe(true);
    expect(readIrr()).toBe(0b1010_1000);
    expect(pic.acknowledge()).toBe(3);
    expect(pic.vector(3)).toBe(0x43);
    expect(readIsr()).toBe(0b0000_1000);
    expect(readIrr()).toBe(0b1010_0000);
    expect(int).toBe(false);
    raise(1);
    expect(int).toBe(true);
    expect(pic.acknowledge()).toBe(1);
    pic.write(0, 0x20);
    expect(readIsr()).toBe(0b0000_1000);
    expect(int).toBe(false);
    pic.write(0, 0x20);
    expect(int).toBe(true);
    expect(pic.acknowledge()).toBe(5);
  });

  it("latches an edge once while the line stays high", () => {
    raise(4);
    expect(pic.acknowledge()).toBe(4);
    pic.write(0, 0x20);
    expect(int).toBe(false);
    raise(4);
    expect(int).toBe(false);
    pic.setLine(4, false);
    raise(4);
    expect(int).toBe(true);
  });

  it("drops an edge request whose line falls before the acknowledge, and answers 7 without putting it in service", () => {
    raise(4);
    pic.setLine(4, false);
    expect(int).toBe(false);
    expect(pic.acknowledge()).toBe(7);
    expect(readIsr()).toBe(0);
  });

  it("keeps a masked request until it is unmasked", () => {
    pic.write(1, 0x10);
    expect(pic.read(1)).toBe(0x10);
    raise(4);
    expect(int).toBe(false);
    expect(readIrr()).toBe(0x10);
    pic.write(1, 0x00);
    expect(int).toBe(true);
  });

  it("requests again in level mode as long as the line is high", () => {
    init(0x1b);
    raise(2);
    expect(pic.acknowledge()).toBe(2);
    expect(readIrr()).toBe(0x04);
    expect(int).toBe(false);
    pic.write(0, 0x20);
    expect(int).toBe(true);
    pic.setLine(2, false);
    expect(int).toBe(false);
    expect(readIrr()).toBe(0);
  });

  it("ends a named level with a specific EOI and leaves others", () => {
    raise(6);
    pic.acknowledge();
    raise(2);
    pic.acknowledge();
    expect(readIsr()).toBe(0b0100_0100);
    pic.write(0, 0x66);
    expect(readIsr()).toBe(0b0000_0100);
    pic.write(0, 0x65);
    expect(readIsr()).toBe(0b0000_0100);
  });

  it("rotates with a rotating non-specific EOI: the level served becomes lowest", () => {
    raise(3);
    expect(pic.acknowledge()).toBe(3);
    pic.setLine(3, false);
    pic.write(0, 0xa0);
    raise(0, 1, 2, 3, 4, 5, 6, 7);
    expect(drain(0x20)).toEqual([4, 5, 6, 7, 0, 1, 2, 3]);
  });

  it("rotates with a rotating specific EOI and with set priority", () => {
    raise(6);
    pic.acknowledge();
    pic.setLine(6, false);
    pic.write(0, 0xe6);
    expect(readIsr()).toBe(0);
    raise(5, 6, 7);
    expect(drain(0x20)).toEqual([7, 5, 6]);
    pic.write(0, 0xc1);
    raise(0, 1, 2);
    expect(drain(0x20)).toEqual([2, 0, 1]);
  });

  it("treats OCW2 without EOI, rotation or level as nothing", () => {
    raise(3);
    pic.acknowledge();
    pic.write(0, 0x43);
    expect(readIsr()).toBe(0x08);
  });

  it("puts nothing in service with automatic EOI, and rotates in that mode when told to", () => {
    init(0x13, 0x03);
    raise(1, 2);
    expect(pic.acknowledge()).toBe(1);
    expect(readIsr()).toBe(0);
    expect(int).toBe(true);
    expect(pic.acknowledge()).toBe(2);
    expect(edges).toBe(2);
    pic.setLine(1, false);
    pic.setLine(2, false);
    pic.write(0, 0x80);
    raise(1, 2);
    expect(pic.acknowledge()).toBe(1);
    pic.setLine(1, false);
    raise(1);
    expect(pic.acknowledge()).toBe(2);
    pic.write(0, 0x00);
    expect(pic.acknowledge()).toBe(1);
    pic.setLine(2, false);
    raise(2);
    pic.setLine(1, false);
    raise(1);
    // Level 2 was the last to rotate, so 3 is first and 1 comes before 2.
    expect(pic.acknowledge()).toBe(1);
  });

  it("lets lower levels through a masked level in service in special mask mode", () => {
    raise(3);
    pic.acknowledge();
    raise(5);
    expect(int).toBe(false);
    pic.write(1, 0x08);
    expect(int).toBe(false);
    pic.write(0, 0x68);
    expect(int).toBe(true);
    expect(pic.acknowledge()).toBe(5);
    pic.write(0, 0x20);
    expect(readIsr(), "a non-specific EOI does not end a masked level").toBe(0x08);
    pic.write(0, 0x20);
    expect(readIsr()).toBe(0x08);
    pic.write(0, 0x63);
    expect(readIsr()).toBe(0);
    pic.write(0, 0x48);
    raise(4);
    pic.acknowledge();
    raise(6);
    pic.write(1, 0x10);
    expect(int).toBe(false);
  });

  it("polls: the next read acknowledges and reports the level", () => {
    raise(2);
    pic.write(0, 0x0c);
    expect(pic.read(0)).toBe(0x82);
    expect(readIsr()).toBe(0x04);
    pic.write(0, 0x20);
    pic.write(0, 0x0c);
    expect(pic.read(1)).toBe(0x00);
    expect(pic.read(1)).toBe(0x00);
  });

  it("remembers which register to read", () => {
    raise(1);
    pic.acknowledge();
    expect(readIsr()).toBe(0x02);
    expect(pic.read(0)).toBe(0x02);
    pic.write(0, 0x68);
    expect(pic.read(0)).toBe(0x02);
  });

  it("forgets edges, mask, service and priorities with ICW1", () => {
    pic.write(1, 0xaa);
    raise(0);
    pic.acknowledge();
    raise(2);
    pic.write(0, 0xc2);
    init();
    expect(pic.read(1)).toBe(0);
    expect(readIrr()).toBe(0);
    expect(readIsr()).toBe(0);
    expect(int).toBe(false);
    pic.setLine(2, false);
    pic.setLine(0, false);
    raise(0, 2);
    expect(drain(0x20)).toEqual([0, 2]);
  });

  it("expects ICW3 unless single and ICW4 only if announced", () => {
    pic.write(0, 0x10);
    pic.write(1, 0x58);
    pic.write(1, 0x00);
    pic.write(1, 0x21);
    expect(pic.read(1)).toBe(0x21);
    expect(pic.base).toBe(0x58);
    pic.write(0, 0x12);
    pic.write(1, 0x60);
    pic.write(1, 0x42);
    expect(pic.read(1)).toBe(0x42);
  });

  it("writes its state down and takes it back", () => {
    raise(3, 5);
    pic.acknowledge();
    pic.write(1, 0x40);
    const saved = pic.save();
    init();
    pic.load(saved);
    expect(pic.save()).toEqual(saved);
    pic.write(0, 0x20);
    expect(int).toBe(true);
    expect(pic.acknowledge()).toBe(5);
  });
});

describe("the pair", () => {
  let pics: PicPair;
  let intr = false;
  const ports: Record<number, [0 | 1, number]> = { 32: [0, 0], 33: [0, 1], 160: [1, 0], 161: [1, 1] };
  let write: (port: number, ...values: number[]) => void;
  let read: (port: number) => number;

  beforeEach(async () => {
    const { Bus } = await import("../../src/devices/bus.js");
    intr = false;
    pics = new PicPair((level) => {
      intr = level;
    });
    const bus = new Bus();
    pics.attach(bus);
    write = (port, ...values) => {
      expect(ports[port]).toBeDefined();
      for (const value of values) bus.portWrite(port, 1, value);
    };
    read = (port) => bus.portRead(port, 1);
    write(0x20, 0x11);
    write(0x21, 0x20, 0x04, 0x01);
    write(0xa0, 0x11);
    write(0xa1, 0x28, 0x02, 0x01);
  });

  it("gives the slave's vectors through level 2, between IRQ 1 and IRQ 3", () => {
    pics.setIrq(3, true);
    pics.setIrq(14, true);
    pics.setIrq(8, true);
    expect(pics.acknowledge()).toBe(0x28);
    expect(read(0x21)).toBe(0);
    write(0x20, 0x0b);
    write(0xa0, 0x0b);
    expect(read(0x20)).toBe(0x04);
    expect(read(0xa0)).toBe(0x01);
    expect(intr).toBe(false);
    write(0xa0, 0x20);
    write(0x20, 0x20);
    expect(pics.acknowledge()).toBe(0x2e);
    write(0xa0, 0x20);
    write(0x20, 0x20);
    expect(pics.acknowledge()).toBe(0x23);
  });

  it("blocks a higher slave level while the slave is in service, unless specially fully nested", () => {
    pics.setIrq(12, true);
    expect(pics.acknowledge()).toBe(0x2c);
    pics.setIrq(9, true);
    expect(intr).toBe(false);
    write(0x20, 0x11);
    write(0x21, 0x20, 0x04, 0x11);
    pics.setIrq(9, false);
    pics.setIrq(12, false);
    write(0xa0, 0x20);
    pics.setIrq(12, true);
    expect(pics.acknowledge()).toBe(0x2c);
    pics.setIrq(9, true);
    expect(intr).toBe(true);
    expect(pics.acknowledge()).toBe(0x29);
    pics.setIrq(14, true);
    expect(intr).toBe(false);
  });

  it("answers a vanished request with level 7 of the controller that asked", () => {
    pics.setIrq(4, true);
    pics.setIrq(4, false);
    expect(pics.acknowledge()).toBe(0x27);
    write(0x20, 0x0b);
    expect(read(0x20)).toBe(0);
    // The slave's request stands in the master; the source goes away where the master cannot see it.
    write(0xa1, 0x00);
    pics.setIrq(10, true);
    const saved = pics.save();
    saved.slave.irr = 0;
    saved.slave.lines = 0;
    const master = { ...saved.master };
    pics.load({ slave: saved.slave, master });
    expect(intr).toBe(true);
    expect(pics.acknowledge()).toBe(0x2f);
    write(0xa0, 0x0b);
    expect(read(0xa0)).toBe(0);
    expect(read(0x20)).toBe(0x04);
  });

  it("floats the bus when the slave has another identity", () => {
    write(0xa0, 0x11);
    write(0xa1, 0x28, 0x05, 0x01);
    pics.setIrq(8, true);
    expect(pics.acknowledge()).toBe(0xff);
  });

  it("survives the probes of a kernel that masks, reads back and remasks", () => {
    write(0x21, 0xff);
    write(0xa1, 0xff);
    expect(read(0x21)).toBe(0xff);
    write(0x21, 0xfb);
    expect(read(0x21)).toBe(0xfb);
    write(0xa1, 0xfe);
    pics.setIrq(8, true);
    expect(intr).toBe(true);
    write(0xa1, 0xff);
    expect(intr).toBe(false);
    write(0xa1, 0xfe);
    expect(pics.acknowledge()).toBe(0x28);
  });

  it("refuses request lines that do not exist", () => {
    expect(() => pics.setIrq(2, true)).toThrow("expected an IRQ from 0 to 15 other than 2, found 2");
    expect(() => pics.setIrq(16, true)).toThrow(RangeError);
  });
});
