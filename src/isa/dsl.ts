/**
 * The words that the instruction table is written in: `insn()` makes one row of the SDM's two columns and attributes.
 *
 * A row is written in its 8-bit or 32-bit form; the 16-bit twin follows from the operands, or is asked for by `o32` or
 * `twin()` where no operand shows the operand size. Invariant: a row that exists is consistent; `insn()` throws
 * otherwise and names the row.
 */
import type { ExitReason } from "../../assembly/abi/exit.js";
import type { Op } from "../../assembly/abi/op.js";
import { ShapeFlag } from "../../assembly/abi/shape.js";
import { followsOperandSize, parseCode, parseText, shapeOf, twinCode, twinText } from "./parse.js";
import type { Form, Privilege, Reveals, Row, Sensitive, Sensitivity } from "./row.js";

interface Draft {
  flags: number;
  twin: string | undefined;
  no16: boolean;
  reads: string;
  writes: string;
  undefines: string;
  privilege: Privilege;
  iopl86: boolean;
  sensitive: Sensitive[];
  reveals: Reveals | undefined;
  exits: ExitReason[];
  undocumented: boolean;
}

/** Sets a column of the row being made. `mnemonic` is the row's own. */
export type Attribute = (draft: Draft, mnemonic: string) => void;

const FLAG_LETTERS = "OSZAPCDI";

function flagLetters(letters: string): string {
  for (const letter of letters) {
    if (!FLAG_LETTERS.includes(letter)) throw new Error(`"${letter}" is not one of the flags ${FLAG_LETTERS}`);
  }
  return [...FLAG_LETTERS].filter((letter) => letters.includes(letter)).join("");
}

/** The operation depends on these EFLAGS. */
export function reads(letters: string): Attribute {
  return (draft) => {
    draft.reads = flagLetters(letters);
  };
}

/** The operation gives these EFLAGS a defined value (SDM 1 appendix A: M, 0, 1, R). */
export function writes(letters: string): Attribute {
  return (draft) => {
    draft.writes = flagLetters(letters);
  };
}

/** The operation leaves these EFLAGS undefined (SDM 1 appendix A: "-"). */
export function undefines(letters: string): Attribute {
  return (draft) => {
    draft.undefines = flagLetters(letters);
  };
}

/** #GP(0) outside CPL 0, always. */
export const privileged: Attribute = (draft) => {
  draft.privilege = "cpl0";
};

/** Faults outside CPL 0 under a condition. */
export function privilegedIf(condition: Exclude<Privilege, "none" | "cpl0" | "vmx">): Attribute {
  return (draft) => {
    draft.privilege = condition;
  };
}

/** An instruction of VMX: #UD outside VMX operation, and it always leaves non-root operation, at any CPL, with `reason`. */
export function vmx(reason: ExitReason): Attribute {
  return (draft) => {
    draft.privilege = "vmx";
    draft.exits = [reason];
    draft.flags |= ShapeFlag.ENDS;
  };
}

/** IOPL-sensitive in virtual-8086 mode. */
export const iopl86: Attribute = (draft) => {
  draft.iopl86 = true;
};

/** Sensitive in the sense of Popek and Goldberg; may be given once for each kind. */
export function sensitive(kind: Sensitivity, reason: string): Attribute {
  return (draft) => {
    if (draft.sensitive.some((other) => other.kind === kind)) throw new Error(`${kind} sensitivity is given twice`);
    draft.sensitive.push({ kind, reason });
  };
}

/** Tells the time or the identity of the real machine, which Popek and Goldberg leave out of their model. */
export function reveals(what: Reveals): Attribute {
  return (draft) => {
    draft.reveals = what;
  };
}

/** Basic exit reasons the instruction can leave VMX non-root operation with. */
export function exits(...reasons: ExitReason[]): Attribute {
  return (draft) => {
    draft.exits = reasons;
  };
}

/** The last instruction of its block. */
export const ends: Attribute = (draft) => {
  draft.flags |= ShapeFlag.ENDS;
};

/** LOCK is allowed if the destination is memory. */
export const lockable: Attribute = (draft) => {
  draft.flags |= ShapeFlag.LOCKABLE;
};

/** The condition code is in the opcode's low four bits. */
export const conditional: Attribute = (draft) => {
  draft.flags |= ShapeFlag.CONDITION;
};

/** A string instruction: takes REP, its operands are implicit, the mnemonic ends in their width. */
export const string: Attribute = (draft, mnemonic) => {
  draft.flags |= ShapeFlag.STRING;
  if (mnemonic.endsWith("B")) draft.flags |= ShapeFlag.BYTE;
  else if (mnemonic.endsWith("D")) draft.twin = `${mnemonic.slice(0, -1)}W`;
  else throw new Error("a string instruction's mnemonic ends in B or D");
};

/** The operand is one byte although no operand says so. */
export const byteSized: Attribute = (draft) => {
  draft.flags |= ShapeFlag.BYTE;
};

/** #UD in real and virtual-8086 mode. */
export const protectedOnly: Attribute = (draft) => {
  draft.flags |= ShapeFlag.PROTECTED;
};

/** Follows the operand size although no operand says so: there is a 16-bit twin of the same name. */
export const o32: Attribute = (draft, mnemonic) => {
  draft.twin = mnemonic;
};

/** The 16-bit twin has a name of its own. */
export function twin(mnemonic: string): Attribute {
  return (draft) => {
    draft.twin = mnemonic;
  };
}

/** Always 32 bits wide: there is no 16-bit twin. */
export const no16: Attribute = (draft) => {
  draft.no16 = true;
};

/** Real hardware has it, the SDM's opcode table does not. */
export const undocumented: Attribute = (draft) => {
  draft.undocumented = true;
};

/**
 * One row: an operation, the SDM's "Instruction" and "Opcode" columns, and what else is known.
 * @throws Error with the row's text if the columns do not fit each other.
 */
export function insn(op: Op, text: string, code: string, ...attributes: Attribute[]): Row {
  try {
    return build(op, text, code, attributes);
  } catch (error) {
    throw new Error(`instruction "${text}" [${code}]: ${error instanceof Error ? error.message : error}`);
  }
}

function build(op: Op, text: string, code: string, attributes: Attribute[]): Row {
  const parsed = parseText(text);
  const draft: Draft = {
    flags: 0,
    twin: followsOperandSize(parsed) ? parsed.mnemonic : undefined,
    no16: false,
    reads: "",
    writes: "",
    undefines: "",
    privilege: "none",
    iopl86: false,
    sensitive: [],
    reveals: undefined,
    exits: [],
    undocumented: false,
  };
  for (const attribute of attributes) attribute(draft, parsed.mnemonic);
  const twinName = draft.no16 ? undefined : draft.twin;
  const { shape, flags } = shapeOf(parsed, code, twinName !== undefined);
  const both = [...draft.writes].filter((letter) => draft.undefines.includes(letter));
  if (both.length > 0) throw new Error(`flags ${both.join("")} are both written and undefined`);
  return Object.freeze({
    op,
    text,
    code,
    mnemonic: parsed.mnemonic,
    operands: parsed.operands,
    encoding: parseCode(code),
    shape,
    flags: flags | draft.flags,
    twin: twinName,
    reads: draft.reads,
    writes: draft.writes,
    undefines: draft.undefines,
    privilege: draft.privilege,
    iopl86: draft.iopl86,
    sensitive: draft.sensitive,
    reveals: draft.reveals,
    exits: draft.exits,
    undocumented: draft.undocumented,
  });
}

/** The row in each operand size it has: the 16-bit twin, if any, behind the row itself. */
export function formsOf(row: Row): Form[] {
  const { text, code } = row;
  if (row.twin === undefined) return [{ row, text, code, operandSize: undefined }];
  return [
    { row, text, code, operandSize: 4 },
    { row, text: twinText(row.twin, row.operands), code: twinCode(code), operandSize: 2 },
  ];
}

/** Condition codes in encoding order with the flags they depend on (SDM 1 appendix B). */
export const CONDITIONS: readonly { name: string; reads: string }[] = [
  { name: "O", reads: "O" },
  { name: "NO", reads: "O" },
  { name: "B", reads: "C" },
  { name: "AE", reads: "C" },
  { name: "E", reads: "Z" },
  { name: "NE", reads: "Z" },
  { name: "BE", reads: "ZC" },
  { name: "A", reads: "ZC" },
  { name: "S", reads: "S" },
  { name: "NS", reads: "S" },
  { name: "P", reads: "P" },
  { name: "NP", reads: "P" },
  { name: "L", reads: "OS" },
  { name: "GE", reads: "OS" },
  { name: "LE", reads: "OSZ" },
  { name: "G", reads: "OSZ" },
];

/**
 * The sixteen rows of a conditional instruction. `text` has `cc` for the condition, `code` has the opcode of the first
 * row as `byte+cc`.
 */
export function conditionRows(op: Op, text: string, code: string, ...attributes: Attribute[]): Row[] {
  return CONDITIONS.map((condition, number) => {
    const opcode = code.replace(/([0-9A-F]{2})\+cc/, (_, byte: string) =>
      (Number.parseInt(byte, 16) + number).toString(16).toUpperCase().padStart(2, "0"),
    );
    return insn(op, text.replace("cc", condition.name), opcode, conditional, reads(condition.reads), ...attributes);
  });
}
