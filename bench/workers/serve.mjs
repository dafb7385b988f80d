/**
 * The frame of an engine's worker process: one request at a time in, one answer or error out, over Node's IPC channel.
 * A request is `{ guest, iterations, memoryMegabytes, options }`; an answer what `Stopwatch` reports.
 */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** Path of a bench guest's image. */
export function guestPath(guest) {
  return fileURLToPath(new URL(`../../roms/bench/${guest}.elf`, import.meta.url));
}

/** Bytes of a bench guest's image. */
export function guestImage(guest) {
  return readFileSync(guestPath(guest));
}

/** Serves requests with `run`, which returns a promise of a sample, until the parent closes the channel. */
export function serve(run) {
  process.on("message", async (request) => {
    try {
      process.send({ sample: await run(request) });
    } catch (error) {
      process.send({ error: error instanceof Error ? error.message : String(error) });
    }
  });
  process.on("disconnect", () => process.exit(0));
}
