/**
 * What the documents name is there: every path in backticks or in a link, every npm script, every architecture decision.
 * Built outputs (build/, dist/) are named too, but exist only after a build.
 */
import { posix } from "node:path";
import { expect, test } from "vitest";
import { exists, projectFiles, textOf } from "./source-tree.js";

const documents = projectFiles().filter((path) => path.endsWith(".md"));
const TOP = "assembly|src|tests|roms|bench|docs|scripts|bin|\\.ci";

/** Paths of this project that a Markdown text names in backticks, fenced blocks left out. Patterns (`*`, `<`, NAME) are not paths. */
function namedPaths(markdown: string): string[] {
  const prose = markdown.replace(/^```[\s\S]*?^```/gm, "");
  return [...prose.matchAll(/`([^`\n]+)`/g)]
    .map((match) => match[1]!)
    .filter((text) => new RegExp(`^(?:${TOP})/[\\w./-]*$`).test(text) || /^[\w.-]+\.(?:md|json|config\.ts)$/.test(text))
    .filter((text) => !/\bNAME\b/.test(text));
}

/** Relative targets of the links of a Markdown text, without anchors. */
function linkTargets(markdown: string): string[] {
  return [...markdown.matchAll(/\]\(([^)\s]+)\)/g)]
    .map((match) => match[1]!.replace(/#.*$/, ""))
    .filter((target) => target !== "" && !/^[a-z]+:/.test(target));
}

test("every path in the documents is there", () => {
  expect(documents).toEqual(
    expect.arrayContaining(["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"]),
  );
  const missing = documents.flatMap((document) => {
    const text = textOf(document);
    const beside = (path: string) => exists(path) || exists(posix.join(posix.dirname(document), path));
    return [
      ...namedPaths(text).filter((path) => !beside(path)),
      ...linkTargets(text).filter((path) => !beside(path)),
    ].map((path) => `${document}: ${path}`);
  });
  expect(missing).toEqual([]);
});

test("a path that is not there is found", () => {
  expect(namedPaths("see `src/no/such.ts`, `assembly/abi/`, `x + y` and `tests/*.test.ts`")).toEqual([
    "src/no/such.ts",
    "assembly/abi/",
  ]);
  expect(linkTargets("[a](docs/a.md#part) [b](https://example.org) [c](#here)")).toEqual(["docs/a.md"]);
});

test("every npm script in the documents is in package.json", () => {
  const { scripts } = JSON.parse(textOf("package.json")) as { scripts: Record<string, string> };
  const named = (text: string) => [...text.matchAll(/\bnpm run ([a-z][\w:-]*)/g)].map((match) => match[1]!);
  const missing = documents.flatMap((document) => named(textOf(document)).filter((script) => !(script in scripts)));
  expect(missing).toEqual([]);
});

test("architecture decisions are numbered without gaps and listed in ARCHITECTURE.md", () => {
  const decisions = documents.filter((path) => path.startsWith("docs/adr/"));
  expect(decisions.length).toBeGreaterThan(0);
  decisions.forEach((path, index) => {
    expect(path).toMatch(new RegExp(`^docs/adr/${String(index + 1).padStart(4, "0")}-[a-z0-9-]+\\.md$`));
    expect(textOf("ARCHITECTURE.md")).toContain(path);
    for (const heading of ["## Context", "## Decision", "## Consequences"]) expect(textOf(path)).toContain(heading);
  });
});
