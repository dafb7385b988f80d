/**
 * What one operation of each section of roms/nanobench costs in exits, call-outs and hypercalls, under each monitor: the textbook's table, counted. The numbers are
 * rounded to whole exits per operation, which leaves out what a section does once.
 */
import { describe, expect, test } from "vitest";
import { createMachine, type Machine } from "../../src/index.js";
import { guestImage } from "../lockstep/guest-runs.js";
import { ENGINES, type Way, WAYS } from "./ways.js";

/** Crossings so far: exits by cause, and others by kind and cause. */
function crossings(machine: Machine): Map<string, number> {
  const { exits } = machine.statistics().vmm!;
  return new Map(
    exits.map(({ crossing, cause, count }) => [crossing === "exit" ? cause : `${crossing} ${cause}`, count]),
  );
}

/** Crossings per operation, by section: "cause count, …"; sections without any are left out. */
function perOperation(engine: (typeof ENGINES)[number], way: Way): Record<string, string> {
  const table: Record<string, string> = {};
  let before = new Map<string, number>();
  const machine: Machine = createMachine({
    image: guestImage(way.vmm === "pv" ? "nanobench-pv" : "nanobench"),
    commandLine: "n=2048",
    memoryBytes: 16 << 20,
    engine,
    onMark: ({ kind, name, count }) => {
      const now = crossings(machine);
      if (kind === "begin") {
        before = now;
        return;
      }
      const costs = [...now]
        .map(([cause, all]) => [cause, Math.round((all - (before.get(cause) ?? 0)) / count)] as const)
        .filter(([, each]) => each > 0)
        .sort(([a], [b]) => (a < b ? -1 : 1));
      if (costs.length > 0) table[name] = costs.map(([cause, each]) => `${cause} ${each}`).join(", ");
    },
    ...way,
  });
  machine.run();
  return table;
}

/** A port access, the idle loop and CPUID come out of every VT-x guest. */
const VT_ALWAYS = {
  in: "IO_INSTRUCTION 1",
  out: "IO_INSTRUCTION 1",
  cpuid: "CPUID 1",
  timer: "HLT 1, IO_INSTRUCTION 1",
};

/** No exit inside the kernel: what is not done inline is a call-out. Stores to page tables are found to be such. */
const BT = {
  in: "call-out IN 1",
  out: "call-out OUT 1",
  cpuid: "call-out CPUID 1",
  pgfault: "#PF 1, call-out IRET 1",
  divzero: "#DE 1, call-out IRET 1",
  ptemod: "call-out INVLPG 1, call-out page-table store 1",
  "ptemod-p-np": "call-out INVLPG 1, call-out page-table store 1",
  "ptemod-np-p": "call-out INVLPG 1",
  ctxswitch: "call-out MOV to CR 1",
  timer: "call-out HLT 1, call-out IRET 1, call-out OUT 1",
};
const BT_FORK = "call-out INVLPG 3, call-out IRET 4, call-out MOV to CR 3, call-out page-table store 37";

const EXPECTED: Record<string, Record<string, string>> = {
  "vt on ept": VT_ALWAYS,
  // Memory costs: page faults, tables, their flushes, address spaces.
  "vt on shadow": {
    ...VT_ALWAYS,
    pgfault: "#PF 1",
    ptemod: "INVLPG 1",
    "ptemod-p-np": "INVLPG 1",
    "ptemod-np-p": "INVLPG 1",
    ctxswitch: "CR_ACCESS 1",
    fork: "#PF 16, CR_ACCESS 3, INVLPG 3",
  },
  // Every way into the kernel costs, nothing inside it.
  "hybrid on umip": {
    syscall: "INT 80h 1",
    pgfault: "#PF 1",
    divzero: "#DE 1",
    fork: "#PF 8, INT 81h 1",
  },
  // Both ways between the rings cost, and every sensitive instruction.
  "trap on strict": {
    syscall: "#GP 1, INT 80h 1",
    in: "#GP 1",
    out: "#GP 1",
    cr8wr: "#GP 1",
    pgfault: "#GP 2, #PF 1",
    divzero: "#DE 1, #GP 1",
    ptemod: "#GP 1",
    "ptemod-p-np": "#GP 1",
    "ptemod-np-p": "#GP 1",
    "cli-sti": "#GP 2",
    "pushf-popf": "#GP 2",
    ctxswitch: "#GP 1",
    fork: "#GP 13, #PF 16, INT 81h 1",
    timer: "#GP 5",
  },
  // Translated user code calls out for what direct user code traps for.
  "bt on ia32": { ...BT, syscall: "call-out INT 1, call-out IRET 1", fork: `#PF 9, call-out INT 1, ${BT_FORK}` },
  "bt on umip": { ...BT, syscall: "INT 80h 1, call-out IRET 1", fork: `#PF 9, INT 81h 1, ${BT_FORK}` },
  // One crossing for what is asked and for each fault, none for a system call and for the way out of the kernel.
  pv: {
    in: "#GP 1",
    out: "#GP 1",
    cr8wr: "hypercall fpu_taskswitch 1",
    pgfault: "#PF 1",
    divzero: "#DE 1",
    ptemod: "hypercall update_va_mapping 1",
    "ptemod-p-np": "hypercall update_va_mapping 1",
    "ptemod-np-p": "hypercall update_va_mapping 1",
    hypercall: "hypercall xen_version 1",
    ctxswitch: "hypercall mmuext_op 1",
    fork: "#PF 3, INT 81h 1, hypercall multicall 2, hypercall update_va_mapping 3",
    timer: "hypercall sched_op 1",
  },
};

/** The same source, made to ask. */
const PARAVIRTUAL: Way = { vmm: "pv" };

describe.each(ENGINES)("%s", (engine) => {
  test.each(Object.keys(EXPECTED))("%s", (name) => {
    expect(perOperation(engine, WAYS[name] ?? PARAVIRTUAL)).toEqual(EXPECTED[name]);
  });
});
