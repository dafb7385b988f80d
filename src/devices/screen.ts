// The register file of a VGA in colour text mode, and the reader that turns the text memory at 0xB8000 into lines.
// Invariant: there are no pixels. Registers keep what is written to them, so that probes, cursor moves and scrolling by start
// address work; the status register's retrace bits follow virtual time. Text memory is plain guest RAM.
// Specified in the IBM VGA technical reference (PS/2 model 50/60/80 display adapter).

import type { Bus } from "./bus.js";
import { type Clock, Rate } from "./clock.js";
import { CP437 } from "./code-page-437.js";
import type { Device } from "./device.js";

/** State of the display registers. */
export type ScreenState = {
  crtc: number[];
  crtcIndex: number;
  attribute: number[];
  attributeIndex: number;
  attributeData: boolean;
  sequencer: number[];
  sequencerIndex: number;
  graphics: number[];
  graphicsIndex: number;
  misc: number;
  feature: number;
  enabled: number;
  palette: number[];
  paletteMask: number;
  paletteRead: number;
  paletteWrite: number;
  paletteReading: boolean;
};

/** Where the cursor stands on the text screen. */
export interface Cursor {
  readonly row: number;
  readonly column: number;
  readonly visible: boolean;
}

/** Text memory: 32 KB at 0xB8000, a character and an attribute byte for each cell. */
export const TEXT_MEMORY = 0xb8000;
/** Size of text memory. */
export const TEXT_BYTES = 0x8000;
const COLUMNS = 80;
const ROWS = 25;

const Crtc = {
  OVERFLOW: 0x07,
  CURSOR_START: 0x0a,
  START_HIGH: 0x0c,
  START_LOW: 0x0d,
  CURSOR_HIGH: 0x0e,
  CURSOR_LOW: 0x0f,
  VERTICAL_RETRACE_END: 0x11,
  OFFSET: 0x13,
} as const;
const CRTC_PROTECT = 0x80;
/** The only bit of the overflow register that protection leaves writable: line compare bit 8. */
const OVERFLOW_LINE_COMPARE = 0x10;
const CURSOR_OFF = 0x20;
/** CRTC registers of the standard 80×25 text mode (mode 3, 400 lines). */
// biome-ignore format: a table
const TEXT_MODE_CRTC = [
  0x5f, 0x4f, 0x50, 0x82, 0x55, 0x81, 0xbf, 0x1f, 0x00, 0x4f, 0x0d, 0x0e, 0x00, 0x00, 0x00, 0x00,
  0x9c, 0x8e, 0x8f, 0x28, 0x1f, 0x96, 0xb9, 0xa3, 0xff,
];
/** Attribute controller: the sixteen EGA colours, mode, overscan, plane enable, panning, colour select. */
// biome-ignore format: a table
const TEXT_MODE_ATTRIBUTE = [
  0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x14, 0x07, 0x38, 0x39, 0x3a, 0x3b, 0x3c, 0x3d, 0x3e, 0x3f, 0x0c, 0x00, 0x0f, 0x08, 0x00,
];
const TEXT_MODE_SEQUENCER = [0x03, 0x00, 0x03, 0x00, 0x02];
const TEXT_MODE_GRAPHICS = [0x00, 0x00, 0x00, 0x00, 0x00, 0x10, 0x0e, 0x00, 0xff];
const TEXT_MODE_MISC = 0x67;
const ATTRIBUTE_INDEX = 0x1f;
const ATTRIBUTE_VIDEO_ON = 0x20;

/** Character clock of the text mode (28.322 MHz / 9) and its timing: 100 characters a line, 449 lines a frame (70 Hz). */
const CHARACTER_HZ = 3_146_889;
const LINE_CHARACTERS = 100;
const FRAME_LINES = 449;
const VISIBLE_LINES = 400;
const RETRACE_FIRST_LINE = 412;
const RETRACE_LAST_LINE = 413;
const STATUS_NOT_DISPLAYING = 0x01;
const STATUS_VERTICAL_RETRACE = 0x08;

/** The display adapter's registers and the text screen. */
export class Screen implements Device<ScreenState> {
  private readonly clock: Clock;
  private readonly rate: Rate;
  private s = powerOn();

  constructor(clock: Clock) {
    this.clock = clock;
    this.rate = new Rate(clock.hz, CHARACTER_HZ);
  }

  /** Maps 0x3C0–0x3CF, 0x3D4–0x3D5 and 0x3DA; the monochrome addresses stay empty. */
  attach(bus: Bus): void {
    const handler = {
      read: (port: number) => this.readPort(port),
      write: (port: number, _size: number, value: number) => this.writePort(port, value),
    };
    bus.mapPorts("VGA", 0x3c0, 0x3cf, handler);
    bus.mapPorts("CRT controller", 0x3d4, 0x3d5, handler);
    bus.mapPorts("VGA status", 0x3da, 0x3da, handler);
  }

  /** The text screen as 25 lines of Unicode, without trailing blanks; honours the CRTC's start address and line length. */
  text(memory: Uint8Array): string[] {
    const { crtc } = this.s;
    const start = ((crtc[Crtc.START_HIGH] << 8) | crtc[Crtc.START_LOW]) * 2;
    const pitch = crtc[Crtc.OFFSET] === 0 ? COLUMNS * 2 : crtc[Crtc.OFFSET] * 4;
    return Array.from({ length: ROWS }, (_, row) => {
      let line = "";
      for (let column = 0; column < COLUMNS; column++) {
        const offset = (start + row * pitch + column * 2) % TEXT_BYTES;
        line += CP437[memory[offset] ?? 0];
      }
      return line.trimEnd();
    });
  }

  /** The cursor, relative to the top left of the screen. */
  get cursor(): Cursor {
    const { crtc } = this.s;
    const start = (crtc[Crtc.START_HIGH] << 8) | crtc[Crtc.START_LOW];
    const position = ((crtc[Crtc.CURSOR_HIGH] << 8) | crtc[Crtc.CURSOR_LOW]) - start;
    const row = Math.floor(position / COLUMNS);
    const visible = (crtc[Crtc.CURSOR_START] & CURSOR_OFF) === 0 && row >= 0 && row < ROWS;
    return { row, column: position - row * COLUMNS, visible };
  }

  /** Power-on: the standard text mode, as firmware sets it. */
  reset(): void {
    this.s = powerOn();
  }

  save(): ScreenState {
    return copy(this.s);
  }

  load(state: ScreenState): void {
    this.s = copy(state);
  }

  private readPort(port: number): number {
    const { s } = this;
    switch (port) {
      case 0x3c0:
        return s.attributeIndex;
      case 0x3c1:
        return s.attribute[s.attributeIndex & ATTRIBUTE_INDEX] ?? 0;
      case 0x3c2: // input status 0: no interrupt pending, switch sense as for a colour display
        return 0x10;
      case 0x3c3:
        return s.enabled;
      case 0x3c4:
        return s.sequencerIndex;
      case 0x3c5:
        return s.sequencer[s.sequencerIndex] ?? 0;
      case 0x3c6:
        return s.paletteMask;
      case 0x3c7: // DAC state: 3 while in read mode
        return s.paletteReading ? 3 : 0;
      case 0x3c8:
        return Math.floor(s.paletteWrite / 3);
      case 0x3c9: {
        const value = s.palette[s.paletteRead];
        s.paletteRead = (s.paletteRead + 1) % s.palette.length;
        return value;
      }
      case 0x3ca:
        return s.feature;
      case 0x3cc:
        return s.misc;
      case 0x3ce:
        return s.graphicsIndex;
      case 0x3cf:
        return s.graphics[s.graphicsIndex] ?? 0;
      case 0x3d4:
        return s.crtcIndex;
      case 0x3d5:
        return s.crtc[s.crtcIndex] ?? 0;
      case 0x3da:
        s.attributeData = false;
        return this.status();
      default:
        return 0xff;
    }
  }

  private writePort(port: number, value: number): void {
    const { s } = this;
    switch (port) {
      case 0x3c0:
        this.writeAttribute(value);
        break;
      case 0x3c2:
        s.misc = value;
        break;
      case 0x3c3:
        s.enabled = value & 1;
        break;
      case 0x3c4:
        s.sequencerIndex = value & 7;
        break;
      case 0x3c5:
        if (s.sequencerIndex < s.sequencer.length) s.sequencer[s.sequencerIndex] = value;
        break;
      case 0x3c6:
        s.paletteMask = value;
        break;
      case 0x3c7:
        s.paletteRead = value * 3;
        s.paletteReading = true;
        break;
      case 0x3c8:
        s.paletteWrite = value * 3;
        s.paletteReading = false;
        break;
      case 0x3c9:
        s.palette[s.paletteWrite] = value & 0x3f;
        s.paletteWrite = (s.paletteWrite + 1) % s.palette.length;
        break;
      case 0x3ce:
        s.graphicsIndex = value & 15;
        break;
      case 0x3cf:
        if (s.graphicsIndex < s.graphics.length) s.graphics[s.graphicsIndex] = value;
        break;
      case 0x3d4:
        s.crtcIndex = value & 0x3f;
        break;
      case 0x3d5:
        this.writeCrtc(value);
        break;
      case 0x3da:
        s.feature = value & 3;
        break;
      default:
        break;
    }
  }

  /** Index and data of the attribute controller share one port and take turns; reading 0x3DA makes the index next. */
  private writeAttribute(value: number): void {
    const { s } = this;
    if (!s.attributeData) s.attributeIndex = value & (ATTRIBUTE_INDEX | ATTRIBUTE_VIDEO_ON);
    else {
      const index = s.attributeIndex & ATTRIBUTE_INDEX;
      if (index < s.attribute.length) s.attribute[index] = value;
    }
    s.attributeData = !s.attributeData;
  }

  private writeCrtc(value: number): void {
    const { crtc, crtcIndex } = this.s;
    if (crtcIndex >= crtc.length) return;
    const protect = (crtc[Crtc.VERTICAL_RETRACE_END] & CRTC_PROTECT) !== 0;
    if (!protect || crtcIndex > Crtc.OVERFLOW) {
      crtc[crtcIndex] = value;
    } else if (crtcIndex === Crtc.OVERFLOW) {
      crtc[crtcIndex] = (crtc[crtcIndex] & ~OVERFLOW_LINE_COMPARE) | (value & OVERFLOW_LINE_COMPARE);
    }
  }

  private status(): number {
    const characters = this.rate.ticksAt(this.clock.now());
    const column = characters % LINE_CHARACTERS;
    const line = Math.floor(characters / LINE_CHARACTERS) % FRAME_LINES;
    const displaying = column < COLUMNS && line < VISIBLE_LINES;
    const retrace = line >= RETRACE_FIRST_LINE && line <= RETRACE_LAST_LINE;
    return (displaying ? 0 : STATUS_NOT_DISPLAYING) | (retrace ? STATUS_VERTICAL_RETRACE : 0);
  }
}

function copy(state: ScreenState): ScreenState {
  return {
    ...state,
    crtc: [...state.crtc],
    attribute: [...state.attribute],
    sequencer: [...state.sequencer],
    graphics: [...state.graphics],
    palette: [...state.palette],
  };
}

function powerOn(): ScreenState {
  return {
    crtc: [...TEXT_MODE_CRTC],
    crtcIndex: 0,
    attribute: [...TEXT_MODE_ATTRIBUTE],
    attributeIndex: ATTRIBUTE_VIDEO_ON,
    attributeData: false,
    sequencer: [...TEXT_MODE_SEQUENCER],
    sequencerIndex: 0,
    graphics: [...TEXT_MODE_GRAPHICS],
    graphicsIndex: 0,
    misc: TEXT_MODE_MISC,
    feature: 0,
    enabled: 1,
    palette: new Array<number>(256 * 3).fill(0),
    paletteMask: 0xff,
    paletteRead: 0,
    paletteWrite: 0,
    paletteReading: false,
  };
}
