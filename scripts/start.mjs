/** `npm start`: builds what is missing or stale, then boots the demonstration kernel and passes its exit code on. */
import { spawnSync } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");

/** Runs a script of this project with Node; returns its exit code. */
function node(...args) {
  const result = spawnSync(process.execPath, args, { cwd: root, stdio: "inherit" });
  return result.status ?? 1;
}

const built = node(join("scripts", "build.mjs"), "--if-needed");
process.exitCode = built !== 0 ? built : node(join("bin", "vmexit"), "run", join("roms", "minikernel.elf"));
