/**
 * Linux kernels by the 32-bit boot protocol (Linux Documentation, x86/boot): a bzImage's protected-mode part at its
 * load address, or an uncompressed vmlinux ELF by its segments; boot parameters at 0x90000, then command line and
 * descriptor table. No real-mode code runs and no BIOS is called.
 *
 * Entry: CS 0x10, DS ES SS 0x18, paging and interrupts off, ESI = boot parameters, EBP EDI EBX 0.
 */
import type { BootOptions, BootPlan } from "./boot-plan.js";
import { isElf, putSegments, readElf } from "./elf32.js";
import { flatGdt } from "./flat-gdt.js";
import { hex, ImageError } from "./image-error.js";
import { BootParam, type LinuxHeader, readLinuxHeader } from "./linux-header.js";
import { memoryMap } from "./memory-map.js";
import { alignDown, PlanBuilder } from "./plan-builder.js";
import { STACK_TOP } from "./start-state.js";

const BOOT_CODE = 0x10;
const BOOT_DATA = 0x18;
const PARAMS = 0x90000;
const PARAMS_BYTES = 4096;
const COMMAND_LINE = 0x91000;
const GDT = 0x9e000;
const LONGEST_COMMAND_LINE = GDT - COMMAND_LINE - 1;
const UNREGISTERED_LOADER = 0xff;

interface Loaded {
  entry: number;
  commandLineSize: number;
  initrdAddressMax: number;
  description: string;
  header?: LinuxHeader;
}

/** Plans a Linux kernel, compressed (bzImage) or not (vmlinux). Raises `ImageError` if it cannot be booted. */
export function planLinux(image: Uint8Array, options: BootOptions): BootPlan {
  if (options.modules?.length) {
    throw new ImageError("a Linux kernel takes an initrd, not Multiboot modules: name the file as the initrd");
  }
  const builder = new PlanBuilder(options.ramBytes);
  const loaded = isElf(image) ? loadVmlinux(builder, image) : loadBzImage(builder, image);
  const params = new Uint8Array(PARAMS_BYTES);
  const view = new DataView(params.buffer);
  if (loaded.header !== undefined) params.set(loaded.header.bytes, BootParam.SETUP_SECTS);
  view.setUint16(BootParam.BOOT_FLAG, 0xaa55, true);
  view.setUint8(BootParam.TYPE_OF_LOADER, UNREGISTERED_LOADER);
  view.setUint32(BootParam.ALT_MEM_K, Math.max(0, Math.floor((options.ramBytes - 0x100000) / 1024)), true);
  view.setUint32(BootParam.CMD_LINE_PTR, COMMAND_LINE, true);
  putMemoryMap(view, options.ramBytes);
  builder.put(COMMAND_LINE, commandLine(options.commandLine ?? "", loaded.commandLineSize), "the command line");
  const gdt = flatGdt(BOOT_CODE);
  builder.put(GDT, gdt, "the start-up descriptor table");
  if (options.initrd !== undefined) {
    const address = placeInitrd(builder, options.initrd, options.ramBytes, loaded.initrdAddressMax);
    view.setUint32(BootParam.RAMDISK_IMAGE, address, true);
    view.setUint32(BootParam.RAMDISK_SIZE, options.initrd.length, true);
  }
  builder.put(PARAMS, params, "the Linux boot parameters");
  const entry = options.entry ?? loaded.entry;
  return {
    format: "linux",
    writes: builder.writes,
    cpu: {
      mode: "protected",
      eip: entry,
      esi: PARAMS,
      esp: STACK_TOP,
      selectors: { code: BOOT_CODE, data: BOOT_DATA },
      gdtr: { base: GDT, limit: gdt.length - 1 },
    },
    description: `${loaded.description}, entry ${hex(entry)}`,
  };
}

function loadBzImage(builder: PlanBuilder, image: Uint8Array): Loaded {
  const header = readLinuxHeader(image);
  const kernel = image.subarray(header.kernelOffset);
  builder.put(header.loadAddress, kernel, "the Linux kernel", BootParam.CODE32_START);
  reserveUnpacked(builder, header, header.loadAddress + kernel.length);
  const version = `${header.version >> 8}.${String(header.version & 255).padStart(2, "0")}`;
  return {
    entry: header.loadAddress,
    commandLineSize: header.commandLineSize,
    initrdAddressMax: header.initrdAddressMax,
    description: `Linux bzImage, boot protocol ${version}`,
    header,
  };
}

/** Keeps the memory the kernel unpacks itself into free of the initrd, and refuses a RAM that has no room for it. */
function reserveUnpacked(builder: PlanBuilder, header: LinuxHeader, loadEnd: number): void {
  if (header.unpack === undefined) return;
  const base = Math.max(header.unpack.base, header.loadAddress);
  const end = base + header.unpack.size;
  const from = Math.max(base, loadEnd);
  if (end > from)
    builder.reserve(from, end - from, "the memory the Linux kernel unpacks itself into", BootParam.INIT_SIZE);
}

function loadVmlinux(builder: PlanBuilder, image: Uint8Array): Loaded {
  const elf = readElf(image);
  putSegments(builder, image, elf);
  return {
    entry: elf.entry,
    commandLineSize: 2047,
    initrdAddressMax: 0x37ffffff,
    description: "Linux vmlinux (ELF32)",
  };
}

function putMemoryMap(view: DataView, ramBytes: number): void {
  const map = memoryMap(ramBytes);
  view.setUint8(BootParam.E820_ENTRIES, map.length);
  map.forEach((range, index) => {
    const at = BootParam.E820_TABLE + index * 20;
    view.setBigUint64(at, BigInt(range.base), true);
    view.setBigUint64(at + 8, BigInt(range.length), true);
    view.setUint32(at + 16, range.type, true);
  });
}

function commandLine(text: string, longest: number): Uint8Array {
  const bytes = new TextEncoder().encode(`${text}\0`);
  const limit = Math.min(longest, LONGEST_COMMAND_LINE);
  if (bytes.indexOf(0) !== bytes.length - 1) throw new ImageError("the command line contains a zero character");
  if (bytes.length - 1 > limit) {
    throw new ImageError(`the command line has ${bytes.length - 1} bytes and this kernel takes at most ${limit}`);
  }
  return bytes;
}

/** Plans the initrd as high as RAM and the kernel allow, on a page boundary; returns its address. */
function placeInitrd(builder: PlanBuilder, initrd: Uint8Array, ramBytes: number, highest: number): number {
  const top = Math.min(ramBytes, highest + 1);
  const address = alignDown(top - initrd.length, 4096);
  if (address < 0x100000) {
    throw new ImageError(`the initrd of ${hex(initrd.length)} bytes does not fit below ${hex(top)}`);
  }
  builder.put(address, initrd, "the initrd");
  return address;
}
