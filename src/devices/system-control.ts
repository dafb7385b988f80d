// System control ports of a PC/AT: port B at 0x61 (timer 2 gate, speaker), port A at 0x92 (A20, fast reset), reset control at 0xCF9,
// and the A20 latch they share with the keyboard controller.
// Invariant: there is one A20 latch; whoever writes it last wins, and every register that shows A20 shows the latch. (Chipsets OR
// the two sources; with one latch a guest that uses either way, for switching on or off, gets what it asks for.)
// Specified in the IBM PC/AT and PS/2 technical references; 0xCF9 in the Intel PIIX4 data sheet (RST_CNT).

import type { AccessSize, Bus } from "./bus.js";
import type { Device } from "./device.js";
import type { Pit } from "./pit.js";

/** Crystal ticks of one refresh request (channel 1's usual count): port 0x61 bit 4 toggles with each. */
const REFRESH_TICKS = 18;
/** Port 0x61: bits 3–0 are kept as written. */
const PORT_B_KEPT = 0x0f;
const PORT_B_GATE2 = 0x01;
const PORT_B_SPEAKER = 0x02;
const PORT_B_REFRESH = 0x10;
const PORT_B_OUT2 = 0x20;
/** Port 0x92. */
const PORT_A_RESET = 0x01;
const PORT_A_A20 = 0x02;
/** Port 0xCF9: a rising bit 2 resets; bit 1 says how hard, and is kept. */
const RESET_CPU = 0x04;
const RESET_KEPT = 0x0e;

/** The A20 gate: open (enabled) at power-on, as firmware leaves it. */
export class A20Gate implements Device<boolean> {
  private readonly onChange: (enabled: boolean) => void;
  private open = true;

  /** `onChange` is called when the gate opens or closes. */
  constructor(onChange: (enabled: boolean) => void) {
    this.onChange = onChange;
  }

  /** True when address bit 20 reaches memory. */
  get enabled(): boolean {
    return this.open;
  }

  /** Opens or closes the gate. */
  set(enabled: boolean): void {
    if (enabled === this.open) return;
    this.open = enabled;
    this.onChange(enabled);
  }

  reset(): void {
    this.set(true);
  }

  save(): boolean {
    return this.open;
  }

  load(state: boolean): void {
    this.set(state);
  }
}

/** State of the system control ports. */
export type SystemControlState = { portA: number; portB: number; resetControl: number };

/** Ports 0x61, 0x92 and 0xCF9. */
export class SystemControl implements Device<SystemControlState> {
  private readonly pit: Pit;
  private readonly a20: A20Gate;
  private readonly requestReset: () => void;
  private portA = 0;
  private portB = 0;
  private resetControl = 0;

  /** `requestReset` is called for a fast reset (0x92 bit 0) and for a reset through 0xCF9. */
  constructor(pit: Pit, a20: A20Gate, requestReset: () => void) {
    this.pit = pit;
    this.a20 = a20;
    this.requestReset = requestReset;
  }

  /** Maps the three ports. */
  attach(bus: Bus): void {
    bus.mapPorts("system control port B", 0x61, 0x61, {
      read: () => this.readPortB(),
      write: (_port, _size, value) => this.writePortB(value),
    });
    bus.mapPorts("system control port A", 0x92, 0x92, {
      read: () => this.portA | (this.a20.enabled ? PORT_A_A20 : 0),
      write: (_port, _size, value) => this.writePortA(value),
    });
    bus.mapPorts("reset control", 0xcf9, 0xcf9, {
      wholeOnly: true,
      read: () => this.resetControl,
      write: (_port: number, _size: AccessSize, value: number) => this.writeResetControl(value),
    });
  }

  /** True while the speaker's output stage is on (port 0x61 bit 1). */
  get speakerEnabled(): boolean {
    return (this.portB & PORT_B_SPEAKER) !== 0;
  }

  reset(): void {
    this.portA = 0;
    this.resetControl = 0;
    this.writePortB(0);
  }

  save(): SystemControlState {
    return { portA: this.portA, portB: this.portB, resetControl: this.resetControl };
  }

  /** Takes a saved state; the gate itself belongs to the timer's state. */
  load(state: SystemControlState): void {
    this.portA = state.portA;
    this.portB = state.portB;
    this.resetControl = state.resetControl;
  }

  private readPortB(): number {
    const refresh = Math.floor(this.pit.tick / REFRESH_TICKS) % 2 === 1;
    return this.portB | (refresh ? PORT_B_REFRESH : 0) | (this.pit.out(2) ? PORT_B_OUT2 : 0);
  }

  private writePortB(value: number): void {
    this.portB = value & PORT_B_KEPT;
    this.pit.setGate2((value & PORT_B_GATE2) !== 0);
  }

  private writePortA(value: number): void {
    const rising = (value & ~this.portA & PORT_A_RESET) !== 0;
    this.portA = value & ~PORT_A_A20;
    this.a20.set((value & PORT_A_A20) !== 0);
    if (rising) this.requestReset();
  }

  private writeResetControl(value: number): void {
    const rising = (value & ~this.resetControl & RESET_CPU) !== 0;
    this.resetControl = value & RESET_KEPT;
    if (rising) this.requestReset();
  }
}
