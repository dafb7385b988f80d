/**
 * The stage of the experiments: page tables, descriptor tables, task states and a few pages of guest memory around one instruction.
 *
 * All segments are flat and all pages belong to everybody, so that paging and segment limits treat every privilege level
 * alike: what still differs between two rings is the instruction's own doing. Descriptors of every DPL, conforming and not, present and
 * not, are there to be named by selectors. Tables exist twice, at two linear addresses with identical contents, and the whole image
 * can be put at either of two physical addresses. Sources: SDM 3A 3.4, 3.5, 4.3, 5.8, 6.11, 7.2.
 */
import { Random } from "./random.js";

const PAGE = 4096;
/** Linear address of the image; page `n` of it is mapped at + n * 4,096. */
export const STAGE = 0x00800000;

/** Pages of the image. */
export enum StagePage {
  DIRECTORY = 0,
  PAGE_TABLE = 1,
  GDT = 2,
  IDT = 3,
  LDT = 4,
  TSS = 5,
  OTHER_GDT = 6, // the same tables somewhere else
  OTHER_IDT = 7,
  OTHER_LDT = 8,
  OTHER_TSS = 9,
  TASKS = 10, // task states that can be switched to
  HANDLERS = 11, // targets of gates, 8 bytes each
  RING_STACKS = 12, // stacks that gates switch to
  CODE = 13, // the instruction
  DATA = 14, // two pages of operands
  STACK = 16, // two pages
  COUNT = 18,
}

/** Bytes of the image. */
export const STAGE_BYTES = StagePage.COUNT * PAGE;
/** The two physical addresses an image can be at: what the guest's frames are on one machine and on another. */
export const FRAMES = [0x10000, 0x60000] as const;
/** RAM for both. */
export const STAGE_RAM = 0x100000;

/** Linear address of a page of the image. */
export function pageAt(page: StagePage): number {
  return STAGE + page * PAGE;
}

/** GDT entries by their index. Rings are added to the number of their first. */
export enum Slot {
  CODE = 1, // code of DPL 0, 1, 2, 3
  DATA = 5, // data of DPL 0, 1, 2, 3
  CONFORMING0 = 9,
  CONFORMING3 = 10,
  EXECUTE_ONLY3 = 11,
  READ_ONLY3 = 12,
  READ_ONLY0 = 13,
  ABSENT_DATA3 = 14,
  ABSENT_CODE3 = 15,
  LDT = 16, // and the other LDT
  TSS = 18, // busy, and the other TSS
  FREE_TASK = 20, // available
  BUSY_TASK = 21, // what a nested task returns to
  CALL_GATE0 = 22, // DPL 0 to CODE of ring 0
  CALL_GATE1 = 23, // DPL 1 to CODE of ring 0
  CALL_GATE3 = 24, // DPL 3 to CODE of ring 0
  CALL_GATE_SAME = 25, // DPL 3 to CONFORMING0: the privilege level stays
  TASK_GATE0 = 26,
  TASK_GATE3 = 27,
  FREE_LDT = 28,
  TWIN_CODE = 29, // the same segments under other selectors
  TWIN_DATA = 33,
  COUNT = 37,
}

/** LDT entries: data and code of DPL 0 and 3. */
const LDT_SLOTS = 4;
/** Software interrupts: gate `n` from here on has DPL `n & 3`; from + 4 trap gates; + 8 task gates, + 12 absent. */
export const FIRST_GATE = 0x30;
/** Ports the I/O permission bitmap allows. */
export const ALLOWED_PORTS = [0x80, 0x88] as const;
/** Bytes of a TSS with its bitmap of 2,048 ports. */
export const TSS_BYTES = 104 + 256 + 1;
/** Where SYSENTER leads. */
export const SYSENTER_TARGET = pageAt(StagePage.HANDLERS) + 0xf00;

/** A segment or gate descriptor. */
interface Descriptor {
  low: number;
  high: number;
}

function segment(base: number, limit: number, access: number, flags: number): Descriptor {
  return {
    low: ((limit & 0xffff) | (base << 16)) >>> 0,
    high: ((base & 0xff000000) | (flags << 20) | (limit & 0xf0000) | (access << 8) | ((base >>> 16) & 0xff)) >>> 0,
  };
}

const flat = (access: number) => segment(0, 0xfffff, access, 0xc);

function gate(selector: number, offset: number, access: number): Descriptor {
  return { low: ((selector << 16) | (offset & 0xffff)) >>> 0, high: ((offset & 0xffff0000) | (access << 8)) >>> 0 };
}

/** A selector of the GDT. */
export function selector(slot: number, rpl = 0): number {
  return (slot << 3) | rpl;
}

/** Access byte of code and data segments: present, accessed. */
const CODE = 0x9b;
const DATA = 0x93;
const dpl = (ring: number) => ring << 5;

/** Offset of handler `n`. */
function handler(n: number): number {
  return pageAt(StagePage.HANDLERS) + (n & 0xff) * 8;
}

function gdt(): Descriptor[] {
  const table = new Array<Descriptor>(Slot.COUNT).fill({ low: 0, high: 0 });
  for (let ring = 0; ring < 4; ring++) {
    table[Slot.CODE + ring] = table[Slot.TWIN_CODE + ring] = flat(CODE | dpl(ring));
    table[Slot.DATA + ring] = table[Slot.TWIN_DATA + ring] = flat(DATA | dpl(ring));
  }
  table[Slot.CONFORMING0] = flat(CODE | 4);
  table[Slot.CONFORMING3] = flat(CODE | 4 | dpl(3));
  table[Slot.EXECUTE_ONLY3] = flat((CODE & ~2) | dpl(3));
  table[Slot.READ_ONLY3] = flat((DATA & ~2) | dpl(3));
  table[Slot.READ_ONLY0] = flat(DATA & ~2);
  table[Slot.ABSENT_DATA3] = flat((DATA & ~0x80) | dpl(3));
  table[Slot.ABSENT_CODE3] = flat((CODE & ~0x80) | dpl(3));
  table[Slot.LDT] = segment(pageAt(StagePage.LDT), LDT_SLOTS * 8 - 1, 0x82, 0);
  table[Slot.LDT + 1] = segment(pageAt(StagePage.OTHER_LDT), LDT_SLOTS * 8 - 1, 0x82, 0);
  table[Slot.TSS] = segment(pageAt(StagePage.TSS), TSS_BYTES - 1, 0x8b, 0);
  table[Slot.TSS + 1] = segment(pageAt(StagePage.OTHER_TSS), TSS_BYTES - 1, 0x8b, 0);
  table[Slot.FREE_TASK] = segment(pageAt(StagePage.TASKS), 103, 0x89 | dpl(3), 0);
  table[Slot.BUSY_TASK] = segment(pageAt(StagePage.TASKS) + 0x200, 103, 0x8b, 0);
  const kernel = selector(Slot.CODE);
  for (const [n, slot] of [Slot.CALL_GATE0, Slot.CALL_GATE1, Slot.CALL_GATE3].entries()) {
    table[slot] = gate(kernel, handler(0x80 + n), 0x8c | dpl(n === 2 ? 3 : n));
  }
  table[Slot.CALL_GATE_SAME] = gate(selector(Slot.CONFORMING0), handler(0x83), 0x8c | dpl(3));
  table[Slot.TASK_GATE0] = gate(selector(Slot.FREE_TASK), 0, 0x85);
  table[Slot.TASK_GATE3] = gate(selector(Slot.FREE_TASK), 0, 0x85 | dpl(3));
  table[Slot.FREE_LDT] = segment(pageAt(StagePage.LDT), LDT_SLOTS * 8 - 1, 0x82, 0);
  return table;
}

/** The IDT; the gates of #DB, #BP and #OF have DPL `open`. */
function idt(open: number): Descriptor[] {
  return Array.from({ length: 256 }, (_, vector) => {
    const kernel = selector(Slot.CODE);
    if (vector >= FIRST_GATE && vector < FIRST_GATE + 16) {
      const ring = dpl(vector & 3);
      if (vector < FIRST_GATE + 8) return gate(kernel, handler(vector), (vector & 4 ? 0x8f : 0x8e) | ring);
      if (vector < FIRST_GATE + 12) return gate(selector(Slot.FREE_TASK), 0, 0x85 | ring);
      return gate(kernel, handler(vector), 0x0e | ring);
    }
    const ring = vector === 1 || vector === 3 || vector === 4 ? dpl(open) : 0;
    return gate(kernel, handler(vector), 0x8e | ring);
  });
}

/** A 32-bit TSS: ring stacks, and a task that begins at a handler in ring 0 (SDM 3A figure 7-2). */
function putTask(view: DataView, at: number, directory: number, entry: number, stackOffset: number): void {
  const stack = pageAt(StagePage.RING_STACKS) + stackOffset;
  const words: [number, number][] = [];
  for (let ring = 0; ring < 3; ring++) {
    words.push([4 + ring * 8, stack + ring * 0x400], [8 + ring * 8, selector(Slot.DATA + ring, ring)]);
  }
  words.push([28, directory], [32, entry], [36, 2], [56, stack]);
  const data = selector(Slot.DATA);
  words.push([72, data], [76, selector(Slot.CODE)], [80, data], [84, data], [88, data], [92, data]);
  for (const [offset, value] of words) view.setUint32(at + offset, value, true);
}

/** The image of a stage at physical address `base`; the gates of #DB, #BP and #OF have DPL `open`. */
export function stageImage(base: number, open: number): Uint8Array {
  const image = new Uint8Array(STAGE_BYTES);
  const view = new DataView(image.buffer);
  const put = (page: StagePage, table: readonly Descriptor[]) => {
    for (const [i, { low, high }] of table.entries()) {
      view.setUint32(page * PAGE + i * 8, low, true);
      view.setUint32(page * PAGE + i * 8 + 4, high, true);
    }
  };
  const directory = base + StagePage.DIRECTORY * PAGE;
  // Present, writable, user, accessed and dirty from the start: the walker has nothing to note.
  view.setUint32(StagePage.DIRECTORY * PAGE + (STAGE >>> 22) * 4, (base + StagePage.PAGE_TABLE * PAGE) | 0x67, true);
  for (let page = 0; page < StagePage.COUNT; page++) {
    view.setUint32(StagePage.PAGE_TABLE * PAGE + page * 4, (base + page * PAGE) | 0x67, true);
  }
  const kernel = selector(Slot.CODE);
  for (const [first, task] of [
    [StagePage.GDT, selector(Slot.TSS)],
    [StagePage.OTHER_GDT, selector(Slot.TSS + 1)],
  ] as const) {
    put(first, gdt());
    put(first + 1, idt(open));
    put(first + 2, [flat(DATA), flat(DATA | dpl(3)), flat(CODE), flat(CODE | dpl(3))]);
    const tss = (first + 3) * PAGE;
    putTask(view, tss, directory, handler(0x90), 0x400);
    view.setUint32(tss, selector(Slot.BUSY_TASK), true);
    view.setUint16(tss + 102, 104, true);
    image.fill(0xff, tss + 104, tss + TSS_BYTES);
    for (const port of ALLOWED_PORTS) image[tss + 104 + (port >>> 3)] = 0xf0;
    // A task that was switched away from goes back to the one before it.
    view.setUint32(StagePage.TASKS * PAGE + 0x400, task, true);
  }
  putTask(view, StagePage.TASKS * PAGE, directory, handler(0x91), 0x800);
  putTask(view, StagePage.TASKS * PAGE + 0x200, directory, handler(0x92), 0x800);
  view.setUint32(StagePage.TASKS * PAGE + 76, kernel, true);
  image.fill(0xf4, StagePage.HANDLERS * PAGE, StagePage.RING_STACKS * PAGE);
  const random = new Random(1, "stage");
  for (let at = StagePage.DATA * PAGE; at < STAGE_BYTES; at += 4) view.setUint32(at, random.bits(), true);
  return image;
}
