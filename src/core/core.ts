/**
 * The host side of the machine: one WebAssembly instance and its memory. It knows registers, RAM and ROM, and hands ports,
 * unclaimed memory and interrupt acknowledge cycles to a CoreHost. It knows no device and no policy.
 */
import { readFileSync } from "node:fs";
import { instantiateSync } from "@assemblyscript/loader";
import { Cpu } from "../../assembly/abi/cpu.js";
import type { ExitReason } from "../../assembly/abi/exit.js";
import { Layout } from "../../assembly/abi/layout.js";
import { REGION_SLOTS } from "../../assembly/abi/region.js";
import { packTable } from "../isa/pack.js";
import { CpuView } from "./cpu-view.js";
import type { CoreExports } from "./exports.js";

/** What the machine asks of its surroundings; called synchronously from WebAssembly. Numbers are unsigned. */
export interface CoreHost {
  /** Reads `size` bytes from an I/O port. */
  portRead(port: number, size: 1 | 2 | 4): number;
  /** Writes `size` bytes to an I/O port. */
  portWrite(port: number, size: 1 | 2 | 4, value: number): void;
  /** Reads `size` bytes at a physical address that is neither RAM nor ROM. */
  mmioRead(pa: number, size: 1 | 2 | 4): number;
  /** Writes `size` bytes at a physical address that is neither RAM nor ROM. */
  mmioWrite(pa: number, size: 1 | 2 | 4, value: number): void;
  /** The guest executed an opcode the machine does not have, at offset `eip` of CS: it gets #UD. For reports. */
  undefinedOpcode?(eip: number): void;
  /** Asks for a translation of the code that starts with a decoded block (a pointer to its header). May do nothing. */
  translateRegion?(block: number): void;
  /** The interrupt controller's vector, 0 to 255, for the interrupt being taken. */
  acknowledgeInterrupt(): number;
}

/** Sizes of a machine. */
export interface CoreOptions {
  /** RAM in bytes: a multiple of 4,096, at least 1 MB, at most MAX_RAM_BYTES. */
  ramBytes: number;
  /** ROM at the top of the physical space in bytes: a multiple of 4,096, at most 16 MB; 0 if absent. */
  romBytes?: number;
}

/** Largest RAM: RAM, ROM and the code maps share the 4 GB of one WebAssembly memory. */
export const MAX_RAM_BYTES = 3 * 1024 * 1024 * 1024;
/** Largest ROM. */
export const MAX_ROM_BYTES = 16 * 1024 * 1024;
/** WebAssembly page. */
const PAGE = 65536;
/** Largest budget of one run: the machine counts in 32 bits. */
const MAX_BUDGET = 0x7fffffff;

let compiled: WebAssembly.Module | undefined;

/** The machine's WebAssembly module, compiled once per process. */
function module(): WebAssembly.Module {
  if (compiled === undefined) {
    // Works from a checkout (src/core) and from the built package (dist/src/core).
    const inDist = import.meta.url.includes("/dist/src/core/");
    const url = new URL(inDist ? "../../../build/release.wasm" : "../../build/release.wasm", import.meta.url);
    compiled = new WebAssembly.Module(readFileSync(url));
  }
  return compiled;
}

/** One machine: CPU, MMU, RAM and ROM. */
export class Core {
  /** The shared linear memory: assembly/abi/layout.ts is its map. */
  readonly memory: WebAssembly.Memory;
  /** Translated regions: WebAssembly functions by slot; slot 0 stays empty. */
  readonly regions: WebAssembly.Table;
  /** Guest RAM; index 0 is physical address 0. Use writeRam() for bytes that may be code. */
  readonly ram: Uint8Array;
  /** ROM; its last byte is physical address FFFFFFFF. */
  readonly rom: Uint8Array;
  /** The registers. */
  readonly cpu: CpuView;
  /** The raw functions of the machine, for tracers and tests. */
  readonly exports: CoreExports;

  private constructor(options: CoreOptions, host: CoreHost) {
    const ramBytes = options.ramBytes;
    const romBytes = options.romBytes ?? 0;
    checkSize("ramBytes", ramBytes, 1024 * 1024, MAX_RAM_BYTES);
    checkSize("romBytes", romBytes, 0, MAX_ROM_BYTES);
    const codeMaps = (ramBytes / 4096) * 13;
    const bytes = Layout.RAM + ramBytes + romBytes + codeMaps;
    this.memory = new WebAssembly.Memory({ initial: Math.ceil(bytes / PAGE), maximum: PAGE });
    this.regions = new WebAssembly.Table({ element: "anyfunc", initial: REGION_SLOTS, maximum: REGION_SLOTS });
    const imports = {
      env: {
        memory: this.memory,
        table: this.regions,
        abort: () => {
          throw new Error("the machine's debug build found a broken invariant");
        },
      },
      host: {
        portRead: (port: number, size: 1 | 2 | 4) => host.portRead(port, size),
        portWrite: (port: number, size: 1 | 2 | 4, value: number) => host.portWrite(port, size, value >>> 0),
        mmioRead: (pa: number, size: 1 | 2 | 4) => host.mmioRead(pa >>> 0, size),
        mmioWrite: (pa: number, size: 1 | 2 | 4, value: number) => host.mmioWrite(pa >>> 0, size, value >>> 0),
        undefinedOpcode: (eip: number) => host.undefinedOpcode?.(eip >>> 0),
        translateRegion: (block: number) => host.translateRegion?.(block >>> 0),
        acknowledgeInterrupt: () => host.acknowledgeInterrupt() & 0xff,
      },
    };
    // The instance's own exports: the loader wraps them in functions that cost a call each.
    this.exports = instantiateSync(module(), imports).instance.exports as unknown as CoreExports;
    new Uint8Array(this.memory.buffer).set(packTable(), Layout.DECODE_TABLE);
    this.exports.setUp(ramBytes, romBytes);
    this.cpu = new CpuView(this.exports, this.memory);
    const ramPtr = this.cpu.field(Cpu.RAM_PTR);
    this.ram = new Uint8Array(this.memory.buffer, ramPtr, ramBytes);
    this.rom = new Uint8Array(this.memory.buffer, this.cpu.field(Cpu.ROM_PTR), romBytes);
    this.exports.setA20(1);
    this.reset();
  }

  /** Makes a machine in its power-on state. Errors: RangeError if a size is out of bounds. */
  static create(options: CoreOptions, host: CoreHost): Core {
    return new Core(options, host);
  }

  /** Power-on state: CS:EIP = F000:FFF0 with base FFFF0000. RAM, ROM, time and counters are kept. */
  reset(): void {
    this.exports.reset();
  }

  /** Runs for at most `budget` ticks (instructions and event deliveries) and says why it stopped. */
  run(budget: number): ExitReason {
    return this.exports.run(Math.min(budget, MAX_BUDGET)) as ExitReason;
  }

  /** Runs one tick through the generic functions: the reference for the fast paths. */
  stepOnce(): ExitReason {
    return this.exports.stepOnce() as ExitReason;
  }

  /** What the last exit is about: the meaning depends on its reason (assembly/abi/exit.ts). */
  get exitQualification(): number {
    return this.cpu.field(Cpu.EXIT_QUALIFICATION);
  }

  /** Virtual time in ticks, exact also inside call-backs. */
  get time(): number {
    return this.exports.time();
  }

  /** Lets `ticks` of virtual time pass without instructions: the CPU was halted. */
  skipTime(ticks: number): void {
    this.exports.skipTime(ticks);
  }

  /** From a call-back: run() returns HOST_REQUEST after the current instruction. */
  requestStop(): void {
    this.exports.requestStop();
  }

  /** Sets the level of the INTR pin. */
  setInterruptLine(level: boolean): void {
    this.exports.setInterruptLine(level ? 1 : 0);
  }

  /** Raises a non-maskable interrupt. */
  raiseNmi(): void {
    this.exports.raiseNmi();
  }

  /** Opens or closes the A20 gate. */
  setA20(enabled: boolean): void {
    this.exports.setA20(enabled ? 1 : 0);
  }

  /** Writes RAM and drops code decoded from those bytes. Errors: RangeError if they do not fit. */
  writeRam(pa: number, bytes: Uint8Array): void {
    this.ram.set(bytes, pa);
    if (bytes.length > 0) this.exports.ramWritten(pa, bytes.length);
  }

  /** The `n` bytes at linear address `lin` as supervisor code would read them; undefined if any is unmapped or no memory. */
  readLinear(lin: number, n: number): Uint8Array | undefined {
    const out = new Uint8Array(n);
    const all = new Uint8Array(this.memory.buffer);
    for (let i = 0; i < n; ) {
      const at = (lin + i) >>> 0;
      const ptr = this.exports.probeLinear(at) >>> 0;
      if (ptr === 0) return undefined;
      const part = Math.min(n - i, 4096 - (at & 0xfff));
      out.set(all.subarray(ptr, ptr + part), i);
      i += part;
    }
    return out;
  }
}

/** Checks one size. Errors: RangeError naming it. */
function checkSize(name: string, value: number, least: number, most: number): void {
  if (!Number.isInteger(value) || value % 4096 !== 0 || value < least || value > most) {
    throw new RangeError(`${name}: expected a multiple of 4096 from ${least} to ${most}, found ${value}`);
  }
}
