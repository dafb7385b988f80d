/**
 * Every opcode with the rows that stand behind it: the instruction table turned round, from bytes to rows.
 *
 * A slot is an opcode (one-byte map or 0F map) without /digit, or one of sixteen places of a group: /digit with a memory
 * or a register operand. Where two rows claim a slot the narrower one has it: a whole byte before +rb and +rd, a /digit
 * before /r. Two claims of the same width are a mistake in the table and refused.
 */
import { ShapeFlag } from "../../assembly/abi/shape.js";
import type { OpcodeMap, Row } from "./row.js";
import { INSTRUCTIONS } from "./table/index.js";

/** What stands behind one opcode. */
export interface Slot {
  /** The row, if ModRM.reg does not choose between rows. */
  row: Row | undefined;
  /**
   * Sixteen rows if it does: 0 to 7 by ModRM.reg with a memory operand, 8 to 15 with a register. In the place of a row there
   * may be eight, by ModRM.rm (x87).
   */
  group: (Row | RmGroup | undefined)[] | undefined;
}

/** Eight rows by ModRM.rm. */
export type RmGroup = (Row | undefined)[];

/** Position of an opcode in `buildSlots()`. */
export function slotIndex(map: OpcodeMap, byte: number): number {
  return (map === 1 ? 0 : 256) + byte;
}

/** The 512 slots of a table; rows with a selecting prefix are left out. Throws if two rows claim the same place. */
export function buildSlots(rows: readonly Row[] = INSTRUCTIONS): Slot[] {
  const slots = Array.from({ length: 512 }, (): Slot => ({ row: undefined, group: undefined }));
  const selected = rows.filter((row) => row.encoding.prefix === undefined);
  const claims: ((row: Row) => boolean)[] = [
    (row) => typeof row.encoding.modrm === "number",
    (row) => typeof row.encoding.modrm !== "number" && !row.encoding.plusRegister,
    (row) => row.encoding.plusRegister,
  ];
  for (const claim of claims) {
    const taken = new Set<Slot>();
    for (const row of selected.filter(claim)) place(row, slots, taken);
  }
  return slots;
}

function place(row: Row, slots: Slot[], taken: Set<Slot>): void {
  const { map, byte, plusRegister, modrm } = row.encoding;
  for (let low = 0; low < (plusRegister ? 8 : 1); low++) {
    const slot = slots[slotIndex(map, byte + low)]!;
    if (typeof modrm === "number") placeDigit(row, modrm, slot);
    else if (taken.has(slot)) refuse(row, slot.row);
    else if (slot.group) fillGroup(row, slot.group);
    else slot.row ??= row;
    if (typeof modrm !== "number") taken.add(slot);
  }
}

function placeDigit(row: Row, digit: number, slot: Slot): void {
  slot.group ??= new Array<Row | undefined>(16).fill(undefined);
  const halves = row.flags & ShapeFlag.MEMORY_ONLY ? [0] : row.flags & ShapeFlag.REGISTER_ONLY ? [8] : [0, 8];
  for (const half of halves) {
    const other = slot.group[half + digit];
    if (typeof row.encoding.rm === "number") slot.group[half + digit] = withRm(row, row.encoding.rm, other);
    else if (other) refuse(row, [other].flat().find(Boolean));
    else slot.group[half + digit] = row;
  }
}

/** The group by ModRM.rm in a place of another group, with one more row. */
function withRm(row: Row, rm: number, place: Row | RmGroup | undefined): RmGroup {
  const rows = place ?? new Array<Row | undefined>(8).fill(undefined);
  if (!Array.isArray(rows)) refuse(row, rows);
  if (rows[rm]) refuse(row, rows[rm]);
  rows[rm] = row;
  return rows;
}

function fillGroup(row: Row, group: (Row | RmGroup | undefined)[]): void {
  if (row.encoding.modrm !== "r") refuse(row, group.flat().find(Boolean));
  for (let index = 0; index < 16; index++) group[index] ??= row;
}

function refuse(row: Row, other: Row | undefined): never {
  throw new Error(
    `instruction "${row.text}" [${row.code}] and "${other?.text}" [${other?.code}] claim the same opcode`,
  );
}

let builtSlots: Slot[] | undefined;

/** The row of an opcode, or undefined if it is not an instruction. `modrm` is needed where ModRM.reg chooses the row. */
export function rowAt(map: OpcodeMap, byte: number, modrm = 0): Row | undefined {
  builtSlots ??= buildSlots();
  const slot = builtSlots[slotIndex(map, byte)]!;
  const place = slot.group ? slot.group[((modrm >> 3) & 7) + (modrm >= 0xc0 ? 8 : 0)] : slot.row;
  return Array.isArray(place) ? place[modrm & 7] : place;
}
