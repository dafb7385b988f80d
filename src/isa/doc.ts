/**
 * Prints the instruction table for people: docs/isa.md. A test compares the committed file with what this prints, so the
 * document cannot fall behind the table.
 */
import { ExitReason } from "../../assembly/abi/exit.js";
import { ShapeFlag } from "../../assembly/abi/shape.js";
import { formsOf } from "./dsl.js";
import type { Privilege, Row } from "./row.js";
import { FAMILIES, INSTRUCTIONS } from "./table/index.js";

const INTRODUCTION = `# The instruction set

Printed from the table in \`src/isa/table/\`; \`npx vitest run --project fast tests/agreement/doc.test.ts -u\` prints it again.

Every instruction of an i686 without MMX and SSE, and those of VMX. Opcodes and operands are written as in the Intel SDM, volume 2.
A row is given in its 8-bit or 32-bit form; *16-bit* is what the same opcode is with a 16-bit operand size.

x87: results are those of the SDM to the last bit and flag. The transcendental functions, which no manual defines to the last bit,
are correctly rounded to 64 bits; a P6 may be off by one unit in the last place. Angles are reduced by 66 bits of pi, as a P6 does.
An unmasked exception is #MF at the next waiting instruction whatever CR0.NE says: there is no IRQ 13.

- **Flags**: \`r\` the operation depends on them, \`w\` it gives them a defined value, \`u\` it leaves them undefined
  (O S Z A P C, D direction, I interrupt). Shifts are described for a count above one; a masked count of zero changes none.
- **Privilege**: what decides whether it faults outside CPL 0.
- **Sensitive**: in the sense of Popek and Goldberg. *control*: changes the mode or the resources; *location*: shows the
  resources of the real machine; *mode*: depends on the privilege level it runs at.
- **Exits**: basic exit reasons with which it can leave VMX non-root operation by itself.
- **Notes**: \`lock\` takes LOCK with a memory destination, \`ends\` is the last instruction of a decoded block, \`rep\` takes REP,
  \`mem\` only with a memory operand, \`prot\` #UD in real and virtual-8086 mode, \`v86\` #GP(0) in virtual-8086 mode if IOPL < 3,
  \`undoc\` real but not in the SDM's table, *reveals*: tells the time or the identity of the real machine.
`;

const PRIVILEGE_WORDS: Record<Privilege, string> = {
  none: "",
  cpl0: "CPL 0",
  iopl: "CPL ≤ IOPL",
  io: "CPL ≤ IOPL or I/O bitmap",
  tsd: "CPL 0 if CR4.TSD",
  pce: "CPL 0 unless CR4.PCE",
  umip: "CPL 0 if CR4.UMIP",
  vmx: "#UD outside VMX operation",
};

const NOTES: readonly [ShapeFlag, string][] = [
  [ShapeFlag.LOCKABLE, "lock"],
  [ShapeFlag.ENDS, "ends"],
  [ShapeFlag.STRING, "rep"],
  [ShapeFlag.MEMORY_ONLY, "mem"],
  [ShapeFlag.PROTECTED, "prot"],
];

function flagWords(row: Row): string {
  const columns = [
    ["r", row.reads],
    ["w", row.writes],
    ["u", row.undefines],
  ];
  return columns.flatMap(([letter, flags]) => (flags ? [`${letter}:${flags}`] : [])).join(" ");
}

function noteWords(row: Row): string {
  const words = NOTES.filter(([flag]) => row.flags & flag).map(([, word]) => word);
  if (row.iopl86) words.push("v86");
  if (row.undocumented) words.push("undoc");
  if (row.reveals) words.push(`reveals ${row.reveals}`);
  return words.join(", ");
}

function cells(row: Row): string[] {
  const twin = formsOf(row)[1];
  return [
    `\`${row.code}\``,
    `\`${row.text}\``,
    twin ? `\`${twin.text}\`` : "",
    flagWords(row),
    PRIVILEGE_WORDS[row.privilege],
    row.sensitive.map(({ kind }) => kind).join(", "),
    row.exits.map((reason) => ExitReason[reason]).join(", "),
    noteWords(row),
  ];
}

function line(values: readonly string[]): string {
  return `| ${values.join(" | ")} |`.replaceAll("|  |", "| |").replaceAll("|  |", "| |");
}

function table(head: readonly string[], body: readonly (readonly string[])[]): string {
  return [line(head), line(head.map(() => "---")), ...body.map(line)].join("\n");
}

/** Why each sensitive instruction is sensitive, those that never fault at CPL 3 by themselves first. */
function sensitivity(): string {
  const byName = new Map<string, Row>();
  for (const row of INSTRUCTIONS) {
    if (row.sensitive.length > 0 && !byName.has(nameOf(row))) byName.set(nameOf(row), row);
  }
  const section = (title: string, keep: (row: Row) => boolean) => {
    const rows = [...byName].filter(([, row]) => keep(row));
    const body = rows.flatMap(([name, row]) =>
      row.sensitive.map(({ kind, reason }, index) => [
        index === 0 ? `\`${name}\`` : "",
        kind,
        reason,
        index === 0 ? PRIVILEGE_WORDS[row.privilege] : "",
      ]),
    );
    return `### ${title}\n\n${table(["Instruction", "Kind", "Reason", "Privilege"], body)}\n`;
  };
  return [
    "## Sensitive instructions\n",
    "Theorem 1 of Popek and Goldberg asks that every sensitive instruction be privileged. The first list breaks it.\n",
    section("Not always privileged", (row) => row.privilege !== "cpl0"),
    section("Privileged", (row) => row.privilege === "cpl0"),
  ].join("\n");
}

/** The name under which rows of one operation and mnemonic are listed together: CALL near and far are not. */
export function nameOf(row: Row): string {
  const far = row.operands.some((operand) => operand === "ptr16:32" || operand === "m16:32");
  const isTransfer = row.mnemonic === "CALL" || row.mnemonic === "JMP";
  if (isTransfer && far) return `${row.mnemonic} far`;
  const segment = row.operands.find((operand) => /^([CDEFGS]S|Sreg|cr|dr)$/.test(operand));
  if (segment === undefined) return row.mnemonic;
  const named = segment.length === 2 && segment.endsWith("S") ? "segment" : segment;
  return row.operands.length === 1 ? `${row.mnemonic} ${named}` : row.text;
}

/** The text of docs/isa.md. */
export function isaDocument(): string {
  const head = ["Opcode", "Instruction", "16-bit", "Flags", "Privilege", "Sensitive", "Exits", "Notes"];
  const families = FAMILIES.map(({ title, rows }) => `## ${title}\n\n${table(head, rows.map(cells))}\n`);
  return [INTRODUCTION, sensitivity(), ...families].join("\n");
}
