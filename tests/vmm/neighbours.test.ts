/**
 * Virtual machines that share a machine: one that tries to get out beside one that works. Neither changes a frame of the other or of the
 * monitor, and each runs as on the bare machine, however their turns fall.
 */
import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { Fpu } from "../../assembly/abi/fpu.js";
import { createMachine, type Engine, Hypervisor, type Machine, machineBytes } from "../../src/index.js";
import { guestImage } from "../lockstep/guest-runs.js";
import { WAYS, type Way } from "./ways.js";

const RAM_BYTES = 8 << 20;
/** Instructions of the turns. */
const TURNS = [1000, 777, 31, 50_000, 1];
/** Turns after which guests must have ended. */
const MOST_TURNS = 100_000;

/** A guest and what it prints. */
class Guest {
  readonly machine: Machine;
  private readonly bytes: number[] = [];

  constructor(name: string, config: Way & { engine?: Engine }, hypervisor?: Hypervisor) {
    const commandLine = name === "attacker" ? "sdm" : "";
    const image = guestImage(name);
    this.machine = createMachine({ image, name, commandLine, memoryBytes: RAM_BYTES, ...config }, hypervisor);
    this.machine.onSerial(0, (byte) => this.bytes.push(byte));
  }

  /** What must not depend on where it runs. */
  end(): object {
    const { machine, bytes } = this;
    const text = Buffer.from(bytes).toString("latin1");
    return { text, instructions: machine.instructions, ticks: machine.ticks, hash: machine.stateHash() };
  }
}

/** The bare machine's end of a guest. */
function bare(name: string): object {
  const guest = new Guest(name, {});
  guest.machine.run({ maxInstructions: 20_000_000 });
  return guest.end();
}

/** A machine for `count` guests. */
function machineFor(count: number, way: Way): Hypervisor {
  const one = { ramBytes: RAM_BYTES, shadowFrames: 1024, mmu: way.mmu ?? "shadow" };
  return new Hypervisor({ ramBytes: machineBytes(Array.from({ length: count }, () => one)), isa: way.isa ?? "umip" });
}

/** Lets guests take turns until all have ended. */
function takeTurns(guests: readonly Guest[]): void {
  const going = new Set(guests);
  for (let turn = 0; turn < MOST_TURNS && going.size > 0; turn++) {
    const guest = guests[turn % guests.length]!;
    if (!going.has(guest)) continue;
    const { exit } = guest.machine.run({ maxInstructions: TURNS[turn % TURNS.length]! });
    if (exit.kind !== "budget") going.delete(guest);
  }
  expect(going.size).toBe(0);
}

/** Digest of the frames of every owner but those `names` say. */
function foreignFrames({ frames, memory }: Hypervisor, own: (name: string) => boolean): Map<string, string> {
  const digests = new Map<string, string>();
  for (const [name, mfns] of frames.framesByOwner()) {
    if (own(name)) continue;
    const hash = createHash("sha1");
    for (const mfn of mfns) hash.update(memory.bytes.subarray(mfn * 4096, (mfn + 1) * 4096));
    digests.set(name, hash.digest("hex"));
  }
  return digests;
}

describe.each(Object.entries(WAYS))("%s", (_name, way) => {
  test.each(["interpreter", "translator"] as const)("attacker and minikernel in turns are as alone: %s", (engine) => {
    const hypervisor = machineFor(2, way);
    const names = ["attacker", "minikernel"];
    const guests = names.map((name) => new Guest(name, { ...way, engine }, hypervisor));
    takeTurns(guests);
    expect(guests.map((guest) => guest.end())).toEqual(names.map(bare));
    for (const guest of guests) guest.machine.destroy();
    expect(hypervisor.frames.framesByOwner()).toEqual(new Map());
  });

  test("attacker changes no frame of its neighbour or of the neighbour's monitor", () => {
    const hypervisor = machineFor(2, way);
    const neighbour = new Guest("minikernel", way, hypervisor);
    neighbour.machine.run({ maxInstructions: 200_000 });
    const attacker = new Guest("attacker", way, hypervisor);
    const isAttackers = (name: string) => name.startsWith("attacker");
    const before = foreignFrames(hypervisor, isAttackers);
    expect([...before.keys()].sort()).toEqual(["minikernel", "minikernel's tables"]);
    const free = freeBytes(hypervisor);
    attacker.machine.run({ maxInstructions: 20_000_000 });
    expect(foreignFrames(hypervisor, isAttackers)).toEqual(before);
    expect(free()).toBe(0);
    attacker.machine.destroy();
    neighbour.machine.run({ maxInstructions: 20_000_000 });
    expect(neighbour.end()).toEqual(bare("minikernel"));
  });
});

/** Counts bytes that are not 0 in frames that are free now. */
function freeBytes({ frames, memory }: Hypervisor): () => number {
  return () => {
    const taken = new Set([...frames.framesByOwner().values()].flat() as number[]);
    let count = 0;
    for (let mfn = 0; mfn < memory.frames; mfn++) {
      if (!taken.has(mfn))
        for (const byte of memory.bytes.subarray(mfn * 4096, mfn * 4096 + 4096)) if (byte !== 0) count++;
    }
    return count;
  };
}

describe("the life of virtual machines", () => {
  const way = WAYS["vt on shadow"]!;

  test("kinds mix on one machine", () => {
    const hypervisor = machineFor(3, {});
    const ways = [WAYS["vt on ept"]!, WAYS["vt on shadow"]!, WAYS["hybrid on umip"]!];
    const guests = ways.map((each) => new Guest("minikernel", each, hypervisor));
    takeTurns(guests);
    for (const guest of guests) expect(guest.end()).toEqual(bare("minikernel"));
  });

  test("x87 state belongs to a VM", () => {
    const hypervisor = machineFor(2, way);
    const [one, two] = ["minikernel", "minikernel"].map((name) => new Guest(name, way, hypervisor).machine);
    const depth = (machine: Machine) => machine.cpu.field(Fpu.TOP);
    const before = depth(one!);
    one!.writePhysical(0x200000, Uint8Array.from([0xdb, 0xe3, 0xd9, 0xe8, 0xd9, 0xeb])); // FNINIT; FLD1; FLDPI
    one!.setRegisters({ eip: 0x200000 });
    one!.run({ maxInstructions: 3 });
    expect(depth(two!)).toBe(before);
    expect(depth(one!)).toBe(6);
  });

  test("a VM answers about itself while a neighbour runs, and is not switched to", () => {
    const hypervisor = machineFor(2, way);
    const watched = new Guest("minikernel", way, hypervisor).machine;
    watched.run({ maxInstructions: 1234 });
    const runner = new Guest("minikernel", way, hypervisor).machine;
    const seen: number[] = [];
    runner.onSerial(0, () => {
      seen.push(watched.ticks, watched.instructions);
      watched.sendSerial("x");
      watched.stop();
    });
    runner.run({ maxInstructions: 100_000 });
    expect(new Set(seen)).toEqual(new Set([watched.ticks, 1234]));
    expect(watched.run().exit.kind).toBe("stopped");
    runner.onSerial(0, () => watched.run());
    const { exit } = runner.run();
    expect(exit).toMatchObject({ kind: "host-error" });
  });

  test("a destroyed VM says so, and its number and frames serve another", () => {
    const hypervisor = machineFor(1, way);
    const first = new Guest("minikernel", way, hypervisor).machine;
    first.destroy();
    first.destroy();
    expect(() => first.cpu).toThrow("minikernel has been destroyed");
    const second = new Guest("minikernel", way, hypervisor);
    expect(second.machine.vm!.id).toBe(first.vm!.id);
    takeTurns([second]);
    expect(second.end()).toEqual(bare("minikernel"));
  });

  test("one VM too many is refused before it takes a frame", () => {
    const hypervisor = machineFor(1, way);
    const only = new Guest("minikernel", way, hypervisor);
    const { free } = hypervisor.frames;
    expect(() => new Guest("minikernel", way, hypervisor)).toThrow(/machine frames: expected \d+ free/);
    expect(hypervisor.frames.free).toBe(free);
    takeTurns([only]);
  });

  test.each(Object.entries(WAYS))("64 MB of guest memory cost under 5 MB of the monitor's: %s", (_name, each) => {
    const size = { ramBytes: 64 << 20, shadowFrames: 1024, mmu: each.mmu ?? "shadow" } as const;
    const hypervisor = new Hypervisor({ ramBytes: machineBytes([size]), isa: each.isa ?? "umip" });
    const machine = createMachine({ image: guestImage("bench/cr3switch"), memoryBytes: 64 << 20, ...each }, hypervisor);
    machine.run({ maxInstructions: 300_000 });
    const taken = hypervisor.frames.total - hypervisor.frames.free - (64 << 20) / 4096;
    expect(taken * 4096).toBeLessThan(5 << 20);
  });
});
