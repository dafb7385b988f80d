// The two 8259As of a PC/AT: IRQ 0–7 on the master at 0x20, IRQ 8–15 on the slave at 0xA0, the slave's INT on the master's level 2.
// Invariant: the CPU's INTR pin is the master's INT pin, and it is driven only when it changes.

import type { Bus } from "./bus.js";
import type { Device, Line } from "./device.js";
import { Pic, type PicState } from "./pic.js";

/** The master's input that carries the slave. */
const CASCADE = 2;
/** What the data bus floats to when no controller answers the second INTA pulse. */
const FLOATING = 0xff;

/** State of both controllers. */
export type PicPairState = { master: PicState; slave: PicState };

/** What a controller's registers hold, for reports. */
export interface PicRegisters {
  readonly irr: number;
  readonly isr: number;
  readonly imr: number;
  readonly base: number;
}

/** The interrupt controllers of a PC/AT. */
export class PicPair implements Device<PicPairState> {
  private readonly masterPic: Pic;
  private readonly slavePic: Pic;

  /** `onInterrupt` drives the CPU's INTR pin. */
  constructor(onInterrupt: Line) {
    this.masterPic = new Pic(onInterrupt);
    this.slavePic = new Pic((level) => this.masterPic.setLine(CASCADE, level));
  }

  /** Maps both controllers onto the bus. */
  attach(bus: Bus): void {
    for (const [name, first, pic] of [
      ["interrupt controller 1", 0x20, this.masterPic],
      ["interrupt controller 2", 0xa0, this.slavePic],
    ] as const) {
      bus.mapPorts(name, first, first + 1, {
        read: (port) => pic.read(port & 1),
        write: (port, _size, value) => pic.write(port & 1, value),
      });
    }
  }

  /** Drives interrupt request line `irq` (0–15; 2 belongs to the cascade). Throws RangeError for another number. */
  setIrq(irq: number, level: boolean): void {
    if (!Number.isInteger(irq) || irq < 0 || irq > 15 || irq === CASCADE) {
      throw new RangeError(`expected an IRQ from 0 to 15 other than 2, found ${irq}`);
    }
    if (irq < 8) this.masterPic.setLine(irq, level);
    else this.slavePic.setLine(irq - 8, level);
  }

  /** The INTA cycle: the vector (0–255) of the request now served; level 7 of a controller whose request has gone away. */
  acknowledge(): number {
    const level = this.masterPic.acknowledge();
    if (!this.masterPic.isCascade(level)) return this.masterPic.vector(level);
    if (level !== CASCADE || this.slavePic.slaveId !== CASCADE) return FLOATING;
    return this.slavePic.vector(this.slavePic.acknowledge());
  }

  /** True when the INTR pin is high. */
  get requesting(): boolean {
    return this.masterPic.output;
  }

  /** Registers of the master (0) or the slave (1). */
  registers(controller: 0 | 1): PicRegisters {
    const pic = controller === 0 ? this.masterPic : this.slavePic;
    return { irr: pic.irr, isr: pic.isr, imr: pic.imr, base: pic.base };
  }

  reset(): void {
    this.slavePic.reset();
    this.masterPic.reset();
  }

  save(): PicPairState {
    return { master: this.masterPic.save(), slave: this.slavePic.save() };
  }

  load(state: PicPairState): void {
    this.slavePic.load(state.slave);
    this.masterPic.load(state.master);
  }
}
