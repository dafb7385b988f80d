/**
 * Does what a stranger would do, and compares.
 *
 *   node scripts/smoke.mjs readme     runs every command of the `console` blocks in README.md and compares its output
 *   node scripts/smoke.mjs package    packs the package, installs it elsewhere, runs the command and imports the library
 *
 * In a `console` block a line that starts with "$ " is a command for bash in the project's root; the lines up to the
 * next command are its output and standard error, as a terminal shows them. A line "…" stands for any number of lines.
 * Ends with a line "N passed, N failed".
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const COMMAND_SECONDS = 60;

/** Runs a command; returns its status and its output, standard error last. */
function run(command, args, cwd) {
  const result = spawnSync(command, args, {
    cwd,
    encoding: "utf8",
    input: "",
    timeout: COMMAND_SECONDS * 1000,
    env: { ...process.env, NO_COLOR: "1" },
  });
  return { status: result.status, stdout: result.stdout ?? "", output: `${result.stdout ?? ""}${result.stderr ?? ""}` };
}

/** The commands of the `console` blocks of a Markdown text, each with the output lines shown for it. */
function consoleCommands(markdown) {
  const found = [];
  for (const [, block] of markdown.matchAll(/^```console\n(.*?)^```/gms)) {
    for (const line of block.trimEnd().split("\n")) {
      if (line.startsWith("$ ")) found.push({ command: line.slice(2), expected: [] });
      else if (found.length > 0) found[found.length - 1].expected.push(line.trimEnd());
    }
  }
  return found;
}

/** True if `lines` fit `expected`, where "…" stands for any number of lines. */
function fits(expected, lines) {
  if (expected.length === 0) return lines.length === 0;
  const [first, ...rest] = expected;
  if (first !== "…") return lines.length > 0 && lines[0] === first && fits(rest, lines.slice(1));
  for (let skipped = 0; skipped <= lines.length; skipped++) if (fits(rest, lines.slice(skipped))) return true;
  return false;
}

/** Runs the README's commands; returns the failures as texts and the number that passed. */
function checkReadme() {
  const commands = consoleCommands(readFileSync(join(root, "README.md"), "utf8"));
  if (commands.length === 0) return { passed: 0, failures: ["README.md shows no command in a console block"] };
  const failures = [];
  for (const { command, expected } of commands) {
    const { output } = run("bash", ["-c", `exec 2>&1\n${command}`], root);
    const lines = output
      .trimEnd()
      .split(/\r?\n/)
      .map((line) => line.trimEnd());
    const shown = output.trim() === "" ? [] : lines;
    if (!fits(expected, shown)) {
      failures.push(`$ ${command}\n--- README.md says\n${expected.join("\n")}\n--- found\n${shown.join("\n")}`);
    } else {
      console.log(`passed $ ${command}`);
    }
  }
  return { passed: commands.length - failures.length, failures };
}

const CONSUMER = `import { createMachine } from "vmexit";
import { readFileSync } from "node:fs";
let text = "";
const machine = createMachine({ image: readFileSync(process.argv[2]!) });
machine.onSerial(0, (byte: number) => { text += String.fromCharCode(byte); });
const result = machine.run({ maxInstructions: 10_000_000 });
if (text === "" || result === undefined) throw new Error("the guest printed nothing");
`;

/** Installs the packed package in an empty folder and uses it there. */
function checkPackage() {
  const failures = [];
  let passed = 0;
  const place = mkdtempSync(join(tmpdir(), "vmexit-package-"));
  /** One step: a sentence, and what must hold. */
  const step = (name, result, holds) => {
    if (result.status === 0 && holds(result)) passed++;
    else failures.push(`${name} (status ${result.status})\n${result.output}`);
    return result;
  };
  try {
    const packed = step("npm pack", run("npm", ["pack", "--silent", "--pack-destination", place], root), (result) =>
      result.stdout.trim().endsWith(".tgz"),
    );
    const tarball = join(place, packed.stdout.trim().split("\n").at(-1) ?? "");
    writeFileSync(join(place, "package.json"), '{ "name": "consumer", "private": true, "type": "module" }\n');
    const options = ["install", "--no-audit", "--no-fund", "--prefer-offline", tarball];
    step("npm install of the packed package", run("npm", options, place), () => true);
    const image = join(place, "node_modules", "vmexit", "roms", "hello.elf");
    const transcript = readFileSync(join(root, "roms", "hello.txt"), "utf8");
    const manifest = JSON.parse(readFileSync(join(root, "roms", "manifest.json"), "utf8"));
    const exitCode = manifest.find((entry) => entry.name === "hello").exitCode;
    const bin = join(place, "node_modules", ".bin", "vmexit");
    const booted = run(bin, ["run", image], place);
    step("the installed command boots hello.elf", { ...booted, status: booted.status === exitCode ? 0 : 1 }, () =>
      booted.stdout.includes(transcript.trim()),
    );
    writeFileSync(join(place, "consumer.ts"), CONSUMER);
    const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
    const types = join(root, "node_modules", "@types");
    const flags = ["--module", "nodenext", "--target", "es2022", "--strict", "--types", "node", "--typeRoots", types];
    step("a program type-checks against the declarations", run(tsc, [...flags, "consumer.ts"], place), () => true);
    step("the library boots hello.elf", run(process.execPath, ["consumer.js", image], place), () => true);
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
  return { passed, failures };
}

const checks = { readme: checkReadme, package: checkPackage };
const check = checks[process.argv[2] ?? ""];
if (check === undefined) {
  console.error(`expected readme or package, found "${process.argv[2] ?? ""}"`);
  process.exit(2);
}
const { passed, failures } = check();
for (const failure of failures) console.log(`FAILED ${failure}`);
console.log(`${passed} passed, ${failures.length} failed`);
process.exitCode = failures.length === 0 ? 0 : 1;
