/**
 * Runs guests under every way in turn and puts the runs side by side.
 * Rounds alternate: each runs every way once, forwards or backwards in turn, so that what the host does besides falls on all alike. The
 * first round compiles what V8 compiles and is not measured; counts are taken from it. Each run is a fresh machine.
 */
import { type Counts, perOperation, scaled } from "../cost/counts.js";
import type { Machine } from "../machine/machine.js";
import type { Engine } from "../machine/machine-config.js";
import type { IsaName } from "../vmm/options.js";
import type { Comparison, GuestComparison, SectionResult, WayResult } from "./comparison.js";
import { propertiesOf } from "./properties.js";
import { type GuestConfig, type GuestRun, runGuest } from "./run-guest.js";
import { MARKERS_ONLY, type SectionRun } from "./sections.js";
import { crossingTimes, hostTime, operationsOf, operationTimes, summarize } from "./timing.js";
import { allWays, type Way } from "./ways.js";

/** A guest to compare: its configuration, and the image ported to a paravirtualizing monitor if there is one. */
export interface ComparedGuest extends GuestConfig {
  /** What it is called in the report. */
  name: string;
  /** The same guest ported, for `pv`. */
  ported?: Uint8Array;
}

/** What to compare and how. */
export interface CompareOptions {
  guests: readonly ComparedGuest[];
  /** Names of ways (`bare` is always there). Default: all. */
  ways?: readonly string[];
  /** Names of sections to report. Default: all. */
  sections?: readonly string[];
  /** How instructions are executed. Default `"translator"`. */
  engine?: Engine;
  /** Measured rounds. Default: seven, or as many as can begin in half a minute, at least three. */
  rounds?: number;
  /** One processor for all ways. Default: `strict` for `trap`, which needs it, `umip` for the others. */
  isa?: IsaName;
  /** Instructions after which a run of the bare machine ends. Default 2,000,000,000. */
  maxInstructions?: number;
  /** Told before each run. */
  onProgress?: (progress: CompareProgress) => void;
}

/** Where a comparison is. */
export interface CompareProgress {
  guest: string;
  way: string;
  /** 0 for the round that warms up. */
  round: number;
  /** Measured rounds there will be at most. */
  rounds: number;
  /** Runs that are done, and all there will be at most. */
  done: number;
  runs: number;
}

/** Measured rounds if nothing else is asked for: at most ... */
const MOST_ROUNDS = 7;
/** ... and at least this many, even if the guest takes long ... */
const LEAST_ROUNDS = 3;
/** ... but none begins after so many seconds of them. */
const ROUND_SECONDS = 30;
const DEFAULT_LIMIT = 2_000_000_000;
/** A run under a monitor may take this many times the bare machine's instructions: a ported image is another program. */
const PATIENCE = 4;
/** The way whose counts are the profile: on it every instruction that is privileged or sensitive comes to the monitor. */
const PROFILING = "trap";

/** Runs of one way: the first is the one that warmed up. */
interface Runs {
  way: Way;
  first: GuestRun;
  measured: GuestRun[];
}

/** Compares. Raises `ConfigError` and `ImageError` as `createMachine` does, and RangeError for a way or section there is not. */
export function compare(options: CompareOptions): Comparison {
  const { engine = "translator", rounds = MOST_ROUNDS } = options;
  const ways = chosenWays(options);
  let done = 0;
  const runs = options.guests.reduce((all, guest) => all + (rounds + 1) * runnable(guest, ways).length, 0);
  const guests = options.guests.map((guest) =>
    compareGuest(guest, ways, { ...options, engine }, (way, round) =>
      options.onProgress?.({ guest: guest.name, way, round, rounds, done: done++, runs }),
    ),
  );
  return { engine, guests };
}

/** The ways that were asked for; the bare machine is the measure and always among them. */
function chosenWays({ ways: names, isa }: CompareOptions): Way[] {
  const all = allWays(isa);
  if (names === undefined) return all;
  const known = all.map(({ name }) => name);
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined) throw new RangeError(`expected ways of ${known.join(", ")} and found ${unknown}`);
  return all.filter(({ name }) => name === "bare" || names.includes(name));
}

function runnable(guest: ComparedGuest, ways: readonly Way[]): Way[] {
  return ways.filter((way) => !way.ported || guest.ported !== undefined);
}

/** The configuration of a guest under a way. */
function configOf({ ported, ...guest }: ComparedGuest, way: Way): GuestConfig {
  return way.ported && ported !== undefined ? { ...guest, image: ported } : guest;
}

function compareGuest(
  guest: ComparedGuest,
  ways: readonly Way[],
  { engine, rounds, sections, maxInstructions = DEFAULT_LIMIT, isa }: CompareOptions & { engine: Engine },
  progress: (way: string, round: number) => void,
): GuestComparison {
  const all: Runs[] = [];
  // V8 compiles a module whose bytes it has compiled before in no time, as long as somebody holds the other: the translated code of the round before.
  const latest = new Map<Way, Machine>();
  const keep = (way: Way) => (machine: Machine) => void latest.set(way, machine);
  let limit = maxInstructions;
  for (const way of runnable(guest, ways)) {
    progress(way.name, 0);
    const first = runGuest(configOf(guest, way), way, { engine, maxInstructions: limit, hash: true, keep: keep(way) });
    all.push({ way, first, measured: [] });
    // The bare machine is first; whatever takes much longer than it will not end.
    if (way.vmm === "none") limit = Math.min(maxInstructions, first.instructions * PATIENCE);
  }
  const began = performance.now();
  let round = 1;
  for (; round <= (rounds ?? MOST_ROUNDS); round++) {
    const seconds = (performance.now() - began) / 1000;
    if (rounds === undefined && round > LEAST_ROUNDS && seconds > ROUND_SECONDS) break;
    for (const runs of round % 2 === 1 ? all : [...all].reverse()) {
      progress(runs.way.name, round);
      const settings = { engine, maxInstructions: limit, hash: false, keep: keep(runs.way) };
      runs.measured.push(runGuest(configOf(guest, runs.way), runs.way, settings));
    }
  }
  const bare = all.find(({ way }) => way.vmm === "none")!;
  const chosen = (name: string) => sections === undefined || sections.includes(name) || name === MARKERS_ONLY;
  const results = all.map((runs) => wayResult(runs, bare, chosen));
  return {
    name: guest.name,
    rounds: round - 1,
    ways: results,
    absent: ways
      .filter((way) => !all.some((runs) => runs.way === way))
      .map(({ name }) => ({ name, reason: "no ported image" })),
    sections: sectionNames(results),
    profile: profileOf(guest, results, { engine, maxInstructions: limit, isa }),
    equivalent: results.every(({ properties }) => properties.equivalence.difference === undefined),
  };
}

/** Names of all sections in the order in which they come; those that only some ways have stand where those have them. */
function sectionNames(ways: readonly WayResult[]): string[] {
  const names: string[] = [];
  for (const { sections } of ways) {
    sections.forEach(({ name }, i) => {
      if (!names.includes(name)) names.splice(i === 0 ? 0 : names.indexOf(sections[i - 1]!.name) + 1, 0, name);
    });
  }
  return names;
}

function wayResult({ way, first, measured }: Runs, bare: Runs, chosen: (name: string) => boolean): WayResult {
  const rounds = measured.length > 0 ? measured : [first];
  const bareRounds = bare.measured.length > 0 ? bare.measured : [bare.first];
  const markers = first.sections.find(({ name }) => name === MARKERS_ONLY);
  return {
    ...way,
    ending: first.ending,
    instructions: first.instructions,
    ticks: first.ticks,
    stateHash: first.stateHash!,
    properties: propertiesOf(way, first, bare.first),
    hostSeconds: summarize(rounds.map(({ hostSeconds }) => hostSeconds)).typical,
    crossingTimes: crossingTimes(rounds),
    sections: first.sections
      .filter(({ name }) => chosen(name))
      .map((section) => sectionResult(section, markers, rounds, bareRounds)),
  };
}

function sectionResult(
  section: SectionRun,
  markers: SectionRun | undefined,
  rounds: readonly GuestRun[],
  bare: readonly GuestRun[],
): SectionResult {
  const { name, counts } = section;
  const operations = operationsOf(section);
  const marks =
    name === MARKERS_ONLY || markers === undefined ? undefined : scaled(markers.counts, section.pairs / markers.pairs);
  return {
    name,
    operations,
    counts,
    perOperation: perOperation(counts, marks, operations),
    time: hostTime(operationTimes(rounds, name), operationTimes(bare, name)),
  };
}

/** Events of one operation of each section under the profiling way; it is run once more if it is not among the columns. */
function profileOf(
  guest: ComparedGuest,
  ways: readonly WayResult[],
  { engine, maxInstructions, isa }: { engine: Engine; maxInstructions: number; isa: IsaName | undefined },
): Record<string, Counts> {
  const present = ways.find(({ name }) => name === PROFILING && (isa ?? "strict") === "strict");
  if (present !== undefined) return Object.fromEntries(present.sections.map((s) => [s.name, s.perOperation]));
  const way = allWays("strict").find(({ name }) => name === PROFILING)!;
  const run = runGuest(configOf(guest, way), way, { engine, maxInstructions, hash: false });
  const markers = run.sections.find(({ name }) => name === MARKERS_ONLY);
  return Object.fromEntries(
    run.sections.map((section) => [section.name, sectionResult(section, markers, [run], []).perOperation]),
  );
}
