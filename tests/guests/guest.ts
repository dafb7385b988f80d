/**
 * A guest under test: a machine with what it prints collected, run until something is seen or a limit of virtual time.
 * Invariant: everything depends on virtual time only, so a test sees the same run on every host.
 */
import { createMachine, describeResult, type Engine, type Machine, type MachineConfig } from "../../src/index.js";
import { imageBytes, type ImageName } from "./packages.js";

/** Virtual time between two looks at what the guest shows, in seconds. */
const LOOK = 0.02;

/** The engine the guests run on: the library's default, or the one that VMEXIT_ENGINE names. */
const ENGINE = (process.env.VMEXIT_ENGINE || undefined) as Engine | undefined;

/** A running guest. */
export class Guest {
  readonly machine: Machine;
  /** What went to COM1, carriage returns removed. */
  serial = "";
  /** What went to the debug consoles (ports 0xE9 and 0x402). */
  debug = "";
  readonly #name: ImageName;

  /** Builds a machine of 64 MB (or what `config` says) around the image. */
  constructor(name: ImageName, config: Partial<MachineConfig> = {}) {
    this.#name = name;
    this.machine = createMachine({ image: imageBytes(name), name, memoryBytes: 64 << 20, engine: ENGINE, ...config });
    this.machine.onSerial(0, (byte) => {
      if (byte !== 0x0d) this.serial += String.fromCharCode(byte);
    });
    this.machine.onDebugConsole((byte) => {
      this.debug += String.fromCharCode(byte);
    });
  }

  /** The text screen as one string. */
  get screen(): string {
    return this.machine.screenText().join("\n");
  }

  /** The line of the text screen that contains `text`; empty if there is none. */
  screenLine(text: string): string {
    return this.machine.screenText().find((line) => line.includes(text)) ?? "";
  }

  /**
   * Runs until `seen` holds, for at most `seconds` of virtual time. Throws with everything the guest printed if it does
   * not, or if the guest stops for a reason other than HLT with interrupts off, which is how these guests end.
   */
  until(what: string, seen: () => boolean, seconds: number): void {
    const end = this.machine.ticks + seconds * this.machine.clockHz;
    while (!seen()) {
      const result = this.machine.run({ maxVirtualSeconds: LOOK });
      if (seen()) return;
      const over = this.machine.ticks >= end;
      if (result.exit.kind === "budget" && !over) continue;
      const why = over ? `after ${seconds} s of virtual time` : `when ${describeResult(result)}`;
      throw new Error(`${this.#name}: expected ${what} and it had not come ${why}\n${this.transcript()}`);
    }
  }

  /** Runs for a span of virtual time; throws if the guest stops before. */
  wait(seconds: number): void {
    const result = this.machine.run({ maxVirtualSeconds: seconds });
    if (result.exit.kind !== "budget")
      throw new Error(`${this.#name}: ${describeResult(result)}\n${this.transcript()}`);
  }

  /** Everything the guest showed, for messages. */
  transcript(): string {
    const section = (title: string, text: string) => (text.trim() === "" ? "" : `--- ${title}\n${text.trimEnd()}\n`);
    return section("serial", this.serial) + section("debug console", this.debug) + section("screen", this.screen);
  }
}
