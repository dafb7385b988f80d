/**
 * The shadow page tables of a virtual machine as its monitor drives them: page faults, and what interpretation did to the guest's paging.
 */
import { Counter, Cpu } from "../../../assembly/abi/cpu.js";
import { Invalidation, Vmx } from "../../../assembly/abi/vmx.js";
import { Cr0, Cr4, PfError } from "../../../assembly/abi/x86.js";
import { gpa, gva } from "../../address.js";
import { StatePaging } from "../../mm/guest-paging.js";
import { View } from "../../mm/shadow/role.js";
import { type ShadowFault, ShadowMmu } from "../../mm/shadow/shadow-mmu.js";
import { Outcome } from "../kind.js";
import type { Guest } from "../guest.js";
import type { Words } from "../words.js";

/** CR0 bits that change what the guest's tables mean. */
const CR0_PAGING = Cr0.PG | Cr0.WP;
/** CR4 bits that do. */
const CR4_PAGING = Cr4.PSE | Cr4.PAE | Cr4.PGE;

/** Paging registers besides the PDPTEs. */
const REGISTERS = [Cpu.CR0, Cpu.CR3, Cpu.CR4, Cpu.A20_MASK] as const;
/** Low words of the counters that tell that the guest has flushed its TLB. */
const FLUSHES = Cpu.COUNTERS + 8 * Counter.TLB_FLUSHES;
const PAGE_FLUSHES = Cpu.COUNTERS + 8 * Counter.TLB_FLUSH_PAGES;

/** Shadow paging for one VM. */
export class ShadowMemory {
  /** The tables. */
  readonly mmu: ShadowMmu;
  /** The guest's own paging registers, from its virtual state. */
  readonly paging: StatePaging;
  private cr0 = -1;
  private cr3 = -1;
  private cr4 = -1;
  private a20 = -1;
  private flushes = -1;
  private pageFlushes = -1;
  private remapped = true;
  /** A fault whose instruction is being emulated since it may straddle two pages. */
  private straddling: { address: number; error: number } | undefined;

  /**
   * `saved` is where the virtual state lies while the guest runs directly; `tableStored` hears of stores to traced frames; `compressed`: the
   * guest's kernel runs at CPL 3; `unsync`: leaf tables may be left to the guest between its TLB flushes.
   */
  constructor(
    private readonly vm: Guest,
    private readonly saved: Words,
    private readonly tableStored: (gfn: number) => void,
    private readonly how: { compressed?: boolean; unsync?: boolean } = {},
  ) {
    const { core } = vm;
    this.paging = new StatePaging(core.memory, saved.base);
    const flush = () => core.exports.invvpid(Invalidation.SINGLE, vm.id, 0);
    this.mmu = new ShadowMmu(
      vm.ram,
      this.paging,
      {
        flush,
        invlpg: (address) => core.exports.invvpid(Invalidation.ADDRESS, vm.id, address),
        viewsApart: true,
      },
      { maxFrames: vm.options.shadowFrames, unsync: how.unsync ?? true },
    );
    vm.ram.onTracedStore = (address, bytes) => this.stored(address, bytes);
  }

  /** The processor was reset. */
  powerOn(): void {
    this.cr0 = -1;
    this.changed();
  }

  private stored(address: number, bytes: number): void {
    this.mmu.traceWrite(gpa(address), bytes);
    this.tableStored(Math.floor(address / 4096));
  }

  /**
   * The guest's state has been interpreted or set from outside: takes in the stores to traced frames, and whatever flushed the guest's TLB.
   * The virtual state is in the processor.
   */
  changed(): void {
    const { vmx, state } = this.vm;
    const cr0 = state.get(Cpu.CR0) & CR0_PAGING;
    const cr3 = state.get(Cpu.CR3);
    const cr4 = state.get(Cpu.CR4) & CR4_PAGING;
    const a20 = state.get(Cpu.A20_MASK);
    const flushed = state.get(FLUSHES) !== this.flushes || state.get(PAGE_FLUSHES) !== this.pageFlushes;
    const moved = flushed || cr0 !== this.cr0 || cr3 !== this.cr3 || cr4 !== this.cr4;
    const gate = a20 !== this.a20;
    if (moved || gate) this.keep();
    if (vmx.get(Vmx.WRITTEN_COUNT) > 0) this.takeWritten();
    const { straddling } = this;
    this.straddling = undefined;
    if (!moved && !gate) {
      if (straddling === undefined) return;
      this.mmu.straddled(gva(straddling.address), straddling.error);
      this.followFlushes();
      return;
    }
    if (gate) this.mmu.a20Changed();
    if (moved) {
      this.mmu.reload();
      this.remapped = true;
    }
    this.cr0 = cr0;
    this.cr3 = cr3;
    this.cr4 = cr4;
    this.a20 = a20;
    this.followFlushes();
  }

  /** Takes the paging registers of the virtual state in the processor over. */
  private keep(): void {
    const { saved } = this;
    const { state } = this.vm;
    for (const register of REGISTERS) saved.set(register, state.get(register));
    saved.copy(state, Cpu.PDPTE, Cpu.EXIT_REASON);
  }

  /** Takes in the stores to traced frames that interpretation has made. */
  private takeWritten(): void {
    const { vmx } = this.vm;
    const written = vmx.get(Vmx.WRITTEN_COUNT);
    for (let i = 0; i < written; i++) this.stored(vmx.get(Vmx.WRITTEN + 4 * i) * 4096, 4096);
    vmx.set(Vmx.WRITTEN_COUNT, 0);
    this.followFlushes();
  }

  /** True once after the guest's address space has changed. */
  takeRemapped(): boolean {
    const { remapped } = this;
    this.remapped = false;
    return remapped;
  }

  /**
   * Before the guest runs directly: its virtual CPL. Where its kernel runs at CPL 3 like its programs, paging cannot tell them apart, and each
   * gets tables of its own.
   */
  synchronise(privilege: number): void {
    const user = privilege === 3 && this.how.compressed === true;
    this.vm.vmx.set(Vmx.VIEW, user ? 1 : 0);
    if (this.how.compressed) this.mmu.setView(user ? View.USER : View.KERNEL);
  }

  /** Puts root and PDPTEs into the processor's state. */
  load(state: Words): void {
    state.set(Cpu.CR3, this.mmu.rootAddress);
    if (!this.mmu.pae) return;
    for (let i = 0; i < 4; i++) {
      state.set(Cpu.PDPTE + 8 * i, this.mmu.root.pdpteLow(i));
      state.set(Cpu.PDPTE + 8 * i + 4, 0);
    }
  }

  /** CR4 bits that the shadow tables need. */
  realCr4(): number {
    return this.mmu.pae ? Cr4.PAE : 0;
  }

  /** A page fault came out while the guest ran directly. */
  fault(address: number, error: number, user: boolean): Outcome {
    return this.answer(address, error, user) === "hidden" ? Outcome.RESUME : Outcome.INTERPRET;
  }

  /** The same, saying what it was. */
  answer(address: number, error: number, user: boolean): ShadowFault["kind"] {
    const virtual = (error & ~PfError.USER) | (user ? PfError.USER : 0);
    const { kind } = this.mmu.handleFault(gva(address), virtual);
    if (kind === "straddle") this.straddling = { address, error: virtual };
    this.followFlushes();
    return kind;
  }

  /** The guest has loaded CR3: `saved` has it, and the other paging registers are as they were. */
  loadCr3(): void {
    this.cr3 = this.saved.get(Cpu.CR3);
    this.mmu.reload();
    this.followFlushes();
  }

  /** The guest has executed INVLPG. */
  invalidatePage(address: number): void {
    this.mmu.invlpg(gva(address));
    this.followFlushes();
  }

  /** What was flushed up to now, the shadow tables know of. */
  private followFlushes(): void {
    this.flushes = this.vm.state.get(FLUSHES);
    this.pageFlushes = this.vm.state.get(PAGE_FLUSHES);
  }

  /** Counters by name. */
  counters(): Record<string, number> {
    return { ...this.mmu.statistics };
  }

  /** Gives the tables back. */
  destroy(): void {
    this.mmu.destroy();
  }
}
