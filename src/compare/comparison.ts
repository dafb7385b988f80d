/**
 * The result of a comparison as plain data: guests, the ways each was run, and what each section came to under each way.
 * Counts depend on the guest alone; what is called nanoseconds, spread or ratio is the host's.
 */
import type { Counts } from "../cost/counts.js";
import type { Engine } from "../machine/machine-config.js";
import type { Crossing } from "../vmm/statistics.js";
import type { Way } from "./ways.js";

/** A time of the host, measured in several rounds. */
export interface HostTime {
  /** Nanoseconds of one operation, without what marking the section costs: the lower quartile of the rounds. */
  nanoseconds: number;
  /** How far the fastest round is from it, as its share. */
  spread: number;
  /** By the bare machine's; undefined if that has no such section. */
  ratio: number | undefined;
  /** Each round's nanoseconds. */
  rounds: number[];
}

/** A section under one way. */
export interface SectionResult {
  name: string;
  /** Operations in it. */
  operations: number;
  /** Events of the whole section, marks included. */
  counts: Counts;
  /** Events of one operation, without what marking costs. */
  perOperation: Counts;
  time: HostTime;
}

/** Popek and Goldberg's three properties (1974) of one run, as figures. */
export interface Properties {
  /** Equivalence: what was compared with the bare machine's run, and whether it is equal. */
  equivalence: {
    transcript: boolean;
    /** End, instruction count, virtual time and final state; undefined for a ported image, which is another program. */
    state: boolean | undefined;
    /** What differs first, as a sentence; undefined if nothing does that must not. */
    difference: string | undefined;
    /** Of a ported image, another program: lines of output, and how many are other than the bare machine's. */
    lines?: { all: number; other: number };
  };
  /** Resource control: attempts of the guest at a resource that came to the monitor, by name. */
  control: Record<string, number>;
  /** Efficiency: share of the guest's instructions and events that ran without intervention. */
  efficiency: number;
}

/** What the crossings of one cause took the monitor, on this host. */
export interface CrossingTime {
  crossing: Crossing;
  cause: string;
  /** In the whole run. */
  count: number;
  /** Nanoseconds in the monitor for one of them: the lower quartile of the rounds' means. */
  nanoseconds: number;
}

/** One way to run a guest, and what it came to. */
export interface WayResult extends Way {
  /** How the run ended, as a sentence. */
  ending: string;
  instructions: number;
  ticks: number;
  /** SHA-256 of the final state. */
  stateHash: string;
  properties: Properties;
  /** Seconds of the host for a whole run. */
  hostSeconds: number;
  /** What crossings took by cause, most frequent first. */
  crossingTimes: CrossingTime[];
  sections: SectionResult[];
}

/** A way that was asked for and could not be run. */
export interface AbsentWay {
  name: string;
  /** Why, as half a sentence. */
  reason: string;
}

/** A guest under all ways. */
export interface GuestComparison {
  name: string;
  /** Measured rounds; one more was run before to warm up. */
  rounds: number;
  ways: WayResult[];
  absent: AbsentWay[];
  /** Names of the sections, in the order of the first way that has them. */
  sections: string[];
  /**
   * The instructions and events that cost a real processor more than one cycle, of one operation of each section: from a run on which every one of
   * them came to a monitor.
   */
  profile: Record<string, Counts>;
  /** True if every way is equivalent to the bare machine as far as it must be. */
  equivalent: boolean;
}

/** Everything `compare` found. */
export interface Comparison {
  engine: Engine;
  guests: GuestComparison[];
}

/** The section of a way by name. */
export function sectionOf(way: Pick<WayResult, "sections">, name: string): SectionResult | undefined {
  return way.sections.find((section) => section.name === name);
}
