/**
 * Popek and Goldberg's properties of a run (1974): equivalence with the bare machine, resource control, efficiency.
 */
import type { VmmStatistics } from "../vmm/statistics.js";
import type { Properties } from "./comparison.js";
import type { GuestRun } from "./run-guest.js";
import type { Way } from "./ways.js";

/** Causes that are events the guest gets, not attempts at a resource. */
const EVENTS = /^(?:#(?!GP)|INT |EXTERNAL_INTERRUPT|INTERRUPT_WINDOW|NMI)/;

/** Faults of the memory map that are attempts at what is not the guest's. */
const MEMORY_ATTEMPTS: readonly (readonly [counter: string, name: string])[] = [
  ["trace", "stores to page tables"],
  ["reserved", "the monitor's addresses"],
  ["rom", "stores to ROM"],
];

/** Attempts of a guest at a resource that came to its monitor, by name. */
function attempts({ exits, refused, memory }: VmmStatistics): Record<string, number> {
  const found: Record<string, number> = { ...refused };
  const add = (name: string, count: number) => {
    if (count > 0) found[name] = (found[name] ?? 0) + count;
  };
  for (const { crossing, cause, count } of exits) {
    // What the machine refused is told by name.
    if (crossing !== "exit" || (!EVENTS.test(cause) && cause !== "#GP")) add(cause, count);
  }
  for (const [counter, name] of MEMORY_ATTEMPTS) add(name, memory[counter] ?? 0);
  return found;
}

/** The first line in which two transcripts differ, as a sentence. */
function transcriptDifference(bare: string, other: string): string | undefined {
  if (bare === other) return undefined;
  const [a, b] = [bare.split("\n"), other.split("\n")];
  const at = a.findIndex((line, i) => line !== b[i]);
  const line = at < 0 ? a.length : at;
  const shown = (lines: string[]) =>
    lines[line] === undefined ? "nothing more" : JSON.stringify(lines[line].trimEnd());
  return `line ${line + 1} of what it prints is ${shown(b)} and on the bare machine ${shown(a)}`;
}

/** Lines of a transcript, and how many are other than those of the bare machine's in the same place. */
function lineCounts(bare: string, other: string): { all: number; other: number } {
  const [a, b] = [bare.split("\n"), other.split("\n")];
  const all = Math.max(a.length, b.length);
  return { all, other: Array.from({ length: all }, (_, i) => a[i] !== b[i]).filter(Boolean).length };
}

/** What else differs of two runs of one image. */
function stateDifference(bare: GuestRun, other: GuestRun): string | undefined {
  if (bare.ending !== other.ending) return `it ended otherwise: ${other.ending}; on the bare machine: ${bare.ending}`;
  if (bare.instructions !== other.instructions) {
    return `it retired ${other.instructions} instructions, on the bare machine ${bare.instructions}`;
  }
  if (bare.ticks !== other.ticks) return `virtual time is ${other.ticks} ticks, on the bare machine ${bare.ticks}`;
  return bare.stateHash === other.stateHash ? undefined : "the final state is another";
}

/** What is equal of a run and the bare machine's. A ported image is another program: it has to end alike, and its output is compared line by line. */
function equivalenceOf(way: Way, run: GuestRun, bare: GuestRun): Properties["equivalence"] {
  const transcript = transcriptDifference(bare.transcript, run.transcript);
  if (!way.ported) {
    const state = stateDifference(bare, run);
    return { transcript: transcript === undefined, state: state === undefined, difference: transcript ?? state };
  }
  const sameEnd = bare.exit.kind === run.exit.kind;
  return {
    transcript: transcript === undefined,
    state: undefined,
    difference: sameEnd ? undefined : `it ended otherwise: ${run.ending}; on the bare machine: ${bare.ending}`,
    lines: lineCounts(bare.transcript, run.transcript),
  };
}

/** The properties of `run`, against the bare machine's run of the same guest. */
export function propertiesOf(way: Way, run: GuestRun, bare: GuestRun): Properties {
  return {
    equivalence: equivalenceOf(way, run, bare),
    control: run.vmm === undefined ? {} : attempts(run.vmm),
    efficiency: run.vmm?.directShare ?? 1,
  };
}
