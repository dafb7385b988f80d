/**
 * One run of a guest on a fresh machine: its transcript, how it ended, its sections, and the host's time.
 */
import { createMachine, type Machine } from "../machine/machine.js";
import type { Engine, MachineConfig } from "../machine/machine-config.js";
import { describeResult, type RunExit } from "../machine/run-result.js";
import type { VmmStatistics } from "../vmm/statistics.js";
import { MARKERS_ONLY, readCounts, type SectionRun, Sections, WHOLE_RUN } from "./sections.js";
import type { Way } from "./ways.js";

/** What is run: everything of a machine's configuration but the way. */
export type GuestConfig = Omit<MachineConfig, "vmm" | "mmu" | "isa" | "engine" | "onMark" | "rings" | "diagnose">;

/** How a run is limited and what is kept of it. */
export interface RunSettings {
  engine: Engine;
  maxInstructions: number;
  /** True to hash the final state. */
  hash: boolean;
  /** Told of the machine, which has run. */
  keep?: (machine: Machine) => void;
}

/** A finished run. */
export interface GuestRun {
  exit: RunExit;
  /** How it ended, as a sentence. */
  ending: string;
  instructions: number;
  ticks: number;
  /** What the guest sent on its serial ports and debug consoles, in order. */
  transcript: string;
  stateHash: string | undefined;
  vmm: VmmStatistics | undefined;
  /** The sections the guest marked; the whole run if it marked none. */
  sections: SectionRun[];
  hostSeconds: number;
}

/** Runs the guest to its end. Raises `ConfigError` and `ImageError`. */
export function runGuest(guest: GuestConfig, way: Way, { engine, maxInstructions, hash, keep }: RunSettings): GuestRun {
  const sections: Sections = new Sections(() => machine);
  const machine: Machine = createMachine({
    ...guest,
    engine,
    vmm: way.vmm,
    isa: way.isa,
    ...(way.mmu === undefined ? {} : { mmu: way.mmu }),
    onMark: (mark) => sections.mark(mark),
  });
  const bytes: number[] = [];
  machine.onSerial(0, (byte) => bytes.push(byte));
  machine.onSerial(1, (byte) => bytes.push(byte));
  machine.onDebugConsole((byte) => bytes.push(byte));
  const began = performance.now();
  const result = machine.run({ maxInstructions });
  const nanoseconds = (performance.now() - began) * 1e6;
  keep?.(machine);
  const marked = sections.list();
  const whole = {
    name: WHOLE_RUN,
    count: 1,
    pairs: 0,
    counts: readCounts(machine),
    nanoseconds,
    shortest: nanoseconds,
  };
  return {
    exit: result.exit,
    ending: describeResult(result),
    instructions: machine.instructions,
    ticks: machine.ticks,
    transcript: Buffer.from(bytes).toString("latin1"),
    stateHash: hash ? machine.stateHash() : undefined,
    vmm: machine.vm?.statistics(),
    sections: marked.some(({ name }) => name !== MARKERS_ONLY) ? marked : [...marked, whole],
    hostSeconds: nanoseconds / 1e9,
  };
}
