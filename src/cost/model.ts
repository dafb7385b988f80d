/**
 * A cost model: what events cost a processor, in cycles, and where each number is from. With counts of a run it gives cycles that depend on
 * nothing else.
 */

/** What a model puts a number on. */
export const COST_KEYS = {
  instruction: "an instruction that the processor executes directly",
  event: "an exception, interrupt or INT n with change of privilege, and the IRET that ends it",
  iret: "an IRET alone, executed directly: of an event that the monitor delivered",
  sysenter: "SYSENTER and SYSEXIT together",
  port: "a port access that reaches real hardware",
  controlRegister: "a store to a control register",
  interruptFlag: "CLI or STI",
  privileged: "any other privileged or sensitive instruction, executed directly",
  reference: "a paging-structure entry that a page walk reads",
  nested: "how many native page walks one on extended page tables is worth (a number)",
  exit: "a VM exit for a reason without a number of its own, like VMCALL",
  exitCpuid: "a VM exit for CPUID",
  exitPageFault: "a VM exit for a page fault",
  exitPort: "a VM exit for a port access",
  exitEpt: "a VM exit for an EPT violation",
  entry: "a VM entry (VMRESUME)",
  vmread: "a VMREAD",
  vmwrite: "a VMWRITE",
  vmreads: "how many VMREADs a monitor makes at an exit (a number, not cycles)",
  vmwrites: "how many VMWRITEs it makes before the entry (a number, not cycles)",
  trap: "a trap of a deprivileged guest to ring 0, and the IRET back",
  dispatch: "the monitor's own work on a crossing: decode, decide, emulate",
  callOut: "a call-out of translated code: leave the translation cache, emulate, come back",
  hypercall: "the monitor's own work on a hypercall, besides the trap",
  inline: "a sensitive instruction executed on the virtual state in translated code",
  inlineTime: "RDTSC executed there",
  inlinePort: "a port access executed there, on a device in memory",
  lookup: "a look-up in the table of translated code: an indirect jump or a return",
  translate: "translating one instruction",
  interpret: "interpreting one instruction of a stretch",
} as const;

/** One of them. */
export type CostKey = keyof typeof COST_KEYS;

/** A number and where it is from. */
export interface Figure {
  readonly value: number;
  /** The publication, or how it was derived from one. */
  readonly source: string;
}

/** A complete model. */
export interface CostModel {
  /** What it is called on the command line. */
  readonly name: string;
  /** What it is called in reports. */
  readonly title: string;
  /** When the processor came out; undefined for a model of one's own. */
  readonly year?: number;
  readonly figures: Readonly<Record<CostKey, Figure>>;
}

/** The numbers of a model without their sources. */
export function numbersOf({ figures }: CostModel): Record<CostKey, number> {
  return Object.fromEntries(Object.entries(figures).map(([key, { value }]) => [key, value])) as Record<CostKey, number>;
}
