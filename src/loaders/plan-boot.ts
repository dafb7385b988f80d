/**
 * From bytes to a boot plan: checks what was asked for, recognises the image, and lets its loader plan.
 * Invariant: for any bytes and any options of the right types the outcome is a plan or an `ImageError`.
 */
import { type BootOptions, type BootPlan, IMAGE_FORMATS, type ImageFormat } from "./boot-plan.js";
import { firstBytes, isElf, planElf32 } from "./elf32.js";
import { isBootSector, isRom, planBootSector, planFlat, planRom } from "./flat.js";
import { hex, ImageError } from "./image-error.js";
import { planLinux } from "./linux.js";
import { isLinux } from "./linux-header.js";
import { MIN_RAM_BYTES } from "./memory-map.js";
import { planMultiboot } from "./multiboot.js";
import { findMultibootHeader } from "./multiboot-header.js";
import { isXen, planXen } from "./xen.js";

const LOADERS: Record<ImageFormat, (image: Uint8Array, options: BootOptions) => BootPlan> = {
  multiboot: planMultiboot,
  elf32: planElf32,
  linux: planLinux,
  flat: planFlat,
  bootsector: planBootSector,
  rom: planRom,
  xen: planXen,
};

/**
 * What to put where and where to begin, for an image of any kind. `options.format` names the kind; `auto`, the default,
 * tells it from the bytes (see `detectFormat`). Raises `ImageError` if the image cannot be booted.
 */
export function planBoot(image: Uint8Array, options: BootOptions): BootPlan {
  if (image.length === 0) throw new ImageError("the image is empty: expected a kernel and found no bytes");
  checkNumber("ramBytes", options.ramBytes);
  if (options.ramBytes < MIN_RAM_BYTES) {
    throw new ImageError(`expected at least 1 MB of RAM and found ${options.ramBytes} bytes`);
  }
  if (options.address !== undefined) checkNumber("address", options.address);
  if (options.entry !== undefined) checkNumber("entry", options.entry);
  const asked = options.format ?? "auto";
  const format = asked === "auto" ? detectFormat(image, options.address !== undefined) : asked;
  const loader = LOADERS[format];
  if (loader === undefined) {
    throw new ImageError(`expected an image format of ${IMAGE_FORMATS.join(", ")} or auto and found ${String(format)}`);
  }
  if (options.address !== undefined && format !== "flat") {
    throw new ImageError(`an address is for flat binaries: the image is of format ${format}, which says where it goes`);
  }
  return loader(image, options);
}

/**
 * The format of an image, most specific first: Linux setup header, Xen's notes, Multiboot header, ELF, boot sector, ROM. Bytes that
 * are none of these are a flat binary if an address was named, and refused otherwise.
 */
export function detectFormat(image: Uint8Array, hasAddress: boolean): ImageFormat {
  if (hasAddress) return "flat";
  if (isLinux(image)) return "linux";
  if (isXen(image)) return "xen";
  if (findMultibootHeader(image) !== undefined) return "multiboot";
  if (isElf(image)) return "elf32";
  if (isBootSector(image)) return "bootsector";
  if (isRom(image)) return "rom";
  throw new ImageError(
    `expected a Multiboot kernel, ELF32, Linux bzImage, boot sector or ROM and found ${image.length} bytes that begin with ${firstBytes(image)}; a flat binary needs an address`,
    0,
  );
}

function checkNumber(name: string, value: number): void {
  if (Number.isInteger(value) && value >= 0 && value <= 0xffffffff) return;
  throw new ImageError(`expected ${name} to be a whole number from 0 to ${hex(0xffffffff)} and found ${value}`);
}
