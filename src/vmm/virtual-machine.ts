/**
 * A virtual machine: a processor, RAM and ROM of its own on a machine it shares. To its board, run loop and loaders it looks like
 * the bare machine.
 * Invariant: outside `run` the processor holds the guest's virtual state, so that whoever looks at registers or memory sees what the
 * guest would. Virtual time passes as on the bare machine: a tick for each instruction of the guest, whoever executed it, and for each
 * event it takes; none for exits.
 */
import { Counter, Cpu } from "../../assembly/abi/cpu.js";
import { FrameType } from "../../assembly/abi/ept.js";
import { ExitReason } from "../../assembly/abi/exit.js";
import { IntrInfo, IntrType, Invalidation, Vmx } from "../../assembly/abi/vmx.js";
import { Eflags, Vector } from "../../assembly/abi/x86.js";
import { gfn, type Mfn, PAGE_BYTES } from "../address.js";
import type { Core } from "../core/core.js";
import type { CpuView } from "../core/cpu-view.js";
import type { Platform } from "../core/platform.js";
import type { Owner } from "../mm/frame-allocator.js";
import { GuestMemory } from "../mm/guest-memory.js";
import { P2m } from "../mm/p2m.js";
import type { ShadowMmu } from "../mm/shadow/shadow-mmu.js";
import type { Guest, Residence, Resident, VmClock, VmHost } from "./guest.js";
import { type Kind, Outcome } from "./kind.js";
import type { Diagnosis } from "./diagnosis/diagnosis.js";
import { makeKind } from "./kinds/make-kind.js";
import type { VmOptions } from "./options.js";
import type { DomainImage } from "./pv/build-domain.js";
import { ExitStatistics, type VmmStatistics } from "./statistics.js";
import { Timeline, Track } from "./timeline.js";
import { processorWords, vmxWords, type Words } from "./words.js";
import { World } from "./world.js";

/** The processor's count of page walks: its low word, of which differences are taken. */
const WALKS = Cpu.COUNTERS + 8 * Counter.TLB_MISSES;

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
  /** Number of the VM on its hypervisor, from 1: its VPID. */
  readonly id: number;
  /** Level of the line from the guest's interrupt controller. */
  line = false;
  private readonly world: World;
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
    readonly host: VmHost,
    id: number,
    readonly name: string,
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
    const vmcs = this.allocateFrame();
    this.world = new World(core, vmcs, this.pointer(vmcs));
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

  // What a device or a neighbour's call-back may ask while another VM runs is answered without a world switch.
  get time(): number {
    return this.isCurrent ? this.core.time : this.world.time;
  }

  get retired(): number {
    return this.isCurrent ? this.core.cpu.retired : this.world.retired;
  }

  get halted(): boolean {
    return (this.isCurrent ? this.state.get(Cpu.HALTED) : this.world.get(Cpu.HALTED)) !== 0;
  }

  get interruptsEnabled(): boolean {
    this.activate();
    return (this.core.cpu.eflags & Eflags.IF) !== 0;
  }

  get clock(): VmClock {
    const { clock } = this.host;
    if (clock === undefined) throw new Error(`${this.name} has no timers, which a paravirtual domain needs`);
    return clock;
  }

  /** Builds a domain from the image in the guest's memory and sets the processor to its first instruction. */
  startDomain(image: DomainImage): void {
    this.activate();
    this.kind.startDomain?.(image);
  }

  private get isCurrent(): boolean {
    return this.hypervisor.current === this;
  }

  /** Makes this the VM whose state is in the processor: a world switch if it was another. Errors: Error while another VM runs. */
  activate(): void {
    if (this.isCurrent) return;
    if (this.destroyed) throw new Error(`${this.name} has been destroyed`);
    this.hypervisor.switchTo(this);
  }

  /** Pointer into linear memory of a machine address. */
  pointer(ma: number): number {
    return this.state.get(Cpu.RAM_PTR) + ma;
  }

  /** The processor gets this VM's state: for the hypervisor. */
  resume(): void {
    this.world.load();
    this.core.setInterruptLine(this.line);
  }

  /** The processor's state goes to the VMCS: for the hypervisor. */
  suspend(): void {
    this.world.save();
  }

  run(budget: number): number {
    this.activate();
    this.stopAsked = false;
    this.hypervisor.running = this;
    try {
      this.kind.changed();
      return this.loop(this.core.time + budget);
    } finally {
      this.toVirtual();
      this.hypervisor.running = undefined;
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
      const walked = this.state.get(WALKS);
      const reason = kind.run(end - from);
      const to = core.time;
      counts.walks += (this.state.get(WALKS) - walked) >>> 0;
      counts.direct += to - from;
      this.timeline?.ran(Track.DIRECT, from, to);
      if (reason === ExitReason.BUDGET || reason === ExitReason.HOST_REQUEST) continue;
      const exit = counts.count(kind.cause(reason), kind.crossing?.(reason));
      const timed = counts.timed(exit) || this.timeline !== undefined;
      const left = timed ? performance.now() : 0;
      const ended = this.settle(kind.exit(reason));
      if (timed) {
        const nanoseconds = (performance.now() - left) * 1e6;
        counts.took(exit, nanoseconds);
        this.timeline?.exit(to, exit.cause, nanoseconds);
      }
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
        const info = this.vmx.get(Vmx.IDT_INFO);
        // An exit keeps the flags as the event would have pushed them (SDM 3C 27.3.3): a trap with what IRET loaded.
        const rf = this.state.get(Cpu.EFLAGS) & Eflags.RF;
        this.toVirtual();
        if (!isFault(info)) this.state.set(Cpu.EFLAGS, this.state.get(Cpu.EFLAGS) | rf);
        const reason = this.core.exports.deliverEvent(info, this.vmx.get(Vmx.IDT_ERROR), this.vmx.get(Vmx.INSN_LENGTH));
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
    // One tick needs no decoded block.
    const reason = ticks === 1 ? this.core.stepOnce() : this.core.run(ticks);
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
    if (this.isCurrent) this.core.requestStop();
  }

  reset(): void {
    this.activate();
    this.toVirtual();
    this.core.reset();
    this.world.adopt();
    this.kind.configure();
    this.core.setInterruptLine(this.line);
  }

  setRom(bytes: Uint8Array): void {
    const count = Math.ceil(bytes.length / PAGE_BYTES);
    const first = TOP_GFN - count;
    if (this.p2m.type(first) === FrameType.ABSENT) this.p2m.populate(gfn(first), count, { type: FrameType.ROM });
    this.ram.load(2 ** 32 - bytes.length, bytes);
  }

  setInterruptLine(level: boolean): void {
    this.line = level;
    if (this.isCurrent && !this.real) this.core.setInterruptLine(level);
  }

  raiseNmi(): void {
    if (!this.isCurrent) {
      this.world.raiseNmi();
      return;
    }
    this.toVirtual();
    this.core.raiseNmi();
  }

  setA20(enabled: boolean): void {
    this.activate();
    this.toVirtual();
    this.core.setA20(enabled);
    this.kind.changed();
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
    return this.counts.summary(this.kind.counts());
  }

  /** What sensitive instructions showed the guest or did that did not trap; undefined unless `diagnose` asks for it. */
  diagnosis(): Diagnosis | undefined {
    return this.kind.diagnosis?.();
  }

  /** Gives every frame back; the next use of the VM is an Error. Errors: Error if it runs, or if a frame would leak. */
  destroy(): void {
    if (this.destroyed) return;
    const { hypervisor, core, own } = this;
    if (hypervisor.running === this) throw new Error(`${this.name} is running; end the run before it is destroyed`);
    hypervisor.forget(this);
    this.destroyed = true;
    this.kind.destroy();
    // Its frames and its number will be another's.
    core.exports.invept(Invalidation.SINGLE, this.p2m.eptp);
    core.exports.invvpid(Invalidation.SINGLE, this.id, 0);
    this.p2m.destroy();
    for (const mfn of own) hypervisor.frames.release(mfn, this.tableOwner);
    hypervisor.frames.removeOwner(this.owner);
    hypervisor.frames.removeOwner(this.tableOwner);
  }
}

/** True for an exception of the class of faults (SDM 3A 6.5): all but #DB, #DF and #MC. */
function isFault(info: number): boolean {
  const vector = info & IntrInfo.VECTOR;
  const other = vector === Vector.DB || vector === Vector.DF || vector === Vector.MC;
  return (info & IntrInfo.TYPE) === IntrType.HARDWARE_EXCEPTION && !other;
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
