/**
 * Hardware-assisted virtualization without extended page tables: the first generation of VT-x. The guest runs on shadow page tables; page faults,
 * INVLPG and everything that touches CR3 or the paging bits of CR0 and CR4 come out. Unpaged code runs on tables of the monitor's; real
 * mode is interpreted, since such processors cannot enter it (SDM 3C 26.3.1.1).
 */
import { Cpu } from "../../../assembly/abi/cpu.js";
import { VmcsField } from "../../../assembly/abi/vmcs.js";
import { Primary, Secondary, Vmx } from "../../../assembly/abi/vmx.js";
import { Cr0, Cr4, Vector } from "../../../assembly/abi/x86.js";
import type { ShadowMmu } from "../../mm/shadow/shadow-mmu.js";
import type { Outcome } from "../kind.js";
import type { Guest } from "../guest.js";
import type { KindCounts } from "../statistics.js";
import { Words } from "../words.js";
import { ShadowMemory } from "./shadow-memory.js";
import { VtKind } from "./vt.js";

/** Bits of CR0 and CR4 that are the monitor's. */
const CR0_MASK = Cr0.PG | Cr0.WP | Cr0.PE | Cr0.NW | Cr0.CD;
const CR4_MASK = Cr4.PSE | Cr4.PAE | Cr4.PGE;
/** Ticks of real-mode code interpreted at a time. */
const REAL_STRETCH = 1000;

/** Non-root operation on shadow page tables. */
export class VtShadowKind extends VtKind {
  private readonly shadow: ShadowMemory;
  private readonly saved: Words;

  constructor(vm: Guest) {
    super(vm, {
      primary: Primary.INVLPG | Primary.CR3_LOAD | Primary.CR3_STORE,
      secondary: Secondary.VPID,
      exceptions: 1 << Vector.PF,
    });
    this.saved = new Words(vm.core.memory, vm.pointer(vm.allocateFrame()));
    this.shadow = new ShadowMemory(vm, this.saved, () => {});
  }

  override configure(): void {
    super.configure();
    this.core.exports.vmwrite(VmcsField.CR0_MASK, CR0_MASK);
    this.core.exports.vmwrite(VmcsField.CR4_MASK, CR4_MASK);
    this.shadow.powerOn();
  }

  override ready(real: boolean): boolean {
    if (!real && (this.state.get(Cpu.CR0) & Cr0.PE) === 0) return false;
    return super.ready(real);
  }

  override enter(): void {
    super.enter();
    const { state, saved, vmx } = this;
    saved.copy(state, Cpu.CR0, Cpu.EXIT_REASON);
    vmx.set(Vmx.CR0_SHADOW, state.get(Cpu.CR0));
    vmx.set(Vmx.CR4_SHADOW, state.get(Cpu.CR4));
    state.set(Cpu.CR0, (state.get(Cpu.CR0) & ~(Cr0.NW | Cr0.CD)) | Cr0.PG | Cr0.WP);
    state.set(Cpu.CR4, (state.get(Cpu.CR4) & ~CR4_MASK) | this.shadow.realCr4());
    state.set(Cpu.A20_MASK, 0xffffffff);
    this.shadow.load(state);
    this.core.exports.rederive();
  }

  override leave(): void {
    const { state, saved } = this;
    const changeable = state.get(Cpu.CR0) & ~CR0_MASK;
    state.set(Cpu.CR0, changeable | (saved.get(Cpu.CR0) & CR0_MASK));
    state.set(Cpu.CR4, (state.get(Cpu.CR4) & ~CR4_MASK) | (saved.get(Cpu.CR4) & CR4_MASK));
    state.set(Cpu.CR3, saved.get(Cpu.CR3));
    state.set(Cpu.A20_MASK, saved.get(Cpu.A20_MASK));
    state.copy(saved, Cpu.PDPTE, Cpu.EXIT_REASON);
    super.leave();
  }

  override event(): Outcome {
    const { vmx } = this;
    return this.shadow.fault(vmx.get(Vmx.QUALIFICATION), vmx.get(Vmx.INTR_ERROR), this.state.get(Cpu.CPL) === 3);
  }

  invalidatePage(address: number): void {
    this.shadow.invalidatePage(address);
  }

  override stretch(left: number): number {
    return (this.state.get(Cpu.CR0) & Cr0.PE) === 0 ? Math.min(left, REAL_STRETCH) : 1;
  }

  override changed(): void {
    this.shadow.changed();
  }

  get shadowTables(): ShadowMmu {
    return this.shadow.mmu;
  }

  override counts(): KindCounts {
    return { memory: this.shadow.counters() };
  }

  override destroy(): void {
    this.shadow.destroy();
  }
}
