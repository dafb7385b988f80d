/**
 * A virtual machine: a processor, RAM and ROM of its own on a machine it shares. To its board, run loop and loaders it looks like
 * the bare machine.
 * Invariant: outside `run` the processor holds the guest's virtual state, so that whoever looks at registers or memory sees what the
 * guest would. Virtual time passes as on the bare machine: a tick for each instruction of the guest, whoever executed it, and for each
 * event it takes; none for exits.
 */
import { Cpu } from "../../assembly/abi/cpu.js";
import { FrameType } from "../../assembly/abi/ept.js";
import { ExitReason } from "../../assembly/abi/exit.js";
import { VMCS_REVISION, Vmcs } from "../../assembly/abi/vmcs.js";
import { Invalidation, Vmx } from "../../assembly/abi/vmx.js";
import { Eflags } from "../../assembly/abi/x86.js";
import { gfn, type Mfn, PAGE_BYTES } from "../address.js";
import type { Core, CoreHost } from "../core/core.js";
import type { CpuView } from "../core/cpu-view.js";
import type { Platform } from "../core/platform.js";
import type { Owner } from "../mm/frame-allocator.js";
import { GuestMemory } from "../mm/guest-memory.js";
import { P2m } from "../mm/p2m.js";
import type { ShadowMmu } from "../mm/shadow/shadow-mmu.js";
import type { Guest, Residence, Resident } from "./guest.js";
import { type Kind, Outcome } from "./kind.js";
import type { Diagnosis } from "./diagnosis/diagnosis.js";
import { makeKind } from "./kinds/make-kind.js";
import type { VmOptions } from "./options.js";
import { ExitStatistics, type VmmStatistics } from "./statistics.js";
import { Timeline, Track } from "./timeline.js";
import { processorWords, vmxWords, Words } from "./words.js";

/** First guest frame above 4 GB. */
const TOP_GFN = 0x100000;

/** One virtual machine of a hypervisor. */
export class VirtualMachine implements Platform, Guest, Resident {
  /** Guest frames to machine frames. */
  readonly p2m: P2m;
  /** The guest's memory. */
  readonly ram: GuestMemory;
  /** What running it has cost. */
  readonly counts = new ExitStatistics();
  /** When it ran and why it stopped; made by `recordTimeline`. */
  timeline: Timeline | undefined;
  /** The processor's state. */
  readonly state: Words;
  /** The VMX words. */
  readonly vmx: Words;
  /** Machine address of its VMCS, which also keeps its state while another VM runs. */
  readonly vmcs: number;
  /** Number of the VM on its hypervisor, from 1: its VPID. */
  readonly id: number;
  /** Level of the line from the guest's interrupt controller. */
  line = false;
  private readonly kind: Kind;
  private readonly owner: Owner;
  private readonly tableOwner: Owner;
  private readonly own: Mfn[] = [];
  private real = false;
  private stopAsked = false;
  private destroyed = false;

  /** Made by `Hypervisor.createVm`. Errors: OutOfFramesError. */
  constructor(
    readonly hypervisor: Residence,
    readonly options: VmOptions,
    readonly host: CoreHost,
    id: number,
    name: string,
  ) {
    const { frames, memory, core } = hypervisor;
    this.id = id;
    this.owner = frames.addOwner(name);
    this.tableOwner = frames.addOwner(`${name}'s tables`);
    this.p2m = new P2m(memory, frames, { vm: this.owner, tables: this.tableOwner });
    this.p2m.populate(gfn(0), options.ramBytes / PAGE_BYTES);
    this.ram = new GuestMemory(this.p2m, options.ramBytes);
    this.state = processorWords(core);
    this.vmx = vmxWords(core);
    this.vmcs = this.allocateFrame();
    new Words(core.memory, this.pointer(this.vmcs)).set(Vmcs.REVISION, VMCS_REVISION);
    hypervisor.switchTo(this);
    this.kind = makeKind(this);
    const drop = () => core.exports.invept(Invalidation.SINGLE, this.p2m.eptp);
    this.p2m.listen({ restricted: drop, unmapped: drop });
    this.reset();
  }

  /** Machine address of a frame for the monitor's own use on the VM's behalf. Errors: OutOfFramesError. */
  allocateFrame(): number {
    const mfn = this.hypervisor.frames.allocate(this.tableOwner);
    this.own.push(mfn);
    return mfn * PAGE_BYTES;
  }

  /** The machine's processor. */
  get core(): Core {
    return this.hypervisor.core;
  }

  /** The guest's registers as it believes them to be. */
  get cpu(): CpuView {
    this.activate();
    return this.core.cpu;
  }

  get time(): number {
    this.activate();
    return this.core.time;
  }

  get retired(): number {
    this.activate();
    return this.core.cpu.retired;
  }

  get halted(): boolean {
    this.activate();
    return this.state.get(Cpu.HALTED) !== 0;
  }

  get interruptsEnabled(): boolean {
    this.activate();
    return (this.core.cpu.eflags & Eflags.IF) !== 0;
  }

  /** Makes this the VM whose state is in the processor: a world switch if it was another. */
  activate(): void {
    if (this.hypervisor.current !== this) this.hypervisor.switchTo(this);
  }

  /** Pointer into linear memory of a machine address. */
  pointer(ma: number): number {
    return this.state.get(Cpu.RAM_PTR) + ma;
  }

  /** The processor gets this VM's state: for the hypervisor. */
  resume(): void {
    this.core.exports.vmptrld(this.vmcs);
  }

  /** The processor's state goes to the VMCS: for the hypervisor. */
  suspend(): void {
    this.core.exports.vmclear(this.vmcs);
  }

  run(budget: number): number {
    this.activate();
    this.stopAsked = false;
    this.kind.changed();
    try {
      return this.loop(this.core.time + budget);
    } finally {
      this.toVirtual();
    }
  }

  private loop(end: number): ExitReason {
    const { core, kind, counts } = this;
    for (;;) {
      if (this.stopAsked) return ExitReason.HOST_REQUEST;
      const from = core.time;
      if (from >= end) return ExitReason.BUDGET;
      if (!kind.ready(this.real)) {
        const reason = this.interpret(kind.stretch(end - from));
        counts.interpreted += core.time - from;
        this.timeline?.ran(Track.INTERPRETED, from, core.time);
        if (ends(reason)) return reason;
        continue;
      }
      this.toReal();
      const reason = kind.run(end - from);
      const to = core.time;
      counts.direct += to - from;
      this.timeline?.ran(Track.DIRECT, from, to);
      if (reason === ExitReason.BUDGET || reason === ExitReason.HOST_REQUEST) continue;
      const left = performance.now();
      const cause = kind.cause(reason);
      const ended = this.settle(kind.exit(reason));
      const nanoseconds = (performance.now() - left) * 1e6;
      counts.count(cause, nanoseconds);
      this.timeline?.exit(to, cause, nanoseconds);
      if (ended !== undefined) return ended;
    }
  }

  /** Carries out what the kind decided; the reason to leave `run`, if that is one. */
  private settle(outcome: Outcome): ExitReason | undefined {
    switch (outcome) {
      case Outcome.RESUME:
        return undefined;
      case Outcome.EMULATED:
        this.counts.emulated++;
        return undefined;
      case Outcome.HALTED:
        this.counts.emulated++;
        return ExitReason.HLT;
      case Outcome.SHUTDOWN:
        return ExitReason.TRIPLE_FAULT;
      case Outcome.DELIVER: {
        this.toVirtual();
        const { exports } = this.core;
        const reason = exports.deliverEvent(
          this.vmx.get(Vmx.IDT_INFO),
          this.vmx.get(Vmx.IDT_ERROR),
          this.vmx.get(Vmx.INSN_LENGTH),
        );
        this.kind.changed();
        this.counts.emulated++;
        return ends(reason) ? reason : undefined;
      }
      case Outcome.INTERPRET: {
        const reason = this.interpret(1);
        this.counts.emulated++;
        return ends(reason) ? reason : undefined;
      }
    }
  }

  /** Executes at most `ticks` ticks of the guest on its virtual state, with the machine's own meaning of every instruction. */
  private interpret(ticks: number): ExitReason {
    this.toVirtual();
    const reason = this.core.run(ticks);
    this.kind.changed();
    return reason;
  }

  private toReal(): void {
    if (this.real) return;
    this.kind.enter();
    this.real = true;
  }

  private toVirtual(): void {
    if (!this.real) return;
    this.kind.leave();
    this.real = false;
  }

  skipTime(ticks: number): void {
    this.activate();
    this.core.skipTime(ticks);
  }

  requestStop(): void {
    this.stopAsked = true;
    this.core.requestStop();
  }

  reset(): void {
    this.activate();
    this.toVirtual();
    const { core, state, vmcs } = this;
    core.reset();
    // The processor has forgotten its VMCS: the state it has now becomes the guest's there.
    new Words(core.memory, this.pointer(vmcs)).bytes(Vmcs.GUEST, Cpu.SIZE).set(state.bytes(0, Cpu.SIZE));
    core.exports.vmptrld(vmcs);
    this.kind.configure();
    core.setInterruptLine(this.line);
  }

  setRom(bytes: Uint8Array): void {
    const count = Math.ceil(bytes.length / PAGE_BYTES);
    const first = TOP_GFN - count;
    if (this.p2m.type(first) === FrameType.ABSENT) this.p2m.populate(gfn(first), count, { type: FrameType.ROM });
    this.ram.load(2 ** 32 - bytes.length, bytes);
  }

  setInterruptLine(level: boolean): void {
    this.line = level;
    this.activate();
    if (!this.real) this.core.setInterruptLine(level);
  }

  raiseNmi(): void {
    this.activate();
    this.toVirtual();
    this.core.raiseNmi();
  }

  setA20(enabled: boolean): void {
    this.activate();
    this.toVirtual();
    this.core.setA20(enabled);
  }

  readLinear(lin: number, bytes: number): Uint8Array | undefined {
    this.activate();
    return this.core.readLinear(lin, bytes);
  }

  /** Begins to record the timeline. */
  recordTimeline(): Timeline {
    this.timeline ??= new Timeline();
    return this.timeline;
  }

  /** The shadow page tables, if those map the guest's memory. */
  get shadowTables(): ShadowMmu | undefined {
    return this.kind.shadowTables;
  }

  /** What its runs have come to so far. */
  statistics(): VmmStatistics {
    return this.counts.summary(this.kind.memory());
  }

  /** What sensitive instructions showed the guest or did that did not trap; undefined unless `diagnose` asks for it. */
  diagnosis(): Diagnosis | undefined {
    return this.kind.diagnosis?.();
  }

  /** Gives every frame back. The VM cannot be used afterwards. Errors: Error if a frame of it is still in use. */
  destroy(): void {
    if (this.destroyed) return;
    this.destroyed = true;
    const { hypervisor, owner, tableOwner } = this;
    const { frames } = hypervisor;
    hypervisor.forget(this);
    this.kind.destroy();
    this.p2m.destroy();
    for (const mfn of this.own) frames.release(mfn, tableOwner);
    frames.removeOwner(tableOwner);
    frames.removeOwner(owner);
  }
}

/** True for reasons that the machine's run loop must see. */
function ends(reason: ExitReason): boolean {
  return (
    reason === ExitReason.HLT ||
    reason === ExitReason.TRIPLE_FAULT ||
    reason === ExitReason.HOST_REQUEST ||
    reason === ExitReason.UNIMPLEMENTED
  );
}
