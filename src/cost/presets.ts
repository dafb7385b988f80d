/**
 * Models of processors from the Pentium 4 to Broadwell. Exits and entries are published for each; what software costs is published for the
 * Pentium 4 and taken to the others by the speed at which they run the same system code.
 */
import type { CostKey, CostModel, Figure } from "./model.js";

const PAPER = "Adams and Agesen, ASPLOS 2006";
const BOOK =
  "Bugnion, Nieh and Tsafrir, Hardware and Software Support for Virtualization, 2017, exit costs by generation";

const published = (value: number, source: string): Figure => ({ value, source });
const derived = (value: number, how: string): Figure => ({ value: Math.round(value), source: `derived: ${how}` });
const assumed = (value: number, why: string): Figure => ({ value, source: `assumed: ${why}` });

/** Native `divzero` of the paper: a fault, its handler's few instructions, IRET. */
const FAULT = 889;
/** A privileged instruction (RDTSC) by trap-and-emulate in the paper. */
const TRAP_AND_EMULATE = 2030;
/** Native `pgfault` of the paper. */
const PAGE_FAULT = 1093;
/** `forkwait` on the bare machine in the paper: 2.62 s on the Core 2, 6.02 s on the Pentium 4. */
const CORE_2_SPEED = 2.62 / 6.02;

/** What software and ring transitions cost a Pentium 4. */
const PENTIUM_4_SOFTWARE = {
  instruction: assumed(1, "one cycle; only what costs many is modelled"),
  event: published(FAULT, `${PAPER}, divzero on the bare machine`),
  iret: derived(FAULT / 2, `half of divzero ${FAULT}, which is a fault and an IRET, ${PAPER}`),
  sysenter: published(242, `${PAPER}, syscall on the bare machine`),
  port: published(3209, `${PAPER}, in on the bare machine: the chipset answers`),
  controlRegister: published(150, `${PAPER}, cr8wr on the bare machine`),
  interruptFlag: published(60, `${PAPER}, cli on the bare machine`),
  privileged: assumed(60, "as CLI, for want of a number"),
  reference: derived((PAGE_FAULT - FAULT) / 4, `(pgfault ${PAGE_FAULT} - divzero ${FAULT}) / 4 entries, ${PAPER}`),
  nested: {
    value: 4.25,
    source:
      "derived: between 3.9 and 4.6, Bhargava, Serebrin, Spadini and Manne, ASPLOS 2008; without caches it were 14 entries for 2",
  },
  trap: published(FAULT, `${PAPER}, divzero on the bare machine`),
  dispatch: derived(TRAP_AND_EMULATE - FAULT, `trap-and-emulate ${TRAP_AND_EMULATE} - divzero ${FAULT}, ${PAPER}`),
  callOut: published(1254, `${PAPER}, rdtsc by call-out`),
  hypercall: derived(
    TRAP_AND_EMULATE - FAULT,
    "as a trap's; a hypercall saves the decoding, which is not published apart",
  ),
  inline: published(35, `${PAPER}, cr8wr under the software VMM`),
  inlineTime: published(216, `${PAPER}, rdtsc in the translation cache`),
  inlinePort: published(216, `${PAPER}, in under the software VMM`),
  lookup: published(40, `${PAPER}, what call and ret cost more`),
  translate: published(2300, `${PAPER}, translator's cycles per instruction`),
  interpret: assumed(50, "the order of magnitude of an interpreter; the paper has none"),
  vmreads: published(10, `${PAPER}: about ten at an exit`),
  vmwrites: assumed(1, "EIP moves on"),
} satisfies Partial<Record<CostKey, Figure>>;

/** What does not get faster with the processor, or is a count. */
const UNSCALED: ReadonlySet<string> = new Set(["instruction", "port", "nested", "vmreads", "vmwrites", "interpret"]);

/** The same on a Core 2, and on its successors for want of numbers. */
function software(later: boolean): typeof PENTIUM_4_SOFTWARE {
  const how = `Pentium 4's x ${CORE_2_SPEED.toFixed(3)}, forkwait on the bare Core 2 by Pentium 4, ${PAPER}`;
  const kept = later ? "; Core 2's is kept, later ones are not published" : "";
  return Object.fromEntries(
    Object.entries(PENTIUM_4_SOFTWARE).map(([key, figure]) => [
      key,
      UNSCALED.has(key) ? figure : derived(figure.value * CORE_2_SPEED, how + kept),
    ]),
  ) as typeof PENTIUM_4_SOFTWARE;
}

/** Columns of the book's table. */
interface Generation {
  name: string;
  title: string;
  year: number;
  vmcall: number;
  cpuid: number;
  pageFault: number;
  io: number;
  ept?: number;
  resume: number;
  read: number;
  write: number;
}

function hardware(g: Generation, ept: Figure): Pick<CostModel["figures"], HardwareKey> {
  return {
    exit: published(g.vmcall, `${BOOK}: VMCALL`),
    exitCpuid: published(g.cpuid, `${BOOK}: CPUID`),
    exitPageFault: published(g.pageFault, `${BOOK}: #PF`),
    exitPort: published(g.io, `${BOOK}: I/O`),
    exitEpt: ept,
    entry: published(g.resume, `${BOOK}: VMRESUME`),
    vmread: published(g.read, `${BOOK}: VMREAD`),
    vmwrite: published(g.write, `${BOOK}: VMWRITE`),
  };
}

type HardwareKey = "exit" | "exitCpuid" | "exitPageFault" | "exitPort" | "exitEpt" | "entry" | "vmread" | "vmwrite";

// biome-ignore format: a table
const GENERATIONS: readonly Generation[] = [
  { name: "merom",       title: "Core 2 (Merom)",    year: 2006, vmcall: 727, cpuid: 764, pageFault: 1156, io: 858,            resume: 944, read: 53, write: 43 },
  { name: "penryn",      title: "Core 2 (Penryn)",   year: 2007, vmcall: 638, cpuid: 611, pageFault: 858,  io: 708,            resume: 643, read: 26, write: 26 },
  { name: "westmere",    title: "Westmere",          year: 2010, vmcall: 344, cpuid: 389, pageFault: 569,  io: 427, ept: 546,  resume: 402, read: 6,  write: 5 },
  { name: "sandybridge", title: "Sandy Bridge",      year: 2011, vmcall: 365, cpuid: 434, pageFault: 507,  io: 472, ept: 588,  resume: 460, read: 5,  write: 4 },
  { name: "ivybridge",   title: "Ivy Bridge",        year: 2012, vmcall: 334, cpuid: 398, pageFault: 466,  io: 436,            resume: 452, read: 4,  write: 3 },
  { name: "haswell",     title: "Haswell",           year: 2013, vmcall: 253, cpuid: 327, pageFault: 512,  io: 383, ept: 604,  resume: 318, read: 5,  write: 4 },
  { name: "broadwell",   title: "Broadwell",         year: 2014, vmcall: 265, cpuid: 332, pageFault: 531,  io: 397, ept: 656,  resume: 348, read: 5,  write: 4 },
];

/** The processor of the paper: its own table of hardware costs, and the book's for what that lacks. */
const PENTIUM_4: CostModel = {
  name: "pentium4",
  title: "Pentium 4 (Prescott)",
  year: 2005,
  figures: {
    ...PENTIUM_4_SOFTWARE,
    exit: published(1630, `${BOOK}: VMCALL, Prescott`),
    exitCpuid: published(1599, `${BOOK}: CPUID, Prescott`),
    exitPageFault: published(1931, `${PAPER}, table 1`),
    exitPort: published(1942, `${BOOK}: I/O, Prescott`),
    exitEpt: assumed(1931, "as #PF: it has no EPT"),
    entry: published(2409, `${PAPER}, table 1`),
    vmread: published(178, `${PAPER}, table 1`),
    vmwrite: published(171, `${PAPER}, table 1`),
  },
};

/** Every preset, oldest first. */
export const PRESETS: readonly CostModel[] = [
  PENTIUM_4,
  ...GENERATIONS.map((generation, i) => {
    const { name, title, year, ept } = generation;
    const figure =
      ept !== undefined
        ? published(ept, `${BOOK}: EPT violation`)
        : name === "ivybridge"
          ? assumed(588, "Sandy Bridge's, for want of a number")
          : assumed(generation.pageFault, "as #PF: it has no EPT");
    return { name, title, year, figures: { ...software(i > 0), ...hardware(generation, figure) } };
  }),
];

/** The preset of this name. */
export function presetNamed(name: string): CostModel | undefined {
  return PRESETS.find((model) => model.name === name);
}
