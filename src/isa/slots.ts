/**
 * Every opcode with the rows that stand behind it: the instruction table turned round, from bytes to rows.
 *
 * A slot is an opcode (one-byte, 0F or 0F 38 map) without /digit, or one of sixteen places of a group: /digit with a memory
 * or a register operand. Where two rows claim a slot the narrower one has it: a mandatory prefix before none, a whole byte before +rb
 * and +rd, a /digit before /r. Two claims of the same width are a mistake in the table and refused.
 */
import { ShapeFlag } from "../../assembly/abi/shape.js";
import type { OpcodeMap, Row, Selector } from "./row.js";
import { INSTRUCTIONS } from "./table/index.js";

/** What stands behind one opcode. */
export interface Slot {
  /** The row, if ModRM.reg does not choose between rows. */
  row: Row | PrefixGroup | undefined;
  /**
   * Sixteen rows if it does: 0 to 7 by ModRM.reg with a memory operand, 8 to 15 with a register. In the place of a row there
   * may be eight, by ModRM.rm.
   */
  group: (Row | PrefixGroup | RmGroup | undefined)[] | undefined;
}

/** Eight rows by ModRM.rm. */
export type RmGroup = (Row | PrefixGroup | undefined)[];

/** Four rows by mandatory prefix, in the order of PrefixPlace. */
export class PrefixGroup {
  readonly rows: (Row | undefined)[] = [undefined, undefined, undefined, undefined];
}

/** Selectors in the order of PrefixPlace. */
export const SELECTORS: readonly Selector[] = ["NP", 0x66, 0xf3, 0xf2];

/** Position of an opcode in `buildSlots()`. */
export function slotIndex(map: OpcodeMap, byte: number): number {
  return (map - 1) * 256 + byte;
}

/** The 768 slots of a table. Throws if two rows claim the same place. */
export function buildSlots(rows: readonly Row[] = INSTRUCTIONS): Slot[] {
  const slots = Array.from({ length: 768 }, (): Slot => ({ row: undefined, group: undefined }));
  const isDigit = ({ encoding }: Row) => typeof encoding.modrm === "number";
  const claims: ((row: Row) => boolean)[] = [
    isDigit,
    (row) => !isDigit(row) && !row.encoding.plusRegister,
    (row) => row.encoding.plusRegister,
  ];
  for (const claim of claims) {
    const taken = new Set<Slot>();
    const claimed = rows.filter(claim);
    for (const row of claimed.filter(({ encoding }) => encoding.prefix !== undefined)) place(row, slots, taken);
    for (const row of claimed.filter(({ encoding }) => encoding.prefix === undefined)) place(row, slots, taken);
  }
  return slots;
}

function place(row: Row, slots: Slot[], taken: Set<Slot>): void {
  const { map, byte, plusRegister, modrm, prefix } = row.encoding;
  for (let low = 0; low < (plusRegister ? 8 : 1); low++) {
    const slot = slots[slotIndex(map, byte + low)]!;
    if (typeof modrm === "number") placeDigit(row, modrm, slot);
    else if (prefix !== undefined) slot.row = withPrefix(row, prefix, slot.row);
    else if (taken.has(slot)) refuse(row, anyRow(slot.row));
    else if (slot.group) fillGroup(row, slot.group);
    else slot.row = filled(slot.row, row);
    if (typeof modrm !== "number" && prefix === undefined) taken.add(slot);
  }
}

function placeDigit(row: Row, digit: number, slot: Slot): void {
  slot.group ??= new Array<Row | undefined>(16).fill(undefined);
  const halves = row.flags & ShapeFlag.MEMORY_ONLY ? [0] : row.flags & ShapeFlag.REGISTER_ONLY ? [8] : [0, 8];
  for (const half of halves) {
    const other = slot.group[half + digit];
    const { rm } = row.encoding;
    slot.group[half + digit] = typeof rm === "number" ? withRm(row, rm, other) : claimed(row, other);
  }
}

/** What is in a place once `row` has claimed it, or its part of it. */
function claimed(row: Row, other: Row | PrefixGroup | RmGroup | undefined): Row | PrefixGroup {
  const { prefix } = row.encoding;
  if (prefix !== undefined) return withPrefix(row, prefix, other);
  if (other instanceof PrefixGroup) return filled(other, row);
  if (other) refuse(row, anyRow(other));
  return row;
}

/** The group by prefix in a place, with one more row. */
function withPrefix(row: Row, prefix: Selector, other: Row | PrefixGroup | RmGroup | undefined): PrefixGroup {
  const group = other ?? new PrefixGroup();
  if (!(group instanceof PrefixGroup)) refuse(row, anyRow(group));
  const at = SELECTORS.indexOf(prefix);
  if (group.rows[at]) refuse(row, group.rows[at]);
  group.rows[at] = row;
  return group;
}

/** What a wider row leaves of a place: what is there, and itself where nothing is. */
function filled(other: Row | PrefixGroup | undefined, row: Row): Row | PrefixGroup {
  if (!(other instanceof PrefixGroup)) return other ?? row;
  for (const at of other.rows.keys()) other.rows[at] ??= row;
  return other;
}

/** The group by ModRM.rm in a place of another group, with one more row. */
function withRm(row: Row, rm: number, other: Row | PrefixGroup | RmGroup | undefined): RmGroup {
  const rows = other ?? new Array<Row | undefined>(8).fill(undefined);
  if (!Array.isArray(rows)) refuse(row, anyRow(rows));
  rows[rm] = claimed(row, rows[rm]);
  return rows;
}

function fillGroup(row: Row, group: (Row | PrefixGroup | RmGroup | undefined)[]): void {
  if (row.encoding.modrm !== "r") refuse(row, group.map(anyRow).find(Boolean));
  for (let index = 0; index < 16; index++) group[index] ??= row;
}

/** A row that stands in a place. */
function anyRow(other: Row | PrefixGroup | RmGroup | undefined): Row | undefined {
  if (Array.isArray(other)) return other.map(anyRow).find(Boolean);
  return other instanceof PrefixGroup ? other.rows.find(Boolean) : other;
}

function refuse(row: Row, other: Row | undefined): never {
  throw new Error(
    `instruction "${row.text}" [${row.code}] and "${other?.text}" [${other?.code}] claim the same opcode`,
  );
}

let builtSlots: Slot[] | undefined;

/** The row of an opcode, or undefined if it is not an instruction. `modrm` and `prefix` are needed where they choose the row. */
export function rowAt(map: OpcodeMap, byte: number, modrm = 0, prefix: Selector = "NP"): Row | undefined {
  builtSlots ??= buildSlots();
  const slot = builtSlots[slotIndex(map, byte)]!;
  const outer = slot.group ? slot.group[((modrm >> 3) & 7) + (modrm >= 0xc0 ? 8 : 0)] : slot.row;
  const inner = Array.isArray(outer) ? outer[modrm & 7] : outer;
  return inner instanceof PrefixGroup ? inner.rows[SELECTORS.indexOf(prefix)] : inner;
}
