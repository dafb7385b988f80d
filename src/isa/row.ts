/**
 * What a row of the instruction table is: one line of the SDM's opcode tables with everything that more than one reader
 * needs. Rows are made by `insn()` in dsl.ts only, which checks that their parts fit; after that they never change.
 * Columns follow SDM 2A 3.1.1 (Opcode, Instruction), SDM 3A 5.9 (privilege), SDM 3C 25 and appendix C (VM exits).
 */
import type { ExitReason } from "../../assembly/abi/exit.js";
import type { Op } from "../../assembly/abi/op.js";
import type { Shape } from "../../assembly/abi/shape.js";

/** The opcode map: one-byte opcodes, those behind 0F, or those behind 0F 38. */
export type OpcodeMap = 1 | 2 | 3;

/** What chooses between rows of one opcode: a mandatory prefix, or that there is none (`NP`: SDM 2A 3.1.1.1). */
export type Selector = "NP" | 0x66 | 0xf3 | 0xf2;

/** The "Opcode" column, taken apart. */
export interface Encoding {
  /** Prefix that selects the row; undefined if prefixes only modify it. */
  readonly prefix: Selector | undefined;
  readonly map: OpcodeMap;
  /** Opcode byte; with `plusRegister` the first of eight. */
  readonly byte: number;
  readonly plusRegister: boolean;
  /** `r` for /r, 0..7 for /digit, undefined without ModRM. */
  readonly modrm: "r" | number | undefined;
  /** ModRM.rm of a register form: `i` where it names ST(i), 0..7 where the whole byte is opcode; else undefined. */
  readonly rm: "i" | number | undefined;
  /** What follows ModRM and displacement: ib iw id cb cw cd cp, in order. */
  readonly immediates: readonly string[];
}

/**
 * What decides whether an instruction faults outside CPL 0, in protected mode (SDM 3A 5.9):
 * `none` never, `cpl0` always, `iopl` if CPL > IOPL (CLI, STI; CR4.PVI changes that), `io` if CPL > IOPL and the I/O
 * bitmap denies, `tsd` if CR4.TSD, `pce` unless CR4.PCE, `umip` if CR4.UMIP; `vmx` is #UD at any CPL outside VMX operation.
 */
export type Privilege = "none" | "cpl0" | "iopl" | "io" | "tsd" | "pce" | "umip" | "vmx";

/**
 * Popek and Goldberg's kinds of sensitivity. `control`: it can change the mode or the resources. `location`: its result
 * shows the resources of the real machine. `mode`: its result depends on the privilege level it runs at.
 */
export type Sensitivity = "control" | "location" | "mode";

/** One reason why an instruction is sensitive. */
export interface Sensitive {
  readonly kind: Sensitivity;
  /** Half a sentence for people: what it changes, shows or depends on. */
  readonly reason: string;
}

/** What an innocuous instruction still tells about the machine it runs on, outside Popek and Goldberg's model. */
export type Reveals = "time" | "identity";

/** One row of the instruction table. */
export interface Row {
  readonly op: Op;
  /** The SDM's "Instruction" column, in the 8-bit or the 32-bit form: `ADD r/m32, r32`. */
  readonly text: string;
  /** The SDM's "Opcode" column: `01 /r`. */
  readonly code: string;
  readonly mnemonic: string;
  readonly operands: readonly string[];
  readonly encoding: Encoding;
  /** How the decoder finds the operands. */
  readonly shape: Shape;
  /** ShapeFlag bits. */
  readonly flags: number;
  /** The row has a 16-bit twin; this is its mnemonic. */
  readonly twin: string | undefined;
  /** EFLAGS that the operation depends on, as letters of OSZAPCDI. */
  readonly reads: string;
  /** EFLAGS that get a defined value. */
  readonly writes: string;
  /** EFLAGS left undefined. */
  readonly undefines: string;
  readonly privilege: Privilege;
  /** #GP(0) in virtual-8086 mode if IOPL < 3, CR4.VME aside (SDM 3A 20.2.7). */
  readonly iopl86: boolean;
  readonly sensitive: readonly Sensitive[];
  readonly reveals: Reveals | undefined;
  /** Basic exit reasons with which the instruction itself can leave VMX non-root operation. */
  readonly exits: readonly ExitReason[];
  /** Real, but not in the SDM's opcode table. */
  readonly undocumented: boolean;
}

/** A row in one operand size: the row itself or its 16-bit twin. */
export interface Form {
  readonly row: Row;
  readonly text: string;
  readonly code: string;
  /** Effective operand size the form is for, 2 or 4; undefined if the row is the same in both. */
  readonly operandSize: 2 | 4 | undefined;
}

/** Rows that belong together under one heading. */
export interface Family {
  readonly title: string;
  readonly rows: readonly Row[];
}
