// The board's address decoder: I/O ports and memory-mapped registers, one owner each.
// Invariant: every access is answered; what nobody owns reads all ones and is counted by port. Accesses wider than a device
// takes are split into consecutive smaller ones, lowest address first, as the ISA bus controller does.

import { portName } from "./port-names.js";

/** Width of a bus access in bytes. */
export type AccessSize = 1 | 2 | 4;

/** A device's side of a port range. A missing `read` reads all ones; a missing `write` ignores the value (neither counts as unknown). */
export interface PortHandler {
  /** Returns the unsigned value at `port`; `size` never exceeds `width`. */
  read?(port: number, size: AccessSize): number;
  /** Takes an unsigned value of `size` bytes written to `port`. */
  write?(port: number, size: AccessSize, value: number): void;
  /** Widest access the device takes whole (default 1: an 8-bit device). */
  readonly width?: AccessSize;
  /** True for a register that is not selected by a part of a wider access (0xCF9 inside a dword at 0xCF8). */
  readonly wholeOnly?: boolean;
}

/** A device's side of a physical memory range; it must take every size. */
export interface MemoryHandler {
  /** Returns the unsigned value at physical address `pa`. */
  read?(pa: number, size: AccessSize): number;
  /** Takes an unsigned value written to physical address `pa`. */
  write?(pa: number, size: AccessSize, value: number): void;
}

/** A port nobody owns, and how often it was touched. */
export interface UnknownPort {
  readonly port: number;
  /** What a PC has at this port ("PCI configuration address" …), or "unassigned". */
  readonly name: string;
  readonly reads: number;
  readonly writes: number;
}

/** Accesses to physical memory that is neither RAM, ROM nor a device. */
export interface UnknownMemory {
  /** First address of the 4 KB page. */
  readonly page: number;
  readonly reads: number;
  readonly writes: number;
}

interface PortRange {
  readonly name: string;
  readonly first: number;
  readonly last: number;
  readonly handler: PortHandler;
}

interface MemoryRange {
  readonly name: string;
  readonly first: number;
  readonly last: number;
  readonly handler: MemoryHandler;
}

interface Count {
  reads: number;
  writes: number;
}

const PORTS = 0x10000;
const MAX_RANGES = 255;
const PAGE_MASK = 0xfff;
/** Pages of unknown memory counted one by one; further ones share the last entry, so that a hostile guest cannot fill the host. */
const MAX_UNKNOWN_PAGES = 1024;

const hex = (value: number): string => `0x${value.toString(16).toUpperCase()}`;
const ones = (size: AccessSize): number => (size === 4 ? 0xffff_ffff : size === 2 ? 0xffff : 0xff);
const truncate = (value: number, size: AccessSize): number => (value & ones(size)) >>> 0;

/** The port and memory decoder of one machine. */
export class Bus {
  /** Index into `ranges` plus one for each port; 0 = unassigned. */
  private readonly slots = new Uint8Array(PORTS);
  private readonly ranges: PortRange[] = [];
  private readonly memory: MemoryRange[] = [];
  private readonly unknown = new Map<number, Count>();
  private readonly unknownPages = new Map<number, Count>();
  private lastUnknownPage = 0;

  /** Gives ports `first`…`last` to a device. Throws Error when a port is out of range or taken. */
  mapPorts(name: string, first: number, last: number, handler: PortHandler): void {
    if (!Number.isInteger(first) || !Number.isInteger(last) || first < 0 || last >= PORTS || last < first) {
      throw new Error(`expected ports from 0x0 to 0xFFFF for ${name}, found ${first} to ${last}`);
    }
    for (let port = first; port <= last; port++) {
      const owner = this.rangeAt(port);
      if (owner !== undefined) throw new Error(`port ${hex(port)} for ${name} already belongs to ${owner.name}`);
    }
    if (this.ranges.length >= MAX_RANGES)
      throw new Error(`expected at most ${MAX_RANGES} port ranges, ${name} is one more`);
    this.ranges.push({ name, first, last, handler });
    this.slots.fill(this.ranges.length, first, last + 1);
  }

  /** Gives physical addresses `firstPa`…`lastPa` to a device. Throws Error when they are out of range or taken. */
  mapMemory(name: string, firstPa: number, lastPa: number, handler: MemoryHandler): void {
    if (
      !Number.isInteger(firstPa) ||
      !Number.isInteger(lastPa) ||
      firstPa < 0 ||
      lastPa > 2 ** 36 - 1 ||
      lastPa < firstPa
    ) {
      throw new Error(`expected a physical address range below 64 GB for ${name}, found ${firstPa} to ${lastPa}`);
    }
    for (const range of this.memory) {
      if (firstPa <= range.last && lastPa >= range.first) {
        throw new Error(`memory ${hex(firstPa)} to ${hex(lastPa)} for ${name} overlaps ${range.name}`);
      }
    }
    this.memory.push({ name, first: firstPa, last: lastPa, handler });
  }

  /** True when a device owns `port`. */
  isMapped(port: number): boolean {
    return this.slots[port & 0xffff] !== 0;
  }

  /** Name of the device that owns `port`, or what a PC usually has there, or "unassigned". */
  nameOf(port: number): string {
    return this.rangeAt(port & 0xffff)?.name ?? portName(port & 0xffff);
  }

  /** IN: the unsigned value at `port`. */
  portRead(port: number, size: AccessSize): number {
    const range = this.rangeAt(port);
    if (range !== undefined && size <= (range.handler.width ?? 1) && port + size - 1 <= range.last) {
      const value = range.handler.read?.(port, size);
      return value === undefined ? ones(size) : truncate(value, size);
    }
    if (size === 1 || !this.anyTakesPart(port, size)) {
      this.countPort(port).reads++;
      return ones(size);
    }
    let value = 0;
    for (let offset = 0; offset < size; offset++) {
      const part = (port + offset) & 0xffff;
      const byte = this.takesPart(part, port) ? this.portRead(part, 1) : 0xff;
      value += byte * 2 ** (8 * offset);
    }
    return value;
  }

  /** OUT: writes the low `size` bytes of `value` to `port`. */
  portWrite(port: number, size: AccessSize, value: number): void {
    const range = this.rangeAt(port);
    if (range !== undefined && size <= (range.handler.width ?? 1) && port + size - 1 <= range.last) {
      range.handler.write?.(port, size, truncate(value, size));
      return;
    }
    if (size === 1 || !this.anyTakesPart(port, size)) {
      this.countPort(port).writes++;
      return;
    }
    for (let offset = 0; offset < size; offset++) {
      const part = (port + offset) & 0xffff;
      if (this.takesPart(part, port)) this.portWrite(part, 1, (value >>> (8 * offset)) & 0xff);
    }
  }

  /** Reads physical memory that is neither RAM nor ROM. */
  mmioRead(pa: number, size: AccessSize): number {
    const range = this.memoryAt(pa);
    if (range !== undefined && pa + size - 1 <= range.last) {
      const value = range.handler.read?.(pa, size);
      return value === undefined ? ones(size) : truncate(value, size);
    }
    if (size === 1 || (range === undefined && this.memoryAt(pa + size - 1) === undefined)) {
      this.countPage(pa).reads++;
      return ones(size);
    }
    let value = 0;
    for (let offset = 0; offset < size; offset++) value += this.mmioRead(pa + offset, 1) * 2 ** (8 * offset);
    return value;
  }

  /** Writes the low `size` bytes of `value` to physical memory that is neither RAM nor ROM. */
  mmioWrite(pa: number, size: AccessSize, value: number): void {
    const range = this.memoryAt(pa);
    if (range !== undefined && pa + size - 1 <= range.last) {
      range.handler.write?.(pa, size, truncate(value, size));
      return;
    }
    if (size === 1 || (range === undefined && this.memoryAt(pa + size - 1) === undefined)) {
      this.countPage(pa).writes++;
      return;
    }
    for (let offset = 0; offset < size; offset++) this.mmioWrite(pa + offset, 1, (value >>> (8 * offset)) & 0xff);
  }

  /** Every port touched that nobody owns, by port number. */
  unknownPorts(): UnknownPort[] {
    return [...this.unknown.entries()]
      .sort(([a], [b]) => a - b)
      .map(([port, count]) => ({ port, name: portName(port), reads: count.reads, writes: count.writes }));
  }

  /** Every 4 KB page of physical memory touched that nobody owns, by address. */
  unknownMemory(): UnknownMemory[] {
    return [...this.unknownPages.entries()]
      .sort(([a], [b]) => a - b)
      .map(([page, count]) => ({ page, reads: count.reads, writes: count.writes }));
  }

  private rangeAt(port: number): PortRange | undefined {
    const slot = this.slots[port & 0xffff] as number;
    return slot === 0 ? undefined : this.ranges[slot - 1];
  }

  private takesPart(port: number, start: number): boolean {
    const range = this.rangeAt(port);
    return port === start || range?.handler.wholeOnly !== true;
  }

  /** True when some byte of a split access reaches a device. */
  private anyTakesPart(port: number, size: AccessSize): boolean {
    for (let offset = 0; offset < size; offset++) {
      const part = (port + offset) & 0xffff;
      if (this.isMapped(part) && this.takesPart(part, port)) return true;
    }
    return false;
  }

  private memoryAt(pa: number): MemoryRange | undefined {
    for (const range of this.memory) if (pa >= range.first && pa <= range.last) return range;
    return undefined;
  }

  private countPort(port: number): Count {
    return countAt(this.unknown, port & 0xffff);
  }

  private countPage(pa: number): Count {
    const page = pa - (pa & PAGE_MASK);
    if (!this.unknownPages.has(page)) {
      if (this.unknownPages.size >= MAX_UNKNOWN_PAGES) return countAt(this.unknownPages, this.lastUnknownPage);
      this.lastUnknownPage = page;
    }
    return countAt(this.unknownPages, page);
  }
}

function countAt(counts: Map<number, Count>, key: number): Count {
  let count = counts.get(key);
  if (count === undefined) {
    count = { reads: 0, writes: 0 };
    counts.set(key, count);
  }
  return count;
}
