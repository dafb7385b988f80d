/**
 * How a domain's kernel is entered: trap table, callbacks, kernel stack, and the frame that the monitor builds there (Xen's "bounce frame"). It looks like
 * the processor's own; the second byte above CS has the upcall mask as it was, and IF in the flags is its opposite.
 */
import { Cpu } from "../../../assembly/abi/cpu.js";
import { Vmx } from "../../../assembly/abi/vmx.js";
import { Eflags, Reg, Seg } from "../../../assembly/abi/x86.js";
import type { Core } from "../../core/core.js";
import type { Words } from "../words.js";
import type { Guest } from "../guest.js";
import type { DescriptorTables } from "./descriptor-tables.js";
import type { Events } from "./events.js";
import type { GuestAccess } from "./guest-access.js";
import type { SegmentRegisters } from "./segment-registers.js";

/** Vectors of a trap table. */
export const VECTORS = 256;
/** Flags of an entry: DPL, and that events are masked on the way in. */
const TRAP_DPL = 3;
const TRAP_MASKS = 4;
/** The vector of system calls. */
const SYSTEM_CALL = 0x80;

/** Privilege of a guest's kernel. */
export const KERNEL_CPL = 1;
const ESP = Cpu.REGS + 4 * Reg.ESP;
/** What a handler does not run with (SDM 3A 6.12.1.2). */
const CLEARED = Eflags.TF | Eflags.VM | Eflags.RF | Eflags.NT;
/** Where the frame's copy of the upcall mask is. */
const MASK_SHIFT = 16;

/** Where a trap, event or fault goes. */
export interface Entry {
  cs: number;
  eip: number;
}

/** One line of the trap table. */
export interface Trap extends Entry {
  flags: number;
}

/** What the traps of a domain work on. */
export interface TrapSurroundings {
  readonly core: Core;
  readonly state: Words;
  readonly access: GuestAccess;
  readonly segments: SegmentRegisters;
  readonly events: Events;
  readonly descriptors: DescriptorTables;
  readonly vm: Guest;
  /** The domain cannot go on. */
  crash(reason: string): void;
}

/** The ways into the kernel of a domain. */
export class Traps {
  /** By vector; an address of 0: there is none. */
  readonly table: Trap[] = Array.from({ length: VECTORS }, () => ({ cs: 0, eip: 0, flags: 0 }));
  /** Where events go. */
  readonly event: Entry = { cs: 0, eip: 0 };
  /** Where the kernel goes on when what it returns to cannot be loaded. */
  readonly failsafe: Entry = { cs: 0, eip: 0 };
  /** Stack for traps from outside the kernel. */
  kernelSs = 0;
  kernelEsp = 0;
  /** The frame under construction, highest word first. */
  private readonly frame = new Uint32Array(10);

  constructor(private readonly domain: TrapSurroundings) {}

  /** Nothing is set. */
  reset(): void {
    this.clearTable();
    this.event.eip = this.failsafe.eip = 0;
    this.kernelSs = this.kernelEsp = 0;
  }

  /** No vector has a handler. */
  clearTable(): void {
    for (const trap of this.table) trap.cs = trap.eip = trap.flags = 0;
    this.tableChanged();
  }

  /**
   * System calls that do not mask events on the way in go to the kernel by a gate of the processor's own, as under Xen: there is nothing that the monitor would
   * have to do.
   */
  tableChanged(): void {
    const { flags, cs, eip } = this.table[SYSTEM_CALL]!;
    const direct = eip !== 0 && (flags & TRAP_DPL) === 3 && (flags & TRAP_MASKS) === 0 && (cs & 3) === KERNEL_CPL;
    this.domain.descriptors.setGate(SYSTEM_CALL, cs, direct ? eip : 0);
    this.domain.vm.vmx.set(Vmx.DIRECT, direct ? SYSTEM_CALL : 0);
  }

  /** True if INT n may be used for the vector by code at `cpl`. */
  permits(vector: number, cpl: number): boolean {
    return (this.table[vector]!.flags & TRAP_DPL) >= cpl && this.table[vector]!.eip !== 0;
  }

  /** Delivers trap `vector`; `error` of undefined: it has none. EIP is where the guest is to go on afterwards. */
  deliver(vector: number, error: number | undefined): void {
    const trap = this.table[vector]!;
    if (trap.eip === 0) this.domain.crash(`trap ${vector}, for which it has no handler`);
    else this.enter(trap, error, (trap.flags & TRAP_MASKS) !== 0, false);
  }

  /** Delivers the events that are pending. */
  deliverEvents(): void {
    if (this.event.eip === 0) this.domain.crash("an event, for which it has no callback");
    else this.enter(this.event, undefined, true, false);
  }

  /** Tells the kernel that its return failed, or ends it. */
  deliverFailsafe(): void {
    if (this.failsafe.eip === 0) this.domain.crash("a return to what cannot be loaded, without a failsafe callback");
    else this.enter(this.failsafe, undefined, true, true);
  }

  /** Builds the frame and goes to the handler, in one tick. */
  private enter(to: Entry, error: number | undefined, masks: boolean, withData: boolean): void {
    const wrong = this.tryEnter(to, error, masks, withData);
    if (wrong !== undefined) this.domain.crash(wrong);
  }

  /** The same; what keeps the kernel from being entered, or undefined. */
  private tryEnter(to: Entry, error: number | undefined, masks: boolean, withData: boolean): string | undefined {
    const { core, state, segments, events } = this.domain;
    const inKernel = state.get(Cpu.CPL) === KERNEL_CPL;
    const cs = to.cs & 0xffff;
    if ((cs & 3) !== KERNEL_CPL || !segments.isCode(cs)) return "a handler whose code segment is none";
    const ss = inKernel ? segments.selector(Seg.SS) : this.kernelSs;
    if (!inKernel && !segments.isStack(ss, KERNEL_CPL)) return "a kernel stack whose segment is none";
    const base = inKernel ? segments.base(Seg.SS) : segments.baseOf(ss);
    const top = inKernel ? state.get(ESP) : this.kernelEsp;

    const { frame } = this;
    const mask = events.mask;
    const flags = core.exports.readEflags() >>> 0;
    let n = 0;
    if (!inKernel) {
      frame[n++] = segments.selector(Seg.SS);
      frame[n++] = state.get(ESP);
    }
    frame[n++] = (flags & ~(Eflags.IF | Eflags.IOPL)) | (mask === 0 ? Eflags.IF : 0);
    frame[n++] = segments.selector(Seg.CS) | (mask << MASK_SHIFT);
    frame[n++] = state.get(Cpu.EIP);
    if (error !== undefined) frame[n++] = error;
    if (withData) for (const seg of [Seg.GS, Seg.FS, Seg.ES, Seg.DS]) frame[n++] = segments.selector(seg);
    const esp = (top - 4 * n) >>> 0;
    if (!this.push(base, esp, n)) return "a kernel stack that is not mapped";

    if (masks) events.setMask(1);
    state.set(Cpu.CPL, KERNEL_CPL);
    segments.load(Seg.CS, cs);
    if (!inKernel) segments.load(Seg.SS, ss);
    state.set(ESP, esp);
    state.set(Cpu.EIP, to.eip);
    core.exports.writeEflags(flags & ~CLEARED);
    core.exports.retireOne(0);
    return undefined;
  }

  /** Writes the first `count` words of the frame from the stack's bottom `esp` upwards. */
  private push(base: number, esp: number, count: number): boolean {
    const { access } = this.domain;
    for (let i = 0; i < count; i++) {
      if (!access.write32((base + esp + 4 * i) >>> 0, this.frame[count - 1 - i]!)) return false;
    }
    return true;
  }
}
