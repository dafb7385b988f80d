import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { hasBochs, runHere, runInBochs, statesRom } from "./machines.js";

const FILE = new URL("recorded.txt", import.meta.url);
const HEAD = `# Seeds of random system states and how they end in Bochs 2.7 (cpu p2_klamath): "E crc", or "S" for shutdown.
# Left out are states that end otherwise here, for one of these reasons:
#   - #DF pushes RF as it was (SDM 3B 17.3.1.1: an abort), Bochs sets it;
#   - PUSH Sreg with a 32-bit operand writes four bytes (as processors of the P6 family do), Bochs two;
#   - LAR shows bits 19-16 as zero, Bochs as the descriptor has them (SDM: undefined);
#   - a far CALL beyond the code segment's limit writes nothing to the stack, in Bochs it has pushed already;
#   - a task switch into several bad segments reports them in another order;
#   - Bochs keeps a stale instruction pointer for a fault right after a far jump in virtual-8086 mode.
# Recorded by record.long.test.ts with RECORD=1.
`;
/** Seeds looked at when recording. */
const SEEDS = Array.from({ length: 1100 }, (_, i) => i + 1);

function inBochs(seeds: number[]): Map<number, string> {
  const all = new Map<number, string>();
  const rest = [...seeds];
  while (rest.length > 0) {
    const { rom, seeds: taken } = statesRom(rest);
    rest.splice(0, taken.length);
    const found = runInBochs(rom);
    taken.forEach((seed, i) => {
      all.set(seed, found.get(i) ?? "nothing");
    });
  }
  return all;
}

if (process.env.RECORD !== undefined) {
  test("records what Bochs makes of random system states", () => {
    const rest = [...SEEDS];
    const lines: string[] = [];
    let different = 0;
    while (rest.length > 0) {
      const { rom, seeds } = statesRom(rest);
      rest.splice(0, seeds.length);
      const here = runHere(rom);
      const there = runInBochs(rom);
      seeds.forEach((seed, i) => {
        if (here.get(i) === there.get(i)) lines.push(`${seed} ${there.get(i)}`);
        else different++;
      });
    }
    console.log(`${lines.length} states recorded, ${different} left out`);
    writeFileSync(FILE, `${HEAD}${lines.join("\n")}\n`);
    expect(different).toBeLessThan(SEEDS.length / 8);
  });
}

test.skipIf(spawnSync("nasm", ["-v"]).status !== 0)("harness.bin is what harness.asm assembles to (needs nasm)", () => {
  const source = fileURLToPath(new URL("harness.asm", import.meta.url));
  const directory = mkdtempSync(join(tmpdir(), "vmexit-harness-"));
  const { status } = spawnSync("nasm", ["-f", "bin", "-o", join(directory, "harness.bin"), source]);
  expect(status).toBe(0);
  const assembled = readFileSync(join(directory, "harness.bin"));
  rmSync(directory, { recursive: true });
  expect(assembled.equals(readFileSync(new URL("harness.bin", import.meta.url)))).toBe(true);
});

test.skipIf(!hasBochs())("the recorded results of system states are those of Bochs (needs bochs)", () => {
  expect(existsSync(FILE)).toBe(true);
  const recorded = readFileSync(FILE, "utf8")
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"));
  const seeds = recorded.map((line) => Number(line.slice(0, line.indexOf(" "))));
  const found = inBochs(seeds);
  expect(seeds.map((seed) => `${seed} ${found.get(seed)}`)).toEqual(recorded);
});
