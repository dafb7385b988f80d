/**
 * What has to be true of a machine's memory whatever its guest did: nothing outside the guest's RAM and the machine's own tables
 * was written, ROM is as it was, and TLB, code maps and decoded blocks agree with each other and with the bytes in RAM.
 */
import { Cpu, Mode } from "../../assembly/abi/cpu.js";
import { Fpu, Wide } from "../../assembly/abi/fpu.js";
import {
  DecodeTable,
  DESCRIPTOR_ENTRIES,
  EPT_CACHE_ENTRIES,
  EptCache,
  HASH_ENTRIES,
  KnownDescriptor,
  Layout,
  NEXT_ENTRIES,
  NextCache,
  POOL_BYTES,
  TLB_ENTRIES,
  Tlb,
} from "../../assembly/abi/layout.js";
import { BLOCK_DEAD, Block, Rec } from "../../assembly/abi/record.js";
import { Translation } from "../../assembly/abi/translation.js";
import { Vmx } from "../../assembly/abi/vmx.js";
import type { Core } from "../../src/core/core.js";

const CANARY = 0xa5;
const LARGE_MAP_BYTES = 128;
/** Temporaries of the transcendental functions, behind the x87 state. */
const WIDE_TEMPORARIES = 16;
const SCRATCH_BYTES = 256;
/** Static data of the WebAssembly module: asconfig.json's memoryBase, up to the TLB. Read-only to the machine. */
const STATIC_DATA = 32768;

/** The machine's own regions that it may write, in order of address. */
function writable(core: Core): [number, number][] {
  const { cpu, memory } = core;
  const ramPtr = cpu.field(Cpu.RAM_PTR);
  const maps = cpu.field(Cpu.CODE_MAP_PTR);
  return [
    [Layout.CPU, Fpu.WIDE + WIDE_TEMPORARIES * Wide.SIZE],
    [Layout.LARGE_MAP, LARGE_MAP_BYTES],
    [Layout.TRANSLATOR, SCRATCH_BYTES],
    [Layout.VMX, Vmx.SIZE],
    [Layout.DESCRIPTORS, 2 * DESCRIPTOR_ENTRIES * KnownDescriptor.SIZE],
    [Layout.TLB_NOTES, TLB_ENTRIES],
    [Layout.NEXT_CACHE, NEXT_ENTRIES * NextCache.SIZE],
    [Layout.TLB, TLB_ENTRIES * Tlb.SIZE],
    [Layout.BLOCK_HASH, HASH_ENTRIES * 4],
    [Layout.BLOCK_POOL, POOL_BYTES],
    [Layout.EPT_CACHE, EPT_CACHE_ENTRIES * EptCache.SIZE],
    [Layout.TRANSLATION, Translation.SIZE],
    [ramPtr, core.ram.length],
    [maps, memory.buffer.byteLength - maps],
  ];
}

/** The ranges in between. */
function gaps(core: Core): [number, number][] {
  const found: [number, number][] = [];
  let at = 0;
  for (const [start, bytes] of writable(core)) {
    if (start > at) found.push([at, start]);
    at = start + bytes;
  }
  return found;
}

/** Remembers what must not change. */
export class Canaries {
  private readonly ranges: { start: number; before: Buffer }[];

  constructor(private readonly core: Core) {
    const decodeTable = Layout.DECODE_TABLE + (DecodeTable.GROUPS + 1) * DecodeTable.ENTRY_BYTES;
    const all = Buffer.from(core.memory.buffer);
    this.ranges = gaps(core).map(([start, end]) => {
      const own = start <= decodeTable && decodeTable < end;
      const isRom = start === core.rom.byteOffset;
      // Bytes that nothing uses get a pattern: zero would hide a write of zero.
      if (!own && !isRom && end <= STATIC_DATA) all.fill(CANARY, start, end);
      return { start, before: Buffer.from(all.subarray(start, end)) };
    });
  }

  /** Where something was written, or undefined. */
  check(): string | undefined {
    const all = Buffer.from(this.core.memory.buffer);
    for (const { start, before } of this.ranges) {
      const now = all.subarray(start, start + before.length);
      if (now.equals(before)) continue;
      const at = now.findIndex((byte, i) => byte !== before[i]);
      return `linear memory ${(start + at).toString(16)} was written: ${now[at]} instead of ${before[at]}`;
    }
    return undefined;
  }
}

/** What is wrong with TLB, code maps and decoded blocks; undefined if nothing. */
export function brokenInvariant(core: Core): string | undefined {
  return tlbProblem(core) ?? blockProblem(core) ?? stateProblem(core);
}

function stateProblem({ cpu }: Core): string | undefined {
  if (cpu.field(Cpu.ZERO) !== 0) return "Cpu.ZERO is not zero";
  if (cpu.field(Cpu.CPL) > 3) return `CPL ${cpu.field(Cpu.CPL)}`;
  if (cpu.field(Cpu.STOP) !== 0) return `STOP ${cpu.field(Cpu.STOP)} between runs`;
  if (cpu.field(Cpu.GIVEN) !== 0) return `GIVEN ${cpu.field(Cpu.GIVEN)} between runs`;
  const next = cpu.field(Cpu.POOL_NEXT);
  if (next < Layout.BLOCK_POOL || next > Layout.BLOCK_POOL + POOL_BYTES) return `POOL_NEXT ${next.toString(16)}`;
  return undefined;
}

/** Bits of the code map of the page of a RAM offset. */
function codeMap(view: DataView, core: Core, offset: number): bigint {
  return view.getBigUint64(core.cpu.field(Cpu.CODE_MAP_PTR) + 8 * (offset >>> 12), true);
}

function tlbProblem(core: Core): string | undefined {
  const view = new DataView(core.memory.buffer);
  const ramPtr = core.cpu.field(Cpu.RAM_PTR);
  const end = ramPtr + core.ram.length + core.rom.length;
  for (let i = 0; i < TLB_ENTRIES; i++) {
    const entry = Layout.TLB + i * Tlb.SIZE;
    const write = view.getUint32(entry + Tlb.WRITE, true);
    for (const field of [Tlb.READ, Tlb.WRITE, Tlb.EXECUTE]) {
      const tag = view.getUint32(entry + field, true);
      if (tag === 0) continue;
      const ptr = ((tag & 0xfffff000) + view.getUint32(entry + Tlb.DELTA, true)) >>> 0;
      if ((tag >>> 12) % TLB_ENTRIES !== i) return `TLB entry ${i} holds page ${(tag >>> 12).toString(16)}`;
      if (ptr < ramPtr || ptr + 4096 > end || (ptr - ramPtr) % 4096 !== 0)
        return `TLB entry ${i} leads to ${ptr.toString(16)}`;
      if (field !== Tlb.WRITE || write === 0) continue;
      if (ptr >= ramPtr + core.ram.length) return `TLB entry ${i} lets ROM be written`;
      if (codeMap(view, core, ptr - ramPtr) !== 0n)
        return `TLB entry ${i} lets code at ${(ptr - ramPtr).toString(16)} be written`;
    }
  }
  return undefined;
}

function blockProblem(core: Core): string | undefined {
  const view = new DataView(core.memory.buffer);
  const ramPtr = core.cpu.field(Cpu.RAM_PTR);
  for (let i = 0; i < HASH_ENTRIES; i++) {
    let block = view.getUint32(Layout.BLOCK_HASH + 4 * i, true);
    for (let n = 0; block !== 0; n++) {
      if (n > POOL_BYTES / Block.RECORDS) return `hash chain ${i} has no end`;
      if (block < Layout.BLOCK_POOL || block >= core.cpu.field(Cpu.POOL_NEXT)) return `block at ${block.toString(16)}`;
      if (view.getUint32(block + Block.COUNT, true) !== BLOCK_DEAD) {
        const problem = staleBlock(core, view, block, ramPtr);
        if (problem !== undefined) return problem;
      }
      block = view.getUint32(block + Block.HASH_NEXT, true);
    }
  }
  return undefined;
}

/** Whether a live block no longer says what the bytes it came from say. */
function staleBlock(core: Core, view: DataView, block: number, ramPtr: number): string | undefined {
  const ma = view.getUint32(block + Block.MA, true);
  const bytes = view.getUint32(block + Block.BYTES, true);
  const mode = view.getUint32(block + Block.MODE, true);
  const count = view.getUint32(block + Block.COUNT, true);
  let eip = view.getUint32(block + Block.EIP, true);
  const name = `block of ${bytes} bytes at ${ma.toString(16)}, mode ${mode & (Mode.CODE32 | Mode.STACK32)}`;
  if (ma < core.ram.length) {
    const map = codeMap(view, core, ma);
    for (let at = ma; at < ma + bytes; at++)
      if (((map >> BigInt((at & 0xfff) >> 6)) & 1n) === 0n) return `${name}: not in the code map`;
  }
  let at = 0;
  for (let i = 0; i < count; i++) {
    const room = Math.min(15, bytes - at);
    const length = core.exports.decodeBytes(Layout.TRANSLATOR, ramPtr + ma + at, room, eip, mode);
    if (length === 0) return `${name}: instruction ${i} now ends elsewhere`;
    const record = block + Block.RECORDS + i * Rec.BYTES;
    for (const field of [Rec.LENGTH, Rec.OP, Rec.SIZE, Rec.REG, Rec.RM, Rec.BASE, Rec.SEG]) {
      if (view.getUint8(record + field) !== view.getUint8(Layout.TRANSLATOR + field))
        return `${name}: instruction ${i} has changed`;
    }
    at += length;
    eip = (eip + length) >>> 0;
  }
  return at === bytes ? undefined : `${name}: ${at} bytes now`;
}
