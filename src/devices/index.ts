// Public names of the devices.
// Invariant: nothing here knows the CPU, the host or a file system; the same code runs in a browser.

export { Board, type BoardOptions, type BoardState, type ExitSource, type SerialPorts } from "./board.js";
export {
  type AccessSize,
  Bus,
  type MemoryHandler,
  type PortHandler,
  type UnknownMemory,
  type UnknownPort,
} from "./bus.js";
export { type Clock, Rate, type TimerHandle, Timers } from "./clock.js";
export type { Device, Line, Plain } from "./device.js";
export type { SectionMark } from "./markers.js";
export { portName } from "./port-names.js";
export { type Cursor, TEXT_MEMORY } from "./screen.js";
