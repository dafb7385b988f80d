/**
 * The kind of monitor a virtual machine's options name.
 */
import type { Kind } from "../kind.js";
import type { Guest } from "../guest.js";
import { BtKind } from "./bt.js";
import { DiagnosingTrapKind } from "./diagnosing-trap.js";
import { HybridKind } from "./hybrid.js";
import { PvKind } from "./pv.js";
import { TrapKind } from "./trap.js";
import { VtKind } from "./vt.js";
import { VtShadowKind } from "./vt-shadow.js";

/** Makes the kind for `vm`, whose state is in the processor. */
export function makeKind(vm: Guest): Kind {
  switch (vm.options.vmm) {
    case "trap":
      return vm.options.diagnose ? new DiagnosingTrapKind(vm) : new TrapKind(vm);
    case "bt":
      return new BtKind(vm);
    case "hybrid":
      return new HybridKind(vm);
    case "pv":
      return new PvKind(vm);
    case "vt":
      return vm.options.mmu === "ept" ? new VtKind(vm) : new VtShadowKind(vm);
  }
}
