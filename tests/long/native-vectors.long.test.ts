/**
 * A million fresh native vectors: recorded on this CPU with a new seed, streamed into the machine, none kept.
 *
 * VMEXIT_SEED repeats a run, VMEXIT_VECTORS changes the count. The first mismatches are printed in full with the seed.
 */
import { randomInt } from "node:crypto";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { describeNative } from "../../src/conform/conform.js";
import { headOf } from "../../src/conform/instruction-key.js";
import { NativeVectorReader } from "../../src/conform/native-vectors.js";
import { mismatchText } from "../../src/conform/report.js";
import { UserModeRunner } from "../../src/conform/user-mode-runner.js";
import { buildRecorder, record } from "../oracle/recorder.js";

const SAMPLE = fileURLToPath(new URL("../vectors/native-user.vxv.gz", import.meta.url));
const SHOWN = 5;
const recorder = buildRecorder();

/** A whole number from the environment, or the default. Raises when it is something else. */
function setting(name: string, fallback: number): number {
  const text = process.env[name];
  if (text === undefined || text === "") return fallback;
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0 || value > 0xffffffff) {
    throw new Error(`${name}: expected a whole number below 2^32 and found "${text}"`);
  }
  return value;
}

describe("native vectors", () => {
  test("the recorder can be built here", () => {
    expect("reason" in recorder ? recorder.reason : "built").toBe("built");
  });

  test("a million fresh vectors agree with the CPU", async () => {
    if ("reason" in recorder) throw new Error(recorder.reason);
    const seed = setting("VMEXIT_SEED", randomInt(0x100000000 - 1));
    const count = setting("VMEXIT_VECTORS", 1_000_000);
    console.log(`native vectors: VMEXIT_SEED=${seed}, ${count} tests`);
    const reader = new NativeVectorReader(`seed ${seed}`);
    let runner: UserModeRunner | undefined;
    let passed = 0;
    let failed = 0;
    const shown: string[] = [];
    for await (const chunk of record(recorder.path, seed, count)) {
      for (const vector of reader.push(chunk)) {
        runner ??= new UserModeRunner(reader.environment!);
        const differences = runner.run(vector);
        if (differences.length === 0) {
          passed++;
          continue;
        }
        failed++;
        if (shown.length < SHOWN) {
          const { key } = headOf(vector.code);
          shown.push(mismatchText({ file: `seed ${seed}`, key, ...describeNative(vector), differences }, ""));
        }
      }
    }
    reader.finish();
    if (shown.length > 0) console.log(shown.join("\n\n"));
    console.log(`native vectors: ${passed} agree, ${failed} do not (${reader.environment!.cpu.vendor})`);
    expect({ seed, failed }).toEqual({ seed, failed: 0 });
    expect(passed).toBe(count);
  });

  test("recording the committed sample again gives the same bytes on the same kind of CPU", async () => {
    if ("reason" in recorder) throw new Error(recorder.reason);
    const committed = gunzipSync(readFileSync(SAMPLE));
    const sample = new NativeVectorReader(SAMPLE);
    sample.push(committed);
    const { seed, count, cpu } = sample.environment!;
    const chunks: Uint8Array[] = [];
    for await (const chunk of record(recorder.path, seed, count)) chunks.push(chunk);
    const again = Buffer.concat(chunks);
    const here = new NativeVectorReader("recorded");
    here.push(again);
    if (here.environment!.cpu.signature !== cpu.signature) {
      console.log(`not compared: this CPU is ${here.environment!.cpu.vendor}, the sample's was ${cpu.vendor}`);
      return;
    }
    expect(again.equals(committed)).toBe(true);
  });
});
