/**
 * ELF32 executables for i386 (System V ABI, Intel386 supplement 4): headers, loadable segments, entry translation.
 * Segments go to their *physical* addresses. Invariant: every offset that comes from the file is checked before use.
 *
 *   0x00 magic class data …   0x10 type machine   0x18 entry   0x1c phoff   0x2a phentsize phnum
 *   program header: type offset vaddr paddr filesz memsz flags align (32 bytes)
 */
import type { BootOptions, BootPlan } from "./boot-plan.js";
import { flatGdt } from "./flat-gdt.js";
import { hex, ImageError } from "./image-error.js";
import { ImageReader } from "./image-reader.js";
import { PlanBuilder } from "./plan-builder.js";
import { GDT_PLACES, PROTECTED_CODE, PROTECTED_DATA, STACK_TOP } from "./start-state.js";

const HEADER_SIZE = 52;
const PROGRAM_HEADER_SIZE = 32;
const ET_EXEC = 2;
const EM_386 = 3;
const PT_LOAD = 1;

const TYPE_NAMES: Record<number, string> = {
  0: "no type",
  1: "a relocatable object",
  3: "a position-independent or shared object",
  4: "a core dump",
};

/** One loadable segment; `headerOffset` is where the file describes it. */
export interface ElfSegment {
  index: number;
  headerOffset: number;
  fileOffset: number;
  virtualAddress: number;
  physicalAddress: number;
  fileSize: number;
  memorySize: number;
}

/** What a loader needs of an ELF file: its segments and where to begin, as a physical address. */
export interface ElfImage {
  segments: ElfSegment[];
  entry: number;
  /** The entry as the file has it. */
  virtualEntry: number;
}

/** True if the bytes begin with the ELF magic. */
export function isElf(image: Uint8Array): boolean {
  return image.length >= 4 && image[0] === 0x7f && image[1] === 0x45 && image[2] === 0x4c && image[3] === 0x46;
}

/** Reads the headers of an i386 executable. Raises `ImageError` for anything else. */
export function readElf(image: Uint8Array): ElfImage {
  const reader = new ImageReader(image);
  if (!isElf(image)) {
    throw new ImageError(`expected an ELF file (7f 45 4c 46) and found ${firstBytes(image)}`, 0);
  }
  checkIdentity(reader);
  reader.require(0, HEADER_SIZE, "the ELF header");
  const type = reader.u16(0x10, "e_type");
  if (type !== ET_EXEC) {
    throw new ImageError(`expected an ELF executable (e_type 2) and found ${TYPE_NAMES[type] ?? `type ${type}`}`, 0x10);
  }
  const machine = reader.u16(0x12, "e_machine");
  if (machine !== EM_386)
    throw new ImageError(`expected an ELF for i386 (machine 3) and found machine ${machine}`, 0x12);
  const entry = reader.u32(0x18, "e_entry");
  const segments = readSegments(reader);
  if (segments.length === 0)
    throw new ImageError("the ELF file has no loadable segment, so there is nothing to run", 0x2c);
  return { segments, entry: physicalEntry(segments, entry), virtualEntry: entry };
}

function checkIdentity(reader: ImageReader): void {
  const elfClass = reader.u8(4, "the ELF class");
  if (elfClass === 2) {
    throw new ImageError(
      "expected a 32-bit ELF file and found a 64-bit one (this machine is 32-bit; build with -m32)",
      4,
    );
  }
  if (elfClass !== 1) throw new ImageError(`expected ELF class 1 (32-bit) and found class ${elfClass}`, 4);
  const data = reader.u8(5, "the ELF byte order");
  if (data === 2) throw new ImageError("expected a little-endian ELF file and found a big-endian one", 5);
  if (data !== 1) throw new ImageError(`expected ELF byte order 1 (little-endian) and found ${data}`, 5);
  const version = reader.u8(6, "the ELF version");
  if (version !== 1) throw new ImageError(`expected ELF version 1 and found ${version}`, 6);
}

function readSegments(reader: ImageReader): ElfSegment[] {
  const tableOffset = reader.u32(0x1c, "e_phoff");
  const entrySize = reader.u16(0x2a, "e_phentsize");
  const count = reader.u16(0x2c, "e_phnum");
  if (count === 0) return [];
  if (entrySize !== PROGRAM_HEADER_SIZE) {
    throw new ImageError(`expected program headers of 32 bytes and found ${entrySize}`, 0x2a);
  }
  reader.require(tableOffset, count * entrySize, `the table of ${count} program headers`);
  const segments: ElfSegment[] = [];
  for (let index = 0; index < count; index++) {
    const at = tableOffset + index * entrySize;
    if (reader.u32(at, "p_type") !== PT_LOAD) continue;
    const segment: ElfSegment = {
      index,
      headerOffset: at,
      fileOffset: reader.u32(at + 4, "p_offset"),
      virtualAddress: reader.u32(at + 8, "p_vaddr"),
      physicalAddress: reader.u32(at + 12, "p_paddr"),
      fileSize: reader.u32(at + 16, "p_filesz"),
      memorySize: reader.u32(at + 20, "p_memsz"),
    };
    checkSegment(reader, segment);
    if (segment.memorySize > 0) segments.push(segment);
  }
  return segments;
}

function checkSegment(reader: ImageReader, segment: ElfSegment): void {
  const { index, headerOffset, fileOffset, fileSize, memorySize } = segment;
  if (memorySize < fileSize) {
    throw new ImageError(
      `segment ${index} is larger in the file (${hex(fileSize)}) than in memory (${hex(memorySize)})`,
      headerOffset + 20,
    );
  }
  if (fileSize > 0 && !reader.holds(fileOffset, fileSize)) {
    throw new ImageError(
      `the image is truncated: segment ${index} is ${hex(fileOffset)} to ${hex(fileOffset + fileSize)} of the file and the file ends at ${hex(reader.length)}`,
      headerOffset + 4,
    );
  }
}

/**
 * The physical address of `e_entry`: an entry inside a segment's virtual range moves with the segment. An entry that is
 * in no virtual range must be in a physical one, else the file is refused.
 */
function physicalEntry(segments: readonly ElfSegment[], entry: number): number {
  const inside = (base: number, segment: ElfSegment) => entry >= base && entry < base + segment.memorySize;
  const virtual = segments.find((segment) => inside(segment.virtualAddress, segment));
  if (virtual !== undefined) return entry - virtual.virtualAddress + virtual.physicalAddress;
  if (segments.some((segment) => inside(segment.physicalAddress, segment))) return entry;
  throw new ImageError(`the entry point ${hex(entry)} is in none of the ELF file's segments`, 0x18);
}

/** Plans every segment of an ELF file: its bytes, then zeros up to its size in memory. */
export function putSegments(builder: PlanBuilder, image: Uint8Array, elf: ElfImage): void {
  for (const segment of elf.segments) {
    const { physicalAddress, fileOffset, fileSize, memorySize, headerOffset } = segment;
    const what = `segment ${segment.index}`;
    builder.put(physicalAddress, image.subarray(fileOffset, fileOffset + fileSize), what, headerOffset + 12);
    builder.fill(physicalAddress + fileSize, memorySize - fileSize, `the zero fill of ${what}`, headerOffset + 20);
  }
}

/** Plans a plain ELF32 executable: protected mode, flat segments, no boot information. */
export function planElf32(image: Uint8Array, options: BootOptions): BootPlan {
  if (options.modules?.length) throw new ImageError("a plain ELF file takes no modules: only a Multiboot kernel does");
  if (options.initrd !== undefined) throw new ImageError("a plain ELF file takes no initrd: only a Linux kernel does");
  const elf = readElf(image);
  const builder = new PlanBuilder(options.ramBytes);
  putSegments(builder, image, elf);
  const gdt = flatGdt(PROTECTED_CODE);
  const gdtBase = builder.placeLow(gdt.length, GDT_PLACES, "the start-up descriptor table");
  builder.put(gdtBase, gdt, "the start-up descriptor table");
  const entry = options.entry ?? elf.entry;
  return {
    format: "elf32",
    writes: builder.writes,
    cpu: {
      mode: "protected",
      eip: entry,
      esp: STACK_TOP,
      selectors: { code: PROTECTED_CODE, data: PROTECTED_DATA },
      gdtr: { base: gdtBase, limit: gdt.length - 1 },
    },
    description: `ELF32 executable, ${elf.segments.length} segment(s), entry ${hex(entry)}`,
  };
}

/** The first bytes of an image as people compare them. */
export function firstBytes(image: Uint8Array): string {
  if (image.length === 0) return "no bytes";
  return [...image.subarray(0, 4)].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
}
