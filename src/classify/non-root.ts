/**
 * The experiment on VMX non-root operation. Root-mode privileged is what exits; what does not exit must do to the VM's own copy what it
 * does on the bare machine, and must neither change nor show what the guest-state area does not hold.
 */
import { Vector } from "../../assembly/abi/x86.js";
import { changedResources, DEVICES, differingData, differingResources, RESOURCES } from "./compare.js";
import type { Evidence, Witness } from "./evidence.js";
import type { Laboratory, Outcome } from "./laboratory.js";
import { IN_PLACE, type Relocation, type Situation, type State } from "./state.js";

/** Resources that stay the host's in non-root operation. */
const HOST_OWNED: ReadonlySet<string> = new Set([
  ...RESOURCES.filter((resource) => !resource.guestState).map(({ name }) => name),
  DEVICES,
]);
/** Relocations of what stays the host's. */
const HOST_MOVED: ReadonlySet<Relocation> = new Set(["registers", "time"]);

/** The machines the experiment compares. */
interface NonRootLaboratories {
  readonly ia32: Laboratory;
  readonly vt: Laboratory;
}

/** Runs the state bare and in non-root operation, in ring 0 and 3, and adds what it finds. `subject`, `seed`, `index` name the state. */
export function tryNonRoot(
  { ia32, vt }: NonRootLaboratories,
  evidence: Evidence,
  state: State,
  name: Pick<Witness, "subject" | "seed" | "index">,
): void {
  for (const ring of [0, 3] as const) {
    const situation: Situation = { ring, moved: IN_PLACE };
    const bare = ia32.run(state, situation);
    // An instruction of VMX is #UD on the bare machine.
    if (bare.kind === "fault" && bare.vector !== Vector.UD) continue;
    const guest = vt.run(state, situation);
    if (bare.kind === "fault" && guest.kind !== "exit") continue;
    evidence.states++;
    const witness = (kind: Witness["kind"], differs: readonly string[]): Witness => ({
      ...name,
      kind,
      first: situation,
      second: situation,
      differs,
    });
    const trapped = guest.kind === "exit";
    evidence.addTrap({ conditions: 0, trapped }, witness("privileged", ["completion"]));
    if (trapped) continue;
    const differs = differences(bare, guest);
    if (differs.length > 0) evidence.addMode(witness("mode", differs), differs.join());
    const changed = changedResources(guest).filter((resource) => HOST_OWNED.has(resource));
    const place = { user: ring === 3, ordinary: ring === 3 };
    const add = (found: Witness, cause: string) => {
      for (const reading of ["strict", "lifted"] as const) evidence.add({ ...place, witness: found, reading, cause });
    };
    for (const cause of changed) add(witness("control", changed), cause);
    // CR2 and the SYSENTER MSRs are the guest's: a monitor or the processor loads them at entry.
    const { cr2, sysenter } = state.own;
    const elsewhere = { ...state, host: { ...state.host, cr2, sysenter } };
    const moved = vt.run(elsewhere, { ring, moved: HOST_MOVED });
    const shown = moved.kind === guest.kind ? differingData(guest, moved) : [];
    if (guest.kind === "done" && shown.length > 0) add(witness("location", shown), "registers");
  }
}

/** How the guest's outcome is not the bare machine's. */
function differences(bare: Outcome, guest: Outcome): string[] {
  if (bare.kind !== guest.kind) return ["completion"];
  return [...differingData(bare, guest), ...differingResources(bare, guest)];
}
