/**
 * Binary translation (Adams & Agesen 2006): the guest's kernel never runs its own bytes. Translation units are made of it as it is reached
 * (assembly/cpu/translated.ts), in which sensitive instructions act on the guest's own state or call out to routines here; the machine's MMU
 * walks shadow page tables meanwhile. User code runs directly wherever that is right.
 */
import { Attention, Cpu } from "../../../assembly/abi/cpu.js";
import { ExitReason } from "../../../assembly/abi/exit.js";
import type { Op } from "../../../assembly/abi/op.js";
import { IntrInfo, IntrType, Vmx } from "../../../assembly/abi/vmx.js";
import { Cr0, Cr4, Vector } from "../../../assembly/abi/x86.js";
import { causeOf } from "../dispatcher.js";
import type { Guest } from "../guest.js";
import { instructionName } from "../instruction-names.js";
import { plain } from "../interpreter/advance.js";
import { Outcome } from "../kind.js";
import type { Crossing, KindCounts } from "../statistics.js";
import { Adaptation } from "../translation/adaptation.js";
import { callOut } from "../translation/call-outs.js";
import { TranslationLedger } from "../translation/ledger.js";
import { DeprivilegedKind, type Deprivileging } from "./deprivileged.js";
import { MONITOR_BASE } from "./real-state.js";

/** Only user code runs directly. */
const USER_ONLY: Deprivileging = {
  ring: (privilege) => (privilege === 3 ? 3 : undefined),
  truncates: false,
  loads: (_privilege, descriptor) => descriptor === 3,
};

/** Bits of CR0 and CR4 that are the shadow tables' while translated code runs; the guest reads its own. */
const CR0_MASK = Cr0.PG | Cr0.WP | Cr0.NW | Cr0.CD;
const CR4_MASK = Cr4.PSE | Cr4.PAE | Cr4.PGE;
/** What calls for interpretation before translated code runs. */
const CARE = Attention.INTERRUPT | Attention.NMI | Attention.SINGLE_STEP | Attention.BREAKPOINTS | Attention.PENDING_DB;

/** Binary translation of the kernel, direct user code. */
export class BtKind extends DeprivilegedKind {
  /** The machine runs translated code, or is about to leave it. */
  private translated = false;
  private readonly ledger: TranslationLedger;
  private readonly adaptation: Adaptation;

  constructor(vm: Guest) {
    super(vm, USER_ONLY, false);
    this.ledger = new TranslationLedger(vm.core);
    this.adaptation = new Adaptation(vm, this.shadow);
  }

  override ready(real: boolean): boolean {
    if (real) return this.translated ? this.state.get(Cpu.HALTED) === 0 : super.ready(true);
    return (this.state.get(Cpu.ATTENTION) & CARE) === 0 && this.state.get(Cpu.HALTED) === 0;
  }

  /**
   * True if the guest may run directly: user code, on a machine that hides from it what is the monitor's. On ia32 it would see that by
   * SGDT, SIDT, SLDT, STR and SMSW (theorem 3 fails there), so all code is translated.
   */
  private runsDirectly(): boolean {
    return this.vm.options.isa !== "ia32" && super.ready(false);
  }

  override enter(): void {
    this.translated = !this.runsDirectly();
    if (this.translated) this.enterTranslated();
    else super.enter();
  }

  private enterTranslated(): void {
    const { state, vmx, core } = this;
    this.real.keep();
    const cr0 = state.get(Cpu.CR0);
    const cr4 = state.get(Cpu.CR4);
    vmx.set(Vmx.CR0_MASK, CR0_MASK);
    vmx.set(Vmx.CR4_MASK, CR4_MASK);
    vmx.set(Vmx.CR0_SHADOW, cr0);
    vmx.set(Vmx.CR4_SHADOW, cr4);
    vmx.set(Vmx.CR3_SHADOW, state.get(Cpu.CR3));
    state.set(Cpu.CR0, (cr0 & ~CR0_MASK) | Cr0.PG | Cr0.WP);
    state.set(Cpu.CR4, (cr4 & ~CR4_MASK) | this.shadow.realCr4());
    state.set(Cpu.A20_MASK, 0xffffffff);
    this.shadow.load(state);
    // A neighbour's reset clears these words.
    vmx.set(Vmx.MONITOR_FIRST, MONITOR_BASE);
    vmx.set(Vmx.MONITOR_BYTES, this.monitorBytes);
    vmx.set(Vmx.TRANSLATE, 1);
    vmx.set(Vmx.INTERPRET, 0);
    core.exports.adoptState(this.vm.line ? 1 : 0, 0);
  }

  override leave(): void {
    if (!this.translated) {
      super.leave();
      return;
    }
    this.translated = false;
    const { state, virtual, vmx, core } = this;
    state.set(Cpu.CR0, (state.get(Cpu.CR0) & ~CR0_MASK) | (virtual.get(Cpu.CR0) & CR0_MASK));
    state.set(Cpu.CR4, (state.get(Cpu.CR4) & ~CR4_MASK) | (virtual.get(Cpu.CR4) & CR4_MASK));
    state.set(Cpu.CR3, virtual.get(Cpu.CR3));
    state.set(Cpu.A20_MASK, virtual.get(Cpu.A20_MASK));
    state.copy(virtual, Cpu.PDPTE, Cpu.PDPTE + 32);
    vmx.set(Vmx.TRANSLATE, 0);
    vmx.set(Vmx.INTERPRET, 1);
    core.exports.adoptState(this.vm.line ? 1 : 0, 0);
  }

  override run(budget: number): ExitReason {
    if (!this.translated) return super.run(budget);
    this.ledger.claim();
    const line = this.vm.line ? 1 : 0;
    if (this.state.get(Cpu.INTR) !== line) this.core.exports.setInterruptLine(line);
    return this.core.exports.run(budget);
  }

  override exit(reason: ExitReason): Outcome {
    if (!this.translated) return super.exit(reason);
    switch (reason) {
      case ExitReason.CALL_OUT:
        return this.calledOut(this.vmx.get(Vmx.QUALIFICATION) as Op);
      case ExitReason.EXCEPTION_NMI:
        return this.translatedEvent();
      case ExitReason.EXTERNAL_INTERRUPT:
        // It has not been acknowledged: it is delivered on the guest's own state.
        return Outcome.INTERPRET;
      default:
        return super.exit(reason);
    }
  }

  private calledOut(op: Op): Outcome {
    if (!plain(this)) return Outcome.INTERPRET;
    this.instruction.take(this.vmx.get(Vmx.INSN_INFO));
    if (this.adaptation.isGuilty(op)) return this.adaptation.store(this, this.instruction);
    return callOut(this, this.instruction, op);
  }

  /** An exception or NMI came out of translated code. */
  private translatedEvent(): Outcome {
    const { vmx, state } = this;
    const info = vmx.get(Vmx.INTR_INFO);
    const vector = info & IntrInfo.VECTOR;
    if ((info & IntrInfo.TYPE) === IntrType.NMI) {
      this.core.raiseNmi();
    } else if (vector === Vector.DB) {
      // A single step behind POPF that set TF: breakpoints are looked at by interpretation.
      state.set(Cpu.PENDING_DB, vmx.get(Vmx.QUALIFICATION));
    } else if (vector === Vector.PF) {
      const kind = this.shadow.answer(vmx.get(Vmx.QUALIFICATION), vmx.get(Vmx.INTR_ERROR), state.get(Cpu.CPL) === 3);
      if (kind === "hidden") return Outcome.RESUME;
      if (kind === "trace") this.adaptation.traced(this.instruction);
    }
    return Outcome.INTERPRET;
  }

  override cause(reason: ExitReason): string {
    if (reason !== ExitReason.CALL_OUT) return causeOf(this, reason);
    const op = this.vmx.get(Vmx.QUALIFICATION) as Op;
    return this.adaptation.isGuilty(op) ? "page-table store" : instructionName(op);
  }

  crossing(reason: ExitReason): Crossing {
    return reason === ExitReason.CALL_OUT ? "call-out" : "exit";
  }

  override counts(): KindCounts {
    const own = super.counts();
    return { ...own, ...this.ledger.counts(), memory: { ...own.memory, ...this.adaptation.counters() } };
  }

  override destroy(): void {
    this.ledger.release();
    super.destroy();
  }
}
