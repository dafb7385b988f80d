/** What an experiment varies: a machine state around one instruction, and the situation it is executed in. */

/** Registers that belong to the machine and not to the program: what another machine would hold instead. */
export interface Registers {
  /** EFLAGS with IF, IOPL, VIF and VIP. */
  eflags: number;
  cr0: number;
  cr2: number;
  cr4: number;
  /** DR0 to DR7. */
  dr: number[];
  sysenter: [cs: number, esp: number, eip: number];
  mcgStatus: number;
  tscOffset: number;
}

/** A state: everything but the privilege level and the places of tables and frames. */
export interface State {
  /** Instruction bytes. */
  code: number[];
  /** General-purpose registers in encoding order. */
  regs: number[];
  /** The machine's registers as the guest believes them to be. */
  own: Registers;
  /** The same registers on a host that has given the guest something else. */
  host: Registers;
  nmiBlocked: number;
  /** DPL of the gates of #DB, #BP and #OF. */
  openGates: number;
  /** x87 state: words from Fpu.ST to Fpu.OPCODE. */
  fpu: Uint32Array;
  /** Guest memory: linear address and bytes. */
  patches: { at: number; bytes: number[] }[];
}

/** What can be different about the machine under an instruction without the program being different. */
export const RELOCATIONS = ["frames", "tables", "control", "flags", "registers", "selectors", "time"] as const;

/** One of them. */
export type Relocation = (typeof RELOCATIONS)[number];

/** What each relocation does, half a sentence for people. */
export const RELOCATION_WORDS: Record<Relocation, string> = {
  frames: "all pages in other frames, page tables adjusted",
  tables: "GDT, IDT, LDT and TSS elsewhere, with the same contents",
  control: "the host's CR0 and CR4",
  flags: "the host's IF and IOPL",
  registers: "the host's CR2, debug registers and MSRs",
  selectors: "other selectors for the same segments",
  time: "another time-stamp counter",
};

/** Where and how a state is executed. */
export interface Situation {
  /** CPL: 0, 1 or 3. */
  ring: 0 | 1 | 3;
  /** What is relocated. */
  moved: ReadonlySet<Relocation>;
}

/** Nothing is relocated. */
export const IN_PLACE: ReadonlySet<Relocation> = new Set();
