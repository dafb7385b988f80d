/**
 * A small assembler for 32-bit x86: what the random programs and the kernel around them are written with.
 * Labels may be used before they are placed; `finish` resolves them. Encodings: SDM volume 2, appendix A.
 */

/** General registers in encoding order. */
export const R = { EAX: 0, ECX: 1, EDX: 2, EBX: 3, ESP: 4, EBP: 5, ESI: 6, EDI: 7 } as const;

/** A memory operand. */
export interface Mem {
  base?: number;
  index?: number;
  /** Shift count of the index. */
  scale?: number;
  disp?: number;
  /** A label whose address is added to the displacement. */
  label?: string;
  /** Segment override prefix. */
  prefix?: number;
}

/** A register number or a memory operand. */
export type Rm = number | Mem;

interface Fixup {
  at: number;
  label: string;
  relative: boolean;
  add: number;
}

/** Collects code for one address. */
export class Assembler {
  readonly #bytes: number[] = [];
  readonly #fixups: Fixup[] = [];
  readonly #labels = new Map<string, number>();
  #unique = 0;

  /** Code that will lie at linear address `base`. */
  constructor(readonly base: number) {}

  /** Bytes so far. */
  get length(): number {
    return this.#bytes.length;
  }

  /** A label name nobody else has. */
  fresh(): string {
    return `.${this.#unique++}`;
  }

  /** Places a label here, `back` bytes behind the end. */
  label(name: string, back = 0): void {
    this.#labels.set(name, this.#bytes.length - back);
  }

  /** Bytes as they are. */
  raw(...bytes: number[]): void {
    for (const b of bytes) this.#bytes.push(b & 0xff);
  }

  /** A little-endian number of `size` bytes. */
  value(v: number, size: number): void {
    for (let i = 0; i < size; i++) this.#bytes.push((v >>> (8 * i)) & 0xff);
  }

  /** The address of a label, plus `add`. */
  address(label: string, add = 0): void {
    this.#fixups.push({ at: this.#bytes.length, label, relative: false, add });
    this.value(0, 4);
  }

  /** The distance to a label, as the last four bytes of an instruction; `add` moves the target. */
  relative(label: string, add = 0): void {
    this.#fixups.push({ at: this.#bytes.length, label, relative: true, add });
    this.value(0, 4);
  }

  /** Prefixes for an operand of `size` bytes (1, 2 or 4) and a memory operand's segment. */
  prefixes(size: number, rm: Rm = 0): void {
    if (size === 2) this.raw(0x66);
    if (typeof rm !== "number" && rm.prefix !== undefined) this.raw(rm.prefix);
  }

  /** ModRM, SIB and displacement. */
  modrm(reg: number, rm: Rm): void {
    if (typeof rm === "number") {
      this.raw(0xc0 | (reg << 3) | rm);
      return;
    }
    const disp = rm.disp ?? 0;
    const short = rm.label === undefined && rm.base !== undefined && disp >= -128 && disp <= 127;
    const mod = rm.base === undefined ? 0 : short ? 1 : 2;
    if (rm.base === undefined && rm.index === undefined) this.raw((reg << 3) | 5);
    else if (rm.index === undefined && rm.base !== R.ESP) this.raw((mod << 6) | (reg << 3) | (rm.base as number));
    else {
      this.raw((mod << 6) | (reg << 3) | 4);
      this.raw(((rm.scale ?? 0) << 6) | ((rm.index ?? 4) << 3) | (rm.base ?? 5));
    }
    if (rm.label !== undefined) this.address(rm.label, disp);
    else this.value(disp, mod === 1 ? 1 : 4);
  }

  /** An instruction with a one-byte opcode whose lowest bit says "not a byte", and ModRM. */
  sized(opcode: number, size: number, reg: number, rm: Rm): void {
    this.prefixes(size, rm);
    this.raw(opcode | (size === 1 ? 0 : 1));
    this.modrm(reg, rm);
  }

  /** An instruction of the 0F map with ModRM. */
  twoByte(opcode: number, size: number, reg: number, rm: Rm): void {
    this.prefixes(size, rm);
    this.raw(0x0f, opcode);
    this.modrm(reg, rm);
  }

  /** An ALU operation (0 ADD, 1 OR, 2 ADC, 3 SBB, 4 AND, 5 SUB, 6 XOR, 7 CMP) with an immediate. */
  aluImmediate(operation: number, size: number, rm: Rm, imm: number): void {
    this.sized(0x80, size, operation, rm);
    this.value(imm, size);
  }

  /** `mov r32, imm32`. */
  movRegister(reg: number, imm: number): void {
    this.raw(0xb8 | reg);
    this.value(imm, 4);
  }

  /** `mov r32, label`. */
  movLabel(reg: number, label: string, add = 0): void {
    this.raw(0xb8 | reg);
    this.address(label, add);
  }

  /** `mov dword [address], label`. */
  storeLabel(address: number, label: string): void {
    this.raw(0xc7);
    this.modrm(0, { disp: address });
    this.address(label);
  }

  /** `jcc label`. */
  jcc(condition: number, label: string): void {
    this.raw(0x0f, 0x80 | condition);
    this.relative(label);
  }

  /** `jmp label`. */
  jmp(label: string, add = 0): void {
    this.raw(0xe9);
    this.relative(label, add);
  }

  /** `call label`. */
  call(label: string, add = 0): void {
    this.raw(0xe8);
    this.relative(label, add);
  }

  /** The bytes, every label resolved. Raises an Error for a label that was not placed. */
  finish(): Uint8Array {
    const out = Uint8Array.from(this.#bytes);
    const view = new DataView(out.buffer);
    for (const { at, label, relative, add } of this.#fixups) {
      const place = this.#labels.get(label);
      if (place === undefined) throw new Error(`label ${label} was not placed`);
      const before = view.getUint32(at, true);
      view.setUint32(at, before + add + (relative ? place - (at + 4) : this.base + place), true);
    }
    return out;
  }
}
