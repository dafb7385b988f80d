/**
 * Imports point one way. The table is the whole rule: a folder may import itself and what it names, nothing else.
 * Specified in ARCHITECTURE.md, "Layers".
 */
import { expect, test } from "vitest";
import { findCycle, importsOf, resolveImport, sourceFiles, textOf } from "./source-tree.js";

/** What each part of the source may import, besides itself. `abi` is `assembly/abi`. */
const MAY_IMPORT: Record<string, readonly string[]> = {
  // The machine, compiled by asc
  "assembly/abi": [],
  "assembly/host": [],
  "assembly/fpu": ["assembly/abi", "assembly/cpu"],
  "assembly/cpu": ["assembly/abi", "assembly/mmu", "assembly/vmx", "assembly/host", "assembly/fpu"],
  "assembly/mmu": ["assembly/abi", "assembly/cpu", "assembly/vmx", "assembly/host"],
  "assembly/vmx": ["assembly/abi", "assembly/cpu", "assembly/mmu", "assembly/host"],
  "assembly/run": ["assembly/abi", "assembly/cpu", "assembly/mmu", "assembly/vmx", "assembly/host"],
  "assembly/index": ["assembly/abi", "assembly/cpu", "assembly/mmu", "assembly/vmx", "assembly/host", "assembly/run"],
  // Everything else, compiled by tsc
  "src/types": [],
  "src/address": ["assembly/abi"],
  "src/wasm": ["assembly/abi"],
  "src/isa": ["assembly/abi"],
  "src/core": ["assembly/abi", "src/isa", "src/wasm", "src/address"],
  "src/classify": ["assembly/abi", "src/isa", "src/wasm", "src/address", "src/core"],
  "src/mm": ["assembly/abi", "src/isa", "src/wasm", "src/address"],
  "src/translator": ["assembly/abi", "src/isa", "src/wasm", "src/address", "src/core", "src/classify", "src/mm"],
  "src/devices": ["assembly/abi", "src/address"],
  "src/loaders": ["assembly/abi", "src/address"],
  "src/vmm": [
    "assembly/abi",
    "src/isa",
    "src/address",
    "src/core",
    "src/classify",
    "src/mm",
    "src/translator",
    "src/devices",
  ],
  "src/cost": ["assembly/abi", "src/vmm"],
  "src/compare": ["assembly/abi", "src/vmm", "src/machine", "src/cost"],
  "src/report": [
    "assembly/abi",
    "src/isa",
    "src/address",
    "src/core",
    "src/vmm",
    "src/machine",
    "src/cost",
    "src/compare",
  ],
  "src/conform": ["assembly/abi", "src/isa", "src/address", "src/core", "src/report"],
  "src/machine": [
    "assembly/abi",
    "src/isa",
    "src/address",
    "src/core",
    "src/mm",
    "src/translator",
    "src/devices",
    "src/loaders",
    "src/vmm",
  ],
  "src/trace": ["assembly/abi", "src/isa", "src/address", "src/core", "src/report", "src/machine", "src/loaders"],
};
const EVERYTHING_BELOW_CLI = Object.keys(MAY_IMPORT).filter(
  (part) => part === "assembly/abi" || part.startsWith("src/"),
);
MAY_IMPORT["src/index"] = EVERYTHING_BELOW_CLI;
MAY_IMPORT["src/cli"] = [...EVERYTHING_BELOW_CLI, "src/index"];

/** The part of the source a file belongs to: its folder below `assembly` or `src`, or its name there. */
function partOf(path: string): string {
  const [top, second] = path.split("/");
  return `${top}/${(second ?? "").replace(/\.ts$/, "")}`;
}

/** The imports of `path` that the table does not allow, as sentences. */
function forbiddenImports(path: string, text: string): string[] {
  const part = partOf(path);
  const allowed = MAY_IMPORT[part];
  if (allowed === undefined) return [`${path}: "${part}" is not in the table of layers`];
  return importsOf(text).flatMap((name) => {
    const target = resolveImport(path, name);
    if (target === undefined || partOf(target) === part || allowed.includes(partOf(target))) return [];
    return [`${path} imports ${target}, but ${part} may not import ${partOf(target)}`];
  });
}

const sources = sourceFiles("src", "assembly");

test("imports point one way through the layers", () => {
  expect(sources.length).toBeGreaterThan(20);
  expect(sources.flatMap((path) => forbiddenImports(path, textOf(path)))).toEqual([]);
});

test("an import that points up is found, static, dynamic or re-exported", () => {
  for (const text of [
    'import { x } from "../core/core.js";',
    'await import("../core/core.js")',
    'export * from "../core/core.js";',
  ]) {
    expect(forbiddenImports("src/devices/uart.ts", text)).toHaveLength(1);
  }
  expect(forbiddenImports("src/devices/uart.ts", '// import "../core/core.js";')).toEqual([]);
  expect(forbiddenImports("src/nowhere/file.ts", "")).toHaveLength(1);
});

test("every relative import names a file that is there", () => {
  const missing = sources.flatMap((path) =>
    importsOf(textOf(path))
      .map((name) => ({ name, target: resolveImport(path, name) }))
      .filter(({ target }) => target !== undefined && !sources.includes(target))
      .map(({ name }) => `${path} imports ${name}`),
  );
  expect(missing).toEqual([]);
});

test("no import cycles in src", () => {
  const files = sources.filter((path) => path.startsWith("src/"));
  const graph = new Map(
    files.map((path) => [path, importsOf(textOf(path)).flatMap((name) => resolveImport(path, name) ?? [])]),
  );
  expect(findCycle(graph)).toBeUndefined();
});

test("a cycle is found and named", () => {
  expect(
    findCycle(
      new Map([
        ["a", ["b"]],
        ["b", ["c"]],
        ["c", ["b"]],
      ]),
    ),
  ).toEqual(["b", "c", "b"]);
  expect(
    findCycle(
      new Map([
        ["a", ["b", "c"]],
        ["b", ["c"]],
        ["c", []],
      ]),
    ),
  ).toBeUndefined();
});

test("the package depends on nothing but the loader of its core and the lazily loaded disassembler", () => {
  const { dependencies } = JSON.parse(textOf("package.json")) as { dependencies: Record<string, string> };
  expect(Object.keys(dependencies)).toEqual(["@assemblyscript/loader", "capstone-wasm"]);
  const packages = sources
    .filter((path) => path.startsWith("src/"))
    .flatMap((path) => importsOf(textOf(path)))
    .filter((name) => !name.startsWith(".") && !name.startsWith("node:"));
  for (const name of packages) expect(Object.keys(dependencies)).toContain(name);
});
