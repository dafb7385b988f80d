/**
 * Trap-and-emulate: the guest's kernel in ring 1 (or 3), its programs in ring 3. Privileged instructions trap and are executed on the virtual state; on `ia32`
 * sensitive ones that do not trap show the guest the wrong machine (Robin & Irvine 2000), and that is what this kind is for.
 */
import type { Guest } from "../guest.js";
import { DeprivilegedKind, type Deprivileging } from "./deprivileged.js";

/** Rings 0/1/3: the monitor has 0, the kernel 1. Guests with code in rings 1 and 2 are interpreted there. */
const RING_1: Deprivileging = {
  ring: (privilege) => (privilege === 0 ? 1 : privilege === 3 ? 3 : undefined),
  truncates: true,
  loads: (_privilege, descriptor) => descriptor === 0 || descriptor === 3,
};

/**
 * Rings 0/3: kernel and programs both in 3. A transfer between them must trap, or the monitor would not notice it: each sees the segments
 * of its own privilege only.
 */
const RING_3: Deprivileging = {
  ring: (privilege) => (privilege === 0 || privilege === 3 ? 3 : undefined),
  truncates: false,
  loads: (privilege, descriptor) => privilege === descriptor,
};

/** Trap-and-emulate. */
export class TrapKind extends DeprivilegedKind {
  constructor(vm: Guest) {
    super(vm, vm.options.rings === "0/3" ? RING_3 : RING_1);
  }
}
