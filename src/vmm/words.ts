/**
 * The machine's words as the monitor reads and writes them: processor state and VMX controls, by offset. No copies are kept.
 */
import { Layout } from "../../assembly/abi/layout.js";
import type { Core } from "../core/core.js";

/** Typed access to one structure in linear memory. */
export class Words {
  private readonly words: Uint32Array;
  private readonly all: Uint8Array;
  /** Index of the structure's first word. */
  private readonly first: number;

  /** The structure that begins at `base`, a multiple of 4. */
  constructor(
    memory: WebAssembly.Memory,
    readonly base: number,
  ) {
    this.words = new Uint32Array(memory.buffer);
    this.all = new Uint8Array(memory.buffer);
    this.first = base / 4;
  }

  /** A u32, at a multiple of 4. */
  get(offset: number): number {
    return this.words[this.first + (offset >>> 2)]!;
  }

  /** Stores a u32, at a multiple of 4. */
  set(offset: number, value: number): void {
    this.words[this.first + (offset >>> 2)] = value;
  }

  /** A byte. */
  byte(offset: number): number {
    return this.all[this.base + offset]!;
  }

  /** Stores the low 32 bits of a 64-bit word, and zeros above them. */
  setWide(offset: number, value: number): void {
    this.set(offset, value);
    this.set(offset + 4, 0);
  }

  /** A u64 that stays below 2^53. */
  getWide(offset: number): number {
    return this.get(offset + 4) * 2 ** 32 + this.get(offset);
  }

  /** The bytes of the range from `offset` on, as a view. Costs an allocation: `copy` does without. */
  bytes(offset: number, length: number): Uint8Array {
    return this.all.subarray(this.base + offset, this.base + offset + length);
  }

  /** Takes over the bytes from offset `from` up to `to` of another structure in the same memory. */
  copy(source: Words, from: number, to: number): void {
    this.all.copyWithin(this.base + from, source.base + from, source.base + to);
  }
}

/** The processor state of `core`: offsets of `Cpu`. */
export function processorWords(core: Core): Words {
  return new Words(core.memory, Layout.CPU);
}

/** The VMX words of `core`: offsets of `Vmx`. */
export function vmxWords(core: Core): Words {
  return new Words(core.memory, Layout.VMX);
}
