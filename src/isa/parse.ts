/**
 * Reads the SDM's "Opcode" and "Instruction" columns and finds the decoder's `Shape` for them. Refuses columns that do
 * not fit each other: a row that parses can be decoded. Notation: SDM 2A 3.1.1.1 and 3.1.1.3.
 */
import { Shape, ShapeFlag } from "../../assembly/abi/shape.js";
import type { Encoding, Selector } from "./row.js";

/** What an operand is, width aside. */
type Kind =
  | "rm"
  | "m"
  | "r"
  | "acc"
  | "imm"
  | "moffs"
  | "rel"
  | "far"
  | "sreg"
  | "seg"
  | "cr"
  | "cl"
  | "one"
  | "dx"
  | "st0"
  | "sti"
  | "ax";

interface OperandKind {
  kind: Kind;
  /** Bits; undefined where the operand has no width that the operand size could be taken from. */
  bits?: number;
  /** The immediate token that the operand needs in the encoding. */
  immediate?: string;
  /** The same operand in the 16-bit twin. */
  twin?: string;
}

const OPERANDS: Record<string, OperandKind> = {
  "r/m8": { kind: "rm", bits: 8 },
  "r/m16": { kind: "rm", bits: 16 },
  "r/m32": { kind: "rm", bits: 32, twin: "r/m16" },
  "r32/m16": { kind: "rm", bits: 32, twin: "r/m16" },
  "r/m": { kind: "rm" },
  m: { kind: "m" },
  m64: { kind: "m" },
  m128: { kind: "m" },
  "m16:32": { kind: "m", bits: 32, twin: "m16:16" },
  "m16&32": { kind: "m", bits: 32, twin: "m16&32" },
  "m32&32": { kind: "m", bits: 32, twin: "m16&16" },
  r8: { kind: "r", bits: 8 },
  r16: { kind: "r", bits: 16 },
  r32: { kind: "r", bits: 32, twin: "r16" },
  AL: { kind: "acc", bits: 8 },
  EAX: { kind: "acc", bits: 32, twin: "AX" },
  imm8: { kind: "imm", bits: 8, immediate: "ib" },
  imm16: { kind: "imm", bits: 16, immediate: "iw" },
  imm32: { kind: "imm", bits: 32, immediate: "id", twin: "imm16" },
  moffs8: { kind: "moffs", bits: 8 },
  moffs32: { kind: "moffs", bits: 32, twin: "moffs16" },
  rel8: { kind: "rel", bits: 8, immediate: "cb" },
  rel32: { kind: "rel", bits: 32, immediate: "cd", twin: "rel16" },
  "ptr16:32": { kind: "far", bits: 32, immediate: "cp", twin: "ptr16:16" },
  Sreg: { kind: "sreg" },
  ES: { kind: "seg" },
  CS: { kind: "seg" },
  SS: { kind: "seg" },
  DS: { kind: "seg" },
  FS: { kind: "seg" },
  GS: { kind: "seg" },
  cr: { kind: "cr" },
  dr: { kind: "cr" },
  CL: { kind: "cl" },
  DX: { kind: "dx" },
  "1": { kind: "one" },
  m16int: { kind: "m", bits: 16 },
  m32int: { kind: "m", bits: 32 },
  m64int: { kind: "m", bits: 64 },
  m32fp: { kind: "m", bits: 32 },
  m64fp: { kind: "m", bits: 64 },
  m80fp: { kind: "m", bits: 80 },
  m80bcd: { kind: "m", bits: 80 },
  m2byte: { kind: "m", bits: 16 },
  m28byte: { kind: "m", bits: 32, twin: "m14byte" },
  m108byte: { kind: "m", bits: 32, twin: "m94byte" },
  "ST(0)": { kind: "st0" },
  "ST(i)": { kind: "sti" },
  ST: { kind: "st0" },
  AX: { kind: "ax" },
};

/** Encoding tokens of the 16-bit twin. */
const TWIN_TOKENS: Record<string, string> = { id: "iw", cd: "cw", cp: "cd" };

/** Encoding and operand kinds of every shape: `modrm|kinds`; `i` is an immediate of operand size, `i8` a shorter one. */
const SHAPES: Record<string, Shape> = {
  "|": Shape.NONE,
  "/|rm": Shape.RM,
  "/|m": Shape.RM,
  "/|rm,r": Shape.RM_REG,
  "/|r,rm": Shape.REG_RM,
  "/|r,m": Shape.REG_RM,
  "/|rm,i": Shape.RM_IMM,
  "/|rm,i8": Shape.RM_IMM8,
  "/|r,rm,i": Shape.REG_RM_IMM,
  "/|r,rm,i8": Shape.REG_RM_IMM8,
  "/|rm,r,i8": Shape.RM_REG_IMM8,
  "/|rm,r,cl": Shape.RM_REG_CL,
  "/|rm,one": Shape.RM_ONE,
  "/|rm,cl": Shape.RM_CL,
  "|acc,i": Shape.ACC_IMM,
  "+|r": Shape.OPREG,
  "+|r,i": Shape.OPREG_IMM,
  "+|r,acc": Shape.OPREG_ACC,
  "|acc,moffs": Shape.ACC_MOFFS,
  "|moffs,acc": Shape.MOFFS_ACC,
  "|rel8": Shape.REL8,
  "|rel32": Shape.REL,
  "|far": Shape.FAR,
  "|acc,port": Shape.IMM8,
  "|port,acc": Shape.IMM8,
  "|acc,dx": Shape.NONE,
  "|dx,acc": Shape.NONE,
  "|i8": Shape.IMM8,
  "|s8": Shape.IMM8S,
  "|i": Shape.IMM,
  "|i16": Shape.IMM16,
  "|i16,i8": Shape.IMM16_IMM8,
  "|seg": Shape.OPSEG,
  "/|sreg,rm": Shape.SEG_RM,
  "/|rm,sreg": Shape.RM_SEG,
  "/|r,cr": Shape.RM_CR,
  "/|cr,r": Shape.RM_CR,
  "/|": Shape.NONE,
  "/|ax": Shape.NONE,
  "/|sti": Shape.ST,
  "/|st0,sti": Shape.ST0_STI,
  "/|sti,st0": Shape.STI_ST0,
};

/** The "Instruction" column, taken apart. */
export interface ParsedText {
  mnemonic: string;
  operands: string[];
}

/** Splits `MNEMONIC operand, operand`. Throws on an operand that is not in SDM 2A 3.1.1.3. */
export function parseText(text: string): ParsedText {
  const match = /^([A-Z][A-Z0-9]*)(?: (.+))?$/.exec(text);
  if (!match) throw new Error("expected a mnemonic in capitals and operands behind it");
  const operands = match[2] === undefined ? [] : match[2].split(", ");
  for (const operand of operands) {
    if (!Object.hasOwn(OPERANDS, operand)) throw new Error(`unknown operand "${operand}"`);
  }
  return { mnemonic: match[1]!, operands };
}

/** The prefix a row is selected by, from the word in front of its opcode. */
function selectorOf(word: string | undefined): Selector | undefined {
  return word === undefined || word === "NP" ? word : (Number.parseInt(word, 16) as Selector);
}

/** The encoding of `D8 C0+i`, `D9 FA` and `0F 01 C1`: a register form whose last byte is a ModRM byte. */
function parseRegisterCode(code: string): Encoding | undefined {
  const match = /^(?:(NP|66|F3|F2) )?(?:(D[89A-F])|0F ([0-9A-F]{2})) ([C-F][0-9A-F])(\+i)?$/.exec(code);
  if (!match) return undefined;
  const [, prefix, stack, second, last, plus] = match;
  const modrm = Number.parseInt(last!, 16);
  if (plus !== undefined && (modrm & 7) !== 0) throw new Error(`+i needs a byte that ends in 0 or 8, found "${code}"`);
  return {
    prefix: selectorOf(prefix),
    map: stack === undefined ? 2 : 1,
    byte: Number.parseInt(stack ?? second!, 16),
    plusRegister: false,
    modrm: (modrm >> 3) & 7,
    rm: plus === undefined ? modrm & 7 : "i",
    immediates: [],
  };
}

/** Takes an "Opcode" column apart. Throws on anything that an i686 without MMX and SSE does not have. */
export function parseCode(code: string): Encoding {
  const register = parseRegisterCode(code);
  if (register) return register;
  const form = "[NP|66|F3|F2] [0F [38]] byte[+rb|+rd] [/r|/digit] [immediates]";
  const match =
    /^(?:(NP|66|F3|F2) )?(0F (?:38 )?)?([0-9A-F]{2})(\+r[bd])?(?: \/([r0-7]))?((?: (?:ib|iw|id|cb|cd|cp))*)$/.exec(
      code,
    );
  if (!match) throw new Error(`opcode "${code}" is not of the form ${form}`);
  const [, prefix, escapes, byte, plus, modrm, immediates] = match;
  return {
    prefix: selectorOf(prefix),
    map: escapes === undefined ? 1 : escapes === "0F " ? 2 : 3,
    byte: Number.parseInt(byte!, 16),
    plusRegister: plus !== undefined,
    modrm: modrm === undefined || modrm === "r" ? modrm : Number(modrm),
    rm: undefined,
    immediates: immediates!.split(" ").filter((token) => token !== ""),
  };
}

/** Shape and operand-dependent ShapeFlag bits of a row. `sized`: the row has a 16-bit twin. Throws if the columns do not fit. */
export function shapeOf(text: ParsedText, code: string, sized: boolean): { shape: Shape; flags: number } {
  const encoding = parseCode(code);
  const kinds = text.operands.map((operand) => OPERANDS[operand]!);

  const expected = kinds.flatMap((operand) => operand.immediate ?? []);
  if (expected.join(" ") !== encoding.immediates.join(" ")) {
    throw new Error(
      `operands need "${expected.join(" ")}" behind the opcode, found "${encoding.immediates.join(" ")}"`,
    );
  }
  const plus = /\+r([bd])/.exec(code)?.[1];
  if (plus !== undefined && text.operands[0] !== (plus === "b" ? "r8" : "r32")) {
    throw new Error(`+r${plus} does not fit the operand "${text.operands[0]}"`);
  }

  const width = kinds.find((operand) => operand.kind !== "imm" && operand.kind !== "rel" && operand.bits)?.bits;
  const isPort = text.mnemonic === "IN" || text.mnemonic === "OUT";
  const names = kinds.map(({ kind, bits }) => {
    if (kind === "rel") return `rel${bits}`;
    if (kind !== "imm") return kind;
    if (isPort) return "port";
    if (bits === 16) return "i16";
    if (bits === 8 && width === undefined && sized && kinds.length === 1) return "s8";
    return bits === 8 && width !== 8 ? "i8" : "i";
  });
  const form = encoding.plusRegister ? "+" : encoding.modrm === undefined ? "" : "/";
  const key = `${form}|${names.join(",")}`;
  const shape = SHAPES[key];
  if (shape === undefined) throw new Error(`no shape for the operands and opcode together (${key})`);

  let flags = 0;
  if (width === 8) flags |= ShapeFlag.BYTE;
  if (width === 16) flags |= ShapeFlag.WORD;
  if (width === 32 && !sized) flags |= ShapeFlag.DWORD;
  if (width === 64) flags |= ShapeFlag.QWORD;
  if (width === 80) flags |= ShapeFlag.TBYTE;
  if (encoding.rm !== undefined) flags |= ShapeFlag.REGISTER_ONLY;
  if (kinds.some((operand) => operand.kind === "m")) flags |= ShapeFlag.MEMORY_ONLY;
  return { shape, flags };
}

/** True if an operand's width follows the operand size, so that the row has a 16-bit twin. */
export function followsOperandSize(text: ParsedText): boolean {
  return text.operands.some((operand) => OPERANDS[operand]!.twin !== undefined);
}

/** The "Instruction" column of the 16-bit twin. */
export function twinText(mnemonic: string, operands: readonly string[]): string {
  return [mnemonic, operands.map((operand) => OPERANDS[operand]!.twin ?? operand).join(", ")].join(" ").trim();
}

/** The "Opcode" column of the 16-bit twin. */
export function twinCode(code: string): string {
  return code
    .split(" ")
    .map((token) => TWIN_TOKENS[token] ?? token.replace("+rd", "+rw"))
    .join(" ");
}
