// An AT/PS2 keyboard: scan code sets 1 and 2, commands, a 16-byte buffer, and a typist that presses keys at a human pace.
// Invariant: a key event is queued whole or replaced by the overrun code; replies to commands never wait behind key events; the
// typist presses the next key only when the guest has taken every byte of the one before, so typed text is never lost to a full
// buffer. Keys do not repeat while held.
// Specified in the IBM PS/2 technical reference, "Keyboard"; set 3 is refused with RESEND, as many keyboards do.

import type { Clock, TimerHandle, Timers } from "./clock.js";
import type { Device } from "./device.js";
import { type Ps2Device, Ps2Reply } from "./ps2-device.js";
import { keyForCharacter, keyNamed, ScanCodeTranslator, set2Bytes } from "./scan-codes.js";

/** State of the keyboard. */
export type Ps2KeyboardState = {
  replies: number[];
  events: number[];
  scanning: boolean;
  set: number;
  leds: number;
  rate: number;
  command: number;
  lastSent: number;
  typing: { key: string; down: boolean }[];
  typeAt: number;
};

const BUFFER_BYTES = 16;
/** Sent in place of an event that did not fit, in set 2 and set 1. */
const OVERRUN_SET2 = 0x00;
const OVERRUN_SET1 = 0xff;
const DEFAULT_RATE = 0x2b;
const ID = [0xab, 0x83];
const ECHO = 0xee;
const NO_COMMAND = 0;
/** Virtual time between the key events of typed text: 1/200 s, faster than people, slow enough for interrupt handlers. */
const TYPING_EVENTS_PER_SECOND = 200;

const Command = {
  SET_LEDS: 0xed,
  ECHO: 0xee,
  SCAN_SET: 0xf0,
  IDENTIFY: 0xf2,
  SET_RATE: 0xf3,
  ENABLE: 0xf4,
  DISABLE: 0xf5,
  SET_DEFAULTS: 0xf6,
  RESEND: 0xfe,
  RESET: 0xff,
} as const;
/** Set key types (all keys 0xF7–0xFA, one key 0xFB–0xFD): accepted, without effect in sets 1 and 2. */
const FIRST_KEY_TYPE = 0xf7;
const FIRST_ONE_KEY_TYPE = 0xfb;
const LAST_KEY_TYPE = 0xfd;

/** The keyboard. */
export class Ps2Keyboard implements Ps2Device, Device<Ps2KeyboardState> {
  onByte: (() => void) | undefined;
  private readonly clock: Clock;
  private readonly timers: Timers;
  private s: Ps2KeyboardState = powerOn();
  private deadline: TimerHandle | undefined;

  constructor(clock: Clock, timers: Timers) {
    this.clock = clock;
    this.timers = timers;
  }

  /** Lights the guest has switched on: bit 0 scroll lock, 1 num lock, 2 caps lock. */
  get leds(): number {
    return this.s.leds;
  }

  /** True when no key waits to be pressed and no byte waits to be taken. */
  get idle(): boolean {
    return this.s.typing.length === 0 && !this.hasByte;
  }

  get hasByte(): boolean {
    return this.s.replies.length > 0 || this.s.events.length > 0;
  }

  takeByte(): number {
    const s = this.s;
    const byte = s.replies.shift() ?? s.events.shift() ?? 0;
    s.lastSent = byte;
    this.scheduleTyping();
    return byte;
  }

  /**
   * Moves one key at once. Throws RangeError for an unknown key.
   * Nothing is sent while the guest has disabled scanning.
   */
  setKey(name: string, down: boolean): void {
    const key = keyNamed(name);
    if (key === undefined) throw new RangeError(`expected the name of a key, found "${name}"`);
    const s = this.s;
    if (!s.scanning) return;
    let bytes = set2Bytes(key, down);
    if (s.set === 1) {
      const translator = new ScanCodeTranslator();
      bytes = bytes.map((byte) => translator.translate(byte)).filter((byte) => byte !== undefined);
    }
    if (bytes.length === 0) return;
    const overrun = s.set === 1 ? OVERRUN_SET1 : OVERRUN_SET2;
    if (s.events.length + bytes.length <= BUFFER_BYTES) s.events.push(...bytes);
    else if (s.events[s.events.length - 1] !== overrun) s.events.push(overrun);
    this.onByte?.();
  }

  /**
   * Queues key strokes for the typist: a key ("a", "enter", "f1") or a chord ("ctrl+alt+delete", pressed left to right and
   * released right to left); a shifted character ("?") brings its shift key. Throws RangeError for an unknown key.
   */
  press(chord: string): void {
    const names = chord.split(/(?<=.)\+(?=.)/);
    const keys: string[] = [];
    for (const name of names) {
      const typed = keyNamed(name) === undefined ? keyForCharacter(name) : undefined;
      const key = typed?.key ?? keyNamed(name);
      if (key === undefined) throw new RangeError(`expected the name of a key, found "${name}" in "${chord}"`);
      if (typed?.shift && !keys.includes("shift")) keys.push("shift");
      keys.push(key);
    }
    for (const key of keys) this.s.typing.push({ key, down: true });
    for (const key of keys.reverse()) this.s.typing.push({ key, down: false });
    this.scheduleTyping();
  }

  /** Queues the key strokes that type `text` on a US layout ("\n" is enter). Throws RangeError for a character without a key; then nothing is typed. */
  type(text: string): void {
    const strokes = [...text].map((character) => {
      const stroke = keyForCharacter(character);
      if (stroke !== undefined) return stroke;
      throw new RangeError(`expected text a US keyboard can type, found ${JSON.stringify(character)}`);
    });
    for (const { key, shift } of strokes) {
      if (shift) this.s.typing.push({ key: "shift", down: true });
      this.s.typing.push({ key, down: true }, { key, down: false });
      if (shift) this.s.typing.push({ key: "shift", down: false });
    }
    this.scheduleTyping();
  }

  receive(byte: number): void {
    const s = this.s;
    if (s.command !== NO_COMMAND && byte < Command.SET_LEDS) this.receiveParameter(byte);
    else this.receiveCommand(byte);
    if (s.replies.length > 0) this.onByte?.();
  }

  /** Power-on: set 2, scanning, nothing queued; strokes the typist still has are kept. */
  reset(): void {
    this.s = { ...powerOn(), typing: this.s.typing, typeAt: this.s.typeAt };
    this.scheduleTyping();
  }

  save(): Ps2KeyboardState {
    return structuredCopy(this.s);
  }

  load(state: Ps2KeyboardState): void {
    this.s = structuredCopy(state);
    this.scheduleTyping();
  }

  private receiveCommand(byte: number): void {
    const s = this.s;
    s.command = NO_COMMAND;
    s.replies = [];
    switch (byte) {
      case Command.SET_LEDS:
      case Command.SCAN_SET:
      case Command.SET_RATE:
        s.command = byte;
        s.replies.push(Ps2Reply.ACKNOWLEDGE);
        break;
      case Command.ECHO:
        s.replies.push(ECHO);
        break;
      case Command.IDENTIFY:
        s.replies.push(Ps2Reply.ACKNOWLEDGE, ...ID);
        break;
      case Command.ENABLE:
        s.events = [];
        s.scanning = true;
        s.replies.push(Ps2Reply.ACKNOWLEDGE);
        break;
      case Command.DISABLE:
      case Command.SET_DEFAULTS:
        this.setDefaults();
        s.scanning = byte === Command.SET_DEFAULTS;
        s.replies.push(Ps2Reply.ACKNOWLEDGE);
        break;
      case Command.RESEND:
        s.replies.push(s.lastSent);
        break;
      case Command.RESET:
        this.setDefaults();
        s.scanning = true;
        s.replies.push(Ps2Reply.ACKNOWLEDGE, Ps2Reply.SELF_TEST_PASSED);
        break;
      default:
        if (byte >= FIRST_KEY_TYPE && byte <= LAST_KEY_TYPE) {
          if (byte >= FIRST_ONE_KEY_TYPE) s.command = byte;
          s.replies.push(Ps2Reply.ACKNOWLEDGE);
        } else {
          s.replies.push(Ps2Reply.RESEND);
        }
    }
  }

  private receiveParameter(byte: number): void {
    const s = this.s;
    const { command } = s;
    s.command = NO_COMMAND;
    s.replies = [Ps2Reply.ACKNOWLEDGE];
    if (command === Command.SET_LEDS) s.leds = byte & 7;
    else if (command === Command.SET_RATE) s.rate = byte & 0x7f;
    else if (command === Command.SCAN_SET) {
      if (byte === 0) s.replies.push(s.set);
      else if (byte === 1 || byte === 2) s.set = byte;
      else s.replies = [Ps2Reply.RESEND];
    }
  }

  private setDefaults(): void {
    const s = this.s;
    s.events = [];
    s.set = 2;
    s.leds = 0;
    s.rate = DEFAULT_RATE;
  }

  /** Sets the typist's next deadline, once the guest has taken everything sent so far. */
  private scheduleTyping(): void {
    const s = this.s;
    if (s.typing.length === 0 || s.events.length > 0) {
      this.timers.cancel(this.deadline);
      this.deadline = undefined;
      return;
    }
    this.timers.cancel(this.deadline);
    this.deadline = this.timers.at(Math.max(s.typeAt, this.clock.now()), (time) => {
      this.deadline = undefined;
      const stroke = s === this.s ? s.typing.shift() : undefined;
      if (stroke === undefined) return;
      s.typeAt = time + Math.ceil(this.clock.hz / TYPING_EVENTS_PER_SECOND);
      this.setKey(stroke.key, stroke.down);
      this.scheduleTyping();
    });
  }
}

function structuredCopy(state: Ps2KeyboardState): Ps2KeyboardState {
  return {
    ...state,
    replies: [...state.replies],
    events: [...state.events],
    typing: state.typing.map(({ key, down }) => ({ key, down })),
  };
}

function powerOn(): Ps2KeyboardState {
  return {
    replies: [],
    events: [],
    scanning: true,
    set: 2,
    leds: 0,
    rate: DEFAULT_RATE,
    command: NO_COMMAND,
    lastSent: 0,
    typing: [],
    typeAt: 0,
  };
}
