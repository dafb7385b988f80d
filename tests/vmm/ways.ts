/**
 * The ways to run a guest in a virtual machine that must be as good as the bare machine, and how runs are compared.
 * The bare machine's runs of a test file are made once each.
 */
import type { Engine, MachineConfig } from "../../src/index.js";
import { type Driver, type GuestRun, guestRuns, type Outcome, runGuest } from "../lockstep/guest-runs.js";

/** How a guest is run: the monitor's part of a machine's configuration. */
export type Way = Pick<MachineConfig, "vmm" | "mmu" | "isa" | "rings">;

/** Hardware-assisted, with both ways of mapping memory. */
export const VT: Record<string, Way> = {
  "vt on ept": { vmm: "vt", mmu: "ept" },
  "vt on shadow": { vmm: "vt", mmu: "shadow" },
};

/** Deprivileged on machines where the theory promises equivalence. */
export const DEPRIVILEGED: Record<string, Way> = {
  "hybrid on umip": { vmm: "hybrid", isa: "umip" },
  "trap on strict": { vmm: "trap", isa: "strict" },
  "trap in rings 0/3": { vmm: "trap", isa: "strict", rings: "0/3" },
};

/** Translated: on ia32 all code is, elsewhere user code runs directly. */
export const TRANSLATED: Record<string, Way> = {
  "bt on ia32": { vmm: "bt", isa: "ia32" },
  "bt on umip": { vmm: "bt", isa: "umip" },
};

/** All of them. */
export const WAYS: Record<string, Way> = { ...VT, ...DEPRIVILEGED, ...TRANSLATED };

/** Both engines. */
export const ENGINES: Engine[] = ["interpreter", "translator"];

/** Guests of little else than exits under shadow paging: enough rounds of them, not all. */
const SHORTER: Record<string, string> = { "bench/pgchurn": "n=4", "bench/pagefault": "n=4", "bench/cr3switch": "n=10" };

/** Every guest of roms/ with a command line. */
export function runs(): GuestRun[] {
  return guestRuns().map((run) => ({ ...run, append: SHORTER[run.name] ?? run.append }));
}

/** One guest of roms/ with its command line in the manifest, or another. */
export function guest(name: string, append?: string): GuestRun {
  const run = guestRuns().find((r) => r.name === name)!;
  return append === undefined ? run : { ...run, append };
}

/** The machine whose behaviour a way must have: strict shows its guest an ia32. */
export function reference(way: Way): Way {
  return { isa: way.isa === "strict" ? "ia32" : (way.isa ?? "umip") };
}

const known = new Map<string, Outcome>();

/** What `run` comes to on the bare machine that `way` has to equal. Kept if `driver` is one that always does the same. */
export function bare(run: GuestRun, way: Way, driver: Driver): Outcome {
  const { isa } = reference(way);
  const key = `${run.name} ${run.append} ${isa} ${driver.name}`;
  const found = known.get(key) ?? runGuest(run, "interpreter", driver, reference(way));
  known.set(key, found);
  return found;
}
