/** docs/classes.md is what the declared classes print. */
import { expect, it } from "vitest";
import { classesDocument } from "../../src/classify/document.js";

it("docs/classes.md is up to date", async () => {
  await expect(classesDocument()).toMatchFileSnapshot("../../docs/classes.md");
});
