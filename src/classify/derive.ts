/**
 * Derives the classes by differential execution: every subject is run from many states, in ring 0, 1 and 3, in place and with the
 * machine around it relocated, and the outcomes are compared (Popek and Goldberg's definitions; docs/classes.md says how they are read
 * on IA-32). The search finds witnesses; where it finds none it says how many states it tried.
 */
import { Cr4, Eflags, Vector } from "../../assembly/abi/x86.js";
import type { Row } from "../isa/row.js";
import { changedResources, differingData, differingResources, RESOURCES } from "./compare.js";
import { conditionsOf } from "./conditions.js";
import { drawState } from "./draw.js";
import { type Subject, subjectsOf } from "./encode.js";
import { Evidence, type Witness } from "./evidence.js";
import type { Laboratory, Outcome } from "./laboratory.js";
import { tryNonRoot } from "./non-root.js";
import { IN_PLACE, RELOCATIONS, type Relocation, type Situation, type State } from "./state.js";

/** How hard to search. */
export interface SearchOptions {
  readonly seed: number;
  /** States for each subject. */
  readonly states: number;
  /** States for each subject of a row that is declared privileged or sensitive. */
  readonly sensitiveStates: number;
}

/** The search of `vmexit classify --derive`. */
export const DEFAULT_SEARCH: SearchOptions = { seed: 1, states: 64, sensitiveStates: 160 };

/** Evidence by instruction set: IA-32 without UMIP, with CR4.UMIP set, the strict machine, non-root operation. */
export interface RowEvidence {
  readonly ia32: Evidence;
  readonly umip: Evidence;
  readonly strict: Evidence;
  readonly vt: Evidence;
}

/** A machine for each instruction set. */
interface Laboratories {
  readonly ia32: Laboratory;
  readonly strict: Laboratory;
  readonly vt: Laboratory;
}

/** Faults that have nothing to do with privilege: memory, arithmetic, and the x87 that is switched off. */
const SET_ASIDE: ReadonlySet<number> = new Set([
  Vector.DE,
  Vector.OF,
  Vector.BR,
  Vector.NM,
  Vector.PF,
  Vector.MF,
  Vector.AC,
]);

const KERNEL: Situation = { ring: 0, moved: IN_PLACE };
const RING1: Situation = { ring: 1, moved: IN_PLACE };
const USER: Situation = { ring: 3, moved: IN_PLACE };
const ALL: ReadonlySet<Relocation> = new Set(RELOCATIONS);
const STRICT_ONLY = new Set(RESOURCES.filter((resource) => resource.strictOnly).map((resource) => resource.name));

/** Of how many states one is tried on the other machines too: of a row that may be sensitive, and of another. */
const SHARE = { sensitive: 2, plain: 4 };

/** Searches all subjects of a row. */
export function deriveRow(laboratories: Laboratories, row: Row, options: SearchOptions): RowEvidence {
  const evidence = {
    ia32: new Evidence(row),
    umip: new Evidence(row),
    strict: new Evidence(row),
    vt: new Evidence(row),
  };
  const isPlain = row.sensitive.length === 0 && row.privilege === "none" && row.reveals === undefined;
  const count = isPlain ? options.states : options.sensitiveStates;
  for (const subject of subjectsOf(row)) {
    for (let index = 0; index < count; index++) {
      const state = drawState(subject, options.seed, index);
      const isa = state.own.cr4 & Cr4.UMIP ? evidence.umip : evidence.ia32;
      new Experiment(laboratories.ia32, subject, state, options.seed, index).perform(isa);
      if (index % (isPlain ? SHARE.plain : SHARE.sensitive) !== 0) continue;
      new Experiment(laboratories.strict, subject, state, options.seed, index).perform(evidence.strict);
      tryNonRoot(laboratories, evidence.vt, state, { subject: subject.key, seed: options.seed, index });
    }
  }
  for (const each of [evidence.ia32, evidence.umip, evidence.strict]) each.settle();
  return evidence;
}

/** True if the instruction got where it leads. */
function completed({ kind }: Outcome): boolean {
  return kind !== "fault";
}

function isSetAside({ kind, vector }: Outcome): boolean {
  return kind === "fault" && SET_ASIDE.has(vector);
}

/** One state of one subject in all its situations. */
class Experiment {
  constructor(
    private readonly laboratory: Laboratory,
    private readonly subject: Subject,
    private readonly state: State,
    private readonly seed: number,
    private readonly index: number,
  ) {}

  /** Runs everything and adds what it finds. */
  perform(evidence: Evidence): void {
    const kernel = this.laboratory.run(this.state, KERNEL);
    const ring1 = this.laboratory.run(this.state, RING1);
    const user = this.laboratory.run(this.state, USER);
    const outcomes = [kernel, ring1, user];
    if (!outcomes.some(completed)) return;
    evidence.states++;
    for (const [i, name] of ["ring 0", "ring 1", "ring 3"].entries())
      if (completed(outcomes[i]!)) evidence.coverage.add(name);
    this.compareModes(evidence, kernel, ring1, RING1);
    this.compareModes(evidence, kernel, user, USER);
    this.lookForControl(evidence, kernel, KERNEL);
    this.lookForControl(evidence, ring1, RING1);
    this.lookForControl(evidence, user, USER);
    this.lookForLocation(evidence, kernel, KERNEL);
    this.lookForLocation(evidence, user, USER);
  }

  /** User mode as kernels make it: IF set, IOPL below 3, no NMI in progress. */
  private get isOrdinary(): boolean {
    const { own, nmiBlocked } = this.state;
    return (own.eflags & Eflags.IF) !== 0 && (own.eflags & Eflags.IOPL) !== Eflags.IOPL && nmiBlocked === 0;
  }

  private witness(kind: Witness["kind"], first: Situation, second: Situation, differs: readonly string[]): Witness {
    return { kind, subject: this.subject.key, seed: this.seed, index: this.index, first, second, differs };
  }

  private compareModes(evidence: Evidence, kernel: Outcome, other: Outcome, situation: Situation): void {
    if (isSetAside(kernel) || isSetAside(other)) return;
    if (!completed(kernel)) {
      if (!completed(other)) return;
      evidence.addMode(this.witness("mode", KERNEL, situation, ["completion"]), "completes outside ring 0 only");
      return;
    }
    const conditions = conditionsOf(this.subject, this.state, situation.ring);
    const trapped = !completed(other);
    evidence.addTrap({ conditions, trapped }, this.witness("privileged", KERNEL, situation, ["completion"]));
    if (trapped) return;
    // At the target of a gate the monitor has control: which gate it was is all there is to compare.
    const differs =
      kernel.kind === "gate" && other.kind === "gate"
        ? differingData(kernel, other).filter((name) => name === "EIP")
        : [...differingData(kernel, other), ...differingResources(kernel, other)];
    if (differs.length > 0) evidence.addMode(this.witness("mode", KERNEL, situation, differs), differs.join());
  }

  private lookForControl(evidence: Evidence, outcome: Outcome, situation: Situation): void {
    if (!completed(outcome)) return;
    const user = situation.ring === 3;
    const ordinary = user && this.isOrdinary;
    const changed = changedResources(outcome);
    const add = (reading: "strict" | "lifted", names: readonly string[]) => {
      for (const cause of names) {
        evidence.add({ witness: this.witness("control", situation, situation, names), reading, user, ordinary, cause });
      }
    };
    add("strict", changed);
    if (outcome.kind === "done")
      add(
        "lifted",
        changed.filter((name) => !STRICT_ONLY.has(name)),
      );
  }

  private lookForLocation(evidence: Evidence, outcome: Outcome, situation: Situation): void {
    if (outcome.kind !== "done") return;
    const moved = this.laboratory.run(this.state, { ...situation, moved: ALL });
    if (moved.kind === "done" && differingData(outcome, moved).length === 0) {
      for (const relocation of RELOCATIONS) evidence.coverage.add(relocation);
      return;
    }
    for (const relocation of RELOCATIONS) this.relocate(evidence, outcome, situation, relocation);
  }

  private relocate(evidence: Evidence, outcome: Outcome, situation: Situation, relocation: Relocation): void {
    const user = situation.ring === 3;
    const kind = relocation === "time" ? "reveals" : "location";
    if (evidence.has(kind, relocation, user)) return;
    const second = { ...situation, moved: new Set([relocation]) };
    const other = this.laboratory.run(this.state, second);
    // A trap gives the monitor control.
    if (other.kind !== "done") return;
    evidence.coverage.add(relocation);
    const differs = differingData(outcome, other);
    if (differs.length === 0) return;
    const witness = this.witness(kind, situation, second, differs);
    const ordinary = user && relocation !== "flags";
    evidence.add({ witness, reading: "strict", user, ordinary, cause: relocation });
    if (relocation !== "selectors") evidence.add({ witness, reading: "lifted", user, ordinary, cause: relocation });
  }
}
