/**
 * What a machine stands on: a processor with RAM and the wires to its board. The bare core is one; a virtual machine under a VMM is
 * another, and looks the same to everything above.
 */
import { Eflags } from "../../assembly/abi/x86.js";
import type { Core } from "./core.js";
import type { CpuView } from "./cpu-view.js";
import { BareRam, type GuestRam } from "./guest-ram.js";
import type { ProcessorCore } from "./processor.js";

/** A processor as a guest has it. */
export interface Platform extends ProcessorCore {
  /** The machine's processor under everything, for tools that trace or check it. */
  readonly core: Core;
  /** The registers as the guest believes them to be. */
  readonly cpu: CpuView;
  /** The guest's RAM. */
  readonly ram: GuestRam;
  /** Power-on state of the processor; RAM, ROM, time and counters are kept. */
  reset(): void;
  /** Puts `bytes` into ROM so that they end at 4 GB. */
  setRom(bytes: Uint8Array): void;
  /** Sets the level of the INTR pin. */
  setInterruptLine(level: boolean): void;
  /** Raises a non-maskable interrupt. */
  raiseNmi(): void;
  /** Opens or closes the A20 gate. */
  setA20(enabled: boolean): void;
  /** The `bytes` bytes at linear address `lin` as supervisor code would read them; undefined if any is unmapped or no memory. */
  readLinear(lin: number, bytes: number): Uint8Array | undefined;
}

/** The bare machine: the guest has the core to itself. */
export class BarePlatform implements Platform {
  readonly ram: GuestRam;

  constructor(readonly core: Core) {
    this.ram = new BareRam(core);
  }

  get cpu(): CpuView {
    return this.core.cpu;
  }

  get time(): number {
    return this.core.time;
  }

  get retired(): number {
    return this.core.cpu.retired;
  }

  get halted(): boolean {
    return this.core.cpu.halted;
  }

  get interruptsEnabled(): boolean {
    return (this.core.cpu.eflags & Eflags.IF) !== 0;
  }

  run(budget: number): number {
    return this.core.run(budget);
  }

  skipTime(ticks: number): void {
    this.core.skipTime(ticks);
  }

  requestStop(): void {
    this.core.requestStop();
  }

  reset(): void {
    this.core.reset();
  }

  setRom(bytes: Uint8Array): void {
    this.core.rom.set(bytes, this.core.rom.length - bytes.length);
  }

  setInterruptLine(level: boolean): void {
    this.core.setInterruptLine(level);
  }

  raiseNmi(): void {
    this.core.raiseNmi();
  }

  setA20(enabled: boolean): void {
    this.core.setA20(enabled);
  }

  readLinear(lin: number, bytes: number): Uint8Array | undefined {
    return this.core.readLinear(lin, bytes);
  }
}
