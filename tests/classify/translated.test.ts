/** What docs/classes.md says binary translation does about an instruction is what the machine does about it. */
import { expect, test } from "vitest";
import { Treatment } from "../../assembly/abi/translation.js";
import { Core } from "../../src/core/core.js";
import { treatmentOf } from "../../src/classify/treatment.js";
import { INSTRUCTIONS } from "../../src/isa/table/index.js";
import { NO_HOST } from "../cpu/flat-core.js";

const WORDS: Record<Treatment, string> = {
  [Treatment.IDENT]: "ident",
  [Treatment.INLINE]: "inline",
  [Treatment.CALL_OUT]: "call-out",
};

test("declared and done agree for every row", () => {
  const { exports } = Core.create({ ramBytes: 1 << 20 }, NO_HOST);
  const declared = INSTRUCTIONS.map((row) => [row.text, treatmentOf(row, "bt")]);
  expect(INSTRUCTIONS.map((row) => [row.text, WORDS[exports.treatmentOf(row.op) as Treatment]])).toEqual(declared);
});
