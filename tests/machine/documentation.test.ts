/** The documents say what is: the example runs, and the tables list what the code has. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { EXIT_CODE_TABLE } from "../../src/cli/exit-codes.js";
import { Machine } from "../../src/index.js";
import { checkConfig } from "../../src/machine/machine-config.js";

const inRoot = (path: string) => new URL(`../../${path}`, import.meta.url);
const library = readFileSync(inRoot("docs/library.md"), "utf8");
const commandLine = readFileSync(inRoot("docs/cli.md"), "utf8");

describe("docs/library.md", () => {
  it("has an example of about 20 lines that prints what it says", () => {
    const example = /```js\n([\s\S]*?)```/.exec(library)![1]!;
    expect(example.split("\n").length).toBeLessThan(26);
    const program = example
      .replace('"vmexit"', JSON.stringify(inRoot("dist/src/index.js").href))
      .replace(
        'readFileSync("kernel.elf")',
        `readFileSync(${JSON.stringify(fileURLToPath(inRoot("roms/minikernel.elf")))})`,
      );
    const folder = mkdtempSync(join(tmpdir(), "vmexit-example-"));
    try {
      writeFileSync(join(folder, "example.mjs"), program);
      const printed = execFileSync(process.execPath, [join(folder, "example.mjs")], { encoding: "utf8" });
      expect(printed).toMatch(/^ {4}0 {2}running {3}kernel$/m);
      expect(printed).toContain("\nthe guest exited with code 7\n");
      expect(printed).toMatch(/\nguest-exit \d+ \d+\n$/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("names every field of a configuration", () => {
    for (const field of Object.keys(checkConfig({ image: new Uint8Array(1) })))
      expect(library).toContain(`\`${field}\``);
  });

  it("names every method of a machine that is not for tracers alone", () => {
    const members = Object.getOwnPropertyNames(Machine.prototype).filter((name) => name !== "constructor");
    const elsewhere = new Set(["onInterrupt", "clockHz"]);
    for (const member of members) if (!elsewhere.has(member)) expect(library, member).toContain(member);
  });
});

describe("docs/cli.md", () => {
  it("has the table of exit codes", () => {
    for (const [code, meaning] of EXIT_CODE_TABLE) {
      expect(commandLine).toContain(`| ${code} | ${meaning.replaceAll("|", "\\|")} |`);
    }
  });
});
