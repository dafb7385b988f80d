/**
 * Little-endian base-128 numbers (LEB128) for the binary trace: small values take one byte. Values are non-negative
 * integers up to 2^53; signed 32-bit differences are folded (zigzag) so that small negative ones stay small.
 */

/** A byte array that grows as it is written. */
export class ByteWriter {
  #bytes = new Uint8Array(1 << 16);
  #length = 0;

  /** Bytes written so far and not yet taken. */
  get length(): number {
    return this.#length;
  }

  /** Appends one byte. */
  u8(value: number): void {
    if (this.#length === this.#bytes.length) this.#grow(1);
    this.#bytes[this.#length++] = value;
  }

  /** Appends a 32-bit word, little-endian. */
  u32(value: number): void {
    for (let shift = 0; shift < 32; shift += 8) this.u8((value >>> shift) & 0xff);
  }

  /** Appends an unsigned number of variable length. */
  varint(value: number): void {
    let rest = value;
    while (rest >= 0x80) {
      this.u8((rest % 0x80) + 0x80);
      rest = Math.floor(rest / 0x80);
    }
    this.u8(rest);
  }

  /** Appends bytes as they are. */
  bytes(bytes: Uint8Array): void {
    if (this.#length + bytes.length > this.#bytes.length) this.#grow(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  /** Returns a copy of what was written and empties the writer. */
  take(): Uint8Array {
    const taken = this.#bytes.slice(0, this.#length);
    this.#length = 0;
    return taken;
  }

  #grow(by: number): void {
    const larger = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + by));
    larger.set(this.#bytes);
    this.#bytes = larger;
  }
}

/** Folds a signed 32-bit difference into an unsigned number: 0 -1 1 -2 … become 0 1 2 3 …. */
export function zigzag(difference: number): number {
  return ((difference << 1) ^ (difference >> 31)) >>> 0;
}

/** Undoes `zigzag`. */
export function unzigzag(folded: number): number {
  return (folded >>> 1) ^ -(folded & 1);
}
