/**
 * The ways to run a guest that are compared: bare, and under each monitor with each memory map it can use. They come from the table of
 * kinds, so a kind that is new there is compared from then on.
 */
import { type IsaName, MMUS_OF, type MmuKind, type VmmKind } from "../vmm/options.js";

/** One way to run a guest: a column of the comparison. */
export interface Way {
  /** What it is called: `bare`, `trap`, `vt+ept`. */
  name: string;
  vmm: "none" | VmmKind;
  /** What maps memory, under a monitor. */
  mmu?: MmuKind;
  /** The processor it runs on. */
  isa: IsaName;
  /** True if the guest is the ported image beside the native one. */
  ported: boolean;
}

/** The order in which ways are shown; others follow. */
const ORDER = ["bare", "trap", "bt", "vt+shadow", "vt+ept", "hybrid", "pv"];

/** Kinds of monitors that need a ported guest. */
const PORTED: ReadonlySet<string> = new Set(["pv"]);

/**
 * The processor for a kind. Trap-and-emulate needs one on which every sensitive instruction traps (theorem 1); all others are right on
 * the one that is the default.
 */
function defaultIsa(vmm: "none" | VmmKind): IsaName {
  return vmm === "trap" ? "strict" : "umip";
}

/** Every way there is, in the order of the columns; `isa` names one processor for all. */
export function allWays(isa?: IsaName): Way[] {
  const ways: Way[] = [{ name: "bare", vmm: "none", isa: isa ?? defaultIsa("none"), ported: false }];
  for (const vmm of Object.keys(MMUS_OF) as VmmKind[]) {
    const mmus = MMUS_OF[vmm];
    for (const mmu of mmus) {
      const name = mmus.length === 1 ? vmm : `${vmm}+${mmu}`;
      ways.push({ name, vmm, mmu, isa: isa ?? defaultIsa(vmm), ported: PORTED.has(vmm) });
    }
  }
  const place = ({ name }: Way) => (ORDER.includes(name) ? ORDER.indexOf(name) : ORDER.length);
  return ways.sort((a, b) => place(a) - place(b));
}

/** Says in words what a way is. */
export function wayInWords({ vmm, mmu, isa, ported }: Way): string {
  const map = mmu === "ept" ? "EPT" : mmu === "shadow" ? "shadow page tables" : "its own page tables, validated";
  if (vmm === "none") return `the bare machine, processor ${isa}`;
  return `monitor ${vmm}, ${map}, processor ${isa}${ported ? ", ported image" : ""}`;
}
