/**
 * Packs the instruction table into the decoder's tables: what `Layout.DECODE_TABLE` holds at boot. Parts, group layout
 * and entry are specified in assembly/abi/layout.ts (DecodeTable) and assembly/abi/shape.ts. Entries without a row are
 * Op.INVALID and end their block; so are the prefixes and escapes, which the decoder takes before it looks an opcode up.
 */
import { DecodeTable } from "../../assembly/abi/layout.js";
import { Op } from "../../assembly/abi/op.js";
import { PREFIX_PLACES, PrefixPlace, Shape, ShapeFlag } from "../../assembly/abi/shape.js";
import type { OpcodeMap, Row } from "./row.js";
import { buildSlots, PrefixGroup, type RmGroup, type Slot, slotIndex } from "./slots.js";

/** One decode-table entry. For the GROUP shapes `op` is the group's number. */
export interface Entry {
  readonly op: Op;
  readonly shape: Shape;
  readonly flags: number;
}

/** The entry of every opcode that is not an instruction. */
export const INVALID_ENTRY: Entry = { op: Op.INVALID, shape: Shape.NONE, flags: ShapeFlag.ENDS };

/** Prefix bytes of an i686 and the escapes to the other maps: no opcodes of their own (SDM 2A 2.1.1). */
export const PREFIX_BYTES: readonly number[] = [0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3];
export const ESCAPE_BYTE = 0x0f;
export const SECOND_ESCAPE_BYTE = 0x38;

/** First entry of each map. */
const MAPS: Record<OpcodeMap, number> = {
  1: DecodeTable.ONE_BYTE,
  2: DecodeTable.TWO_BYTE,
  3: DecodeTable.THREE_BYTE,
};

/** The entry of a row; without one, the invalid entry. */
export function entryOf(row: Row | undefined): Entry {
  return row ? { op: row.op, shape: row.shape, flags: row.flags } : INVALID_ENTRY;
}

/** Groups of one kind: each is `size` entries from entry `first` on. */
class Groups {
  private readonly groups: (readonly Entry[])[] = [];

  constructor(
    private readonly shape: Shape,
    readonly first: number,
    private readonly size: number,
    private readonly most: number,
  ) {}

  /** Keeps a group; returns the entry that leads to it. Throws if there is no room. */
  add(entries: readonly Entry[]): Entry {
    if (this.groups.length === this.most) throw new Error(`more than ${this.most} groups of ${this.size} entries`);
    return { op: this.groups.push(entries) - 1, shape: this.shape, flags: 0 };
  }

  /** Writes all of them. */
  writeTo(bytes: Uint8Array): void {
    for (const [number, entries] of this.groups.entries()) {
      for (const [at, entry] of entries.entries()) write(bytes, this.first + number * this.size + at, entry);
    }
  }
}

function write(bytes: Uint8Array, index: number, { op, shape, flags }: Entry): void {
  bytes.set([op, shape, flags & 255, flags >> 8], index * DecodeTable.ENTRY_BYTES);
}

/** Packs rows (the whole table unless told) into `DecodeTable` form. Throws if two rows claim the same opcode. */
export function packTable(rows?: readonly Row[]): Uint8Array {
  const slots = buildSlots(rows);
  refusePrefixes(slots);
  const groups = new Groups(Shape.GROUP, DecodeTable.GROUPS, DecodeTable.GROUP_SIZE, DecodeTable.MAX_GROUPS);
  const rmGroups = new Groups(
    Shape.RM_GROUP,
    DecodeTable.RM_GROUPS,
    DecodeTable.RM_GROUP_SIZE,
    DecodeTable.MAX_RM_GROUPS,
  );
  const prefixGroups = new Groups(
    Shape.PREFIX_GROUP,
    DecodeTable.PREFIX_GROUPS,
    PREFIX_PLACES,
    DecodeTable.MAX_PREFIX_GROUPS,
  );
  const entryAt = (place: Row | PrefixGroup | RmGroup | undefined): Entry => {
    if (Array.isArray(place)) return rmGroups.add(place.map(entryAt));
    return place instanceof PrefixGroup ? prefixGroups.add(place.rows.map(entryOf)) : entryOf(place);
  };
  const bytes = new Uint8Array(DecodeTable.ENTRIES * DecodeTable.ENTRY_BYTES);
  for (let index = 0; index < DecodeTable.ENTRIES; index++) write(bytes, index, INVALID_ENTRY);
  for (const [index, { row, group }] of slots.entries()) {
    write(bytes, index, group ? groups.add(group.map(entryAt)) : entryAt(row));
  }
  for (const kind of [groups, rmGroups, prefixGroups]) kind.writeTo(bytes);
  return bytes;
}

/** Throws if a row claims a byte that the decoder takes for a prefix or an escape. */
function refusePrefixes(slots: readonly Slot[]): void {
  const taken = [...PREFIX_BYTES, ESCAPE_BYTE].map((byte) => slotIndex(1, byte));
  for (const index of [...taken, slotIndex(2, SECOND_ESCAPE_BYTE)]) {
    const { row, group } = slots[index]!;
    if (row ?? group) throw new Error(`opcode ${(index & 255).toString(16)} is a prefix, found an instruction there`);
  }
}

/** Entry number `index` of a packed table. */
export function unpackEntry(table: Uint8Array, index: number): Entry {
  const at = index * DecodeTable.ENTRY_BYTES;
  return { op: table[at]!, shape: table[at + 1]!, flags: table[at + 2]! | (table[at + 3]! << 8) };
}

/** Looks an opcode up in a packed table as the decoder does, groups followed. */
export function entryFor(table: Uint8Array, map: OpcodeMap, byte: number, modrm = 0, prefix = PrefixPlace.NONE): Entry {
  let entry = unpackEntry(table, MAPS[map] + byte);
  if (entry.shape === Shape.GROUP) {
    const place = ((modrm >> 3) & 7) + (modrm >= 0xc0 ? 8 : 0);
    entry = unpackEntry(table, DecodeTable.GROUPS + entry.op * DecodeTable.GROUP_SIZE + place);
  }
  if (entry.shape === Shape.RM_GROUP) {
    entry = unpackEntry(table, DecodeTable.RM_GROUPS + entry.op * DecodeTable.RM_GROUP_SIZE + (modrm & 7));
  }
  if (entry.shape !== Shape.PREFIX_GROUP) return entry;
  return unpackEntry(table, DecodeTable.PREFIX_GROUPS + entry.op * PREFIX_PLACES + prefix);
}
