/**
 * Images without a format: a flat binary at an address, a boot sector at 0x7C00 and a ROM at the reset vector.
 * Nothing in the bytes is trusted because nothing in them is read, apart from the boot signature.
 */
import type { BootOptions, BootPlan, StartState } from "./boot-plan.js";
import { flatGdt } from "./flat-gdt.js";
import { hex, ImageError } from "./image-error.js";
import { alignUp, PlanBuilder } from "./plan-builder.js";
import { GDT_PLACES, PROTECTED_CODE, PROTECTED_DATA, STACK_TOP } from "./start-state.js";

const SECTOR = 512;
const BOOT_ADDRESS = 0x7c00;
const FIRST_HARD_DISK = 0x80;
const ROM_GRANULE = 0x10000;
const MAX_ROM = 0x400000;
const LOW_ROM = 0x20000;

/** Plans a flat binary at `options.address`, entered at `options.entry` in the mode of `options.mode`. */
export function planFlat(image: Uint8Array, options: BootOptions): BootPlan {
  refuseExtras(options, "a flat binary");
  const address = options.address;
  if (address === undefined) throw new ImageError("a flat binary needs the address it is loaded to");
  const entry = options.entry ?? address;
  const mode = options.mode ?? (address + image.length <= 0x100000 ? "real" : "protected");
  const builder = new PlanBuilder(options.ramBytes);
  builder.put(address, image, "the flat binary", undefined, true);
  return {
    format: "flat",
    writes: builder.writes,
    cpu: mode === "real" ? realStart(entry) : protectedStart(builder, entry),
    description: `flat binary of ${image.length} bytes at ${hex(address)}, ${mode} mode, entry ${hex(entry)}`,
  };
}

function realStart(entry: number): StartState {
  if (entry > 0xfffff) {
    throw new ImageError(`real mode begins below 1 MB and the entry is ${hex(entry)}: ask for protected mode`);
  }
  return { mode: "real", cs: (entry >>> 4) & 0xf000, eip: entry & 0xffff, esp: STACK_TOP };
}

function protectedStart(builder: PlanBuilder, entry: number): StartState {
  const gdt = flatGdt(PROTECTED_CODE);
  const base = builder.placeLow(gdt.length, GDT_PLACES, "the start-up descriptor table");
  builder.put(base, gdt, "the start-up descriptor table");
  return {
    mode: "protected",
    eip: entry,
    esp: STACK_TOP,
    selectors: { code: PROTECTED_CODE, data: PROTECTED_DATA },
    gdtr: { base, limit: gdt.length - 1 },
  };
}

/** True for exactly one sector that ends in the boot signature. */
export function isBootSector(image: Uint8Array): boolean {
  return image.length === SECTOR && image[510] === 0x55 && image[511] === 0xaa;
}

/** Plans the first sector of the image at 0000:7C00 with DL = 0x80, as a BIOS starts it. */
export function planBootSector(image: Uint8Array, options: BootOptions): BootPlan {
  refuseExtras(options, "a boot sector");
  if (image.length < SECTOR) {
    throw new ImageError(`expected a boot sector of 512 bytes and found ${image.length}`, image.length);
  }
  if (image[510] !== 0x55 || image[511] !== 0xaa) {
    const found = `${image[510]!.toString(16).padStart(2, "0")} ${image[511]!.toString(16).padStart(2, "0")}`;
    throw new ImageError(`expected the boot signature 55 aa and found ${found}`, 510);
  }
  const builder = new PlanBuilder(options.ramBytes);
  builder.put(BOOT_ADDRESS, image.subarray(0, SECTOR), "the boot sector");
  return {
    format: "bootsector",
    writes: builder.writes,
    cpu: { mode: "real", cs: 0, eip: BOOT_ADDRESS, edx: FIRST_HARD_DISK, esp: STACK_TOP },
    description: "boot sector at 0000:7c00, real mode",
  };
}

/** True if the image has a ROM's size and its last 16 bytes, the reset vector, begin with a jump. */
export function isRom(image: Uint8Array): boolean {
  if (image.length === 0 || image.length % ROM_GRANULE !== 0 || image.length > MAX_ROM) return false;
  const first = image[image.length - 16]!;
  return first === 0xea || first === 0xe9 || first === 0xeb;
}

/**
 * Plans a ROM image: it ends at 0xFFFFFFFF, and its last 128 KB (or all of it) are also copied below 1 MB, where a
 * chipset shows them. A size that is no multiple of 64 KB is padded in front with 0xFF.
 */
export function planRom(image: Uint8Array, options: BootOptions): BootPlan {
  refuseExtras(options, "a ROM image");
  if (image.length > MAX_ROM) {
    throw new ImageError(`expected a ROM of at most 4 MB and found ${hex(image.length)} bytes`, MAX_ROM);
  }
  const rom = new Uint8Array(alignUp(image.length, ROM_GRANULE)).fill(0xff);
  rom.set(image, rom.length - image.length);
  const low = rom.subarray(Math.max(0, rom.length - LOW_ROM));
  const builder = new PlanBuilder(options.ramBytes);
  builder.put(0x100000 - low.length, low, "the ROM below 1 MB", undefined, true);
  return {
    format: "rom",
    writes: builder.writes,
    rom,
    cpu: { mode: "reset", eip: 0xfff0 },
    description: `ROM image of ${rom.length >> 10} KB at the reset vector`,
  };
}

function refuseExtras(options: BootOptions, what: string): void {
  if (options.modules?.length) throw new ImageError(`${what} takes no modules: only a Multiboot kernel does`);
  if (options.initrd !== undefined) throw new ImageError(`${what} takes no initrd: only a Linux kernel does`);
  if (options.commandLine) throw new ImageError(`${what} takes no command line: a Multiboot or Linux kernel does`);
}
