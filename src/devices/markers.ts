// Markers: ports 0x4F8 and 0x4FC, by which a guest tells whoever measures it what it is doing, and how often.
// A byte at 0x4F8 is a character of a name; a dword N > 0 at 0x4FC begins the section of that name, in which the operation
// it is named after is done N times; a dword 0 ends the section begun last. Sections nest.
// Invariant: nothing here can be observed by the guest: reads return all ones, as where there is no device.

import type { Bus } from "./bus.js";

/** A section's begin or end. */
export interface SectionMark {
  readonly kind: "begin" | "end";
  /** What the guest calls the section. */
  readonly name: string;
  /** How often the section does what it is named after. */
  readonly count: number;
}

const NAME_PORT = 0x4f8;
const COUNT_PORT = 0x4fc;

/** Longest name; further characters are dropped. */
const MAX_NAME = 63;

/** Most sections open at once; a guest that begins more loses the outermost. */
const MAX_OPEN = 64;

/** The marker ports. */
export class Markers {
  private readonly onMark: (mark: SectionMark) => void;
  private name = "";
  private nameEnded = false;
  private open: SectionMark[] = [];

  /** `onMark` is called inside the OUT. */
  constructor(onMark: (mark: SectionMark) => void) {
    this.onMark = onMark;
  }

  /** Maps both ports. */
  attach(bus: Bus): void {
    bus.mapPorts("marker name", NAME_PORT, NAME_PORT, {
      write: (_port, _size, value) => this.append(value),
    });
    bus.mapPorts("marker", COUNT_PORT, COUNT_PORT + 3, {
      width: 4,
      write: (port, size, value) => {
        if (port === COUNT_PORT && size === 4) this.mark(value);
      },
    });
  }

  /** Forgets open sections and the name under construction. */
  reset(): void {
    this.name = "";
    this.open = [];
  }

  private append(character: number): void {
    if (this.nameEnded) this.name = "";
    this.nameEnded = false;
    if (this.name.length < MAX_NAME) this.name += String.fromCharCode(character);
  }

  private mark(count: number): void {
    this.nameEnded = true;
    if (count > 0) {
      const section: SectionMark = { kind: "begin", name: this.name, count };
      this.open.push(section);
      if (this.open.length > MAX_OPEN) this.open.shift();
      this.onMark(section);
      return;
    }
    const section = this.open.pop();
    if (section !== undefined) this.onMark({ ...section, kind: "end" });
  }
}
