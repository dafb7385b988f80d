/**
 * Files stay readable: short, headed by a comment, one docstring for each exported name, no leftovers.
 * The allowances are listed here with their reasons; a listed file that no longer needs one fails the test.
 */
import { expect, test } from "vitest";
import { projectFiles, sourceFiles, textOf, withoutComments } from "./source-tree.js";

const LONGEST = 400;

/** Files that may be longer, and why. */
const LONGER: Record<string, string> = {
  "assembly/cpu/generic.ts": "the one switch from operation to function: a line each, nothing to divide",
};

/** Number of lines of a text. */
function lineCount(text: string): number {
  return text.split("\n").length - (text.endsWith("\n") ? 1 : 0);
}

/**
 * Exported names of a TypeScript text that have no docstring directly above them. Constants on consecutive lines form a
 * group and share the docstring of the first.
 */
function undocumentedExports(text: string): string[] {
  const lines = text.split("\n");
  const pattern =
    /^export (?:declare |abstract |async |default )*(?:function\*?|class|const|let|enum|interface|type|namespace) (\w+)/;
  const missing: string[] = [];
  let previous = "";
  lines.forEach((line, index) => {
    const name = pattern.exec(line)?.[1];
    if (name === undefined || name === previous) return; // the second line of an overloaded function
    previous = name;
    const above = lines.slice(0, index);
    if (line.startsWith("export const ")) while (above.at(-1)?.startsWith("export const ")) above.pop();
    while (above.at(-1)?.startsWith("// biome-ignore format")) above.pop();
    const start = above.findLastIndex((candidate) => candidate.startsWith("/*"));
    const isDocstring = above.at(-1)?.endsWith("*/") === true && above[start]?.startsWith("/**") === true;
    if (!isDocstring) missing.push(name);
  });
  return missing;
}

/** Leftovers in a text: work markers and silenced checks. */
function leftovers(text: string): string[] {
  const markers = ["TO" + "DO", "FIX" + "ME", "X" + "XX", "HA" + "CK"].join("|");
  const silencers = ["@ts-" + "ignore", "@ts-" + "nocheck", "biome-ignore " + "lint", "eslint-" + "disable"].join("|");
  return text.match(new RegExp(`\\b(?:${markers})\\b|${silencers}`, "g")) ?? [];
}

const sources = sourceFiles("src", "assembly");
const TEXT = /\.(ts|mjs|md|json|asm|inc|c|h|S|txt|yml)$/;

test(`source files have at most ${LONGEST} lines`, () => {
  const long = sources.filter((path) => lineCount(textOf(path)) > LONGEST);
  expect(long).toEqual(Object.keys(LONGER).sort());
});

test("source files begin with a comment that says what they are", () => {
  expect(sources.filter((path) => !/^\/(\*\*|\/)/.test(textOf(path)))).toEqual([]);
});

test("every exported name has a docstring", () => {
  const missing = sources.flatMap((path) => undocumentedExports(textOf(path)).map((name) => `${path}: ${name}`));
  expect(missing).toEqual([]);
});

test("a name without a docstring is found", () => {
  expect(
    undocumentedExports(
      "/** Head. */\n\nexport const a = 1;\n/** B. */\nexport function b() {}\n// c\nexport class c {}",
    ),
  ).toEqual(["a", "c"]);
});

test("nothing is left over: no work markers, no silenced checks, no focused or skipped tests", () => {
  const found = projectFiles()
    .filter((path) => TEXT.test(path) && path !== "package-lock.json")
    .flatMap((path) => leftovers(textOf(path)).map((marker) => `${path}: ${marker}`));
  const tests = sourceFiles("tests").filter((path) =>
    /\b(?:it|test|describe)\.(?:only|skip|todo)\b/.test(textOf(path)),
  );
  expect([...found, ...tests]).toEqual([]);
  expect(leftovers(`// ${"TO" + "DO"}: later`)).toHaveLength(1);
});

test("AssemblyScript functions carry no decorators", () => {
  const decorated = sourceFiles("assembly").filter((path) => /^\s*@\w+/m.test(withoutComments(textOf(path))));
  expect(decorated).toEqual([]);
});

test("no file names a place on somebody's machine", () => {
  const places = new RegExp(
    ["/wo" + "rk/", "/ho" + "me/\\w", "/ro" + "ot/", "/tm" + "p/", "C:\\\\Us" + "ers"].join("|"),
  );
  const found = projectFiles()
    .filter((path) => TEXT.test(path) || path.startsWith(".ci/") || path.startsWith("bin/"))
    .filter((path) => places.test(textOf(path)));
  expect(found).toEqual([]);
});

test("source file names are kebab-case", () => {
  const odd = [...sources, ...sourceFiles("tests", "bench")].filter(
    (path) => !/^[a-z0-9]+(-[a-z0-9]+)*(\.(test|long\.test|guests\.test|d))?\.ts$/.test(path.split("/").at(-1)!),
  );
  expect(odd).toEqual([]);
});
