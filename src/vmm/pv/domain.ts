/**
 * A paravirtual domain: a guest that knows its monitor. Its kernel runs in ring 1 on its own page tables and asks for what only the monitor may do.
 * Invariant: what the guest passes is never trusted: every address goes through its own page tables, every frame through `frames`.
 */
import { Cpu } from "../../../assembly/abi/cpu.js";
import { Invalidation } from "../../../assembly/abi/vmx.js";
import { Cr0, Pte } from "../../../assembly/abi/x86.js";
import { type Mfn, PAGE_BYTES } from "../../address.js";
import type { Core } from "../../core/core.js";
import type { MachineMemory } from "../../mm/machine-memory.js";
import type { Guest } from "../guest.js";
import type { Words } from "../words.js";
import { NO_PFN, Shared } from "./abi.js";
import { Console } from "./console.js";
import { DescriptorTables } from "./descriptor-tables.js";
import { DomainTime } from "./domain-time.js";
import { Events } from "./events.js";
import { FrameTypes, FrameUse, Holding } from "./frame-types.js";
import { GuestAccess } from "./guest-access.js";
import { PageTables } from "./page-tables.js";
import { SegmentRegisters } from "./segment-registers.js";
import { Traps } from "./traps.js";

/** Read-only for the guest's kernel, nothing for its programs. */
const TABLE_ENTRY = Pte.P | Pte.A;
const DIRECTORY_ENTRY = Pte.P | Pte.RW | Pte.A;

/** The parts of a domain. */
export class Domain {
  readonly core: Core;
  readonly state: Words;
  readonly memory: MachineMemory;
  readonly frames: FrameTypes;
  readonly tables: PageTables;
  readonly descriptors: DescriptorTables;
  readonly segments: SegmentRegisters;
  readonly access: GuestAccess;
  readonly events: Events;
  readonly time: DomainTime;
  readonly traps: Traps;
  readonly console: Console;
  /** Machine frame of shared_info. */
  readonly sharedInfo: number;
  /** Guest frame of each machine frame the domain has, as the monitor knows it. */
  readonly pfns: Uint32Array;
  /** Why the domain has come to its end by itself; undefined while it has not. */
  crashed: string | undefined;
  /** Frames the domain has. */
  pages = 0;
  /** Calls inside multicalls, by name. */
  readonly parts = new Map<string, number>();
  /** Privileged instructions executed for the kernel, by name. */
  readonly emulated = new Map<string, number>();
  /** Machine frame of the table that leads from machine frames to guest frames, by its pages. */
  private readonly m2p: number[];

  constructor(readonly vm: Guest) {
    const { core, state } = vm;
    const { memory } = vm.p2m;
    const { id } = vm;
    this.core = core;
    this.state = state;
    this.memory = memory;
    const frame = () => vm.allocateFrame() / PAGE_BYTES;
    this.frames = new FrameTypes(memory, () => {
      core.exports.invvpid(Invalidation.SINGLE, id, 0);
      this.frames.flushed();
    });
    this.sharedInfo = frame();
    const m2pTable = frame();
    const own = { area: m2pTable, flat: frame(), system: frame(), empty: frame() };
    this.descriptors = new DescriptorTables(memory, state, this.frames, own);
    this.tables = new PageTables(memory, this.frames, this.descriptors);
    this.frames.content = this.tables;
    this.segments = new SegmentRegisters(core, state, memory, this.descriptors);
    this.access = new GuestAccess(memory, state);
    const shared = this.sharedInfo * PAGE_BYTES;
    this.events = new Events(memory, shared, () => this.wake());
    this.time = new DomainTime(memory, shared, this.events, vm.clock, () => vm.time);
    this.traps = new Traps(this);
    this.console = new Console(vm.host);
    this.pfns = new Uint32Array(memory.frames);
    this.m2p = Array.from({ length: Math.ceil(memory.frames / 1024) }, frame);
    this.m2p.forEach((mfn, i) => {
      memory.words[(m2pTable << 10) + i] = mfn * PAGE_BYTES + TABLE_ENTRY;
    });
    this.tables.monitorEntries[0] = m2pTable * PAGE_BYTES + DIRECTORY_ENTRY;
  }

  /** Nothing has happened yet: all of the guest's frames are its own and unused. */
  reset(): void {
    const { memory, frames, vm } = this;
    this.crashed = undefined;
    this.pages = 0;
    memory.clearFrame(this.sharedInfo);
    memory.bytes[this.sharedInfo * PAGE_BYTES + Shared.UPCALL_MASK] = 1;
    frames.reset();
    frames.hold(this.sharedInfo, Holding.SHARED);
    for (const mfn of this.m2p) memory.words.fill(NO_PFN, mfn << 10, (mfn + 1) << 10);
    this.pfns.fill(NO_PFN);
    const pages = vm.ram.length / PAGE_BYTES;
    for (let pfn = 0; pfn < pages; pfn++) this.own(vm.p2m.mfn(pfn), pfn);
    this.traps.reset();
    this.events.reset();
    this.time.reset();
    this.descriptors.reset();
  }

  /** The domain gets a machine frame, as guest frame `pfn` or as none. */
  own(mfn: number, pfn: number): void {
    this.pages++;
    this.frames.hold(mfn, Holding.OWN);
    this.pfns[mfn] = pfn;
    this.setM2p(mfn, pfn);
  }

  /** The domain gives one up. */
  disown(mfn: number): void {
    this.pages--;
    this.frames.letGo(mfn);
    this.pfns[mfn] = NO_PFN;
    this.setM2p(mfn, NO_PFN);
  }

  /** What the guest reads as the guest frame of a machine frame. */
  setM2p(mfn: number, pfn: number): void {
    this.memory.words[(this.m2p[mfn >>> 10]! << 10) + (mfn & 1023)] = pfn;
  }

  /** The directory in use. */
  get directory(): number {
    return this.state.get(Cpu.CR3) >>> 12;
  }

  /** Makes a frame the directory in use; false if it cannot be one. */
  setDirectory(mfn: number): boolean {
    if (!this.frames.getFrameAs(mfn, FrameUse.L2)) return false;
    const old = this.directory;
    this.state.set(Cpu.CR3, mfn * PAGE_BYTES);
    this.frames.flush();
    this.frames.putFrameAs(old);
    return true;
  }

  /** The next x87 instruction raises #NM, or does not. */
  setTaskSwitched(on: boolean): void {
    const cr0 = this.state.get(Cpu.CR0);
    this.state.set(Cpu.CR0, on ? cr0 | Cr0.TS : cr0 & ~Cr0.TS);
    this.core.exports.rederive();
  }

  /** Drops the translation of a page. */
  flushPage(address: number): void {
    this.core.exports.invvpid(Invalidation.ADDRESS, this.vm.id, address);
  }

  /** The virtual processor waits no more. */
  private wake(): void {
    this.vm.activate();
    this.state.set(Cpu.HALTED, 0);
  }

  /** Ends the domain: what it did leaves no way on. */
  crash(reason: string): void {
    this.crashed ??= reason;
    this.frames.refuse(`crash: ${reason}`);
  }

  /** Frames that the domain has beyond its guest frames. */
  *strays(): Iterable<Mfn> {
    for (let mfn = 0; mfn < this.pfns.length; mfn++) {
      if (this.frames.owns(mfn) && this.pfns[mfn] === NO_PFN) yield mfn as Mfn;
    }
  }
}
