/**
 * Builds and runs the native recorder from tests. Where it cannot be built (no x86 Linux, no 32-bit compiler) the reason is given, never a
 * silent skip.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const FOLDER = dirname(fileURLToPath(import.meta.url));
const BUILD = join(FOLDER, "..", "..", "build", "oracle");

/** The recorder's path, or why there is none. */
export type Recorder = { path: string } | { reason: string };

/** Compiles the recorder unless it is up to date. */
export function buildRecorder(): Recorder {
  if (process.platform !== "linux" || (process.arch !== "x64" && process.arch !== "ia32")) {
    return { reason: `native vectors need an x86 Linux, this is ${process.platform} on ${process.arch}` };
  }
  mkdirSync(BUILD, { recursive: true });
  try {
    execFileSync("make", ["-s", "-C", FOLDER, `BUILD=${BUILD}`], { encoding: "utf8", stdio: "pipe" });
  } catch (error) {
    const output = error instanceof Error && "stderr" in error ? String(error.stderr).trim() : String(error);
    return {
      reason: `the recorder cannot be built (gcc with 32-bit libraries and make are needed): ${output.split("\n").at(-1)}`,
    };
  }
  return { path: join(BUILD, "recorder") };
}

/** Streams `count` fresh vectors. The process is ended when the consumer stops early. Raises if the recorder fails. */
export async function* record(path: string, seed: number, count: number): AsyncGenerator<Uint8Array> {
  const child: ChildProcess = spawn(path, [String(seed), String(count)], { stdio: ["ignore", "pipe", "pipe"] });
  let messages = "";
  child.stderr!.on("data", (chunk: Buffer) => {
    messages += chunk.toString();
  });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", resolve);
  });
  try {
    for await (const chunk of child.stdout!) yield chunk as Uint8Array;
    const code = await ended;
    if (code !== 0) throw new Error(`the recorder ended with code ${code}: ${messages.trim()}`);
  } finally {
    child.kill();
  }
}
