/**
 * Runs the guests under qemu-system-i386 and compares what they print with the committed transcripts.
 *
 *   node roms/witness.mjs [--write] [NAME...]
 *
 * `--write` replaces the transcripts by what QEMU printed: for new guests, to be read before it is committed. Runs
 * that do not list `qemu` among their machines are left alone. Ends with 1 on a difference, with 2 when QEMU is missing.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { guestRuns, isInstalled, runUnderQemu, transcriptPath } from "./guests.mjs";

const write = process.argv.includes("--write");
const wanted = process.argv.slice(2).filter((argument) => argument !== "--write");

if (!isInstalled("qemu-system-i386")) {
  console.error("qemu-system-i386 is not installed; the guests cannot be witnessed");
  process.exit(2);
}

let failures = 0;
for (const run of guestRuns()) {
  if (!run.machines.includes("qemu") || (wanted.length > 0 && !wanted.includes(run.name))) continue;
  const started = performance.now();
  const { serial, exitCode } = await runUnderQemu(run);
  const took = `${((performance.now() - started) / 1000).toFixed(2)} s`;
  const label = `${run.name} ${run.append}`.trim();
  if (write) writeFileSync(transcriptPath(run), serial);
  const same = serial.equals(readFileSync(transcriptPath(run)));
  if (same && exitCode === run.exitCode) {
    console.log(`ok    ${label} (${took})`);
    continue;
  }
  failures++;
  const status = exitCode === null ? "no end within the time limit" : `status ${exitCode}`;
  console.log(
    `WRONG ${label}: ${same ? "transcript equal" : "transcript differs"}, ${status}, expected ${run.exitCode}`,
  );
  if (!same) console.log(serial.toString("latin1"));
}
process.exit(failures > 0 ? 1 : 0);
