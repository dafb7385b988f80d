/** The experiments on a sample of rows, and on the laboratory itself. */
import { describe, expect, it } from "vitest";
import { ShapeFlag } from "../../assembly/abi/shape.js";
import { learn, treeText } from "../../src/classify/conditions.js";
import { derive } from "../../src/classify/derivation.js";
import { drawState } from "../../src/classify/draw.js";
import { subjectsOf } from "../../src/classify/encode.js";
import { Laboratory } from "../../src/classify/laboratory.js";
import { IN_PLACE } from "../../src/classify/state.js";
import { trapWords } from "../../src/classify/text.js";
import { plainestWitnesses, replay, witnessLines } from "../../src/classify/witness.js";
import type { Row } from "../../src/isa/row.js";
import { INSTRUCTIONS } from "../../src/isa/table/index.js";

const rows = (...texts: string[]): Row[] => texts.map((text) => INSTRUCTIONS.find((row) => row.text === text)!);
const SEARCH = { seed: 7, states: 16, sensitiveStates: 120 };
const KERNEL = { ring: 0, moved: IN_PLACE } as const;

describe("a state", () => {
  it("gives the same outcome each time, whatever ran between", () => {
    const laboratory = new Laboratory();
    const picked = INSTRUCTIONS.filter((_, index) => index % 7 === 0).map((row) => subjectsOf(row)[0]!);
    const outcomes = () =>
      picked.map((subject) => {
        const { kind, vector, error, after, memory } = laboratory.run(drawState(subject, 3, 1), KERNEL);
        return { kind, vector, error, after: [...after.subarray(0, 16)], memory: [...memory] };
      });
    const first = outcomes();
    expect(outcomes()).toEqual(first);
  });

  it("completes for every instruction that can", () => {
    const laboratory = new Laboratory();
    const never = INSTRUCTIONS.flatMap(subjectsOf).filter((subject) => {
      const runs = Array.from({ length: 16 }, (_, index) => laboratory.run(drawState(subject, 1, index), KERNEL));
      return runs.every(({ kind }) => kind === "fault");
    });
    expect(never.map(({ key }) => key).filter((key) => !/^(UD|VM|INVEPT|INVVPID)/.test(key))).toEqual([]);
  });

  it("is encoded within 15 bytes, with REP for strings only", () => {
    for (const subject of INSTRUCTIONS.flatMap(subjectsOf)) {
      const { code } = drawState(subject, 1, 0);
      expect(code.length).toBeLessThanOrEqual(15);
      const repeated = code[0] === 0xf2 || (code[0] === 0xf3 && subject.row.encoding.prefix === undefined);
      if (repeated) expect(subject.row.flags & ShapeFlag.STRING, subject.key).not.toBe(0);
    }
  });
});

describe("derivation", () => {
  it("agrees with the table on a sample of every class", () => {
    const sample = rows(
      "POPFD",
      "PUSHFD",
      "SGDT m",
      "SMSW r32/m16",
      "STR r32/m16",
      "PUSH CS",
      "PUSH ES",
      "MOV Sreg, r/m16",
    )
      .concat(rows("LAR r32, r32/m16", "CALL ptr16:32", "INT imm8", "INT1", "IRETD", "CLI", "IN AL, DX", "MOV r32, cr"))
      .concat(
        rows(
          "HLT",
          "RDTSC",
          "FNSTENV m28byte",
          "ADD r/m32, r32",
          "ARPL r/m16, r16",
          "CMPXCHG8B m64",
          "MOVSD",
          "VMCALL",
          "VMWRITE r32, r/m32",
        ),
      );
    const derivation = derive(sample, SEARCH);
    expect(derivation.disagreements).toEqual([]);
  });

  it("names a row that is declared wrongly", () => {
    const [row] = rows("SGDT m");
    const { disagreements } = derive([{ ...row!, sensitive: [], privilege: "cpl0" }], SEARCH);
    expect(disagreements[0]).toBe("SGDT m [0F 01 /0]: privilege: declared cpl0, derived umip");
    expect(disagreements[1]).toContain("declared innocuous, derived location");
  });

  it("learns the conditions of conditional privilege", () => {
    const { evidence } = derive(rows("CLI", "IN AL, DX", "RDTSC", "RDPMC", "SIDT m", "LGDT m16&32"), SEARCH);
    expect(evidence.map(trapWords)).toEqual([
      "CPL > IOPL and not (CPL = 3 and CR4.PVI)",
      "CPL > IOPL and the I/O bitmap denies",
      "CR4.TSD",
      "not CR4.PCE",
      "CR4.UMIP",
      "always",
    ]);
  });

  it("learns no tree from contradictions", () => {
    const sample = (conditions: number, trapped: boolean) => ({ conditions, trapped });
    expect(learn([sample(1, true), sample(1, false)])).toBeUndefined();
    expect(treeText(learn([sample(1, true), sample(0, false)])!)).toBe("CPL > IOPL");
  });

  it("is the same for the same seed", () => {
    const run = () =>
      derive(rows("POPFD", "LAR r32, r32/m16"), SEARCH).evidence.flatMap(({ ia32 }) => plainestWitnesses(ia32));
    expect(run()).toEqual(run());
  });
});

describe("a witness", () => {
  it("shows SGDT the table of the real machine", () => {
    const [row] = rows("SGDT m");
    const { evidence } = derive([row!], SEARCH);
    const witness = plainestWitnesses(evidence[0]!.ia32).find(({ kind }) => kind === "location")!;
    const report = replay(row!, witness);
    const stored = report.after.find(({ what }) => what.startsWith("["))!;
    expect(report.reason).toBe("shows GDTR at any CPL");
    expect(stored.first).not.toBe(stored.second);
    expect(witnessLines(report).join("\n")).toContain("location sensitive");
    expect(report.before.find(({ what }) => what === "GDTR")).toBeDefined();
  });

  it("shows POPF lose IF without a word", () => {
    const [row] = rows("POPFD");
    const { evidence } = derive([row!], SEARCH);
    const witness = plainestWitnesses(evidence[0]!.ia32).find(({ kind }) => kind === "mode")!;
    const { after } = replay(row!, witness);
    expect(after[0]).toEqual({ what: "ends", first: "completes", second: "completes" });
    expect(after[1]!.what).toMatch(/^(IF|IOPL)$/);
    expect(after[1]!.first).not.toBe(after[1]!.second);
  });
});
