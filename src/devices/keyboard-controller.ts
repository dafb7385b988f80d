// The 8042 keyboard controller of a PC/AT at ports 0x60 and 0x64, with a keyboard on IRQ 1 and a PS/2 mouse on IRQ 12.
// Invariant: the output buffer holds one byte and is never overwritten; replies of the controller itself come before bytes of
// the devices. Commands take no time, the first reply of a device included. After the guest has read a byte, the next one of a
// device follows a serial byte's time later, so a handler that reads port 0x60 twice sees the same byte twice, as on hardware.
// Specified in the IBM PC/AT and PS/2 technical references, "Keyboard Controller".

import type { Bus } from "./bus.js";
import type { Clock, TimerHandle, Timers } from "./clock.js";
import type { Device, Line } from "./device.js";
import type { Ps2Device } from "./ps2-device.js";
import { Ps2Keyboard, type Ps2KeyboardState } from "./ps2-keyboard.js";
import { Ps2Mouse, type Ps2MouseState } from "./ps2-mouse.js";
import { ScanCodeTranslator } from "./scan-codes.js";
import type { A20Gate } from "./system-control.js";

/** State of the controller and of both devices. */
export type KeyboardControllerState = {
  ram: number[];
  lastWasCommand: boolean;
  pending: number;
  full: boolean;
  data: number;
  source: number;
  replies: { byte: number; source: number }[];
  breakSeen: boolean;
  deviceReadyAt: number;
  keyboard: Ps2KeyboardState;
  mouse: Ps2MouseState;
};

/** Status register, port 0x64. */
const STATUS_OUTPUT_FULL = 0x01;
const STATUS_SYSTEM = 0x04;
const STATUS_COMMAND = 0x08;
const STATUS_NOT_LOCKED = 0x10;
const STATUS_AUX_DATA = 0x20;
/** Command byte: RAM byte 0 of the controller. */
const CB_KEYBOARD_IRQ = 0x01;
const CB_AUX_IRQ = 0x02;
const CB_SYSTEM = 0x04;
const CB_KEYBOARD_OFF = 0x10;
const CB_AUX_OFF = 0x20;
const CB_TRANSLATE = 0x40;
/** Output port (commands D0, D1): reset line (low active), A20, buffer-full lines; the rest reads as ones. */
const OUT_NO_RESET = 0x01;
const OUT_A20 = 0x02;
const OUT_KEYBOARD_FULL = 0x10;
const OUT_AUX_FULL = 0x20;
const OUT_FIXED = 0xcc;
/** Input port (command C0): keyboard not locked, manufacturing jumper not installed, colour display. */
const INPUT_PORT = 0xa0;

const SELF_TEST_PASSED = 0x55;
const LINE_TEST_PASSED = 0x00;
const NO_PASSWORD = 0xf1;

/** Where a byte in the output buffer came from. */
const Source = { CONTROLLER: 0, KEYBOARD: 1, AUX: 2 } as const;

const Command = {
  READ_RAM: 0x20,
  READ_RAM_LAST: 0x3f,
  WRITE_RAM: 0x60,
  WRITE_RAM_LAST: 0x7f,
  TEST_PASSWORD: 0xa4,
  AUX_OFF: 0xa7,
  AUX_ON: 0xa8,
  TEST_AUX_LINE: 0xa9,
  SELF_TEST: 0xaa,
  TEST_KEYBOARD_LINE: 0xab,
  KEYBOARD_OFF: 0xad,
  KEYBOARD_ON: 0xae,
  READ_INPUT_PORT: 0xc0,
  READ_OUTPUT_PORT: 0xd0,
  WRITE_OUTPUT_PORT: 0xd1,
  WRITE_KEYBOARD_BUFFER: 0xd2,
  WRITE_AUX_BUFFER: 0xd3,
  WRITE_AUX_DEVICE: 0xd4,
  A20_OFF: 0xdd,
  A20_ON: 0xdf,
  READ_TEST_INPUTS: 0xe0,
  PULSE: 0xf0,
} as const;
const NO_COMMAND = 0;
/** A device's byte takes a ten-thousandth of a second to follow the one before. */
const DEVICE_BYTES_PER_SECOND = 10_000;

/** The controller with its keyboard and mouse. */
export class KeyboardController implements Device<KeyboardControllerState> {
  readonly keyboard: Ps2Keyboard;
  readonly mouse = new Ps2Mouse();
  private readonly clock: Clock;
  private readonly timers: Timers;
  private readonly a20: A20Gate;
  private readonly onIrq1: Line;
  private readonly onIrq12: Line;
  private readonly requestReset: () => void;
  private readonly translator = new ScanCodeTranslator();
  private s = powerOn();
  private deadline: TimerHandle | undefined;

  /** The lines drive IRQ 1 and IRQ 12; `requestReset` is called when the guest pulses the reset line. */
  constructor(
    clock: Clock,
    timers: Timers,
    a20: A20Gate,
    lines: { irq1: Line; irq12: Line; requestReset: () => void },
  ) {
    this.clock = clock;
    this.timers = timers;
    this.a20 = a20;
    this.onIrq1 = lines.irq1;
    this.onIrq12 = lines.irq12;
    this.requestReset = lines.requestReset;
    this.keyboard = new Ps2Keyboard(clock, timers);
    this.keyboard.onByte = () => this.pump();
    this.mouse.onByte = () => this.pump();
  }

  /** Maps ports 0x60 and 0x64. */
  attach(bus: Bus): void {
    bus.mapPorts("keyboard controller data", 0x60, 0x60, {
      read: () => this.readData(),
      write: (_port, _size, value) => this.writeData(value),
    });
    bus.mapPorts("keyboard controller command", 0x64, 0x64, {
      read: () => this.readStatus(),
      write: (_port, _size, value) => this.writeCommand(value),
    });
  }

  /** Brings the controller to the state firmware leaves: keyboard on, translated, IRQ 1 enabled, mouse off, self-test passed. */
  applyFirmwareState(): void {
    this.setCommandByte(CB_KEYBOARD_IRQ | CB_SYSTEM | CB_AUX_OFF | CB_TRANSLATE);
  }

  /** Power-on: both interfaces off, translation on, buffers empty. */
  reset(): void {
    this.s = powerOn();
    this.translator.breakSeen = false;
    this.keyboard.reset();
    this.mouse.reset();
    this.pump();
  }

  save(): KeyboardControllerState {
    const { s } = this;
    return {
      ...s,
      ram: [...s.ram],
      replies: s.replies.map((reply) => ({ ...reply })),
      breakSeen: this.translator.breakSeen,
      keyboard: this.keyboard.save(),
      mouse: this.mouse.save(),
    };
  }

  load(state: KeyboardControllerState): void {
    const { keyboard, mouse, breakSeen, ...own } = state;
    this.s = { ...own, ram: [...own.ram], replies: own.replies.map((reply) => ({ ...reply })) };
    this.translator.breakSeen = breakSeen;
    this.keyboard.load(keyboard);
    this.mouse.load(mouse);
    this.pump();
  }

  private get commandByte(): number {
    return this.s.ram[0];
  }

  private setCommandByte(value: number): void {
    this.s.ram[0] = value;
    this.pump();
  }

  private readStatus(): number {
    const { s } = this;
    return (
      (s.full ? STATUS_OUTPUT_FULL : 0) |
      ((this.commandByte & CB_SYSTEM) !== 0 ? STATUS_SYSTEM : 0) |
      (s.lastWasCommand ? STATUS_COMMAND : 0) |
      STATUS_NOT_LOCKED |
      (s.full && s.source === Source.AUX ? STATUS_AUX_DATA : 0)
    );
  }

  /** Reads the output buffer; when it is empty, the byte read last again. */
  private readData(): number {
    const { s } = this;
    const byte = s.data;
    if (s.full) {
      s.full = false;
      if (s.source !== Source.CONTROLLER) {
        s.deviceReadyAt = this.clock.now() + Math.ceil(this.clock.hz / DEVICE_BYTES_PER_SECOND);
      }
      this.driveIrqs();
      this.pump();
    }
    return byte;
  }

  private writeData(value: number): void {
    const { s } = this;
    const command = s.pending;
    s.pending = NO_COMMAND;
    s.lastWasCommand = false;
    if (command === NO_COMMAND) {
      // Sending to the keyboard switches its clock line on again.
      s.ram[0] &= ~CB_KEYBOARD_OFF;
      this.sendTo(this.keyboard, value);
    } else if (command <= Command.WRITE_RAM_LAST) {
      const address = command - Command.WRITE_RAM;
      if (address === 0) this.setCommandByte(value);
      else s.ram[address] = value;
    } else if (command === Command.WRITE_OUTPUT_PORT) {
      this.a20.set((value & OUT_A20) !== 0);
      if ((value & OUT_NO_RESET) === 0) this.requestReset();
    } else if (command === Command.WRITE_KEYBOARD_BUFFER) {
      this.reply(value, Source.KEYBOARD);
    } else if (command === Command.WRITE_AUX_BUFFER) {
      this.reply(value, Source.AUX);
    } else {
      s.ram[0] &= ~CB_AUX_OFF;
      this.sendTo(this.mouse, value);
    }
  }

  private writeCommand(value: number): void {
    const { s } = this;
    s.lastWasCommand = true;
    s.pending = NO_COMMAND;
    if (value >= Command.READ_RAM && value <= Command.READ_RAM_LAST) {
      this.reply(s.ram[value - Command.READ_RAM]);
      return;
    }
    if (value >= Command.WRITE_RAM && value <= Command.WRITE_RAM_LAST) {
      s.pending = value;
      return;
    }
    switch (value) {
      case Command.TEST_PASSWORD:
        this.reply(NO_PASSWORD);
        break;
      case Command.AUX_OFF:
        this.setCommandByte(this.commandByte | CB_AUX_OFF);
        break;
      case Command.AUX_ON:
        this.setCommandByte(this.commandByte & ~CB_AUX_OFF);
        break;
      case Command.TEST_AUX_LINE:
      case Command.TEST_KEYBOARD_LINE:
        this.reply(LINE_TEST_PASSED);
        break;
      case Command.SELF_TEST:
        s.ram[0] |= CB_SYSTEM;
        this.reply(SELF_TEST_PASSED);
        break;
      case Command.KEYBOARD_OFF:
        this.setCommandByte(this.commandByte | CB_KEYBOARD_OFF);
        break;
      case Command.KEYBOARD_ON:
        this.setCommandByte(this.commandByte & ~CB_KEYBOARD_OFF);
        break;
      case Command.READ_INPUT_PORT:
        this.reply(INPUT_PORT);
        break;
      case Command.READ_OUTPUT_PORT:
        this.reply(this.outputPort());
        break;
      case Command.WRITE_OUTPUT_PORT:
      case Command.WRITE_KEYBOARD_BUFFER:
      case Command.WRITE_AUX_BUFFER:
      case Command.WRITE_AUX_DEVICE:
        s.pending = value;
        break;
      case Command.A20_OFF:
      case Command.A20_ON:
        this.a20.set(value === Command.A20_ON);
        break;
      case Command.READ_TEST_INPUTS:
        this.reply(0);
        break;
      default:
        // F0–FF pulse the output port lines whose bit is 0; line 0 is the CPU's reset.
        if (value >= Command.PULSE && (value & OUT_NO_RESET) === 0) this.requestReset();
    }
  }

  /** Sends a byte to a device; its first reply byte is there at once, for drivers that do not wait. */
  private sendTo(device: Ps2Device, value: number): void {
    this.s.deviceReadyAt = 0;
    device.receive(value);
    this.pump();
  }

  private outputPort(): number {
    const { s } = this;
    const full = !s.full ? 0 : s.source === Source.AUX ? OUT_AUX_FULL : OUT_KEYBOARD_FULL;
    return OUT_FIXED | OUT_NO_RESET | (this.a20.enabled ? OUT_A20 : 0) | full;
  }

  private reply(byte: number, source: number = Source.CONTROLLER): void {
    this.s.replies.push({ byte, source });
    this.pump();
  }

  /** Fills the output buffer with the next byte there is, and drives the interrupt lines. */
  private pump(): void {
    const { s } = this;
    if (!s.full) {
      const reply = s.replies.shift();
      if (reply !== undefined) this.fill(reply.byte, reply.source);
      else this.pumpDevices();
    }
    this.driveIrqs();
  }

  private pumpDevices(): void {
    const { s } = this;
    const keyboardReady = (): boolean => this.keyboard.hasByte && (this.commandByte & CB_KEYBOARD_OFF) === 0;
    const mouseReady = this.mouse.hasByte && (this.commandByte & CB_AUX_OFF) === 0;
    if (!keyboardReady() && !mouseReady) return;
    if (this.clock.now() < s.deviceReadyAt) {
      this.timers.cancel(this.deadline);
      this.deadline = this.timers.at(s.deviceReadyAt, () => this.pump());
      return;
    }
    while (keyboardReady()) {
      const byte = this.take(this.keyboard);
      if (byte === undefined) continue;
      this.fill(byte, Source.KEYBOARD);
      return;
    }
    if (mouseReady) this.fill(this.mouse.takeByte(), Source.AUX);
  }

  /** The keyboard's next byte, translated if the command byte says so; undefined when translation swallowed it. */
  private take(keyboard: Ps2Device): number | undefined {
    const byte = keyboard.takeByte();
    return (this.commandByte & CB_TRANSLATE) !== 0 ? this.translator.translate(byte) : byte;
  }

  private fill(byte: number, source: number): void {
    this.s.data = byte;
    this.s.source = source;
    this.s.full = true;
  }

  private driveIrqs(): void {
    const { s } = this;
    const aux = s.source === Source.AUX;
    this.onIrq1(s.full && !aux && (this.commandByte & CB_KEYBOARD_IRQ) !== 0);
    this.onIrq12(s.full && aux && (this.commandByte & CB_AUX_IRQ) !== 0);
  }
}

type OwnState = Omit<KeyboardControllerState, "keyboard" | "mouse" | "breakSeen">;

function powerOn(): OwnState {
  const ram = new Array<number>(32).fill(0);
  ram[0] = CB_KEYBOARD_OFF | CB_AUX_OFF | CB_TRANSLATE;
  return {
    ram,
    lastWasCommand: false,
    pending: NO_COMMAND,
    full: false,
    data: 0,
    source: Source.CONTROLLER,
    replies: [],
    deviceReadyAt: 0,
  };
}
