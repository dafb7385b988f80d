/**
 * The binary trace file, version 1: compact (about five bytes an instruction) and self-contained.
 *
 *   header   "VMXT"  version u16  registers u16 (20)   index varint   eip u32   then every register u32
 *   record   tag u8  … :
 *     step        00rE llll   E: eip follows (u32) instead of previous eip + length; r: register changes follow;
 *                             l: length of the bytes that follow, 0: the same bytes as last time at this cs:eip
 *     exception   01r0 0000   vector u8; r: register changes follow; then eip u32
 *     interrupt   10r0 0000   the same
 *   changes  mask varint, bit n = TRACED_REGISTERS[n]; for each set bit the difference to the old value, zigzag varint
 *
 * The `eip` of an event is where the processor went. Numbers are little-endian. Reader and writer keep the same state,
 * so every record must be read in order. Invariant: reading a damaged file raises `TraceError` with the offset.
 */
import { CS_INDEX, MODE_INDEX, type RegisterChange, TRACED_REGISTERS, type TraceRecord } from "./trace-record.js";
import type { TraceSink, TraceStart } from "./trace-record.js";
import { ByteWriter, unzigzag, zigzag } from "./varint.js";

const MAGIC = Uint8Array.of(0x56, 0x4d, 0x58, 0x54);

/** Version that is written, and the only one that is read. */
export const TRACE_VERSION = 1;

const KIND_SHIFT = 6;
const KIND_STEP = 0;
const KIND_EXCEPTION = 1;
const KIND_INTERRUPT = 2;
const HAS_CHANGES = 1 << 5;
const HAS_EIP = 1 << 4;
const LENGTH_MASK = 15;
const FLUSH_BYTES = 1 << 18;
const HEADER_BYTES = 8;

/** A trace file that cannot be read: one sentence, with the offset. */
export class TraceError extends Error {
  override readonly name = "TraceError";
}

/** Key of the byte dictionary: a code address, exact in a double. */
function codeKey(cs: number, eip: number): number {
  return cs * 2 ** 32 + eip;
}

/** Writes a binary trace in pieces to `write`. */
export class BinaryTraceWriter implements TraceSink {
  readonly #write: (bytes: Uint8Array) => void;
  readonly #out = new ByteWriter();
  readonly #known = new Map<number, Uint8Array>();
  #registers = new Uint32Array(TRACED_REGISTERS.length);
  #nextEip = 0;

  constructor(write: (bytes: Uint8Array) => void) {
    this.#write = write;
  }

  start(start: TraceStart): void {
    this.#registers = start.registers.slice();
    this.#nextEip = start.eip;
    const out = this.#out;
    out.bytes(MAGIC);
    out.bytes(Uint8Array.of(TRACE_VERSION, 0, TRACED_REGISTERS.length, 0));
    out.varint(start.index);
    out.u32(start.eip);
    for (const value of start.registers) out.u32(value);
  }

  record(record: TraceRecord): void {
    const out = this.#out;
    const changes = record.changes.length > 0 ? HAS_CHANGES : 0;
    if (record.type === "step") {
      const key = codeKey(record.cs, record.eip);
      const same = sameBytes(this.#known.get(key), record.bytes);
      const jumped = record.eip !== this.#nextEip ? HAS_EIP : 0;
      out.u8((KIND_STEP << KIND_SHIFT) | changes | jumped | (same ? 0 : record.bytes.length));
      if (jumped) out.u32(record.eip);
      if (!same) {
        out.bytes(record.bytes);
        this.#known.set(key, record.bytes.slice());
      }
      this.#changes(record.changes);
      this.#nextEip = (record.eip + record.bytes.length) >>> 0;
    } else {
      const kind = record.type === "exception" ? KIND_EXCEPTION : KIND_INTERRUPT;
      out.u8((kind << KIND_SHIFT) | changes);
      out.u8(record.vector);
      this.#changes(record.changes);
      out.u32(record.eip);
      this.#nextEip = record.eip;
    }
    if (out.length > FLUSH_BYTES) this.#write(out.take());
  }

  end(): void {
    if (this.#out.length > 0) this.#write(this.#out.take());
  }

  #changes(changes: readonly RegisterChange[]): void {
    if (changes.length === 0) return;
    let mask = 0;
    for (const change of changes) mask |= 1 << change.register;
    this.#out.varint(mask);
    for (const { register, value } of changes) {
      this.#out.varint(zigzag((value - this.#registers[register]!) | 0));
      this.#registers[register] = value;
    }
  }
}

function sameBytes(a: Uint8Array | undefined, b: Uint8Array): boolean {
  return a !== undefined && a.length === b.length && a.every((byte, index) => byte === b[index]);
}

/** True if the bytes begin as a binary trace does. */
export function isBinaryTrace(bytes: Uint8Array): boolean {
  return MAGIC.every((byte, index) => bytes[index] === byte);
}

/** Reads a binary trace that is in memory. Raises `TraceError` for anything that is not one. */
export class BinaryTraceReader implements Iterable<TraceRecord> {
  readonly start: TraceStart;
  readonly #bytes: Uint8Array;
  readonly #first: number;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    if (!isBinaryTrace(bytes))
      throw new TraceError("expected a binary trace (VMXT) and found something else at offset 0");
    const cursor = new Cursor(bytes, MAGIC.length);
    const version = cursor.u8() + cursor.u8() * 256;
    if (version !== TRACE_VERSION) {
      throw new TraceError(`expected trace version ${TRACE_VERSION} and found ${version} at offset 4`);
    }
    const registers = cursor.u8() + cursor.u8() * 256;
    if (registers !== TRACED_REGISTERS.length) {
      throw new TraceError(`expected ${TRACED_REGISTERS.length} registers and found ${registers} at offset 6`);
    }
    const index = cursor.varint();
    const eip = cursor.u32();
    this.start = { index, eip, registers: Uint32Array.from(TRACED_REGISTERS, () => cursor.u32()) };
    this.#first = Math.max(cursor.offset, HEADER_BYTES);
  }

  /** The records in order; may be iterated again from the start. */
  *[Symbol.iterator](): Generator<TraceRecord> {
    const cursor = new Cursor(this.#bytes, this.#first);
    const registers = this.start.registers.slice();
    const known = new Map<number, Uint8Array>();
    let { index, eip } = this.start;
    while (!cursor.atEnd) {
      const at = cursor.offset;
      const tag = cursor.u8();
      const kind = tag >>> KIND_SHIFT;
      const cs = registers[CS_INDEX]!;
      const code32 = registers[MODE_INDEX] !== 0;
      if (kind === KIND_STEP) {
        const from = tag & HAS_EIP ? cursor.u32() : eip;
        const key = codeKey(cs, from);
        const length = tag & LENGTH_MASK;
        const bytes = length === 0 ? known.get(key) : cursor.take(length);
        if (bytes === undefined) throw new TraceError(`an instruction without bytes at offset ${at}`);
        known.set(key, bytes);
        const changes = tag & HAS_CHANGES ? cursor.changes(registers) : [];
        eip = (from + bytes.length) >>> 0;
        yield { type: "step", index: index++, cs, eip: from, code32, bytes, changes };
      } else if (kind === KIND_EXCEPTION || kind === KIND_INTERRUPT) {
        const vector = cursor.u8();
        const changes = tag & HAS_CHANGES ? cursor.changes(registers) : [];
        eip = cursor.u32();
        const type = kind === KIND_EXCEPTION ? "exception" : "interrupt";
        yield { type, index, vector, cs: registers[CS_INDEX]!, eip, changes };
      } else {
        throw new TraceError(`expected a step, an exception or an interrupt and found tag ${tag} at offset ${at}`);
      }
    }
  }
}

/** Sequential reads with an error instead of `undefined` at the end. */
class Cursor {
  offset: number;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array, offset: number) {
    this.#bytes = bytes;
    this.offset = offset;
  }

  get atEnd(): boolean {
    return this.offset >= this.#bytes.length;
  }

  u8(): number {
    if (this.atEnd) throw new TraceError(`the trace is truncated at offset ${this.offset}`);
    return this.#bytes[this.offset++]!;
  }

  u32(): number {
    return (this.u8() | (this.u8() << 8) | (this.u8() << 16) | (this.u8() << 24)) >>> 0;
  }

  varint(): number {
    const at = this.offset;
    let value = 0;
    let scale = 1;
    for (;;) {
      const byte = this.u8();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) break;
      scale *= 0x80;
    }
    if (!Number.isSafeInteger(value)) throw new TraceError(`a number that is too large at offset ${at}`);
    return value;
  }

  take(length: number): Uint8Array {
    if (this.offset + length > this.#bytes.length)
      throw new TraceError(`the trace is truncated at offset ${this.offset}`);
    this.offset += length;
    return this.#bytes.subarray(this.offset - length, this.offset);
  }

  /** Reads register changes and applies them to `registers`. */
  changes(registers: Uint32Array): RegisterChange[] {
    const at = this.offset;
    const mask = this.varint();
    if (mask >= 2 ** TRACED_REGISTERS.length) throw new TraceError(`unknown registers changed at offset ${at}`);
    const changes: RegisterChange[] = [];
    for (let register = 0; register < TRACED_REGISTERS.length; register++) {
      if ((mask & (1 << register)) === 0) continue;
      const value = (registers[register]! + unzigzag(this.varint() >>> 0)) >>> 0;
      registers[register] = value;
      changes.push({ register, value });
    }
    return changes;
  }
}
