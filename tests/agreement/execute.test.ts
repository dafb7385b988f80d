/**
 * The table against the interpreter: every form of every row executes, none is unimplemented, and none raises an exception
 * that the set-up does not explain.
 */
import { describe, expect, it } from "vitest";
import { Cpu } from "../../assembly/abi/cpu.js";
import { ExitReason } from "../../assembly/abi/exit.js";
import { Op, OP_COUNT } from "../../assembly/abi/op.js";
import { Shape } from "../../assembly/abi/shape.js";
import { Vector } from "../../assembly/abi/x86.js";
import { INSTRUCTIONS } from "../../src/isa/table/index.js";
import { describeSample, type Sample, samplesOf } from "./encode.js";
import { CODE, FlatMachine, OPERAND, SELECTORS, STACK, type Start } from "./flat-machine.js";

/** Values that an operand or the stack holds, depending on the operand size in bytes and the code selector. */
type Values = (code: number) => readonly number[];

/** What an operation needs to run without an exception, where the common set-up is not enough. */
interface Needs {
  ecx?: number;
  edx?: number;
  /** Values of the operand size at the memory operand. */
  operand?: Values;
  /** Values of the operand size on the stack. */
  stack?: Values;
  fields?: readonly (readonly [Cpu, number])[];
  /** Vectors, one of which it must raise. */
  raises?: readonly Vector[];
}

/** A harmless place in the code segment. */
const TARGET = CODE + 0x40;
/** Selector of the data segment, small address, non-zero divisor, number of the time-stamp counter's MSR: fits most needs. */
const COMMON = 0x10;

const SYSENTER_FIELDS = [
  [Cpu.SYSENTER_CS, SELECTORS.code32],
  [Cpu.SYSENTER_ESP, STACK],
  [Cpu.SYSENTER_EIP, TARGET],
] as const;

const FAR_POINTER: Needs = { operand: (code) => [TARGET, code] };

const NEEDS: Partial<Record<Op, Needs>> = {
  [Op.LLDT]: { ecx: SELECTORS.ldt, operand: () => [SELECTORS.ldt] },
  [Op.LTR]: { ecx: SELECTORS.tss, operand: () => [SELECTORS.tss] },
  [Op.BOUND]: { operand: () => [0, 5] },
  [Op.RDPMC]: { ecx: 0 },
  [Op.JMP_INDIRECT]: { operand: () => [TARGET] },
  [Op.CALL_INDIRECT]: { operand: () => [TARGET] },
  [Op.JMP_FAR_INDIRECT]: FAR_POINTER,
  [Op.CALL_FAR_INDIRECT]: FAR_POINTER,
  [Op.RET_FAR]: { stack: (code) => [TARGET, code] },
  [Op.IRET]: { stack: (code) => [TARGET, code, 2] },
  [Op.POPF]: { stack: () => [2] },
  [Op.SYSENTER]: { fields: SYSENTER_FIELDS },
  [Op.SYSEXIT]: { fields: SYSENTER_FIELDS, ecx: STACK, edx: TARGET },
  [Op.INT]: { raises: [Vector.NMI] },
  [Op.INT3]: { raises: [Vector.BP] },
  [Op.INT1]: { raises: [Vector.DB] },
  [Op.UD]: { raises: [Vector.UD] },
  ...Object.fromEntries(
    INSTRUCTIONS.filter((row) => row.privilege === "vmx").map((row) => [row.op, { raises: [Vector.UD] }]),
  ),
};

function littleEndian(values: readonly number[], bytes: number): number[] {
  return values.flatMap((value) => Array.from({ length: bytes }, (_, index) => (value >>> (8 * index)) & 255));
}

/** The sample's bytes with branch targets inside the code segment. */
function withTarget({ bytes, form }: Sample, code: number): Uint8Array {
  const size = form.operandSize ?? 4;
  const out = bytes.slice();
  if (form.row.shape === Shape.REL) out.set(littleEndian([COMMON], size), out.length - size);
  if (form.row.shape === Shape.FAR) out.set([...littleEndian([TARGET], size), code, 0], out.length - size - 2);
  return out;
}

/** Start state in which the sample should run through. */
function startOf(sample: Sample): Start {
  const needs = NEEDS[sample.form.row.op] ?? {};
  const size = sample.form.operandSize ?? 4;
  const code = sample.bitness === 32 ? SELECTORS.code32 : SELECTORS.code16;
  const common = () => new Array<number>(16).fill(COMMON);
  const operand = (needs.operand ?? common)(code);
  return {
    bitness: sample.bitness,
    code: withTarget(sample, code),
    registers: [
      0x21,
      needs.ecx ?? COMMON,
      needs.edx ?? 0,
      OPERAND,
      STACK,
      STACK - 0x800,
      OPERAND + 0x300,
      OPERAND + 0x400,
    ],
    eflags: 0,
    operand: littleEndian(operand, needs.operand ? size : 2),
    stack: littleEndian((needs.stack ?? common)(code), size),
    ...(needs.fields ? { fields: needs.fields } : {}),
  };
}

describe("the interpreter", () => {
  const machine = new FlatMachine();
  const executed = new Set<Op>();
  const samples = INSTRUCTIONS.flatMap(samplesOf);
  const results = samples.map((sample) => {
    machine.begin(startOf(sample));
    const reason = machine.core.stepOnce();
    executed.add(sample.form.row.op);
    return { sample, reason, vector: machine.vector, eip: machine.core.cpu.eip };
  });

  it("has every form of every row", () => {
    const missing = results.filter(({ reason }) => reason === ExitReason.UNIMPLEMENTED);
    expect(missing.map(({ sample }) => describeSample(sample))).toEqual([]);
    expect(executed.size).toBe(OP_COUNT - 1);
  });

  it("raises the exceptions the set-up explains and no other", () => {
    const wrong = results.filter(({ sample, vector }) => {
      const expected = NEEDS[sample.form.row.op]?.raises;
      return expected ? vector === undefined || !expected.includes(vector) : vector !== undefined;
    });
    expect(wrong.map(({ sample, vector }) => `${describeSample(sample)}: vector ${vector}`)).toEqual([]);
  });

  it("moves EIP, exits only for HLT", () => {
    const stuck = results.filter(({ eip }) => eip === CODE);
    expect(stuck.map(({ sample }) => describeSample(sample))).toEqual([]);
    const exits = results.filter(({ reason }) => reason !== ExitReason.BUDGET);
    expect([...new Set(exits.map(({ sample }) => sample.form.row.op))]).toEqual([Op.HLT]);
  });
});
