/** The x87 against what an x87 does: recorded vectors of every instruction that works on registers and operands. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { compareFunctions } from "./functions.js";
import { compareVectors, readVectors } from "./vectors.js";

function sample(name: string) {
  return readVectors(gunzipSync(readFileSync(fileURLToPath(new URL(`../vectors/${name}`, import.meta.url)))));
}

describe("recorded x87 vectors", () => {
  const vectors = sample("x87.bin.gz");

  it("are many, of all kinds of form", () => {
    expect(vectors.length).toBe(45_000);
    const forms = new Set(vectors.map(({ opcode, modrm }) => (opcode << 8) | (modrm < 0xd0 ? modrm & 0xf8 : modrm)));
    expect(forms.size).toBeGreaterThan(120);
  });

  it("come out the same, to the last bit and flag", () => {
    const { wrong, lines } = compareVectors(vectors);
    expect(lines).toEqual([]);
    expect(wrong).toBe(0);
  });

  it("would be found if they did not", () => {
    const [first] = vectors;
    const bent = { ...first!, after: { ...first!.after, status: first!.after.status ^ 1 } };
    expect(compareVectors([bent]).wrong).toBe(1);
  });

  it("that end early are refused", () => {
    expect(() => readVectors(Uint8Array.of(0xd8, 0xc1, 0x7f, 3, 0, 0, 0, 0, 0, 1, 2))).toThrow("the end of the file");
  });
});

describe("recorded transcendental functions", () => {
  it("differ by one unit in the last place at most, and seldom", () => {
    const { compared, same, lines } = compareFunctions(sample("x87-functions.bin.gz"));
    expect(lines).toEqual([]);
    expect(compared).toBeGreaterThan(3000);
    expect(same / compared).toBeGreaterThan(0.9);
  });
});
