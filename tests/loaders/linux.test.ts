import { describe, expect, it } from "vitest";
import type { BootOptions } from "../../src/loaders/boot-plan.js";
import { planBoot } from "../../src/loaders/plan-boot.js";
import { type BzImageSpec, bzImage, elf } from "./images.js";
import { carryOut, cString, expectSound, refusal } from "./plan-helpers.js";

const MB = 0x100000;
const RAM = 16 * MB;
const plan = (spec: BzImageSpec = {}, options: Partial<BootOptions> = {}) =>
  planBoot(bzImage(spec), { name: "vmlinuz", ramBytes: RAM, ...options });

describe("Linux", () => {
  it("enters the protected-mode part as the 32-bit boot protocol says", () => {
    const made = plan({}, { commandLine: "console=ttyS0" });
    expectSound(made, RAM);
    expect(made.format).toBe("linux");
    expect(made.cpu).toMatchObject({ mode: "protected", eip: MB, esi: 0x90000, selectors: { code: 0x10, data: 0x18 } });
    expect([made.cpu.ebx, made.cpu.edi, made.cpu.ebp]).toEqual([undefined, undefined, undefined]);
    const ram = carryOut(made, RAM);
    expect(ram.getUint8(MB)).toBe(0x90);
    expect(ram.getUint8(MB + 0xfff)).toBe(0x90);
    expect(ram.getBigUint64(made.cpu.gdtr!.base + 0x10, true)).toBe(0x00cf9a000000ffffn);
    expect(ram.getBigUint64(made.cpu.gdtr!.base + 0x18, true)).toBe(0x00cf92000000ffffn);
    const param = (offset: number) => ram.getUint32(0x90000 + offset, true);
    expect(param(0x202)).toBe(0x53726448);
    expect(ram.getUint8(0x90210)).toBe(0xff);
    expect(cString(ram, param(0x228))).toBe("console=ttyS0");
    expect(param(0x1e0)).toBe(15 * 1024);
    expect([param(0x218), param(0x21c)]).toEqual([0, 0]);
    expect(ram.getUint8(0x901e8)).toBe(5);
    expect(ram.getBigUint64(0x902d0 + 60, true)).toBe(BigInt(MB));
    expect(ram.getBigUint64(0x902d0 + 68, true)).toBe(BigInt(RAM - MB));
    expect(ram.getUint32(0x902d0 + 76, true)).toBe(1);
    expect(param(0)).toBe(0);
  });

  it("copies the setup header and nothing behind its end", () => {
    const image = bzImage();
    image[0x268] = 0xab;
    image[0x267] = 0xcd;
    const ram = carryOut(planBoot(image, { name: "k", ramBytes: RAM }), RAM);
    expect(ram.getUint8(0x90267)).toBe(0xcd);
    expect(ram.getUint8(0x90268)).toBe(0);
  });

  it("places the initrd at the top of RAM on a page boundary", () => {
    const initrd = Uint8Array.from({ length: 0x1801 }, (_, index) => index & 255);
    const made = plan({}, { initrd });
    const ram = carryOut(made, RAM);
    expect(ram.getUint32(0x90218, true)).toBe(RAM - 0x2000);
    expect(ram.getUint32(0x9021c, true)).toBe(0x1801);
    expect(ram.getUint8(RAM - 0x2000 + 0x1800)).toBe(0);
    expect(ram.getUint8(RAM - 0x2000 + 0x17ff)).toBe(0xff);
  });

  it("keeps the initrd below the address the kernel allows", () => {
    const ram = carryOut(plan({ initrdMax: 0x7fffff }, { initrd: new Uint8Array(10) }), RAM);
    expect(ram.getUint32(0x90218, true)).toBe(0x7ff000);
  });

  it("treats 0 setup sectors as 4", () => {
    expect(carryOut(plan({ setupSects: 0 }), RAM).getUint8(MB)).toBe(0x90);
  });

  it("boots an uncompressed vmlinux when told that it is Linux", () => {
    const image = elf({
      entry: 0xc1000000,
      segments: [{ vaddr: 0xc1000000, paddr: 0x200000, data: Uint8Array.of(0xf4) }],
    });
    const made = planBoot(image, { name: "vmlinux", ramBytes: RAM, format: "linux", commandLine: "quiet" });
    expect(made.cpu.eip).toBe(0x200000);
    expect(made.cpu.esi).toBe(0x90000);
    expect(cString(carryOut(made, RAM), 0x91000)).toBe("quiet");
  });

  it.each<[string, BzImageSpec, Partial<BootOptions>, RegExp, number | undefined]>([
    ["an old protocol", { version: 0x201 }, {}, /2\.02 or later and found 2\.01/, 0x206],
    ["a zImage", { loadflags: 0 }, {}, /zImage/, 0x211],
    ["a truncated kernel", { syssize: 0x102 }, {}, /truncated/, 0x1f4],
    ["an absurd size", { syssize: 0xffffffff }, {}, /truncated/, 0x1f4],
    ["a load address beyond RAM", { loadAddress: 0xffffff00 }, {}, /does not fit/, 0x214],
    ["a load address in low memory used by the loader", { loadAddress: 0x90000 }, {}, /overlaps/, undefined],
    ["a RAM the kernel cannot unpack itself into", { initSize: 0x1000000 }, {}, /unpacks itself.*does not fit/, 0x260],
    [
      "a command line that is too long",
      { commandLineSize: 5 },
      { commandLine: "123456" },
      /6 bytes.*at most 5/,
      undefined,
    ],
    ["a command line with a zero", {}, { commandLine: "a\0b" }, /zero character/, undefined],
    ["an initrd larger than RAM", {}, { initrd: new Uint8Array(RAM) }, /initrd/, undefined],
    [
      "an initrd over the kernel",
      { initSize: 0xe00000 },
      { initrd: new Uint8Array(2 * MB) },
      /initrd overlaps/,
      undefined,
    ],
    ["modules", {}, { modules: [{ name: "m", bytes: new Uint8Array(1) }] }, /takes an initrd/, undefined],
  ])("refuses %s", (_name, spec, options, message, offset) => {
    const refused = refusal(() => plan(spec, options));
    expect(refused.message).toMatch(message);
    expect(refused.offset).toBe(offset);
  });

  it("accepts a file that is cut within the last 16-byte paragraph", () => {
    const image = bzImage();
    planBoot(image.subarray(0, image.length - 15), { name: "k", ramBytes: RAM });
    refusal(() => planBoot(image.subarray(0, image.length - 16), { name: "k", ramBytes: RAM }));
  });
});
