/**
 * What a trace is made of, whatever it is written to: steps (an instruction that retired) and events (an exception or
 * interrupt that was delivered), each with the registers that are different afterwards.
 */

/** The registers a trace follows, in the order of their bits and columns. `mode` is 1 in 32-bit code, else 0. */
export const TRACED_REGISTERS = [
  "eax",
  "ecx",
  "edx",
  "ebx",
  "esp",
  "ebp",
  "esi",
  "edi",
  "eflags",
  "es",
  "cs",
  "ss",
  "ds",
  "fs",
  "gs",
  "cr0",
  "cr2",
  "cr3",
  "cr4",
  "mode",
] as const;

/** Name of a traced register. */
export type TracedRegister = (typeof TRACED_REGISTERS)[number];

/** Index of `cs` and `mode` in a register array. */
export const CS_INDEX = TRACED_REGISTERS.indexOf("cs");
/** Index of `mode` in a register array. */
export const MODE_INDEX = TRACED_REGISTERS.indexOf("mode");

/** One register that changed: index into `TRACED_REGISTERS` and the new value (unsigned). */
export interface RegisterChange {
  register: number;
  value: number;
}

/** One retired instruction (or one iteration-complete REP instruction): where it was, its bytes, what it changed. */
export interface TraceStep {
  type: "step";
  /** Instructions retired before this one since power-on. */
  index: number;
  cs: number;
  eip: number;
  code32: boolean;
  bytes: Uint8Array;
  changes: RegisterChange[];
}

/** One delivered exception or interrupt; the changes are those of the delivery. */
export interface TraceEvent {
  type: "exception" | "interrupt";
  /** Instructions retired before it. */
  index: number;
  vector: number;
  /** Where the processor went: the first instruction of the handler. */
  cs: number;
  eip: number;
  changes: RegisterChange[];
}

/** One entry of a trace. */
export type TraceRecord = TraceStep | TraceEvent;

/** The state a trace begins with. */
export interface TraceStart {
  /** Instructions retired before the first record. */
  index: number;
  eip: number;
  /** Values in the order of `TRACED_REGISTERS`. */
  registers: Uint32Array;
}

/** Takes records one by one; `end` flushes. */
export interface TraceSink {
  start(start: TraceStart): void;
  record(record: TraceRecord): void;
  end(): void;
}
