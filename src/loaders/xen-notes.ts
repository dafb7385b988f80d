/**
 * What a paravirtual kernel says of itself: Xen's ELF notes (xen/include/public/elfnote.h), or the text in a section `__xen_guest` that came before
 * them. Notes are looked for in the segments and sections of type note.
 */
import type { ImageReader } from "./image-reader.js";

/** Types of notes. */
enum Note {
  ENTRY = 1,
  HYPERCALL_PAGE = 2,
  VIRT_BASE = 3,
  PADDR_OFFSET = 4,
  PAE_MODE = 9,
}

/** What the notes say; addresses are linear. */
export interface XenNotes {
  entry?: number;
  hypercallPage?: number;
  virtualBase?: number;
  paddrOffset?: number;
  pae?: string;
}

const PT_NOTE = 4;
const SHT_NOTE = 7;
const OWNER = "Xen\0";
const PAGE_SHIFT = 12;

/** The notes of an ELF image; undefined if there is none. Raises `ImageError` if the image ends within one. */
export function findXenNotes(reader: ImageReader): XenNotes | undefined {
  const found: XenNotes = {};
  let any = false;
  for (const [offset, size] of noteRanges(reader)) any = readNotes(reader, offset, size, found) || any;
  return any ? found : guestSection(reader);
}

/** Offset and size of what may hold notes. */
function* noteRanges(reader: ImageReader): Iterable<readonly [number, number]> {
  const segments = reader.u32(0x1c, "e_phoff");
  for (let i = 0; i < reader.u16(0x2c, "e_phnum"); i++) {
    const at = segments + 32 * i;
    if (reader.holds(at, 32) && reader.u32(at, "p_type") === PT_NOTE) {
      yield [reader.u32(at + 4, "p_offset"), reader.u32(at + 16, "p_filesz")];
    }
  }
  for (const { type, offset, size } of sections(reader)) if (type === SHT_NOTE) yield [offset, size];
}

interface Section {
  name: number;
  type: number;
  offset: number;
  size: number;
}

function* sections(reader: ImageReader): Iterable<Section> {
  const table = reader.u32(0x20, "e_shoff");
  for (let i = 0; i < reader.u16(0x30, "e_shnum"); i++) {
    const at = table + 40 * i;
    if (!reader.holds(at, 40)) return;
    yield {
      name: reader.u32(at, "sh_name"),
      type: reader.u32(at + 4, "sh_type"),
      offset: reader.u32(at + 16, "sh_offset"),
      size: reader.u32(at + 20, "sh_size"),
    };
  }
}

const up4 = (bytes: number): number => Math.ceil(bytes / 4) * 4;

/** Reads the notes of a range; returns whether any is Xen's. */
function readNotes(reader: ImageReader, offset: number, size: number, found: XenNotes): boolean {
  let any = false;
  for (let at = offset; at + 12 <= offset + size; ) {
    const nameBytes = reader.u32(at, "the size of a note's name");
    const bytes = reader.u32(at + 4, "the size of a note");
    const type = reader.u32(at + 8, "the type of a note");
    const content = at + 12 + up4(nameBytes);
    if (nameBytes === 4 && textAt(reader, at + 12, 4) === OWNER) {
      any = true;
      takeNote(reader, type, content, bytes, found);
    }
    at = content + up4(bytes);
  }
  return any;
}

function takeNote(reader: ImageReader, type: Note, at: number, bytes: number, found: XenNotes): void {
  const number = () => reader.u32(at, "a note");
  if (type === Note.ENTRY) found.entry = number();
  if (type === Note.HYPERCALL_PAGE) found.hypercallPage = number();
  if (type === Note.VIRT_BASE) found.virtualBase = number();
  if (type === Note.PADDR_OFFSET) found.paddrOffset = number();
  if (type === Note.PAE_MODE) found.pae = textAt(reader, at, bytes).replace(/\0.*$/s, "");
}

/** The text of section `__xen_guest`: NAME=VALUE, separated by commas. */
function guestSection(reader: ImageReader): XenNotes | undefined {
  const all = [...sections(reader)];
  const names = all[reader.u16(0x32, "e_shstrndx")];
  if (names === undefined) return undefined;
  const section = all.find(({ name }) => {
    const at = names.offset + name;
    return reader.holds(at, 12) && textAt(reader, at, 12) === "__xen_guest\0";
  });
  if (section === undefined) return undefined;
  const text = textAt(reader, section.offset, section.size).replace(/\0.*$/s, "");
  const fields = new Map(text.split(",").map((field) => field.split("=", 2) as [string, string]));
  const number = (name: string) => {
    const value = Number(fields.get(name));
    return Number.isInteger(value) && value >= 0 && value < 2 ** 32 ? value : undefined;
  };
  const virtualBase = number("VIRT_BASE") ?? 0;
  const page = number("HYPERCALL_PAGE");
  const entry = number("VIRT_ENTRY");
  const paddrOffset = number("ELF_PADDR_OFFSET") ?? virtualBase;
  return {
    virtualBase,
    paddrOffset,
    ...(entry === undefined ? {} : { entry }),
    ...(page === undefined ? {} : { hypercallPage: virtualBase + (page << PAGE_SHIFT) }),
    pae: fields.get("PAE") ?? "no",
  };
}

function textAt(reader: ImageReader, at: number, bytes: number): string {
  return Buffer.from(reader.slice(at, bytes, "a note")).toString("latin1");
}
