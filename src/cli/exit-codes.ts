/**
 * Exit codes of the process. A guest that exits by itself decides the code; everything else has a code of its own,
 * above 100 for what happened to the machine and from sysexits(3) for what the caller did wrong. The table is printed by
 * `vmexit help exit-codes` and in docs/cli.md.
 */
import type { RunExit } from "../machine/run-result.js";

/** Codes that are not the guest's. */
export enum ExitCode {
  OK = 0, // the guest switched the machine off
  USAGE = 64, // a wrong flag, value or subcommand
  BAD_IMAGE = 65, // the image cannot be booted
  NO_INPUT = 66, // a file cannot be read
  INTERNAL = 70, // a fault in vmexit itself or in a handler
  CANNOT_WRITE = 74, // output could not be written
  TRIPLE_FAULT = 101, // the processor shut down
  HALTED = 102, // HLT with interrupts off
  BUDGET = 103, // --max-insns or --max-time is used up
  RESET = 104, // the guest asked for a reset
  UNIMPLEMENTED = 105, // an instruction the machine does not have
  IDLE = 106, // HLT with interrupts on and nothing to wait for
  DIFFERENCE = 107, // --verify: the engines differ
  NOT_EQUIVALENT = 108, // compare: a guest did otherwise under a monitor
  INTERRUPTED = 130, // Ctrl-C, Ctrl-A x or SIGINT
  TERMINATED = 143, // SIGTERM
}

/** The table as it is printed: code, and what it means. */
export const EXIT_CODE_TABLE: readonly (readonly [code: string, meaning: string])[] = [
  ["guest", "the guest wrote v to the debug-exit port: (v << 1) | 1"],
  ["0", "the guest switched the machine off (port 0x604)"],
  ["64", "a wrong flag, value or subcommand"],
  ["65", "the image cannot be booted"],
  ["66", "a file cannot be read"],
  ["70", "a fault in vmexit itself"],
  ["74", "output could not be written"],
  ["101", "triple fault: the processor shut down"],
  ["102", "HLT with interrupts off"],
  ["103", "the budget of --max-insns or --max-time is used up"],
  ["104", "the guest asked for a reset"],
  ["105", "an instruction the machine does not have"],
  ["106", "HLT with interrupts on, and no device or input that could wake the processor"],
  ["107", "--verify: interpreter and translator differ"],
  ["108", "compare: under a monitor a guest did otherwise than on the bare machine"],
  ["130", "Ctrl-C, Ctrl-A x or SIGINT"],
  ["143", "SIGTERM"],
];

/** The process exit code for a run that ended this way. */
export function exitCodeOf(exit: RunExit): number {
  switch (exit.kind) {
    case "guest-exit":
      return exit.code & 0xff;
    case "powered-off":
      return ExitCode.OK;
    case "triple-fault":
      return ExitCode.TRIPLE_FAULT;
    case "halted":
      return ExitCode.HALTED;
    case "idle":
    case "waiting":
      return ExitCode.IDLE;
    case "budget":
      return ExitCode.BUDGET;
    case "reset":
      return ExitCode.RESET;
    case "unimplemented":
      return ExitCode.UNIMPLEMENTED;
    case "stopped":
      return ExitCode.INTERRUPTED;
    case "host-error":
      return ExitCode.INTERNAL;
  }
}
