// The two 8237A DMA controllers of a PC/AT and their page registers, as registers only: no device on this board requests DMA.
// Invariant: everything a guest writes can be read back where the chip lets it, through the byte flip-flop where there is one; no
// write ever moves memory.
// Specified in the Intel 8237A data sheet (231466) and the IBM PC/AT technical reference (pages at 0x81–0x8F, controller 2 at
// even ports from 0xC0).

import type { Bus } from "./bus.js";
import type { Device } from "./device.js";

/** State of one controller. `registers` holds address and count of channels 0–3 in turn. */
export type DmaControllerState = {
  registers: number[];
  modes: number[];
  highByte: boolean;
  command: number;
  request: number;
  mask: number;
};

/** State of both controllers and the page registers 0x81–0x8F. */
export type DmaState = { controllers: DmaControllerState[]; pages: number[] };

const Register = {
  COMMAND_STATUS: 8,
  REQUEST: 9,
  SINGLE_MASK: 10,
  MODE: 11,
  CLEAR_FLIP_FLOP: 12,
  MASTER_CLEAR: 13,
  CLEAR_MASK: 14,
  ALL_MASK: 15,
} as const;
/** Request and single mask commands: bit 2 sets, bits 1–0 are the channel. */
const SET = 4;
const FIRST_PAGE = 0x81;
const LAST_PAGE = 0x8f;
/** Mode of the channel that carries controller 1's requests through controller 2. */
const MODE_CASCADE = 0xc0;

class DmaController {
  s = powerOn();

  read(register: number): number {
    const { s } = this;
    if (register < Register.COMMAND_STATUS) {
      const value = s.registers[register];
      s.highByte = !s.highByte;
      return s.highByte ? value & 0xff : value >> 8;
    }
    switch (register) {
      case Register.COMMAND_STATUS:
        return s.request << 4;
      case Register.ALL_MASK:
        return 0xf0 | s.mask;
      default:
        return 0;
    }
  }

  write(register: number, value: number): void {
    const { s } = this;
    if (register < Register.COMMAND_STATUS) {
      const old = s.registers[register];
      s.registers[register] = s.highByte ? (old & 0x00ff) | (value << 8) : (old & 0xff00) | value;
      s.highByte = !s.highByte;
      return;
    }
    const bit = 1 << (value & 3);
    switch (register) {
      case Register.COMMAND_STATUS:
        s.command = value;
        break;
      case Register.REQUEST:
        s.request = (value & SET) !== 0 ? s.request | bit : s.request & ~bit;
        break;
      case Register.SINGLE_MASK:
        s.mask = (value & SET) !== 0 ? s.mask | bit : s.mask & ~bit;
        break;
      case Register.MODE:
        s.modes[value & 3] = value & 0xfc;
        break;
      case Register.CLEAR_FLIP_FLOP:
        s.highByte = false;
        break;
      case Register.MASTER_CLEAR:
        this.s = { ...powerOn(), registers: s.registers, modes: s.modes };
        break;
      case Register.CLEAR_MASK:
        s.mask = 0;
        break;
      default: // ALL_MASK
        s.mask = value & 15;
    }
  }
}

/** Both DMA controllers and their page registers. */
export class Dma implements Device<DmaState> {
  private readonly controllers = [new DmaController(), new DmaController()];
  private readonly pages = new Uint8Array(LAST_PAGE - FIRST_PAGE + 1);

  /** Maps ports 0x00–0x0F, 0x81–0x8F and 0xC0–0xDF. */
  attach(bus: Bus): void {
    bus.mapPorts("DMA controller 1", 0x00, 0x0f, {
      read: (port) => this.controllers[0].read(port),
      write: (port, _size, value) => this.controllers[0].write(port, value),
    });
    bus.mapPorts("DMA controller 2", 0xc0, 0xdf, {
      read: (port) => this.controllers[1].read((port - 0xc0) >> 1),
      write: (port, _size, value) => this.controllers[1].write((port - 0xc0) >> 1, value),
    });
    bus.mapPorts("DMA page registers", FIRST_PAGE, LAST_PAGE, {
      read: (port) => this.pages[port - FIRST_PAGE],
      write: (port, _size, value) => {
        this.pages[port - FIRST_PAGE] = value;
      },
    });
  }

  /** Opens the cascade channel as firmware does. */
  applyFirmwareState(): void {
    const second = this.controllers[1].s;
    second.modes[0] = MODE_CASCADE;
    second.mask &= ~1;
  }

  reset(): void {
    for (const controller of this.controllers) controller.s = powerOn();
    this.pages.fill(0);
  }

  save(): DmaState {
    return { controllers: this.controllers.map(({ s }) => copy(s)), pages: [...this.pages] };
  }

  load(state: DmaState): void {
    this.controllers.forEach((controller, index) => {
      controller.s = copy(state.controllers[index]);
    });
    this.pages.set(state.pages);
  }
}

function copy(state: DmaControllerState): DmaControllerState {
  return { ...state, registers: [...state.registers], modes: [...state.modes] };
}

function powerOn(): DmaControllerState {
  return {
    registers: [0, 0, 0, 0, 0, 0, 0, 0],
    modes: [0, 0, 0, 0],
    highByte: false,
    command: 0,
    request: 0,
    mask: 15,
  };
}
