/** Every exit reason that a 32-bit guest can raise has a test here that raises it, and a line in docs/exits.md. */
import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { ExitReason } from "../../assembly/abi/exit.js";

/** Reasons of Intel's that the machine can give. */
const REASONS = Object.values(ExitReason).filter((reason): reason is ExitReason => Number(reason) < 64);

test("each reason is expected of a guest's program", () => {
  const folder = new URL(".", import.meta.url);
  const files = readdirSync(folder).filter((name) => name.endsWith(".test.ts"));
  const text = files.map((name) => readFileSync(new URL(name, folder), "utf8")).join("\n");
  const raised = (name: string) => new RegExp(`[(:=?] ?\\(?ExitReason\\.${name}\\b`).test(text);
  expect(REASONS.length).toBeGreaterThan(35);
  expect(REASONS.map((reason) => ExitReason[reason]!).filter((name) => !raised(name))).toEqual([]);
});

test("each reason has its number in the document", () => {
  const text = readFileSync(new URL("../../docs/exits.md", import.meta.url), "utf8");
  const named = new Set<number>();
  for (const [, cell] of text.matchAll(/^\| ([0-9][0-9, -]*) [A-Za-z]/gm)) {
    for (const part of cell!.split(",")) {
      const [first, last] = part.trim().split("-").map(Number);
      for (let n = first!; n <= (last ?? first!); n++) named.add(n);
    }
  }
  for (const reason of [33, 34]) expect(text).toContain(`${reason}`);
  expect(REASONS.filter((reason) => !named.has(reason) && reason !== 33 && reason !== 34)).toEqual([]);
});
