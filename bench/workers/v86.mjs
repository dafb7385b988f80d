/**
 * Runs bench guests on v86 (npm), headless, started by its Multiboot loader without a BIOS. `options.jit` leaves its
 * compiler on; otherwise it interprets everything.
 */
import { fileURLToPath } from "node:url";
import { V86 } from "v86";
import { guestImage, serve } from "./serve.mjs";
import { processClock, Stopwatch } from "./stopwatch.mjs";

const WASM = fileURLToPath(new URL("v86.wasm", import.meta.resolve("v86")));

// Its test device at port 0xF4 throws this string out of its main loop: the guest has ended and the machine is dead.
let ended = () => {};
process.on("uncaughtException", (error) => {
  if (error !== "HALT") throw error;
  ended();
});
// It announces that on standard output, which is the report's.
console.log = () => {};

serve(
  ({ guest, iterations, memoryMegabytes, options }) =>
    new Promise((resolve, reject) => {
      const image = guestImage(guest);
      const emulator = new V86({
        wasm_path: WASM,
        memory_size: memoryMegabytes << 20,
        vga_memory_size: 1 << 20,
        multiboot: { buffer: image.buffer.slice(image.byteOffset, image.byteOffset + image.length) },
        cmdline: `n=${iterations}`,
        disable_jit: options.jit ? undefined : true,
        disable_keyboard: true,
        disable_mouse: true,
        disable_speaker: true,
        autostart: true,
      });
      let sample;
      const watch = new Stopwatch(processClock, (taken) => {
        sample = taken;
      });
      ended = () => (sample === undefined ? reject(new Error(`${guest} printed no end line`)) : resolve(sample));
      emulator.add_listener("serial0-output-byte", (byte) => watch.byte(byte));
    }),
);
