// The 8042 with its keyboard and mouse: the command sequences of firmware and kernels, scan codes, pacing, reset and A20.
import { beforeEach, describe, expect, it } from "vitest";
import { keyForCharacter, keyNamed, keyNames, ScanCodeTranslator, set2Bytes } from "../../src/devices/scan-codes.js";
import { Rig } from "./fake-board.js";

let rig: Rig;

const status = (): number => rig.in(0x64);
const command = (...bytes: number[]): void => {
  rig.out(0x64, bytes[0]);
  for (const byte of bytes.slice(1)) rig.out(0x60, byte);
};
/** Waits for a byte as a polling driver does, and reads it; undefined when none comes within 50 ms. */
const poll = (): number | undefined => {
  for (let i = 0; i < 5000; i++) {
    if ((status() & 1) !== 0) return rig.in(0x60);
    rig.clock.us(10);
  }
  return undefined;
};
const pollAll = (): number[] => {
  const bytes: number[] = [];
  for (let byte = poll(); byte !== undefined; byte = poll()) bytes.push(byte);
  return bytes;
};
const toKeyboard = (...bytes: number[]): (number | undefined)[] => {
  const replies: (number | undefined)[] = [];
  for (const byte of bytes) {
    rig.out(0x60, byte);
    replies.push(poll());
  }
  return replies;
};

beforeEach(() => {
  rig = new Rig();
  rig.initPics(0xf9, 0xef);
});

describe("controller", () => {
  it("goes through SeaBIOS's set-up", () => {
    expect(status() & 1).toBe(0);
    command(0xaa);
    expect(status() & 0x05).toBe(0x05);
    expect(poll()).toBe(0x55);
    command(0xab);
    expect(poll()).toBe(0x00);
    command(0x60, 0x30);
    command(0x60, 0x20);
    expect(toKeyboard(0xff)).toEqual([0xfa]);
    expect(poll()).toBe(0xaa);
    expect(toKeyboard(0xf5, 0xf0, 0x02)).toEqual([0xfa, 0xfa, 0xfa]);
    command(0x60, 0x61);
    expect(toKeyboard(0xf4)).toEqual([0xfa]);
    command(0x20);
    expect(poll()).toBe(0x61);
    expect(pollAll()).toEqual([]);
    rig.board.pressKey("a");
    expect(pollAll()).toEqual([0x1e, 0x9e]);
  });

  it("answers the probes of Linux: command byte, aux loop, aux test, port switches", () => {
    command(0x20);
    const ctr = poll() as number;
    command(0x60, ctr | 0x10);
    command(0xd3, 0x5a);
    expect(status() & 0x21).toBe(0x21);
    expect(poll()).toBe(0x5a);
    command(0xa9);
    expect(poll()).toBe(0);
    command(0xa7);
    command(0x20);
    expect((poll() as number) & 0x20).toBe(0x20);
    command(0xa8);
    command(0x20);
    expect((poll() as number) & 0x20).toBe(0);
    command(0xad);
    command(0x20);
    expect((poll() as number) & 0x10).toBe(0x10);
    command(0xae);
    command(0x20);
    expect((poll() as number) & 0x10).toBe(0);
  });

  it("reads and writes its RAM and ports", () => {
    command(0x65, 0x77);
    command(0x25);
    expect(poll()).toBe(0x77);
    command(0xa4);
    expect(poll()).toBe(0xf1);
    command(0xc0);
    expect((poll() as number) & 0x80).toBe(0x80);
    command(0xe0);
    expect(poll()).toBe(0);
    command(0xd2, 0x42);
    expect(status() & 0x21).toBe(0x01);
    expect(poll()).toBe(0x42);
  });

  it("tells commands from data in its status, and repeats the last byte when empty", () => {
    command(0xd2);
    expect(status() & 0x08).toBe(0x08);
    rig.out(0x60, 0x42);
    expect(status() & 0x08).toBe(0);
    expect(rig.in(0x60)).toBe(0x42);
    expect(rig.in(0x60)).toBe(0x42);
    expect(status() & 0x01).toBe(0);
  });

  it("never overwrites its output buffer: replies queue behind it", () => {
    command(0x60, 0x41);
    command(0xaa);
    command(0x20);
    expect([poll(), poll()]).toEqual([0x55, 0x45]);
    expect(pollAll()).toEqual([]);
  });

  it("opens and closes A20 by output port, DD/DF and port 0x92, and all show one state", () => {
    command(0xd0);
    expect((poll() as number) & 3).toBe(3);
    command(0xd1, 0xdd);
    expect(rig.a20).toBe(false);
    expect(rig.in(0x92) & 2).toBe(0);
    command(0xd0);
    expect((poll() as number) & 3).toBe(1);
    rig.out(0x92, 0x02);
    expect(rig.a20).toBe(true);
    command(0xdd);
    expect(rig.a20).toBe(false);
    command(0xdf);
    expect(rig.a20).toBe(true);
    rig.out(0x92, 0x00);
    expect(rig.a20).toBe(false);
    rig.board.reset();
    expect(rig.a20).toBe(true);
  });

  it("resets the machine by FE, by the output port, by port 0x92 and by 0xCF9, once each", () => {
    rig.out(0x64, 0xff);
    expect(rig.resets).toBe(0);
    rig.out(0x64, 0xfe);
    expect(rig.resets).toBe(1);
    rig.out(0x64, 0xf0);
    expect(rig.resets).toBe(2);
    command(0xd1, 0x02);
    expect(rig.resets).toBe(3);
    rig.out(0x92, 0x03);
    rig.out(0x92, 0x03);
    expect(rig.resets).toBe(4);
    rig.out(0xcf9, 0x02);
    expect(rig.resets).toBe(4);
    rig.out(0xcf9, 0x06);
    expect(rig.resets).toBe(5);
    expect(rig.in(0xcf9)).toBe(0x06);
    rig.board.bus.portWrite(0xcf8, 4, 0x8000_0600);
    expect(rig.resets).toBe(5);
  });
});

describe("keyboard commands", () => {
  beforeEach(() => command(0x60, 0x20));

  it("acknowledges, echoes, identifies, resets, resends and refuses", () => {
    expect(toKeyboard(0xee)).toEqual([0xee]);
    expect(toKeyboard(0xf2)).toEqual([0xfa]);
    expect(pollAll()).toEqual([0xab, 0x83]);
    expect(toKeyboard(0xfe)).toEqual([0x83]);
    expect(toKeyboard(0xff)).toEqual([0xfa]);
    expect(pollAll()).toEqual([0xaa]);
    expect(toKeyboard(0xef, 0x05)).toEqual([0xfe, 0xfe]);
    expect(toKeyboard(0xfb, 0x1c, 0xf7)).toEqual([0xfa, 0xfa, 0xfa]);
  });

  it("translates the identity and the scan code set as an 8042 does", () => {
    command(0x60, 0x60);
    expect(toKeyboard(0xf2)).toEqual([0xfa]);
    expect(pollAll()).toEqual([0xab, 0x41]);
    expect(toKeyboard(0xf0, 0x00)).toEqual([0xfa, 0xfa]);
    expect(pollAll()).toEqual([0x41]);
  });

  it("takes lights and typematic rate; a command in place of a parameter is a command", () => {
    expect(toKeyboard(0xed, 0x07)).toEqual([0xfa, 0xfa]);
    expect(rig.board.keyboard.keyboard.leds).toBe(7);
    expect(toKeyboard(0xf3, 0x20)).toEqual([0xfa, 0xfa]);
    expect(toKeyboard(0xed, 0xf4, 0x02)).toEqual([0xfa, 0xfa, 0xfe]);
    expect(rig.board.keyboard.keyboard.leds).toBe(7);
    expect(toKeyboard(0xf6)).toEqual([0xfa]);
    expect(rig.board.keyboard.keyboard.leds).toBe(0);
  });

  it("sends nothing while disabled and scans again when enabled", () => {
    expect(toKeyboard(0xf5)).toEqual([0xfa]);
    rig.board.pressKey("a");
    expect(pollAll()).toEqual([]);
    expect(toKeyboard(0xf4)).toEqual([0xfa]);
    rig.board.pressKey("a");
    expect(pollAll()).toEqual([0x1c, 0xf0, 0x1c]);
  });

  it("sends set 1 itself when asked to, and refuses set 3", () => {
    expect(toKeyboard(0xf0, 0x01)).toEqual([0xfa, 0xfa]);
    rig.board.pressKey("up");
    expect(pollAll()).toEqual([0xe0, 0x48, 0xe0, 0xc8]);
    expect(toKeyboard(0xf0, 0x03)).toEqual([0xfa, 0xfe]);
    expect(toKeyboard(0xf0, 0x00)).toEqual([0xfa, 0xfa]);
    expect(pollAll()).toEqual([0x01]);
  });

  it("puts replies before waiting keys", () => {
    command(0x60, 0x30);
    rig.board.setKey("a", true);
    rig.out(0x60, 0xee);
    expect(pollAll()).toEqual([0xee, 0x1c]);
  });
});

describe("keys", () => {
  beforeEach(() => {
    command(0x60, 0x41);
    pollAll();
  });

  it("type text as set 1 with shift", () => {
    rig.board.typeText("aB!\n");
    expect(pollAll()).toEqual([0x1e, 0x9e, 0x2a, 0x30, 0xb0, 0xaa, 0x2a, 0x02, 0x82, 0xaa, 0x1c, 0x9c]);
  });

  it("press chords left to right and release them right to left", () => {
    rig.board.pressKey("ctrl+alt+delete");
    expect(pollAll()).toEqual([0x1d, 0x38, 0xe0, 0x53, 0xe0, 0xd3, 0xb8, 0x9d]);
    rig.board.pressKey("?");
    expect(pollAll()).toEqual([0x2a, 0x35, 0xb5, 0xaa]);
    rig.board.pressKey("shift++");
    expect(pollAll()).toEqual([0x2a, 0x0d, 0x8d, 0xaa]);
    rig.board.pressKey("kp+");
    expect(pollAll()).toEqual([0x4e, 0xce]);
  });

  it("send the long sequences of pause and print screen", () => {
    rig.board.pressKey("pause");
    expect(pollAll()).toEqual([0xe1, 0x1d, 0x45, 0xe1, 0x9d, 0xc5]);
    rig.board.pressKey("printscreen");
    expect(pollAll()).toEqual([0xe0, 0x2a, 0xe0, 0x37, 0xe0, 0xb7, 0xe0, 0xaa]);
  });

  it("interrupt once for each byte, with the line low until the next one arrives", () => {
    rig.board.pressKey("left");
    const bytes: number[] = [];
    for (let i = 0; i < 4; i++) {
      while (!rig.intr) rig.clock.us(10);
      expect(rig.takeInterrupt()).toBe(0x21);
      const byte = rig.in(0x60);
      expect(rig.in(0x60), "a second read sees the same byte").toBe(byte);
      bytes.push(byte);
      expect(rig.intr).toBe(false);
    }
    expect(bytes).toEqual([0xe0, 0x4b, 0xe0, 0xcb]);
    rig.clock.us(100_000);
    expect(rig.intr).toBe(false);
  });

  it("wait for a slow guest: a long text arrives whole", () => {
    const text = "the quick brown fox jumps over the lazy dog 0123456789";
    rig.board.typeText(text);
    rig.clock.us(10_000_000);
    const makes = pollAll().filter((byte) => byte < 0x80);
    expect(makes.length).toBe(text.length);
    expect(rig.board.keyboard.keyboard.idle).toBe(true);
  });

  it("overrun the buffer with one code when a key is hammered", () => {
    for (let i = 0; i < 40; i++) rig.board.setKey("a", i % 2 === 0);
    const bytes = pollAll();
    expect(bytes.filter((byte) => byte === 0xff)).toEqual([0xff]);
    expect(bytes.indexOf(0xff)).toBe(bytes.length - 1);
    expect(bytes.length).toBeLessThanOrEqual(18);
  });

  it("wait while the interface is off", () => {
    command(0xad);
    rig.board.setKey("z", true);
    expect(pollAll()).toEqual([]);
    command(0xae);
    expect(pollAll()).toEqual([0x2c]);
  });

  it("are refused by name", () => {
    expect(() => rig.board.pressKey("hyper")).toThrow('expected the name of a key, found "hyper" in "hyper"');
    expect(() => rig.board.setKey("é", true)).toThrow('expected the name of a key, found "é"');
    expect(() => rig.board.typeText("oké")).toThrow('expected text a US keyboard can type, found "é"');
    expect(pollAll(), "nothing of a refused text is typed").toEqual([]);
  });

  it("all have scan codes that translate to set 1 codes of their own", () => {
    const seen = new Map<string, string>();
    for (const name of keyNames()) {
      const translator = new ScanCodeTranslator();
      const make = set2Bytes(name, true).map((byte) => translator.translate(byte));
      const codes = make.filter((byte) => byte !== undefined).map((byte) => byte.toString(16));
      expect(codes.length, name).toBeGreaterThan(0);
      expect(seen.get(codes.join(" ")), name).toBeUndefined();
      seen.set(codes.join(" "), name);
      expect(keyNamed(name)).toBe(name);
    }
    expect(seen.get("1e")).toBe("a");
    expect(seen.get("44")).toBe("f10");
    expect(seen.get("41")).toBe("f7");
    expect(seen.get("57")).toBe("f11");
    expect(seen.get("54")).toBe("sysrq");
    for (let code = 0x20; code < 0x7f; code++) {
      expect(keyForCharacter(String.fromCharCode(code)), String.fromCharCode(code)).toBeDefined();
    }
    for (const name of ["constructor", "__proto__", "toString"]) expect(keyNamed(name)).toBeUndefined();
  });
});

describe("mouse", () => {
  const toMouse = (...bytes: number[]): (number | undefined)[] => {
    const replies: (number | undefined)[] = [];
    for (const byte of bytes) {
      command(0xd4, byte);
      expect(status() & 0x20).toBe(0x20);
      replies.push(poll());
    }
    return replies;
  };
  beforeEach(() => command(0x60, 0x02));

  it("resets, identifies, reports status", () => {
    expect(toMouse(0xff)).toEqual([0xfa]);
    expect(pollAll()).toEqual([0xaa, 0x00]);
    expect(toMouse(0xf2)).toEqual([0xfa]);
    expect(pollAll()).toEqual([0x00]);
    expect(toMouse(0xe8, 0x03, 0xf3, 0x28, 0xe7, 0xf4)).toEqual([0xfa, 0xfa, 0xfa, 0xfa, 0xfa, 0xfa]);
    expect(toMouse(0xe9)).toEqual([0xfa]);
    expect(pollAll()).toEqual([0x30, 0x03, 0x28]);
    expect(toMouse(0x01)).toEqual([0xfe]);
    expect(toMouse(0xee, 0x42, 0xec)).toEqual([0xfa, 0x42, 0xfa]);
  });

  it("sends packets on IRQ 12 once enabled, with large moves in parts", () => {
    rig.board.keyboard.mouse.move(5, 5);
    expect(pollAll()).toEqual([]);
    expect(toMouse(0xf4)).toEqual([0xfa]);
    if (rig.intr) rig.takeInterrupt();
    rig.clock.us(200);
    rig.board.keyboard.mouse.move(-3, 300, 1);
    rig.clock.us(200);
    expect(rig.takeInterrupt()).toBe(0x2c);
    expect(pollAll()).toEqual([0x19, 0xfd, 0xff, 0x09, 0x00, 45]);
    expect(toMouse(0xf0, 0xeb)).toEqual([0xfa, 0xfa]);
    expect(pollAll()).toEqual([0x09, 0, 0]);
  });
});

describe("state", () => {
  it("restores with keys still to be typed", () => {
    command(0x60, 0x41);
    rig.board.typeText("hello");
    rig.clock.us(7000);
    const saved = JSON.parse(JSON.stringify(rig.board.save()));
    const first = pollAll();
    const end = rig.clock.time;
    const other = new Rig();
    other.clock.time = 0;
    const original = rig;
    rig = other;
    other.clock.us(7000);
    other.board.load(saved);
    expect(pollAll()).toEqual(first);
    expect(other.clock.time).toBe(end);
    expect(other.board.save()).toEqual(original.board.save());
  });
});
