/** Runs the built command as a user does, in a process of its own. */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll } from "vitest";

const BIN = fileURLToPath(new URL("../../bin/vmexit", import.meta.url));

/** Path of a file of the checkout. */
export const inRoot = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));

/** What a finished process left behind. */
export interface Outcome {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** A running `vmexit`: what it printed so far, and its end. */
export interface Running {
  stdout(): string;
  /** Resolves when `text` has been printed. */
  prints(text: string): Promise<void>;
  send(text: string): void;
  endInput(): void;
  kill(signal: NodeJS.Signals): void;
  outcome: Promise<Outcome>;
}

/** Starts `vmexit` with standard input as a pipe. */
export function start(...args: string[]): Running {
  const child = spawn(process.execPath, [BIN, ...args], { stdio: "pipe" });
  let stdout = "";
  let stderr = "";
  const waiting: { text: string; resolve: () => void }[] = [];
  child.stdout.setEncoding("latin1").on("data", (text: string) => {
    stdout += text;
    for (const each of waiting) if (stdout.includes(each.text)) each.resolve();
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  child.stdin.on("error", () => {});
  return {
    stdout: () => stdout,
    prints: (text) =>
      new Promise((resolve) => {
        if (stdout.includes(text)) resolve();
        else waiting.push({ text, resolve });
      }),
    send: (text) => child.stdin.write(text),
    endInput: () => child.stdin.end(),
    kill: (signal) => child.kill(signal),
    outcome: new Promise((resolve) => child.on("close", (code) => resolve({ code, stdout, stderr }))),
  };
}

/** Runs `vmexit` to its end with empty standard input. */
export function vmexit(...args: string[]): Promise<Outcome> {
  const running = start(...args);
  running.endInput();
  return running.outcome;
}

/** A folder for the files of one test file, removed at its end. */
export function testFolder(): {
  path(name: string): string;
  write(name: string, content: string | Uint8Array): string;
} {
  const folder = mkdtempSync(join(tmpdir(), "vmexit-test-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return {
    path: (name) => join(folder, name),
    write(name, content) {
      writeFileSync(join(folder, name), content);
      return join(folder, name);
    },
  };
}
