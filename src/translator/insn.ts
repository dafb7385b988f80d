/**
 * One decoded instruction as the translator sees it: the fields of its record (assembly/abi/record.ts), read once.
 */
import { CONDITION_SHIFT, type Form, RM_MEMORY, Rec, RecFlag } from "../../assembly/abi/record.js";
import type { Op } from "../../assembly/abi/op.js";

/** A decoded instruction. */
export interface Insn {
  op: Op;
  /** Operand size in bytes: 1, 2 or 4. */
  size: number;
  form: Form;
  /** Offset in Cpu of the register operand. */
  reg: number;
  /** Offset in Cpu of the r/m register, or RM_MEMORY. */
  rm: number;
  /** True if the r/m operand is memory. */
  memory: boolean;
  base: number;
  index: number;
  scale: number;
  seg: number;
  disp: number;
  imm: number;
  /** Second immediate: far selector, ENTER level. */
  imm2: number;
  /** Address of the instruction. */
  eip: number;
  length: number;
  /** RecFlag bits. */
  flags: number;
  /** Condition code. */
  condition: number;
  /** Mask of the effective address. */
  mask: number;
  /** True if the instruction ends its block. */
  ends: boolean;
  /** True if a monitor may want to see the instruction: it is left to the interpreter. */
  watched: boolean;
  /** The record itself as 32-bit words, for the interpreter. */
  record: readonly number[];
}

/** Reads the record at `at` of `v`. */
export function readInsn(v: DataView, at: number): Insn {
  const record: number[] = [];
  for (let i = 0; i < Rec.BYTES; i += 4) record.push(v.getInt32(at + i, true));
  const flags = v.getUint16(at + Rec.FLAGS, true);
  return {
    op: v.getUint8(at + Rec.OP) as Op,
    size: v.getUint8(at + Rec.SIZE),
    form: (flags & RecFlag.FORM) as Form,
    reg: v.getUint8(at + Rec.REG),
    rm: v.getUint8(at + Rec.RM),
    memory: v.getUint8(at + Rec.RM) === RM_MEMORY,
    base: v.getUint8(at + Rec.BASE),
    index: v.getUint8(at + Rec.INDEX_REG),
    scale: v.getUint8(at + Rec.SCALE),
    seg: v.getUint8(at + Rec.SEG),
    disp: v.getInt32(at + Rec.DISP, true),
    imm: v.getInt32(at + Rec.IMM, true),
    imm2: v.getUint16(at + Rec.IMM2, true),
    eip: v.getUint32(at + Rec.EIP, true),
    length: v.getUint8(at + Rec.LENGTH),
    flags,
    condition: flags >>> CONDITION_SHIFT,
    mask: v.getUint32(at + Rec.LINK, true),
    ends: (flags & RecFlag.ENDS) !== 0,
    watched: false,
    record,
  };
}
