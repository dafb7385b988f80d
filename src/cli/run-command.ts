/**
 * `vmexit run IMAGE`: boots an image, connects its serial ports, and ends with the guest's exit code.
 * The machine runs in pieces of some milliseconds; between them input, signals and output are looked after. Invariant:
 * without live input (a terminal or an open pipe) the pieces change nothing: the run is the same on every host.
 */
import { createMachine, type Machine } from "../machine/machine.js";
import { describeResult, type RunResult } from "../machine/run-result.js";
import { type ByteSink, openForWriting, openSink, writeAll } from "./byte-sinks.js";
import { CliError } from "./cli-error.js";
import { ExitCode, exitCodeOf } from "./exit-codes.js";
import { readInput } from "./image-files.js";
import {
  checkWithoutEffect,
  IMAGE_OPTIONS,
  imagePath,
  MACHINE_OPTIONS,
  machineConfig,
  QEMU_OPTIONS,
} from "./image-options.js";
import { type KeyAction, parseKeys } from "./key-script.js";
import { type OptionTable, type ParsedOptions, parseOptions } from "./option-parser.js";
import { Progress } from "./progress.js";
import { parseCount } from "./quantities.js";
import { StdinForwarder } from "./stdin.js";

const COMMAND = "vmexit run";

/** The options of `vmexit run`. */
export const RUN_OPTIONS: OptionTable = {
  ...IMAGE_OPTIONS,
  ...MACHINE_OPTIONS,
  serial: {
    value: "stdio|none|file:PATH",
    help: "where COM1 goes (default stdio, with standard input); a second one is COM2",
    aliases: ["serial"],
    many: true,
  },
  serial2: { value: "stdio|none|file:PATH", help: "where COM2 goes (default none)" },
  debugcon: {
    value: "stdio|none|file:PATH",
    help: "where ports 0xE9 and 0x402 go (default none)",
    aliases: ["debugcon"],
  },
  input: { value: "PATH", help: "bytes for COM1, all there from the start (instead of standard input)" },
  keys: { value: "SCRIPT", help: "type on the keyboard: text, \\n, {down}, {ctrl+c}, {wait SECONDS}" },
  "max-insns": { value: "N", help: "end after N instructions: 1000000, 20M, 2G" },
  "max-time": { value: "SECONDS", help: "end after this much virtual time" },
  verify: { help: "run interpreter and translator in lockstep and stop at the first difference (exit code 107)" },
  screen: { help: "print the text screen at the end" },
  stats: { help: "print statistics on stderr at the end" },
  timeline: {
    value: "FILE",
    help: "write --vmm: write when the guest ran and why it came out, as Trace Event JSON (Perfetto)",
  },
  json: { value: "[=FILE]", help: "print a summary as JSON: the last line of stdout, or into FILE" },
  ...QEMU_OPTIONS,
};

/** Everything a run is connected to. */
interface Connections {
  com1: ByteSink;
  com2: ByteSink;
  debug: ByteSink;
}

/** Why the host ended a run, if it did. */
interface Interruption {
  exitCode: number;
  cause: string;
}

/** Runs `vmexit run` and returns the process exit code. Raises `CliError`, `ImageError`, `ConfigError`. */
export async function runCommand(args: string[]): Promise<number> {
  const options = parseOptions(COMMAND, args, RUN_OPTIONS);
  checkWithoutEffect(COMMAND, options);
  const limits = runLimits(options);
  const keys = parseKeys("--keys", options.get("keys") ?? "");
  if (options.has("verify")) return await verifying(options, limits, keys);
  const machine = createMachine(machineConfig(COMMAND, options));
  const input = options.get("input");
  if (input !== undefined) machine.sendSerial(readInput("input", input));
  typeKeys(machine, keys);
  const run = new CommandRun(machine, openConnections(options), limits);
  const writeTimeline = timelineOf(machine, options);
  const result = await run.drive(input === undefined);
  writeTimeline();
  return await run.report(result, options);
}

/** `--timeline`: begins to record; the function that is returned writes the file. */
function timelineOf(machine: Machine, options: ParsedOptions): () => void {
  const path = options.get("timeline");
  if (path === undefined) return () => {};
  if (machine.vm === undefined) {
    throw new CliError("--timeline: expected a monitor, --vmm trap, bt, vt or hybrid, and found none");
  }
  const file = openForWriting(path);
  const timeline = machine.vm.recordTimeline();
  return () => writeAll(file, path, Buffer.from(timeline.toJson(imagePath(COMMAND, options))));
}

/** The options that a verifying run does nothing about. */
const NOT_VERIFYING = ["screen", "stats", "json", "timeline", "max-time"] as const;

/** `--verify`: both engines in lockstep. */
async function verifying(options: ParsedOptions, limits: Limits, keys: readonly KeyAction[]): Promise<number> {
  const other = NOT_VERIFYING.find((name) => options.has(name));
  if (other !== undefined) throw new CliError(`${COMMAND}: --verify and --${other} exclude each other`);
  const connections = openConnections(options);
  const input = options.get("input");
  const bytes = input === undefined ? undefined : readInput("input", input);
  const { verifyRun } = await import("./verify-run.js");
  const code = await verifyRun({
    config: machineConfig(COMMAND, options),
    maxInstructions: limits.maxInstructions,
    input(machine) {
      if (bytes !== undefined) machine.sendSerial(bytes);
      typeKeys(machine, keys);
    },
    output(machine) {
      machine.onSerial(0, (byte) => connections.com1.put(byte));
      machine.onSerial(1, (byte) => connections.com2.put(byte));
      machine.onDebugConsole((byte) => connections.debug.put(byte));
    },
  });
  for (const sink of [connections.com1, connections.com2, connections.debug]) sink.close();
  return code;
}

interface Limits {
  maxInstructions: number;
  maxSeconds: number;
}

function runLimits(options: ParsedOptions): Limits {
  const count = options.get("max-insns");
  const seconds = options.get("max-time");
  if (seconds !== undefined && !/^\d+(\.\d+)?$/.test(seconds)) {
    throw new CliError(`--max-time: expected a number of seconds and found "${seconds}"`);
  }
  return {
    maxInstructions: count === undefined ? Number.POSITIVE_INFINITY : parseCount("--max-insns", count),
    maxSeconds: seconds === undefined ? Number.POSITIVE_INFINITY : Number(seconds),
  };
}

function openConnections(options: ParsedOptions): Connections {
  const [serial, second, ...more] = options.all("serial");
  if (more.length > 0 || (second !== undefined && options.has("serial2"))) {
    throw new CliError(`${COMMAND}: there are two serial ports and more than two were named`);
  }
  const stdout = (bytes: Uint8Array): void => {
    process.stdout.write(bytes);
  };
  return {
    com1: openSink("--serial", serial ?? "stdio", stdout),
    com2: openSink("--serial2", second ?? options.get("serial2") ?? "none", stdout),
    debug: openSink("--debugcon", options.get("debugcon") ?? "none", stdout),
  };
}

/** Queues the keys of a script; a wait puts what follows off by that much virtual time. */
function typeKeys(machine: Machine, actions: readonly KeyAction[]): void {
  let delay = 0;
  for (const action of actions) {
    if (action.type === "wait") {
      delay += action.seconds;
      continue;
    }
    const act = () => (action.type === "text" ? machine.typeText(action.text) : machine.pressKey(action.chord));
    if (delay === 0) keyboardErrors(act);
    else machine.after(delay, act);
  }
}

function keyboardErrors(act: () => void): void {
  try {
    act();
  } catch (error) {
    if (error instanceof RangeError) throw new CliError(`--keys: ${error.message}`);
    throw error;
  }
}

/** Host milliseconds one piece of a run should take. */
const PIECE_MS = 20;
const FIRST_PIECE = 100_000;
const LARGEST_PIECE = 50_000_000;
/** Shortest sleep worth its cost: guests that wake more often are let run ahead by this much. */
const SHORTEST_SLEEP_MS = 4;
/** Longest sleep while a halted guest waits and input may come. */
const LONGEST_SLEEP_MS = 1_000;

/** One machine driven from the command line. */
class CommandRun {
  readonly #machine: Machine;
  readonly #connections: Connections;
  readonly #limits: Limits;
  readonly #progress = new Progress();
  readonly #stdin: StdinForwarder;
  #interruption: Interruption | undefined;
  /** How far the virtual clock of a waiting guest is ahead of the host's, in milliseconds. */
  #ahead = 0;
  #endedLine = true;

  constructor(machine: Machine, connections: Connections, limits: Limits) {
    this.#machine = machine;
    this.#connections = connections;
    this.#limits = limits;
    this.#stdin = new StdinForwarder({
      onBytes: (bytes) => machine.sendSerial(bytes, connections.com1.isStdio ? 0 : 1),
      onQuit: () => this.#interrupt(ExitCode.INTERRUPTED, "the keyboard"),
    });
    machine.onSerial(0, (byte) => this.#output(connections.com1, byte));
    machine.onSerial(1, (byte) => this.#output(connections.com2, byte));
    machine.onDebugConsole((byte) => this.#output(connections.debug, byte));
  }

  /** Runs to an exit, a limit or an interruption. `withStdin` forwards standard input where a port is on stdio. */
  async drive(withStdin: boolean): Promise<RunResult> {
    const onInterrupt = () => this.#interrupt(ExitCode.INTERRUPTED, "an interrupt signal");
    const onTerminate = () => this.#interrupt(ExitCode.TERMINATED, "a termination signal");
    const onBrokenPipe = () => this.#interrupt(ExitCode.CANNOT_WRITE, "its output being closed");
    process.on("SIGINT", onInterrupt);
    process.on("SIGTERM", onTerminate);
    process.stdout.on("error", onBrokenPipe);
    if (withStdin && (this.#connections.com1.isStdio || this.#connections.com2.isStdio)) this.#stdin.start();
    try {
      return await this.#pieces();
    } finally {
      this.#stdin.stop();
      this.#progress.clear();
      process.removeListener("SIGINT", onInterrupt);
      process.removeListener("SIGTERM", onTerminate);
    }
  }

  async #pieces(): Promise<RunResult> {
    const machine = this.#machine;
    let piece = FIRST_PIECE;
    let catchUp: number | undefined;
    for (;;) {
      const started = performance.now();
      const result = machine.run({
        maxInstructions: Math.min(piece, this.#limits.maxInstructions - machine.instructions),
        maxVirtualSeconds: Math.min(this.#secondsLeft(), catchUp ?? Number.POSITIVE_INFINITY),
        pauseWhenHalted: this.#stdin.live && catchUp === undefined,
      });
      const elapsed = performance.now() - started;
      this.#flush();
      catchUp = undefined;
      if (this.#interruption !== undefined) return { ...result, exit: { kind: "stopped" } };
      if (result.exit.kind === "waiting") catchUp = await this.#sleep(result.exit.wakeTime);
      else if (result.exit.kind !== "budget" || this.#atLimit(result.exit.limit)) return result;
      else await nextTurn();
      if (elapsed < PIECE_MS / 2) piece = Math.min(piece * 2, LARGEST_PIECE);
      else if (elapsed > PIECE_MS * 2) piece = Math.max(FIRST_PIECE, piece / 2);
      this.#progress.tick(machine.instructions, machine.ticks / machine.clockHz);
    }
  }

  /** True when a limit of the whole run is reached; `limit` is the one that ended the piece. */
  #atLimit(limit: "instructions" | "time" | "events"): boolean {
    if (limit === "events") return Number.isFinite(this.#limits.maxInstructions);
    return this.#machine.instructions >= this.#limits.maxInstructions || this.#secondsLeft() <= 0;
  }

  /** Virtual seconds left of `--max-time`. */
  #secondsLeft(): number {
    return Math.max(0, this.#limits.maxSeconds - this.#machine.ticks / this.#machine.clockHz);
  }

  /**
   * The guest is halted until `wakeTime` and input may come: keeps the virtual clock in step with the host's by sleeping,
   * several short waits at once. Returns how much virtual time passes now, in seconds; input ends a sleep early.
   */
  async #sleep(wakeTime: number): Promise<number> {
    const { ticks, clockHz } = this.#machine;
    const toWake = ((wakeTime - ticks) / clockHz) * 1000;
    this.#ahead += Math.min(toWake, LONGEST_SLEEP_MS);
    if (this.#ahead < SHORTEST_SLEEP_MS) {
      await nextTurn();
      return toWake / 1000;
    }
    const started = performance.now();
    await this.#stdin.wait(this.#ahead);
    const early = Math.max(0, this.#ahead - (performance.now() - started));
    this.#ahead = 0;
    return Math.max(0.001, Math.min(toWake, LONGEST_SLEEP_MS) - early) / 1000;
  }

  #output(sink: ByteSink, byte: number): void {
    sink.put(byte);
    if (sink.isStdio) this.#endedLine = byte === 0x0a;
    if (sink.isStdio) this.#progress.output();
  }

  #flush(): void {
    this.#connections.com1.flush();
    this.#connections.com2.flush();
    this.#connections.debug.flush();
  }

  #interrupt(exitCode: number, cause: string): void {
    this.#interruption ??= { exitCode, cause };
    this.#machine.stop();
    this.#stdin.wake();
  }

  /** Prints what was asked for and returns the exit code. */
  async report(result: RunResult, options: ParsedOptions): Promise<number> {
    const code = this.#interruption?.exitCode ?? exitCodeOf(result.exit);
    this.#connections.com1.close();
    this.#connections.com2.close();
    this.#connections.debug.close();
    if (options.has("screen")) this.#print(`${trimmedScreen(this.#machine).join("\n")}\n`);
    if (options.has("json")) await this.#json(result, code, options);
    await this.#explain(result, options);
    return code;
  }

  async #json(result: RunResult, code: number, options: ParsedOptions): Promise<void> {
    const { summarize } = await import("../report/summary.js");
    const summary = summarize(this.#machine, result, imagePath(COMMAND, options), code);
    const path = options.get("json");
    if (path === undefined) {
      this.#print(`${JSON.stringify(summary)}\n`);
      return;
    }
    const file = openForWriting(path);
    writeAll(file, path, Buffer.from(`${JSON.stringify(summary, null, 2)}\n`));
  }

  /** On stderr: the end, unless it is the guest's own; the monitor's part in it, unless there is a summary as JSON; the statistics. */
  async #explain(result: RunResult, options: ParsedOptions): Promise<void> {
    const { vm, instructions } = this.#machine;
    await this.#diagnose();
    const ordinary = result.exit.kind === "guest-exit" || result.exit.kind === "powered-off";
    const full = options.has("stats");
    const short = vm !== undefined && !full && !options.has("json");
    if (ordinary && !full && !short) return;
    const { grouped } = await import("../report/numbers.js");
    const what = this.#interruption === undefined ? describeResult(result) : `ended by ${this.#interruption.cause}`;
    const lines = ordinary && !full ? [] : [`vmexit: ${what}, after ${grouped(instructions)} instructions`];
    if (short) {
      const { monitorSentences } = await import("../report/monitor-summary.js");
      lines.push(...monitorSentences(vm.options, vm.statistics()).map((sentence) => `vmexit: ${sentence}`));
    }
    if (full) {
      const { statisticsLines } = await import("../report/summary.js");
      lines.push(...statisticsLines(this.#machine.statistics(), vm?.options));
    }
    const onOwnLine = this.#endedLine || !process.stdout.isTTY ? "" : "\n";
    process.stderr.write(`${onOwnLine}${lines.join("\n")}\n`);
  }

  /** What `--diagnose` has found. */
  async #diagnose(): Promise<void> {
    const diagnosis = this.#machine.vm?.diagnosis();
    if (diagnosis === undefined) return;
    const { diagnosisLines } = await import("./diagnosis-text.js");
    process.stderr.write(`${(await diagnosisLines(diagnosis)).join("\n")}\n`);
  }

  /** Prints on stdout, beginning a new line if the guest left one unfinished. */
  #print(text: string): void {
    process.stdout.write(this.#endedLine ? text : `\n${text}`);
    this.#endedLine = true;
  }
}

/** The text screen without the empty lines at its end. */
function trimmedScreen(machine: Machine): string[] {
  const lines = machine.screenText();
  while (lines.length > 0 && lines.at(-1) === "") lines.pop();
  return lines;
}

/** Lets input and signals be handled. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
