/**
 * The three theorems of Popek and Goldberg as questions to a list of verdicts, and the lists of the literature to compare with.
 */
import { Op } from "../../assembly/abi/op.js";
import { nameOf } from "../isa/doc.js";
import type { Row } from "../isa/row.js";
import type { Reading } from "./evidence.js";
import { ISAS, type Isa, type Verdict } from "./verdict.js";

/** An answer: which instructions break the theorem's condition; none if it holds. */
export interface Answer {
  readonly breaking: readonly string[];
}

/** The answers for an instruction set in a reading. */
interface TheoremAnswers {
  readonly isa: Isa;
  readonly reading: Reading;
  /** Sensitive instructions are privileged: a virtual machine monitor can be built. */
  readonly theorem1: Answer;
  /** Theorem 1 holds and no instruction tells the time unasked: a monitor without timing dependencies can run itself. */
  readonly theorem2: Answer & { readonly timing: readonly string[] };
  /** User-sensitive instructions are privileged: a hybrid monitor can be built. */
  readonly theorem3: Answer;
  /** The same if user mode has IF set, IOPL below 3 and no NMI in progress. */
  readonly theorem3Ordinary: Answer;
}

function names(verdicts: readonly Verdict[], breaks: (verdict: Verdict) => boolean): string[] {
  return [
    ...new Set(verdicts.filter((verdict) => !verdict.privileged && breaks(verdict)).map(({ row }) => nameOf(row))),
  ];
}

/** Asks the theorems of one instruction set. */
function askTheorems(verdicts: readonly Verdict[], isa: Isa, reading: Reading): TheoremAnswers {
  const breaking = names(verdicts, ({ sensitive }) => sensitive[reading].length > 0);
  const timing = names(verdicts, ({ timed }) => timed);
  return {
    isa,
    reading,
    theorem1: { breaking },
    theorem2: { breaking: [...new Set([...breaking, ...timing])], timing },
    theorem3: { breaking: names(verdicts, ({ user }) => user[reading].length > 0) },
    theorem3Ordinary: { breaking: names(verdicts, ({ ordinaryUser }) => ordinaryUser[reading].length > 0) },
  };
}

/** All answers, from the verdicts on each instruction set. */
export function allAnswers(verdictsOn: (isa: Isa) => readonly Verdict[]): TheoremAnswers[] {
  return ISAS.flatMap((isa) => {
    const verdicts = verdictsOn(isa);
    return (["lifted", "strict"] as const).map((reading) => askTheorems(verdicts, isa, reading));
  });
}

/** The answers as text, a few lines for each instruction set. */
export function theoremLines(answers: readonly TheoremAnswers[]): string[] {
  const line = (title: string, { breaking }: Answer) =>
    `  ${title} ${breaking.length === 0 ? "holds" : `fails: ${breaking.join(", ")}`}`;
  return answers.flatMap((answer) => {
    const timing = answer.theorem2.timing;
    const clock = timing.length === 0 ? "every clock can be trapped" : `tell the time: ${timing.join(", ")}`;
    const second =
      answer.theorem2.breaking.length === 0
        ? `holds (${clock})`
        : `fails (${answer.theorem1.breaking.length > 0 ? "Theorem 1 fails; " : ""}${clock})`;
    return [
      `${answer.isa}, ${answer.reading} reading`,
      line("Theorem 1", answer.theorem1),
      `  Theorem 2 ${second}`,
      line("Theorem 3", answer.theorem3),
      ...(answer.reading === "lifted"
        ? [line("Theorem 3, user mode with IF = 1, IOPL < 3 and no NMI in progress,", answer.theorem3Ordinary)]
        : []),
    ];
  });
}

/** The sensitive, unprivileged instructions of Robin and Irvine (USENIX Security 2000), as operations. */
export const ROBIN_AND_IRVINE: readonly Op[] = [
  ...[Op.SGDT, Op.SIDT, Op.SLDT, Op.SMSW, Op.STR],
  ...[Op.PUSHF, Op.POPF],
  ...[Op.LAR, Op.LSL, Op.VERR, Op.VERW],
  ...[Op.PUSH_SEG, Op.POP_SEG, Op.MOV_FROM_SEG, Op.MOV_TO_SEG],
  ...[Op.CALL_FAR, Op.CALL_FAR_INDIRECT, Op.JMP_FAR, Op.JMP_FAR_INDIRECT, Op.RET_FAR, Op.INT],
];

/** Why an operation that is not on their list is sensitive all the same. */
const BEYOND: Partial<Record<Op, string>> = {
  [Op.IRET]: "keeps IF, IOPL and VM as silently as POPF does; on the list of Bugnion, Nieh and Tsafrir (2017)",
  [Op.INT1]: "enters a gate; in the lifted reading that is a trap, and nothing is left",
  [Op.INT3]: "compares CPL with the DPL of its gate, as INT n does",
  [Op.INTO]: "compares CPL with the DPL of its gate, as INT n does",
  [Op.SYSENTER]: "enters ring 0 by MSRs that the monitor owns; in the lifted reading a trap, and nothing is left",
  [Op.LDS]: "loads a segment register with the checks of MOV DS",
  [Op.LES]: "loads a segment register with the checks of MOV ES",
  [Op.LFS]: "loads a segment register with the checks of MOV FS",
  [Op.LGS]: "loads a segment register with the checks of MOV GS",
  [Op.LSS]: "loads a segment register with the checks of MOV SS",
  [Op.FNSTENV]: "stores the selector of the code segment the last x87 instruction ran in: PUSH CS at one remove",
  [Op.FNSAVE]: "stores the selector of the code segment the last x87 instruction ran in: PUSH CS at one remove",
};

/** Why a row is sensitive though Robin and Irvine do not list it: undefined if they do, or if nobody can say. */
export function beyondTheLiterature(row: Row): string | undefined {
  return ROBIN_AND_IRVINE.includes(row.op) ? undefined : BEYOND[row.op];
}
