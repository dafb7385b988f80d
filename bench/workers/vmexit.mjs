/** Runs bench guests on this project's machine, built in dist/ and build/. `options.engine` picks the engine. */
import { createMachine, describeResult } from "../../dist/src/index.js";
import { guestImage, serve } from "./serve.mjs";
import { processClock, Stopwatch } from "./stopwatch.mjs";

serve(({ guest, iterations, memoryMegabytes, options }) => {
  const machine = createMachine({
    image: guestImage(guest),
    name: guest,
    memoryBytes: memoryMegabytes << 20,
    commandLine: `n=${iterations}`,
    engine: options.engine,
  });
  let sample;
  let instructions = 0;
  const watch = new Stopwatch(
    () => {
      instructions = machine.instructions - instructions;
      return processClock();
    },
    (taken) => {
      sample = { ...taken, instructions };
    },
  );
  machine.onSerial(0, (byte) => watch.byte(byte));
  const result = machine.run();
  if (sample === undefined) throw new Error(`${guest} printed no end line: ${describeResult(result)}`);
  return sample;
});
