/**
 * A processor's memory accesses on shadow tables, and a model of what the guest may see of them, for fuzzing. The processor walks the
 * shadow tables in machine RAM and has a TLB that forgets only when told to. The model keeps, for each page, every translation the
 * guest's tables have had since the guest last invalidated it (SDM 3A 4.10.2 to 4.10.4): any of them is legal, others are not.
 */
import { Access, Cr0, Cr4, PfError, Pte } from "../../assembly/abi/x86.js";
import { type Gva, gva as toGva, mfn as toMfn } from "../../src/address.js";
import type { GuestPaging } from "../../src/mm/guest-paging.js";
import { View } from "../../src/mm/shadow/role.js";
import { ShadowMmu, type ShadowOptions } from "../../src/mm/shadow/shadow-mmu.js";
import { findGuest, walkGuest } from "../../src/mm/walk-guest.js";
import { SmallMachine } from "./small-vm.js";

/** The registers, to be set at will. */
export class Registers implements GuestPaging {
  cr0 = 0;
  cr3 = 0;
  cr4 = 0;
  a20Mask = 0xffffffff;
  pdptes = [0, 0, 0, 0];

  pdpteLow(i: number): number {
    return this.pdptes[i]!;
  }

  pdpteHigh(): number {
    return 0;
  }

  get pae(): boolean {
    return (this.cr0 & Cr0.PG) !== 0 && (this.cr4 & Cr4.PAE) !== 0;
  }
}

/** How an access ended: in a guest frame, or in a fault. */
export type Outcome = { gfn: number } | { error: number };

interface Cached {
  mfn: number;
  writable: boolean;
}

const RESERVED_ERROR = 0x1000;

/** A VM of a few frames on shadow tables. */
export class ShadowMachine {
  readonly host = new SmallMachine(12 << 20);
  readonly registers = new Registers();
  readonly vm;
  readonly mmu: ShadowMmu;
  /** Whether virtual ring 0 runs at CPL 3, on a view of its own. */
  readonly compressed: boolean;
  private readonly tlb = new Map<number, Cached>();
  private readonly history = new Map<number, Set<string>>();
  /** Pages invalidated since guest memory was last stored to: an access to them must set flags. */
  private readonly untouched = new Set<number>();

  constructor(
    frames: number,
    /** Linear pages that are watched. */
    readonly pages: readonly number[],
    options: ShadowOptions & { compressed?: boolean } = {},
  ) {
    this.compressed = options.compressed ?? false;
    this.vm = this.host.vm(frames);
    const tlb = { flush: () => this.tlb.clear(), invlpg: (at: Gva) => this.drop(at) };
    this.mmu = new ShadowMmu(this.vm.memory, this.registers, tlb, options);
    this.vm.memory.onTracedStore = (gpa, bytes) => this.mmu.traceWrite(gpa, bytes);
    this.forgetAll();
  }

  /** One access of the guest; a store writes `value`. */
  access(at: Gva, write: boolean, user: boolean, value = 0): Outcome {
    if (this.compressed) this.mmu.setView(user ? View.USER : View.KERNEL);
    for (let round = 0; round < 8; round++) {
      const key = (at & ~0xfff) | (user || this.compressed ? 1 : 0);
      const cached = this.tlb.get(key);
      if (cached !== undefined && (!write || cached.writable)) {
        if (write) this.vm.p2m.memory.words[cached.mfn * 1024 + ((at & 0xfff) >>> 2)] = value;
        return { gfn: this.gfnOf(cached.mfn) };
      }
      const walked = this.walkShadow(at, write, user || this.compressed);
      if (typeof walked !== "number") {
        this.tlb.set(key, walked);
        continue;
      }
      this.drop(at);
      const fault = this.mmu.handleFault(at, (walked & ~PfError.USER) | (user ? PfError.USER : 0));
      if (fault.kind === "hidden") continue;
      if (fault.kind === "true") return { error: fault.errorCode };
      const gpa = walkGuest(this.vm.memory, this.registers, at, write ? Access.WRITE : Access.READ, user);
      if (gpa < 0) return { error: RESERVED_ERROR };
      if (write) this.vm.memory.write32(gpa, value);
      return { gfn: Math.floor(gpa / 4096) };
    }
    throw new Error(`access to ${at.toString(16)}: the shadow faults for ever`);
  }

  /** Guest memory was stored to: any table may be another now. */
  stored(): void {
    this.untouched.clear();
  }

  /** Throws if the entries that an access has just used lack accessed or dirty flags they must have (SDM 3A 4.8). */
  checkFlags(at: number, write: boolean, user: boolean, gfn: number): void {
    const { memory, p2m } = this.vm;
    const walk = findGuest(memory, this.registers, toGva(at), write ? Access.WRITE : Access.READ, user);
    if (!walk.ok) return;
    const { directory, table } = walk;
    const leaf = table ?? directory;
    // A store to the tables that led to it may have changed where they lead.
    if (write && [directory, table].some((entry) => entry !== undefined && entry.gpa >>> 12 === gfn)) return;
    for (const entry of [directory, table]) {
      const wanted = Pte.A | (write && entry === leaf ? Pte.D : 0);
      if (entry === undefined || !p2m.mayWrite(entry.gpa >>> 12)) continue;
      if ((entry.low & wanted) !== wanted) throw new Error(`entry at ${entry.gpa.toString(16)} lacks flags`);
    }
  }

  /** Whether the next access to a page must walk the tables as they are. */
  isUntouched(at: number): boolean {
    return this.untouched.has((at & ~0xfff) >>> 0);
  }

  /** What the guest's tables say now. */
  now(at: number, write: boolean, user: boolean): Outcome {
    const walk = findGuest(this.vm.memory, this.registers, toGva(at), write ? Access.WRITE : Access.READ, user);
    return walk.ok ? { gfn: Math.floor(walk.gpa / 4096) } : { error: walk.errorCode };
  }

  /** Whether an outcome is one that a processor with a TLB could show. Faults are never remembered. */
  legal(at: number, write: boolean, user: boolean, outcome: Outcome): boolean {
    if ("error" in outcome) return JSON.stringify(outcome) === JSON.stringify(this.now(at, write, user));
    return this.history.get((at & ~0xfff) >>> 0)!.has(mark(write, user, outcome.gfn));
  }

  /** Notes what the tables say now, after anything may have changed them. */
  remember(): void {
    for (const page of this.pages) {
      const seen = this.history.get(page)!;
      for (const [write, user] of ACCESSES) {
        const outcome = this.now(page, write, user);
        if ("gfn" in outcome) seen.add(mark(write, user, outcome.gfn));
      }
    }
  }

  /** The guest invalidated one page; all pages of large translations around it too. */
  forget(at: number): void {
    const page = (at & ~0xfff) >>> 0;
    this.history.get(page)?.clear();
    this.untouched.add(page);
    this.remember();
  }

  /** The guest's TLB is empty. */
  forgetAll(): void {
    for (const page of this.pages) this.history.set(page, new Set());
    for (const page of this.pages) this.untouched.add(page);
    this.remember();
  }

  /** Throws if the TLB lets the guest do what it must not. */
  checkTlb(): void {
    const { p2m } = this.vm;
    for (const [key, { mfn, writable }] of this.tlb) {
      if (!p2m.allocator.mayUse(toMfn(mfn), p2m.owners.vm)) {
        throw new Error(`TLB: ${key.toString(16)} leads to a frame that is not the guest's`);
      }
      if (!writable) continue;
      const gfn = this.gfnOf(mfn);
      if (!p2m.writable(gfn) || this.mmu.tables.composer.isTraced(mfn) || p2m.log?.isClean(gfn)) {
        throw new Error(`TLB: ${key.toString(16)} hides stores to guest frame ${gfn}`);
      }
    }
  }

  /** The guest frame that is a machine frame; -1 if none. */
  gfnOf(mfn: number): number {
    for (let gfn = 0; gfn < this.vm.memory.length / 4096; gfn++) if (this.vm.p2m.mfn(gfn) === mfn) return gfn;
    return -1;
  }

  private drop(at: number): void {
    this.tlb.delete(at & ~0xfff);
    this.tlb.delete((at & ~0xfff) | 1);
  }

  /** The processor's walk of the shadow tables with CR0.WP set: a translation, or an error code. */
  private walkShadow(at: number, write: boolean, user: boolean): Cached | number {
    const { words } = this.vm.p2m.memory;
    const error = (write ? PfError.WRITE : 0) | (user ? PfError.USER : 0);
    const { pae } = this.mmu;
    let table: number = this.mmu.rootAddress;
    if (pae) {
      const pointer = words[(table >>> 2) + (at >>> 30) * 2]!;
      if ((pointer & Pte.P) === 0) return error;
      table = (pointer & ~0xfff) >>> 0;
    }
    let rights = Pte.RW | Pte.US;
    for (const shift of pae ? [21, 12] : [22, 12]) {
      const index = (at >>> shift) & (pae ? 511 : 1023);
      const entry = words[(table >>> 2) + index * (pae ? 2 : 1)]!;
      if ((entry & Pte.P) === 0) return error;
      rights &= entry;
      table = (entry & ~0xfff) >>> 0;
    }
    const denied = (user && (rights & Pte.US) === 0) || (write && (rights & Pte.RW) === 0);
    return denied ? error | PfError.PRESENT : { mfn: table >>> 12, writable: (rights & Pte.RW) !== 0 };
  }
}

const ACCESSES = [
  [false, false],
  [false, true],
  [true, false],
  [true, true],
] as const;

function mark(write: boolean, user: boolean, gfn: number): string {
  return `${write}${user}${gfn}`;
}
