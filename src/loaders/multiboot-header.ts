/**
 * The Multiboot 1 header (Multiboot Specification 0.6.96, 3.1): found in the first 8 KB on a 4-byte boundary, three
 * words that add up to 0, then the address fields if flag 16 says so.
 *
 *   +0 magic 0x1BADB002   +4 flags   +8 checksum   +12 header_addr load_addr load_end_addr bss_end_addr entry_addr
 */
import { hex, ImageError } from "./image-error.js";
import { ImageReader } from "./image-reader.js";

const HEADER_MAGIC = 0x1badb002;
const SEARCH_BYTES = 8192;

const PAGE_ALIGN = 1 << 0;
const MEMORY_INFO = 1 << 1;
const VIDEO_MODE = 1 << 2;
const REQUIRED_FLAGS = 0xffff;
const KNOWN_REQUIRED_FLAGS = PAGE_ALIGN | MEMORY_INFO | VIDEO_MODE;
const ADDRESS_FIELDS = 1 << 16;

/** The address fields of a header ("a.out kludge"): one contiguous load plus zero fill. */
export interface MultibootAddresses {
  headerAddress: number;
  loadAddress: number;
  loadEnd: number;
  bssEnd: number;
  entry: number;
}

/** A Multiboot header and where it is in the image. */
export interface MultibootHeader {
  offset: number;
  flags: number;
  addresses?: MultibootAddresses;
}

/** The header of an image, or `undefined` if it has none. Raises if it asks for something no loader offers. */
export function findMultibootHeader(image: Uint8Array): MultibootHeader | undefined {
  const reader = new ImageReader(image);
  const last = Math.min(image.length, SEARCH_BYTES) - 12;
  for (let offset = 0; offset <= last; offset += 4) {
    if (reader.u32(offset, "the Multiboot magic") !== HEADER_MAGIC) continue;
    const flags = reader.u32(offset + 4, "the Multiboot flags");
    const checksum = reader.u32(offset + 8, "the Multiboot checksum");
    if ((HEADER_MAGIC + flags + checksum) >>> 0 !== 0) continue;
    return readHeader(reader, offset, flags);
  }
  return undefined;
}

function readHeader(reader: ImageReader, offset: number, flags: number): MultibootHeader {
  const unknown = flags & REQUIRED_FLAGS & ~KNOWN_REQUIRED_FLAGS;
  if (unknown !== 0) {
    throw new ImageError(
      `the Multiboot header requires features ${hex(unknown)} that this loader does not know`,
      offset + 4,
    );
  }
  if ((flags & ADDRESS_FIELDS) === 0) return { offset, flags };
  return { offset, flags, addresses: readAddresses(reader, offset) };
}

function readAddresses(reader: ImageReader, offset: number): MultibootAddresses {
  const field = (index: number, name: string) => reader.u32(offset + 12 + index * 4, name);
  const headerAddress = field(0, "header_addr");
  const loadAddress = field(1, "load_addr");
  const loadEnd = field(2, "load_end_addr");
  const bssEnd = field(3, "bss_end_addr");
  const entry = field(4, "entry_addr");
  if (loadAddress > headerAddress) {
    throw new ImageError(
      `load_addr ${hex(loadAddress)} is above header_addr ${hex(headerAddress)}, so the header would not be loaded`,
      offset + 16,
    );
  }
  if (headerAddress - loadAddress > offset) {
    throw new ImageError(
      `load_addr ${hex(loadAddress)} lies ${hex(headerAddress - loadAddress)} bytes before the Multiboot header, outside the image (the header is at ${hex(offset)})`,
      offset + 16,
    );
  }
  if (loadEnd !== 0 && loadEnd <= headerAddress) {
    throw new ImageError(`load_end_addr ${hex(loadEnd)} is not above header_addr ${hex(headerAddress)}`, offset + 20);
  }
  if (bssEnd !== 0 && bssEnd < loadEnd) {
    throw new ImageError(`bss_end_addr ${hex(bssEnd)} is below load_end_addr ${hex(loadEnd)}`, offset + 24);
  }
  return { headerAddress, loadAddress, loadEnd, bssEnd, entry };
}
