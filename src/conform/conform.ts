/**
 * Runs test files on the machine and gathers the report: the library side of `vmexit conform`.
 *
 * Invariant: every test of every file is counted once, as passed, failed or left out for a named reason.
 */
import type { CoreHost } from "../core/core.js";
import type { Platform } from "../core/platform.js";
import { ByteReader } from "./byte-reader.js";
import { hex } from "./difference.js";
import { listTestFiles, MaskFinder, readTestFile, type TestFile } from "./inputs.js";
import { headOf } from "./instruction-key.js";
import { parseMoo } from "./moo.js";
import { type NativeCase, NativeVectorReader } from "./native-vectors.js";
import { type ConformOptions, keySelected } from "./options.js";
import { filter286, PROFILE_286_NOTES } from "./profile-286.js";
import { REAL_MODE_RAM, type RealModeResult, RealModeRunner } from "./real-mode-runner.js";
import { type ConformReport, count, countsOf, emptyReport, type Mismatch } from "./report.js";
import { REGISTER_NAMES, type RealModeCase, SEGMENT_NAMES } from "./test-case.js";
import { RESET_ROM_BYTES, USER_MODE_RAM } from "./user-mode-machine.js";
import { UserModeRunner } from "./user-mode-runner.js";

const BATCH = 64;
const NOT_SELECTED = "not asked for (--opcode, --shard)";

/** Makes what tests run on, with these sizes of RAM and ROM. */
export type MakePlatform = (host: CoreHost, ramBytes: number, romBytes: number) => Platform;

/** Called now and then with the number of tests done. */
export type Progress = (file: string, tests: number) => void;

/** Collects results; shared by both kinds of tests. */
class Collector {
  readonly report: ConformReport = emptyReport();
  readonly #options: ConformOptions;
  readonly #progress: Progress;
  #tests = 0;

  constructor(options: ConformOptions, progress: Progress) {
    this.#options = options;
    this.#progress = progress;
  }

  /** True if the test is to be run; otherwise it is counted as not asked for. */
  wants(key: string, index: number): boolean {
    const { shard, opcodes } = this.#options;
    const wanted = index % shard.count === shard.index && keySelected(opcodes, key);
    if (!wanted) count(this.report.filtered, NOT_SELECTED);
    return wanted;
  }

  leaveOut(key: string, reason: string): void {
    count(this.report.filtered, reason);
    countsOf(this.report, key).filtered++;
  }

  add(file: string, key: string, failed: boolean, describe: () => Omit<Mismatch, "file" | "key">): void {
    const counts = countsOf(this.report, key);
    if (failed) {
      counts.failed++;
      this.report.failed++;
      if (this.report.mismatches.length < this.#options.show) this.report.mismatches.push({ file, key, ...describe() });
    } else {
      counts.passed++;
      this.report.passed++;
    }
    if (++this.#tests % 5000 === 0) this.#progress(file, this.#tests);
  }
}

/** Runs what `options` name, on the bare machine unless told otherwise. Raises `ConformFileError` for a file that cannot be read. */
export function conform(
  options: ConformOptions,
  progress: Progress = () => undefined,
  platform?: MakePlatform,
): ConformReport {
  const started = performance.now();
  const collector = new Collector(options, progress);
  const masks = new MaskFinder(options.mask);
  let realMode: RealModeRunner | undefined;
  for (const path of options.paths.flatMap(listTestFiles)) {
    const file = readTestFile(path);
    collector.report.files++;
    if (file.kind === "moo") {
      realMode ??= new RealModeRunner(platform && ((host) => platform(host, REAL_MODE_RAM, 0)));
      runMooFile(file, realMode, masks, collector);
    } else {
      runNativeFile(file, options, collector, platform);
    }
  }
  collector.report.seconds = (performance.now() - started) / 1000;
  return collector.report;
}

function runMooFile(file: TestFile, runner: RealModeRunner, masks: MaskFinder, collector: Collector): void {
  const parsed = parseMoo(new ByteReader(file.path, file.bytes));
  const is286 = /286/.test(parsed.cpu);
  const rules = { is286, masks: masks.for(file.path) };
  let batch: RealModeCase[] = [];
  const flush = () => {
    for (const [i, result] of runner.runBatch(batch, rules).entries()) addRealMode(file, batch[i]!, result, collector);
    batch = [];
  };
  for (const test of parsed.tests) {
    const { key } = headOf(test.bytes);
    if (!collector.wants(key, test.index)) continue;
    const unsupported = RealModeRunner.unsupported(test);
    const filter = is286 ? filter286(test) : undefined;
    if (unsupported !== undefined) {
      collector.leaveOut(key, unsupported);
    } else if (filter !== undefined) {
      collector.leaveOut(key, PROFILE_286_NOTES[filter]);
    } else {
      batch.push(test);
      if (batch.length === BATCH) flush();
    }
  }
  flush();
}

function addRealMode(file: TestFile, test: RealModeCase, result: RealModeResult, collector: Collector): void {
  for (const note of result.notes) count(collector.report.adapted, PROFILE_286_NOTES[note]);
  collector.add(file.path, headOf(test.bytes).key, result.differences.length > 0, () => ({
    ...{ index: test.index, name: test.name, bytes: test.bytes, bits: 16 },
    before: [
      test.initial.general.map((value, r) => `${REGISTER_NAMES[r]}=${hex(value)}`).join(" "),
      `${test.initial.segments.map((value, s) => `${SEGMENT_NAMES[s]}=${hex(value, 4)}`).join(" ")} eip=${hex(test.initial.eip)} eflags=${hex(test.initial.eflags)}`,
      `ram ${test.initialRam.addresses.map((address, i) => `${hex(address, 6)}:${hex(test.initialRam.values[i]!, 2)}`).join(" ")}`,
      ...(test.exception === undefined ? [] : [`ends with exception ${test.exception.vector}`]),
    ],
    differences: result.differences,
  }));
}

function runNativeFile(
  file: TestFile,
  options: ConformOptions,
  collector: Collector,
  platform: MakePlatform | undefined,
): void {
  const reader = new NativeVectorReader(file.path);
  const cases = reader.push(file.bytes);
  reader.finish();
  const runner = new UserModeRunner(
    reader.environment!,
    platform && { platform: (host) => platform(host, USER_MODE_RAM, RESET_ROM_BYTES) },
  );
  runner.stepping = options.step;
  for (const test of cases) {
    const { key } = headOf(test.code);
    if (!collector.wants(key, test.index)) continue;
    const differences = runner.run(test);
    collector.add(file.path, key, differences.length > 0, () => ({ ...describeNative(test), differences }));
  }
}

/** A native test as a mismatch shows it. */
export function describeNative(test: NativeCase): Omit<Mismatch, "file" | "key" | "differences"> {
  return {
    ...{ index: test.index, name: "", bytes: test.code, bits: test.code32 ? 32 : 16 },
    before: [
      [...test.general].map((value, r) => `${REGISTER_NAMES[r]}=${hex(value)}`).join(" "),
      `${[...test.segments].map((value, s) => `${SEGMENT_NAMES[s]}=${hex(value, 4)}`).join(" ")} eip=${hex(test.eip)} eflags=${hex(test.eflags)}`,
      ...test.patches.map(({ offset, bytes }) => `window+${hex(offset, 4)}: ${Buffer.from(bytes).toString("hex")}`),
      `ends with vector ${test.vector}${test.error === undefined ? "" : ` error ${hex(test.error, 4)}`}${test.cr2 === undefined ? "" : ` cr2 ${hex(test.cr2)}`}`,
    ],
  };
}
