import { describe, expect, it } from "vitest";
import type { BootOptions } from "../../src/loaders/boot-plan.js";
import { planBoot } from "../../src/loaders/plan-boot.js";
import { bzImage, elf, kludge } from "./images.js";
import { carryOut, expectSound, refusal } from "./plan-helpers.js";

const MB = 0x100000;
const RAM = 4 * MB;
const plan = (image: Uint8Array, options: Partial<BootOptions> = {}) =>
  planBoot(image, { name: "image", ramBytes: RAM, ...options });

function sector(): Uint8Array {
  const bytes = new Uint8Array(512).fill(0x90);
  bytes.set([0x55, 0xaa], 510);
  return bytes;
}

function rom(size: number, jump = 0xea): Uint8Array {
  const bytes = Uint8Array.from({ length: size }, (_, index) => (index >> 10) & 255);
  bytes[size - 16] = jump;
  return bytes;
}

describe("flat binaries", () => {
  it("starts in real mode below 1 MB, with a segment for entries above 64 KB", () => {
    const made = plan(Uint8Array.of(0xf4), { address: 0x20000, entry: 0x20010 });
    expect(made.cpu).toEqual({ mode: "real", cs: 0x2000, eip: 0x10, esp: 0x7c00 });
    expect(carryOut(made, RAM).getUint8(0x20000)).toBe(0xf4);
  });

  it("starts in protected mode above 1 MB or when asked to", () => {
    expect(plan(Uint8Array.of(0xf4), { address: MB }).cpu).toMatchObject({ mode: "protected", eip: MB });
    expect(plan(Uint8Array.of(0xf4), { address: 0x8000, mode: "protected" }).cpu).toMatchObject({ eip: 0x8000 });
  });

  it("may be loaded into video memory", () => {
    expect(plan(Uint8Array.of(0x41, 7), { address: 0xb8000, entry: 0x7c00 }).writes[0]).toMatchObject({ pa: 0xb8000 });
  });

  it.each<[string, Partial<BootOptions>, RegExp]>([
    ["no address", { format: "flat" }, /needs the address/],
    ["an address beyond RAM", { address: RAM - 1 }, /does not fit/],
    ["a fractional address", { address: 1.5 }, /whole number/],
    ["a negative entry", { address: 0, entry: -1 }, /whole number/],
    ["real mode above 1 MB", { address: MB, mode: "real" }, /ask for protected mode/],
    ["a command line", { address: 0x8000, commandLine: "x" }, /takes no command line/],
  ])("refuses %s", (_name, options, message) => {
    expect(refusal(() => plan(Uint8Array.of(0xf4, 0xf4), options)).message).toMatch(message);
  });
});

describe("boot sectors", () => {
  it("are loaded to 0000:7C00 with the drive in DL", () => {
    const made = plan(sector());
    expect(made.format).toBe("bootsector");
    expect(made.cpu).toMatchObject({ mode: "real", cs: 0, eip: 0x7c00, edx: 0x80 });
    expect(carryOut(made, RAM).getUint16(0x7dfe, true)).toBe(0xaa55);
  });

  it("may be the first sector of something larger when named so", () => {
    const disk = new Uint8Array(4096);
    disk.set(sector());
    const made = plan(disk, { format: "bootsector" });
    expect(made.writes).toEqual([{ pa: 0x7c00, bytes: disk.subarray(0, 512) }]);
    refusal(() => plan(disk));
  });

  it("are refused without signature or when short", () => {
    const bad = sector();
    bad[511] = 0;
    expect(refusal(() => plan(bad, { format: "bootsector" })).message).toMatch(
      /55 aa and found 55 00, at offset 0x1fe/,
    );
    expect(refusal(() => plan(bad.subarray(0, 100), { format: "bootsector" })).offset).toBe(100);
  });
});

describe("ROM images", () => {
  it("end at the top of the address space and show their last 128 KB below 1 MB", () => {
    const image = rom(0x40000);
    const made = plan(image);
    expectSound(made, RAM);
    expect(made.format).toBe("rom");
    expect(made.cpu).toEqual({ mode: "reset", eip: 0xfff0 });
    expect(made.rom).toEqual(image);
    expect(made.writes).toEqual([{ pa: 0xe0000, bytes: image.subarray(0x20000) }]);
  });

  it("of 64 KB begin at F0000", () => {
    expect(plan(rom(0x10000, 0xe9)).writes[0]!.pa).toBe(0xf0000);
  });

  it("of another size are padded in front when named so", () => {
    const made = plan(rom(0x10010), { format: "rom" });
    expect(made.rom!.length).toBe(0x20000);
    expect(made.rom![0]).toBe(0xff);
    expect(made.rom![0x20000 - 16]).toBe(0xea);
  });

  it("of more than 4 MB are refused", () => {
    expect(refusal(() => plan(rom(0x410000), { format: "rom" })).message).toMatch(/at most 4 MB/);
  });
});

describe("recognising an image", () => {
  it("prefers the most specific format", () => {
    const multiboot = kludge(0, 0x100, [MB, MB, 0, 0, MB]);
    expect(plan(bzImage()).format).toBe("linux");
    expect(plan(multiboot).format).toBe("multiboot");
    expect(plan(multiboot, { address: MB }).format).toBe("flat");
    expect(plan(elf({ entry: MB, segments: [{ vaddr: MB, data: Uint8Array.of(0xf4) }] })).format).toBe("elf32");
    expect(plan(sector()).format).toBe("bootsector");
    expect(plan(rom(0x20000)).format).toBe("rom");
  });

  it("does not take zeros of a ROM's size for a ROM", () => {
    expect(refusal(() => plan(new Uint8Array(0x20000))).message).toMatch(/a flat binary needs an address/);
  });

  it.each<[string, Uint8Array, Partial<BootOptions>, RegExp]>([
    ["an empty file", new Uint8Array(), {}, /empty/],
    ["text", new TextEncoder().encode("#!/bin/sh\n"), {}, /begin with 23 21 2f 62/],
    ["no RAM", sector(), { ramBytes: 0 }, /at least 1 MB of RAM and found 0/],
    ["a RAM that is no number", sector(), { ramBytes: Number.NaN }, /whole number/],
    ["an unknown format", sector(), { format: "exe" as "flat" }, /and found exe/],
    ["an address for a format that has its own", sector(), { format: "bootsector", address: 5 }, /for flat binaries/],
  ])("refuses %s", (_name, image, options, message) => {
    expect(refusal(() => plan(image, options)).message).toMatch(message);
  });
});
