/**
 * Sections of a run, as the guest marks them: readings of all counts at begin and end, and the host's time between them.
 * Invariant: the time is taken last at a begin and first at an end, so that reading the counts is not in it.
 */
import { Cpu } from "../../assembly/abi/cpu.js";
import type { Machine } from "../machine/machine.js";
import type { Mark } from "../machine/machine-config.js";
import { type Counts, difference, NO_TRANSLATION, sum } from "../cost/counts.js";

/** The section that holds nothing: what marking costs. */
export const MARKERS_ONLY = "nothing";
/** The whole run, as a section of one operation. */
export const WHOLE_RUN = "whole run";

/** What one section came to in one run. A section that was marked more than once has all of them together. */
export interface SectionRun {
  name: string;
  /** Operations in it. */
  count: number;
  /** How often it was begun and ended. */
  pairs: number;
  counts: Counts;
  /** Host time in nanoseconds. */
  nanoseconds: number;
  /** That of the shortest pair of marks: the first runs code that is cold. */
  shortest: number;
}

interface Open {
  before: Counts;
  began: number;
}

/** Reads all counts of a machine as they are now. */
export function readCounts(machine: Machine): Counts {
  const { vmm, tlb, exceptions, interrupts } = machine.statistics();
  // The count of retired instructions is brought up to date at the end of a run; virtual time always is.
  const { cpu } = machine.core;
  const ticks = machine.ticks - (cpu.field(Cpu.SKIPPED) + cpu.field(Cpu.SKIPPED + 4) * 2 ** 32);
  // What runs between two exits is counted behind it: under a hybrid monitor a stretch of interpretation, else direct execution.
  const counted = (vmm?.direct ?? 0) + (vmm?.emulated ?? 0) + (vmm?.interpreted ?? 0);
  const underWay = Math.max(0, ticks - counted);
  const interpreting = machine.vm?.options.vmm === "hybrid";
  return {
    ticks,
    crossings: (vmm?.exits ?? []).map(({ crossing, cause, count }) => ({ crossing, cause, count })),
    inline: { ...vmm?.inline },
    refused: { ...vmm?.refused },
    direct: (vmm?.direct ?? 0) + (interpreting ? 0 : underWay),
    emulated: vmm?.emulated ?? 0,
    interpreted: (vmm?.interpreted ?? 0) + (interpreting ? underWay : 0),
    translation: vmm?.translation ?? NO_TRANSLATION,
    memory: { ...vmm?.memory },
    tlbMisses: vmm?.walks ?? tlb.misses,
    delivered: { ...exceptions, interrupt: interrupts },
  };
}

/** Listens to a guest's marks. */
export class Sections {
  private readonly open: Open[] = [];
  private readonly byName = new Map<string, SectionRun>();

  /** `machine` is asked for when the first mark comes: it is made with `mark` as its listener. */
  constructor(private readonly machine: () => Machine) {}

  /** Takes a mark, inside the instruction that makes it. */
  mark({ kind, name, count }: Mark): void {
    const now = performance.now();
    if (kind === "begin") {
      const begun: Open = { before: readCounts(this.machine()), began: 0 };
      this.open.push(begun);
      begun.began = performance.now();
      return;
    }
    const begun = this.open.pop();
    if (begun === undefined) return;
    const nanoseconds = (now - begun.began) * 1e6;
    const counts = difference(readCounts(this.machine()), begun.before);
    const known = this.byName.get(name);
    if (known === undefined)
      this.byName.set(name, { name, count, pairs: 1, counts, nanoseconds, shortest: nanoseconds });
    else {
      known.count += count;
      known.pairs++;
      known.counts = sum(known.counts, counts);
      known.nanoseconds += nanoseconds;
      known.shortest = Math.min(known.shortest, nanoseconds);
    }
  }

  /** All sections that have ended, in the order of their first begin. */
  list(): SectionRun[] {
    return [...this.byName.values()];
  }
}
