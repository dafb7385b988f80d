/**
 * The machine's words as the monitor reads and writes them: processor state and VMX controls, by offset. No copies are kept.
 */
import { Layout } from "../../assembly/abi/layout.js";
import type { Core } from "../core/core.js";

/** Typed access to one structure in linear memory. */
export class Words {
  private view: DataView;

  /** The structure that begins at `base`. */
  constructor(
    private readonly memory: WebAssembly.Memory,
    readonly base: number,
  ) {
    this.view = new DataView(memory.buffer);
  }

  /** A u32. */
  get(offset: number): number {
    return this.view.getUint32(this.base + offset, true);
  }

  /** Stores a u32. */
  set(offset: number, value: number): void {
    this.view.setUint32(this.base + offset, value >>> 0, true);
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

  /** The bytes of the range from `offset` on, as a view. */
  bytes(offset: number, length: number): Uint8Array {
    return new Uint8Array(this.memory.buffer, this.base + offset, length);
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
