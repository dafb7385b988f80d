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
  /** The record itself, for the interpreter. */
  record: Uint8Array;
}

/** Reads the record at `ptr` of `memory`. */
export function readInsn(memory: ArrayBuffer, ptr: number): Insn {
  const record = new Uint8Array(memory, ptr, Rec.BYTES).slice();
  const v = new DataView(record.buffer);
  const flags = v.getUint16(Rec.FLAGS, true);
  return {
    op: v.getUint8(Rec.OP) as Op,
    size: v.getUint8(Rec.SIZE),
    form: (flags & RecFlag.FORM) as Form,
    reg: v.getUint8(Rec.REG),
    rm: v.getUint8(Rec.RM),
    memory: v.getUint8(Rec.RM) === RM_MEMORY,
    base: v.getUint8(Rec.BASE),
    index: v.getUint8(Rec.INDEX_REG),
    scale: v.getUint8(Rec.SCALE),
    seg: v.getUint8(Rec.SEG),
    disp: v.getInt32(Rec.DISP, true),
    imm: v.getInt32(Rec.IMM, true),
    imm2: v.getUint16(Rec.IMM2, true),
    eip: v.getUint32(Rec.EIP, true),
    length: v.getUint8(Rec.LENGTH),
    flags,
    condition: flags >>> CONDITION_SHIFT,
    mask: v.getUint32(Rec.LINK, true),
    ends: (flags & RecFlag.ENDS) !== 0,
    watched: false,
    record,
  };
}
