/**
 * What it costs, exactly: exits by cause, and how many ticks of a guest ran directly, by the monitor's hand, and
 * interpreted in stretches. The numbers depend on guest and monitor alone: not on the engine, not on the host.
 */
import { describe, expect, test } from "vitest";
import { createMachine } from "../../src/index.js";
import { guestImage } from "../lockstep/guest-runs.js";
import { ENGINES, WAYS } from "./ways.js";

/** Exits by cause, and ticks: direct, emulated, interpreted. */
type Cost = readonly [exits: Record<string, number>, direct: number, emulated: number, interpreted: number];

const HELLO: Record<keyof typeof WAYS, Cost> = {
  "vt on ept": [{ IO_INSTRUCTION: 41 }, 162, 41, 0],
  "vt on shadow": [{ IO_INSTRUCTION: 41, "#PF": 1 }, 162, 41, 0],
  "hybrid on umip": [{}, 0, 0, 203],
  "trap on strict": [{ "#GP": 41, "#PF": 1 }, 162, 41, 0],
  "trap in rings 0/3": [{ "#GP": 41, "#PF": 1 }, 162, 41, 0],
  "bt on ia32": [{ OUT: 21, IN: 20, "#PF": 1 }, 162, 41, 0],
  "bt on umip": [{ OUT: 21, IN: 20, "#PF": 1 }, 162, 41, 0],
};

/** Events that user programs raise. */
const EVENTS = { "INT 80h": 39, "#DE": 1, "#UD": 1, "INT 20h": 1, "#BP": 1 };
/** Call-outs for what the kernel does, whoever runs the programs. */
const CALL_OUTS = {
  ...{ IN: 1828, "page-table store": 165, IRET: 61, "MOV to CR": 49, LGDT: 1, LIDT: 1, LTR: 1, "JMP far": 1 },
  ...{ "#PF": 219, "#DE": 1, "#UD": 1 },
};

const MINIKERNEL: Record<keyof typeof WAYS, Cost> = {
  "vt on ept": [{ IO_INSTRUCTION: 3687 }, 1_057_388, 3687, 0],
  "vt on shadow": [{ IO_INSTRUCTION: 3687, "#PF": 267, CR_ACCESS: 75 }, 1_057_238, 3837, 0],
  "hybrid on umip": [{ ...EVENTS, "#PF": 30, "#GP": 4 }, 889_462, 54, 171_559],
  "trap on strict": [{ ...EVENTS, "#PF": 266, "#GP": 4271 }, 1_056_675, 4389, 11],
  "trap in rings 0/3": [{ ...EVENTS, "#PF": 270, "#GP": 4271 }, 1_056_675, 4389, 11],
  "bt on ia32": [{ ...CALL_OUTS, OUT: 1860, INT: 40, INT3: 1, "#GP": 3 }, 1_057_009, 4056, 10],
  "bt on umip": [{ ...CALL_OUTS, ...EVENTS, OUT: 1859, "#GP": 4 }, 1_057_009, 4056, 10],
};

/** What a run of a guest of roms/ cost. */
function cost(name: string, append: string, engine: (typeof ENGINES)[number], way: (typeof WAYS)[string]) {
  const machine = createMachine({
    image: guestImage(name),
    commandLine: append,
    memoryBytes: 16 << 20,
    engine,
    ...way,
  });
  machine.run();
  const vmm = machine.statistics().vmm!;
  const exits = Object.fromEntries(vmm.exits.map(({ cause, count }) => [cause, count]));
  return { exits, memory: vmm.memory, ticks: [exits, vmm.direct, vmm.emulated, vmm.interpreted] };
}

describe.each(ENGINES)("%s", (engine) => {
  test.each(Object.entries(WAYS))("%s: hello and minikernel", (name, way) => {
    expect(cost("hello", "", engine, way).ticks).toEqual(HELLO[name]);
    expect(cost("minikernel", "", engine, way).ticks).toEqual(MINIKERNEL[name]);
  });

  test("translation: what a unit is made of, and what was executed in line", () => {
    const machine = createMachine({ image: guestImage("minikernel"), memoryBytes: 16 << 20, engine, vmm: "bt" });
    machine.run();
    const { inline, translation } = machine.statistics().vmm!;
    const moves = { "PUSH Sreg": 122, "POP Sreg": 122, "MOV to Sreg": 127, "MOV from CR": 31 };
    expect(inline).toEqual({ CLI: 32, STI: 33, ...moves });
    // Regions look units up and drop them in an order of their own.
    const exact = { units: 336, ident: 956, inline: 19, callOut: 41, misses: 336 };
    if (engine === "interpreter") expect(translation).toMatchObject(exact);
    expect(translation!.misses / translation!.lookups).toBeLessThan(0.07);
  });

  /** A change of mapping and the INVLPG after it, 8,000 times. The table is left to the guest at the first, so half of the changes fault: those that map. */
  test("pgchurn: shadow tables cost an exit for every INVLPG and every page that comes, extended tables none", () => {
    const shadow = cost("bench/pgchurn", "n=4", engine, WAYS["vt on shadow"]!);
    expect(shadow.exits).toEqual({ "#PF": 4025, INVLPG: 8000, IO_INSTRUCTION: 122, CR_ACCESS: 2 });
    expect(shadow.memory).toMatchObject({ hidden: 4025, true: 0, unsynced: 1, resynced: 0 });
    const ept = cost("bench/pgchurn", "n=4", engine, WAYS["vt on ept"]!);
    expect(ept.exits).toEqual({ IO_INSTRUCTION: 122 });
    expect(ept.memory["nested walks"]).toBeGreaterThan(4000);
  });

  /** The guest takes 4,000 page faults of its own: they are true, all others hidden. */
  test("pagefault: true and hidden faults are told apart", () => {
    const shadow = cost("bench/pagefault", "n=4", engine, WAYS["vt on shadow"]!);
    expect(shadow.exits).toEqual({ "#PF": 8026, INVLPG: 4000, IO_INSTRUCTION: 130, CR_ACCESS: 2 });
    expect(shadow.memory).toMatchObject({ true: 4000, hidden: 4026 });
    expect(cost("bench/pagefault", "n=4", engine, WAYS["vt on ept"]!).exits).toEqual({ IO_INSTRUCTION: 130 });
  });
});
