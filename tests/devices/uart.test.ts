// The 16550A as drivers probe and use it, both directions, interrupts, loop-back, pacing.
import { beforeEach, describe, expect, it } from "vitest";
import { Rig } from "./fake-board.js";

const COM1 = 0x3f8;
const [DATA, IER, IIR, LCR, MCR, LSR, MSR, SCR] = [0, 1, 2, 3, 4, 5, 6, 7].map((register) => COM1 + register);
const FCR = IIR;

let rig: Rig;
let sent: number[];

/** Eight bits at 115200 baud, FIFO on with the given trigger, DTR, RTS and OUT2 on; no interrupts. */
function open(fcr = 0x07): void {
  rig.out(IER, 0);
  rig.out(LCR, 0x83);
  rig.out(DATA, 1);
  rig.out(IER, 0);
  rig.out(LCR, 0x03);
  rig.out(FCR, fcr);
  rig.out(MCR, 0x0b);
}
const text = (value: string): number[] => [...value].map((character) => character.charCodeAt(0));
/** One character of eight bits at 115200 baud takes 86.8 µs. */
const CHARACTER_US = 87;

beforeEach(() => {
  rig = new Rig();
  rig.initPics(0xef, 0xff);
  sent = [];
  rig.board.serial.onOutput(0, (byte) => sent.push(byte));
});

describe("probes", () => {
  it("passes the interrupt enable and loop-back test of Linux's 8250 driver", () => {
    rig.out(IER, 0x00);
    expect(rig.in(IER) & 0x0f).toBe(0);
    rig.out(IER, 0x0f);
    expect(rig.in(IER)).toBe(0x0f);
    rig.out(IER, 0xf0);
    expect(rig.in(IER)).toBe(0);
    const mcr = rig.in(MCR);
    rig.out(MCR, 0x10 | 0x0a);
    expect(rig.in(MSR) & 0xf0).toBe(0x90);
    rig.out(MCR, mcr);
    expect(rig.in(MSR) & 0xf0).toBe(0xb0);
  });

  it("is a 16550A: FIFO bits, no EFR, no 64-byte FIFO, a scratch register", () => {
    rig.out(LCR, 0);
    rig.out(FCR, 0x01);
    expect(rig.in(IIR) >> 6).toBe(3);
    rig.out(FCR, 0x00);
    expect(rig.in(IIR)).toBe(0x01);
    rig.out(LCR, 0xbf);
    rig.out(FCR, 0x01);
    expect(rig.in(IIR)).not.toBe(0);
    rig.out(LCR, 0x80);
    rig.out(FCR, 0x21);
    expect(rig.in(IIR) >> 5).toBe(6);
    for (const value of [0x55, 0xaa]) {
      rig.out(SCR, value);
      expect(rig.in(SCR)).toBe(value);
    }
  });

  it("keeps the divisor apart from interrupt enable, as gnumach checks", () => {
    rig.out(LCR, 0);
    rig.out(IER, 0);
    rig.out(LCR, 0x80);
    rig.out(IER, 0xff);
    expect(rig.in(IER)).toBe(0xff);
    rig.out(DATA, 0x0c);
    expect(rig.in(DATA)).toBe(0x0c);
    rig.out(LCR, 0);
    expect(rig.in(IER)).toBe(0);
  });

  it("reads all ones where there is no port", () => {
    expect(rig.in(0x2e8 + 5)).toBe(0xff);
    expect(rig.in(0x3e8 + 1)).toBe(0xff);
    expect(rig.in(0x2f8 + 5)).toBe(0x60);
  });
});

describe("sending", () => {
  it("is ready at all times and hands over each byte during the write", () => {
    open();
    for (const byte of text("Hi!\n")) {
      expect(rig.in(LSR) & 0x60).toBe(0x60);
      rig.out(DATA, byte);
    }
    expect(sent).toEqual(text("Hi!\n"));
    rig.board.bus.portWrite(0x2f8, 1, 0x41);
    expect(sent.length).toBe(4);
  });

  it("sends full bytes even when nobody has programmed the line", () => {
    rig.out(DATA, 0xe9);
    expect(sent).toEqual([0xe9]);
  });

  it("raises the empty interrupt when it is enabled, again when enabled again, and after each byte", () => {
    open();
    rig.out(IER, 0x02);
    expect(rig.intr).toBe(true);
    expect(rig.takeInterrupt()).toBe(0x24);
    expect(rig.in(IIR)).toBe(0xc2);
    expect(rig.in(IIR)).toBe(0xc1);
    expect(rig.intr).toBe(false);
    rig.out(IER, 0x00);
    rig.out(IER, 0x02);
    expect(rig.in(IIR)).toBe(0xc2);
    rig.out(IER, 0x02);
    expect(rig.in(IIR), "writing the same enable again is no new reason").toBe(0xc1);
    const before = rig.edges;
    rig.out(DATA, 0x41);
    expect(rig.edges).toBe(before + 1);
    expect(rig.takeInterrupt()).toBe(0x24);
    rig.out(DATA, 0x42);
    expect(rig.intr, "a byte sent before the reason was read makes a new edge").toBe(true);
    expect(rig.in(IIR)).toBe(0xc2);
    expect(rig.in(IIR)).toBe(0xc1);
  });

  it("drives a transmit loop by interrupts to its end", () => {
    open(0xc7);
    const queue = text("The quick brown fox jumps over the lazy dog. 0123456789");
    const expected = [...queue];
    rig.out(IER, 0x03);
    let interrupts = 0;
    while (rig.intr && interrupts < 1000) {
      interrupts++;
      rig.board.acknowledgeInterrupt();
      for (let cause = rig.in(IIR); (cause & 1) === 0; cause = rig.in(IIR)) {
        expect(cause & 0x0f).toBe(2);
        for (const byte of queue.splice(0, 16)) rig.out(DATA, byte);
        if (queue.length === 0) rig.out(IER, 0x01);
      }
      rig.out(0x20, 0x20);
    }
    expect(sent).toEqual(expected);
    expect(interrupts).toBe(1);
  });

  it("keeps the interrupt off the line while OUT2 is off", () => {
    open();
    rig.out(MCR, 0x03);
    rig.out(IER, 0x02);
    expect(rig.intr).toBe(false);
    expect(rig.in(0x20)).toBe(0);
    rig.out(MCR, 0x0b);
    expect(rig.intr).toBe(true);
  });
});

describe("receiving", () => {
  it("delivers at the programmed rate, byte by byte, without overrun", () => {
    open();
    const bytes = text("abcdefghijklmnopqrstuvwxyz");
    rig.board.serial.send(0, bytes);
    rig.clock.us(1);
    expect(rig.in(LSR) & 1).toBe(1);
    expect(rig.in(DATA)).toBe(0x61);
    expect(rig.in(LSR) & 1).toBe(0);
    rig.clock.us(CHARACTER_US * 100);
    const got: number[] = [];
    for (let i = 0; i < 16; i++) got.push(rig.in(DATA));
    expect(rig.in(LSR) & 3).toBe(0);
    rig.clock.us(CHARACTER_US * 100);
    while ((rig.in(LSR) & 1) !== 0) got.push(rig.in(DATA));
    expect([0x61, ...got]).toEqual(bytes);
  });

  it("holds one byte without FIFO", () => {
    open(0x00);
    rig.board.serial.send(0, [1, 2, 3]);
    rig.clock.us(10_000);
    expect(rig.board.uarts[0].waitingInput).toBe(2);
    expect(rig.in(DATA)).toBe(1);
    rig.clock.us(1);
    expect(rig.in(DATA)).toBe(2);
  });

  it.each([
    [0x07, 1],
    [0x47, 4],
    [0x87, 8],
    [0xc7, 14],
  ])("interrupts at the trigger level of FCR %i and with a time-out below it", (fcr, level) => {
    open(fcr);
    rig.out(IER, 0x01);
    rig.board.serial.send(
      0,
      Array.from({ length: level + 2 }, (_, i) => i),
    );
    rig.clock.us(1);
    for (let received = 1; received < level; received++) {
      expect(rig.intr).toBe(false);
      rig.clock.us(CHARACTER_US);
    }
    expect(rig.takeInterrupt()).toBe(0x24);
    expect(rig.in(IIR)).toBe(0xc4);
    rig.clock.us(3 * CHARACTER_US);
    for (let i = 0; i < 2; i++) rig.in(DATA);
    if (level > 1) {
      rig.in(DATA);
      expect(rig.in(IIR)).toBe(0xc1);
      rig.clock.us(3 * CHARACTER_US);
      expect(rig.in(IIR)).toBe(0xc1);
      rig.clock.us(2 * CHARACTER_US);
      expect(rig.in(IIR)).toBe(0xcc);
      expect(rig.takeInterrupt()).toBe(0x24);
    }
    let left = 0;
    while ((rig.in(LSR) & 1) !== 0) {
      rig.in(DATA);
      left++;
    }
    expect(left).toBe(level > 1 ? level - 1 : 1);
    expect(rig.in(IIR)).toBe(0xc1);
    expect(rig.intr).toBe(false);
  });

  it("reports reasons in the order line status, data, transmitter, modem", () => {
    open();
    rig.out(IER, 0x0f);
    rig.board.uarts[0].sendBreak();
    rig.clock.us(10);
    rig.out(MCR, 0x1b);
    rig.out(MCR, 0x08);
    rig.out(MCR, 0x18);
    expect(rig.in(IIR)).toBe(0xc6);
    expect(rig.in(LSR)).toBe(0xf9);
    expect(rig.in(LSR)).toBe(0x61);
    expect(rig.in(IIR)).toBe(0xc4);
    expect(rig.in(DATA)).toBe(0);
    expect(rig.in(IIR)).toBe(0xc2);
    expect(rig.in(IIR)).toBe(0xc0);
    expect(rig.in(MSR) & 0x0f).not.toBe(0);
    expect(rig.in(IIR)).toBe(0xc1);
  });

  it("waits with input until the guest opens the port, so that a FIFO reset loses nothing", () => {
    rig.board.serial.send(0, text("help\n"));
    rig.clock.us(100_000);
    rig.out(IER, 0x0f);
    rig.out(IER, 0x00);
    rig.out(MCR, 0x1a);
    expect(rig.in(LSR) & 1).toBe(0);
    rig.out(MCR, 0x00);
    rig.clock.us(100_000);
    rig.out(FCR, 0x07);
    open();
    rig.clock.us(1000);
    const got: number[] = [];
    while ((rig.in(LSR) & 1) !== 0) got.push(rig.in(DATA));
    expect(got).toEqual(text("help\n"));
  });

  it("counts a polling loop as opening the port", () => {
    rig.board.serial.send(0, [0x41]);
    for (let i = 0; i < 100; i++) {
      expect(rig.in(LSR) & 0x60).toBe(0x60);
      rig.out(DATA, 0x2e);
    }
    expect(rig.board.uarts[0].waitingInput).toBe(1);
    let polls = 0;
    while ((rig.in(LSR) & 1) === 0 && polls < 100_000) {
      polls++;
      rig.clock.us(1);
    }
    expect(rig.in(DATA)).toBe(0x41);
  });

  it("never sets a deadline while there is nothing to do", () => {
    open();
    expect(rig.clock.timers.nextDeadline()).toBe(Number.POSITIVE_INFINITY);
    rig.board.serial.send(0, [1]);
    expect(rig.reschedules).toBeGreaterThan(0);
    rig.clock.us(1000);
    rig.in(DATA);
    expect(rig.clock.timers.nextDeadline()).toBe(Number.POSITIVE_INFINITY);
  });

  it("takes 200,000 bytes of input in reasonable time", () => {
    open();
    rig.board.serial.send(0, new Uint8Array(200_000));
    let got = 0;
    for (let round = 0; round < 20_000 && got < 200_000; round++) {
      rig.clock.us(16 * CHARACTER_US);
      while ((rig.in(LSR) & 1) !== 0) {
        rig.in(DATA);
        got++;
      }
    }
    expect(got).toBe(200_000);
  });
});

describe("loop-back", () => {
  it("returns what is sent, disconnects the host both ways, and overruns when full", () => {
    open();
    rig.out(MCR, 0x1b);
    rig.board.serial.send(0, [0x99]);
    rig.out(DATA, 0xae);
    expect(rig.in(LSR) & 1).toBe(1);
    expect(rig.in(DATA)).toBe(0xae);
    rig.clock.us(1000);
    expect(rig.in(LSR) & 1).toBe(0);
    for (let i = 0; i < 17; i++) rig.out(DATA, i);
    expect(rig.in(LSR) & 0x02).toBe(0x02);
    expect(rig.in(LSR) & 0x02).toBe(0);
    for (let i = 0; i < 16; i++) expect(rig.in(DATA)).toBe(i);
    expect(sent).toEqual([]);
    rig.out(MCR, 0x0b);
    rig.clock.us(1000);
    expect(rig.in(DATA)).toBe(0x99);
  });

  it("overwrites the holding register without FIFO", () => {
    open(0);
    rig.out(MCR, 0x1b);
    rig.out(DATA, 1, 2);
    expect(rig.in(LSR) & 0x03).toBe(0x03);
    expect(rig.in(DATA)).toBe(2);
  });

  it("turns the modem outputs into inputs with their changes, and keeps the interrupt from the bus", () => {
    open();
    rig.in(MSR);
    rig.out(IER, 0x08);
    rig.out(MCR, 0x10);
    expect(rig.in(MSR)).toBe(0x0b);
    rig.out(MCR, 0x14);
    expect(rig.in(MSR)).toBe(0x40);
    rig.out(MCR, 0x10);
    expect(rig.in(IIR)).toBe(0xc0);
    expect(rig.intr).toBe(false);
    expect(rig.in(MSR)).toBe(0x04);
    rig.out(MCR, 0x1f);
    expect(rig.in(MSR)).toBe(0xfb);
  });
});

describe("state", () => {
  it("restores with input on the way and a time-out running", () => {
    open(0x87);
    rig.out(IER, 0x01);
    rig.board.serial.send(0, text("0123456789"));
    rig.clock.us(3 * CHARACTER_US);
    const saved = JSON.parse(JSON.stringify(rig.board.save()));
    const other = new Rig();
    other.clock.time = rig.clock.time;
    other.board.load(saved);
    for (const one of [rig, other]) {
      one.clock.us(20 * CHARACTER_US);
      expect(one.takeInterrupt()).toBe(0x24);
    }
    expect(other.board.save()).toEqual(rig.board.save());
  });

  it("keeps undelivered input over a reset and waits for the guest to open the port again", () => {
    open();
    rig.board.serial.send(0, text("ab"));
    rig.clock.us(1);
    rig.board.reset();
    rig.clock.us(1000);
    expect(rig.in(LSR) & 1).toBe(0);
    open();
    rig.clock.us(1000);
    expect(rig.in(DATA)).toBe(0x62);
  });
});
