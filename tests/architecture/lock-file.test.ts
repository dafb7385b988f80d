/**
 * The lock file works on any machine: it names no download address of one machine, and has an entry for each optional
 * package of other platforms. npm leaves those out when a registry does not carry them, and `npm ci` then fails.
 */
import { expect, test } from "vitest";
import { textOf } from "./source-tree.js";

interface Lock {
  packages: Record<string, { resolved?: string; optionalDependencies?: Record<string, string> }>;
}

const lock = JSON.parse(textOf("package-lock.json")) as Lock;

test("the lock file has an entry for every optional package", () => {
  const optional = Object.values(lock.packages).flatMap((entry) => Object.keys(entry.optionalDependencies ?? {}));
  expect(optional.length).toBeGreaterThan(10);
  expect(optional.filter((name) => !(`node_modules/${name}` in lock.packages))).toEqual([]);
});

test("the lock file names no download address but the public registry's", () => {
  const addresses = Object.values(lock.packages).flatMap((entry) => entry.resolved ?? []);
  expect(addresses.filter((address) => !address.startsWith("https://registry.npmjs.org/"))).toEqual([]);
});

test("package.json names exact versions, and the changelog has an entry for the package's own", () => {
  const own = JSON.parse(textOf("package.json")) as Record<
    "dependencies" | "devDependencies",
    Record<string, string>
  > & {
    version: string;
  };
  const versions = Object.values({ ...own.dependencies, ...own.devDependencies });
  expect(versions.filter((version) => !/^\d+\.\d+\.\d+$/.test(version))).toEqual([]);
  expect(textOf("CHANGELOG.md")).toContain(`## ${own.version}`);
});
