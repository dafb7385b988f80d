import { describe, expect, it } from "vitest";
import { planBoot } from "../../src/loaders/plan-boot.js";
import { type ElfSpec, elf } from "./images.js";
import { carryOut, expectSound, refusal } from "./plan-helpers.js";

const MB = 0x100000;
const RAM = 4 * MB;
const code = Uint8Array.of(0xf4, 0xeb, 0xfd, 0x90);
const good: ElfSpec = { entry: MB, segments: [{ vaddr: MB, data: code, memorySize: 0x100 }] };
const plan = (spec: ElfSpec) => planBoot(elf(spec), { name: "k", ramBytes: RAM });
const refuse = (change: Partial<ElfSpec>) => refusal(() => plan({ ...good, ...change }));

describe("plain ELF32", () => {
  it("loads bytes at the physical address and fills the rest of the segment with zeros", () => {
    const made = plan(good);
    expectSound(made, RAM);
    const ram = carryOut(made, RAM);
    expect(ram.getUint32(MB, true)).toBe(0x90fdebf4);
    expect(ram.getUint8(MB + 4)).toBe(0);
    expect(ram.getUint8(MB + 0xff)).toBe(0);
    expect(ram.getUint8(MB + 0x100)).toBe(0xcc);
    expect(made.format).toBe("elf32");
    expect(made.cpu).toMatchObject({ mode: "protected", eip: MB, selectors: { code: 8, data: 16 } });
    const gdt = made.cpu.gdtr!;
    expect(ram.getBigUint64(gdt.base + 8, true)).toBe(0x00cf9a000000ffffn);
    expect(ram.getBigUint64(gdt.base + 16, true)).toBe(0x00cf92000000ffffn);
    expect(gdt.limit).toBe(23);
  });

  it("translates a virtual entry by the segment that holds it", () => {
    const made = planBoot(elf({ entry: 0xc1000002, segments: [{ vaddr: 0xc1000000, paddr: 0x1000000, data: code }] }), {
      name: "mach",
      ramBytes: 32 * MB,
    });
    expect(made.cpu.eip).toBe(0x1000002);
  });

  it("keeps an entry that is already physical", () => {
    const made = plan({ entry: MB + 1, segments: [{ vaddr: 0xc0000000, paddr: MB, data: code }] });
    expect(made.cpu.eip).toBe(MB + 1);
  });

  it("takes another entry when one is named", () => {
    expect(planBoot(elf(good), { name: "k", ramBytes: RAM, entry: MB + 3 }).cpu.eip).toBe(MB + 3);
  });

  it("moves its descriptor table out of the way of a low segment", () => {
    const made = plan({ entry: 0x9000, segments: [{ vaddr: 0x9000, data: new Uint8Array(0x1000) }] });
    expectSound(made, RAM);
    expect(made.cpu.gdtr!.base).toBe(0x600);
  });

  it("skips segments that are not loadable or empty", () => {
    const segments = [
      ...good.segments,
      { type: 4, vaddr: 0xffffff00, data: code },
      { vaddr: 0xfffffff0, data: new Uint8Array() },
    ];
    expect(plan({ ...good, segments }).writes.length).toBe(3);
  });

  it.each<[string, Partial<ElfSpec>, RegExp, number]>([
    ["a 64-bit file", { elfClass: 2 }, /32-bit ELF file and found a 64-bit one/, 4],
    ["an odd class", { elfClass: 9 }, /class 9/, 4],
    ["a big-endian file", { byteOrder: 2 }, /big-endian/, 5],
    ["another machine", { machine: 62 }, /machine 62/, 0x12],
    ["a position-independent file", { type: 3 }, /position-independent/, 0x10],
    ["a core dump", { type: 4 }, /core dump/, 0x10],
    ["program headers outside the file", { phoff: 0xfffffff0 }, /truncated.*program headers/, 0xfffffff0],
    ["odd program headers", { phentsize: 56 }, /of 32 bytes and found 56/, 0x2a],
    ["no segments", { phnum: 0 }, /no loadable segment/, 0x2c],
    ["an entry outside", { entry: 0x500000 }, /0x500000 is in none/, 0x18],
    [
      "a segment beyond RAM",
      { entry: RAM - 2, segments: [{ vaddr: RAM - 2, data: code }] },
      /RAM ends at 0x400000/,
      52 + 12,
    ],
    [
      "a segment whose end wraps 32 bits",
      { segments: [{ vaddr: 0xfffffffe, data: code }], entry: 0xfffffffe },
      /0xfffffffe to 0x100000002/,
      52 + 12,
    ],
    ["a huge zero fill", { segments: [{ vaddr: MB, data: code, memorySize: 0xffffffff }] }, /does not fit/, 52 + 20],
    ["file offset + size that wraps", { segments: [{ vaddr: MB, offset: 0xffffffff, data: code }] }, /truncated/, 56],
    [
      "more in the file than in memory",
      { segments: [{ vaddr: MB, data: code, memorySize: 2 }] },
      /larger in the file/,
      72,
    ],
    [
      "segments over one another",
      { segments: [...good.segments, { vaddr: MB + 0x80, data: code }] },
      /overlaps the zero fill of segment 0/,
      84 + 12,
    ],
    ["a segment in the PC's hole", { segments: [{ vaddr: 0xa0000, data: code }], entry: 0xa0000 }, /hole/, 52 + 12],
  ])("refuses %s", (_name, change, message, offset) => {
    const refused = refuse(change);
    expect(refused.message).toMatch(message);
    expect(refused.offset).toBe(offset);
  });

  it("refuses a file cut anywhere, with one reason each", () => {
    const bytes = elf(good);
    for (let size = 1; size < bytes.length; size++) {
      refusal(() => planBoot(bytes.subarray(0, size), { name: "k", ramBytes: RAM, format: "elf32" }));
    }
  });

  it("refuses modules and an initrd", () => {
    const module = { name: "m", bytes: code };
    expect(refusal(() => planBoot(elf(good), { name: "k", ramBytes: RAM, modules: [module] })).message).toMatch(
      /no modules/,
    );
    expect(refusal(() => planBoot(elf(good), { name: "k", ramBytes: RAM, initrd: code })).message).toMatch(/no initrd/);
  });
});
