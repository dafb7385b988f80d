/**
 * The files both compilers read hold constants and nothing else, and the memory they describe adds up.
 * Rules: plain enums with explicit values, no two members of an enumeration alike, nothing at or above 2^31
 * (AssemblyScript would wrap it to a negative number, TypeScript would not).
 */
import { expect, test } from "vitest";
import { Counter, Cpu, SegCache } from "../../assembly/abi/cpu.js";
import { Fpu } from "../../assembly/abi/fpu.js";
import {
  DecodeTable,
  EPT_CACHE_ENTRIES,
  EptCache,
  HASH_ENTRIES,
  Layout,
  NEXT_ENTRIES,
  NextCache,
  POOL_BYTES,
  TLB_ENTRIES,
  Tlb,
} from "../../assembly/abi/layout.js";
import { Block, Rec } from "../../assembly/abi/record.js";
import { Translation } from "../../assembly/abi/translation.js";
import { Vmx } from "../../assembly/abi/vmx.js";
import { sourceFiles, textOf, withoutComments } from "./source-tree.js";

/** Enums whose members are quantities rather than names for different things: equal values are no aliases there. */
const QUANTITIES = new Set(["DecodeTable"]);

/** What breaks the rules in the text of a file of assembly/abi, as sentences. */
function violations(text: string): string[] {
  const found: string[] = [];
  let rest = withoutComments(text);
  rest = rest.replace(/^import (?:type )?\{[^}]*\} from "\.\/[\w-]+\.ts";$/gm, "");
  rest = rest.replace(/^export enum (\w+) \{([^}]*)\}$/gm, (_all, name: string, body: string) => {
    const seen = new Map<number, string>();
    for (const member of body
      .split(",")
      .map((part) => part.trim())
      .filter((part) => part !== "")) {
      const match = /^(\w+) = (-?(?:0x[0-9a-f]+|\d+)|1 << \d+)$/.exec(member);
      if (!match) {
        found.push(`enum ${name}: "${member}" is not a name with an explicit value`);
        continue;
      }
      const [, label, literal] = match as unknown as [string, string, string];
      const value = literal.startsWith("1 << ") ? 2 ** Number(literal.slice(5)) : Number(literal);
      if (value >= 2 ** 31) found.push(`enum ${name}: ${label} is ${value}, too large for both compilers`);
      const twin = seen.get(value);
      if (twin !== undefined && !QUANTITIES.has(name)) found.push(`enum ${name}: ${label} is an alias of ${twin}`);
      seen.set(value, label);
    }
    return "";
  });
  rest = rest.replace(/^export const [A-Z][A-Z0-9_]*: [iu]32 = [-\w\s().*+|&<>~^%]+; *$/gm, "");
  rest = rest.replace(/^export type \w+ = [^;]+; *$/gm, "");
  if (rest.trim() !== "") found.push(`neither enum, constant nor type: "${rest.trim().split("\n")[0]}"`);
  return found;
}

const files = sourceFiles("assembly/abi");

test("the shared files hold only enums, integer constants and types", () => {
  expect(files.length).toBeGreaterThan(3);
  expect(files.flatMap((path) => violations(textOf(path)).map((sentence) => `${path}: ${sentence}`))).toEqual([]);
});

test("what breaks the rules is found", () => {
  expect(violations("export function f(): i32 { return 1; }")).toHaveLength(1);
  expect(violations("export const enum E { A = 1 }")).toHaveLength(1);
  expect(violations("export enum E {\n  A = 1,\n  B,\n}")).toHaveLength(1);
  expect(violations("export enum E {\n  A = 1,\n  B = 1,\n}")).toEqual(["enum E: B is an alias of A"]);
  expect(violations("export enum E {\n  A = 1 << 31,\n}")).toHaveLength(1);
  expect(violations('import { a } from "../cpu/state";')).toHaveLength(1);
  expect(violations("/** Fine. */\nexport enum E {\n  A = 1, // one\n}\nexport const N: i32 = 4 * 2;")).toEqual([]);
});

/** Names and values of a plain enum in order. */
function members(numeric: object): [string, number][] {
  return Object.entries(numeric).filter((entry): entry is [string, number] => typeof entry[1] === "number");
}

/** The size that the comment beside a member of an enum gives ("… 48 bytes …"); undefined if it gives none. */
function statedSize(path: string, name: string): number | undefined {
  const stated = new RegExp(`^ *${name} = .*// .*?\\b(\\d+) bytes`, "m").exec(textOf(path))?.[1];
  return stated === undefined ? undefined : Number(stated);
}

test("the regions of the linear memory do not overlap", () => {
  const computed: Record<string, number> = {
    CPU: Cpu.SIZE,
    DECODE_TABLE: DecodeTable.ENTRIES * DecodeTable.ENTRY_BYTES,
    VMX: Vmx.SIZE,
    EPT_CACHE: EPT_CACHE_ENTRIES * EptCache.SIZE,
    TRANSLATION: Translation.SIZE,
    NEXT_CACHE: NEXT_ENTRIES * NextCache.SIZE,
    TLB: TLB_ENTRIES * Tlb.SIZE,
    BLOCK_HASH: HASH_ENTRIES * 4,
    BLOCK_POOL: POOL_BYTES,
    RAM: 0,
  };
  const regions = members(Layout).sort((a, b) => a[1] - b[1]);
  expect(regions.at(-1)?.[0]).toBe("RAM");
  let end = 4096;
  let before = "the unused first page";
  for (const [name, start] of regions) {
    const size = computed[name] ?? statedSize("assembly/abi/layout.ts", name);
    expect(size, `${name} has no size`).toBeDefined();
    expect(start, `${name} overlaps ${before}`).toBeGreaterThanOrEqual(end);
    expect(start % 16, `${name} is not aligned`).toBe(0);
    end = start + size!;
    before = name;
  }
  expect(Layout.RAM % 4096).toBe(0);
});

test("the fields of the CPU state are aligned and do not overlap", () => {
  const path = "assembly/abi/cpu.ts";
  const counters = Math.max(...members(Counter).map(([, index]) => index), Counter.EXCEPTIONS + 31) + 1;
  const arrays: Record<string, number> = {
    REGS: 32,
    DR: 32,
    SEGS: 8 * SegCache.SIZE,
    PDPTE: 32,
    COUNTERS: 8 * counters,
  };
  const of64 = new Set(["PDPTE", "COUNTERS"]);
  let end = 0;
  let before = "the start";
  for (const [name, offset] of members(Cpu)) {
    const line = new RegExp(`^ *${name} = .*$`, "m").exec(textOf(path))![0];
    const wide = / \/\/ [ui]64\b/.test(line);
    const size = arrays[name] ?? statedSize(path, name) ?? (wide ? 8 : 4);
    expect(offset, `${name} overlaps ${before}`).toBeGreaterThanOrEqual(end);
    expect(offset % (wide || of64.has(name) ? 8 : 4), `${name} is not aligned`).toBe(0);
    end = name === "SIZE" ? offset : offset + size;
    before = name;
  }
});

test("an instruction record and a block header have the sizes they say", () => {
  expect(Math.max(...members(Rec).map(([, offset]) => offset))).toBe(Rec.BYTES);
  expect(Math.max(...members(Block).map(([, offset]) => offset))).toBe(Block.RECORDS);
  expect(Block.RECORDS % 8).toBe(0);
});

test("the processor state ends where the x87's begins", () => {
  expect(Cpu.SCRATCH + 24).toBeLessThanOrEqual(Cpu.SIZE);
  expect(Cpu.SIZE).toBeLessThanOrEqual(Fpu.ST);
});
