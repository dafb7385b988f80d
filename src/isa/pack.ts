/**
 * Packs the instruction table into the decoder's tables: what `Layout.DECODE_TABLE` holds at boot. Parts, group layout
 * and entry are specified in assembly/abi/layout.ts (DecodeTable) and assembly/abi/shape.ts. Entries without a row are
 * Op.INVALID and end their block; so are the prefixes and 0F, which the decoder takes before it looks an opcode up.
 */
import { DecodeTable } from "../../assembly/abi/layout.js";
import { Op } from "../../assembly/abi/op.js";
import { Shape, ShapeFlag } from "../../assembly/abi/shape.js";
import type { OpcodeMap, Row } from "./row.js";
import { buildSlots, type RmGroup } from "./slots.js";

/** One decode-table entry. For Shape.GROUP and Shape.RM_GROUP `op` is the group's number. */
export interface Entry {
  readonly op: Op;
  readonly shape: Shape;
  readonly flags: number;
}

/** The entry of every opcode that is not an instruction. */
export const INVALID_ENTRY: Entry = { op: Op.INVALID, shape: Shape.NONE, flags: ShapeFlag.ENDS };

/** Prefix bytes of an i686 and the escape to the second map: no opcodes of their own (SDM 2A 2.1.1). */
export const PREFIX_BYTES: readonly number[] = [0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3];
export const ESCAPE_BYTE = 0x0f;

/** The entry of a row; without one, the invalid entry. */
export function entryOf(row: Row | undefined): Entry {
  return row ? { op: row.op, shape: row.shape, flags: row.flags } : INVALID_ENTRY;
}

/** Packs rows (the whole table unless told) into `DecodeTable` form. Throws if two rows claim the same opcode. */
export function packTable(rows?: readonly Row[]): Uint8Array {
  const slots = buildSlots(rows);
  for (const byte of [...PREFIX_BYTES, ESCAPE_BYTE]) {
    const { row, group } = slots[byte]!;
    if (row ?? group) throw new Error(`opcode ${byte.toString(16)} is a prefix, found "${row?.text}" there`);
  }
  const groups = slots.filter((slot) => slot.group);
  if (groups.length > DecodeTable.MAX_GROUPS)
    throw new Error(`${groups.length} groups, room for ${DecodeTable.MAX_GROUPS}`);

  const entries: Entry[] = slots.map((slot) =>
    slot.group ? { op: groups.indexOf(slot), shape: Shape.GROUP, flags: 0 } : entryOf(slot.row),
  );
  const rmGroups: RmGroup[] = [];
  const groupEntry = (place: Row | RmGroup | undefined): Entry =>
    Array.isArray(place) ? { op: rmGroups.push(place) - 1, shape: Shape.RM_GROUP, flags: 0 } : entryOf(place);
  for (const { group } of groups) entries.push(...group!.map(groupEntry));
  if (rmGroups.length > DecodeTable.MAX_RM_GROUPS)
    throw new Error(`${rmGroups.length} groups by ModRM.rm, room for ${DecodeTable.MAX_RM_GROUPS}`);
  const fillTo = (length: number) => {
    while (entries.length < length) entries.push(INVALID_ENTRY);
  };
  fillTo(DecodeTable.RM_GROUPS);
  for (const rows of rmGroups) entries.push(...rows.map(entryOf));
  fillTo(DecodeTable.RM_GROUPS + DecodeTable.MAX_RM_GROUPS * DecodeTable.RM_GROUP_SIZE);

  const bytes = new Uint8Array(entries.length * DecodeTable.ENTRY_BYTES);
  entries.forEach(({ op, shape, flags }, index) => {
    bytes.set([op, shape, flags & 255, flags >> 8], index * DecodeTable.ENTRY_BYTES);
  });
  return bytes;
}

/** Entry number `index` of a packed table. */
export function unpackEntry(table: Uint8Array, index: number): Entry {
  const at = index * DecodeTable.ENTRY_BYTES;
  return { op: table[at]!, shape: table[at + 1]!, flags: table[at + 2]! | (table[at + 3]! << 8) };
}

/** Looks an opcode up in a packed table as the decoder does, groups followed. */
export function entryFor(table: Uint8Array, map: OpcodeMap, byte: number, modrm = 0): Entry {
  const outer = unpackEntry(table, (map === 1 ? DecodeTable.ONE_BYTE : DecodeTable.TWO_BYTE) + byte);
  if (outer.shape !== Shape.GROUP) return outer;
  const place = ((modrm >> 3) & 7) + (modrm >= 0xc0 ? 8 : 0);
  const inner = unpackEntry(table, DecodeTable.GROUPS + outer.op * DecodeTable.GROUP_SIZE + place);
  if (inner.shape !== Shape.RM_GROUP) return inner;
  return unpackEntry(table, DecodeTable.RM_GROUPS + inner.op * DecodeTable.RM_GROUP_SIZE + (modrm & 7));
}
