/**
 * A domain for tests: a kernel of a few instructions whose registers the test sets, so that every hypercall and every access is the test's own.
 * Linear addresses are guest-physical ones, from 0.
 */
import { createMachine, type Machine } from "../../../src/index.js";
import type { PvKind } from "../../../src/vmm/kinds/pv.js";
import type { Domain } from "../../../src/vmm/pv/domain.js";

const LOAD = 0x100000;
const MEMORY_BYTES = 4 << 20;

/** Where the kernel's instructions are: each is followed by a jump to itself. */
export const CODE = {
  hypercall: LOAD + 0x200,
  load: LOAD + 0x210,
  store: LOAD + 0x220,
  handler: LOAD + 0x230,
} as const;
/** Memory that nobody uses but the test. */
export const SCRATCH = 0x200000;
/** Bytes of it. */
export const SCRATCH_BYTES = 0x20000;

const STAY = [0xeb, 0xfe];
/** INT 82h; MOV EAX, [EBX]; MOV [EBX], EAX; nothing. */
const INSTRUCTIONS: readonly (readonly [number, readonly number[]])[] = [
  [CODE.hypercall, [0xcd, 0x82, ...STAY]],
  [CODE.load, [0x8b, 0x03, ...STAY]],
  [CODE.store, [0x89, 0x03, ...STAY]],
  [CODE.handler, STAY],
];

/** A note of Xen's with a number. */
function note(type: number, value: number): number[] {
  return [4, 0, 0, 0, 4, 0, 0, 0, type, 0, 0, 0, 0x58, 0x65, 0x6e, 0, ...word(value)];
}

const word = (value: number) => [value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, value >>> 24];
const half = (value: number) => [value & 0xff, value >>> 8];

/** The kernel as an ELF file with Xen's notes, and what `patch` does to it. */
export function domainImage(notes: readonly (readonly [number, number])[] = []): Uint8Array {
  const content = [[1, CODE.handler] as const, ...notes].flatMap(([type, value]) => note(type, value));
  const header = [0x7f, 0x45, 0x4c, 0x46, 1, 1, 1, ...new Array(9).fill(0), ...half(2), ...half(3), ...word(1)];
  header.push(...word(CODE.handler), ...word(52), ...word(0), ...word(0));
  header.push(...half(52), ...half(32), ...half(2), ...half(40), ...half(0), ...half(0));
  const size = 0x240;
  const load = [1, 0, LOAD, LOAD, size, SCRATCH + SCRATCH_BYTES - LOAD, 7, 4096];
  const notesAt = [4, 0x100, LOAD + 0x100, LOAD + 0x100, content.length, content.length, 4, 4];
  const bytes = new Uint8Array(size);
  bytes.set([...header, ...[...load, ...notesAt].flatMap(word)]);
  bytes.set(content, 0x100);
  for (const [at, code] of INSTRUCTIONS) bytes.set(code, at - LOAD);
  return bytes;
}

/** A machine with one domain. */
export class DomainMachine {
  readonly machine: Machine;
  readonly domain: Domain;
  /** What it has printed. */
  output = "";

  constructor() {
    this.machine = createMachine({ image: domainImage(), memoryBytes: MEMORY_BYTES, vmm: "pv" });
    this.machine.onSerial(0, (byte) => {
      this.output += String.fromCharCode(byte);
    });
    this.domain = (this.machine.vm as unknown as { kind: PvKind }).kind.domain;
  }

  /** Pages of memory. */
  get pages(): number {
    return MEMORY_BYTES / 4096;
  }

  /** Machine frame of a guest frame. */
  mfn(pfn: number): number {
    return this.machine.vm!.p2m.mfn(pfn);
  }

  /** Executes the instruction at `eip` with these registers. */
  execute(eip: number, registers: Partial<Record<"eax" | "ebx" | "ecx" | "edx" | "esi" | "edi", number>>) {
    this.machine.setRegisters({ ...registers, eip });
    return this.machine.run({ maxInstructions: 1 }).exit;
  }

  /** Makes a hypercall; its result as a signed number. A call that goes on is made until it is done. */
  call(number: number, ...args: number[]): number {
    const [ebx = 0, ecx = 0, edx = 0, esi = 0, edi = 0] = args;
    this.execute(CODE.hypercall, { eax: number, ebx, ecx, edx, esi, edi });
    for (let i = 0; i < 1000 && this.machine.cpu.eip === CODE.hypercall; i++) this.machine.run({ maxInstructions: 1 });
    return this.machine.cpu.eax | 0;
  }

  /** Stores words at a guest-physical address. */
  put(address: number, ...words: number[]): void {
    this.machine.ram.write(address, Uint8Array.from(words.flatMap(word)));
  }

  /** A word at a guest-physical address. */
  get(address: number): number {
    return new DataView(this.machine.ram.read(address, 4).buffer).getUint32(0, true);
  }

  /** A word of the shared page. */
  shared(offset: number): number {
    return this.domain.memory.words[(this.domain.sharedInfo * 4096 + offset) >>> 2]!;
  }

  /** Maps a linear page (flags included in `entry`) by update_va_mapping; the result. */
  map(address: number, entry: number): number {
    return this.call(14, address, entry, 0, 2);
  }
}
