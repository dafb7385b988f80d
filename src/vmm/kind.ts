/**
 * What a kind of monitor is: how a guest's virtual state becomes a real one and back, and what to do when the guest comes out.
 */
import type { ExitReason } from "../../assembly/abi/exit.js";
import type { Diagnosis } from "./diagnosis/diagnosis.js";
import type { DomainImage } from "./pv/build-domain.js";
import type { Crossing, KindCounts } from "./statistics.js";
import type { ShadowMmu } from "../mm/shadow/shadow-mmu.js";

/** What becomes of the guest after an exit. */
export enum Outcome {
  /** It goes on directly: nothing was asked of its own state. */
  RESUME = 0,
  /** The monitor has executed the instruction: it goes on behind it. */
  EMULATED = 1,
  /** The next tick of the guest is interpreted on its virtual state: an instruction, or the delivery of what it raised. */
  INTERPRET = 2,
  /** The event whose delivery the exit interrupted is delivered on the guest's virtual state. */
  DELIVER = 5,
  /** The guest has halted: its instruction has retired. */
  HALTED = 3,
  /** The processor has shut down. */
  SHUTDOWN = 4,
}

/**
 * A way to run a guest. While the machine is not in `run`, the processor holds the guest's virtual state: what it believes.
 * Invariant: `enter` then `leave` without a run in between changes nothing.
 */
export interface Kind {
  /** Sets the control words: the processor is in its power-on state. */
  configure(): void;
  /** True if the guest may run directly as it is now. `real`: its real state is in the processor. */
  ready(real: boolean): boolean;
  /** Makes the processor's state real. */
  enter(): void;
  /** Makes it virtual again. */
  leave(): void;
  /** Runs the guest directly for at most `budget` ticks. */
  run(budget: number): ExitReason;
  /** Decides about an exit; the state is real. */
  exit(reason: ExitReason): Outcome;
  /** Ticks to interpret at most before asking `ready` again. */
  stretch(left: number): number;
  /** The guest's state was changed by interpretation or by the host: what is derived from it may be stale. */
  changed(): void;
  /** What the exit was about, for the statistics: such as `CPUID`, `#PF`. */
  cause(reason: ExitReason): string;
  /** How the guest came out; an exit unless the kind says otherwise. */
  crossing?(reason: ExitReason): Crossing;
  /** What it has counted by itself. */
  counts(): KindCounts;
  /** Its shadow page tables, if those map the guest's memory. */
  readonly shadowTables?: ShadowMmu;
  /** What sensitive instructions did that did not trap, if that is looked at. */
  diagnosis?(): Diagnosis;
  /** Builds a paravirtual domain from an image, for kinds that run such. */
  startDomain?(image: DomainImage): void;
  /** Gives back what it holds. */
  destroy(): void;
}
