/** Many random guests on shadow tables. VMEXIT_SEED sets the first seed, VMEXIT_LONG_GUESTS how many there are. */
import { expect, test } from "vitest";
import { SHADOW_VARIANTS, ShadowFuzz } from "./shadow-fuzz.js";

const FIRST = Number(process.env.VMEXIT_SEED ?? Date.now() % 0x7fffffff);
const GUESTS = Number(process.env.VMEXIT_LONG_GUESTS ?? 160);

test(`${GUESTS} guests (VMEXIT_SEED=${FIRST})`, () => {
  for (let seed = FIRST; seed < FIRST + GUESTS; seed++) {
    const { options } = SHADOW_VARIANTS[seed % SHADOW_VARIANTS.length]!;
    const fuzz = new ShadowFuzz({ seed, steps: 2_000, ...options });
    fuzz.run();
    expect([...fuzz.end().keys()]).toEqual("reserved" in options ? ["monitor"] : []);
  }
});
