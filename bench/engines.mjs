/**
 * The engines that can be compared: each one a worker process that runs a bench guest and answers with times and checksum.
 * Invariant: one request at a time over all engines, so nothing measured runs beside another of its kind.
 */
import { fork, spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

/** Engines by name: the worker's file and its options. */
export const ENGINES = {
  "vmexit translator": { worker: "vmexit", options: { engine: "translator" } },
  "vmexit interpreter": { worker: "vmexit", options: { engine: "interpreter" } },
  "v86 nojit": { worker: "v86", options: { jit: false } },
  v86: { worker: "v86", options: { jit: true } },
  "qemu tcg": { worker: "qemu", options: {} },
};

const MEMORY_MEGABYTES = 64;
const PATIENCE_MS = 120_000;

/** Throws Error with the reason if an engine cannot run on this machine. */
export function checkEngine(name) {
  if (ENGINES[name].worker !== "qemu") return;
  if (spawnSync("qemu-system-i386", ["--version"]).error === undefined) return;
  throw new Error("qemu-system-i386 is not on this machine; Debian has it in the package qemu-system-x86");
}

/** A running worker of one engine. */
export class Engine {
  #child;

  constructor(name) {
    /** The engine's name. */
    this.name = name;
    const path = fileURLToPath(new URL(`workers/${ENGINES[name].worker}.mjs`, import.meta.url));
    this.#child = fork(path, { stdio: ["ignore", "ignore", "inherit", "ipc"] });
  }

  /** Runs a guest; resolves to `{ cpu, wall, checksum, iterations, instructions? }`, times in nanoseconds. */
  async run(guest, iterations) {
    const { options } = ENGINES[this.name];
    const answer = await this.#ask({ guest, iterations, memoryMegabytes: MEMORY_MEGABYTES, options });
    if (answer.error !== undefined) throw new Error(`${this.name}, ${guest}, n=${iterations}: ${answer.error}`);
    if (answer.sample.iterations !== iterations) {
      throw new Error(
        `${this.name}, ${guest}: expected ${iterations} iterations and found ${answer.sample.iterations}`,
      );
    }
    return answer.sample;
  }

  /** Ends the worker. */
  close() {
    if (this.#child.connected) this.#child.disconnect();
    this.#child.kill();
  }

  #ask(request) {
    return new Promise((resolve) => {
      const finish = (answer) => {
        clearTimeout(timer);
        this.#child.removeAllListeners("message");
        this.#child.removeAllListeners("exit");
        resolve(answer);
      };
      const timer = setTimeout(() => {
        this.close();
        finish({ error: `no answer within ${PATIENCE_MS / 1000} s` });
      }, PATIENCE_MS);
      this.#child.once("message", finish);
      this.#child.once("exit", (code, signal) => finish({ error: `the worker ended with ${signal ?? code}` }));
      this.#child.send(request);
    });
  }
}
