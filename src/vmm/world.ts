/**
 * The state of a virtual machine's processor while the machine's own holds another's: its VMCS, and what a VMCS has no place for, which
 * monitors save themselves at a world switch (SDM 3C 24.4, 27.5): x87 state, a waiting NMI, and the counters kept for it.
 * Invariant: `load` and `save` alternate; in between the processor is this VM's.
 */
import { Cpu } from "../../assembly/abi/cpu.js";
import { Fpu } from "../../assembly/abi/fpu.js";
import { VMCS_REVISION, Vmcs } from "../../assembly/abi/vmcs.js";
import { Vmx } from "../../assembly/abi/vmx.js";
import type { Core } from "../core/core.js";
import { processorWords, vmxWords, Words } from "./words.js";

/** Ranges of the processor's state that move besides what VMPTRLD loads; in the frame they lie at the same offsets behind `Vmcs.GUEST`. */
const EXTRA: readonly (readonly [from: number, to: number])[] = [
  [Cpu.NMI_PENDING, Cpu.NMI_PENDING + 4],
  [Cpu.COUNTERS, Cpu.SCRATCH],
  [Fpu.ST, Fpu.OPCODE + 4],
];
/** The VMX counters that move, and where they are in the frame. */
const COUNTER_BYTES = Vmx.CONTEXTS - Vmx.ENTRIES;
const COUNTERS_KEPT = Vmcs.SIZE - COUNTER_BYTES;

/** Where a VM's processor state is kept. */
export class World {
  private readonly live: Words;
  private readonly vmx: Words;
  private readonly frame: Words;
  private readonly kept: Words;

  /** Uses the empty frame at machine address `ma`, `pointer` in linear memory. */
  constructor(
    private readonly core: Core,
    private readonly ma: number,
    pointer: number,
  ) {
    this.live = processorWords(core);
    this.vmx = vmxWords(core);
    this.frame = new Words(core.memory, pointer);
    this.kept = new Words(core.memory, pointer + Vmcs.GUEST);
    this.frame.set(Vmcs.REVISION, VMCS_REVISION);
  }

  /** The processor gets this state; the interrupt line is the caller's to set, and makes a waiting NMI known. */
  load(): void {
    this.core.exports.vmptrld(this.ma);
    this.copy(this.kept, this.live);
    this.vmx.bytes(Vmx.ENTRIES, COUNTER_BYTES).set(this.frame.bytes(COUNTERS_KEPT, COUNTER_BYTES));
  }

  /** The processor's state is kept here. */
  save(): void {
    this.core.exports.vmclear(this.ma);
    this.copy(this.live, this.kept);
    this.frame.bytes(COUNTERS_KEPT, COUNTER_BYTES).set(this.vmx.bytes(Vmx.ENTRIES, COUNTER_BYTES));
  }

  /** The processor was reset and has forgotten its VMCS: the state it has now becomes this one. */
  adopt(): void {
    this.kept.copy(this.live, 0, Cpu.SIZE);
    this.core.exports.vmptrld(this.ma);
  }

  /** A word of the state that is kept, by its offset in `Cpu`. */
  get(field: Cpu): number {
    return this.kept.get(field);
  }

  /** Instructions retired, of the state that is kept. */
  get retired(): number {
    return this.kept.getWide(Cpu.RETIRED);
  }

  /** Virtual time of the state that is kept. */
  get time(): number {
    return this.retired + this.kept.getWide(Cpu.SKIPPED);
  }

  /** Raises an NMI in the state that is kept. */
  raiseNmi(): void {
    this.kept.set(Cpu.NMI_PENDING, 1);
  }

  private copy(from: Words, to: Words): void {
    for (const [start, end] of EXTRA) to.copy(from, start, end);
  }
}
