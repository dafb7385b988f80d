/**
 * Little-endian reading with bounds checks, for files from anywhere.
 *
 * Invariant: every read lies inside the reader's own range; one that does not raises `ConformFileError` with the offset.
 */
import { ConformFileError } from "./conform-error.js";

/** A cursor over part of a file. */
export class ByteReader {
  /** Offset of the next byte, counted from the start of the file. */
  offset: number;
  /** First offset that may not be read. */
  readonly end: number;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #file: string;

  constructor(file: string, bytes: Uint8Array, start = 0, end = bytes.length) {
    this.#file = file;
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.offset = start;
    this.end = end;
  }

  /** Bytes left. */
  get remaining(): number {
    return this.end - this.offset;
  }

  /** Raises unless `size` more bytes are there for `what`. */
  need(size: number, what: string): void {
    if (size > this.remaining) {
      throw this.error(`expected ${size} bytes for ${what} and found ${this.remaining}`);
    }
  }

  /** Unsigned 8-bit number. */
  u8(what: string): number {
    this.need(1, what);
    return this.#bytes[this.offset++]!;
  }

  /** Unsigned 16-bit number. */
  u16(what: string): number {
    this.need(2, what);
    this.offset += 2;
    return this.#view.getUint16(this.offset - 2, true);
  }

  /** Unsigned 32-bit number. */
  u32(what: string): number {
    this.need(4, what);
    this.offset += 4;
    return this.#view.getUint32(this.offset - 4, true);
  }

  /** The next `size` bytes, not copied. */
  bytes(size: number, what: string): Uint8Array {
    this.need(size, what);
    this.offset += size;
    return this.#bytes.subarray(this.offset - size, this.offset);
  }

  /** The next `size` bytes as Latin-1 text. */
  text(size: number, what: string): string {
    return String.fromCharCode(...this.bytes(size, what));
  }

  /** A reader of the next `size` bytes; this one goes on behind them. */
  sub(size: number, what: string): ByteReader {
    this.need(size, what);
    const start = this.offset;
    this.offset += size;
    return new ByteReader(this.#file, this.#bytes, start, start + size);
  }

  /** An error at the current offset, or at `offset`. */
  error(sentence: string, offset = this.offset): ConformFileError {
    return new ConformFileError(this.#file, sentence, offset);
  }
}
