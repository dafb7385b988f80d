// The text screen: reading guest memory as text, CRTC registers, status timing, the rest of the register file.
import { beforeEach, describe, expect, it } from "vitest";
import { CP437 } from "../../src/devices/code-page-437.js";
import { TEXT_MEMORY } from "../../src/devices/screen.js";
import { Rig } from "./fake-board.js";

let rig: Rig;
let ram: Uint8Array;

const crtc = (index: number, value?: number): number => {
  rig.out(0x3d4, index);
  if (value !== undefined) rig.out(0x3d5, value);
  return rig.in(0x3d5);
};
const put = (cell: number, text: string): void => {
  [...text].forEach((character, index) => {
    ram[TEXT_MEMORY + (((cell + index) * 2) % 0x8000)] = character.charCodeAt(0);
    ram[TEXT_MEMORY + (((cell + index) * 2 + 1) % 0x8000)] = 0x07;
  });
};

beforeEach(() => {
  rig = new Rig();
  ram = new Uint8Array(1024 * 1024);
});

describe("code page 437", () => {
  it("has 256 characters in their places", () => {
    expect(CP437.length).toBe(256);
    for (let code = 0x20; code < 0x7f; code++) expect(CP437[code]).toBe(String.fromCharCode(code));
    const places = [
      0x01, 0x0f, 0x10, 0x1f, 0x7f, 0x80, 0x9b, 0xa0, 0xb0, 0xc4, 0xc9, 0xcd, 0xdb, 0xe1, 0xf8, 0xfb, 0xfe, 0xff,
    ];
    expect(places.map((code) => CP437[code]).join("")).toBe("☺☼►▼⌂Ç¢á░─╔═█ß°√■ ");
    expect(new Set(CP437).size).toBe(254);
  });
});

describe("text", () => {
  it("is 25 lines without trailing blanks", () => {
    put(0, "Hello,");
    put(80 * 24 + 70, "right edge");
    ram[TEXT_MEMORY + 160] = 0xc9;
    ram[TEXT_MEMORY + 162] = 0x00;
    ram[TEXT_MEMORY + 164] = 0xbb;
    const lines = rig.board.screenText(ram.subarray(TEXT_MEMORY));
    expect(lines.length).toBe(25);
    expect(lines[0]).toBe("Hello,");
    expect(lines[1]).toBe("╔ ╗");
    expect(lines[2]).toBe("");
    expect(lines[24]).toBe(`${" ".repeat(70)}right edge`);
  });

  it("follows the start address, around the end of text memory too", () => {
    put(160, "third line");
    crtc(0x0c, 0);
    crtc(0x0d, 160);
    expect(rig.board.screenText(ram.subarray(TEXT_MEMORY))[0]).toBe("third line");
    put(0x4000 - 80, "last cells");
    put(0, "first cells");
    crtc(0x0c, 0x3f);
    crtc(0x0d, 0xb0);
    expect(rig.board.screenText(ram.subarray(TEXT_MEMORY)).slice(0, 2)).toEqual(["last cells", "first cells"]);
  });

  it("is blank, not an error, when there is less memory", () => {
    expect(rig.board.screenText(new Uint8Array(0)).join("")).toBe("");
  });

  it("tells where the cursor is", () => {
    crtc(0x0e, (80 * 3 + 7) >> 8);
    crtc(0x0f, (80 * 3 + 7) & 0xff);
    expect(rig.board.screen.cursor).toEqual({ row: 3, column: 7, visible: true });
    crtc(0x0a, 0x20);
    expect(rig.board.screen.cursor.visible).toBe(false);
  });
});

describe("registers", () => {
  it("read back what was written, protected ones once unprotected", () => {
    crtc(0x00, 0x12);
    expect(crtc(0x00)).toBe(0x5f);
    crtc(0x07, 0xff);
    expect(crtc(0x07)).toBe(0x1f);
    crtc(0x11, 0x0e);
    for (let index = 0; index <= 0x18; index++) {
      expect(crtc(index, 0x40 | index), `CRTC ${index}`).toBe(0x40 | index);
    }
    expect(crtc(0x19, 0x55)).toBe(0);
    for (const [port, registers] of [
      [0x3c4, 5],
      [0x3ce, 9],
    ]) {
      for (let index = 0; index < registers; index++) {
        rig.out(port, index);
        rig.out(port + 1, 0xa5);
        expect(rig.in(port + 1)).toBe(0xa5);
        expect(rig.in(port)).toBe(index);
      }
    }
    rig.out(0x3c2, 0x63);
    expect(rig.in(0x3cc)).toBe(0x63);
    rig.board.bus.portWrite(0x3d4, 2, (0x1234 & 0xff00) | 0x0f);
    expect(rig.in(0x3d5)).toBe(0x12);
  });

  it("share one port for attribute index and data, reset by reading the status", () => {
    rig.in(0x3da);
    rig.out(0x3c0, 0x05);
    rig.out(0x3c0, 0x3e);
    rig.out(0x3c0, 0x05);
    rig.in(0x3da);
    rig.out(0x3c0, 0x25);
    expect(rig.in(0x3c0)).toBe(0x25);
    expect(rig.in(0x3c1)).toBe(0x3e);
  });

  it("hold the palette in triples with an index that advances", () => {
    rig.out(0x3c8, 10);
    rig.out(0x3c9, 1, 2, 3, 4, 5, 0xff);
    expect(rig.in(0x3c8)).toBe(12);
    rig.out(0x3c7, 10);
    expect(rig.in(0x3c7)).toBe(3);
    expect([0, 0, 0, 0, 0, 0].map(() => rig.in(0x3c9))).toEqual([1, 2, 3, 4, 5, 0x3f]);
  });

  it("leave the monochrome addresses empty", () => {
    expect(rig.in(0x3b5)).toBe(0xff);
    expect(rig.in(0x3ba)).toBe(0xff);
  });
});

describe("status", () => {
  it("shows vertical retrace 70 times a second and the end of each line", () => {
    let retraces = 0;
    let blanks = 0;
    let last = 0;
    for (let us = 0; us < 1_000_000; us += 4) {
      const value = rig.in(0x3da);
      if ((value & ~last & 8) !== 0) {
        retraces++;
        expect(value & 1).toBe(1);
      }
      if ((value & ~last & 1) !== 0) blanks++;
      last = value;
      rig.clock.us(4);
    }
    expect(retraces).toBe(70);
    expect(blanks).toBeGreaterThan(25_000);
  });
});
