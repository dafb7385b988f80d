/**
 * The RAM a guest sees, whatever lies behind it: one run of bytes on the bare machine, scattered frames under a VMM.
 */
import type { Core } from "./core.js";

/** Guest RAM by guest-physical address; ranges lie inside it. */
export interface GuestRam {
  /** Size in bytes. */
  readonly length: number;
  /** A copy of `bytes` bytes from `pa` on. */
  read(pa: number, bytes: number): Uint8Array;
  /** Writes bytes; the guest sees them with its next instruction, also as code. */
  write(pa: number, bytes: Uint8Array): void;
  /** Makes every byte zero. */
  clear(): void;
  /** All bytes in order of address, in pieces that are views. */
  pieces(): Iterable<Uint8Array>;
}

/** RAM of the bare machine: guest-physical is machine. */
export class BareRam implements GuestRam {
  constructor(private readonly core: Core) {}

  get length(): number {
    return this.core.ram.length;
  }

  read(pa: number, bytes: number): Uint8Array {
    return this.core.ram.slice(pa, pa + bytes);
  }

  write(pa: number, bytes: Uint8Array): void {
    this.core.writeRam(pa, bytes);
  }

  clear(): void {
    this.core.ram.fill(0);
    this.core.exports.flushCode();
  }

  pieces(): Iterable<Uint8Array> {
    return [this.core.ram];
  }
}
