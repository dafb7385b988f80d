/**
 * Multiboot 1 kernels (Multiboot Specification 0.6.96): loading, and the information structure in EBX.
 * The layout is QEMU's (memory map 0x9000, information 0x9500, strings and modules behind the kernel), so a kernel
 * that prints addresses prints the same ones here. Section headers (flag 5) are not passed, as QEMU does not.
 */
import type { BootModule, BootOptions, BootPlan } from "./boot-plan.js";
import { putSegments, readElf } from "./elf32.js";
import { flatGdt } from "./flat-gdt.js";
import { hex, ImageError } from "./image-error.js";
import { memoryMap } from "./memory-map.js";
import { findMultibootHeader, type MultibootAddresses, type MultibootHeader } from "./multiboot-header.js";
import { alignUp, PlanBuilder } from "./plan-builder.js";
import { PROTECTED_CODE, PROTECTED_DATA, STACK_TOP } from "./start-state.js";

const BOOTLOADER_MAGIC = 0x2badb002;
const LOADER_NAME = "vmexit";
const PAGE = 4096;

/** Places for the low block (memory map, information, descriptor table), best first. */
const LOW_PLACES = [0x9000, 0x1000, 0x90000];
const INFO_IN_LOW = 0x500;
const GDT_IN_LOW = 0x600;

const INFO_MEMORY = 1 << 0;
const INFO_BOOT_DEVICE = 1 << 1;
const INFO_COMMAND_LINE = 1 << 2;
const INFO_MODULES = 1 << 3;
const INFO_MEMORY_MAP = 1 << 6;
const INFO_LOADER_NAME = 1 << 9;

/** Boot device "first hard disk, no partition": what QEMU tells a kernel it loads itself. */
const BOOT_DEVICE = 0x8000ffff;

/** Plans a Multiboot kernel. Raises `ImageError` if it has no header or cannot be loaded as it asks. */
export function planMultiboot(image: Uint8Array, options: BootOptions): BootPlan {
  if (options.initrd !== undefined) {
    throw new ImageError("a Multiboot kernel takes modules, not a Linux initrd: name the file as a module");
  }
  const header = findMultibootHeader(image);
  if (header === undefined) {
    throw new ImageError(
      "expected a Multiboot header (0x1badb002 with a right checksum) in the first 8 KB and found none",
    );
  }
  const builder = new PlanBuilder(options.ramBytes);
  const kernelEntry = loadKernel(builder, image, header);
  const entry = options.entry ?? kernelEntry;
  const placed = placeStringsAndModules(builder, options);
  const low = placeLowBlock(builder, options.ramBytes, placed);
  return {
    format: "multiboot",
    writes: builder.writes,
    cpu: {
      mode: "protected",
      eip: entry,
      eax: BOOTLOADER_MAGIC,
      ebx: low + INFO_IN_LOW,
      esp: STACK_TOP,
      selectors: { code: PROTECTED_CODE, data: PROTECTED_DATA },
      gdtr: { base: low + GDT_IN_LOW, limit: flatGdt(PROTECTED_CODE).length - 1 },
    },
    description: `Multiboot kernel (${header.addresses ? "address fields" : "ELF32"}), entry ${hex(entry)}`,
  };
}

/** Plans the kernel itself; returns its physical entry. */
function loadKernel(builder: PlanBuilder, image: Uint8Array, header: MultibootHeader): number {
  if (header.addresses !== undefined) {
    loadByAddresses(builder, image, header.offset, header.addresses);
    return header.addresses.entry;
  }
  const elf = readElf(image);
  putSegments(builder, image, elf);
  return elf.entry;
}

function loadByAddresses(builder: PlanBuilder, image: Uint8Array, offset: number, to: MultibootAddresses): void {
  const fileOffset = offset - (to.headerAddress - to.loadAddress);
  const size = to.loadEnd === 0 ? image.length - fileOffset : to.loadEnd - to.loadAddress;
  if (fileOffset + size > image.length) {
    throw new ImageError(
      `load_end_addr ${hex(to.loadEnd)} is outside the image: it asks for ${hex(size)} bytes from ${hex(fileOffset)} and the image ends at ${hex(image.length)}`,
      offset + 20,
    );
  }
  const loadEnd = to.loadAddress + size;
  const end = Math.max(loadEnd, to.bssEnd);
  if (to.entry < to.loadAddress || to.entry >= loadEnd) {
    throw new ImageError(
      `entry_addr ${hex(to.entry)} is outside what is loaded (${hex(to.loadAddress)} to ${hex(loadEnd)})`,
      offset + 28,
    );
  }
  builder.put(to.loadAddress, image.subarray(fileOffset, fileOffset + size), "the Multiboot kernel", offset + 16);
  builder.fill(loadEnd, end - loadEnd, "the Multiboot kernel's zero fill", offset + 24);
}

interface Placed {
  commandLine: number;
  loaderName: number;
  modules: number;
  moduleCount: number;
}

/**
 * Plans, behind the kernel on page boundaries: module list, module strings, command line and loader name together,
 * then each module. Returns the addresses the information structure names.
 */
function placeStringsAndModules(builder: PlanBuilder, options: BootOptions): Placed {
  const modules = options.modules ?? [];
  const base = Math.max(alignUp(builder.end, PAGE), 0x100000);
  const listBytes = modules.length * 16;
  const strings: Uint8Array[] = modules.map((module) => cString(moduleString(module), `module ${module.name}`));
  strings.push(cString(`${options.name} ${options.commandLine ?? ""}`, "the command line"));
  strings.push(cString(LOADER_NAME, "the loader name"));
  const addresses: number[] = [];
  let end = base + listBytes;
  for (const text of strings) {
    addresses.push(end);
    end += text.length;
  }
  const block = new Uint8Array(end - base);
  strings.forEach((text, index) => {
    block.set(text, addresses[index]! - base);
  });
  const view = new DataView(block.buffer);
  let next = alignUp(end, PAGE);
  modules.forEach((module, index) => {
    view.setUint32(index * 16, next % 2 ** 32, true);
    view.setUint32(index * 16 + 4, (next + module.bytes.length) % 2 ** 32, true);
    view.setUint32(index * 16 + 8, addresses[index]! % 2 ** 32, true);
    builder.put(next, module.bytes, `module ${module.name}`);
    next = alignUp(next + module.bytes.length, PAGE);
  });
  builder.put(base, block, "the command line");
  return {
    commandLine: addresses[modules.length]!,
    loaderName: addresses[modules.length + 1]!,
    modules: modules.length > 0 ? base : 0,
    moduleCount: modules.length,
  };
}

function moduleString(module: BootModule): string {
  return module.commandLine === undefined ? module.name : `${module.name} ${module.commandLine}`;
}

function cString(text: string, what: string): Uint8Array {
  if (text.includes("\0")) throw new ImageError(`${what} contains a zero character`);
  return new TextEncoder().encode(`${text}\0`);
}

/** Plans memory map, information structure and descriptor table in one low block; returns its address. */
function placeLowBlock(builder: PlanBuilder, ramBytes: number, placed: Placed): number {
  const gdt = flatGdt(PROTECTED_CODE);
  const block = new Uint8Array(GDT_IN_LOW + gdt.length);
  const base = builder.placeLow(block.length, LOW_PLACES, "the Multiboot information");
  const view = new DataView(block.buffer);
  const map = memoryMap(ramBytes);
  map.forEach((range, index) => {
    const at = index * 24;
    view.setUint32(at, 20, true); // size of the rest of the entry
    view.setBigUint64(at + 4, BigInt(range.base), true);
    view.setBigUint64(at + 12, BigInt(range.length), true);
    view.setUint32(at + 20, range.type, true);
  });
  const info = (offset: number, value: number) => view.setUint32(INFO_IN_LOW + offset, value, true);
  const modulesFlag = placed.moduleCount > 0 ? INFO_MODULES : 0;
  info(0, INFO_MEMORY | INFO_BOOT_DEVICE | INFO_COMMAND_LINE | modulesFlag | INFO_MEMORY_MAP | INFO_LOADER_NAME);
  info(4, 639); // mem_lower, KB below 640 KB less the BIOS data
  info(8, Math.max(0, Math.floor((ramBytes - 0x100000) / 1024))); // mem_upper, KB above 1 MB
  info(12, BOOT_DEVICE);
  info(16, placed.commandLine);
  info(20, placed.moduleCount);
  info(24, placed.modules);
  info(44, map.length * 24);
  info(48, base);
  info(64, placed.loaderName);
  block.set(gdt, GDT_IN_LOW);
  builder.put(base, block, "the Multiboot information");
  return base;
}
