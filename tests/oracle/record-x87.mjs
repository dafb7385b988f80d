/**
 * `node tests/oracle/record-x87.mjs [SEED [COUNT]]` writes tests/vectors/x87.bin.gz and x87-functions.bin.gz anew.
 *
 * The same seed gives the same bytes on the same kind of CPU; the samples' own seed is the default.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const folder = dirname(fileURLToPath(import.meta.url));
const build = join(folder, "..", "..", "build", "oracle");
const program = join(build, "x87");
const [seed = "1", count = "45000"] = process.argv.slice(2);

mkdirSync(build, { recursive: true });
execFileSync("gcc", ["-O1", "-Wall", "-Wextra", "-o", program, join(folder, "x87.c")], { stdio: "inherit" });
for (const [name, arguments_] of [
  ["x87.bin.gz", [seed, count]],
  ["x87-functions.bin.gz", [seed, "4000", "transcendental"]],
]) {
  const bytes = execFileSync(program, arguments_, { maxBuffer: 2 ** 30, stdio: ["ignore", "pipe", "inherit"] });
  const output = join(folder, "..", "vectors", name);
  mkdirSync(dirname(output), { recursive: true });
  const compressed = gzipSync(bytes, { level: 9 });
  writeFileSync(output, compressed);
  console.log(`${output}: ${arguments_[1]} vectors, seed ${seed}, ${compressed.length} bytes`);
}
