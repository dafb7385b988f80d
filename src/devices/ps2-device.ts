// The serial link between the 8042 and a keyboard or mouse, without the wires.
// Invariant: a device only queues bytes; the controller takes them one at a time when it is ready and the port is enabled.

/** A keyboard or mouse as its controller sees it. */
export interface Ps2Device {
  /** Called when a byte has been queued. */
  onByte: (() => void) | undefined;
  /** True when a byte waits to be taken. */
  readonly hasByte: boolean;
  /** Takes the oldest byte; replies to commands come before events. Call only when `hasByte`. */
  takeByte(): number;
  /** Receives a command or parameter byte from the host. */
  receive(byte: number): void;
}

/** Replies every PS/2 device gives. */
export const Ps2Reply = {
  ACKNOWLEDGE: 0xfa,
  RESEND: 0xfe,
  SELF_TEST_PASSED: 0xaa,
} as const;
