/**
 * The setup header of a Linux bzImage (Linux Documentation, x86/boot, "The Linux/x86 Boot Protocol"): the fields a
 * 32-bit boot loader needs, read and checked. Offsets are those of both the image and the boot parameters.
 */
import { hex, ImageError } from "./image-error.js";
import { ImageReader } from "./image-reader.js";

/** Offsets of boot parameters fields; those from 0x1f1 on are also offsets in a bzImage. */
export enum BootParam {
  ALT_MEM_K = 0x1e0, // memory above 1 MB in KB
  E820_ENTRIES = 0x1e8, // number of entries of the memory map
  SETUP_SECTS = 0x1f1, // first byte of the setup header
  SYSSIZE = 0x1f4, // size of the protected-mode part in 16-byte paragraphs
  BOOT_FLAG = 0x1fe, // 0xAA55
  JUMP_OFFSET = 0x201, // the header ends this many bytes behind 0x202
  MAGIC = 0x202, // "HdrS"
  VERSION = 0x206, // protocol version
  TYPE_OF_LOADER = 0x210, // 0xFF: none registered
  LOADFLAGS = 0x211, // bit 0: loaded high
  CODE32_START = 0x214, // where the protected-mode part is loaded and entered
  RAMDISK_IMAGE = 0x218, // physical address of the initrd
  RAMDISK_SIZE = 0x21c, // its length
  CMD_LINE_PTR = 0x228, // physical address of the command line
  INITRD_ADDR_MAX = 0x22c, // highest address of the initrd's last byte
  RELOCATABLE_KERNEL = 0x234, // 1: may be loaded elsewhere
  CMDLINE_SIZE = 0x238, // longest command line without its zero
  PREF_ADDRESS = 0x258, // where the kernel wants to run (64 bits)
  INIT_SIZE = 0x260, // memory it needs there before it can look at the memory map
  E820_TABLE = 0x2d0, // the memory map: 20 bytes an entry
}

const HDRS = 0x53726448;
const LOADED_HIGH = 1;
const DEFAULT_INITRD_ADDR_MAX = 0x37ffffff;

/** What a bzImage says about itself. */
export interface LinuxHeader {
  version: number;
  /** The header's bytes as they are copied into the boot parameters at 0x1f1. */
  bytes: Uint8Array;
  /** Offset of the protected-mode part in the image. */
  kernelOffset: number;
  loadAddress: number;
  commandLineSize: number;
  initrdAddressMax: number;
  /** Memory the kernel unpacks itself into; absent before protocol 2.10. */
  unpack?: { base: number; size: number };
}

/** True if the image carries a Linux setup header of any version. */
export function isLinux(image: Uint8Array): boolean {
  const reader = new ImageReader(image);
  return (
    image.length >= 0x208 &&
    reader.u16(BootParam.BOOT_FLAG, "boot flag") === 0xaa55 &&
    reader.u32(BootParam.MAGIC, "magic") === HDRS
  );
}

/** Reads and checks the setup header. Raises `ImageError` for an image the 32-bit protocol cannot boot. */
export function readLinuxHeader(image: Uint8Array): LinuxHeader {
  const reader = new ImageReader(image);
  if (!isLinux(image)) {
    throw new ImageError(
      "expected a Linux bzImage (0xaa55 at 0x1fe and HdrS at 0x202) and found neither it nor an ELF file",
    );
  }
  const version = reader.u16(BootParam.VERSION, "the boot protocol version");
  if (version < 0x202) {
    throw new ImageError(
      `expected Linux boot protocol 2.02 or later and found ${version >> 8}.${String(version & 255).padStart(2, "0")}`,
      BootParam.VERSION,
    );
  }
  if ((reader.u8(BootParam.LOADFLAGS, "loadflags") & LOADED_HIGH) === 0) {
    throw new ImageError(
      "expected a bzImage (loaded high) and found a zImage, which is loaded below 1 MB",
      BootParam.LOADFLAGS,
    );
  }
  const headerEnd = BootParam.MAGIC + reader.u8(BootParam.JUMP_OFFSET, "the header length");
  const bytes = reader.slice(BootParam.SETUP_SECTS, headerEnd - BootParam.SETUP_SECTS, "the setup header");
  const field = (offset: number, otherwise: number) =>
    offset + 4 <= headerEnd ? reader.u32(offset, "the setup header") : otherwise;
  const kernelOffset = ((bytes[0] || 4) + 1) * 512;
  checkLength(reader, version, kernelOffset);
  const header: LinuxHeader = {
    version,
    bytes,
    kernelOffset,
    loadAddress: field(BootParam.CODE32_START, 0x100000),
    commandLineSize: version >= 0x206 ? field(BootParam.CMDLINE_SIZE, 255) : 255,
    initrdAddressMax:
      version >= 0x203 ? field(BootParam.INITRD_ADDR_MAX, DEFAULT_INITRD_ADDR_MAX) : DEFAULT_INITRD_ADDR_MAX,
  };
  if (version >= 0x20a && headerEnd >= BootParam.INIT_SIZE + 4) {
    if (reader.u32(BootParam.PREF_ADDRESS + 4, "pref_address") !== 0) {
      throw new ImageError(
        "the kernel prefers an address above 4 GB, which a 32-bit machine does not have",
        BootParam.PREF_ADDRESS,
      );
    }
    header.unpack = {
      base: reader.u32(BootParam.PREF_ADDRESS, "pref_address"),
      size: reader.u32(BootParam.INIT_SIZE, "init_size"),
    };
  }
  return header;
}

/** The image must hold the protected-mode part; images are cut to a byte, `syssize` is rounded up to a paragraph. */
function checkLength(reader: ImageReader, version: number, kernelOffset: number): void {
  const paragraphs =
    version >= 0x204 ? reader.u32(BootParam.SYSSIZE, "syssize") : reader.u16(BootParam.SYSSIZE, "syssize");
  const needed = kernelOffset + Math.max(paragraphs * 16 - 15, 1);
  if (needed > reader.length) {
    throw new ImageError(
      `the bzImage is truncated: its header announces ${hex(paragraphs * 16)} bytes from ${hex(kernelOffset)} and the image ends at ${hex(reader.length)}`,
      BootParam.SYSSIZE,
    );
  }
}
