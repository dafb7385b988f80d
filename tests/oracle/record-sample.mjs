/**
 * `node tests/oracle/record-sample.mjs [SEED [COUNT]]` writes tests/vectors/native-user.vxv.gz anew.
 *
 * The same seed gives the same bytes on the same kind of CPU; the sample's own seed is the default.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const folder = dirname(fileURLToPath(import.meta.url));
const build = join(folder, "..", "..", "build", "oracle");
const [seed = "1", count = "104000"] = process.argv.slice(2);

execFileSync("make", ["-s", "-C", folder, `BUILD=${build}`], { stdio: "inherit" });
const bytes = execFileSync(join(build, "recorder"), [seed, count], {
  maxBuffer: 2 ** 30,
  stdio: ["ignore", "pipe", "inherit"],
});
const output = join(folder, "..", "vectors", "native-user.vxv.gz");
mkdirSync(dirname(output), { recursive: true });
const compressed = gzipSync(bytes, { level: 9 });
writeFileSync(output, compressed);
console.log(`${output}: ${count} tests, seed ${seed}, ${compressed.length} bytes`);
