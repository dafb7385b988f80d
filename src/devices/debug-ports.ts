// Ports that PCs under emulators have for kernels and firmware to talk to their developer: debug consoles at 0xE9 and 0x402,
// POST codes at 0x80, isa-debug-exit and the ACPI power-off command.
// Invariant: none of them has state the guest can observe, except port 0x80, which reads back as the spare DMA page register it is.
// Specified by use: Bochs (0xE9), SeaBIOS (0x402; a read returns 0xE9 where a console is present), QEMU (isa-debug-exit; S5 as
// sleep type 0 with SLP_EN at the PM1a control port 0x604).

import type { Bus } from "./bus.js";
import type { Device } from "./device.js";

/** A byte-wide console that is always ready. */
export class DebugConsole {
  /** Called with each byte the guest writes. */
  onOutput: ((byte: number) => void) | undefined;

  /** Maps one port. */
  attach(bus: Bus, name: string, port: number): void {
    bus.mapPorts(name, port, port, {
      read: () => 0xe9,
      write: (_port, _size, value) => this.onOutput?.(value),
    });
  }
}

/** State of the POST code port. */
export type PostCodesState = { last: number; count: number; recent: number[] };

/** How many POST codes are remembered. */
const HISTORY = 64;

/** POST codes at port 0x80: the last one, and the latest that differ from the one before. */
export class PostCodes implements Device<PostCodesState> {
  private lastCode = 0;
  private writes = 0;
  /** The latest codes, in a ring: `changes` counts those ever put in. */
  private readonly recent = new Uint8Array(HISTORY);
  private changes = 0;

  /** Maps port 0x80. */
  attach(bus: Bus): void {
    bus.mapPorts("POST code", 0x80, 0x80, {
      read: () => this.lastCode,
      write: (_port, _size, value) => this.write(value),
    });
  }

  /** The code written last. */
  get last(): number {
    return this.lastCode;
  }

  /** How often the port was written (kernels write it for a short delay). */
  get count(): number {
    return this.writes;
  }

  /** The latest codes, oldest first, repetitions left out. */
  get history(): readonly number[] {
    const first = Math.max(0, this.changes - HISTORY);
    return Array.from({ length: this.changes - first }, (_, i) => this.recent[(first + i) % HISTORY] as number);
  }

  reset(): void {
    this.lastCode = 0;
    this.writes = 0;
    this.changes = 0;
  }

  save(): PostCodesState {
    return { last: this.lastCode, count: this.writes, recent: [...this.history] };
  }

  load(state: PostCodesState): void {
    this.lastCode = state.last;
    this.writes = state.count;
    const recent = state.recent.slice(-HISTORY);
    this.recent.set(recent);
    this.changes = recent.length;
  }

  private write(value: number): void {
    if (this.writes === 0 || value !== this.lastCode) this.recent[this.changes++ % HISTORY] = value;
    this.writes++;
    this.lastCode = value;
  }
}

/** Ports isa-debug-exit answers at, from its base on. */
const DEBUG_EXIT_PORTS = 4;

/**
 * Maps isa-debug-exit at `port`: writing v, of any width, calls `requestExit` with (v << 1) | 1 as an unsigned 32-bit number.
 * Reads return 0. Throws Error when the ports are taken.
 */
export function attachDebugExit(bus: Bus, port: number, requestExit: (code: number) => void): void {
  bus.mapPorts("isa-debug-exit", port, port + DEBUG_EXIT_PORTS - 1, {
    width: 4,
    read: () => 0,
    write: (_port, _size, value) => requestExit(((value << 1) | 1) >>> 0),
  });
}

/** PM1a control: SLP_EN with sleep type 0, which is S5 (soft off) here. */
const PM1A_CONTROL = 0x604;
const SLEEP_ENABLE = 0x2000;
const SLEEP_TYPE = 0x1c00;

/** Maps the power-off command at port 0x604: the word 0x2000 calls `requestPowerOff`. Reads return 0. */
export function attachPowerOff(bus: Bus, requestPowerOff: () => void): void {
  bus.mapPorts("ACPI power management control", PM1A_CONTROL, PM1A_CONTROL + 1, {
    width: 2,
    read: () => 0,
    write: (port, size, value) => {
      const word = size === 2 ? value : value << (8 * (port - PM1A_CONTROL));
      if ((word & SLEEP_ENABLE) !== 0 && (word & SLEEP_TYPE) === 0) requestPowerOff();
    },
  });
}
