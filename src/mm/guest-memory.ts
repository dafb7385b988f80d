/**
 * A VM's memory by guest-physical address, for the VMM and its devices: every access goes through the map, frame by frame.
 * What is not there reads as all ones and takes no stores, as on the bare machine; ROM takes none either, except by `load`.
 * Invariant: a store here is a store for everybody: decoded code, the dirty log and the shadow tables learn of it.
 */
import { FrameType } from "../../assembly/abi/ept.js";
import { type Gpa, type Mfn, PAGE_BYTES, PAGE_MASK } from "../address.js";
import type { MachineMemory } from "./machine-memory.js";
import { NO_FRAME, type P2m } from "./p2m.js";

/** A guest's memory. It is the `GuestRam` of a machine as well. */
export class GuestMemory {
  /** Called after a store to a frame whose stores are traced. */
  onTracedStore: ((gpa: Gpa, bytes: number) => void) | undefined;
  private readonly memory: MachineMemory;

  /** The memory that `p2m` maps. Its first `length` bytes are the guest's RAM. */
  constructor(
    readonly p2m: P2m,
    readonly length: number,
  ) {
    this.memory = p2m.memory;
  }

  /** Reads a byte. */
  read8(gpa: number): number {
    const mfn = this.p2m.mfn((gpa / PAGE_BYTES) >>> 0);
    return mfn === NO_FRAME ? 0xff : this.memory.bytes[mfn * PAGE_BYTES + (gpa & PAGE_MASK)]!;
  }

  /** Reads two bytes, low one first. */
  read16(gpa: number): number {
    return this.read8(gpa) | (this.read8(gpa + 1) << 8);
  }

  /** Reads four bytes, low one first; unsigned. */
  read32(gpa: number): number {
    if ((gpa & 3) !== 0) return (this.read16(gpa) | (this.read16(gpa + 2) << 16)) >>> 0;
    const mfn = this.p2m.mfn((gpa / PAGE_BYTES) >>> 0);
    return mfn === NO_FRAME ? 0xffffffff : this.memory.words[(mfn << 10) + ((gpa & PAGE_MASK) >>> 2)]!;
  }

  /** Writes a byte. */
  write8(gpa: number, value: number): void {
    const mfn = this.storeFrame(gpa);
    if (mfn === NO_FRAME) return;
    const at = mfn * PAGE_BYTES + (gpa & PAGE_MASK);
    this.memory.bytes[at] = value;
    this.stored(gpa, at, 1);
  }

  /** Writes two bytes, low one first. */
  write16(gpa: number, value: number): void {
    if ((gpa & PAGE_MASK) === PAGE_MASK) {
      this.write8(gpa, value);
      this.write8(gpa + 1, value >>> 8);
      return;
    }
    const mfn = this.storeFrame(gpa);
    if (mfn === NO_FRAME) return;
    const at = mfn * PAGE_BYTES + (gpa & PAGE_MASK);
    this.memory.bytes[at] = value;
    this.memory.bytes[at + 1] = value >>> 8;
    this.stored(gpa, at, 2);
  }

  /** Writes four bytes, low one first. */
  write32(gpa: number, value: number): void {
    if ((gpa & 3) !== 0) {
      this.write16(gpa, value);
      this.write16(gpa + 2, value >>> 16);
      return;
    }
    const mfn = this.storeFrame(gpa);
    if (mfn === NO_FRAME) return;
    const at = mfn * PAGE_BYTES + (gpa & PAGE_MASK);
    this.memory.words[at >>> 2] = value;
    this.stored(gpa, at, 4);
  }

  /** A copy of `bytes` bytes from `gpa` on. */
  read(gpa: number, bytes: number): Uint8Array {
    const out = new Uint8Array(bytes);
    for (let i = 0; i < bytes; ) {
      const at = gpa + i;
      const part = Math.min(bytes - i, PAGE_BYTES - (at & PAGE_MASK));
      const mfn = this.p2m.mfn((at / PAGE_BYTES) >>> 0);
      if (mfn === NO_FRAME) out.fill(0xff, i, i + part);
      else {
        const ma = mfn * PAGE_BYTES + (at & PAGE_MASK);
        out.set(this.memory.bytes.subarray(ma, ma + part), i);
      }
      i += part;
    }
    return out;
  }

  /** Writes bytes as the guest or a device would. */
  write(gpa: number, bytes: Uint8Array): void {
    this.copyIn(gpa, bytes, false);
  }

  /** Writes bytes into RAM and ROM: what a loader does. */
  load(gpa: number, bytes: Uint8Array): void {
    this.copyIn(gpa, bytes, true);
  }

  /** Makes every byte of RAM zero. */
  clear(): void {
    const zeros = new Uint8Array(PAGE_BYTES);
    for (let gpa = 0; gpa < this.length; gpa += PAGE_BYTES) this.write(gpa, zeros);
  }

  /** All bytes of RAM in order of address, frame by frame, as views. What is absent reads as all ones. */
  *pieces(): Iterable<Uint8Array> {
    const absent = new Uint8Array(PAGE_BYTES).fill(0xff);
    for (let gpa = 0; gpa < this.length; gpa += PAGE_BYTES) {
      const mfn = this.p2m.mfn((gpa / PAGE_BYTES) >>> 0);
      const ma = mfn * PAGE_BYTES;
      const frame = mfn === NO_FRAME ? absent : this.memory.bytes.subarray(ma, ma + PAGE_BYTES);
      yield gpa + PAGE_BYTES <= this.length ? frame : frame.subarray(0, this.length - gpa);
    }
  }

  /** Sets bits of a byte in a table of the guest: its accessed and dirty flags. The shadow tables, which ask for it, are not told. */
  setBits(gpa: number, bits: number): void {
    const mfn = this.storeFrame(gpa);
    if (mfn === NO_FRAME) return;
    const at = mfn * PAGE_BYTES + (gpa & PAGE_MASK);
    this.memory.bytes[at]! |= bits;
    this.p2m.log?.markDirty((gpa / PAGE_BYTES) >>> 0);
    this.memory.written(at, 1);
  }

  private copyIn(gpa: number, bytes: Uint8Array, loading: boolean): void {
    for (let i = 0; i < bytes.length; ) {
      const at = gpa + i;
      const part = Math.min(bytes.length - i, PAGE_BYTES - (at & PAGE_MASK));
      const mfn = loading ? this.p2m.mfn((at / PAGE_BYTES) >>> 0) : this.storeFrame(at);
      if (mfn !== NO_FRAME) {
        const ma = mfn * PAGE_BYTES + (at & PAGE_MASK);
        this.memory.bytes.set(bytes.subarray(i, i + part), ma);
        this.stored(at, ma, part);
      }
      i += part;
    }
  }

  /** The machine frame a store to `gpa` goes to; NO_FRAME if it is lost. */
  private storeFrame(gpa: number): Mfn | typeof NO_FRAME {
    const gfn = (gpa / PAGE_BYTES) >>> 0;
    return this.p2m.mayWrite(gfn) ? this.p2m.mfn(gfn) : NO_FRAME;
  }

  /** Tells everybody of a store inside one frame. */
  private stored(gpa: number, ma: number, bytes: number): void {
    this.memory.written(ma, bytes);
    const gfn = (gpa / PAGE_BYTES) >>> 0;
    this.p2m.log?.markDirty(gfn);
    if (this.onTracedStore !== undefined && this.p2m.type(gfn) === FrameType.TRACED) {
      this.onTracedStore(gpa as Gpa, bytes);
    }
  }
}
