/** An inspection as text: one line an entry, one block a set of tables. */
import { FrameType } from "../../assembly/abi/ept.js";
import type { InspectedEntry, Inspection } from "./inspect.js";

/** A number with at least `digits` hexadecimal digits. */
function hex(value: number, digits = 8): string {
  return value.toString(16).padStart(digits, "0");
}

/** One entry: level, where it lies, raw value, flags, note. */
function entryLine({ level, gpa, ma, low, high, flags, note }: InspectedEntry, wide: boolean, bare = false): string {
  const place = ma === undefined ? (gpa === undefined ? "" : "no memory") : `ma ${hex(ma)}`;
  const where = [gpa === undefined ? "" : `${bare ? "pa" : "gpa"} ${hex(gpa)}`, bare ? "" : place]
    .filter((part) => part !== "")
    .join("  ");
  const value = wide ? `${hex(high)}_${hex(low)}` : hex(low);
  const names = flags.length === 0 ? "absent" : flags.join(" ");
  return `  ${level.padEnd(10)} ${where.padEnd(27)} ${value.padEnd(17)}  ${names}${note === undefined ? "" : `  (${note})`}`;
}

/** `rwr-` for people. */
function rightsText(rights: string): string {
  return `supervisor ${rights.slice(0, 2)}, user ${rights.slice(2)}`;
}

/** The lines of an inspection. */
export function inspectionText({ gva, bare, guest, shadow, ept }: Inspection): string {
  const wide = guest.mode === "PAE";
  const lines = [
    `gva ${hex(gva)}`,
    `guest tables, ${guest.mode}`,
    ...guest.entries.map((entry) => entryLine(entry, wide, bare)),
  ];
  if (guest.gpa === undefined) lines.push(`  page fault, error code ${hex(guest.errorCode!, 1)}`);
  else lines.push(`  = ${bare ? "pa" : "gpa"} ${hex(guest.gpa)}  ${rightsText(guest.rights)}`);
  if (shadow !== undefined) {
    lines.push(`shadow tables, root ma ${hex(shadow.root)}`, ...shadow.entries.map((entry) => entryLine(entry, wide)));
    lines.push(shadow.ma === undefined ? "  not filled" : `  = ma ${hex(shadow.ma)}  ${rightsText(shadow.rights)}`);
  }
  if (ept !== undefined) {
    lines.push(`EPT, pointer ${hex(ept.pointer)}`, ...ept.entries.map((entry) => entryLine(entry, true)));
    lines.push(ept.ma === undefined ? "  absent: devices" : `  = ma ${hex(ept.ma)}  ${FrameType[ept.type]}`);
  }
  return `${lines.join("\n")}\n`;
}
