/** docs/isa.md is what the instruction table prints. */
import { describe, expect, it } from "vitest";
import { isaDocument } from "../../src/isa/doc.js";
import { INSTRUCTIONS } from "../../src/isa/table/index.js";

describe("docs/isa.md", () => {
  it("is up to date with the table", async () => {
    await expect(isaDocument()).toMatchFileSnapshot("../../docs/isa.md");
  });

  it("has every row", () => {
    const text = isaDocument();
    for (const row of INSTRUCTIONS) expect(text).toContain(`| \`${row.code}\` | \`${row.text}\` |`);
  });
});
