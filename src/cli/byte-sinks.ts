/**
 * Where the bytes of a serial port or debug console go: the terminal, a file or nowhere, by QEMU's words.
 * Bytes are collected and written in pieces; `flush` must be called before the process ends.
 */
import { closeSync, openSync, writeSync } from "node:fs";
import { CliError } from "./cli-error.js";
import { ExitCode } from "./exit-codes.js";
import { fileProblem } from "./image-files.js";

/** One destination. */
export interface ByteSink {
  /** True if this is the process's standard output. */
  readonly isStdio: boolean;
  put(byte: number): void;
  flush(): void;
  close(): void;
}

const BUFFER_BYTES = 1 << 14;

/** Collects bytes and hands them on in pieces. */
class BufferedSink implements ByteSink {
  readonly isStdio: boolean;
  readonly #write: (bytes: Uint8Array) => void;
  readonly #end: () => void;
  readonly #buffer = new Uint8Array(BUFFER_BYTES);
  #length = 0;

  constructor(isStdio: boolean, write: (bytes: Uint8Array) => void, end: () => void = () => {}) {
    this.isStdio = isStdio;
    this.#write = write;
    this.#end = end;
  }

  put(byte: number): void {
    this.#buffer[this.#length++] = byte;
    if (this.#length === BUFFER_BYTES) this.flush();
  }

  flush(): void {
    if (this.#length === 0) return;
    const bytes = this.#buffer.slice(0, this.#length);
    this.#length = 0;
    this.#write(bytes);
  }

  close(): void {
    this.flush();
    this.#end();
  }
}

/**
 * The sink `stdio`, `none` (or `null`) or `file:PATH` names. `stdout` writes to standard output. Raises `CliError` for
 * another word or a file that cannot be written.
 */
export function openSink(flag: string, spec: string, stdout: (bytes: Uint8Array) => void): ByteSink {
  if (spec === "stdio" || spec === "mon:stdio") return new BufferedSink(true, stdout);
  if (spec === "none" || spec === "null") return new BufferedSink(false, () => {});
  const path = /^file:(.+)$/s.exec(spec)?.[1];
  if (path === undefined) throw new CliError(`${flag}: expected stdio, none or file:PATH and found "${spec}"`);
  const file = openForWriting(path);
  return new BufferedSink(
    false,
    (bytes) => writeAll(file, path, bytes),
    () => closeSync(file),
  );
}

/** Opens a file for writing, emptied. Raises `CliError`. */
export function openForWriting(path: string): number {
  try {
    return openSync(path, "w");
  } catch (error) {
    throw new CliError(`cannot write ${path}: ${fileProblem(error)}`, ExitCode.CANNOT_WRITE);
  }
}

/** Writes all bytes to an open file. Raises `CliError`, as when the disk is full. */
export function writeAll(file: number, path: string, bytes: Uint8Array): void {
  try {
    for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
  } catch (error) {
    throw new CliError(`cannot write ${path}: ${fileProblem(error)}`, ExitCode.CANNOT_WRITE);
  }
}
