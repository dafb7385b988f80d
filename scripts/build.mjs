/**
 * Builds what runs: `build/release.wasm` (or debug) from `assembly/`, and `dist/` from `src/`.
 *
 *   node scripts/build.mjs [release] [debug] [dist] [--if-needed]
 *
 * Without a name it builds `release` and `dist`. `--if-needed` skips what is newer than all its sources.
 * Outputs are written beside their place and renamed, so that a reader never sees half a file.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const require = createRequire(import.meta.url);
const inRoot = (...parts) => join(root, ...parts);

/** All files below `path` (a file or a folder; a missing one has none). */
function filesBelow(path) {
  if (!existsSync(path)) return [];
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

/** True when `output` exists and is newer than every file below `sources`. */
function isFresh(output, sources) {
  if (!existsSync(output)) return false;
  const built = statSync(output).mtimeMs;
  return sources.flatMap((source) => filesBelow(inRoot(source))).every((file) => statSync(file).mtimeMs <= built);
}

/** Compiles `assembly/` to `build/<target>.wasm` with the options of asconfig.json. */
async function buildWasm(target) {
  const { main } = await import("assemblyscript/asc");
  const stage = inRoot("build", `.stage-${process.pid}`);
  mkdirSync(stage, { recursive: true });
  const outputs = [`${target}.wasm`];
  const args = ["--target", target, "--outFile", relative(root, join(stage, outputs[0]))];
  if (target === "debug") {
    outputs.push("debug.wat", "debug.wasm.map");
    args.push("--textFile", relative(root, join(stage, "debug.wat")), "--sourceMap");
  }
  try {
    const { error } = await main(args, { stdout: process.stdout, stderr: process.stderr });
    if (error) throw new Error(`asc refused assembly/ for target ${target}: ${error.message}`);
    for (const name of outputs) renameSync(join(stage, name), inRoot("build", name));
  } finally {
    rmSync(stage, { recursive: true, force: true });
  }
}

/**
 * Joins the compiled command line into few files in `dist/cli/`: loading a hundred small modules would cost a third of the time
 * to the guest's first byte. Packages stay imports, commands stay loaded on demand.
 */
async function bundleCommandLine(stage) {
  const { rolldown } = await import("rolldown");
  const packages = Object.keys(require("../package.json").dependencies);
  const bundle = await rolldown({
    input: { main: join(stage, "src", "cli", "main.js") },
    external: (id) => id.startsWith("node:") || packages.some((name) => id === name || id.startsWith(`${name}/`)),
    platform: "node",
    logLevel: "silent", // errors are thrown all the same
  });
  await bundle.write({ dir: join(stage, "cli"), format: "esm", chunkFileNames: "[name].js" });
  await bundle.close();
}

/**
 * Compiles `src/` and `assembly/abi/` to `dist/` and makes the declarations self-contained:
 * AssemblyScript's type names become `number` there, and imports name the emitted files.
 */
async function buildDist() {
  const stage = inRoot(`dist.stage-${process.pid}`);
  const old = inRoot(`dist.old-${process.pid}`);
  try {
    const tsc = join(dirname(require.resolve("typescript/package.json")), "bin", "tsc");
    const result = spawnSync(process.execPath, [tsc, "-p", inRoot("tsconfig.build.json"), "--outDir", stage], {
      cwd: root,
      stdio: "inherit",
    });
    if (result.status !== 0) throw new Error("tsc refused src/: see the messages above");
    for (const file of filesBelow(stage).filter((name) => name.endsWith(".d.ts"))) {
      let text = readFileSync(file, "utf8").replaceAll(/(from "\.{1,2}\/[^"]*)\.ts"/g, '$1.js"');
      if (relative(stage, file).startsWith("assembly")) text = text.replaceAll(/\b[iu](8|16|32)\b/g, "number");
      writeFileSync(file, text);
    }
    await bundleCommandLine(stage);
    if (existsSync(inRoot("dist"))) renameSync(inRoot("dist"), old);
    renameSync(stage, inRoot("dist"));
  } finally {
    rmSync(stage, { recursive: true, force: true });
    rmSync(old, { recursive: true, force: true });
  }
}

const args = process.argv.slice(2);
const ifNeeded = args.includes("--if-needed");
const named = args.filter((arg) => arg !== "--if-needed");
const wanted = named.length > 0 ? named : ["release", "dist"];
const wasmSources = ["assembly", "asconfig.json"];
const distSources = ["src", "assembly/abi", "tsconfig.json", "tsconfig.build.json"];

for (const name of wanted) {
  const started = performance.now();
  try {
    if (name === "release" || name === "debug") {
      if (ifNeeded && isFresh(inRoot("build", `${name}.wasm`), wasmSources)) continue;
      await buildWasm(name);
    } else if (name === "dist") {
      if (ifNeeded && isFresh(inRoot("dist", "src", "index.js"), distSources)) continue;
      await buildDist();
    } else {
      throw new Error(`expected release, debug, dist or --if-needed, found "${name}"`);
    }
  } catch (error) {
    console.error(`build: ${error instanceof Error ? error.message : error}`);
    process.exit(1);
  }
  const place = name === "dist" ? "dist/" : `build/${name}.wasm`;
  console.log(`built ${place} in ${((performance.now() - started) / 1000).toFixed(1)} s`);
}
