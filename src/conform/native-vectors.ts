/**
 * Reader of native vector files (`VMXV`, version 1): single instructions run on a real CPU as a 32-bit user program.
 *
 * A record holds only what (seed, index) does not determine; docs/conform.md describes the format and tests/oracle writes it. Works on a
 * stream: bytes are pushed in pieces of any size and complete tests come out. Input is hostile: everything is bounds-checked.
 */
import { ByteReader } from "./byte-reader.js";
import { ConformFileError } from "./conform-error.js";

/** Bytes at an offset in the windows, which are laid end to end. */
export interface WindowBytes {
  offset: number;
  bytes: Uint8Array;
}

/** A range of memory every test sees. */
export interface MemoryWindow {
  linear: number;
  pages: number;
  writable: boolean;
  /** Holds INT3 instructions (the code window) instead of pseudo-random bytes. */
  traps: boolean;
}

/** What all tests of a file share. */
export interface NativeEnvironment {
  seed: number;
  count: number;
  /** CPUID vendor string and family/model/stepping of the machine that ran the tests. */
  cpu: { vendor: string; signature: number };
  windows: MemoryWindow[];
  /** Local descriptor table: low and high word of each entry. */
  descriptors: { low: number; high: number }[];
}

/** One test. */
export interface NativeCase {
  index: number;
  code: Uint8Array;
  codeOffset: number;
  /** CS.D of the initial code segment. */
  code32: boolean;
  general: Uint32Array;
  segments: Uint16Array;
  eip: number;
  eflags: number;
  patches: WindowBytes[];
  vector: number;
  error: number | undefined;
  cr2: number | undefined;
  finalGeneral: Uint32Array;
  finalSegments: Uint16Array;
  finalEip: number;
  finalEflags: number;
  writes: WindowBytes[];
}

/** The vectors that push an error code (SDM 3A table 6-1). */
export const VECTORS_WITH_ERROR: ReadonlySet<number> = new Set([8, 10, 11, 12, 13, 14, 17]);

/** Selectors of the flat segments of a Linux compatibility-mode program. */
export const USER_CODE = 0x23;
export const USER_DATA = 0x2b;

const FIXED_HEADER = 36;
const MAX_PAGES = 16;
const PAGE = 4096;
const HIGHEST_LINEAR = 0xc0000000;
const MEMORY_SALT = 0x6d656d00;
const DEFAULT_SEGMENTS = [USER_DATA, USER_CODE, USER_DATA, USER_DATA, USER_DATA, USER_DATA];

/** The mixing function of the format: 32 bits of (seed, n). */
export function mix(seed: number, n: number): number {
  let h = seed ^ Math.imul(n, 0x9e3779b9);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** What the windows hold before a test that says nothing else. */
export function defaultMemory(environment: NativeEnvironment): Uint8Array {
  const size = environment.windows.reduce((sum, window) => sum + window.pages * PAGE, 0);
  const memory = new Uint8Array(size);
  const view = new DataView(memory.buffer);
  for (let i = 0; i < size; i += 4) view.setUint32(i, mix(environment.seed ^ MEMORY_SALT, i / 4), true);
  let offset = 0;
  for (const window of environment.windows) {
    if (window.traps) memory.fill(0xcc, offset, offset + window.pages * PAGE);
    offset += window.pages * PAGE;
  }
  return memory;
}

/** Base address in a segment descriptor (SDM 3A 3.4.5). */
export function descriptorBase(descriptor: { low: number; high: number }): number {
  return ((descriptor.low >>> 16) | ((descriptor.high & 0xff) << 16) | (descriptor.high & 0xff000000)) >>> 0;
}

/** True if `bytes` begin like a native vector file. */
export function looksLikeNative(bytes: Uint8Array): boolean {
  return bytes[0] === 0x56 && bytes[1] === 0x4d && bytes[2] === 0x58 && bytes[3] === 0x56;
}

function parseHeader(reader: ByteReader): NativeEnvironment {
  const magic = reader.text(4, "the file type");
  if (magic !== "VMXV") throw reader.error(`expected "VMXV" and found ${JSON.stringify(magic)}`, 0);
  const version = reader.u16("the version");
  if (version !== 1) throw reader.error(`expected format version 1 and found ${version}`, 4);
  reader.u16("the header length");
  const seed = reader.u32("the seed");
  const count = reader.u32("the count of tests");
  const vendor = reader.text(12, "the CPU vendor");
  const signature = reader.u32("the CPU signature");
  const windowCount = reader.u16("the count of windows");
  const descriptorCount = reader.u16("the count of descriptors");
  const windows: MemoryWindow[] = [];
  let pages = 0;
  for (let i = 0; i < windowCount; i++) {
    const at = reader.offset;
    const linear = reader.u32("a window address");
    const size = reader.u16("a window size");
    const access = reader.u8("a window access");
    const traps = reader.u8("a window content") === 1;
    pages += size;
    if (linear % PAGE !== 0 || size === 0 || linear + size * PAGE > HIGHEST_LINEAR || pages > MAX_PAGES) {
      throw reader.error(
        `expected page-aligned windows below 0xc0000000 of at most ${MAX_PAGES} pages together and found ${size} pages at 0x${linear.toString(16)}`,
        at,
      );
    }
    if (windows.some((other) => linear < other.linear + other.pages * PAGE && other.linear < linear + size * PAGE)) {
      throw reader.error(`expected windows that do not overlap and found a second one at 0x${linear.toString(16)}`, at);
    }
    windows.push({ linear, pages: size, writable: access === 2, traps });
  }
  if (windows.length === 0) throw reader.error("expected at least one window and found none");
  const descriptors: NativeEnvironment["descriptors"] = [];
  for (let i = 0; i < descriptorCount; i++)
    descriptors.push({ low: reader.u32("a descriptor"), high: reader.u32("a descriptor") });
  return { seed, count, cpu: { vendor, signature }, windows, descriptors };
}

/** Incremental reader: `push` returns the tests completed by the new bytes; `finish` checks that the file was whole. */
export class NativeVectorReader {
  /** Known once the header has been read. */
  environment: NativeEnvironment | undefined;
  readonly #file: string;
  #rest: Uint8Array = new Uint8Array(0);
  #consumed = 0;
  #index = 0;
  #ended = false;
  #windowBytes = 0;

  constructor(file: string) {
    this.#file = file;
  }

  /** Adds bytes to the stream. Raises `ConformFileError`. */
  push(chunk: Uint8Array): NativeCase[] {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let at = 0;
    if (this.environment === undefined) {
      const length = bytes.length >= 8 ? Math.max(FIXED_HEADER, view.getUint16(6, true)) : FIXED_HEADER;
      if (bytes.length < length) {
        this.#rest = bytes;
        return [];
      }
      const reader = new ByteReader(this.#file, bytes, 0, length);
      this.environment = parseHeader(reader);
      if (reader.remaining !== 0)
        throw reader.error(`expected a header of ${reader.offset} bytes and found ${length}`, 6);
      this.#windowBytes = this.environment.windows.reduce((sum, window) => sum + window.pages * PAGE, 0);
      at = length;
    }
    const cases: NativeCase[] = [];
    while (!this.#ended && bytes.length - at >= 2) {
      const length = view.getUint16(at, true);
      const total = length === 0 ? 6 : 2 + length;
      if (bytes.length - at < total) break;
      if (length === 0) this.#end(view.getUint32(at + 2, true), at);
      else cases.push(this.#readCase(bytes, at + 2, at + total));
      at += total;
    }
    if (this.#ended && at < bytes.length)
      throw this.#error("expected nothing behind the end record and found more bytes", at);
    this.#rest = bytes.slice(at);
    this.#consumed += at;
    return cases;
  }

  /** Raises `ConformFileError` unless the end record has been seen. */
  finish(): void {
    if (!this.#ended) {
      throw this.#error(
        `expected an end record and found the end of the file behind test ${this.#index - 1}`,
        this.#rest.length,
      );
    }
  }

  #error(sentence: string, at: number): ConformFileError {
    return new ConformFileError(this.#file, sentence, this.#consumed + at);
  }

  #end(count: number, at: number): void {
    this.#ended = true;
    if (count !== this.#index || count !== this.environment!.count) {
      throw this.#error(`expected ${this.environment!.count} tests, as the header says, and found ${this.#index}`, at);
    }
  }

  #readCase(bytes: Uint8Array, start: number, end: number): NativeCase {
    try {
      return this.#parseCase(new ByteReader(this.#file, bytes, start, end));
    } catch (error) {
      // Offsets inside the piece become offsets in the file.
      if (error instanceof ConformFileError && error.offset !== undefined && this.#consumed > 0) {
        const sentence = error.message.slice(this.#file.length + 2).replace(/ at offset 0x[0-9a-f]+$/, "");
        throw new ConformFileError(this.#file, sentence, error.offset + this.#consumed);
      }
      throw error;
    }
  }

  #parseCase(reader: ByteReader): NativeCase {
    const { seed, windows, descriptors } = this.environment!;
    const index = this.#index++;
    const codeLength = reader.u8("the instruction length");
    const codeOffset = reader.u16("the instruction offset");
    const code = reader.bytes(codeLength, "the instruction");
    const general = new Uint32Array(8);
    for (let r = 0; r < 8; r++) general[r] = mix(seed, index * 8 + r);
    readMasked(reader, general);
    const eflags = reader.u16("EFLAGS") | (reader.u8("EFLAGS") << 16);
    const segments = Uint16Array.from(DEFAULT_SEGMENTS);
    readMaskedSegments(reader, segments);
    const patches = this.#readWindowBytes(reader);
    let base = 0;
    let code32 = true;
    if (segments[1] !== USER_CODE) {
      const descriptor = descriptors[segments[1]! >> 3];
      if (descriptor === undefined || (segments[1]! & 4) === 0) {
        throw reader.error(
          `expected a code segment of the file's descriptors and found selector 0x${segments[1]!.toString(16)}`,
        );
      }
      base = descriptorBase(descriptor);
      code32 = (descriptor.high & 0x400000) !== 0;
    }
    const eip = (windows[0]!.linear + codeOffset - base) >>> 0;
    const outcome = reader.u8("the vector");
    const vector = outcome & 31;
    const kind = outcome >> 5;
    if (kind > 3)
      throw reader.error(`expected a vector below 0x80 and found 0x${outcome.toString(16)}`, reader.offset - 1);
    const finalEip = kind === 3 ? reader.u32("EIP") : (eip + (kind === 0 ? 0 : codeLength + kind - 1)) >>> 0;
    const error = VECTORS_WITH_ERROR.has(vector) ? reader.u16("an error code") : undefined;
    const cr2 = vector === 14 ? reader.u32("CR2") : undefined;
    const finalGeneral = general.slice();
    readMasked(reader, finalGeneral);
    const finalEflags = reader.u16("EFLAGS") | (reader.u8("EFLAGS") << 16);
    const finalSegments = segments.slice();
    readMaskedSegments(reader, finalSegments);
    const writes = this.#readWindowBytes(reader);
    if (reader.remaining !== 0)
      throw reader.error(`expected the end of test ${index} and found ${reader.remaining} more bytes`);
    return {
      ...{ index, code, codeOffset, code32, general, segments, eip, eflags, patches },
      ...{ vector, error, cr2, finalGeneral, finalSegments, finalEip, finalEflags, writes },
    };
  }

  #readWindowBytes(reader: ByteReader): WindowBytes[] {
    const count = reader.u8("a count of memory runs");
    const runs: WindowBytes[] = [];
    for (let i = 0; i < count; i++) {
      const offset = reader.u16("an offset in the windows");
      const bytes = reader.bytes(reader.u8("a length"), "memory bytes");
      if (offset + bytes.length > this.#windowBytes) {
        throw reader.error(
          `expected memory inside the ${this.#windowBytes} bytes of windows and found offset 0x${offset.toString(16)}`,
        );
      }
      runs.push({ offset, bytes });
    }
    return runs;
  }
}

function readMasked(reader: ByteReader, into: Uint32Array): void {
  const mask = reader.u8("a register mask");
  for (let r = 0; r < 8; r++) {
    if ((mask & (1 << r)) !== 0) into[r] = reader.u32("a register");
  }
}

function readMaskedSegments(reader: ByteReader, into: Uint16Array): void {
  const at = reader.offset;
  const mask = reader.u8("a segment mask");
  if (mask > 63) throw reader.error(`expected a segment mask below 0x40 and found 0x${mask.toString(16)}`, at);
  for (let s = 0; s < 6; s++) {
    if ((mask & (1 << s)) !== 0) into[s] = reader.u16("a selector");
  }
}
