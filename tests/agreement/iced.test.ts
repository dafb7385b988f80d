/**
 * The instruction table against iced-x86: every form of every row, encoded for both modes and both kinds of operand,
 * means the same to both; and what the table leaves out, iced does not count to an i686 either.
 */
import { describe, expect, it } from "vitest";
import { ShapeFlag } from "../../assembly/abi/shape.js";
import type { OpcodeMap, Privilege, Selector } from "../../src/isa/row.js";
import { ESCAPE_BYTE, PREFIX_BYTES, SECOND_ESCAPE_BYTE } from "../../src/isa/pack.js";
import { rowAt, SELECTORS } from "../../src/isa/slots.js";
import { INSTRUCTIONS } from "../../src/isa/table/index.js";
import { describeSample, hexBytes, type Sample, samplesOf } from "./encode.js";
import { I686_FEATURES, type IcedFacts, icedFacts } from "./oracle.js";

interface Known {
  /** Rows whose text matches. */
  rows: RegExp;
  ours: RegExp | string;
  iced: RegExp | string;
  reason: string;
}

// biome-ignore format: a table
/** Differences in the SDM columns. */
const COLUMNS: Known[] = [
  { rows: /^(VERR|VERW|LLDT|LTR|LMSW) /, ours: "r/m16", iced: "r32/m16", reason: "two bytes are read whatever the operand size" },
  { rows: /^MOV Sreg/, ours: "MOV Sreg, r/m16", iced: "MOV Sreg, r32/m16", reason: "two bytes are read whatever the operand size" },
  { rows: /^ARPL/, ours: "ARPL r/m16, r16", iced: "ARPL r32/m16, r32", reason: "the operation is two bytes wide whatever the operand size" },
  { rows: /^JECXZ/, ours: "JECXZ rel8", iced: "JCXZ rel8", reason: "the address size chooses the counter; the table has one name for both" },
  { rows: /^NOP r\/m/, ours: /^NOP r\/m/, iced: /^RESERVEDNOP/, reason: "the option that makes 0F 18..1E no-operations renames 0F 1F" },
  { rows: /^NOP r\/m/, ours: "0F 1F /0", iced: "0F 1F /r", reason: "the same option replaces the row with /0" },
];

// biome-ignore format: a table
/** Differences in the flags. */
const FLAGS: Known[] = [
  { rows: /^INT/, ours: "I", iced: "", reason: "an interrupt gate clears IF; iced leaves the gate's work out" },
];

// biome-ignore format: a table
/** Differences in privilege and exits. */
const TRAPS: Known[] = [
  { rows: /^CPUID/, ours: "false", iced: "true", reason: "CPUID faulting came after the i686" },
  { rows: /^VMCALL/, ours: "true", iced: "false", reason: "in root operation it is #GP outside CPL 0 as the others of VMX are" },
  { rows: /^SMSW/, ours: "no exit", iced: "exit", reason: "SDM 3C 25.1.3 has no exit for SMSW: it reads the CR0 read shadow" },
];

function matches(pattern: RegExp | string, value: string): boolean {
  return typeof pattern === "string"
    ? pattern === value || (pattern !== "" && value.endsWith(pattern))
    : pattern.test(value);
}

const used = new Set<Known>();

function isKnown(list: Known[], text: string, ours: string, theirs: string): boolean {
  const found = list.find((known) => known.rows.test(text) && matches(known.ours, ours) && matches(known.iced, theirs));
  if (found) used.add(found);
  return found !== undefined;
}

/** Lines "sample: ours X, iced Y" for every sample where the two columns differ and no reason is known. */
function differences(
  list: Known[],
  what: string,
  ours: (sample: Sample) => string,
  theirs: (facts: IcedFacts) => string,
): string[] {
  return samples.flatMap(({ sample, facts }) => {
    const mine = ours(sample);
    const other = theirs(facts);
    if (mine === other || isKnown(list, sample.form.text, mine, other)) return [];
    return [`${describeSample(sample)}: ${what} "${mine}", iced "${other}"`];
  });
}

const samples = INSTRUCTIONS.flatMap(samplesOf).map((sample) => ({
  sample,
  facts: icedFacts(sample.bytes, sample.bitness),
}));

const ALWAYS: readonly Privilege[] = ["cpl0", "iopl", "io", "vmx"];
const SOMETIMES: readonly Privilege[] = ["tsd", "pce", "umip"];

describe("table and iced-x86 agree on", () => {
  it("a good number of samples", () => {
    expect(samples.length).toBeGreaterThan(1500);
  });

  it("length", () => {
    const wrong = samples.filter(({ sample, facts }) => facts.length !== sample.bytes.length);
    expect(wrong.map(({ sample, facts }) => `${describeSample(sample)}: ${facts.length} bytes`)).toEqual([]);
  });

  it("the Instruction column", () => {
    expect(
      differences(
        COLUMNS,
        "text",
        ({ form }) => form.text,
        (facts) => facts.text,
      ),
    ).toEqual([]);
  });

  it("the Opcode column", () => {
    expect(
      differences(
        COLUMNS,
        "opcode",
        ({ form }) => form.code.replace(/^NP /, ""),
        (facts) => facts.code,
      ),
    ).toEqual([]);
  });

  it.each(["reads", "writes", "undefines"] as const)("the flags an instruction %s", (column) => {
    expect(
      differences(
        FLAGS,
        column,
        ({ form }) => form.row[column],
        (facts) => facts[column],
      ),
    ).toEqual([]);
  });

  it("LOCK", () => {
    expect(
      differences(
        [],
        "lockable",
        ({ form }) => String((form.row.flags & ShapeFlag.LOCKABLE) !== 0),
        (facts) => String(facts.lockable),
      ),
    ).toEqual([]);
  });

  it("what real mode lacks", () => {
    expect(
      differences(
        [],
        "real mode",
        ({ form }) => String((form.row.flags & ShapeFlag.PROTECTED) === 0),
        (facts) => String(facts.realMode),
      ),
    ).toEqual([]);
  });

  it("privilege", () => {
    expect(
      differences(
        TRAPS,
        "privileged",
        ({ form }) => String(ALWAYS.includes(form.row.privilege)),
        (facts) => String(facts.privileged),
      ),
    ).toEqual([]);
    expect(
      differences(
        TRAPS,
        "conditionally privileged",
        ({ form }) => String(SOMETIMES.includes(form.row.privilege)),
        (facts) => String(facts.conditionallyPrivileged),
      ),
    ).toEqual([]);
  });

  it("VM exits", () => {
    const word = (exits: boolean) => (exits ? "exit" : "no exit");
    expect(
      differences(
        TRAPS,
        "VM exit",
        ({ form }) => word(form.row.exits.length > 0),
        (facts) => word(facts.mayExit),
      ),
    ).toEqual([]);
  });

  it("everything but the named differences, all of which exist", () => {
    const idle = [...COLUMNS, ...FLAGS, ...TRAPS].filter((known) => !used.has(known));
    expect(idle.map((known) => `${known.rows} ${known.reason}`)).toEqual([]);
  });
});

// biome-ignore format: a table
/** Opcodes iced counts to the i686 that the table leaves out. */
const LEFT_OUT: Record<string, string> = {
  "0F 0D /r": "no-operation only since the Pentium 4; 0F 18..1F are those of the P6",
  "0F 01 D4": "VMFUNC: the processor has no VM functions",
  "0F FF /r": "UD0: #UD with or without a row, and processors differ about its length",
};

const ESCAPES: Record<OpcodeMap, number[]> = { 1: [], 2: [ESCAPE_BYTE], 3: [ESCAPE_BYTE, SECOND_ESCAPE_BYTE] };

/** Every opcode of every map, with each mandatory prefix and without. */
function* opcodes(): Generator<[OpcodeMap, number, Selector]> {
  for (const map of [1, 2, 3] as const) {
    for (let byte = 0; byte < 256; byte++) {
      if (map === 1 && (byte === ESCAPE_BYTE || PREFIX_BYTES.includes(byte))) continue;
      if (map === 2 && byte === SECOND_ESCAPE_BYTE) continue;
      for (const selector of SELECTORS) yield [map, byte, selector];
    }
  }
}

describe("opcodes without a row", () => {
  const reasons = new Set<string>();
  const wrong: string[] = [];
  let count = 0;
  for (const [map, byte, selector] of opcodes()) {
    for (let modrm = 0; modrm < 256; modrm++) {
      if (rowAt(map, byte, modrm, selector)) continue;
      count++;
      const prefix = selector === "NP" ? [] : [selector];
      const bytes = Uint8Array.from([...prefix, ...ESCAPES[map], byte, modrm, 0, 0, 0, 0, 0, 0]);
      const facts = icedFacts(bytes, 32);
      if (facts.text === "" || facts.features.some((feature) => !I686_FEATURES.has(feature))) continue;
      if (facts.code in LEFT_OUT) reasons.add(facts.code);
      else wrong.push(`${hexBytes(bytes)}: ${facts.text} [${facts.code}] ${facts.features}`);
    }
  }

  it("are no instructions of an i686 to iced either, but for a named few", () => {
    expect(count).toBeGreaterThan(20_000);
    expect(wrong).toEqual([]);
    expect([...reasons].sort()).toEqual(Object.keys(LEFT_OUT).sort());
  });
});
