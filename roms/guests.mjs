/**
 * The guests of this folder as data, and the two programs that build and witness them.
 *
 * `manifest.json` lists every run that has an expected transcript: image `NAME.elf`, started with the command line
 * `append` and, when given, `input` on the serial port, must print exactly the bytes of `transcript` (default
 * `NAME.txt`) and end the emulator with status `exitCode`. `machines` says where that holds; a run that QEMU gets wrong
 * names only `vmexit`, and README.md says why.
 */
import { spawn, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** Absolute path of the folder that holds the guests. */
export const ROMS = dirname(fileURLToPath(import.meta.url));

/**
 * One run with an expected outcome.
 * @typedef {object} GuestRun
 * @property {string} name image and source without extension, relative to this folder
 * @property {string} append Multiboot command line, without the image's path
 * @property {number} exitCode status the emulator's process must end with
 * @property {("vmexit" | "qemu")[]} machines where the transcript holds
 * @property {string} [input] bytes to type on COM1, sent when the guest prints `prompt`
 * @property {string} [prompt] text the guest prints each time it wants a line
 * @property {string} [transcript] file name of the expected bytes, when it is not NAME.txt
 */

/** @returns {GuestRun[]} every run of manifest.json */
export function guestRuns() {
  return JSON.parse(readFileSync(join(ROMS, "manifest.json"), "utf8"));
}

/** @returns {GuestRun[]} every run of manifest-pv.json: paravirtual images, for `--vmm pv` alone */
export function pvRuns() {
  return JSON.parse(readFileSync(join(ROMS, "manifest-pv.json"), "utf8"));
}

/** @param {GuestRun} run @returns {string} absolute path of the expected transcript */
export function transcriptPath(run) {
  return join(ROMS, run.transcript ?? `${run.name}.txt`);
}

/** @param {string} program @returns {boolean} whether the program can be started */
export function isInstalled(program) {
  return spawnSync(program, ["--version"], { stdio: "ignore" }).error === undefined;
}

/**
 * Assembles `NAME.asm` to `output`, or for NAME-pv the same source as a paravirtual kernel; warnings are errors.
 * @param {string} name @param {string} output absolute path
 * @throws {Error} with nasm's own message
 */
export function assemble(name, output) {
  const source = name.replace(/-pv$/, "");
  const args = ["-f", "bin", "-Werror", "-I", `${ROMS}/`, "-o", output, join(ROMS, `${source}.asm`)];
  if (source !== name) args.unshift("-dPV");
  const result = spawnSync("nasm", args, { encoding: "utf8" });
  if (result.error) throw new Error(`nasm could not be started: ${result.error.message}`);
  if (result.status !== 0) throw new Error(`nasm refused ${name}.asm:\n${result.stderr.trim()}`);
}

/**
 * Runs a guest under qemu-system-i386 (TCG) and collects what it prints on COM1.
 * @param {GuestRun} run @param {number} [timeoutMs] after which the run is ended and counted as failed
 * @returns {Promise<{ serial: Buffer, exitCode: number | null }>} `exitCode` is null after the time limit
 */
export function runUnderQemu(run, timeoutMs = 60_000) {
  const args = ["-M", "pc", "-accel", "tcg", "-m", "64", "-nodefaults", "-display", "none", "-serial", "stdio"];
  args.push("-no-reboot", "-device", "isa-debug-exit,iobase=0xf4,iosize=4", "-kernel", join(ROMS, `${run.name}.elf`));
  if (run.append !== "") args.push("-append", run.append);
  return new Promise((resolve, reject) => {
    const child = spawn("qemu-system-i386", args, { stdio: ["pipe", "pipe", "inherit"] });
    const chunks = [];
    const lines = (run.input ?? "").split("\n").filter((line) => line !== "");
    let unanswered = "";
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      child.kill("SIGKILL");
    }, timeoutMs);
    child.stdin.on("error", () => {});
    child.stdout.on("data", (chunk) => {
      chunks.push(chunk);
      if (run.prompt === undefined) return;
      unanswered += chunk.toString("latin1");
      while (lines.length > 0 && unanswered.includes(run.prompt)) {
        unanswered = unanswered.slice(unanswered.indexOf(run.prompt) + run.prompt.length);
        child.stdin.write(`${lines.shift()}\r`);
      }
    });
    child.on("error", reject);
    child.on("close", (code) => {
      clearTimeout(timer);
      resolve({ serial: Buffer.concat(chunks), exitCode: timedOut ? null : code });
    });
  });
}
