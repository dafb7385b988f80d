/**
 * The guests against their sources and against QEMU: images are what nasm makes of the sources, and
 * qemu-system-i386, which nobody here wrote, prints the committed transcripts.
 * A missing program skips its checks by name; the checks of the manifest itself always run.
 */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { assemble, guestRuns, isInstalled, pvRuns, ROMS, runUnderQemu, transcriptPath } from "../../roms/guests.mjs";

const runs = guestRuns();
const sources = [...new Set(runs.map((run) => run.name))];
const names = [...sources, ...new Set(pvRuns().map((run) => run.name))];
const nasm = isInstalled("nasm");
const qemu = isInstalled("qemu-system-i386");
const stage = mkdtempSync(join(tmpdir(), "vmexit-witness-"));
afterAll(() => rmSync(stage, { recursive: true, force: true }));

/** Names of all files below the folder of the guests that end in `extension`, without it. */
function filesWith(extension: string): string[] {
  return readdirSync(ROMS, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(extension))
    .map((entry) => relative(ROMS, join(entry.parentPath, entry.name)).slice(0, -extension.length));
}

describe("the manifest", () => {
  it("names every image and every source of the folder", () => {
    expect(filesWith(".elf").sort()).toEqual([...names].sort());
    expect(filesWith(".asm").sort()).toEqual([...sources].sort());
  });

  it("has a transcript for every run and no other", () => {
    const expected = new Set([...runs, ...pvRuns()].map((run) => relative(ROMS, transcriptPath(run)).slice(0, -4)));
    expect(filesWith(".txt").sort()).toEqual([...expected].sort());
  });

  it("is listed in the README, guest by guest", () => {
    const readme = readFileSync(join(ROMS, "README.md"), "utf8");
    expect(names.filter((name) => !readme.includes(`\`${name.replace(/^bench\//, "")}\``))).toEqual([]);
  });

  it("has self-checking guests whose transcripts hold no failed check", () => {
    const judged = runs.filter((run) => readFileSync(transcriptPath(run), "latin1").includes(" checks, "));
    expect(judged.length).toBeGreaterThanOrEqual(6);
    for (const run of judged) {
      const lines = readFileSync(transcriptPath(run), "latin1").trimEnd().split("\n");
      const passed = lines.filter((line) => line.startsWith("PASS: ")).length;
      expect(lines.at(-1)).toBe(`${run.name}: ${passed} checks, 0 failed`);
      expect(lines.length).toBe(passed + 2);
    }
  });
});

describe.skipIf(!nasm)(`the images${nasm ? "" : " (skipped: nasm is not installed)"}`, () => {
  it.each(names)("%s is byte for byte what nasm makes of its source", (name) => {
    const rebuilt = join(stage, "rebuilt.elf");
    assemble(name, rebuilt);
    expect(existsSync(join(ROMS, `${name}.elf`))).toBe(true);
    expect(readFileSync(rebuilt).equals(readFileSync(join(ROMS, `${name}.elf`)))).toBe(true);
  });
});

describe.skipIf(!qemu)(`QEMU as witness${qemu ? "" : " (skipped: qemu-system-i386 is not installed)"}`, () => {
  const witnessed = runs.filter((run) => run.machines.includes("qemu"));
  it.each(witnessed.map((run) => [`${run.name} ${run.append}`.trim(), run] as const))(
    "%s prints its transcript and ends with its status",
    async (_label, run) => {
      const { serial, exitCode } = await runUnderQemu(run, 25_000);
      expect(serial.toString("latin1")).toBe(readFileSync(transcriptPath(run), "latin1"));
      expect(exitCode).toBe(run.exitCode);
    },
  );
});
