/**
 * How long until a guest's first byte, and how much memory beside the guest's: whole `bin/vmexit run` processes, as a user
 * starts them. Peak memory is the kernel's high-water mark of the process (VmHWM, proc(5)), read when the guest is at its end.
 */
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { median } from "./paired.mjs";

const VMEXIT = fileURLToPath(new URL("../bin/vmexit", import.meta.url));
const rom = (name) => fileURLToPath(new URL(`../roms/${name}.elf`, import.meta.url));

/** Runs vmexit and resolves to the milliseconds from spawn to the first byte on its standard output. */
function firstByte() {
  return new Promise((resolve, reject) => {
    const started = performance.now();
    const child = spawn(process.execPath, [VMEXIT, "run", rom("hello")], { stdio: ["ignore", "pipe", "inherit"] });
    let elapsed;
    child.stdout.once("data", () => {
      elapsed = performance.now() - started;
    });
    child.stdout.resume();
    child.on("error", reject);
    child.on("close", () => {
      if (elapsed === undefined) reject(new Error("roms/hello.elf printed nothing"));
      else resolve(elapsed);
    });
  });
}

/** Milliseconds from spawn to first byte over `runs` runs, and those of a Node process that only prints. */
export async function measureFirstByte(runs) {
  const samples = [];
  const node = [];
  for (let run = 0; run < runs; run++) {
    samples.push(await firstByte());
    node.push(await bareNode());
  }
  return { samples, median: median(samples), min: Math.min(...samples), max: Math.max(...samples), node: median(node) };
}

/** The same for `node -e`, the floor under any program on Node. */
function bareNode() {
  return new Promise((resolve, reject) => {
    const started = performance.now();
    const child = spawn(process.execPath, ["-e", "process.stdout.write('x')"], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    child.stdout.once("data", () => resolve(performance.now() - started));
    child.on("error", reject);
  });
}

/** Peak memory in bytes of a vmexit process that runs a bench guest with `ramMegabytes` of RAM to its end line. */
export function measureMemory(guest, iterations, ramMegabytes) {
  return new Promise((resolve, reject) => {
    const args = [VMEXIT, "run", rom(`bench/${guest}`), "-m", String(ramMegabytes), "--append", `n=${iterations}`];
    const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
    let peak = 0;
    const look = () => {
      const line = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${child.pid}/status`, "utf8"));
      if (line !== null) peak = Math.max(peak, Number(line[1]) * 1024);
    };
    const timer = setInterval(() => {
      try {
        look();
      } catch (error) {
        if (error.code !== "ENOENT" && error.code !== "ESRCH") throw error;
      }
    }, 10);
    child.on("error", reject);
    child.on("close", (code) => {
      clearInterval(timer);
      if (peak === 0) reject(new Error(`bench/${guest} ended with status ${code} before its memory could be read`));
      else resolve(peak);
    });
    child.stdout.resume();
  });
}
