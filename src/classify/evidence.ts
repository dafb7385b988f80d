/** What the experiments found out about one row: traps, and for each kind of sensitivity the plainest witness. */
import type { Row, Sensitivity } from "../isa/row.js";
import type { TrapSample } from "./conditions.js";
import type { Situation } from "./state.js";

/** How "resources" is read: `strict` includes segment registers and NT, and a gate changes the mode; `lifted` does neither. */
export type Reading = "strict" | "lifted";

/** Two runs of one state that show a verdict; for `control` the second is the first, before the instruction. */
export interface Witness {
  readonly kind: Sensitivity | "privileged" | "reveals";
  /** Subject.key, seed and number of the state. */
  readonly subject: string;
  readonly seed: number;
  readonly index: number;
  readonly first: Situation;
  readonly second: Situation;
  /** Names of what differs or was changed. */
  readonly differs: readonly string[];
}

/** Where a witness counts. */
export interface Finding {
  readonly witness: Witness;
  readonly reading: Reading;
  /** Found in user mode on both sides: counts for Theorem 3. */
  readonly user: boolean;
  /** User mode has IF set and IOPL below 3 there, as kernels give it to their processes. */
  readonly ordinary: boolean;
  /** For `control`: names of the resources; for `location`: the relocation that shows. */
  readonly cause: string;
}

/** Everything about one row on one instruction set. */
export class Evidence {
  /** States in which at least one ring completed the instruction. */
  states = 0;
  /** Attempts outside ring 0 at what ring 0 completed. */
  readonly traps: TrapSample[] = [];
  /** A state that ring 0 completes and another ring does not. */
  trapWitness: Witness | undefined;
  /** Rings that completed it, relocations that were compared. */
  readonly coverage = new Set<string>();
  private readonly byKey = new Map<string, Finding>();
  /** Witnesses for a trap under given conditions: needed if the conditions turn out not to decide. */
  private readonly trapsByConditions = new Map<number, Witness>();

  constructor(readonly row: Row) {}

  /** All findings, one for each kind, reading, ring and cause. */
  get findings(): readonly Finding[] {
    return [...this.byKey.values()];
  }

  /** Keeps the finding if it is new or plainer than the one of its place. */
  add(finding: Finding): void {
    const { witness, reading, user, ordinary, cause } = finding;
    const key = `${witness.kind} ${reading} ${user} ${ordinary} ${cause}`;
    const known = this.byKey.get(key);
    if (known === undefined || witness.differs.length < known.witness.differs.length) this.byKey.set(key, finding);
  }

  /** True if there is a finding of the place that could not be made plainer. */
  has(kind: Witness["kind"], cause: string, user: boolean): boolean {
    return this.findings.some(
      (f) => f.witness.kind === kind && f.cause === cause && f.user === user && f.witness.differs.length <= 1,
    );
  }

  /** Notes an attempt outside ring 0 at what ring 0 completed. */
  addTrap(sample: TrapSample, witness: Witness): void {
    this.traps.push(sample);
    if (!sample.trapped) return;
    this.trapWitness ??= witness;
    if (!this.trapsByConditions.has(sample.conditions)) this.trapsByConditions.set(sample.conditions, witness);
  }

  /**
   * After the last state: if equal conditions had different ends, the guest's data decide whether the instruction traps, which is
   * what mode sensitivity means.
   */
  settle(): void {
    const completed = new Set(this.traps.filter((sample) => !sample.trapped).map((sample) => sample.conditions));
    for (const [conditions, witness] of this.trapsByConditions) {
      if (completed.has(conditions)) this.addMode({ ...witness, kind: "mode" }, "traps for some operands");
    }
  }

  /** A mode finding counts in both readings. */
  addMode(witness: Witness, cause: string): void {
    for (const reading of ["strict", "lifted"] as const)
      this.add({ witness, reading, user: false, ordinary: false, cause });
  }

  /** Kinds of sensitivity in a reading; with `user`, those found in user mode. */
  kinds(reading: Reading, keep: (finding: Finding) => boolean = () => true): Sensitivity[] {
    const found = this.findings.filter((finding) => finding.reading === reading && keep(finding));
    return (["control", "location", "mode"] as const).filter((kind) =>
      found.some(({ witness }) => witness.kind === kind),
    );
  }

  /** What the row tells about time. */
  get revealsTime(): boolean {
    return this.findings.some(({ witness }) => witness.kind === "reveals");
  }
}
