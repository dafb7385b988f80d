/** The declared classes by themselves: every row has one, and they say what the literature says. */
import { describe, expect, it } from "vitest";
import { Op } from "../../assembly/abi/op.js";
import { declaredClasses } from "../../src/classify/declared.js";
import { allAnswers, beyondTheLiterature, ROBIN_AND_IRVINE } from "../../src/classify/theorems.js";
import { MONITORS, TREATMENTS, treatmentOf } from "../../src/classify/treatment.js";
import { declaredVerdict } from "../../src/classify/verdict.js";
import { INSTRUCTIONS } from "../../src/isa/table/index.js";

const answers = allAnswers((isa) => INSTRUCTIONS.map((row) => declaredVerdict(row, isa)));
const answer = (isa: string, reading: string) => answers.find((a) => a.isa === isa && a.reading === reading)!;

describe("declared classes", () => {
  it("exist for every row, and the lifted reading finds no more than the strict one", () => {
    for (const row of INSTRUCTIONS) {
      const { strict, lifted, userStrict, userLifted } = declaredClasses(row);
      for (const kind of lifted) expect(strict, row.text).toContain(kind);
      for (const kind of userLifted) expect(lifted, row.text).toContain(kind);
      for (const kind of userStrict) expect(strict, row.text).toContain(kind);
    }
  });

  it("give every monitor a word for every row, all of them explained", () => {
    const words = TREATMENTS.map(([word]) => word);
    for (const row of INSTRUCTIONS) {
      for (const monitor of MONITORS) {
        for (const word of treatmentOf(row, monitor).replace(/: .*/, "").split("; "))
          expect(words, row.text).toContain(word);
      }
    }
  });

  it("contain Robin and Irvine's list in both readings and explain each further member", () => {
    const slipping = INSTRUCTIONS.filter((row) => row.sensitive.length > 0 && !declaredVerdict(row, "ia32").privileged);
    const lifted = new Set(slipping.filter((row) => declaredClasses(row).lifted.length > 0).map((row) => row.op));
    expect(ROBIN_AND_IRVINE.filter((op) => !lifted.has(op)).map((op) => Op[op])).toEqual([]);
    const unexplained = slipping.filter((row) => !ROBIN_AND_IRVINE.includes(row.op) && !beyondTheLiterature(row));
    expect(unexplained.map((row) => row.text)).toEqual([]);
  });
});

describe("the theorems", () => {
  it("fail on ia32, and Theorem 3 by the descriptor-table registers, as Bugnion, Nieh and Tsafrir say, and by STR", () => {
    expect(answer("ia32", "lifted").theorem1.breaking).toContain("POPFD");
    expect([...answer("ia32", "lifted").theorem3Ordinary.breaking].sort()).toEqual([
      "SGDT",
      "SIDT",
      "SLDT",
      "SMSW",
      "STR",
    ]);
  });

  it("leave a hybrid monitor possible with UMIP, for guests whose user mode keeps its hands off IF and IOPL", () => {
    expect(answer("umip", "lifted").theorem3Ordinary.breaking).toEqual([]);
    expect(answer("umip", "lifted").theorem1.breaking).not.toContain("SGDT");
    expect(answer("umip", "lifted").theorem1.breaking).toContain("LAR");
  });

  it("hold on strict and vt in both readings, and no clock is free", () => {
    for (const isa of ["strict", "vt"]) {
      for (const reading of ["strict", "lifted"]) {
        const { theorem1, theorem2, theorem3 } = answer(isa, reading);
        expect([theorem1.breaking, theorem2.breaking, theorem3.breaking], `${isa} ${reading}`).toEqual([[], [], []]);
      }
    }
  });
});
