/** Random guests on shadow tables see what a processor with a TLB could show them, and nothing is left behind. */
import { expect, test } from "vitest";
import { SHADOW_VARIANTS, ShadowFuzz } from "./shadow-fuzz.js";

const STEPS = 800;

test.each(SHADOW_VARIANTS)("$name", ({ options }) => {
  for (const seed of [1, 2]) {
    const fuzz = new ShadowFuzz({ seed, steps: STEPS, ...options });
    fuzz.run();
    const { statistics } = fuzz.machine.mmu;
    expect(statistics.hidden).toBeGreaterThan(60);
    expect(statistics.true).toBeGreaterThan(20);
    const left = fuzz.end();
    expect([...left.keys()]).toEqual("reserved" in options ? ["monitor"] : []);
  }
});
