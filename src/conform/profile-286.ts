/**
 * 286 facts that are not true of an i686: what a set captured on an 80286 expects and a later CPU does otherwise.
 *
 * Two kinds. A *filter* leaves a test out, because there is nothing to compare with. An *adaptation* states what the later CPU does instead
 * and runs the test. Both are counted by name and reported. Judged from the test alone, never from what the machine did.
 */
import { headOf, type InstructionHead } from "./instruction-key.js";
import type { RealModeCase, RegisterSet } from "./test-case.js";

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
export function isStackFault286(test: RealModeCase): boolean {
  if (test.exception?.vector !== 13) return false;
  const head = headOf(test.bytes);
  if (head.opcode === 0xc9) return true; // LEAVE reads through BP
  const words = stackWords(head);
  if (words !== 0 && wraps(test.initial.general[4]!, words)) return true;
  return head.modrm !== undefined || head.override !== undefined ? operandInStack(head) : false;
}

/** Takes IOPL and NT out of a register set's flags. */
export function maskFlags286(set: RegisterSet): void {
  set.eflags &= FLAGS_286;
}
