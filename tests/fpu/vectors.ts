/**
 * Vectors recorded by tests/oracle/x87.c, and the core as what is held against them. One vector is, in bytes:
 *
 *   before  opcode 1, ModRM 1, control 2, status 2, tags 2, flags 1, ST(0) 10, ST(i) 10, memory 10 if ModRM < C0
 *   after   control 2, status 2, tags 2, flags 1, changed 1 (a bit for each physical register), 10 for each changed register,
 *           memory 10 if ModRM < C0
 *
 * Registers other than ST(0) and ST(i), which is ST(1) unless the register form names another, hold A000000000000000 + r
 * with exponent 4000 + r. The memory operand is at [EDX].
 */
import { Fpu, FpuStatus, ST_BYTES } from "../../assembly/abi/fpu.js";
import { Layout } from "../../assembly/abi/layout.js";
import { Reg } from "../../assembly/abi/x86.js";
import type { Core } from "../../src/core/core.js";
import { CODE, flatCore } from "../cpu/flat-core.js";

const OPERAND = 0x10000;
const REAL_BYTES = 10;
/** SF ZF AF PF CF. */
const FLAGS = 0xd5;

/** State of the FPU around an instruction. */
export interface FpuState {
  control: number;
  /** With TOP. */
  status: number;
  tags: number;
  /** SF ZF AF PF CF at their EFLAGS positions. */
  flags: number;
  /** Ten bytes each, by physical number. */
  registers: Uint8Array[];
  memory: Uint8Array | undefined;
}

/** One vector. */
export interface Vector {
  opcode: number;
  modrm: number;
  before: FpuState;
  after: FpuState;
}

/** Register forms whose low three bits are a register number: everything but D9 D0, D9 E0..FF, DA E9, DB E0..E7, DE D9, DF E0. */
function namesRegister(opcode: number, modrm: number): boolean {
  if (modrm < 0xc0) return false;
  if (opcode === 0xd9) return modrm < 0xe0 && (modrm & 0xf8) !== 0xd0;
  if (opcode === 0xda) return modrm !== 0xe9;
  if (opcode === 0xde) return modrm !== 0xd9;
  return !(opcode === 0xdb && modrm >= 0xe0 && modrm < 0xe8) && !(opcode === 0xdf && modrm === 0xe0);
}

/** Reads all vectors of a file. Throws if it ends inside one. */
export function readVectors(bytes: Uint8Array): Vector[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const vectors: Vector[] = [];
  let at = 0;
  const byte = () => view.getUint8(at++);
  const word = () => {
    at += 2;
    return view.getUint16(at - 2, true);
  };
  const ten = () => {
    at += REAL_BYTES;
    if (at > bytes.length) throw new Error(`expected a vector at ${at}, found the end of the file`);
    return bytes.subarray(at - REAL_BYTES, at);
  };
  while (at < bytes.length) {
    const [opcode, modrm] = [byte(), byte()];
    const [control, status, tags, flags] = [word(), word(), word(), byte()];
    const top = (status >> 11) & 7;
    const second = namesRegister(opcode, modrm) ? modrm & 7 : 1;
    const registers = Array.from({ length: 8 }, (_, physical) => filler((physical - top) & 7));
    const [st0, other] = [ten(), ten()];
    registers[(top + second) & 7] = other;
    registers[top] = st0;
    const memory = modrm < 0xc0 ? ten() : undefined;
    const before = { control, status, tags, flags, registers, memory };
    const [controlAfter, statusAfter, tagsAfter, flagsAfter, changed] = [word(), word(), word(), byte(), byte()];
    const registersAfter = registers.map((old, physical) => (changed & (1 << physical) ? ten() : old));
    const after = {
      control: controlAfter,
      status: statusAfter,
      tags: tagsAfter,
      flags: flagsAfter,
      registers: registersAfter,
      memory: memory && ten(),
    };
    vectors.push({ opcode, modrm, before, after });
  }
  return vectors;
}

/** What the recorder puts into ST(r) where nothing else is. */
function filler(r: number): Uint8Array {
  return Uint8Array.of(r, 0, 0, 0, 0, 0, 0, 0xa0, r, 0x40);
}

/** `C000000000000000:FFFF` of ten bytes. */
export function realText(bytes: Uint8Array): string {
  const hex = (part: Uint8Array) => Buffer.from(part).reverse().toString("hex");
  return `${hex(bytes.subarray(8))}:${hex(bytes.subarray(0, 8))}`;
}

/** A state in one line. */
export function stateText(state: FpuState): string {
  const hex = (value: number) => value.toString(16).padStart(4, "0");
  const memory = state.memory === undefined ? "" : ` memory=${realText(state.memory)}`;
  const registers = state.registers.map((register, physical) => `R${physical}=${realText(register)}`);
  return `cw=${hex(state.control)} sw=${hex(state.status)} tw=${hex(state.tags)} flags=${hex(state.flags)}${memory} ${registers.join(" ")}`;
}

/** One core, reused for all vectors. */
export class X87Core {
  /** The core itself. */
  readonly core: Core = flatCore();
  readonly #view = new DataView(this.core.memory.buffer, Layout.CPU);
  readonly #bytes = new Uint8Array(this.core.memory.buffer, Layout.CPU);

  /** Runs one instruction and returns the state behind it. Throws if it raised an exception. */
  run(code: readonly number[], before: FpuState): FpuState {
    const { core } = this;
    const { cpu, ram } = core;
    ram.set([...code, 0xf4], CODE);
    ram.fill(0x5a, OPERAND, OPERAND + 128);
    ram.set(before.memory ?? [], OPERAND);
    core.exports.ramWritten(CODE, 16);
    this.#load(before);
    cpu.setReg(Reg.EDX, OPERAND);
    cpu.eflags = before.flags | 2;
    cpu.eip = CODE;
    core.stepOnce();
    if (cpu.eip !== CODE + code.length)
      throw new Error(`expected no exception, found vector handler at ${cpu.eip.toString(16)}`);
    return this.state(before.memory?.length);
  }

  #load(state: FpuState): void {
    const set = (field: number, value: number) => this.#view.setUint32(field, value, true);
    state.registers.forEach((register, physical) => {
      this.#bytes.set(register, Fpu.ST + physical * ST_BYTES);
    });
    set(Fpu.CW, state.control);
    set(Fpu.TOP, (state.status >> 11) & 7);
    set(Fpu.SW, state.status & ~0x3800);
    let valid = 0;
    for (let r = 0; r < 8; r++) if (((state.tags >> (2 * r)) & 3) !== 3) valid |= 1 << r;
    set(Fpu.VALID, valid);
  }

  /** The state now, with `memory` bytes of the operand. The tag word is made the way FNSAVE makes it, by FNSAVE. */
  state(memory: number | undefined): FpuState {
    const { cpu, ram } = this.core;
    const get = (field: number) => this.#view.getUint32(field, true);
    const registers = Array.from({ length: 8 }, (_, physical) =>
      this.#bytes.slice(Fpu.ST + physical * ST_BYTES, Fpu.ST + physical * ST_BYTES + REAL_BYTES),
    );
    const operand = memory === undefined ? undefined : ram.slice(OPERAND, OPERAND + memory);
    const [control, status, flags] = [get(Fpu.CW), get(Fpu.SW) | (get(Fpu.TOP) << 11), cpu.eflags & FLAGS];
    ram.set([0xdd, 0x32, 0xf4], CODE);
    this.core.exports.ramWritten(CODE, 16);
    cpu.eip = CODE;
    this.core.stepOnce();
    const tags = ram[OPERAND + 8]! | (ram[OPERAND + 9]! << 8);
    return { control, status, tags, flags, registers, memory: operand };
  }
}

/**
 * C1 after FCOMI, FCOMIP, FUCOMI and FUCOMIP: the SDM clears it, and so does the core; AMD's processors, which record the vectors, keep it.
 */
function withoutOpenBits(text: string, opcode: number, modrm: number): string {
  const toEflags = (opcode === 0xdb || opcode === 0xdf) && modrm >= 0xe8 && modrm < 0xf8;
  if (!toEflags) return text;
  return text.replace(
    /sw=(\w+)/,
    (_, status: string) => `sw=${(Number.parseInt(status, 16) & ~FpuStatus.C1).toString(16)}`,
  );
}

/** How many vectors come out differently on the core, with the first few of them in words. */
export function compareVectors(vectors: readonly Vector[], most = 5): { wrong: number; lines: string[] } {
  const core = new X87Core();
  const lines: string[] = [];
  let wrong = 0;
  for (const { opcode, modrm, before, after } of vectors) {
    const found = withoutOpenBits(stateText(core.run([opcode, modrm], before)), opcode, modrm);
    const expected = withoutOpenBits(stateText(after), opcode, modrm);
    if (found === expected) continue;
    wrong++;
    const name = `${opcode.toString(16)} ${modrm.toString(16)}`;
    if (lines.length < most) {
      lines.push(`${name}\n  before   ${stateText(before)}\n  expected ${expected}\n  found    ${found}`);
    }
  }
  return { wrong, lines };
}
