/**
 * Assembles every guest of manifest.json and manifest-pv.json.
 *
 *   node roms/build.mjs [--check] [NAME...]
 *
 * Writes NAME.elf beside NAME.asm. With `--check` it writes nothing and compares with the committed images instead:
 * the same source must give the same bytes on every host. Ends with 1 on a difference or an assembly error, with 2
 * when nasm is missing or a name is unknown.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { assemble, guestRuns, isInstalled, pvRuns, ROMS } from "./guests.mjs";

const check = process.argv.includes("--check");
const wanted = process.argv.slice(2).filter((argument) => argument !== "--check");
const known = [...new Set([...guestRuns(), ...pvRuns()].map((run) => run.name))];
const unknown = wanted.find((name) => !known.includes(name));

if (unknown !== undefined) {
  console.error(`expected names of guests such as hello or bench/sieve, found "${unknown}"`);
  process.exit(2);
}
if (!isInstalled("nasm")) {
  console.error("nasm is not installed; the guests cannot be assembled");
  process.exit(2);
}

/** Where two images differ, in words; undefined when they are equal. */
function difference(expected, found) {
  const length = Math.min(expected.length, found.length);
  for (let offset = 0; offset < length; offset++) {
    if (expected[offset] !== found[offset]) return `differ from byte 0x${offset.toString(16)} on`;
  }
  return expected.length === found.length
    ? undefined
    : `have ${found.length} bytes where ${expected.length} are committed`;
}

const stage = mkdtempSync(join(tmpdir(), "vmexit-roms-"));
let failures = 0;
try {
  for (const name of wanted.length > 0 ? wanted : known) {
    const image = join(ROMS, `${name}.elf`);
    try {
      if (!check) {
        assemble(name, image);
        continue;
      }
      const rebuilt = join(stage, "rebuilt.elf");
      assemble(name, rebuilt);
      if (!existsSync(image)) throw new Error(`${name}.elf is not there; run node roms/build.mjs ${name}`);
      const verdict = difference(readFileSync(image), readFileSync(rebuilt));
      if (verdict !== undefined) throw new Error(`${name}.elf: image and source ${verdict}`);
    } catch (error) {
      failures++;
      console.error(error.message);
    }
  }
} finally {
  rmSync(stage, { recursive: true, force: true });
}
const count = wanted.length > 0 ? wanted.length : known.length;
console.log(
  failures > 0
    ? `${failures} of ${count} guests failed`
    : `${count} guests ${check ? "match their images" : "assembled"}`,
);
process.exit(failures > 0 ? 1 : 0);
