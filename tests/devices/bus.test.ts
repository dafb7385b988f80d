// Decoding, splitting and counting of port and memory accesses.
import { describe, expect, it } from "vitest";
import { Bus } from "../../src/devices/bus.js";
import { PORT_NAMES, portName } from "../../src/devices/port-names.js";

function recorder(width?: 1 | 2 | 4, wholeOnly = false) {
  const log: string[] = [];
  return {
    log,
    width,
    wholeOnly,
    read(port: number, size: number): number {
      log.push(`r${size} ${port.toString(16)}`);
      return size === 4 ? 0xdead_beef : size === 2 ? 0xbeef : port & 0xff;
    },
    write(port: number, size: number, value: number): void {
      log.push(`w${size} ${port.toString(16)} ${value.toString(16)}`);
    },
  };
}

describe("ports", () => {
  it("splits wide accesses of 8-bit devices into consecutive bytes", () => {
    const bus = new Bus();
    const device = recorder();
    bus.mapPorts("device", 0x300, 0x307, device);
    expect(bus.portRead(0x301, 4)).toBe(0x04030201);
    bus.portWrite(0x302, 2, 0xabcd);
    expect(device.log).toEqual(["r1 301", "r1 302", "r1 303", "r1 304", "w1 302 cd", "w1 303 ab"]);
  });

  it("gives accesses whole to a device that takes them, with an unsigned result", () => {
    const bus = new Bus();
    const device = recorder(4);
    bus.mapPorts("device", 0x300, 0x303, device);
    expect(bus.portRead(0x300, 4)).toBe(0xdead_beef);
    bus.portWrite(0x300, 4, -1);
    expect(bus.portRead(0x302, 4)).toBe(0xffff_0302);
    expect(device.log).toEqual(["r4 300", "w4 300 ffffffff", "r1 302", "r1 303"]);
  });

  it("reads all ones from unassigned ports and counts them by name, once for each access", () => {
    const bus = new Bus();
    bus.portWrite(0xcf8, 4, 0x8000_0000);
    expect(bus.portRead(0xcfc, 4)).toBe(0xffff_ffff);
    expect(bus.portRead(0xcfc, 2)).toBe(0xffff);
    expect(bus.portRead(0x1f7, 1)).toBe(0xff);
    expect(bus.portRead(0x1234, 1)).toBe(0xff);
    expect(bus.unknownPorts()).toEqual([
      { port: 0x1f7, name: "primary IDE controller", reads: 1, writes: 0 },
      { port: 0xcf8, name: "PCI configuration address", reads: 0, writes: 1 },
      { port: 0xcfc, name: "PCI configuration data", reads: 2, writes: 0 },
      { port: 0x1234, name: "unassigned", reads: 1, writes: 0 },
    ]);
  });

  it("keeps a whole-only register out of wider accesses that merely cover it", () => {
    const bus = new Bus();
    const device = recorder(1, true);
    bus.mapPorts("reset control", 0xcf9, 0xcf9, device);
    bus.portWrite(0xcf8, 4, 0x8000_0600);
    expect(bus.portRead(0xcf8, 4)).toBe(0xffff_ffff);
    expect(device.log).toEqual([]);
    bus.portWrite(0xcf9, 1, 6);
    expect(device.log).toEqual(["w1 cf9 6"]);
  });

  it("mixes mapped and unmapped bytes of one access and wraps at the last port", () => {
    const bus = new Bus();
    const device = recorder();
    bus.mapPorts("last", 0xffff, 0xffff, device);
    bus.mapPorts("first", 0, 0, device);
    expect(bus.portRead(0xfffe, 4)).toBe(0xff00_ffff);
    expect(bus.unknownPorts().map(({ port }) => port)).toEqual([1, 0xfffe]);
  });

  it("refuses overlaps and impossible ranges in a sentence", () => {
    const bus = new Bus();
    bus.mapPorts("timer", 0x40, 0x43, {});
    expect(() => bus.mapPorts("other", 0x43, 0x44, {})).toThrow("port 0x43 for other already belongs to timer");
    expect(() => bus.mapPorts("other", 0x10000, 0x10000, {})).toThrow("expected ports from 0x0 to 0xFFFF for other");
    expect(bus.isMapped(0x44)).toBe(false);
    expect(bus.isMapped(0x43)).toBe(true);
  });

  it("takes a missing reader as all ones and a missing writer as nothing, without counting", () => {
    const bus = new Bus();
    bus.mapPorts("silent", 0x40, 0x40, {});
    expect(bus.portRead(0x40, 1)).toBe(0xff);
    bus.portWrite(0x40, 1, 1);
    expect(bus.unknownPorts()).toEqual([]);
    expect(bus.nameOf(0x40)).toBe("silent");
    expect(bus.nameOf(0x3f0)).toBe("floppy controller");
  });
});

describe("memory", () => {
  it("routes accesses by physical address, splits at the edge, and counts the rest by page", () => {
    const bus = new Bus();
    const log: string[] = [];
    bus.mapMemory("registers", 0xfee0_0000, 0xfee0_0fff, {
      read: (pa, size) => {
        log.push(`r${size} ${pa.toString(16)}`);
        return 0x11;
      },
      write: (pa, size, value) => {
        log.push(`w${size} ${pa.toString(16)} ${value.toString(16)}`);
      },
    });
    expect(bus.mmioRead(0xfee0_0020, 4)).toBe(0x11);
    expect(bus.mmioRead(0xfee0_0fff, 2)).toBe(0xff11);
    bus.mmioWrite(0xfedf_ffff, 2, 0xabcd);
    expect(bus.mmioRead(0xf000_0123, 4)).toBe(0xffff_ffff);
    expect(log).toEqual(["r4 fee00020", "r1 fee00fff", "w1 fee00000 ab"]);
    expect(bus.unknownMemory()).toEqual([
      { page: 0xf000_0000, reads: 1, writes: 0 },
      { page: 0xfedf_f000, reads: 0, writes: 1 },
      { page: 0xfee0_1000, reads: 1, writes: 0 },
    ]);
    expect(() => bus.mapMemory("other", 0xfee0_0fff, 0xfee0_1fff, {})).toThrow("overlaps registers");
  });

  it("does not let a guest fill the host with unknown pages", () => {
    const bus = new Bus();
    for (let page = 0; page < 5000; page++) bus.mmioRead(0xc000_0000 + page * 4096, 1);
    const pages = bus.unknownMemory();
    expect(pages.length).toBe(1024);
    expect(pages.reduce((sum, { reads }) => sum + reads, 0)).toBe(5000);
  });
});

describe("port names", () => {
  it("are in ascending order without overlaps", () => {
    let previous = -1;
    for (const [first, last, name] of PORT_NAMES) {
      expect(first, name).toBeGreaterThan(previous);
      expect(last, name).toBeGreaterThanOrEqual(first);
      previous = last;
    }
    expect(previous).toBeLessThan(0x10000);
  });

  it("are found at both ends of a range and nowhere else", () => {
    for (const [first, last, name] of PORT_NAMES) {
      expect(portName(first)).toBe(name);
      expect(portName(last)).toBe(name);
    }
    expect(portName(0x0605)).toBe("ACPI power management control");
    expect(portName(0x0606)).toBe("unassigned");
    expect(portName(0xffff)).toBe("unassigned");
  });
});
