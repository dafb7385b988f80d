/**
 * The instruction that a deprivileged guest came out in front of, from the machine's own decoder, and what routines for it work on besides: the
 * virtual registers that are not the processor's while the guest runs directly.
 */
import { Cpu, SegCache } from "../../../assembly/abi/cpu.js";
import { Layout } from "../../../assembly/abi/layout.js";
import { Rec } from "../../../assembly/abi/record.js";
import { Words } from "../words.js";
import type { Emulated } from "./emulated.js";

/** A deprivileged guest. `state` is real; its privileged registers are in `virtual`. */
export interface Deprivileged extends Emulated {
  /** The virtual state, as it was when the guest began to run directly: CR0, CR3, CR4, IF and IOPL are current. */
  readonly virtual: Words;
  /** All of linear memory, by pointers of the machine's. */
  readonly memory: Words;
  /** The guest loads CR3; false if that takes more than a change of tables. */
  loadCr3(value: number): boolean;
  /** Maps the page of a linear address for the guest's kernel, as the first access to it would; false if the guest's tables do not have it. */
  mend(address: number, write: boolean): boolean;
  /** The guest drops its translation of a linear address. */
  invalidatePage(address: number): void;
}

/** A record of the machine's for who decodes by himself. */
const OWN_RECORD = Layout.TRANSLATOR + 128;

/** One decoded instruction. */
export class Decoded {
  private readonly memory: Words;
  /** Pointer to its record. */
  private record = OWN_RECORD;

  /** No instruction yet. */
  constructor(private readonly guest: Emulated) {
    this.memory = new Words(guest.core.memory, 0);
  }

  /** Decodes the instruction at CS:EIP; false if it cannot be fetched. */
  next(): boolean {
    this.record = OWN_RECORD;
    return this.guest.core.exports.decodeNext(OWN_RECORD) !== 0;
  }

  /** Takes the instruction that the machine has decoded at `record`. It stays there until the machine runs again. */
  take(record: number): void {
    this.record = record;
  }

  /** A byte of the record. */
  byte(field: Rec): number {
    return this.memory.byte(this.record + field);
  }

  /** A word of the record. */
  word(field: Rec): number {
    return this.memory.get(this.record + field);
  }

  /** Linear address of the memory operand. */
  address(): number {
    const { state } = this.guest;
    const index = state.get(this.byte(Rec.INDEX_REG)) << this.byte(Rec.SCALE);
    const offset = (state.get(this.byte(Rec.BASE)) + index + this.word(Rec.DISP)) & this.word(Rec.LINK);
    const base = state.get(Cpu.SEGS + this.byte(Rec.SEG) * SegCache.SIZE + SegCache.BASE);
    return (base + offset) >>> 0;
  }
}
