/**
 * 286 facts that are not true of an i686: what a set captured on an 80286 expects and a later CPU does otherwise.
 *
 * Two kinds. A *filter* leaves a test out, because there is nothing to compare with. An *adaptation* states what the later CPU does instead
 * and runs the test. Both are counted by name and reported. Judged from the test alone, never from what the machine did.
 */
import { headOf, type InstructionHead } from "./instruction-key.js";
import type { RamBytes, RealModeCase } from "./test-case.js";

/** Bits 0–11: the 286 keeps 12–14 at zero in real mode, later CPUs keep IOPL and NT. */
export const FLAGS_286 = 0x0fff;

/** Why a test is left out, or how it is changed: for the report. */
export const PROFILE_286_NOTES = {
  length: "the 286 refuses instructions longer than 10 bytes, later CPUs those longer than 15",
  lock: "LOCK on an instruction that cannot be locked: allowed on the 286, #UD later",
  "newer-opcode": "0F, 63, 64-67, D8-DF and 9B mean something else on later CPUs, or depend on a coprocessor",
  "fs-gs": "8C and 8E with FS or GS are invalid on the 286",
  "idiv-minimum": "IDIV r/m8 with the quotient -128 does not fault on the 286 and does later",
  "stack-fault": "faults of the stack segment: vector 13 on the 286, 12 later",
  "string-fault":
    "a string instruction that faults: the 286 has moved SI, DI and CX already, later CPUs restart from the iteration's start",
  "flags-12-14": "IOPL and NT: forced to 0 on the 286 in real mode, kept later; not compared",
} as const;

/** Name of a note. */
export type Profile286Note = keyof typeof PROFILE_286_NOTES;

const LOCKABLE = new Set([
  ...[0x00, 0x01, 0x08, 0x09, 0x10, 0x11, 0x18, 0x19, 0x20, 0x21, 0x28, 0x29, 0x30, 0x31, 0x86, 0x87],
]);
const LOCKABLE_DIGITS = new Map<number, readonly number[]>([
  [0x80, [0, 1, 2, 3, 4, 5, 6]],
  [0x81, [0, 1, 2, 3, 4, 5, 6]],
  [0x82, [0, 1, 2, 3, 4, 5, 6]],
  [0x83, [0, 1, 2, 3, 4, 5, 6]],
  [0xf6, [2, 3]],
  [0xf7, [2, 3]],
  [0xfe, [0, 1]],
  [0xff, [0, 1]],
]);

function isLockable(head: InstructionHead): boolean {
  if (head.modrm === undefined || head.modrm >= 0xc0) return false;
  const digit = (head.modrm >> 3) & 7;
  return LOCKABLE.has(head.opcode) || (LOCKABLE_DIGITS.get(head.opcode)?.includes(digit) ?? false);
}

/** The filter that leaves `test` out, if one does. */
export function filter286(test: RealModeCase): Profile286Note | undefined {
  const head = headOf(test.bytes);
  const { opcode } = head;
  if (opcode >= 0x0f00 || opcode === 0x63 || (opcode >= 0xd8 && opcode <= 0xdf) || opcode === 0x9b)
    return "newer-opcode";
  if (head.operandSizePrefix || head.addressSizePrefix || (head.override ?? 0) >= 4) return "newer-opcode";
  if (test.bytes.length > 10) return "length";
  if (head.lock && !isLockable(head)) return "lock";
  if (opcode === 0x8c || opcode === 0x8e) {
    const segment = (head.modrm! >> 3) & 7;
    if (segment === 4 || segment === 5) return "fs-gs";
  }
  const quotient = test.final.general[0]! & 0xff;
  if (head.key === "F6.7" && test.exception === undefined && quotient === 0x80) return "idiv-minimum";
  return undefined;
}

/** Words pushed (negative: popped) by the instruction itself. */
function stackWords(head: InstructionHead): number {
  const { opcode } = head;
  const digit = ((head.modrm ?? 0) >> 3) & 7;
  if (opcode === 0xff) return digit === 3 ? 2 : digit === 2 || digit === 6 ? 1 : 0;
  if (opcode >= 0x50 && opcode <= 0x57) return 1;
  if (opcode >= 0x58 && opcode <= 0x5f) return -1;
  const fixed = new Map([
    ...([0x06, 0x0e, 0x16, 0x1e, 0x68, 0x6a, 0x9c, 0xe8].map((op) => [op, 1]) as [number, number][]),
    ...([0x07, 0x17, 0x1f, 0x8f, 0x9d, 0xc2, 0xc3].map((op) => [op, -1]) as [number, number][]),
    ...([
      [0x60, 8],
      [0x61, -8],
      [0x9a, 2],
      [0xca, -2],
      [0xcb, -2],
      [0xcf, -3],
    ] as [number, number][]),
  ]);
  return fixed.get(opcode) ?? 0;
}

function wraps(sp: number, words: number): boolean {
  for (let i = 1; i <= words; i++) if (((sp - 2 * i) & 0xffff) === 0xffff) return true;
  for (let i = 0; i < -words; i++) if (((sp + 2 * i) & 0xffff) === 0xffff) return true;
  return false;
}

/** True if the memory operand (not the implicit stack) is reached through SS. */
function operandInStack(head: InstructionHead): boolean {
  if (head.override !== undefined) return head.override === 2;
  if (head.modrm === undefined || head.modrm >= 0xc0) return false;
  const mod = head.modrm >> 6;
  const rm = head.modrm & 7;
  return rm === 2 || rm === 3 || (rm === 6 && mod !== 0);
}

/** True if the fault of `test` is one of the stack segment, which a later CPU raises as vector 12. */
function isStackFault286(test: RealModeCase): boolean {
  if (test.exception?.vector !== 13) return false;
  const head = headOf(test.bytes);
  if (head.opcode === 0xc9) return true; // LEAVE reads through BP
  if (SOURCE_STRINGS.includes(head.opcode)) {
    return head.override === 2 && restartedString(test)?.[6] === LAST_OFFSET;
  }
  if (DESTINATION_STRINGS.includes(head.opcode)) return false; // ES, whatever the prefixes
  const words = stackWords(head);
  if (words !== 0 && wraps(test.initial.general[4]!, words)) return true;
  return head.modrm !== undefined || head.override !== undefined ? operandInStack(head) : false;
}

/** Opcodes of the word string instructions that use SI, and DI. Byte accesses never exceed a 64 KB segment. */
const SOURCE_STRINGS = [0xa5, 0xa7, 0xad, 0x6f];
const DESTINATION_STRINGS = [0xa5, 0xa7, 0xab, 0xaf, 0x6d];
const DIRECTION = 0x400;
const LAST_OFFSET = 0xffff;

/** The general registers at the start of the iteration that faults: the first with a word at FFFF. */
function restartedString(test: RealModeCase): number[] | undefined {
  const { opcode, repeat } = headOf(test.bytes);
  const usesSource = SOURCE_STRINGS.includes(opcode);
  const usesDestination = DESTINATION_STRINGS.includes(opcode);
  if (test.exception?.vector !== 13 || !(usesSource || usesDestination)) return undefined;
  const general = [...test.initial.general];
  const step = (test.initial.eflags & DIRECTION) !== 0 ? -2 : 2;
  for (let i = 0; i < 0x10000; i++) {
    if ((usesSource && general[6] === LAST_OFFSET) || (usesDestination && general[7] === LAST_OFFSET)) return general;
    if (repeat === 0) return undefined;
    if (opcode === 0xad) general[0] = loadedWord(test, general[6]!);
    if (usesSource) general[6] = (general[6]! + step) & 0xffff;
    if (usesDestination) general[7] = (general[7]! + step) & 0xffff;
    general[1] = (general[1]! - 1) & 0xffff;
  }
  return undefined;
}

/** The word LODSW loads from offset `si`: the set's 286 had not put it into AX when a later iteration faulted. */
function loadedWord(test: RealModeCase, si: number): number {
  const base = test.initial.segments[headOf(test.bytes).override ?? 3]! * 16;
  const { addresses, values } = test.initialRam;
  const byte = (address: number) => values[addresses.indexOf(address)] ?? 0;
  return byte(base + si) | (byte(base + si + 1) << 8);
}

/** The interrupt table with vector 12 where the set has 13, and 13 leading nowhere. */
function withStackVector(ram: RamBytes): RamBytes {
  const kept = ram.addresses.map((address, i) => [address, ram.values[i]!] as const);
  const vector13 = kept.filter(([address]) => address >= 0x34 && address < 0x38);
  const rest = kept.filter(([address]) => address < 0x30 || address >= 0x38);
  const all = [...rest, ...vector13.map(([address, value]) => [address - 4, value] as const)];
  return { addresses: all.map(([address]) => address), values: all.map(([, value]) => value) };
}

/** `test` as a later CPU passes it, and the names of what was changed (FLAGS bits 12–14 are masked in every test and not named). */
export function adapt286(test: RealModeCase): { test: RealModeCase; notes: Profile286Note[] } {
  const adapted: RealModeCase = {
    ...test,
    initial: { ...test.initial, eflags: test.initial.eflags & FLAGS_286 },
    final: { ...test.final, eflags: test.final.eflags & FLAGS_286 },
  };
  const notes: Profile286Note[] = [];
  const general = restartedString(test);
  if (general?.some((value, r) => r !== 4 && value !== test.final.general[r])) {
    // SP has moved by the exception's frame: keep what the set says.
    general[4] = test.final.general[4]!;
    adapted.final.general = general;
    notes.push("string-fault");
  }
  if (isStackFault286(test)) {
    adapted.initialRam = withStackVector(test.initialRam);
    notes.push("stack-fault");
  }
  return { test: adapted, notes };
}
