/**
 * The core's decoder as a function of bytes, and its records (assembly/abi/record.ts) in the words of the SDM.
 */
import { Cpu, Mode } from "../../assembly/abi/cpu.js";
import { Layout } from "../../assembly/abi/layout.js";
import { Form, RM_MEMORY, Rec, RecFlag } from "../../assembly/abi/record.js";
import { Shape } from "../../assembly/abi/shape.js";
import { Seg } from "../../assembly/abi/x86.js";
import { Core, type CoreHost } from "../../src/core/core.js";
import type { Row } from "../../src/isa/row.js";
import type { Bitness } from "./encode.js";

/** Where the record and the bytes go: the block pool, which is unused while nothing runs. */
const RECORD = Layout.BLOCK_POOL + 4096;
const BYTES = RECORD + 64;
/** Longest instruction (SDM 2A 2.3.11). */
const MAX_BYTES = 15;
/** EIP of every decoded instruction. */
export const EIP = 0x1000;

const NAMES_8 = ["AL", "CL", "DL", "BL", "AH", "CH", "DH", "BH"];
const NAMES_16 = ["AX", "CX", "DX", "BX", "SP", "BP", "SI", "DI"];

/** Rows whose imm8 is not extended to the operand size: ports, vectors, bases, counts and bit numbers. */
const BYTE_IMMEDIATES = /^(IN|OUT|INT|AAM|AAD|SH[LR]D|BT[SRC]?|RO[LR]|RC[LR]|S[HA][LR]) .*imm8/;
/** Rows whose count the processor cuts to five bits. */
export const SHIFTS: RegExp = /^(RO[LR]|RC[LR]|S[HA][LR]) .*imm8/;

/** A host without devices. */
const NO_HOST: CoreHost = {
  portRead: () => 0xff,
  portWrite: () => undefined,
  mmioRead: () => 0xff,
  mmioWrite: () => undefined,
  acknowledgeInterrupt: () => 0,
};

/** Decodes byte strings with the decoder of the core. One record at a time. */
export class CoreDecoder {
  readonly #core = Core.create({ ramBytes: 1 << 20 }, NO_HOST);
  readonly #view = new DataView(this.#core.memory.buffer);
  readonly #bytes = new Uint8Array(this.#core.memory.buffer, BYTES, 16);

  /** Decodes one instruction. Returns its length; 0 if it is longer than `bytes` or than 15 bytes. */
  decode(bytes: Uint8Array, bitness: Bitness, realMode = false): number {
    const available = Math.min(bytes.length, MAX_BYTES);
    this.#bytes.set(bytes.subarray(0, available));
    const mode = (bitness === 32 ? Mode.CODE32 | Mode.STACK32 : 0) | (realMode ? Mode.REAL : 0);
    return this.#core.exports.decodeBytes(RECORD, BYTES, available, EIP, mode);
  }

  /** One-byte field of the last record. */
  byte(field: Rec): number {
    return this.#view.getUint8(RECORD + field);
  }

  /** Two-byte field of the last record. */
  word(field: Rec): number {
    return this.#view.getUint16(RECORD + field, true);
  }

  /** Four-byte field of the last record, unsigned. */
  dword(field: Rec): number {
    return this.#view.getUint32(RECORD + field, true);
  }

  /** The memory operand of the last record: `DS:[EBX+ESI*4+12345678]`. */
  memory(): string {
    const mask = this.dword(Rec.LINK);
    const names = mask === 0xffff ? NAMES_16 : NAMES_16.map((name) => `E${name}`);
    const part = (offset: number, scale: number) => (offset === Cpu.ZERO ? "-" : `${names[offset / 4]}*${1 << scale}`);
    const base = part(this.byte(Rec.BASE), 0);
    const index = part(this.byte(Rec.INDEX_REG), this.byte(Rec.SCALE));
    const displacement = ((this.dword(Rec.DISP) & mask) >>> 0).toString(16);
    return `${Seg[this.byte(Rec.SEG)]}:[${base} ${index} ${displacement}]`;
  }

  /** The register at a state offset, of `size` bytes. */
  #register(offset: number, size: number): string {
    if (size === 1) return NAMES_8[(offset >> 2) + (offset & 3) * 4]!;
    return size === 2 ? NAMES_16[offset / 4]! : `E${NAMES_16[offset / 4]}`;
  }

  /**
   * The operands of the last record as the row's "Instruction" column orders them. The decoder may have turned
   * `r, r/m` between two registers round into `r/m, r`, and cut a shift count to five bits: neither changes the meaning.
   */
  operands(row: Row): string[] {
    const size = this.byte(Rec.SIZE);
    const turned = row.shape === Shape.REG_RM && (this.word(Rec.FLAGS) & RecFlag.FORM) === Form.RM_REG;
    const [regField, rmField] = turned ? [Rec.RM, Rec.REG] : [Rec.REG, Rec.RM];
    return row.operands.map((operand, index) => {
      if (/^m(\d|$)|^r\/m|^r32\/m16/.test(operand)) {
        if (this.byte(Rec.RM) === RM_MEMORY) return this.memory();
        const width = operand === "r/m8" ? 1 : operand === "r/m16" ? 2 : size;
        return this.#register(this.byte(rmField), width);
      }
      if (/^r\d/.test(operand)) {
        const inRm = row.encoding.plusRegister ? !row.operands.includes("EAX") : row.operands.some(isSpecialRegister);
        return this.#register(this.byte(inRm ? Rec.RM : regField), size);
      }
      if (operand === "ST(i)") return `ST${this.byte(Rec.RM)}`;
      if (operand === "ST(0)" || operand === "ST") return "ST0";
      if (/^imm/.test(operand)) return this.#immediate(row, operand, index, size);
      if (/^rel/.test(operand)) return this.dword(Rec.IMM).toString(16);
      if (/^ptr/.test(operand)) return `${this.word(Rec.IMM2).toString(16)}:${this.dword(Rec.IMM).toString(16)}`;
      if (/^moffs/.test(operand)) return this.memory();
      if (operand === "Sreg" || /^[C-G]S$/.test(operand)) return Seg[this.byte(Rec.REG)]!;
      if (isSpecialRegister(operand)) return `${operand.toUpperCase()}${this.byte(Rec.REG)}`;
      if (operand === "EAX") return size === 2 ? "AX" : "EAX";
      return operand;
    });
  }

  /** An immediate as the instruction uses it: sign-extended to the operand size or, for counts and ports, one byte. */
  #immediate(row: Row, operand: string, index: number, size: number): string {
    if (row.shape === Shape.IMM16_IMM8 && index === 1) return this.word(Rec.IMM2).toString(16);
    const mask =
      BYTE_IMMEDIATES.test(row.text) || size === 1 ? 0xff : operand === "imm16" || size === 2 ? 0xffff : 0xffffffff;
    const value = (this.dword(Rec.IMM) & mask) >>> 0;
    return (SHIFTS.test(row.text) ? value & 31 : value).toString(16);
  }

  /** Prefixes that count: LOCK, and REP or REPNE. */
  prefixes(): string {
    const flags = this.word(Rec.FLAGS);
    const names: [number, string][] = [
      [RecFlag.LOCK, "LOCK"],
      [RecFlag.REP, "REP"],
      [RecFlag.REPNE, "REPNE"],
    ];
    return names
      .filter(([bit]) => flags & bit)
      .map(([, name]) => name)
      .join(" ");
  }
}

function isSpecialRegister(operand: string): boolean {
  return operand === "cr" || operand === "dr";
}
