/**
 * A domain's memory by linear address, as its kernel's own accesses would go: what hypercalls read arguments from and write results to.
 * Invariant: nothing at or above the monitor's start is ever read or written, and nothing that the guest's tables do not map.
 */
import { Cpu } from "../../../assembly/abi/cpu.js";
import { Pte } from "../../../assembly/abi/x86.js";
import type { MachineMemory } from "../../mm/machine-memory.js";
import type { Words } from "../words.js";
import { MONITOR_START } from "./abi.js";

/** What accesses return that the guest's tables do not allow. */
export const NO_ACCESS = -1;

/** The linear space of a domain. */
export class GuestAccess {
  constructor(
    private readonly memory: MachineMemory,
    private readonly state: Words,
  ) {}

  /** The machine address of a linear one, or NO_ACCESS. Sets accessed and dirty flags as the processor would. */
  translate(address: number, write: boolean): number {
    if (address >= MONITOR_START) return NO_ACCESS;
    const { words } = this.memory;
    const directory = ((this.state.get(Cpu.CR3) >>> 12) << 10) + (address >>> 22);
    const pde = words[directory]!;
    if ((pde & Pte.P) === 0) return NO_ACCESS;
    const table = ((pde >>> 12) << 10) + ((address >>> 12) & 1023);
    const pte = words[table]!;
    if ((pte & Pte.P) === 0 || (write && (pde & pte & Pte.RW) === 0)) return NO_ACCESS;
    const flags = write ? Pte.A | Pte.D : Pte.A;
    if ((pde & Pte.A) === 0) words[directory] = pde | Pte.A;
    if ((pte & flags) !== flags) words[table] = pte | flags;
    return (pte & 0xfffff000) + (address & 0xfff) + (pte < 0x80000000 ? 0 : 0x100000000);
  }

  /** A byte, or NO_ACCESS. */
  read8(address: number): number {
    const at = this.translate(address, false);
    return at === NO_ACCESS ? at : this.memory.bytes[at]!;
  }

  /** A u32, or NO_ACCESS. */
  read32(address: number): number {
    if ((address & 3) === 0) {
      const at = this.translate(address, false);
      return at === NO_ACCESS ? at : this.memory.words[at >>> 2]!;
    }
    let value = 0;
    for (let i = 3; i >= 0; i--) {
      const byte = this.read8(address + i);
      if (byte === NO_ACCESS) return NO_ACCESS;
      value = value * 256 + byte;
    }
    return value;
  }

  /** Writes a byte; false if that is not allowed. */
  write8(address: number, value: number): boolean {
    const at = this.translate(address, true);
    if (at === NO_ACCESS) return false;
    this.memory.bytes[at] = value;
    this.memory.written(at, 1);
    return true;
  }

  /** Writes a u32; false if that is not allowed: then bytes before the one that is not may have been written. */
  write32(address: number, value: number): boolean {
    if ((address & 3) === 0) {
      const at = this.translate(address, true);
      if (at === NO_ACCESS) return false;
      this.memory.words[at >>> 2] = value;
      this.memory.written(at, 4);
      return true;
    }
    for (let i = 0; i < 4; i++) if (!this.write8(address + i, (value >>> (8 * i)) & 0xff)) return false;
    return true;
  }

  /** True if all of the range may be written, or read. */
  covers(address: number, bytes: number, write: boolean): boolean {
    if (bytes === 0) return true;
    const last = address + bytes - 1;
    if (last >= MONITOR_START) return false;
    for (let page = address - (address & 0xfff); page <= last; page += 4096) {
      if (this.translate(Math.max(page, address), write) === NO_ACCESS) return false;
    }
    return true;
  }
}
