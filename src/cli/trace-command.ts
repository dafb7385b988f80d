/**
 * `vmexit trace IMAGE` writes down every instruction of a run; `trace show FILE` prints a binary trace as text and
 * `trace diff A B` finds where two traces part.
 */
import { closeSync } from "node:fs";
import { createMachine, type Machine } from "../machine/machine.js";
import { describeResult, type RunExit } from "../machine/run-result.js";
import { Seg } from "../../assembly/abi/x86.js";
import { BinaryTraceReader, BinaryTraceWriter } from "../trace/binary-trace.js";
import { loadDisassembler } from "../trace/disassembler.js";
import { TextTraceWriter } from "../trace/text-trace.js";
import type { TraceSink } from "../trace/trace-record.js";
import { type TracePoint, Tracer } from "../trace/tracer.js";
import { openForWriting, openSink, writeAll } from "./byte-sinks.js";
import { CliError } from "./cli-error.js";
import { ExitCode, exitCodeOf } from "./exit-codes.js";
import { readInput } from "./image-files.js";
import { checkWithoutEffect, IMAGE_OPTIONS, MACHINE_OPTIONS, machineConfig, QEMU_OPTIONS } from "./image-options.js";
import { type OptionTable, type ParsedOptions, parseOptions } from "./option-parser.js";
import { parseAddress, parseCount } from "./quantities.js";

const COMMAND = "vmexit trace";

/** The options of `vmexit trace IMAGE`. */
export const TRACE_OPTIONS: OptionTable = {
  ...IMAGE_OPTIONS,
  ...MACHINE_OPTIONS,
  output: { value: "FILE", help: "write the trace into FILE instead of standard output", aliases: ["o"] },
  binary: { help: "write the compact binary form (needs --output)" },
  "start-insn": { value: "N", help: "begin at instruction number N" },
  "start-at": { value: "ADDR", help: "begin at the linear address ADDR" },
  "start-exception": { value: "VECTOR", help: "begin with the delivery of exception VECTOR (14 or #PF)" },
  "stop-insn": { value: "N", help: "end behind instruction number N" },
  "stop-at": { value: "ADDR", help: "end behind the instruction at the linear address ADDR" },
  "stop-exception": { value: "VECTOR", help: "end with the delivery of exception VECTOR" },
  count: { value: "N", help: "write at most N records" },
  serial: { value: "stdio|none|file:PATH", help: "where COM1 goes (default none)", aliases: ["serial"] },
  input: { value: "PATH", help: "bytes for COM1, all there from the start" },
  ...QEMU_OPTIONS,
};

/** Exceptions by the names the options take. */
const EXCEPTIONS: readonly string[] =
  // biome-ignore format: by vector
  ["DE", "DB", "NMI", "BP", "OF", "BR", "UD", "NM", "DF", "", "TS", "NP", "SS", "GP", "PF", "", "MF", "AC", "MC", "XM"];

/** Ticks between two looks at signals. */
const BATCH = 20_000;

/** Runs `vmexit trace …` and returns the process exit code. */
export function traceCommand(args: string[]): Promise<number> {
  if (args[0] === "diff") return diffCommand(args.slice(1));
  if (args[0] === "show") return showCommand(args.slice(1));
  return writeCommand(args);
}

async function diffCommand(args: string[]): Promise<number> {
  const { positionals } = parseOptions(`${COMMAND} diff`, args, {});
  const [a, b, ...more] = positionals;
  if (a === undefined || b === undefined || more.length > 0) {
    throw new CliError(`${COMMAND} diff: expected two trace files and found ${positionals.length}`);
  }
  const { diffTraces } = await import("../trace/trace-diff.js");
  const difference = await diffTraces(readInput("trace", a), readInput("trace", b), [a, b]);
  process.stdout.write(`${difference.lines.join("\n")}\n`);
  return difference.equal ? 0 : 1;
}

async function showCommand(args: string[]): Promise<number> {
  const { positionals } = parseOptions(`${COMMAND} show`, args, {});
  const [path, ...more] = positionals;
  if (path === undefined || more.length > 0) {
    throw new CliError(`${COMMAND} show: expected one trace file and found ${positionals.length}`);
  }
  const reader = new BinaryTraceReader(readInput("trace", path));
  const output = new Output();
  const writer = new TextTraceWriter((text) => output.write(Buffer.from(text)), await loadDisassembler());
  writer.start(reader.start);
  let records = 0;
  for (const record of reader) {
    writer.record(record);
    if (++records % BATCH === 0 && !(await output.ready())) return ExitCode.CANNOT_WRITE;
  }
  writer.end();
  return 0;
}

async function writeCommand(args: string[]): Promise<number> {
  const options = parseOptions(COMMAND, args, TRACE_OPTIONS);
  checkWithoutEffect(COMMAND, options);
  const path = options.get("output");
  if (options.has("binary") && path === undefined) throw new CliError(`${COMMAND}: --binary needs --output FILE`);
  const start = tracePoint(options, "start");
  const stop = tracePoint(options, "stop");
  const count = options.get("count");
  const machine = createMachine(machineConfig(COMMAND, options));
  const input = options.get("input");
  if (input !== undefined) machine.sendSerial(readInput("input", input));
  const output = new Output(path);
  const serial = openSink("--serial", options.get("serial") ?? "none", (bytes) => output.write(bytes));
  machine.onSerial(0, (byte) => serial.put(byte));
  const tracer = new Tracer(machine, await traceSink(options.has("binary"), output), {
    ...(start === undefined ? {} : { start }),
    ...(stop === undefined ? {} : { stop }),
    ...(count === undefined ? {} : { count: parseCount("--count", count) }),
  });
  const exit = await follow(tracer, output);
  tracer.end();
  serial.close();
  output.close();
  return report(machine, tracer, exit);
}

/** Traces to the end; returns the guest's exit, a process exit code if the host ended it, or `undefined`. */
async function follow(tracer: Tracer, output: Output): Promise<RunExit | number | undefined> {
  let interrupted: number | undefined;
  const onInterrupt = () => {
    interrupted = ExitCode.INTERRUPTED;
  };
  const onTerminate = () => {
    interrupted = ExitCode.TERMINATED;
  };
  process.on("SIGINT", onInterrupt);
  process.on("SIGTERM", onTerminate);
  try {
    for (;;) {
      const progress = tracer.advance(BATCH);
      if (progress.done) return progress.exit;
      if (!(await output.ready())) return ExitCode.CANNOT_WRITE;
      if (interrupted !== undefined) return interrupted;
    }
  } finally {
    process.removeListener("SIGINT", onInterrupt);
    process.removeListener("SIGTERM", onTerminate);
  }
}

async function traceSink(binary: boolean, output: Output): Promise<TraceSink> {
  if (binary) return new BinaryTraceWriter((bytes) => output.write(bytes));
  return new TextTraceWriter((text) => output.write(Buffer.from(text)), await loadDisassembler());
}

/** One line on stderr about how the trace ended; the exit code is 0 when the last record asked for was written. */
function report(machine: Machine, tracer: Tracer, exit: RunExit | number | undefined): number {
  const records = `${tracer.written} records`;
  if (exit === undefined) {
    process.stderr.write(`vmexit: ${records} written\n`);
    return 0;
  }
  if (typeof exit === "number") {
    process.stderr.write(`vmexit: ended from outside, ${records} written\n`);
    return exit;
  }
  const result = {
    exit,
    instructions: machine.instructions,
    cs: machine.cpu.segment(Seg.CS).selector,
    eip: machine.cpu.eip,
  };
  process.stderr.write(`vmexit: ${describeResult(result)}, ${records} written\n`);
  return exitCodeOf(exit);
}

function tracePoint(options: ParsedOptions, prefix: "start" | "stop"): TracePoint | undefined {
  const instruction = options.get(`${prefix}-insn`);
  const address = options.get(`${prefix}-at`);
  const exception = options.get(`${prefix}-exception`);
  if (instruction === undefined && address === undefined && exception === undefined) return undefined;
  return {
    ...(instruction === undefined ? {} : { instruction: parseCount(`--${prefix}-insn`, instruction) }),
    ...(address === undefined ? {} : { address: parseAddress(`--${prefix}-at`, address) }),
    ...(exception === undefined ? {} : { exception: parseVector(`--${prefix}-exception`, exception) }),
  };
}

function parseVector(flag: string, text: string): number {
  const named = EXCEPTIONS.indexOf(text.replace(/^#/, "").toUpperCase());
  if (named >= 0 && text !== "") return named;
  if (/^\d+$/.test(text) && Number(text) < 32) return Number(text);
  throw new CliError(`${flag}: expected an exception such as 14 or #PF and found "${text}"`);
}

/** Standard output or a file; `ready` waits until a slow reader has caught up. */
class Output {
  readonly #path: string | undefined;
  readonly #file: number | undefined;
  #broken = false;
  #resume: (() => void) | undefined;

  constructor(path?: string) {
    this.#path = path;
    this.#file = path === undefined ? undefined : openForWriting(path);
    if (path !== undefined) return;
    process.stdout.on("error", () => this.#goOn(true));
    process.stdout.on("drain", () => this.#goOn(false));
  }

  write(bytes: Uint8Array): void {
    if (this.#file !== undefined && this.#path !== undefined) writeAll(this.#file, this.#path, bytes);
    else if (!this.#broken) process.stdout.write(bytes);
  }

  /** Lets output drain; false if nobody reads it any more. */
  async ready(): Promise<boolean> {
    await new Promise<void>((resolve) => {
      if (this.#file !== undefined || this.#broken || !process.stdout.writableNeedDrain) setImmediate(resolve);
      else this.#resume = resolve;
    });
    return !this.#broken;
  }

  close(): void {
    if (this.#file === undefined) return;
    closeSync(this.#file);
  }

  #goOn(broken: boolean): void {
    this.#broken ||= broken;
    this.#resume?.();
    this.#resume = undefined;
  }
}
