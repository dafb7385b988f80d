/** Random and mutated images: the outcome is a sound plan or an `ImageError`, whatever the bytes. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type BootOptions, IMAGE_FORMATS } from "../../src/loaders/boot-plan.js";
import { ImageError } from "../../src/loaders/image-error.js";
import { planBoot } from "../../src/loaders/plan-boot.js";
import { bzImage, elf, kludge, multibootHeader } from "./images.js";
import { expectSound } from "./plan-helpers.js";

const MB = 0x100000;
const RAM = 4 * MB;

const seeds: Uint8Array[] = [
  elf({
    entry: MB,
    segments: [
      { vaddr: MB, data: new Uint8Array(64), memorySize: 0x1000 },
      { vaddr: 0xc0200000, paddr: 0x200000, data: new Uint8Array([...multibootHeader(3), 1, 2, 3, 4]) },
    ],
  }),
  kludge(8, 0x80, [MB + 8, MB, MB + 0x80, MB + 0x100, MB + 0x10]),
  bzImage({ kernelBytes: 0x40, setupSects: 1 }),
];

/** Values that sit on the edges of 32-bit arithmetic. */
const word = fc.oneof(
  fc.constantFrom(0, 1, 0x7fffffff, 0x80000000, 0xfffffff0, 0xffffffff, MB, RAM, RAM - 1, 0x9fc00, 0xa0000),
  fc.integer({ min: 0, max: 0xffffffff }).map((value) => value >>> 0),
);

const mutation = fc.record({ at: fc.nat(0x270), value: word, size: fc.constantFrom(1, 2, 4) });

const anyOptions: fc.Arbitrary<BootOptions> = fc.record(
  {
    name: fc.constant("image"),
    ramBytes: fc.constantFrom(RAM, MB, 2 * MB + 1),
    format: fc.constantFrom("auto" as const, ...IMAGE_FORMATS),
    commandLine: fc.constantFrom("", "a b", "x".repeat(300)),
    address: word,
    entry: word,
    initrd: fc.constantFrom(new Uint8Array(0), new Uint8Array(5000)),
    modules: fc.constant([{ name: "m", bytes: new Uint8Array(5000) }]),
    mode: fc.constantFrom("real" as const, "protected" as const),
  },
  { requiredKeys: ["name", "ramBytes"] },
);

const options = fc.oneof(
  { weight: 3, arbitrary: fc.constant<BootOptions>({ name: "image", ramBytes: RAM }) },
  { weight: 1, arbitrary: anyOptions },
);

function expectPlanOrRefusal(image: Uint8Array, asked: BootOptions): "planned" | "refused" {
  try {
    const plan = planBoot(image, asked);
    expectSound(plan, asked.ramBytes);
    expect(Number.isInteger(plan.cpu.eip)).toBe(true);
    return "planned";
  } catch (error) {
    if (!(error instanceof ImageError)) throw error;
    expect(error.message).not.toMatch(/undefined|NaN|\n/);
    return "refused";
  }
}

describe("hostile images", () => {
  it("mutated headers end in a sound plan or an ImageError", () => {
    const outcomes = { planned: 0, refused: 0 };
    const property = fc.property(
      fc.constantFrom(...seeds),
      fc.array(mutation, { maxLength: 5 }),
      fc.option(fc.nat(0x700), { freq: 8 }),
      options,
      (seed, mutations, cut, asked) => {
        const image = seed.slice(0, cut ?? seed.length);
        const view = new DataView(image.buffer);
        for (const { at, value, size } of mutations) {
          const offset = at % Math.max(image.length, 1);
          if (offset + size > image.length) continue;
          if (size === 1) view.setUint8(offset, value & 255);
          else if (size === 2) view.setUint16(offset, value & 0xffff, true);
          else view.setUint32(offset, value, true);
        }
        outcomes[expectPlanOrRefusal(image, asked)]++;
      },
    );
    fc.assert(property, { numRuns: 20_000, seed: 0x5eed });
    expect(outcomes.planned).toBeGreaterThan(500);
    expect(outcomes.refused).toBeGreaterThan(500);
  });

  it("random bytes end in a sound plan or an ImageError", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 1024 }), options, (image, asked) => {
        expectPlanOrRefusal(image, asked);
      }),
      { numRuns: 5_000, seed: 0x5eed },
    );
  });
});
