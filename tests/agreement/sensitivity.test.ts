/**
 * What the table declares sensitive but not privileged, against the lists in the literature: Robin and Irvine (USENIX
 * Security 2000), Bugnion, Nieh and Tsafrir (2017), and what a stricter reading of Popek and Goldberg adds.
 */
import { describe, expect, it } from "vitest";
import { Op } from "../../assembly/abi/op.js";
import { INSTRUCTIONS } from "../../src/isa/table/index.js";

const ROBIN_AND_IRVINE: readonly Op[] = [
  ...[Op.SGDT, Op.SIDT, Op.SLDT, Op.SMSW, Op.STR],
  ...[Op.PUSHF, Op.POPF],
  ...[Op.LAR, Op.LSL, Op.VERR, Op.VERW],
  ...[Op.PUSH_SEG, Op.POP_SEG, Op.MOV_FROM_SEG, Op.MOV_TO_SEG],
  ...[Op.CALL_FAR, Op.CALL_FAR_INDIRECT, Op.JMP_FAR, Op.JMP_FAR_INDIRECT, Op.RET_FAR, Op.INT],
];

/**
 * Beyond the list: IRET is in Bugnion, Nieh and Tsafrir's; the others load segments or enter a gate as well. FNSTENV and FNSAVE store
 * the selectors of the last x87 instruction: PUSH CS at one remove.
 */
const BEYOND: readonly Op[] = [
  ...[Op.IRET, Op.SYSENTER],
  ...[Op.LDS, Op.LES, Op.LFS, Op.LGS, Op.LSS],
  ...[Op.INT1, Op.INT3, Op.INTO],
  ...[Op.FNSTENV, Op.FNSAVE],
];

/** Sensitive, and privileged whenever IOPL is below CPL: what a VMM that owns IOPL can rely on. */
const BY_IOPL: readonly Op[] = [Op.CLI, Op.STI, Op.IN, Op.OUT, Op.INS, Op.OUTS];

function names(ops: Iterable<Op>): string[] {
  return [...new Set(ops)].map((op) => Op[op]!).sort();
}

describe("sensitive instructions", () => {
  const sensitive = INSTRUCTIONS.filter((row) => row.sensitive.length > 0);

  it("that never or not always fault are those of the literature", () => {
    const slipping = sensitive.filter((row) => row.privilege === "none" || row.privilege === "umip");
    expect(names(slipping.map((row) => row.op))).toEqual(names([...ROBIN_AND_IRVINE, ...BEYOND]));
  });

  it("that IOPL guards are the flag and port instructions", () => {
    const guarded = sensitive.filter((row) => row.privilege === "iopl" || row.privilege === "io");
    expect(names(guarded.map((row) => row.op))).toEqual(names(BY_IOPL));
  });

  it("include every privileged one", () => {
    const innocuous = INSTRUCTIONS.filter((row) => row.privilege === "cpl0" && row.sensitive.length === 0);
    expect(innocuous.map((row) => row.text)).toEqual([]);
  });

  it("have one verdict for all rows of an operation, but that only CS and SS hold the CPL", () => {
    const verdicts = new Map<Op, Set<string>>();
    for (const row of INSTRUCTIONS) {
      if (row.op === Op.PUSH_SEG) continue;
      const verdict = `${row.privilege} ${row.sensitive.map(({ kind }) => kind)}`;
      verdicts.set(row.op, (verdicts.get(row.op) ?? new Set()).add(verdict));
    }
    const split = [...verdicts].filter(([, set]) => set.size > 1);
    expect(split.map(([op, set]) => `${Op[op]}: ${[...set]}`)).toEqual([]);
    const pushes = INSTRUCTIONS.filter((row) => row.op === Op.PUSH_SEG);
    const showCpl = pushes.filter((row) => row.sensitive.some(({ kind }) => kind === "mode"));
    expect(showCpl.map((row) => row.text)).toEqual(["PUSH CS", "PUSH SS"]);
  });
});
