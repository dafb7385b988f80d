/**
 * Machine code for rows of the instruction table: one byte string for each form, mode and kind of r/m operand.
 * Only what the agreement tests need: operands are fixed, what counts is that every part of the encoding is there.
 */
import { ShapeFlag } from "../../assembly/abi/shape.js";
import { formsOf } from "../../src/isa/dsl.js";
import type { Form, Row } from "../../src/isa/row.js";

/** Default operand and address size of the code. */
export type Bitness = 16 | 32;

/** One encoded form. */
export interface Sample {
  readonly form: Form;
  readonly bitness: Bitness;
  readonly memory: boolean;
  readonly bytes: Uint8Array;
}

const IMMEDIATE_BYTES: Record<string, number> = { ib: 1, iw: 2, id: 4, cb: 1, cw: 2, cd: 4, cp: 6 };
/** ModRM.rm of [EBX] and of [BX]. */
const RM_EBX = 3;
const RM_BX = 7;
/** ModRM.rm of ECX, CX, CL and ST(1). */
const RM_ECX = 1;

/**
 * Encodes a form. Immediates and displacements count up from `firstImmediate`; ModRM.reg is 2 (EDX, DR2, CR2, SS) for /r.
 */
export function encode(form: Form, bitness: Bitness, memory: boolean, firstImmediate = 0x02): Uint8Array {
  const { encoding } = form.row;
  const bytes: number[] = [];
  if (form.operandSize !== undefined && form.operandSize * 8 !== bitness) bytes.push(0x66);
  if (typeof encoding.prefix === "number") bytes.push(encoding.prefix);
  if (encoding.map !== 1) bytes.push(0x0f);
  if (encoding.map === 3) bytes.push(0x38);
  bytes.push(encoding.byte + (encoding.plusRegister ? 1 : 0));
  if (encoding.modrm !== undefined) {
    const reg = encoding.modrm === "r" ? 2 : encoding.modrm;
    const register = typeof encoding.rm === "number" ? encoding.rm : RM_ECX;
    const rm = memory ? (bitness === 32 ? RM_EBX : RM_BX) : 0xc0 + register;
    bytes.push((reg << 3) | rm);
  }
  let immediate = firstImmediate;
  for (const token of form.code.split(" ")) {
    for (let count = IMMEDIATE_BYTES[token] ?? 0; count > 0; count--) bytes.push(immediate++);
  }
  if (form.row.operands.some((operand) => operand.startsWith("moffs"))) {
    for (let count = bitness / 8; count > 0; count--) bytes.push(immediate++);
  }
  return Uint8Array.from(bytes);
}

/** Every form of a row in both modes, with a memory and a register operand where the row allows both. */
export function samplesOf(row: Row): Sample[] {
  const hasModrm = row.encoding.modrm !== undefined;
  const operands = [
    ...(hasModrm && !(row.flags & ShapeFlag.REGISTER_ONLY) && !row.operands.some(isRegisterOnly) ? [true] : []),
    ...(hasModrm && row.flags & ShapeFlag.MEMORY_ONLY ? [] : [false]),
  ];
  return formsOf(row).flatMap((form) =>
    ([16, 32] as const).flatMap((bitness) =>
      operands.map((memory) => ({ form, bitness, memory, bytes: encode(form, bitness, memory) })),
    ),
  );
}

/** MOV to and from control and debug registers always names registers. */
function isRegisterOnly(operand: string): boolean {
  return operand === "cr" || operand === "dr";
}

/** `16-bit ADD r/m32, r32 [01 /r]: 66 01 11`, for messages. */
export function describeSample({ form, bitness, bytes }: Sample): string {
  return `${bitness}-bit ${form.text} [${form.code}]: ${hexBytes(bytes)}`;
}

/** Bytes as the SDM prints them. */
export function hexBytes(bytes: Iterable<number>): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(" ");
}
