/**
 * The instruction table against capstone: a second vote on length and mnemonic of every form. Where capstone is known to
 * be wrong, or names things differently, the difference is listed with its reason; an idle line in the list fails.
 */
import { Capstone, Const, loadCapstone } from "capstone-wasm";
import { beforeAll, describe, expect, it } from "vitest";
import { INSTRUCTIONS } from "../../src/isa/table/index.js";
import { type Bitness, describeSample, type Sample, samplesOf } from "./encode.js";

interface Known {
  /** Row texts. */
  rows: RegExp;
  /** What capstone says: mnemonic and length, or `rejected`. */
  says: RegExp;
  reason: string;
}

// biome-ignore format: a table
const KNOWN: Known[] = [
  { rows: /^CBW$/, says: /^cwde 1$/, reason: "wrong in 16-bit code without a prefix" },
  { rows: /^CWD$/, says: /^cdq 1$/, reason: "wrong in 16-bit code without a prefix" },
  { rows: /^(PUSHA|POPA)$/, says: /^(pusha|popa)w /, reason: "its name" },
  { rows: /^(PUSHA|POPA)D$/, says: /^(pusha|popa)l /, reason: "its name" },
  { rows: /^JECXZ/, says: /^jcxz /, reason: "the address size chooses the counter; the table has one name for both" },
  { rows: /^(JMP|CALL) (ptr|m16)/, says: /^l(jmp|call) /, reason: "its name for far transfers" },
  { rows: /^UD1/, says: /^ud1 [23]$/, reason: "leaves the ModRM byte out" },
  { rows: /^FU?COMIP /, says: /^fu?compi 2$/, reason: "its name" },
  { rows: /^FN(ENI|DISI|SETPM)$/, says: /^f(eni8087_nop|disi8087_nop|setpm) 2$/, reason: "its name" },
  { rows: /^(FCOM|FCOMP|FSTP|FXCH) ST\(i\)$/, says: /^rejected$/, reason: "leaves the aliases out" },
  { rows: /^(VMCLEAR|INVEPT|INVVPID) /, says: /^(vmptrld 4|rejected)$/, reason: "takes 66 for an operand size in 16-bit code" },
  { rows: /^RESERVEDNOP.*/, says: /^(nop|prefetch\w*|cldemote|bnd\w+|rejected)/, reason: "later processors gave some of them a meaning" },
];

function disassemble(engine: Capstone, bytes: Uint8Array): string {
  try {
    const [first] = engine.disasm(bytes, { address: 0x1000, count: 1 });
    return `${first!.mnemonic} ${first!.size}`;
  } catch {
    return "rejected";
  }
}

describe("table and capstone agree", () => {
  const used = new Set<Known>();
  let exact = 0;

  beforeAll(async () => {
    await loadCapstone();
  });

  function isKnown({ form }: Sample, says: string): boolean {
    const found = KNOWN.find((known) => known.rows.test(form.text) && known.says.test(says));
    if (found) used.add(found);
    return found !== undefined;
  }

  it.each([16, 32] as Bitness[])("on length and mnemonic in %i-bit code", (bitness) => {
    const engine = new Capstone(Const.CS_ARCH_X86, bitness === 16 ? Const.CS_MODE_16 : Const.CS_MODE_32);
    const wrong: string[] = [];
    for (const sample of INSTRUCTIONS.flatMap(samplesOf).filter((candidate) => candidate.bitness === bitness)) {
      const mnemonic = sample.form.text.split(" ")[0]!.toLowerCase();
      const says = disassemble(engine, sample.bytes);
      if (says === `${mnemonic} ${sample.bytes.length}`) exact++;
      else if (!isKnown(sample, says)) wrong.push(`${describeSample(sample)}: capstone ${says}`);
    }
    engine.close();
    expect(wrong).toEqual([]);
  });

  it("but for the named differences, all of which exist", () => {
    expect(exact).toBeGreaterThan(1500);
    expect(KNOWN.filter((known) => !used.has(known)).map((known) => known.reason)).toEqual([]);
  });
});
