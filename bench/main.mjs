/**
 * `npm run bench -- SUITE [options]`: measures this machine against others and against itself. docs/bench.md explains the
 * suites and how to read them. Figures go to standard output, progress and complaints to standard error.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { parseArgs } from "node:util";
import { compare } from "./compare.mjs";
import { checkEngine } from "./engines.mjs";
import { head, meanLines, means, row } from "./report.mjs";
import { selectWorkloads } from "./workloads.mjs";

const USAGE = `usage: npm run bench -- SUITE [options]

  interpreter         the bench guests on vmexit's interpreter and on v86 with its JIT off; start-up time and memory
  engines             the bench guests on vmexit's translator and on its interpreter
  peers               the bench guests on vmexit's translator, v86 with its JIT, and QEMU's code generator
  startup             time to the first guest byte, memory beside the guest's
  micro               costs inside the machine: calls, decoding, page walks, port exits

  --only NAME,...     workloads or groups ("compute", "control flow", "system", "other")
  --rounds N          samples of each engine and workload, 5 or more (default 7)
  --sample-ms N       CPU time of a sample (default 400; 1000 where engines compile)
  --json FILE         write everything measured as JSON`;

/** Suites that compare engines; the first of each is measured against the others. */
const SUITES = {
  engines: ["vmexit translator", "vmexit interpreter"],
  interpreter: ["vmexit interpreter", "v86 nojit"],
  peers: ["vmexit translator", "v86", "qemu tcg"],
};
/** CPU milliseconds of a sample: engines that compile need about a quarter of a second to get going, and are not judged by that. */
const INTERPRETER_MS = 400;
const COMPILER_MS = 1000;
const STARTUP_RUNS = 9;
const MICRO_MS = 500;
const MEGABYTE = 1 << 20;

/** Guests whose memory is measured: a small machine, and a large one whose tables are large too. */
const MEMORY_RUNS = [
  { guest: "cold", iterations: 30, ram: 16 },
  { guest: "sieve", iterations: 3, ram: 512 },
];

/** A whole number from an option. Throws Error. */
function count(flag, text, least) {
  const value = Number(text);
  if (Number.isInteger(value) && value >= least) return value;
  throw new Error(`--${flag}: expected a whole number of at least ${least} and found "${text}"`);
}

/** The comparison of a suite's engines over the selected workloads. */
async function runComparison(names, options) {
  for (const name of names) checkEngine(name);
  const workloads = selectWorkloads(options.only);
  console.log(head(names));
  const results = [];
  for (const { group, name } of workloads) {
    const result = { group, ...(await compare(names, name, options)) };
    results.push(result);
    console.log(row(result));
  }
  const groups = means(results);
  console.log(["", ...meanLines(groups, names[0])].join("\n"));
  return { engines: names, workloads: results, means: groups };
}

/** First byte and memory of whole processes. */
async function runStartup() {
  const { measureFirstByte, measureMemory } = await import("./startup.mjs");
  const firstByte = await measureFirstByte(STARTUP_RUNS);
  const ms = (value) => `${value.toFixed(0)} ms`;
  const { vmexit, node } = firstByte;
  console.log(
    `first guest byte after process start: ${ms(vmexit.wall)} (median of ${STARTUP_RUNS}, smallest ${ms(vmexit.least)}), ` +
      `${ms(vmexit.cpu)} of CPU time; first byte of a Node program that only prints: ${ms(node.wall)}, ${ms(node.cpu)}`,
  );
  const memory = [];
  for (const { guest, iterations, ram } of MEMORY_RUNS) {
    const peak = await measureMemory(guest, iterations, ram);
    memory.push({ guest, ramMegabytes: ram, peakMegabytes: peak / MEGABYTE });
    console.log(
      `peak memory of the process with ${ram} MB of guest RAM (${guest}): ${(peak / MEGABYTE).toFixed(0)} MB`,
    );
  }
  return { firstByte, memory };
}

/** The costs inside the machine. */
async function runMicroSuite() {
  const { runMicro } = await import("./micro.mjs");
  const results = await runMicro(MICRO_MS);
  for (const { name, nanoseconds, margin } of results) {
    console.log(`${name.padEnd(40)} ${nanoseconds.toFixed(2).padStart(10)} ns  ±${margin.toFixed(1)} %`);
  }
  return results;
}

/** Facts about where this was measured. */
function place() {
  const versionOf = (path) => JSON.parse(readFileSync(new URL(path, import.meta.url), "utf8")).version;
  const [cpu] = cpus();
  return {
    node: process.version,
    v86: versionOf("../node_modules/v86/package.json"),
    vmexit: versionOf("../package.json"),
    cpu: `${cpus().length} x ${cpu?.model ?? "unknown"}`,
  };
}

async function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      only: { type: "string" },
      rounds: { type: "string", default: "7" },
      "sample-ms": { type: "string" },
      json: { type: "string" },
      help: { type: "boolean", short: "h" },
    },
  });
  const [suite, ...rest] = positionals;
  if (values.help || suite === undefined) {
    console.log(USAGE);
    return values.help ? 0 : 2;
  }
  if (rest.length > 0) throw new Error(`expected one suite and found "${positionals.join(" ")}"`);
  const report = { suite, place: place() };
  const options = {
    only: values.only?.split(",").map((name) => name.trim()) ?? [],
    rounds: count("rounds", values.rounds, 5),
    sampleMs: count("sample-ms", values["sample-ms"] ?? (suite === "interpreter" ? INTERPRETER_MS : COMPILER_MS), 1),
  };
  if (suite in SUITES) Object.assign(report, await runComparison(SUITES[suite], options));
  else if (suite === "micro") report.micro = await runMicroSuite();
  else if (suite !== "startup")
    throw new Error(`expected interpreter, engines, peers, startup or micro and found "${suite}"`);
  if (suite === "interpreter" || suite === "startup") report.startup = await runStartup();
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(report, null, 2)}\n`);
  return 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(`bench: ${error.message}`);
  process.exitCode = 1;
}
