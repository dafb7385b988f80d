/**
 * Writes the body of one WebAssembly function: bytes, LEB128 numbers, instructions. Knows nothing of x86 and checks nothing:
 * the engine validates.
 */
import { W } from "./opcodes.js";

/** A growing byte string with WebAssembly's number encodings. */
export class Code {
  private bytes: Uint8Array;
  private used = 0;

  /** Empty, with room for `room` bytes before it has to grow. */
  constructor(room = 256) {
    this.bytes = new Uint8Array(room);
  }

  /** Bytes written so far. */
  get length(): number {
    return this.used;
  }

  /** The bytes, as a view that later writes may not follow. */
  take(): Uint8Array {
    return this.bytes.subarray(0, this.used);
  }

  /** Appends one byte. */
  byte(value: number): void {
    if (this.used === this.bytes.length) this.reserve(1);
    this.bytes[this.used++] = value;
  }

  /** Appends bytes. */
  append(bytes: Uint8Array | readonly number[]): void {
    this.reserve(bytes.length);
    this.bytes.set(bytes, this.used);
    this.used += bytes.length;
  }

  /** Makes room for `count` more bytes. */
  private reserve(count: number): void {
    if (this.used + count <= this.bytes.length) return;
    const larger = new Uint8Array(Math.max(this.bytes.length * 2, this.used + count));
    larger.set(this.bytes.subarray(0, this.used));
    this.bytes = larger;
  }

  /** Unsigned LEB128. */
  u32(value: number): void {
    let v = value >>> 0;
    while (v > 0x7f) {
      this.byte((v & 0x7f) | 0x80);
      v >>>= 7;
    }
    this.byte(v);
  }

  /** Signed LEB128 of an i32. */
  s32(value: number): void {
    let v = value | 0;
    for (;;) {
      const b = v & 0x7f;
      v >>= 7;
      if ((v === 0 && (b & 0x40) === 0) || (v === -1 && (b & 0x40) !== 0)) {
        this.byte(b);
        return;
      }
      this.byte(b | 0x80);
    }
  }

  /** An instruction without immediates. */
  op(...ops: W[]): void {
    for (const o of ops) this.byte(o);
  }

  /** `i32.const`. */
  i32(value: number): void {
    this.byte(W.I32_CONST);
    this.s32(value);
  }

  /** `local.get`. */
  get(local: number): void {
    this.byte(W.LOCAL_GET);
    this.u32(local);
  }

  /** `local.set`. */
  set(local: number): void {
    this.byte(W.LOCAL_SET);
    this.u32(local);
  }

  /** `local.tee`. */
  tee(local: number): void {
    this.byte(W.LOCAL_TEE);
    this.u32(local);
  }

  /** A load or store with a constant offset; alignment is not promised. */
  memory(op: W, offset: number): void {
    this.byte(op);
    this.byte(0);
    this.u32(offset);
  }

  /** `block`, `loop` or `if` with a result type. */
  open(op: W.BLOCK | W.LOOP | W.IF, type: number): void {
    this.byte(op);
    this.byte(type);
  }

  /** `end`. */
  end(): void {
    this.byte(W.END);
  }

  /** `br` to the label `depth` levels out. */
  br(depth: number): void {
    this.byte(W.BR);
    this.u32(depth);
  }

  /** `br_if`. */
  brIf(depth: number): void {
    this.byte(W.BR_IF);
    this.u32(depth);
  }

  /** `br_table`: to `depths[i]` for the value i, to `other` for any larger one. */
  brTable(depths: readonly number[], other: number): void {
    this.byte(W.BR_TABLE);
    this.u32(depths.length);
    for (const d of depths) this.u32(d);
    this.u32(other);
  }

  /** `call`. */
  call(fn: number): void {
    this.byte(W.CALL);
    this.u32(fn);
  }
}
