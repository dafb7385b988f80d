/**
 * What the interpreter routines work on: a guest that has left in front of an instruction.
 */
import type { Core, CoreHost } from "../../core/core.js";
import type { Words } from "../words.js";

/** A guest in front of an instruction the monitor has to execute. */
export interface Emulated {
  /** The machine's processor. */
  readonly core: Core;
  /** Its devices. */
  readonly host: CoreHost;
  /** The processor state. */
  readonly state: Words;
  /** What the exit told. */
  readonly vmx: Words;
}
