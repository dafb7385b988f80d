/**
 * Random byte strings decoded by iced-x86, its instructions in the same words as core-decoder.ts uses, and the operation
 * of the table that an iced code stands for.
 */
import * as iced from "iced-x86";
import { ShapeFlag } from "../../assembly/abi/shape.js";
import type { Row } from "../../src/isa/row.js";
import { INSTRUCTIONS } from "../../src/isa/table/index.js";
import { EIP, SHIFTS } from "./core-decoder.js";
import { type Bitness, samplesOf } from "./encode.js";
import { I686_OPTIONS } from "./oracle.js";

/** Address-size prefix. */
const ADDRESS_SIZE = 0x67;

/** Rows by iced code, learnt from the samples that iced.test.ts holds against iced. */
export function rowsByCode(): Map<iced.Code, Row> {
  const rows = new Map<iced.Code, Row>();
  for (const row of INSTRUCTIONS) {
    for (const { bytes, bitness } of samplesOf(row)) {
      for (const variant of [bytes, Uint8Array.from([ADDRESS_SIZE, ...bytes])]) {
        const decoder = new iced.Decoder(bitness, variant, I686_OPTIONS);
        const instruction = decoder.decode();
        if (!rows.has(instruction.code)) rows.set(instruction.code, row);
        instruction.free();
        decoder.free();
      }
    }
  }
  return rows;
}

/** Decodes one instruction at EIP into `out`. Returns false if iced calls it invalid. */
export function icedDecode(bytes: Uint8Array, bitness: Bitness, out: iced.Instruction): boolean {
  const decoder = new iced.Decoder(bitness, bytes, I686_OPTIONS);
  decoder.ip = BigInt(EIP);
  decoder.decodeOut(out);
  decoder.free();
  return out.code !== iced.Code.INVALID;
}

function memoryText(instruction: iced.Instruction, bitness16: boolean): string {
  const name = (register: iced.Register) => iced.Register[register]!;
  const part = (register: iced.Register, scale: number) =>
    register === iced.Register.None ? "-" : `${name(register)}*${scale}`;
  const base = part(instruction.memoryBase, 1);
  const index = part(instruction.memoryIndex, instruction.memoryIndexScale);
  const mask = bitness16 ? 0xffffn : 0xffffffffn;
  const displacement = (instruction.memoryDisplacement & mask).toString(16);
  return `${name(instruction.memorySegment)}:[${base} ${index} ${displacement}]`;
}

/** True if the memory operand has 16-bit addressing. */
function isAddress16(instruction: iced.Instruction): boolean {
  const registers = [instruction.memoryBase, instruction.memoryIndex].filter((r) => r !== iced.Register.None);
  if (registers.length > 0) return registers.every((r) => r >= iced.Register.AX && r <= iced.Register.R15W);
  return instruction.memoryDisplSize === 2;
}

/** Rows of two bytes whatever the operand size have the 16-bit register where iced has the 32-bit one. */
function registerName(name: string, row: Row): string {
  return row.flags & ShapeFlag.WORD ? name.replace(/^E(?=[A-Z]{2}$)/, "") : name;
}

/** The operands of an instruction that a row stands for, implicit ones of strings left out. */
export function icedOperands(instruction: iced.Instruction, row: Row): string[] {
  if (row.flags & ShapeFlag.STRING || row.operands.length === 0) return [];
  return row.operands.map((operand, index) => {
    // A single ST(i) is iced's last operand: it names the implicit ST(0) as well.
    const place = operand === "ST(i)" && row.operands.length === 1 ? instruction.opCount - 1 : index;
    const size = instruction.opKind(place);
    switch (size) {
      case iced.OpKind.Register:
        return registerName(iced.Register[instruction.opRegister(place)]!, row);
      case iced.OpKind.NearBranch16:
      case iced.OpKind.NearBranch32:
        return instruction.nearBranchTarget.toString(16);
      case iced.OpKind.FarBranch16:
        return `${instruction.farBranchSelector.toString(16)}:${instruction.farBranch16.toString(16)}`;
      case iced.OpKind.FarBranch32:
        return `${instruction.farBranchSelector.toString(16)}:${instruction.farBranch32.toString(16)}`;
      case iced.OpKind.Memory:
        return memoryText(instruction, isAddress16(instruction));
      case iced.OpKind.Immediate8to16:
        return (instruction.immediate8to16 & 0xffff).toString(16);
      case iced.OpKind.Immediate8to32:
        return (instruction.immediate8to32 >>> 0).toString(16);
      default:
        if (operand === "1") return "1";
        return (instruction.immediate(index) & (SHIFTS.test(row.text) ? 31n : 0xffffffffn)).toString(16);
    }
  });
}
