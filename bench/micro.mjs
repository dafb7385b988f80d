/**
 * Costs inside the machine, with tinybench: a call into the core, decoding, a page walk, a TLB hit, an exit to a port, a trap and its emulation.
 * Each task's guest is a few bytes of code in a flat machine; the figure is the time of one operation.
 */
import { Bench } from "tinybench";
import { createMachine } from "../dist/src/index.js";
import { OPERATIONS, trapGuest } from "./trap-guest.mjs";
import { cpuidRoundTrip } from "./vmx-guest.mjs";

const CODE = 0x10_0000;
const LOOPS = 1000;

/** A flat protected-mode machine with `code` at CODE, stopped at its first instruction. */
function machineWith(code) {
  const image = Uint8Array.from(code);
  const machine = createMachine({ image, format: "flat", address: CODE, mode: "protected", memoryBytes: 16 << 20 });
  return machine;
}

/** Little-endian bytes of a 32-bit value. */
function dword(value) {
  return [value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, value >>> 24];
}

/** `body` repeated, then a jump back to the start: an endless loop of `1 + count` instructions of known cost. */
function loopOf(body, count) {
  const bytes = Array.from({ length: count }, () => body).flat();
  return [...bytes, 0xe9, ...dword(-(bytes.length + 5))];
}

/** Identity page tables for the first 4 MB, at 2 MB, and paging on. Returns nothing; the machine walks from now on. */
function enablePaging(machine) {
  const directory = 0x20_0000;
  const table = directory + 0x1000;
  const bytes = new Uint8Array(0x1000);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, table | 7, true);
  machine.writePhysical(directory, bytes);
  for (let page = 0; page < 1024; page++) view.setUint32(page * 4, (page << 12) | 7, true);
  machine.writePhysical(table, bytes);
  machine.setRegisters({ cr3: directory, cr0: machine.cpu.cr0 | 0x8000_0000 });
}

const NOP = [0x90];
/** mov eax, [0x300000] */
const LOAD = [0xa1, ...dword(0x30_0000)];
/** invlpg [0x300000] */
const INVLPG = [0x0f, 0x01, 0x3d, ...dword(0x30_0000)];
/** out 0x80, al */
const OUT = [0xe6, 0x80];

/** The tasks: name, operations in one call, and the call. */
function tasks() {
  const nops = machineWith(loopOf(NOP, LOOPS - 1)).core;
  const paged = (body) => {
    const machine = machineWith(loopOf(body, Math.floor(LOOPS / 2)));
    enablePaging(machine);
    return machine.core;
  };
  const hits = paged([...LOAD, ...NOP]);
  const walks = paged([...LOAD, ...INVLPG]);
  const ports = machineWith(loopOf(OUT, LOOPS - 1)).core;
  const exits = cpuidRoundTrip(machineWith(NOP).core);
  const cold = machineWith(loopOf(NOP, LOOPS - 1));
  const code = cold.readPhysical(CODE, LOOPS + 4);
  return [
    { name: "call of run(1)", operations: 1, call: () => nops.run(1) },
    { name: "NOP", operations: LOOPS, call: () => nops.run(LOOPS) },
    {
      name: "NOP decoded anew",
      operations: LOOPS,
      call: () => {
        cold.core.writeRam(CODE, code);
        cold.core.run(LOOPS);
      },
    },
    { name: "load with a TLB hit, and a NOP", operations: LOOPS / 2, call: () => hits.run(LOOPS) },
    { name: "load with a page walk, and INVLPG", operations: LOOPS / 2, call: () => walks.run(LOOPS) },
    { name: "OUT to port 0x80 (through JavaScript)", operations: LOOPS, call: () => ports.run(LOOPS) },
    {
      name: "CPUID exit, its emulation, and VMRESUME",
      operations: 100,
      call: () => {
        for (let i = 0; i < 100; i++) exits();
      },
    },
    ...Object.keys(OPERATIONS).map(trapTask),
  ];
}

/** Trap-and-emulate on a machine where everything traps. */
const TRAP = { vmm: "trap", isa: "strict" };

/** The task of one operation of a kernel under trap-and-emulate. */
function trapTask(name) {
  const { machine, operations, call } = trapGuest(OPERATIONS[name], TRAP, 20);
  const run = () => {
    const { exit } = call();
    if (exit.kind !== "budget") throw new Error(`${name}: the guest came to ${exit.kind}`);
  };
  run();
  const before = machine.vm.statistics();
  run();
  const exits = count(machine.vm.statistics()) - count(before);
  // Every operation must have trapped, or something else is measured.
  if (exits < operations) throw new Error(`${name}: expected ${operations} exits and found ${exits}`);
  return { name: `trap: ${name}`, operations, call: run };
}

/** Exits so far. */
function count({ exits }) {
  return exits.reduce((sum, exit) => sum + exit.count, 0);
}

/** Runs the tasks for `milliseconds` each; returns `{ name, nanoseconds, margin }` per operation, margin in percent. */
export async function runMicro(milliseconds) {
  const bench = new Bench({ time: milliseconds, warmupTime: milliseconds / 2 });
  const list = tasks();
  for (const { name, call } of list) bench.add(name, call);
  await bench.run();
  return bench.tasks.map((task, index) => {
    if (task.result.state !== "completed") throw new Error(`${task.name}: ${task.result.error ?? task.result.state}`);
    const { latency } = task.result;
    return {
      name: task.name,
      nanoseconds: (latency.p50 * 1e6) / list[index].operations,
      margin: latency.rme,
    };
  });
}
