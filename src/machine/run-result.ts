/**
 * Why a run ended. Every way a guest can stop has a name of its own, so that a test or a script can tell them apart;
 * `docs/cli.md` lists them with the process exit codes of the command line.
 */

/** The ways a run ends. */
export type ExitKind = RunExit["kind"];

/** What ended a run, with what is known about it. `cs:eip` says where the processor is. */
export type RunExit =
  /** The guest wrote to the debug-exit port; `code` is `(value << 1) | 1`. */
  | { kind: "guest-exit"; code: number }
  /** The guest switched the machine off. */
  | { kind: "powered-off" }
  /** A fault while a double fault was being delivered: the processor shut down. */
  | { kind: "triple-fault" }
  /** HLT with interrupts off: nothing can wake the processor. */
  | { kind: "halted" }
  /** HLT with interrupts on, but no device will ever raise one and no input is to come. */
  | { kind: "idle" }
  /** HLT with interrupts on and `pauseWhenHalted` asked for; the next device event is due at `wakeTime` (ticks). */
  | { kind: "waiting"; wakeTime: number }
  /**
   * `maxInstructions` or `maxVirtualSeconds` is used up. `events`: the guest takes exceptions without end and hardly
   * retires an instruction, so that a budget of instructions would never be used up.
   */
  | { kind: "budget"; limit: "instructions" | "time" | "events" }
  /** The guest asked for a reset (8042, port 0x92 or 0xCF9). */
  | { kind: "reset" }
  /** An instruction this machine does not have, at linear address `address`. */
  | { kind: "unimplemented"; address: number; bytes: Uint8Array }
  /** The host called `stop()`. */
  | { kind: "stopped" }
  /** A handler of the host threw, or the machine itself failed; the machine cannot go on. */
  | { kind: "host-error"; error: Error };

/** How a call of `run` ended. */
export interface RunResult {
  /** What ended the run. */
  exit: RunExit;
  /** Instructions retired in this call. */
  instructions: number;
  /** Where the processor is: code segment selector and EIP. */
  cs: number;
  eip: number;
}

/** One sentence for people about a result, without a full stop. */
export function describeResult(result: RunResult): string {
  const at = `${hex(result.cs, 4)}:${hex(result.eip, 8)}`;
  const exit = result.exit;
  switch (exit.kind) {
    case "guest-exit":
      return `the guest exited with code ${exit.code}`;
    case "powered-off":
      return "the guest switched the machine off";
    case "triple-fault":
      return `triple fault at ${at}`;
    case "halted":
      return `the processor halted with interrupts off before ${at}`;
    case "idle":
      return `the processor halted before ${at} and nothing will ever wake it`;
    case "waiting":
      return `the processor waits for an interrupt before ${at}`;
    case "budget":
      if (exit.limit === "events") return `the guest takes exceptions without end at ${at}`;
      return `the budget of ${exit.limit === "time" ? "virtual time" : "instructions"} is used up at ${at}`;
    case "reset":
      return `the guest asked for a reset at ${at}`;
    case "unimplemented":
      return `the instruction ${bytesText(exit.bytes)} at ${at} is not implemented`;
    case "stopped":
      return `stopped by the host at ${at}`;
    case "host-error":
      return `the machine failed at ${at}: ${exit.error.message}`;
  }
}

function hex(value: number, digits: number): string {
  return (value >>> 0).toString(16).padStart(digits, "0");
}

function bytesText(bytes: Uint8Array): string {
  return [...bytes].map((byte) => hex(byte, 2)).join(" ");
}
