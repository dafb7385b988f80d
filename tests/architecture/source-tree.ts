/**
 * What the architecture tests read: the project's files, their imports, and small finders over text.
 * Every finder is a pure function of text, so that each test file can show that it finds what it is for.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, posix } from "node:path";
import { fileURLToPath } from "node:url";

/** The project's root folder. */
export const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..", "..");

const NOT_OURS = new Set(["node_modules", "build", "dist", ".git", "coverage"]);

/** Paths of all files of the project relative to its root, with forward slashes, sorted; built and installed ones left out. */
export function projectFiles(folder = ""): string[] {
  const found: string[] = [];
  for (const entry of readdirSync(join(ROOT, folder), { withFileTypes: true })) {
    const path = posix.join(folder, entry.name);
    if (NOT_OURS.has(entry.name) || entry.name.startsWith("dist.")) continue;
    if (entry.isDirectory()) found.push(...projectFiles(path));
    else found.push(path);
  }
  return found.sort();
}

/** The text of a project file. */
export function textOf(path: string): string {
  return readFileSync(join(ROOT, path), "utf8");
}

/** True if the project has a file or folder of this path. */
export function exists(path: string): boolean {
  return existsSync(join(ROOT, path));
}

/** The TypeScript and AssemblyScript files below the named folders. */
export function sourceFiles(...folders: string[]): string[] {
  return projectFiles().filter(
    (path) => path.endsWith(".ts") && folders.some((folder) => path.startsWith(`${folder}/`)),
  );
}

/** `text` with the contents of comments blanked out, line breaks kept. */
export function withoutComments(text: string): string {
  const blank = (comment: string) => comment.replace(/[^\n]/g, " ");
  return text.replace(/\/\*[\s\S]*?\*\//g, blank).replace(/(^|[^:"'`])\/\/[^\n]*/g, (all, before: string) => {
    return before + blank(all.slice(before.length));
  });
}

/** The module names a file imports from or re-exports, static and dynamic, in order. */
export function importsOf(text: string): string[] {
  const code = withoutComments(text);
  const patterns = [/^\s*(?:import|export)\b[^;"']*?from\s*["']([^"']+)["']/gm, /\bimport\s*\(?\s*["']([^"']+)["']/g];
  return patterns.flatMap((pattern) => [...code.matchAll(pattern)].map((match) => match[1]!));
}

/** The project file that a relative import of `from` names; undefined for a package. */
export function resolveImport(from: string, name: string): string | undefined {
  if (!name.startsWith(".")) return undefined;
  const base = posix.join(posix.dirname(from), name);
  const candidates = [base, base.replace(/\.js$/, ".ts"), `${base}.ts`, base.replace(/\.js$/, ".d.ts")];
  return candidates.find((path) => path.endsWith(".ts") && exists(path)) ?? base;
}

/** The first cycle in a graph as its nodes in order, the first one repeated at the end; undefined if there is none. */
export function findCycle(graph: ReadonlyMap<string, readonly string[]>): string[] | undefined {
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (node: string): string[] | undefined => {
    const at = path.indexOf(node);
    if (at >= 0) return [...path.slice(at), node];
    if (done.has(node)) return undefined;
    path.push(node);
    for (const next of graph.get(node) ?? []) {
      const cycle = visit(next);
      if (cycle) return cycle;
    }
    path.pop();
    done.add(node);
    return undefined;
  };
  for (const node of graph.keys()) {
    const cycle = visit(node);
    if (cycle) return cycle;
  }
  return undefined;
}
