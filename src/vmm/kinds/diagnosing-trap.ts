/**
 * Trap-and-emulate that looks at what it misses: the machine refuses every sensitive instruction, the monitor lets those that the real machine
 * would not have refused have their way, and notes what that did to the guest. The guest runs as without it.
 */
import { ExitReason } from "../../../assembly/abi/exit.js";
import { Vmx } from "../../../assembly/abi/vmx.js";
import type { Diagnosis } from "../diagnosis/diagnosis.js";
import { SensitiveWitness } from "../diagnosis/witness.js";
import type { Guest } from "../guest.js";
import { REFUSAL } from "./deprivileged.js";
import { TrapKind } from "./trap.js";

/** Trap-and-emulate with `diagnose`. */
export class DiagnosingTrapKind extends TrapKind {
  private readonly witness: SensitiveWitness;

  constructor(vm: Guest) {
    super(vm);
    this.witness = new SensitiveWitness(vm, { leave: () => this.leave(), runReal: () => this.runReal() });
  }

  override configure(): void {
    this.vmx.set(Vmx.REFUSE, 1);
    super.configure();
  }

  override run(budget: number): ExitReason {
    const end = this.core.time + budget;
    for (;;) {
      const reason = super.run(end - this.core.time);
      const refused = reason === ExitReason.EXCEPTION_NMI && (this.vmx.get(Vmx.INTR_INFO) | 0) === (REFUSAL | 0);
      if (!refused || this.vmx.get(Vmx.INTR_ERROR) !== 0) return reason;
      const outcome = this.witness.execute();
      if (outcome !== ExitReason.BUDGET || this.core.time >= end) return outcome;
    }
  }

  override diagnosis(): Diagnosis {
    return this.witness.table.report();
  }
}
