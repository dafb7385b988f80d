// A standard three-button PS/2 mouse (identity 0): commands, stream and remote mode, three-byte packets.
// Invariant: movement is gathered until a packet can be queued whole; at most a few packets wait.
// Specified in the IBM PS/2 technical reference, "Mouse".

import type { Device } from "./device.js";
import { type Ps2Device, Ps2Reply } from "./ps2-device.js";

/** State of the mouse. */
export type Ps2MouseState = {
  replies: number[];
  packets: number[];
  reporting: boolean;
  remote: boolean;
  wrap: boolean;
  doubled: boolean;
  resolution: number;
  rate: number;
  command: number;
  lastSent: number;
  dx: number;
  dy: number;
  buttons: number;
};

const PACKET_BYTES = 3;
const MAX_PACKETS = 8;
const NO_COMMAND = 0;
/** Status byte. */
const STATUS_REMOTE = 0x40;
const STATUS_REPORTING = 0x20;
const STATUS_DOUBLED = 0x10;
/** First packet byte. */
const PACKET_ALWAYS = 0x08;
const PACKET_X_SIGN = 0x10;
const PACKET_Y_SIGN = 0x20;

const Command = {
  SCALE_1: 0xe6,
  SCALE_2: 0xe7,
  SET_RESOLUTION: 0xe8,
  STATUS: 0xe9,
  STREAM: 0xea,
  READ_DATA: 0xeb,
  END_WRAP: 0xec,
  WRAP: 0xee,
  REMOTE: 0xf0,
  IDENTIFY: 0xf2,
  SET_RATE: 0xf3,
  ENABLE: 0xf4,
  DISABLE: 0xf5,
  SET_DEFAULTS: 0xf6,
  RESEND: 0xfe,
  RESET: 0xff,
} as const;

/** The mouse. */
export class Ps2Mouse implements Ps2Device, Device<Ps2MouseState> {
  onByte: (() => void) | undefined;
  private s: Ps2MouseState = powerOn();

  get hasByte(): boolean {
    return this.s.replies.length > 0 || this.s.packets.length > 0;
  }

  takeByte(): number {
    const s = this.s;
    const byte = s.replies.shift() ?? s.packets.shift() ?? 0;
    s.lastSent = byte;
    this.queuePacket();
    return byte;
  }

  /** Moves the mouse by `dx` to the right and `dy` upwards and sets the buttons (bit 0 left, 1 right, 2 middle). */
  move(dx: number, dy: number, buttons = this.s.buttons): void {
    const s = this.s;
    const pressed = buttons & 7;
    if (dx === 0 && dy === 0 && pressed === s.buttons) return;
    s.dx += Math.trunc(dx);
    s.dy += Math.trunc(dy);
    const clicked = pressed !== s.buttons;
    s.buttons = pressed;
    if (this.queuePacket(clicked)) this.onByte?.();
  }

  receive(byte: number): void {
    const s = this.s;
    if (s.wrap && byte !== Command.RESET && byte !== Command.END_WRAP) s.replies = [byte];
    else if (s.command !== NO_COMMAND) this.receiveParameter(byte);
    else this.receiveCommand(byte);
    if (s.replies.length > 0) this.onByte?.();
  }

  reset(): void {
    this.s = powerOn();
  }

  save(): Ps2MouseState {
    return { ...this.s, replies: [...this.s.replies], packets: [...this.s.packets] };
  }

  load(state: Ps2MouseState): void {
    this.s = { ...state, replies: [...state.replies], packets: [...state.packets] };
  }

  private receiveCommand(byte: number): void {
    const s = this.s;
    s.replies = [Ps2Reply.ACKNOWLEDGE];
    switch (byte) {
      case Command.SCALE_1:
      case Command.SCALE_2:
        s.doubled = byte === Command.SCALE_2;
        break;
      case Command.SET_RESOLUTION:
      case Command.SET_RATE:
        s.command = byte;
        break;
      case Command.STATUS:
        s.replies.push(this.status(), s.resolution, s.rate);
        break;
      case Command.STREAM:
      case Command.REMOTE:
        s.remote = byte === Command.REMOTE;
        s.packets = [];
        break;
      case Command.READ_DATA:
        s.replies.push(...this.packet());
        break;
      case Command.WRAP:
      case Command.END_WRAP:
        s.wrap = byte === Command.WRAP;
        s.packets = [];
        break;
      case Command.IDENTIFY:
        s.replies.push(0);
        break;
      case Command.ENABLE:
      case Command.DISABLE:
        s.reporting = byte === Command.ENABLE;
        s.dx = 0;
        s.dy = 0;
        s.packets = [];
        break;
      case Command.SET_DEFAULTS:
        this.s = { ...powerOn(), replies: s.replies, buttons: s.buttons, lastSent: s.lastSent };
        break;
      case Command.RESEND:
        s.replies = [s.lastSent];
        break;
      case Command.RESET:
        this.s = { ...powerOn(), buttons: s.buttons, lastSent: s.lastSent };
        s.replies = this.s.replies = [Ps2Reply.ACKNOWLEDGE, Ps2Reply.SELF_TEST_PASSED, 0];
        break;
      default:
        s.replies = [Ps2Reply.RESEND];
    }
  }

  private receiveParameter(byte: number): void {
    const s = this.s;
    if (s.command === Command.SET_RATE) s.rate = byte;
    else s.resolution = byte & 3;
    s.command = NO_COMMAND;
    s.replies = [Ps2Reply.ACKNOWLEDGE];
  }

  private status(): number {
    const s = this.s;
    // The status byte has the buttons as middle, right, left from bit 1; a packet has them left first.
    const buttons = ((s.buttons & 1) << 2) | (((s.buttons >> 2) & 1) << 1) | ((s.buttons >> 1) & 1);
    return (
      (s.remote ? STATUS_REMOTE : 0) | (s.reporting ? STATUS_REPORTING : 0) | (s.doubled ? STATUS_DOUBLED : 0) | buttons
    );
  }

  /** The gathered movement as a packet, as much of it as one holds. */
  private packet(): number[] {
    const s = this.s;
    const dx = Math.max(-255, Math.min(255, s.dx));
    const dy = Math.max(-255, Math.min(255, s.dy));
    s.dx -= dx;
    s.dy -= dy;
    const first = PACKET_ALWAYS | s.buttons | (dx < 0 ? PACKET_X_SIGN : 0) | (dy < 0 ? PACKET_Y_SIGN : 0);
    return [first, dx & 0xff, dy & 0xff];
  }

  /** Queues a packet when there is something to tell and room for it. */
  private queuePacket(clicked = false): boolean {
    const s = this.s;
    if (!s.reporting || s.remote || s.wrap) return false;
    if (!clicked && s.dx === 0 && s.dy === 0) return false;
    if (s.packets.length > (MAX_PACKETS - 1) * PACKET_BYTES) return false;
    s.packets.push(...this.packet());
    return true;
  }
}

function powerOn(): Ps2MouseState {
  return {
    replies: [],
    packets: [],
    reporting: false,
    remote: false,
    wrap: false,
    doubled: false,
    resolution: 2,
    rate: 100,
    command: NO_COMMAND,
    lastSent: 0,
    dx: 0,
    dy: 0,
    buttons: 0,
  };
}
