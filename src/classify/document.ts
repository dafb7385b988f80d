/** Prints docs/classes.md from the declared classes; a test compares the committed file with it. */
import { nameOf } from "../isa/doc.js";
import type { Row } from "../isa/row.js";
import { INSTRUCTIONS } from "../isa/table/index.js";
import { declaredClasses, PRIVILEGE_CONDITIONS, unobservable } from "./declared.js";
import { RELOCATION_WORDS, RELOCATIONS } from "./state.js";
import { isQuiet, kindWords } from "./text.js";
import { allAnswers, beyondTheLiterature, theoremLines } from "./theorems.js";
import { MONITORS, TREATMENTS, treatmentOf } from "./treatment.js";
import { declaredVerdict } from "./verdict.js";

const INTRODUCTION = `# Privileged, sensitive, innocuous

Printed from \`src/classify/\` and the instruction table; \`npx vitest run --project fast tests/classify/document.test.ts -u\` prints it again.

Popek and Goldberg (CACM 1974) ask two things of every instruction: does it trap in user mode, and does it touch or show what belongs to the
machine? If whatever touches or shows it also traps, a virtual machine monitor can be built by trapping. vmexit answers for each row of its
instruction table, by declaration (\`vmexit classify\`) and by experiment (\`vmexit classify --derive\`), and the two must agree.

## The definitions, on IA-32

A machine state is (E, M, P, R): memory, mode, program counter, resources.

- **M** is the CPL: 0 is supervisor mode, 1 and 3 are tried as user mode. IA-32 keeps the CPL in the low bits of CS and SS as well; these bits count
  as M. Where they get into E, as with PUSH CS, that is a finding.
- **R** is CR0, CR2, CR3, CR4, GDTR, IDTR, LDTR, TR, debug registers, MSRs, IF, IOPL, VIF, VIP, VM, NMI blocking, the HLT state, the TLB, descriptor tables,
  and the devices behind ports. In the strict reading also segment registers, NT and the interrupt shadow.
- **E and P** are what is left: general registers, arithmetic flags, DF, AC, ID, TF, x87, EIP, and memory at linear addresses.

| term | meaning here |
|---|---|
| privileged | from every state that ring 0 completes, ring 1 and 3 trap, under conditions on R alone |
| control sensitive | completes without a trap and changes R or M |
| location sensitive | with the same program in the same mode, but R relocated, E or P come out different |
| mode sensitive | from states that differ in M only, both complete and E, P or R come out different; or whether it traps depends on the guest's operands and not on R |
| user sensitive | control or location sensitive in ring 3 |
| innocuous | none of these |

**Two readings.** *Strict* takes R as above to the letter: loading DS changes R, and INT 0x80 changes M. *Lifted* is how monitors have always
read it: segment registers are part of the program, because the monitor owns the table they are loaded from, and a legal entry through a gate is
a trap, because the monitor owns the table of gates. What remains in the lifted reading are the privilege checks, and they are the list of
Robin and Irvine.

**Conditions.** CLI traps if CPL > IOPL, IN also asks the I/O bitmap, RDTSC asks CR4.TSD. A monitor chooses these, so such an instruction counts as
privileged for the theorems: the experiments learn a decision tree over CPL > IOPL, CR4.UMIP, TSD, PCE, PVI, VIP and the I/O bitmap and print it. If no tree explains
the traps, the guest's own operands decide, and the instruction is mode sensitive.

**Faults set aside**, as in the paper: memory (#PF, #AC) and arithmetic (#DE, #BR, #MF, #NM).

## The experiments

Every form of every row (operand sizes, memory and register operands) is executed from drawn states by the machine's own interpreter, in rings 0, 1 and
3, and again with the machine around it relocated:

`;

const LIMITS = `
All segments are flat and all pages belong to everybody, so that paging and limits treat all rings alike; selectors of every DPL and RPL, gates, ports allowed and
denied, and flag images of all kinds are offered as operands. A difference is a *witness*: form, seed and number of a state.
\`vmexit classify --witness POPF\` replays it and prints the two runs side by side.

**What a search cannot say.** A witness proves a verdict; that none was found in so many states does not prove innocence. States are 32-bit protected mode with paging; virtual-8086 mode,
real mode and 16-bit segments are not searched. Time is outside the paper's model: an instruction that tells it is listed as *reveals*, and Theorem 2 asks whether
it can be made to trap. On this machine time is the number of retired instructions, so a monitor that controls every clock has no other timing dependency.

**\`strict\` and \`vt\`** are searched on the machine too. On \`strict\` the instruction is under a monitor outside ring 0. On \`vt\` it runs in VMX non-root operation with all
controls set: it must exit, or do to the VM's own copy what it does on the bare machine, without changing or showing what the guest-state area does not hold.

What the manual says and no experiment here can see:

`;

function table(head: readonly string[], body: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...body.map(line)].join("\n");
}

/** Rows of one name and the same classes and treatment share a line. */
function grouped(rows: readonly Row[]): [name: string, row: Row][] {
  const groups = new Map<string, [string, Row]>();
  for (const row of rows) {
    const name = row.mnemonic === "PUSH" ? row.text : nameOf(row);
    const key = [name, JSON.stringify(declaredClasses(row))].join();
    if (!groups.has(key)) groups.set(key, [name, row]);
  }
  return [...groups.values()];
}

function classTable(): string {
  const rows = grouped(INSTRUCTIONS.filter((row) => !isQuiet(row)));
  const body = rows.map(([name, row]) => {
    const classes = declaredClasses(row);
    const strict = classes.reveals ? `reveals ${classes.reveals}` : kindWords(classes.strict);
    return [
      `\`${name}\``,
      PRIVILEGE_CONDITIONS[classes.privilege],
      strict,
      kindWords(classes.lifted),
      kindWords(classes.userLifted),
    ];
  });
  return table(["instruction", "traps", "strict reading", "lifted reading", "in user mode, lifted"], body);
}

function monitorTable(): string {
  const rows = grouped(INSTRUCTIONS.filter((row) => !isQuiet(row)));
  return table(
    ["instruction", ...MONITORS],
    rows.map(([name, row]) => [`\`${name}\``, ...MONITORS.map((monitor) => treatmentOf(row, monitor))]),
  );
}

function beyondTable(): string {
  const rows = grouped(
    INSTRUCTIONS.filter((row) => row.sensitive.length > 0 && !declaredVerdict(row, "ia32").privileged),
  );
  const body = rows.flatMap(([name, row]) => {
    const why = beyondTheLiterature(row);
    return why === undefined ? [] : [[`\`${name}\``, why]];
  });
  return table(["instruction", "why it is sensitive"], body);
}

function hiddenTable(): string {
  const rows = INSTRUCTIONS.flatMap((row) => {
    const why = unobservable(row);
    return why === undefined ? [] : [[`\`${row.text}\``, why]];
  });
  return table(["instruction", "why"], rows);
}

/** The text of docs/classes.md. */
export function classesDocument(): string {
  const relocations = RELOCATIONS.map((relocation) => `- *${relocation}*: ${RELOCATION_WORDS[relocation]}`).join("\n");
  const answers = allAnswers((isa) => INSTRUCTIONS.map((row) => declaredVerdict(row, isa)));
  const quiet = INSTRUCTIONS.filter(isQuiet).length;
  const words = TREATMENTS.map(([word, meaning]) => `- *${word}*: ${meaning}`).join("\n");
  return [
    `${INTRODUCTION}${relocations}\n${LIMITS}${hiddenTable()}\n`,
    `## The classes\n\nThe other ${quiet} rows are innocuous: they never trap for privilege and touch nothing of the machine.\n\n${classTable()}\n`,
    `## The theorems\n\nTheorem 1: sensitive instructions are privileged, so a monitor can be built. Theorem 2: besides, a monitor without timing dependencies can be built, so it can run
itself. Theorem 3: user-sensitive instructions are privileged, so a hybrid monitor can be built, which interprets the guest's kernel.
\`umip\` sets CR4.UMIP; \`strict\` is IA-32 on which every sensitive instruction traps outside ring 0; \`vt\` is VMX non-root operation, where to trap
is to exit and R is what the guest-state area does not hold.\n\n\`\`\`\n${theoremLines(answers).join("\n")}\n\`\`\`\n`,
    `## Beyond Robin and Irvine\n\nSensitive and unprivileged on \`ia32\`, and not on their list of 2000:\n\n${beyondTable()}\n`,
    `## What monitors do about it\n\n${words}\n\n${monitorTable()}\n`,
  ].join("\n");
}
