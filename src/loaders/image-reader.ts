/**
 * Little-endian reads of an untrusted image. Invariant: a read outside the bytes is an `ImageError` that names the
 * field and the offset; it is never `undefined`, `NaN` or a `RangeError`.
 */
import { hex, ImageError } from "./image-error.js";

/** Bounds-checked view of an image. */
export class ImageReader {
  readonly bytes: Uint8Array;
  readonly #view: DataView;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Length of the image in bytes. */
  get length(): number {
    return this.bytes.length;
  }

  /** True if `size` bytes at `offset` are inside the image. */
  holds(offset: number, size: number): boolean {
    return offset >= 0 && size >= 0 && offset + size <= this.bytes.length;
  }

  /** The byte at `offset`; `what` names the field in the error. */
  u8(offset: number, what: string): number {
    this.require(offset, 1, what);
    return this.#view.getUint8(offset);
  }

  /** The little-endian 16-bit word at `offset`. */
  u16(offset: number, what: string): number {
    this.require(offset, 2, what);
    return this.#view.getUint16(offset, true);
  }

  /** The little-endian 32-bit word at `offset`, unsigned. */
  u32(offset: number, what: string): number {
    this.require(offset, 4, what);
    return this.#view.getUint32(offset, true);
  }

  /** The bytes `offset … offset + size`, not copied. */
  slice(offset: number, size: number, what: string): Uint8Array {
    this.require(offset, size, what);
    return this.bytes.subarray(offset, offset + size);
  }

  /** Raises unless `size` bytes at `offset` are inside the image. */
  require(offset: number, size: number, what: string): void {
    if (this.holds(offset, size)) return;
    throw new ImageError(
      `the image is truncated: ${what} needs ${count(size)} and the image ends at ${hex(this.bytes.length)}`,
      offset,
    );
  }
}

function count(bytes: number): string {
  return bytes === 1 ? "1 byte" : `${bytes} bytes`;
}
