/**
 * Runs bench guests on qemu-system-i386 with its code generator (TCG), one process for each sample. CPU time is that of all
 * its threads, from /proc, at the moments its `start` and `end` lines arrive; so this needs Linux.
 */
import { spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { guestPath, serve } from "./serve.mjs";
import { Stopwatch } from "./stopwatch.mjs";

/** CPU time of a process in nanoseconds: first field of each thread's schedstat (proc(5)). */
function cpuOf(pid) {
  const tasks = `/proc/${pid}/task`;
  return readdirSync(tasks)
    .map((task) => Number(readFileSync(`${tasks}/${task}/schedstat`, "utf8").split(" ")[0]))
    .reduce((sum, nanoseconds) => sum + nanoseconds, 0);
}

serve(
  ({ guest, iterations, memoryMegabytes }) =>
    new Promise((resolve, reject) => {
      const args = ["-accel", "tcg", "-m", String(memoryMegabytes), "-kernel", guestPath(guest)];
      args.push("-append", `n=${iterations}`, "-nodefaults", "-display", "none", "-serial", "stdio", "-no-reboot");
      // Without a debug-exit device the guest halts after its last line, so that its CPU time can still be read.
      const child = spawn("qemu-system-i386", args, { stdio: ["ignore", "pipe", "pipe"] });
      let finished = false;
      let complaint = "";
      const watch = new Stopwatch(
        () => ({ cpu: cpuOf(child.pid), wall: performance.now() * 1e6 }),
        (sample) => {
          finished = true;
          child.kill();
          resolve(sample);
        },
      );
      child.stdout.on("data", (bytes) => {
        for (const byte of bytes) watch.byte(byte);
      });
      child.stderr.on("data", (bytes) => {
        complaint += bytes;
      });
      child.on("error", reject);
      child.on("close", (code) => {
        if (!finished) reject(new Error(`qemu-system-i386 ended with status ${code}: ${complaint.trim()}`));
      });
    }),
);
