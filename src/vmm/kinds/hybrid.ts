/**
 * The hybrid monitor of Popek and Goldberg's third theorem: all code that believes to be privileged is interpreted, user code runs directly.
 */
import { Cpu } from "../../../assembly/abi/cpu.js";
import { Vmx } from "../../../assembly/abi/vmx.js";
import type { Guest } from "../guest.js";
import { DeprivilegedKind, type Deprivileging } from "./deprivileged.js";

const USER_ONLY: Deprivileging = {
  ring: (privilege) => (privilege === 3 ? 3 : undefined),
  truncates: false,
  loads: (_privilege, descriptor) => descriptor === 3,
};

/** Interpreted kernel, direct user code. */
export class HybridKind extends DeprivilegedKind {
  constructor(vm: Guest) {
    super(vm, USER_ONLY);
  }

  /** The kernel is interpreted up to the first instruction of user code. */
  override stretch(left: number): number {
    if (this.state.get(Cpu.CPL) === 3) return super.stretch(left);
    this.leaveAtUser(1);
    return left;
  }

  override changed(): void {
    if (this.vmx.get(Vmx.LEAVE_AT_USER) !== 0) this.leaveAtUser(0);
    super.changed();
  }

  private leaveAtUser(on: number): void {
    this.vmx.set(Vmx.LEAVE_AT_USER, on);
    this.core.exports.applyControls();
  }
}
