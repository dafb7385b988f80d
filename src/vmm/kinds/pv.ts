/**
 * Paravirtualization (Barham et al. 2003): the guest's kernel is written for its monitor. It runs in ring 1 on its own page tables, in machine
 * addresses, and calls the monitor for what it must not do itself; what goes through the IDT comes out and is handed to the handlers it has named.
 * Invariant: there is one state of the processor: what the guest has is real.
 */
import { Cpu } from "../../../assembly/abi/cpu.js";
import { ExitReason } from "../../../assembly/abi/exit.js";
import { IntrInfo, IntrType, Vmx } from "../../../assembly/abi/vmx.js";
import { Cr0, Reg, Vector } from "../../../assembly/abi/x86.js";
import { gfn, PAGE_BYTES } from "../../address.js";
import { exceptionName } from "../../isa/exceptions.js";
import { NO_FRAME } from "../../mm/p2m.js";
import type { Guest } from "../guest.js";
import { Decoded } from "../interpreter/decoded.js";
import { type Kind, Outcome } from "../kind.js";
import { HYPERCALL_VECTOR, M2P_END, Shared, Virq } from "../pv/abi.js";
import { buildDomain, type DomainImage } from "../pv/build-domain.js";
import { Domain } from "../pv/domain.js";
import { FrameUse } from "../pv/frame-types.js";
import { type Call, Special } from "../pv/hypercalls/call.js";
import { hypercallName, perform } from "../pv/hypercalls/table.js";
import { executePrivileged } from "../pv/privileged.js";
import { KERNEL_CPL } from "../pv/traps.js";
import type { Crossing, KindCounts } from "../statistics.js";

const EAX = Cpu.REGS + 4 * Reg.EAX;
/** Where a hypercall's arguments are. */
const ARGUMENTS = [Reg.EBX, Reg.ECX, Reg.EDX, Reg.ESI, Reg.EDI].map((reg) => Cpu.REGS + 4 * reg);
/** Bytes of INT n. */
const INT_BYTES = 2;

/** The monitor of a paravirtual domain. */
export class PvKind implements Kind {
  readonly domain: Domain;
  private readonly call: Call = { args: new Uint32Array(6), nested: false };
  private readonly instruction: Decoded;
  /** The interrupt line as the processor was told. */
  private line = false;

  constructor(private readonly vm: Guest) {
    this.domain = new Domain(vm);
    this.instruction = new Decoded(vm);
  }

  configure(): void {
    const { vmx, core, id } = this.vm;
    vmx.set(Vmx.INTERPRET, 0);
    vmx.set(Vmx.LEAVE_AT_USER, 0);
    vmx.set(Vmx.DEPRIVILEGED, 1);
    vmx.set(Vmx.VPID, id);
    vmx.set(Vmx.CUT, 2 ** 32 - M2P_END);
    core.exports.applyControls();
    this.releaseStrays();
    this.restoreFrames();
    this.domain.reset();
  }

  /** Builds the domain in the guest's memory, which holds its image, and sets the processor to its first instruction. */
  startDomain(image: DomainImage): void {
    buildDomain(this.domain, image);
  }

  /** Frames the domain took beyond its guest frames go back. */
  private releaseStrays(): void {
    const { p2m } = this.vm;
    for (const mfn of this.domain.strays()) p2m.allocator.release(mfn, p2m.owners.vm);
  }

  /** Guest frames that it gave back are there again. */
  private restoreFrames(): void {
    const { p2m, ram } = this.vm;
    for (let pfn = 0; pfn < ram.length / PAGE_BYTES; pfn++) {
      if (p2m.mfn(pfn) === NO_FRAME) p2m.populate(gfn(pfn), 1);
    }
  }

  ready(): boolean {
    return true;
  }

  enter(): void {}

  leave(): void {}

  run(budget: number): ExitReason {
    const { domain, vm } = this;
    if (vm.line !== this.line) {
      this.line = vm.line;
      vm.core.setInterruptLine(vm.line);
    }
    // Events are looked for where they may have come to be deliverable, not at every begin of a run: a run in pieces is the same run.
    if (domain.events.due) {
      domain.events.due = false;
      if (domain.events.deliverable) {
        domain.traps.deliverEvents();
        return domain.crashed === undefined ? ExitReason.BUDGET : ExitReason.TRIPLE_FAULT;
      }
    }
    return vm.core.exports.run(budget);
  }

  exit(reason: ExitReason): Outcome {
    const { domain } = this;
    const outcome = this.decide(reason);
    if (domain.crashed !== undefined) return Outcome.SHUTDOWN;
    domain.events.due = domain.events.pending;
    return outcome;
  }

  private decide(reason: ExitReason): Outcome {
    switch (reason) {
      case ExitReason.EXCEPTION_NMI:
        return this.event(this.vm.vmx.get(Vmx.INTR_INFO));
      case ExitReason.EXTERNAL_INTERRUPT:
        if (this.domain.console.interrupt()) this.domain.events.raiseVirq(Virq.CONSOLE);
        // The domain may program the line itself: what it asks for that nobody serves must not come again and again.
        if (this.vm.line) this.domain.console.mask();
        return Outcome.RESUME;
      case ExitReason.HLT:
        return Outcome.HALTED;
      case ExitReason.TRIPLE_FAULT:
        return Outcome.SHUTDOWN;
      default:
        throw new Error(`the machine left for ${ExitReason[reason]}, which a paravirtual domain cannot cause`);
    }
  }

  private event(info: number): Outcome {
    const { domain, vm } = this;
    const vector = info & IntrInfo.VECTOR;
    switch (info & IntrInfo.TYPE) {
      case IntrType.SOFTWARE_INTERRUPT:
        return vector === HYPERCALL_VECTOR && this.inKernel ? this.hypercall() : this.softwareInterrupt(vector);
      case IntrType.SOFTWARE_EXCEPTION:
      case IntrType.PRIVILEGED_SOFTWARE:
        vm.state.set(Cpu.EIP, vm.state.get(Cpu.EIP) + vm.vmx.get(Vmx.INSN_LENGTH));
        domain.traps.deliver(vector, undefined);
        return Outcome.EMULATED;
      case IntrType.NMI:
        // The machine's NMIs are the monitor's affair.
        return Outcome.RESUME;
      default:
        return this.exception(vector, (info & IntrInfo.ERROR_CODE) === 0 ? undefined : vm.vmx.get(Vmx.INTR_ERROR));
    }
  }

  private get inKernel(): boolean {
    return this.vm.state.get(Cpu.CPL) === KERNEL_CPL;
  }

  private hypercall(): Outcome {
    const { call, vm, domain } = this;
    const { state, core } = vm;
    for (let i = 0; i < ARGUMENTS.length; i++) call.args[i] = state.get(ARGUMENTS[i]!);
    const result = perform(domain, state.get(EAX), call);
    if (result === Special.ENTERED) return Outcome.EMULATED;
    if (result === Special.CONTINUE) {
      for (let i = 0; i < ARGUMENTS.length; i++) state.set(ARGUMENTS[i]!, call.args[i]!);
      core.exports.retireOne(0);
      return Outcome.EMULATED;
    }
    state.set(EAX, result);
    core.exports.retireOne(INT_BYTES);
    return vm.state.get(Cpu.HALTED) === 0 ? Outcome.EMULATED : Outcome.HALTED;
  }

  /** INT n of the kernel or a program, for which the trap table says whether it may. */
  private softwareInterrupt(vector: number): Outcome {
    const { traps, frames } = this.domain;
    const { state, vmx } = this.vm;
    if (traps.permits(vector, state.get(Cpu.CPL))) {
      state.set(Cpu.EIP, state.get(Cpu.EIP) + vmx.get(Vmx.INSN_LENGTH));
      traps.deliver(vector, undefined);
    } else {
      frames.refuse(`INT ${vector.toString(16)}h`);
      traps.deliver(Vector.GP, (vector << 3) | 2);
    }
    return Outcome.EMULATED;
  }

  private exception(vector: number, error: number | undefined): Outcome {
    const { domain, vm } = this;
    if (vector === Vector.GP && error === 0 && this.inKernel && executePrivileged(domain, this.instruction)) {
      return Outcome.EMULATED;
    }
    if (vector === Vector.PF) {
      domain.memory.words[(domain.sharedInfo * PAGE_BYTES + Shared.CR2) >>> 2] = vm.vmx.get(Vmx.QUALIFICATION);
    } else if (vector === Vector.NM && (vm.state.get(Cpu.CR0) & Cr0.TS) !== 0) domain.setTaskSwitched(false);
    else if (vector === Vector.DB)
      vm.state.set(Cpu.DR + 4 * 6, vm.state.get(Cpu.DR + 4 * 6) | vm.vmx.get(Vmx.QUALIFICATION));
    domain.traps.deliver(vector, error);
    return Outcome.EMULATED;
  }

  stretch(left: number): number {
    return left;
  }

  changed(): void {}

  cause(reason: ExitReason): string {
    if (reason !== ExitReason.EXCEPTION_NMI) return ExitReason[reason] ?? `reason ${reason}`;
    const info = this.vm.vmx.get(Vmx.INTR_INFO);
    const vector = info & IntrInfo.VECTOR;
    if ((info & IntrInfo.TYPE) !== IntrType.SOFTWARE_INTERRUPT) return exceptionName(vector);
    if (vector === HYPERCALL_VECTOR && this.inKernel) return hypercallName(this.vm.state.get(EAX));
    return `INT ${vector.toString(16)}h`;
  }

  crossing(reason: ExitReason): Crossing {
    if (reason !== ExitReason.EXCEPTION_NMI || !this.inKernel) return "exit";
    const info = this.vm.vmx.get(Vmx.INTR_INFO);
    const call = IntrType.SOFTWARE_INTERRUPT | HYPERCALL_VECTOR;
    return (info & (IntrInfo.TYPE | IntrInfo.VECTOR)) === call ? "hypercall" : "exit";
  }

  counts(): KindCounts {
    const { frames, tables, parts, emulated } = this.domain;
    const memory: Record<string, number> = {
      "entries changed": tables.updates,
      "L1 validated": frames.validations[FrameUse.L1]!,
      "L2 validated": frames.validations[FrameUse.L2]!,
      "descriptor frames validated": frames.validations[FrameUse.SEGMENT]!,
    };
    for (const [name, count] of parts) memory[`${name} in multicalls`] = count;
    const refused = Object.fromEntries(emulated);
    for (const [name, count] of frames.refused) refused[name] = (refused[name] ?? 0) + count;
    return { memory, refused };
  }

  destroy(): void {
    this.domain.time.stop();
    this.releaseStrays();
  }
}
