/**
 * The domain builder: lays out what a paravirtual kernel finds at its first instruction, behind its image (Xen's xen.h, "start-of-day memory layout"):
 * list of frames, start_info, page tables, stack; all mapped at the kernel's virtual base in guest frame order, and the tables read-only.
 */
import { Cpu } from "../../../assembly/abi/cpu.js";
import { Cr0, Eflags, Pte, Reg, Seg } from "../../../assembly/abi/x86.js";
import { PAGE_BYTES } from "../../address.js";
import {
  CMD_LINE_BYTES,
  Flat,
  HYPERCALL_SLOTS,
  Hypercall,
  HYPERCALL_VECTOR,
  MONITOR_START,
  Shared,
  SLOT_BYTES,
  Start,
  START_FLAGS,
} from "./abi.js";
import type { Domain } from "./domain.js";
import { FrameUse } from "./frame-types.js";
import { KERNEL_CPL } from "./traps.js";

/** A kernel as a loader has put it into the guest's memory. */
export interface DomainImage {
  /** Linear address of guest frame 0. */
  virtualBase: number;
  /** Linear address of the first instruction. */
  entry: number;
  /** Linear address behind the kernel, its zeros included. */
  end: number;
  /** Linear address of the page that calls go through, if the kernel has one. */
  hypercallPage?: number;
  commandLine: string;
  /** Module for the kernel. */
  module?: Uint8Array;
}

/** Mapped behind the last thing at least. */
const PADDING = 512 * 1024;
const TABLE_SPAN = 4 << 20;
const MAGIC = "xen-3.0-x86_32";
const TABLE = Pte.P | Pte.RW | Pte.US | Pte.A;
const PAGE = Pte.P | Pte.RW | Pte.A;
const CR0 = Cr0.PE | Cr0.PG | Cr0.WP | Cr0.NE | Cr0.ET | Cr0.MP;

/** Where things are, as linear addresses. */
interface Places {
  module: number;
  frameList: number;
  startInfo: number;
  tables: number;
  tableCount: number;
  stack: number;
  end: number;
}

const up = (address: number, unit: number): number => Math.ceil(address / unit) * unit;

/** Decides where things go. */
function place(image: DomainImage, pages: number): Places {
  const module = up(image.end, PAGE_BYTES);
  const frameList = up(module + (image.module?.length ?? 0), PAGE_BYTES);
  const startInfo = frameList + up(4 * pages, PAGE_BYTES);
  const tables = startInfo + PAGE_BYTES;
  // The more tables, the more there is to map.
  for (let tableCount = 2; ; tableCount++) {
    const stack = tables + tableCount * PAGE_BYTES;
    const end = up(stack + PAGE_BYTES + PADDING, TABLE_SPAN);
    const wanted = 1 + up(end - image.virtualBase, TABLE_SPAN) / TABLE_SPAN;
    if (wanted <= tableCount) return { module, frameList, startInfo, tables, tableCount, stack, end };
  }
}

/** What keeps the image from being a domain of `pages` pages, as a sentence; undefined if nothing does. */
export function misfit(image: DomainImage, pages: number): string | undefined {
  const { stack, end } = place(image, pages);
  const most = pages * PAGE_BYTES;
  const wanted = stack + PAGE_BYTES - image.virtualBase;
  if (wanted > most) return `the domain needs ${Math.ceil(wanted / 1024)} KB and RAM is ${most / 1024} KB`;
  if (end > MONITOR_START) {
    return `the kernel's start-up memory ends at 0x${end.toString(16)}, above the monitor's 0x${MONITOR_START.toString(16)}`;
  }
  return undefined;
}

/** Builds the domain and sets its processor to the first instruction. */
export function buildDomain(domain: Domain, image: DomainImage): void {
  const { vm, memory } = domain;
  const pages = vm.ram.length / PAGE_BYTES;
  const places = place(image, pages);
  const frameOf = (address: number): number => vm.p2m.mfn((address - image.virtualBase) / PAGE_BYTES);
  const maOf = (address: number): number => {
    const offset = address & (PAGE_BYTES - 1);
    return frameOf(address - offset) * PAGE_BYTES + offset;
  };
  const put = (address: number, bytes: Uint8Array): void => vm.ram.write(address - image.virtualBase, bytes);

  if (image.module !== undefined) put(places.module, image.module);
  for (let pfn = 0; pfn < pages; pfn++) memory.words[maOf(places.frameList + 4 * pfn) >>> 2] = vm.p2m.mfn(pfn);
  writeStartInfo(domain, image, places, put);
  if (image.hypercallPage !== undefined) put(image.hypercallPage, hypercallPage());
  const directory = frameOf(places.tables);
  writeTables(domain, image, places, frameOf);
  memory.words[(domain.sharedInfo * PAGE_BYTES + Shared.MAX_PFN) >>> 2] = pages;
  startProcessor(domain, image, places, directory);
  domain.console.reset();
}

function writeStartInfo(
  domain: Domain,
  image: DomainImage,
  places: Places,
  put: (address: number, bytes: Uint8Array) => void,
): void {
  const bytes = new Uint8Array(PAGE_BYTES);
  const view = new DataView(bytes.buffer);
  const text = new TextEncoder();
  bytes.set(text.encode(MAGIC), Start.MAGIC);
  const words: [Start, number][] = [
    [Start.NR_PAGES, domain.vm.ram.length / PAGE_BYTES],
    [Start.SHARED_INFO, domain.sharedInfo * PAGE_BYTES],
    [Start.FLAGS, START_FLAGS],
    [Start.PT_BASE, places.tables],
    [Start.NR_PT_FRAMES, places.tableCount],
    [Start.MFN_LIST, places.frameList],
    [Start.MOD_START, image.module === undefined ? 0 : places.module],
    [Start.MOD_LEN, image.module?.length ?? 0],
  ];
  for (const [offset, word] of words) view.setUint32(offset, word, true);
  bytes.set(text.encode(image.commandLine).subarray(0, CMD_LINE_BYTES - 1), Start.CMD_LINE);
  put(places.startInfo, bytes);
}

/** Code of the hypercall page: a slot of 32 bytes for each number. */
function hypercallPage(): Uint8Array {
  const code = new Uint8Array(HYPERCALL_SLOTS * SLOT_BYTES).fill(0xcc);
  for (let number = 0; number < HYPERCALL_SLOTS; number++) {
    const load = [0xb8, number, 0, 0, 0];
    const call = [0xcd, HYPERCALL_VECTOR];
    // iret takes EAX from the stack, and does not come back.
    code.set(number === Hypercall.IRET ? [0x50, ...load, ...call] : [...load, ...call, 0xc3], number * SLOT_BYTES);
  }
  return code;
}

/** Maps everything from the virtual base on; the tables themselves and the directory read-only. */
function writeTables(domain: Domain, image: DomainImage, places: Places, frameOf: (address: number) => number): void {
  const { memory, vm } = domain;
  const directory = frameOf(places.tables);
  const top = Math.min(places.end, image.virtualBase + vm.ram.length);
  const tablesEnd = places.tables + places.tableCount * PAGE_BYTES;
  const start = image.virtualBase - (image.virtualBase % TABLE_SPAN);
  for (let address = start, i = 1; address < top; address += TABLE_SPAN, i++) {
    const table = frameOf(places.tables + i * PAGE_BYTES);
    memory.words[(directory << 10) + (address >>> 22)] = table * PAGE_BYTES + TABLE;
    for (
      let page = Math.max(address, image.virtualBase);
      page < Math.min(address + TABLE_SPAN, top);
      page += PAGE_BYTES
    ) {
      const isTable = page >= places.tables && page < tablesEnd;
      const entry = frameOf(page) * PAGE_BYTES + (isTable ? PAGE & ~Pte.RW : PAGE);
      memory.words[(table << 10) + ((page >>> 12) & 1023)] = entry;
    }
  }
}

function startProcessor(domain: Domain, image: DomainImage, places: Places, directory: number): void {
  const { state, core, frames, segments } = domain;
  // In use, and pinned: as Xen's builder leaves it.
  const good = frames.getFrameAs(directory, FrameUse.L2) && frames.getFrameAs(directory, FrameUse.L2);
  if (!good) throw new Error("the domain builder has made page tables that are not valid");
  frames.setPinned(directory, true);
  state.bytes(Cpu.REGS, 32).fill(0);
  state.set(Cpu.CR0, CR0);
  state.set(Cpu.CR3, directory * PAGE_BYTES);
  state.set(Cpu.CR4, 0);
  state.set(Cpu.CPL, KERNEL_CPL);
  segments.load(Seg.CS, Flat.KERNEL_CS);
  for (const seg of [Seg.SS, Seg.DS, Seg.ES, Seg.FS, Seg.GS]) segments.load(seg, Flat.KERNEL_DS);
  state.set(Cpu.REGS + 4 * Reg.ESP, places.stack + PAGE_BYTES);
  state.set(Cpu.REGS + 4 * Reg.ESI, places.startInfo);
  state.set(Cpu.EIP, image.entry);
  core.exports.writeEflags(Eflags.IF);
  core.exports.refresh();
}
