/**
 * Runs single-instruction tests that were captured from an 80286, in real mode of a virtual machine. They are not part of the project:
 * SST_80286 names their directory, and without it they are looked for beside the checkout.
 */
import { existsSync } from "node:fs";
import { conform } from "../../src/conform/conform.js";
import { parseConformOptions } from "../../src/conform/options.js";
import type { ConformReport } from "../../src/conform/report.js";
import { platformOf } from "./case-platform.js";
import type { Way } from "./ways.js";

const FOLDER = process.env.SST_80286 ?? new URL("../../../shared/conformance/sst-80286", import.meta.url).pathname;

/** True if the tests are there. */
export const HAS_VECTORS: boolean = existsSync(FOLDER);

/** Runs every `share`-th test of every file. */
export function realModeReport(way: Way, share: number): ConformReport {
  const options = parseConformOptions([FOLDER, "--shard", `1/${share}`]);
  return conform(options, undefined, (host, ramBytes, romBytes) => platformOf(way, ramBytes, romBytes)(host));
}
