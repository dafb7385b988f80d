import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { EXIT_CODE_TABLE, ExitCode } from "../../src/cli/exit-codes.js";
import { parseKeys } from "../../src/cli/key-script.js";
import { inRoot, testFolder, vmexit } from "./vmexit.js";

const files = testFolder();
const HELLO = inRoot("roms/hello.elf");

describe("vmexit trace", () => {
  it("prints instructions and ends with the guest's code", async () => {
    const { code, stdout, stderr } = await vmexit("trace", HELLO);
    const lines = stdout.trimEnd().split("\n");
    expect(code).toBe(33);
    expect(lines[1]).toMatch(/^0008:00100060 {2}66 ba fb 03 +mov dx, 0x3fb +edx=000003fb$/);
    expect(lines.at(-1)).toMatch(/out 0xf4, al$/);
    expect(stderr).toBe(`vmexit: the guest exited with code 33, ${lines.length - 1} records written\n`);
  });

  it("a part of a run ends with 0", async () => {
    const { code, stdout } = await vmexit("trace", HELLO, "--start-at", "0x100070", "--count", "3");
    expect(code).toBe(0);
    expect(stdout.split("\n")[1]).toMatch(/in al, dx/);
    expect(stdout.trimEnd().split("\n").length).toBe(4);
  });

  it("the binary form shows the same text, and compares", async () => {
    const [one, other] = [files.path("one.vmxt"), files.path("other.vmxt")];
    await vmexit("trace", HELLO, "--binary", "--output", one);
    await vmexit("trace", HELLO, "--binary", "-o", other, "--stop-insn", "20");
    expect((await vmexit("trace", "show", one)).stdout).toBe((await vmexit("trace", HELLO)).stdout);
    expect(await vmexit("trace", "diff", one, one)).toMatchObject({ code: 0, stderr: "" });
    const { code, stdout } = await vmexit("trace", "diff", one, other);
    expect(code).toBe(1);
    expect(stdout).toMatch(/^the traces part after 21 equal records\n/);
    expect(stdout).toContain(`${other}: ends here`);
  });

  it.each<[string, string[], number, RegExp]>([
    ["binary output to the terminal", ["trace", HELLO, "--binary"], 64, /--binary needs --output FILE$/],
    [
      "a strange exception",
      ["trace", HELLO, "--start-exception", "#XX"],
      64,
      /expected an exception such as 14 or #PF/,
    ],
    ["one file to compare", ["trace", "diff", "a"], 64, /expected two trace files and found 1$/],
    ["a file that is no trace", ["trace", "show", HELLO], 65, /expected a binary trace \(VMXT\)/],
    ["a missing trace", ["trace", "diff", "/no/a", "/no/b"], 66, /cannot read trace \/no\/a/],
  ])("refuses %s in one sentence", async (_name, args, exitCode, sentence) => {
    const { code, stdout, stderr } = await vmexit(...args);
    expect(stderr).toMatch(/^vmexit: [^\n]+\n$/);
    expect(stderr.trimEnd()).toMatch(sentence);
    expect([code, stdout]).toEqual([exitCode, ""]);
  });
});

describe("vmexit disasm", () => {
  it("begins at the entry point", async () => {
    const { code, stdout } = await vmexit("disasm", HELLO, "--count", "2");
    expect(code).toBe(0);
    expect(stdout).toBe(
      "00100060  66 ba fb 03              mov dx, 0x3fb\n00100064  b0 03                    mov al, 3\n",
    );
  });

  it("takes 16-bit code, addresses and bytes that are no instruction", async () => {
    const flat = files.write("flat.bin", Uint8Array.of(0xb8, 0x34, 0x12, 0x0f, 0x04, 0xf4));
    const { stdout } = await vmexit("disasm", flat, "--address", "0x7c00");
    expect(stdout.split("\n").map((line) => line.replace(/ {2,}/g, "  "))).toEqual([
      "00007c00  b8 34 12  mov ax, 0x1234",
      "00007c03  0f  db 0x0f",
      "00007c04  04 f4  add al, 0xf4",
      "",
    ]);
    const part = await vmexit("disasm", flat, "--address", "0x7c00", "--start", "0x7c05", "--bits", "32");
    expect(part.stdout).toMatch(/^00007c05 {2}f4 +hlt\n$/);
    const outside = await vmexit("disasm", flat, "--address", "0x7c00", "--start", "0x8000");
    expect(outside).toMatchObject({ code: 64, stderr: "vmexit: --start: the image puts no bytes at 0x8000\n" });
  });
});

describe("vmexit help", () => {
  it("lists what there is, for every subcommand", async () => {
    expect((await vmexit()).stdout).toMatch(/vmexit run kernel\.elf/);
    const run = await vmexit("help", "run");
    expect(run.stdout).toMatch(/^ {2}--memory SIZE +RAM: .* \(-m\)$/m);
    expect((await vmexit("run", "--help")).stdout).toBe(run.stdout);
    expect((await vmexit("help", "trace")).stdout).toContain("--start-exception VECTOR");
    expect((await vmexit("help", "disasm")).stdout).toContain("--bits 16|32");
    expect(await vmexit("help", "runn")).toMatchObject({
      code: 64,
      stderr: 'vmexit: vmexit help: expected run and found "runn"\n',
    });
  });

  it("prints every exit code once", async () => {
    const { stdout } = await vmexit("help", "exit-codes");
    for (const [code, meaning] of EXIT_CODE_TABLE) expect(stdout).toContain(`${code}  ${meaning}`);
    const numbers = EXIT_CODE_TABLE.map(([code]) => Number(code)).filter((code) => !Number.isNaN(code));
    const named = Object.values(ExitCode).filter((code) => typeof code === "number");
    expect(numbers.sort()).toEqual(named.sort());
  });

  it("prints the version of the package", async () => {
    const { version } = JSON.parse(readFileSync(inRoot("package.json"), "utf8"));
    for (const args of [["version"], ["--version"], ["-version"]]) {
      expect(await vmexit(...args)).toEqual({ code: 0, stdout: `vmexit ${version}\n`, stderr: "" });
    }
  });
});

describe("a key script", () => {
  it("is text with escapes, key names and waits", () => {
    expect(parseKeys("--keys", "ab\\n{down}{CTRL+ALT+Delete}{wait 1.5}{{x\\\\")).toEqual([
      { type: "text", text: "ab\n" },
      { type: "press", chord: "down" },
      { type: "press", chord: "ctrl+alt+delete" },
      { type: "wait", seconds: 1.5 },
      { type: "text", text: "{x\\" },
    ]);
    expect(parseKeys("--keys", "")).toEqual([]);
  });

  it.each(["\\q", "\\", "{", "{}", "{wait}", "{wait x}"])("%s is refused", (script) => {
    expect(() => parseKeys("--keys", script)).toThrow(/^--keys: expected/);
  });
});
