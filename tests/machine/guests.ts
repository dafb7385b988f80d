/** Tiny guests as bytes, for tests of the machine around them. All start in 32-bit protected mode at 1 MB. */
import { createMachine, type Machine, type MachineConfig } from "../../src/index.js";

/** Code bytes from hexadecimal text; everything behind `;` is a comment. */
export function code(text: string): Uint8Array {
  const hex = text.replaceAll(/;[^\n]*/g, "").replaceAll(/\s+/g, "");
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

/** A machine with 4 MB that runs the given code. */
export function machineOf(text: string, config: Partial<MachineConfig> = {}): Machine {
  return createMachine({ image: code(text), format: "flat", address: 0x100000, memoryBytes: 4 << 20, ...config });
}

/** Writes 10h to the debug-exit port: code 33. */
export const EXIT_33 = "b010 e6f4";
/** Switches the machine off through port 604h. */
export const POWER_OFF = "66ba0406 66b80020 66ef";
/** UD2 with no handler anywhere. */
export const TRIPLE_FAULT = "0f0b";
/** CLI; HLT. */
export const HALT = "fa f4";
/** Masks every interrupt request, then STI; HLT. */
export const IDLE = "b0ff e621 e6a1 fb f4";
/** JMP to itself. */
export const SPIN = "ebfe";
/** Pulses the reset line through the 8042, then spins. */
export const RESET = "b0fe e664 ebfe";
/** Counts in EAX for ever. */
export const COUNT = "40 ebfd";
/** Sends "A" on COM1, then exits with 33. */
export const SEND_A = `66baf803 b041 ee ${EXIT_33}`;
/** Waits for a byte on COM1 and sends it back, for ever. */
export const ECHO = `
  66bafc03 b003 ee      ; OUT2 and RTS, so that input begins
  66bafd03 ec a801 74f7 ; wait for data ready
  66baf803 ec ee        ; echo
  ebef`;
