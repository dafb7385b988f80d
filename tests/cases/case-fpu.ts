/**
 * The x87 words of a case: `fcw=037f`, `fsw=3800`, `st0=3fff8000000000000000` (sign and exponent, then significand), `st0=empty`.
 *
 * Before the instruction the FPU is as FNINIT leaves it, but for these words; ST(i) counts from the TOP in `fsw`. Invariant: what the
 * words behind the instruction do not name must be as it was, by physical register.
 */
import { Fpu, ST_BYTES } from "../../assembly/abi/fpu.js";
import { Layout } from "../../assembly/abi/layout.js";
import type { Core } from "../../src/core/core.js";

const AFTER_FNINIT = 0x037f;
const TOP_BITS = 0x3800;
const EMPTY = "empty";

/** The x87 words of one column. */
export interface FpuWords {
  control: number | undefined;
  status: number | undefined;
  /** By stack number: twenty digits or `empty`. */
  stack: Map<number, string>;
}

/** No words. */
export function noFpuWords(): FpuWords {
  return { control: undefined, status: undefined, stack: new Map() };
}

/** Takes one word. Returns false if it is none about the FPU. Throws if its value is not understood. */
export function takeFpuWord(words: FpuWords, name: string, value: string): boolean {
  const register = /^st([0-7])$/.exec(name)?.[1];
  if (register === undefined && name !== "fcw" && name !== "fsw") return false;
  if (register !== undefined) {
    if (!/^([0-9a-f]{20}|empty)$/.test(value))
      throw new Error(`${name}: expected twenty digits or "empty", found "${value}"`);
    words.stack.set(Number(register), value);
    return true;
  }
  if (!/^[0-9a-f]{4}$/.test(value)) throw new Error(`${name}: expected four hexadecimal digits, found "${value}"`);
  if (name === "fcw") words.control = Number.parseInt(value, 16);
  else words.status = Number.parseInt(value, 16);
  return true;
}

/** Registers by physical number: twenty digits or `empty`. */
type Registers = string[];

function withStack(registers: Registers, status: number, stack: ReadonlyMap<number, string>): Registers {
  const out = [...registers];
  const top = (status & TOP_BITS) >> 11;
  for (const [i, value] of stack) out[(top + i) & 7] = value;
  return out;
}

function registersBefore(before: FpuWords): Registers {
  return withStack(new Array<string>(8).fill(EMPTY), before.status ?? 0, before.stack);
}

/** Brings the FPU into the state before. */
export function setUpFpu(core: Core, before: FpuWords): void {
  const view = new DataView(core.memory.buffer, Layout.CPU);
  const status = before.status ?? 0;
  let valid = 0;
  registersBefore(before).forEach((text, physical) => {
    const at = Fpu.ST + physical * ST_BYTES;
    const digits = text === EMPTY ? "0".repeat(20) : text;
    view.setUint16(at + 8, Number.parseInt(digits.slice(0, 4), 16), true);
    view.setBigUint64(at, BigInt(`0x${digits.slice(4)}`), true);
    if (text !== EMPTY) valid |= 1 << physical;
  });
  view.setUint32(Fpu.CW, before.control ?? AFTER_FNINIT, true);
  view.setUint32(Fpu.SW, status & ~TOP_BITS, true);
  view.setUint32(Fpu.TOP, (status & TOP_BITS) >> 11, true);
  view.setUint32(Fpu.VALID, valid, true);
  for (const field of [Fpu.IP, Fpu.CS, Fpu.DP, Fpu.DS, Fpu.OPCODE]) view.setUint32(field, 0, true);
}

/** Compares the FPU with the state it should be in. */
export function checkFpu(
  core: Core,
  before: FpuWords,
  after: FpuWords,
  check: (what: string, found: string, wanted: string) => void,
): void {
  const view = new DataView(core.memory.buffer, Layout.CPU);
  const word = (value: number) => value.toString(16).padStart(4, "0");
  const get = (field: Fpu) => view.getUint32(field, true);
  const status = after.status ?? before.status ?? 0;
  check("fcw", word(get(Fpu.CW)), word(after.control ?? before.control ?? AFTER_FNINIT));
  check("fsw", word(get(Fpu.SW) | (get(Fpu.TOP) << 11)), word(status));
  withStack(registersBefore(before), status, after.stack).forEach((wanted, physical) => {
    const at = Fpu.ST + physical * ST_BYTES;
    const digits = word(view.getUint16(at + 8, true)) + view.getBigUint64(at, true).toString(16).padStart(16, "0");
    check(`R${physical}`, (get(Fpu.VALID) >> physical) & 1 ? digits : EMPTY, wanted);
  });
}
