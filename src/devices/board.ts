// The mainboard: every device, its ports and its wires.
// Invariant: devices reach the rest of the machine only through `BoardOptions`; the state of the board is a function of its
// options, virtual time, the accesses the guest made and the input the host gave.
// Specified by the IBM PC/AT technical reference; docs/devices.md lists what differs.

import { Bus } from "./bus.js";
import type { Clock, Timers } from "./clock.js";
import { attachDebugExit, attachPowerOff, DebugConsole, PostCodes, type PostCodesState } from "./debug-ports.js";
import type { Device } from "./device.js";
import { Dma, type DmaState } from "./dma.js";
import { KeyboardController, type KeyboardControllerState } from "./keyboard-controller.js";
import { Markers, type SectionMark } from "./markers.js";
import { PicPair, type PicPairState } from "./pic-pair.js";
import { Pit, type PitState } from "./pit.js";
import { Rtc, type RtcState } from "./rtc.js";
import { Screen, type ScreenState } from "./screen.js";
import { A20Gate, SystemControl, type SystemControlState } from "./system-control.js";
import { Uart, type UartState } from "./uart.js";

/** Why the guest asked to end. */
export type ExitSource = "isa-debug-exit" | "power-off";

/** Everything a board needs from the machine it sits in. */
export interface BoardOptions {
  /** Guest RAM in bytes; firmware reads it from CMOS. */
  readonly ramBytes: number;
  readonly clock: Clock;
  readonly timers: Timers;
  /** Drives the CPU's INTR pin; called only when the level changes. */
  setInterruptLine(level: boolean): void;
  /** Pulses the CPU's NMI pin. */
  raiseNmi?(): void;
  /** Opens (true) or closes the A20 gate; it is open at power-on. */
  setA20(enabled: boolean): void;
  /** The guest asked for a reset (8042, port 0x92 or 0xCF9): reset the CPU and call `Board.reset`. */
  requestReset(): void;
  /** The guest asked to end: (v << 1) | 1 from isa-debug-exit, 0 from power-off. */
  requestExit(code: number, source: ExitSource): void;
  /** A deadline has become earlier: whoever runs the CPU up to the old one must look again. */
  rescheduled?(): void;
  /** First of the four ports of isa-debug-exit; default 0xF4. */
  readonly debugExitPort?: number;
  /** The guest marked the begin or end of a section; without it the marker ports are as any others nobody owns. */
  onMark?(mark: SectionMark): void;
  /** Date the real-time clock shows at power-on, UTC; default 2026-01-01T00:00:00Z. */
  readonly rtcTime?: Date | number | string;
}

/** Snapshot of every device as plain data. */
export type BoardState = {
  pic: PicPairState;
  pit: PitState;
  rtc: RtcState;
  a20: boolean;
  systemControl: SystemControlState;
  keyboard: KeyboardControllerState;
  uarts: UartState[];
  screen: ScreenState;
  dma: DmaState;
  post: PostCodesState;
};

/** Serial ports by number: 0 is COM1 (0x3F8, IRQ 4), 1 is COM2 (0x2F8, IRQ 3). */
export interface SerialPorts {
  /** Calls `listener` with each byte the guest sends on `port`, in place of an earlier listener. */
  onOutput(port: 0 | 1, listener: (byte: number) => void): void;
  /** Sends bytes to the guest; they arrive at the programmed baud rate once the guest listens. */
  send(port: 0 | 1, bytes: Iterable<number>): void;
  /** Sends a break condition. */
  sendBreak(port: 0 | 1): void;
}

const DEFAULT_RTC_TIME = "2026-01-01T00:00:00Z";
const DEFAULT_DEBUG_EXIT_PORT = 0xf4;
const UART_PORTS = [
  { name: "serial port 1", first: 0x3f8, irq: 4 },
  { name: "serial port 2", first: 0x2f8, irq: 3 },
] as const;

/** What firmware writes: timer, serial lines, then the interrupt controllers (edge-triggered, vectors from 0x08 and 0x70). */
const FIRMWARE_WRITES: readonly (readonly [port: number, value: number])[] = [
  // Channel 0: 18.2 Hz; channel 1: refresh.
  [0x43, 0x34],
  [0x40, 0x00],
  [0x40, 0x00],
  [0x43, 0x54],
  [0x41, 0x12],
  // Serial lines: eight bits, no parity, one stop bit.
  [0x3fb, 0x03],
  [0x2fb, 0x03],
  [0x20, 0x11],
  [0xa0, 0x11],
  [0x21, 0x08],
  [0xa1, 0x70],
  [0x21, 0x04],
  [0xa1, 0x02],
  [0x21, 0x01],
  [0xa1, 0x01],
  // Timer, keyboard, cascade and floppy requests enabled; of the slave the clock and the mouse.
  [0x21, 0xb8],
  [0xa1, 0x8e],
];

/** The devices of a PC/AT. */
export class Board implements Device<BoardState> {
  readonly bus = new Bus();
  readonly pic: PicPair;
  readonly pit: Pit;
  readonly rtc: Rtc;
  readonly keyboard: KeyboardController;
  readonly uarts: readonly [Uart, Uart];
  readonly screen: Screen;
  readonly dma = new Dma();
  readonly a20: A20Gate;
  readonly systemControl: SystemControl;
  /** Debug console at port 0xE9. */
  readonly debugConsole = new DebugConsole();
  /** Firmware's debug console at port 0x402. */
  readonly firmwareConsole = new DebugConsole();
  readonly post = new PostCodes();
  readonly serial: SerialPorts;
  private readonly markers: Markers | undefined;
  private readonly options: BoardOptions;

  /** Throws Error when `debugExitPort` collides with a device, RangeError for an invalid date or clock rate. */
  constructor(options: BoardOptions) {
    const { clock, timers } = options;
    this.options = options;
    const start = new Date(options.rtcTime ?? DEFAULT_RTC_TIME);
    if (Number.isNaN(start.getTime())) {
      throw new RangeError(`expected a date for the real-time clock, found ${String(options.rtcTime)}`);
    }
    if (options.rescheduled !== undefined) timers.onEarlier = () => options.rescheduled?.();
    this.pic = new PicPair((level) => options.setInterruptLine(level));
    const irq = (number: number) => (level: boolean) => this.pic.setIrq(number, level);
    const reset = (): void => options.requestReset();
    this.pit = new Pit(clock, timers, irq(0));
    this.rtc = new Rtc(clock, timers, irq(8), { ramBytes: options.ramBytes, start });
    this.a20 = new A20Gate((enabled) => options.setA20(enabled));
    this.systemControl = new SystemControl(this.pit, this.a20, reset);
    this.keyboard = new KeyboardController(clock, timers, this.a20, {
      irq1: irq(1),
      irq12: irq(12),
      requestReset: reset,
    });
    this.uarts = [new Uart(clock, timers, irq(UART_PORTS[0].irq)), new Uart(clock, timers, irq(UART_PORTS[1].irq))];
    this.screen = new Screen(clock);
    this.markers = options.onMark === undefined ? undefined : new Markers((mark) => options.onMark?.(mark));
    this.serial = {
      onOutput: (port, listener) => {
        this.uarts[port].onOutput = listener;
      },
      send: (port, bytes) => this.uarts[port].send(bytes),
      sendBreak: (port) => this.uarts[port].sendBreak(),
    };
    this.attach();
  }

  /** The INTA cycle: vector of the interrupt the CPU now takes. */
  acknowledgeInterrupt(): number {
    return this.pic.acknowledge();
  }

  /** The RESET line of the board. CMOS memory, the date and input the host has not delivered stay. */
  reset(): void {
    this.pic.reset();
    this.pit.reset();
    this.rtc.reset();
    this.a20.reset();
    this.systemControl.reset();
    this.keyboard.reset();
    for (const uart of this.uarts) uart.reset();
    this.screen.reset();
    this.dma.reset();
    this.post.reset();
    this.markers?.reset();
  }

  /**
   * Brings the devices to the state PC firmware leaves them in, for an image that is started without firmware: interrupt
   * controllers at vectors 0x08 and 0x70, channel 0 of the timer at 18.2 Hz, keyboard on and translated, serial lines 8N1.
   */
  applyFirmwareState(): void {
    for (const [port, value] of FIRMWARE_WRITES) this.bus.portWrite(port, 1, value);
    this.keyboard.applyFirmwareState();
    this.dma.applyFirmwareState();
  }

  /** Raises a non-maskable interrupt unless port 0x70 bit 7 masks it; returns whether it was raised. */
  raiseNmi(): boolean {
    if (this.rtc.nmiMasked || this.options.raiseNmi === undefined) return false;
    this.options.raiseNmi();
    return true;
  }

  /** The text screen as 25 lines of Unicode without trailing blanks; `memory` is what the guest has in text memory. */
  screenText(memory: Uint8Array): string[] {
    return this.screen.text(memory);
  }

  /** Presses and releases a key ("a", "enter", "f1", "?") or a chord ("ctrl+alt+delete"), after the keys pressed before. Throws RangeError for an unknown key. */
  pressKey(chord: string): void {
    this.keyboard.keyboard.press(chord);
  }

  /** Moves one key down or up at once. Throws RangeError for an unknown key. */
  setKey(key: string, down: boolean): void {
    this.keyboard.keyboard.setKey(key, down);
  }

  /** Types text on a US keyboard, after the keys pressed before. Throws RangeError for a character without a key. */
  typeText(text: string): void {
    this.keyboard.keyboard.type(text);
  }

  /** Snapshot of every device, for hashing or for `load`. */
  save(): BoardState {
    return {
      pic: this.pic.save(),
      pit: this.pit.save(),
      rtc: this.rtc.save(),
      a20: this.a20.save(),
      systemControl: this.systemControl.save(),
      keyboard: this.keyboard.save(),
      uarts: this.uarts.map((uart) => uart.save()),
      screen: this.screen.save(),
      dma: this.dma.save(),
      post: this.post.save(),
    };
  }

  /** Takes a snapshot; the clock must show the time at which it was made. */
  load(state: BoardState): void {
    this.pit.load(state.pit);
    this.rtc.load(state.rtc);
    this.a20.load(state.a20);
    this.systemControl.load(state.systemControl);
    this.keyboard.load(state.keyboard);
    this.uarts.forEach((uart, port) => {
      uart.load(state.uarts[port]);
    });
    this.screen.load(state.screen);
    this.dma.load(state.dma);
    this.post.load(state.post);
    // Last: the devices have driven their lines, but which edges are still pending only the controllers' own state says.
    this.pic.load(state.pic);
  }

  private attach(): void {
    const { bus, options } = this;
    this.pic.attach(bus);
    this.pit.attach(bus);
    this.rtc.attach(bus);
    this.systemControl.attach(bus);
    this.keyboard.attach(bus);
    UART_PORTS.forEach(({ name, first }, port) => {
      this.uarts[port].attach(bus, name, first);
    });
    this.screen.attach(bus);
    this.dma.attach(bus);
    this.debugConsole.attach(bus, "debug console", 0xe9);
    this.firmwareConsole.attach(bus, "firmware debug console", 0x402);
    this.post.attach(bus);
    this.markers?.attach(bus);
    attachDebugExit(bus, options.debugExitPort ?? DEFAULT_DEBUG_EXIT_PORT, (code) =>
      options.requestExit(code, "isa-debug-exit"),
    );
    attachPowerOff(bus, () => options.requestExit(0, "power-off"));
  }
}
