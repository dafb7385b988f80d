/**
 * How long until a guest's first byte, and how much memory beside the guest's: whole `bin/vmexit run` processes, as a user
 * starts them. Peak memory is the kernel's high-water mark of the process (VmHWM, proc(5)), read when the guest is at its end.
 */
import { spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { median } from "./paired.mjs";

const VMEXIT = fileURLToPath(new URL("../bin/vmexit", import.meta.url));
const rom = (name) => fileURLToPath(new URL(`../roms/${name}.elf`, import.meta.url));

/**
 * CPU time of a process's threads in milliseconds: first field of each thread's schedstat (proc(5)). `undefined` if the
 * process has ended already.
 */
function cpuOf(pid) {
  const tasks = `/proc/${pid}/task`;
  const own = (task) => Number(readFileSync(`${tasks}/${task}/schedstat`, "utf8").split(" ")[0]);
  try {
    return readdirSync(tasks).reduce((sum, task) => sum + own(task), 0) / 1e6;
  } catch (error) {
    if (error.code === "ENOENT" || error.code === "ESRCH") return undefined;
    throw error;
  }
}

/** Starts Node with `args`; resolves to wall and CPU milliseconds from spawn to the first byte on its standard output. */
function firstByte(args) {
  return new Promise((resolve, reject) => {
    const started = performance.now();
    const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
    let taken;
    child.stdout.once("data", () => {
      taken = { wall: performance.now() - started, cpu: cpuOf(child.pid) };
    });
    child.on("error", reject);
    child.on("close", (code) => {
      if (taken === undefined) reject(new Error(`${args.join(" ")} printed nothing and ended with status ${code}`));
      else resolve(taken);
    });
  });
}

/** A program that prints one byte and waits, so that its CPU time can be read: the floor under any program on Node. */
const ONLY_PRINTS = "process.stdout.write('x'); setTimeout(() => {}, 50)";

/** Medians over `runs` runs in turn: vmexit with the guest `hello`, and a Node program that only prints. */
export async function measureFirstByte(runs) {
  const vmexit = [];
  const node = [];
  for (let run = 0; run < runs; run++) {
    vmexit.push(await firstByte([VMEXIT, "run", rom("hello")]));
    node.push(await firstByte(["-e", ONLY_PRINTS]));
  }
  const summary = (samples) => ({
    wall: median(samples.map(({ wall }) => wall)),
    least: Math.min(...samples.map(({ wall }) => wall)),
    cpu: median(samples.map(({ cpu }) => cpu).filter((cpu) => cpu !== undefined)),
    samples,
  });
  return { vmexit: summary(vmexit), node: summary(node) };
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
