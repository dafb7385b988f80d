import { describe, expect, it } from "vitest";
import { planBoot } from "../../src/loaders/plan-boot.js";
import { elf, kludge, multibootHeader } from "./images.js";
import { carryOut, cString, expectSound, refusal } from "./plan-helpers.js";

const MB = 0x100000;
const RAM = 16 * MB;

function elfKernel(flags = 3): Uint8Array {
  const header = multibootHeader(flags);
  const data = new Uint8Array(header.length + 4);
  data.set(header);
  return elf({ entry: MB + header.length, segments: [{ vaddr: MB, data, memorySize: 0x1234 }] });
}

describe("Multiboot 1", () => {
  it("hands over what QEMU hands over, at the same addresses", () => {
    const plan = planBoot(elfKernel(), { name: "kernel", ramBytes: RAM, commandLine: "hello arg" });
    expectSound(plan, RAM);
    expect(plan.format).toBe("multiboot");
    expect(plan.cpu).toMatchObject({ mode: "protected", eip: MB + 12, eax: 0x2badb002, ebx: 0x9500 });
    const ram = carryOut(plan, RAM);
    const info = (offset: number) => ram.getUint32(0x9500 + offset, true);
    expect(info(0)).toBe(0x247);
    expect(info(4)).toBe(639);
    expect(info(8)).toBe(15360);
    expect(info(12)).toBe(0x8000ffff);
    expect(cString(ram, info(16))).toBe("kernel hello arg");
    expect(info(16)).toBe(0x102000);
    expect(info(44)).toBe(0x78);
    expect(info(48)).toBe(0x9000);
    expect(cString(ram, info(64))).toBe("vmexit");
  });

  it("describes memory as a PC does", () => {
    const plan = planBoot(elfKernel(), { name: "kernel", ramBytes: RAM });
    const ram = carryOut(plan, RAM);
    const map = [0, 1, 2, 3, 4].map((index) => {
      const at = 0x9000 + index * 24;
      const base = ram.getBigUint64(at + 4, true).toString(16);
      return [
        ram.getUint32(at, true),
        base,
        ram.getBigUint64(at + 12, true).toString(16),
        ram.getUint32(at + 20, true),
      ];
    });
    expect(map).toEqual([
      [20, "0", "9fc00", 1],
      [20, "9fc00", "400", 2],
      [20, "f0000", "10000", 2],
      [20, "100000", "f00000", 1],
      [20, "fffc0000", "40000", 2],
    ]);
  });

  it("places modules on page boundaries behind the kernel, with their strings", () => {
    const modules = [
      { name: "a.bin", bytes: Uint8Array.of(1, 2, 3), commandLine: "one two" },
      { name: "b.bin", bytes: new Uint8Array(0x1001).fill(7) },
    ];
    const plan = planBoot(elfKernel(), { name: "kernel", ramBytes: RAM, modules });
    expectSound(plan, RAM);
    const ram = carryOut(plan, RAM);
    expect(ram.getUint32(0x9500, true)).toBe(0x24f);
    expect(ram.getUint32(0x9514, true)).toBe(2);
    const list = ram.getUint32(0x9518, true);
    expect(list).toBe(0x102000);
    const word = (index: number) => ram.getUint32(list + index * 4, true);
    expect([word(0), word(1), word(4), word(5)]).toEqual([0x103000, 0x103003, 0x104000, 0x105001]);
    expect(cString(ram, word(2))).toBe("a.bin one two");
    expect(cString(ram, word(6))).toBe("b.bin");
    expect(ram.getUint8(0x103002)).toBe(3);
    expect(ram.getUint8(0x105000)).toBe(7);
  });

  it("loads by the address fields when flag 16 is set", () => {
    const image = kludge(0x20, 0x100, [MB + 0x20, MB, MB + 0x80, MB + 0x200, MB + 0x40]);
    const plan = planBoot(image, { name: "k", ramBytes: RAM });
    const ram = carryOut(plan, RAM);
    expect(plan.cpu.eip).toBe(MB + 0x40);
    expect(ram.getUint32(MB + 0x20, true)).toBe(0x1badb002);
    expect(ram.getUint8(MB + 0x7f)).toBe(0x90);
    expect(ram.getUint8(MB + 0x80)).toBe(0);
    expect(ram.getUint8(MB + 0x1ff)).toBe(0);
  });

  it("loads to the end of the file when load_end_addr is 0, from behind a skipped prefix", () => {
    const image = kludge(0x20, 0x100, [MB, MB, 0, 0, MB + 0x30]);
    const ram = carryOut(planBoot(image, { name: "k", ramBytes: RAM }), RAM);
    expect(ram.getUint32(MB, true)).toBe(0x1badb002);
    expect(ram.getUint8(MB + 0xdf)).toBe(0x90);
    expect(ram.getUint8(MB + 0xe0)).toBe(0xcc);
  });

  it("loads the kernel also when another entry is named", () => {
    const plan = planBoot(elfKernel(), { name: "k", ramBytes: RAM, entry: MB + 14 });
    expect(plan.cpu.eip).toBe(MB + 14);
    expect(carryOut(plan, RAM).getUint32(MB, true)).toBe(0x1badb002);
  });

  it("accepts a wish for a video mode, which may be left unmet", () => {
    expect(planBoot(elfKernel(7), { name: "k", ramBytes: RAM }).format).toBe("multiboot");
  });

  it("moves the information when a kernel is loaded over its place", () => {
    const image = kludge(0, 0x1000, [0x9000, 0x9000, 0, 0, 0x9100]);
    const plan = planBoot(image, { name: "k", ramBytes: RAM });
    expectSound(plan, RAM);
    expect(plan.cpu.ebx).toBe(0x1500);
  });

  it.each<[string, Uint8Array, RegExp, number | undefined]>([
    ["required flags nobody knows", elfKernel(0x10 | 3), /features 0x10/, 0x58],
    ["a header before the image", kludge(0, 0x100, [MB + 0x40, MB, 0, 0, MB]), /outside the image/, 16],
    ["a header below its load address", kludge(0, 0x100, [MB, MB + 4, 0, 0, MB]), /would not be loaded/, 16],
    [
      "a load end outside the image",
      kludge(0, 0x100, [MB, MB, MB + 0x101, 0, MB]),
      /load_end_addr.*outside the image/,
      20,
    ],
    [
      "a load end at the end of the address space",
      kludge(0, 0x100, [MB, MB, 0xffffffff, 0, MB]),
      /outside the image/,
      20,
    ],
    ["a load end below the header", kludge(0, 0x100, [MB, MB, MB - 1, 0, MB]), /not above header_addr/, 20],
    ["zero fill that ends before it begins", kludge(0, 0x100, [MB, MB, MB + 0x80, MB + 1, MB]), /bss_end_addr/, 24],
    ["zero fill beyond RAM", kludge(0, 0x100, [MB, MB, 0, 0xffffffff, MB]), /zero fill does not fit/, 24],
    ["a load address beyond RAM", kludge(0, 0x100, [0xfffffff0, 0xfffffff0, 0, 0, 0xfffffff0]), /does not fit/, 16],
    ["an entry outside what is loaded", kludge(0, 0x100, [MB, MB, 0, MB + 0x1000, MB + 0x100]), /entry_addr/, 28],
    ["address fields cut off", kludge(0, 0x14, [MB, MB]).subarray(0, 0x14), /truncated/, 20],
    ["the ISA hole", kludge(0, 0x100, [0xa0000, 0xa0000, 0, 0, 0xa0000]), /hole/, 16],
    [
      "a checksum that is wrong",
      new Uint8Array([...multibootHeader(3, [], 1), ...new Uint8Array(64)]),
      /found none/,
      undefined,
    ],
  ])("refuses %s", (_name, image, message, offset) => {
    const refused = refusal(() => planBoot(image, { name: "k", ramBytes: RAM, format: "multiboot" }));
    expect(refused.message).toMatch(message);
    expect(refused.offset).toBe(offset);
  });

  it("refuses a 64-bit ELF with a Multiboot header by that name", () => {
    const data = multibootHeader(3);
    const image = elf({ entry: MB, elfClass: 2, segments: [{ vaddr: MB, data }] });
    expect(refusal(() => planBoot(image, { name: "k", ramBytes: RAM })).message).toMatch(/64-bit/);
  });

  it("refuses modules that do not fit into RAM and an initrd", () => {
    const big = { name: "big", bytes: new Uint8Array(15 * MB) };
    expect(refusal(() => planBoot(elfKernel(), { name: "k", ramBytes: RAM, modules: [big] })).message).toMatch(
      /module big does not fit/,
    );
    expect(
      refusal(() => planBoot(elfKernel(), { name: "k", ramBytes: RAM, initrd: new Uint8Array(1) })).message,
    ).toMatch(/not a Linux initrd/);
  });

  it("finds a header only in the first 8 KB and on a 4-byte boundary", () => {
    const at = (offset: number) => {
      const image = new Uint8Array(0x3000);
      image.set(multibootHeader(0x10003, [MB + offset, MB, 0, 0, MB]), offset);
      return () => planBoot(image, { name: "k", ramBytes: RAM, format: "multiboot" });
    };
    expect(at(8192 - 12)().cpu.eip).toBe(MB);
    refusal(at(8192 - 8));
    refusal(at(0x102));
  });
});
