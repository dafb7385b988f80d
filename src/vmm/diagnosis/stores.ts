/**
 * The memory that a sensitive instruction may write: its operand and what it pushes, on the stack in use and on that of ring 0. Kept before it is
 * executed, so that it can be executed twice.
 */
import { Cpu, SegCache } from "../../../assembly/abi/cpu.js";
import { Layout } from "../../../assembly/abi/layout.js";
import { Rec, RM_MEMORY } from "../../../assembly/abi/record.js";
import { Reg, Seg } from "../../../assembly/abi/x86.js";
import type { Core } from "../../core/core.js";
import type { Words } from "../words.js";

/** Bytes that can be pushed: six words of an interrupt from user code, and room. */
const PUSHED = 64;
/** FNSAVE stores most. */
const OPERAND = 108;
/** Offset of ESP0 in a TSS of 32 bits. */
const TSS_ESP0 = 4;

/** Ranges of linear addresses and what is in them. */
export class Stores {
  private readonly ranges: [address: number, bytes: Uint8Array][] = [];

  /** Keeps what the instruction in `record` may write. The virtual state is in the processor. */
  constructor(
    private readonly core: Core,
    private readonly state: Words,
    record: Words,
  ) {
    const segment = (seg: number) => state.get(Cpu.SEGS + seg * SegCache.SIZE + SegCache.BASE);
    this.keep(segment(Seg.SS) + state.get(Cpu.REGS + 4 * Reg.ESP) - PUSHED, PUSHED);
    const stack = core.readLinear((segment(Seg.TR) + TSS_ESP0) >>> 0, 4);
    if (stack !== undefined) this.keep(new DataView(stack.buffer).getUint32(0, true) - PUSHED, PUSHED);
    const rm = record.bytes(0, Rec.BYTES);
    if (rm[Rec.RM] !== RM_MEMORY) return;
    const index = state.get(rm[Rec.INDEX_REG]!) << rm[Rec.SCALE]!;
    const offset = (state.get(rm[Rec.BASE]!) + index + record.get(Rec.DISP)) & record.get(Rec.LINK);
    this.keep(segment(rm[Rec.SEG]!) + (offset >>> 0), OPERAND);
  }

  /** Keeps a range as far as it is mapped. */
  private keep(from: number, bytes: number): void {
    for (let at = from >>> 0, left = bytes; left > 0; ) {
      const part = Math.min(left, 4096 - (at & 4095));
      const found = this.core.readLinear(at, part);
      if (found !== undefined) this.ranges.push([at, found]);
      at = (at + part) >>> 0;
      left -= part;
    }
  }

  /** What is in the ranges now. */
  now(): Uint8Array[] {
    return this.ranges.map(([at, bytes]) => this.core.readLinear(at, bytes.length) ?? bytes);
  }

  /** Puts back what was there, or `contents` as `now` has returned them. */
  restore(contents: readonly Uint8Array[] = this.ranges.map(([, bytes]) => bytes)): void {
    const all = new Uint8Array(this.core.memory.buffer);
    this.ranges.forEach(([at], i) => {
      const bytes = contents[i]!;
      const ptr = this.core.exports.probeLinear(at) >>> 0;
      if (ptr === 0 || bytes.every((byte, j) => all[ptr + j] === byte)) return;
      all.set(bytes, ptr);
      this.core.exports.ramWritten(ptr - this.state.get(Cpu.RAM_PTR), bytes.length);
    });
  }

  /** The first four bytes in which two contents differ: linear address and both values. */
  difference(a: readonly Uint8Array[], b: readonly Uint8Array[]): [address: number, a: number, b: number] | undefined {
    for (const [i, [at]] of this.ranges.entries()) {
      const j = a[i]!.findIndex((byte, k) => byte !== b[i]![k]);
      if (j < 0) continue;
      const from = Math.max(0, j - ((at + j) & 3));
      const word = (bytes: Uint8Array) => {
        const padded = new Uint8Array(4);
        padded.set(bytes.subarray(from, from + 4));
        return new DataView(padded.buffer).getUint32(0, true);
      };
      return [(at + from) >>> 0, word(a[i]!), word(b[i]!)];
    }
    return undefined;
  }
}

/** Where instructions are decoded to look at them. */
export const RECORD = Layout.TRANSLATOR + 128;
