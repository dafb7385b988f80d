/**
 * Reader of MOO files, the format of the public SingleStepTests sets: versions 1.0 and 1.1, plain or gzip.
 *
 * A file is a sequence of chunks: four characters, a length, that many bytes; unknown chunks are skipped. Sets for 16-bit CPUs carry `REGS`
 * (16-bit registers), those for the 386 `RG32`. Input is hostile: every length is checked, and a test that lacks a part is refused.
 */
import type { ByteReader } from "./byte-reader.js";
import { copyRegisters, type RamBytes, type RealModeCase, type RegisterSet } from "./test-case.js";

/** A parsed file. */
export interface MooFile {
  major: number;
  minor: number;
  /** `C286`, `386E`, … without trailing blanks. */
  cpu: string;
  tests: RealModeCase[];
}

type Setter = (set: RegisterSet, value: number) => void;
const general =
  (n: number): Setter =>
  (set, value) => {
    set.general[n] = value;
  };
const segment =
  (n: number): Setter =>
  (set, value) => {
    set.segments[n] = value;
  };

/** Bits 0–13 of `REGS`: ax bx cx dx cs ss ds es sp bp si di ip flags. */
const REGS: readonly Setter[] = [
  general(0),
  general(3),
  general(1),
  general(2),
  segment(1),
  segment(2),
  segment(3),
  segment(0),
  general(4),
  general(5),
  general(6),
  general(7),
  (set, value) => {
    set.eip = value;
  },
  (set, value) => {
    set.eflags = value;
  },
];

/** Bits 0–19 of `RG32`: cr0 cr3 eax ebx ecx edx esi edi ebp esp cs ds es fs gs ss eip eflags dr6 dr7. */
const RG32: readonly Setter[] = [
  (set, value) => {
    set.cr0 = value;
  },
  (set, value) => {
    set.cr3 = value;
  },
  general(0),
  general(3),
  general(1),
  general(2),
  general(6),
  general(7),
  general(5),
  general(4),
  segment(1),
  segment(3),
  segment(0),
  segment(4),
  segment(5),
  segment(2),
  (set, value) => {
    set.eip = value;
  },
  (set, value) => {
    set.eflags = value;
  },
  (set, value) => {
    set.dr6 = value;
  },
  (set, value) => {
    set.dr7 = value;
  },
];

function emptyRegisters(fill: number): RegisterSet {
  return {
    general: new Array<number>(8).fill(fill),
    segments: new Array<number>(6).fill(fill),
    eip: fill,
    eflags: fill,
    cr0: fill,
    cr3: fill,
    dr6: fill,
    dr7: fill,
  };
}

function readRegisters(reader: ByteReader, wide: boolean, into: RegisterSet): void {
  const setters = wide ? RG32 : REGS;
  const at = reader.offset;
  const mask = wide ? reader.u32("a register mask") : reader.u16("a register mask");
  if (mask >= 2 ** setters.length) {
    throw reader.error(
      `expected a register mask below 0x${(2 ** setters.length).toString(16)} and found 0x${mask.toString(16)}`,
      at,
    );
  }
  for (let bit = 0; bit < setters.length; bit++) {
    if ((mask & (1 << bit)) === 0) continue;
    setters[bit]!(into, wide ? reader.u32("a register") : reader.u16("a register"));
  }
}

function readRam(reader: ByteReader): RamBytes {
  const count = reader.u32("a count of memory bytes");
  reader.need(count * 5, `${count} memory bytes`);
  const ram: RamBytes = { addresses: [], values: [] };
  for (let i = 0; i < count; i++) {
    ram.addresses.push(reader.u32("an address"));
    ram.values.push(reader.u8("a byte"));
  }
  return ram;
}

interface HalfState {
  wide: boolean;
  ram: RamBytes;
  mask: RegisterSet | undefined;
}

function readState(reader: ByteReader, registers: RegisterSet): HalfState {
  const state: HalfState = { wide: false, ram: { addresses: [], values: [] }, mask: undefined };
  let found = false;
  while (reader.remaining > 0) {
    const id = reader.text(4, "a chunk name");
    const part = reader.sub(reader.u32("a chunk length"), `chunk ${JSON.stringify(id)}`);
    if (id === "REGS" || id === "RG32") {
      readRegisters(part, id === "RG32", registers);
      state.wide = id === "RG32";
      found = true;
    } else if (id === "RMSK" || id === "RM32") {
      state.mask = emptyRegisters(0xffffffff);
      readRegisters(part, id === "RM32", state.mask);
    } else if (id === "RAM ") {
      state.ram = readRam(part);
    }
  }
  if (!found) throw reader.error("expected a REGS or RG32 chunk in a CPU state and found none");
  return state;
}

function readTest(reader: ByteReader): RealModeCase {
  const index = reader.u32("a test number");
  const start = reader.offset - 12;
  let name = "";
  let bytes: Uint8Array | undefined;
  let initial: { registers: RegisterSet; state: HalfState } | undefined;
  let final: { registers: RegisterSet; state: HalfState } | undefined;
  let exception: RealModeCase["exception"];
  while (reader.remaining > 0) {
    const id = reader.text(4, "a chunk name");
    const part = reader.sub(reader.u32("a chunk length"), `chunk ${JSON.stringify(id)}`);
    if (id === "NAME") name = part.text(part.u32("the length of a name"), "a name");
    else if (id === "BYTS") bytes = part.bytes(part.u32("a count of instruction bytes"), "instruction bytes");
    else if (id === "EXCP") exception = { vector: part.u8("a vector"), flagsAddress: part.u32("an address") };
    else if (id === "INIT") {
      const registers = emptyRegisters(0);
      initial = { registers, state: readState(part, registers) };
    } else if (id === "FINA") {
      if (initial === undefined) throw part.error("expected INIT before FINA in a test", start);
      const registers = copyRegisters(initial.registers);
      final = { registers, state: readState(part, registers) };
    }
  }
  if (bytes === undefined || initial === undefined || final === undefined) {
    const missing = [bytes === undefined && "BYTS", initial === undefined && "INIT", final === undefined && "FINA"];
    throw reader.error(
      `expected BYTS, INIT and FINA in test ${index} and found no ${missing.filter(Boolean).join(", ")}`,
      start,
    );
  }
  return {
    index,
    name,
    bytes: bytes.at(-1) === 0xf4 ? bytes.subarray(0, -1) : bytes,
    wide: initial.state.wide,
    initial: initial.registers,
    final: final.registers,
    finalMask: final.state.mask,
    initialRam: initial.state.ram,
    finalRam: final.state.ram,
    exception,
  };
}

/** True if `bytes` begin like a MOO file (uncompressed). */
export function looksLikeMoo(bytes: Uint8Array): boolean {
  return bytes[0] === 0x4d && bytes[1] === 0x4f && bytes[2] === 0x4f && bytes[3] === 0x20;
}

/** Parses an uncompressed MOO file. Raises `ConformFileError`. */
export function parseMoo(reader: ByteReader): MooFile {
  const magic = reader.text(4, "the name of the first chunk");
  if (magic !== "MOO ")
    throw reader.error(`expected a MOO file to begin with "MOO " and found ${JSON.stringify(magic)}`, 0);
  const head = reader.sub(reader.u32("the length of the first chunk"), "the MOO chunk");
  const major = head.u8("a version");
  const minor = head.u8("a version");
  if (major !== 1) throw head.error(`expected MOO version 1 and found ${major}.${minor}`, 8);
  head.u16("a reserved field");
  const count = head.u32("a count of tests");
  const file: MooFile = { major, minor, cpu: head.text(4, "a CPU name").trimEnd(), tests: [] };
  while (reader.remaining > 0) {
    const id = reader.text(4, "a chunk name");
    const part = reader.sub(reader.u32("a chunk length"), `chunk ${JSON.stringify(id)}`);
    if (id === "TEST") file.tests.push(readTest(part));
  }
  if (file.tests.length !== count) {
    throw reader.error(`expected ${count} tests, as the first chunk says, and found ${file.tests.length}`, 12);
  }
  return file;
}
