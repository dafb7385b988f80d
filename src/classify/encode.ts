/**
 * Machine code for a form of a row with operands drawn at random: what an assembler would write for 32-bit code.
 * Invariant: the bytes decode to that row; a memory operand lies in the data pages if its base register points there.
 */
import { ShapeFlag } from "../../assembly/abi/shape.js";
import { Reg } from "../../assembly/abi/x86.js";
import { formsOf } from "../isa/dsl.js";
import type { Form, Row } from "../isa/row.js";
import type { Random } from "./random.js";
import { pageAt, StagePage } from "./stage.js";

/** A form with one kind of r/m operand: what an experiment is about. */
export interface Subject {
  readonly row: Row;
  readonly form: Form;
  /** The r/m operand is memory. Meaningless without ModRM. */
  readonly memory: boolean;
  /** Two spellings of one row share no states: `ADD r/m32, r32 [01 /r] mem`. */
  readonly key: string;
}

/** An encoded instruction and where its operands are. */
export interface Encoded {
  readonly bytes: number[];
  /** ModRM.reg, or undefined. */
  readonly reg: number | undefined;
  /** Number of the r/m register, undefined for memory or without ModRM. */
  readonly rmRegister: number | undefined;
  /** Base register of the memory operand, undefined if its address is absolute. */
  readonly base: number | undefined;
  /** Displacement or absolute address of the memory operand. */
  readonly displacement: number;
  /** Position of the first immediate in `bytes`. */
  readonly immediateAt: number;
}

const IMMEDIATE_BYTES: Record<string, number> = { ib: 1, iw: 2, id: 4, cb: 1, cw: 2, cd: 4, cp: 6 };
/** Registers that point into the data pages. */
export const POINTERS: readonly number[] = [Reg.EBX, Reg.EBP, Reg.ESI, Reg.EDI];

/** Every subject of a row: its operand sizes, and memory or register operands where it takes both. */
export function subjectsOf(row: Row): Subject[] {
  const { modrm } = row.encoding;
  const registersOnly = row.operands.some((operand) => operand === "cr" || operand === "dr");
  const kinds =
    modrm === undefined || row.flags & ShapeFlag.REGISTER_ONLY || registersOnly
      ? [false]
      : row.flags & ShapeFlag.MEMORY_ONLY
        ? [true]
        : [true, false];
  return formsOf(row).flatMap((form) =>
    kinds.map((memory) => ({ row, form, memory, key: `${form.text} [${form.code}]${memory ? " memory" : ""}` })),
  );
}

/** Number of a register of the kind that ModRM.reg names. */
function drawReg(row: Row, random: Random): number {
  if (row.operands.includes("cr")) return random.pick([0, 2, 3, 4]);
  if (row.operands.includes("dr")) return random.pick([0, 1, 2, 3, 6, 7]);
  if (!row.operands.includes("Sreg")) return random.below(8);
  return row.operands[0] === "Sreg" ? random.pick([0, 2, 3, 4, 5]) : random.below(6);
}

/** Encodes the subject with random registers, addressing and immediates. */
export function encode({ row, form, memory }: Subject, random: Random): Encoded {
  const { encoding } = row;
  const bytes: number[] = [];
  if (form.operandSize === 2) bytes.push(0x66);
  if (row.flags & ShapeFlag.STRING && random.once(2)) bytes.push(random.pick([0xf2, 0xf3]));
  if (typeof encoding.prefix === "number") bytes.push(encoding.prefix);
  if (encoding.map !== 1) bytes.push(0x0f);
  if (encoding.map === 3) bytes.push(0x38);
  bytes.push(encoding.byte + (encoding.plusRegister ? random.below(8) : 0));
  let reg: number | undefined;
  let rmRegister: number | undefined;
  let base: number | undefined;
  let displacement = 0;
  if (encoding.modrm !== undefined) {
    reg = encoding.modrm === "r" ? drawReg(row, random) : encoding.modrm;
    if (!memory) {
      rmRegister = typeof encoding.rm === "number" ? encoding.rm : random.below(8);
      bytes.push(0xc0 | (reg << 3) | rmRegister);
    } else if (random.once(4)) {
      displacement = pageAt(StagePage.DATA) + 0x400 + random.below(0x1800);
      bytes.push((reg << 3) | 5, ...littleEndian(displacement, 4));
    } else {
      base = random.pick(POINTERS);
      displacement = random.below(128) - 64;
      bytes.push(0x40 | (reg << 3) | base, displacement & 0xff);
    }
  }
  const immediateAt = bytes.length;
  for (const token of form.code.split(" ")) {
    // A far pointer is as long as the operand size says, whatever token the twin has.
    const far = row.operands[0] === "ptr16:32" && token.startsWith("c");
    const count = far ? (form.operandSize === 2 ? 4 : 6) : (IMMEDIATE_BYTES[token] ?? 0);
    for (let i = 0; i < count; i++) bytes.push(random.below(256));
  }
  if (row.operands.some((operand) => operand.startsWith("moffs"))) {
    bytes.push(...littleEndian(pageAt(StagePage.DATA) + 0x400 + random.below(0x1800), 4));
  }
  return { bytes, reg, rmRegister, base, displacement, immediateAt };
}

/** The `count` low bytes of a number, lowest first. */
export function littleEndian(value: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => (value >>> (8 * i)) & 0xff);
}
