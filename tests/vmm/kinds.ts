/** The monitors under which every guest must see what it sees on the bare machine. */
import { readFileSync } from "node:fs";
import { createMachine, type Hypervisor, type Machine, type MachineConfig } from "../../src/index.js";

/** A choice of monitor, by name. */
export const MONITORS = {
  "vt ept": { vmm: "vt", mmu: "ept" },
  "vt shadow": { vmm: "vt", mmu: "shadow" },
  hybrid: { vmm: "hybrid", mmu: "shadow" },
  "trap strict": { vmm: "trap", mmu: "shadow", isa: "strict" },
} as const satisfies Record<string, Partial<MachineConfig>>;

/** Name of a monitor. */
export type MonitorName = keyof typeof MONITORS;
/** All of them. */
export const MONITOR_NAMES = Object.keys(MONITORS) as MonitorName[];

/** RAM of each machine. */
export const GUEST_BYTES = 8 << 20;

/** A machine whose output is collected. */
export class Guest {
  readonly machine: Machine;
  private readonly bytes: number[] = [];

  /** Boots `roms/NAME.elf`. */
  constructor(name: string, config: Partial<MachineConfig>, hypervisor?: Hypervisor) {
    const image = readFileSync(new URL(`../../roms/${name}.elf`, import.meta.url));
    this.machine = createMachine({ image, name, memoryBytes: GUEST_BYTES, ...config }, hypervisor);
    this.machine.onSerial(0, (byte) => this.bytes.push(byte));
  }

  /** What it has printed on COM1. */
  get text(): string {
    return Buffer.from(this.bytes).toString("latin1");
  }

  /** Everything about it that must not depend on what it runs under. */
  end(): object {
    const { machine, text } = this;
    return { text, instructions: machine.instructions, ticks: machine.ticks, hash: machine.stateHash() };
  }

  /** Runs to its end, at most `instructions`. */
  run(instructions = 50_000_000): string {
    return this.machine.run({ maxInstructions: instructions }).exit.kind;
  }
}

/** Runs guests in turns of `slice` instructions until each has ended. Returns how each did. */
export function interleave(guests: readonly Guest[], slices: readonly number[], most = 20_000_000): string[] {
  const ends = guests.map(() => "");
  for (let turn = 0; ends.includes("") && turn < most; turn++) {
    const i = turn % guests.length;
    if (ends[i] !== "") continue;
    const exit = guests[i]!.run(slices[turn % slices.length]!);
    if (exit !== "budget") ends[i] = exit;
  }
  return ends;
}
