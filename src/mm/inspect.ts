/**
 * How one address of a guest becomes a machine address, entry by entry, as data: through the guest's tables, through the shadow tables if
 * there are any, and through the EPT. Looking changes nothing.
 */
import { EPT_RIGHTS, Ept, type FrameType } from "../../assembly/abi/ept.js";
import { Access, Pte } from "../../assembly/abi/x86.js";
import { type Gpa, type Gva, gfnOf, type Ma, ma as toMa } from "../address.js";
import { eptFlags, pageFlags } from "./entry-flags.js";
import { type GuestPaging, paeOn, pagingOn } from "./guest-paging.js";
import { NO_FRAME, type P2m } from "./p2m.js";
import { directoryIndex, tableIndex } from "./shadow/format.js";
import { Kind } from "./shadow/role.js";
import type { ShadowMmu } from "./shadow/shadow-mmu.js";
import { findGuest, type TableMemory } from "./walk-guest.js";

/** What is inspected: a guest's memory with the map of its frames, its registers, and its shadow tables. On the bare machine there is no map. */
interface Inspectable {
  memory: TableMemory & { readonly p2m?: P2m };
  state: GuestPaging;
  shadow?: ShadowMmu | undefined;
}

/** One entry of one table. */
export interface InspectedEntry {
  /** The manual's name of the level. */
  level: "PDPTE" | "PDE" | "PTE" | "EPT PML4E" | "EPT PDPTE" | "EPT PDE" | "EPT PTE";
  /** Guest-physical address of the entry; undefined for tables of the VMM and for registers. */
  gpa: Gpa | undefined;
  /** Machine address of the entry; undefined for registers and where there is no memory. */
  ma: Ma | undefined;
  low: number;
  high: number;
  flags: string[];
  /** What the VMM has to say about the table. */
  note?: string;
}

/** Which accesses a translation allows: r and w for supervisor code, then for user code, as in `rwr-`. */
export type Rights = string;

/** The result of an inspection. */
export interface Inspection {
  gva: Gva;
  /** True on the bare machine, where a guest-physical address is a machine address and only the guest's tables exist. */
  bare: boolean;
  /** The guest's own tables. */
  guest: {
    mode: "no paging" | "32-bit" | "PAE";
    entries: InspectedEntry[];
    rights: Rights;
    /** Undefined if even a supervisor's read faults; then this is its error code. */
    gpa: Gpa | undefined;
    errorCode: number | undefined;
  };
  /** The shadow tables. */
  shadow: { root: Ma; entries: InspectedEntry[]; rights: Rights; ma: Ma | undefined } | undefined;
  /** The map of guest frames, for the address the guest's tables gave. */
  ept: { pointer: number; entries: InspectedEntry[]; type: FrameType; ma: Ma | undefined } | undefined;
}

/** Follows `gva` through all tables. */
export function inspect({ memory, state, shadow }: Inspectable, gva: Gva): Inspection {
  const guest = inspectGuest(memory, state, gva);
  return {
    gva,
    bare: memory.p2m === undefined,
    guest,
    shadow: shadow === undefined ? undefined : inspectShadow(shadow, gva),
    ept: guest.gpa === undefined || memory.p2m === undefined ? undefined : inspectEpt(memory.p2m, guest.gpa),
  };
}

function inspectGuest(memory: Inspectable["memory"], state: GuestPaging, gva: Gva): Inspection["guest"] {
  const { p2m } = memory;
  const placeOf = (gpa: Gpa) => (p2m === undefined ? toMa(gpa) : machineAddress(p2m, gpa));
  const walk = findGuest(memory, state, gva, Access.READ, false);
  const entries: InspectedEntry[] = [];
  if (paeOn(state)) {
    const low = state.pdpteLow(gva >>> 30);
    const high = state.pdpteHigh(gva >>> 30);
    const note = `register ${gva >>> 30}`;
    entries.push({ level: "PDPTE", gpa: undefined, ma: undefined, low, high, flags: pageFlags(low & Pte.P), note });
  }
  for (const level of ["PDE", "PTE"] as const) {
    const entry = level === "PDE" ? walk.directory : walk.table;
    if (entry === undefined) continue;
    const { gpa, low, high } = entry;
    entries.push({ level, gpa, ma: placeOf(gpa), low, high, flags: pageFlags(low) });
  }
  const may = (access: Access, user: boolean) => findGuest(memory, state, gva, access, user).ok;
  const letters = [false, true].map(
    (user) => (may(Access.READ, user) ? "r" : "-") + (may(Access.WRITE, user) ? "w" : "-"),
  );
  return {
    mode: !pagingOn(state) ? "no paging" : paeOn(state) ? "PAE" : "32-bit",
    entries,
    rights: letters.join(""),
    gpa: walk.ok ? walk.gpa : undefined,
    errorCode: walk.ok ? undefined : walk.errorCode,
  };
}

function inspectShadow(shadow: ShadowMmu, gva: Gva): NonNullable<Inspection["shadow"]> {
  const { root, tables } = shadow;
  const { words } = tables.p2m.memory;
  const entries: InspectedEntry[] = [];
  const add = (level: InspectedEntry["level"], word: number, wide: boolean, note: string) => {
    const low = words[word]!;
    const high = wide ? words[word + 1]! : 0;
    entries.push({ level, gpa: undefined, ma: toMa(word * 4), low, high, flags: pageFlags(low), note });
    return low;
  };
  if (root.pae) add("PDPTE", root.ma / 4 + 2 * (gva >>> 30), true, "root");
  const directory = root.directory(gva);
  let rights = 0;
  let ma: Ma | undefined;
  if (directory !== undefined) {
    const { format } = directory;
    const at = directoryIndex(format, gva);
    rights = add("PDE", directory.word(at), format.pae, describe(directory));
    const table = directory.children[at];
    if (table !== undefined) {
      const low = add("PTE", table.word(tableIndex(format, gva)), format.pae, describe(table));
      rights &= low;
      if ((low & Pte.P) !== 0) ma = toMa((low & ~0xfff) + (gva & 0xfff));
    }
  }
  const rw = (rights & Pte.RW) !== 0 ? "rw" : "r-";
  const supervisor = ma === undefined ? "--" : rw;
  const user = ma === undefined || (rights & Pte.US) === 0 ? "--" : rw;
  return { root: root.ma, entries, rights: supervisor + user, ma };
}

/** What a shadow table shadows. */
function describe(page: { kind: Kind; gfn: number; frame: number; unsync: boolean }): string {
  const gfn = `gfn ${page.gfn.toString(16)}`;
  const state = page.unsync ? "out of step" : "traced";
  switch (page.kind) {
    case Kind.TABLE:
      return `table in ${gfn}, ${state}`;
    case Kind.DIRECTORY:
      return `directory in ${gfn}, ${state}`;
    case Kind.DIRECT:
      return `frames from ${gfn}`;
    default:
      return "the VMM's";
  }
}

const EPT_LEVELS = ["EPT PML4E", "EPT PDPTE", "EPT PDE", "EPT PTE"] as const;

function inspectEpt(p2m: P2m, gpa: Gpa): NonNullable<Inspection["ept"]> {
  const { words } = p2m.memory;
  const gfn = gfnOf(gpa);
  const entries = p2m.tables.path(gfn).map((word, i): InspectedEntry => {
    const low = words[word]!;
    const high = words[word + 1]!;
    const leaf = (low & EPT_RIGHTS) !== 0 && (i === 3 || (low & Ept.LARGE) !== 0);
    const flags = eptFlags(low, high, leaf);
    return { level: EPT_LEVELS[i]!, gpa: undefined, ma: toMa(word * 4), low, high, flags };
  });
  return { pointer: p2m.eptp, entries, type: p2m.type(gfn), ma: machineAddress(p2m, gpa) };
}

function machineAddress(p2m: P2m, gpa: Gpa): Ma | undefined {
  const mfn = p2m.mfn(gfnOf(gpa));
  return mfn === NO_FRAME ? undefined : toMa(mfn * 4096 + (gpa % 4096));
}
