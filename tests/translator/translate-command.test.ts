/** `vmexit translate` and the translator's counters, as a user sees them. */
import { expect, test } from "vitest";
import { inRoot, vmexit } from "../cli/vmexit.js";

const SIEVE = inRoot("roms/bench/sieve.elf");

test("without an address: a line for every region", async () => {
  const { stdout, code } = await vmexit("translate", SIEVE, "--append", "n=20");
  expect(code).toBe(0);
  const lines = stdout.trimEnd().split("\n");
  expect(lines.length).toBeGreaterThan(1);
  for (const line of lines) {
    expect(line).toMatch(
      /^region [0-9a-f]{8}: \d+ nodes, \d+ instructions, \d+ bytes of x86, \d+ pages; \d+ WebAssembly /,
    );
  }
});

test("with an address inside a region: its graph and its WebAssembly", async () => {
  const list = await vmexit("translate", SIEVE, "--append", "n=20");
  const entry = /^region ([0-9a-f]{8})/.exec(list.stdout)?.[1] as string;
  const { stdout, code } = await vmexit("translate", SIEVE, "--append", "n=20", "--at", `0x${entry}`);
  expect(code).toBe(0);
  expect(stdout).toContain(`node ${entry}: `);
  expect(stdout).toMatch(/^ {2}[0-9a-f]{8} {2}(?:[0-9a-f]{2} )+ *\w+/m);
  expect(stdout).toMatch(/^\(func \(result i32\)$[\s\S]*^ {4,}local\.get \$\w+$[\s\S]*^\)$/m);
});

test("an address that is not translated is an error that says so", async () => {
  const { stderr, code } = await vmexit("translate", SIEVE, "--at", "0x12345", "--max-insns", "100000");
  expect(stderr).toContain("the code at 0x12345 was not translated in 100000 instructions");
  expect(code).toBe(64);
});

test("the counters are in --json and --stats, for the translator only", async () => {
  const run = (engine: string) =>
    vmexit("run", SIEVE, "--append", "n=20", "--engine", engine, "--json", "--stats", "--max-insns", "2M");
  const [translator, interpreter] = await Promise.all([run("translator"), run("interpreter")]);
  const summary = (text: string) => JSON.parse(text.trimEnd().split("\n").at(-1) as string);
  const counters = summary(translator.stdout).translator;
  expect(counters.regions).toBeGreaterThan(0);
  expect(counters.instructions).toBeGreaterThanOrEqual(counters.regions);
  expect(counters.bytes).toBeGreaterThan(100 * counters.regions);
  expect(translator.stderr).toMatch(
    /^regions +\d+ made of \d+ instructions, [\d,]+ bytes of WebAssembly; \d+ refused$/m,
  );
  expect(counters.live).toBe(counters.regions - counters.dropped);
  expect(translator.stderr).toMatch(/^region cache +\d+ regions, [\d,]+ bytes$/m);
  expect(summary(interpreter.stdout).translator).toBeUndefined();
  expect(interpreter.stderr).not.toContain("regions");
  expect(summary(translator.stdout).stateHash).toBe(summary(interpreter.stdout).stateHash);
});
