/** `npm run check`: format, lint and types, all of them even when one fails, with one line for each. */
import { spawnSync } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const parts = ["check:format", "check:lint", "check:types"];
let failed = 0;

for (const part of parts) {
  const started = performance.now();
  const result = spawnSync("npm", ["run", "--silent", part], {
    cwd: root,
    encoding: "utf8",
    shell: process.platform === "win32",
  });
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  const ok = result.status === 0;
  if (!ok) {
    failed++;
    process.stdout.write(`${result.stdout}${result.stderr}`);
  }
  console.log(`${ok ? "passed" : "FAILED"} ${part} (${seconds} s)`);
}
console.log(`${parts.length - failed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
