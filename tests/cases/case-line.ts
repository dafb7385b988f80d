/**
 * One line of a case file: an instruction, the state before it and the state after it.
 *
 *   00 c8 | add al,cl | al=80 cl=80 | al=00 cf=1 pf=1 af=0 zf=1 sf=0 of=1
 *
 * Bytes are the truth; the text is for people and is checked against iced-x86. All numbers are hexadecimal. What the last column does
 * not mention must be as it was. Invariant: a word the parser does not know is an error, never ignored. tests/cases/README.md has the words.
 */
import { type FpuWords, noFpuWords, takeFpuWord } from "./case-fpu.js";

/** Registers a case may name, with their number in encoding order, their position in the register and their width in bits. */
const REGISTERS = new Map<string, { number: number; shift: number; bits: number }>();
["ax", "cx", "dx", "bx", "sp", "bp", "si", "di"].forEach((name, number) => {
  REGISTERS.set(`e${name}`, { number, shift: 0, bits: 32 });
  REGISTERS.set(name, { number, shift: 0, bits: 16 });
  if (number < 4) {
    REGISTERS.set(`${name[0]}l`, { number, shift: 0, bits: 8 });
    REGISTERS.set(`${name[0]}h`, { number, shift: 8, bits: 8 });
  }
});

/** EFLAGS bits a case may name. */
export const FLAGS: Readonly<Record<string, number>> = {
  cf: 0x1,
  pf: 0x4,
  af: 0x10,
  zf: 0x40,
  sf: 0x80,
  if: 0x200,
  df: 0x400,
  of: 0x800,
  nt: 0x4000,
  ac: 0x40000,
  id: 0x200000,
};

/** Position of IOPL in EFLAGS. */
export const IOPL_SHIFT = 12;

/** Segment registers in encoding order. */
export const SEGMENTS = ["es", "cs", "ss", "ds", "fs", "gs"];

/** Bits of one 32-bit register that a case gives a value. */
export interface RegisterPart {
  number: number;
  mask: number;
  value: number;
}

/** Bytes at a linear address. */
export interface Bytes {
  address: number;
  bytes: Uint8Array;
}

/** The state before the instruction: what differs from the default of case-machine.ts. */
export interface Before {
  registers: RegisterPart[];
  /** Flags given a value, and the value. */
  flags: number;
  flagMask: number;
  memory: Bytes[];
  /** Limits and bases by segment name. */
  limits: Map<string, number>;
  bases: Map<string, number>;
  /** 16-bit code or stack segment. */
  code16: boolean;
  stack16: boolean;
  /** Privilege level: 3 unless given. */
  cpl: number;
  /** Linear addresses of pages that are not present, and of those that are read-only. */
  notPresent: number[];
  readOnly: number[];
  /** CR0.AM is set. */
  alignment: boolean;
  /** CR0.TS is set. */
  taskSwitched: boolean;
  fpu: FpuWords;
}

/** The state after the instruction: what differs from the state before. */
export interface After {
  registers: RegisterPart[];
  flags: number;
  flagMask: number;
  /** Flags whose value the architecture leaves open. */
  openFlags: number;
  memory: Bytes[];
  eip: number | undefined;
  /** The exception it raises, by vector name, with its error code if it has one. */
  exception: { name: string; error: number | undefined } | undefined;
  /** The interrupt or trap that is taken, with EIP behind the instruction. */
  interrupt: number | undefined;
  /** Registers whose value the test leaves open. */
  openRegisters: number[];
  /** Selectors by segment name. */
  selectors: Map<string, number>;
  /** Fields of the state by name: cr2, cr3, dr0 ... */
  fields: Map<string, number>;
  /** CR0.TS, if it changes. */
  taskSwitched: boolean | undefined;
  fpu: FpuWords;
}

/** A whole line. */
export interface Case {
  /** File and line, for messages. */
  where: string;
  bytes: Uint8Array;
  text: string;
  before: Before;
  after: After;
}

function number(word: string, text: string): number {
  if (!/^[0-9a-f]{1,8}$/.test(text)) throw new Error(`${word}: expected a hexadecimal number, found "${text}"`);
  return Number.parseInt(text, 16);
}

function hexBytes(word: string, text: string): Uint8Array {
  if (!/^([0-9a-f]{2})+$/.test(text)) throw new Error(`${word}: expected pairs of hexadecimal digits, found "${text}"`);
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

/** `name=value` of a register, or undefined. */
function registerPart(word: string, name: string, text: string): RegisterPart | undefined {
  const register = REGISTERS.get(name);
  if (register === undefined) return undefined;
  const value = number(word, text);
  const mask = register.bits === 32 ? 0xffffffff : (1 << register.bits) - 1;
  if (value > mask) throw new Error(`${word}: the value does not fit the register`);
  return { number: register.number, mask: (mask << register.shift) >>> 0, value: (value << register.shift) >>> 0 };
}

/** Splits `name=value`; a word without a value has an empty one. */
function split(word: string): [string, string] {
  const at = word.indexOf("=");
  return at < 0 ? [word, ""] : [word.slice(0, at), word.slice(at + 1)];
}

function memoryBytes(word: string, name: string, text: string): Bytes | undefined {
  const address = /^\[([0-9a-f]{1,8})\]$/.exec(name)?.[1];
  return address === undefined ? undefined : { address: Number.parseInt(address, 16), bytes: hexBytes(word, text) };
}

/** Parses the words of the third column. */
function parseBefore(text: string): Before {
  const before: Before = {
    registers: [],
    flags: 0,
    flagMask: 0,
    memory: [],
    limits: new Map(),
    bases: new Map(),
    code16: false,
    stack16: false,
    cpl: 3,
    notPresent: [],
    readOnly: [],
    alignment: false,
    taskSwitched: false,
    fpu: noFpuWords(),
  };
  for (const word of text.split(/\s+/).filter((w) => w !== "")) {
    const [name, value] = split(word);
    const register = registerPart(word, name, value);
    const memory = memoryBytes(word, name, value);
    const [segment = "", field] = name.split(".");
    if (register !== undefined) before.registers.push(register);
    else if (memory !== undefined) before.memory.push(memory);
    else if (FLAGS[name] !== undefined && /^[01]$/.test(value)) {
      before.flagMask |= FLAGS[name];
      if (value === "1") before.flags |= FLAGS[name];
    } else if (SEGMENTS.includes(segment) && field === "limit") before.limits.set(segment, number(word, value));
    else if (SEGMENTS.includes(segment) && field === "base") before.bases.set(segment, number(word, value));
    else if (word === "code16") before.code16 = true;
    else if (word === "stack16") before.stack16 = true;
    else if (word === "cpl=0") before.cpl = 0;
    else if (word === "am") before.alignment = true;
    else if (word === "ts=1") before.taskSwitched = true;
    else if (name === "iopl" && /^[0-3]$/.test(value)) {
      before.flagMask |= 3 << IOPL_SHIFT;
      before.flags |= number(word, value) << IOPL_SHIFT;
    } else if (name === "np") before.notPresent.push(number(word, value));
    else if (name === "ro") before.readOnly.push(number(word, value));
    else if (!takeFpuWord(before.fpu, name, value)) throw new Error(`"${word}" is no word of the state before`);
  }
  return before;
}

/** Parses the words of the fourth column. */
function parseAfter(text: string): After {
  const after: After = {
    registers: [],
    flags: 0,
    flagMask: 0,
    openFlags: 0,
    memory: [],
    eip: undefined,
    exception: undefined,
    interrupt: undefined,
    openRegisters: [],
    selectors: new Map(),
    fields: new Map(),
    taskSwitched: undefined,
    fpu: noFpuWords(),
  };
  for (const word of text.split(/\s+/).filter((w) => w !== "")) {
    const [name, value] = split(word);
    const open = value === "?" ? REGISTERS.get(name)?.number : undefined;
    const register = open === undefined ? registerPart(word, name, value) : undefined;
    const memory = memoryBytes(word, name, value);
    const exception = /^#([A-Z]{2})(?:\(([0-9a-f]{1,4})\))?$/.exec(word);
    if (open !== undefined) after.openRegisters.push(open);
    else if (register !== undefined) after.registers.push(register);
    else if (memory !== undefined) after.memory.push(memory);
    else if (FLAGS[name] !== undefined && /^[01?]$/.test(value)) {
      if (value === "?") after.openFlags |= FLAGS[name];
      else after.flagMask |= FLAGS[name];
      if (value === "1") after.flags |= FLAGS[name];
    } else if (exception !== null) {
      const error = exception[2];
      after.exception = {
        name: exception[1] ?? "",
        error: error === undefined ? undefined : Number.parseInt(error, 16),
      };
    } else if (name === "eip") after.eip = number(word, value);
    else if (name === "int") after.interrupt = number(word, value);
    else if (SEGMENTS.includes(name)) after.selectors.set(name, number(word, value));
    else if (/^(cr[234]|dr[012367])$/.test(name)) after.fields.set(name, number(word, value));
    else if (name === "ts" && /^[01]$/.test(value)) after.taskSwitched = value === "1";
    else if (name === "iopl" && /^[0-3]$/.test(value)) {
      after.flagMask |= 3 << IOPL_SHIFT;
      after.flags |= number(word, value) << IOPL_SHIFT;
    } else if (!takeFpuWord(after.fpu, name, value)) {
      throw new Error(`"${word}" is no word of the state after`);
    }
  }
  return after;
}

/** The cases of a file's text. Errors: a line that is not understood, with its number. */
export function parseCases(file: string, text: string): Case[] {
  return text.split("\n").flatMap((line, index) => {
    if (line.trim() === "" || line.startsWith("#")) return [];
    const where = `${file}:${index + 1}`;
    try {
      const columns = line.split("|").map((column) => column.trim());
      const [bytes = "", instruction = "", before = "", after = ""] = columns;
      if (columns.length !== 4) throw new Error(`expected 4 columns, found ${columns.length}`);
      return [
        {
          where,
          bytes: hexBytes("bytes", bytes.replaceAll(" ", "")),
          text: instruction,
          before: parseBefore(before),
          after: parseAfter(after),
        },
      ];
    } catch (error) {
      throw new Error(`${where}: ${error instanceof Error ? error.message : String(error)}`);
    }
  });
}
