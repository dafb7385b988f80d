/** The classes as text: the declared table, the derived one, and the block about one instruction. */
import type { Row } from "../isa/row.js";
import { treeLines, treeText } from "./conditions.js";
import { declaredClasses, PRIVILEGE_CONDITIONS, unobservable } from "./declared.js";
import type { Derivation } from "./derivation.js";
import type { RowEvidence } from "./derive.js";
import { beyondTheLiterature } from "./theorems.js";
import { MONITORS, treatmentOf } from "./treatment.js";
import { derivedPrivilege, type Isa, trapTree, verdictOn } from "./verdict.js";

/** Kinds as one word. */
export function kindWords(kinds: readonly string[]): string {
  return kinds.length === 0 ? "-" : kinds.join(", ");
}

/** True if there is nothing to tell about the row: innocuous, never traps, reveals nothing. */
export function isQuiet(row: Row): boolean {
  return row.sensitive.length === 0 && row.privilege === "none" && row.reveals === undefined;
}

/** Columns padded to their widest cell. */
export function columns(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join("  ")
      .trimEnd(),
  );
}

/** The declared classes of rows; those with nothing to tell are counted unless there are only such. */
export function declaredTable(rows: readonly Row[], isa: Isa | undefined): string[] {
  const shown = rows.some((row) => !isQuiet(row)) ? rows.filter((row) => !isQuiet(row)) : rows;
  const trap = isa === "umip" || isa === "strict" ? (`trap/${isa}` as const) : "trap/ia32";
  const monitors = isa === "vt" ? (["vt"] as const) : ([trap, "hybrid", "bt", "pv", "vt"] as const);
  const head = ["instruction", "opcode", "traps", "sensitive", "lifted reading", "user mode", ...monitors];
  const body = shown.map((row) => {
    const classes = declaredClasses(row);
    return [
      row.text,
      row.code,
      PRIVILEGE_CONDITIONS[classes.privilege],
      classes.reveals ? `reveals ${classes.reveals}` : kindWords(classes.strict),
      kindWords(classes.lifted),
      kindWords(classes.userLifted),
      ...monitors.map((monitor) => treatmentOf(row, monitor)),
    ];
  });
  const quiet = rows.length - shown.length;
  return [
    ...columns([head, ...body]),
    ...(quiet > 0 ? ["", `${quiet} more rows are innocuous and run everywhere`] : []),
  ];
}

/** All that is declared about one row. */
export function declaredBlock(row: Row): string[] {
  const classes = declaredClasses(row);
  const beyond = row.privilege === "cpl0" ? undefined : beyondTheLiterature(row);
  return [
    `${row.text} [${row.code}]`,
    `  traps            ${PRIVILEGE_CONDITIONS[classes.privilege]}`,
    `  strict reading   ${kindWords(classes.strict)}`,
    `  lifted reading   ${kindWords(classes.lifted)}`,
    `  in user mode     strict: ${kindWords(classes.userStrict)}; lifted: ${kindWords(classes.userLifted)}`,
    ...(classes.reveals ? [`  reveals          ${classes.reveals}`] : []),
    ...row.sensitive.map(({ kind, reason }) => `  ${kind.padEnd(16)} ${reason}`),
    ...(beyond ? [`  not on the list of Robin and Irvine: ${beyond}`] : []),
    ...MONITORS.map((monitor) => `  ${monitor.padEnd(16)} ${treatmentOf(row, monitor)}`),
  ];
}

/** What was derived, a line for each row that is not quiet, and how much was tried. */
export function derivedTable({ evidence, runs, options }: Derivation): string[] {
  const loud = evidence.filter(({ ia32 }) => !isQuiet(ia32.row));
  const head = ["instruction", "opcode", "traps outside ring 0", "sensitive", "lifted reading", "user mode", "states"];
  const body = loud.map((both) => {
    const { row } = both.ia32;
    const verdict = verdictOn(both, "ia32");
    const hidden = unobservable(row);
    return [
      row.text,
      row.code,
      trapWords(both),
      hidden
        ? `(${hidden})`
        : verdict.sensitive.strict.length === 0 && verdict.timed
          ? "reveals time"
          : kindWords(verdict.sensitive.strict),
      kindWords(verdict.sensitive.lifted),
      kindWords(verdict.user.lifted),
      String(both.ia32.states + both.umip.states),
    ];
  });
  const quiet = evidence.filter(({ ia32 }) => isQuiet(ia32.row));
  const tried = quiet.map(({ ia32, umip }) => ia32.states + umip.states).filter((states) => states > 0);
  const never = quiet.length - tried.length;
  return [
    ...(body.length > 0 ? [...columns([head, ...body]), ""] : []),
    ...(tried.length > 0
      ? [
          `${tried.length} rows are innocuous: nothing found in ${Math.min(...tried)} to ${Math.max(...tried)} states each`,
        ]
      : []),
    ...(never > 0 ? [`${never} rows never complete (UD1, UD2)`] : []),
    `${runs} instructions executed, seed ${options.seed}`,
  ];
}

/** When a row was seen to trap. */
export function trapWords(both: RowEvidence): string {
  const tree = trapTree(both);
  if (tree !== undefined) return treeText(tree);
  if (derivedPrivilege(both) === "vmx") return PRIVILEGE_CONDITIONS.vmx;
  return both.ia32.traps.some(({ trapped }) => trapped) ? "as the operands say" : "never";
}

/** All that was derived about one row. */
export function derivedBlock(both: RowEvidence): string[] {
  const { row } = both.ia32;
  const tree = trapTree(both);
  const lines = [
    `${row.text} [${row.code}]`,
    `  privilege   ${derivedPrivilege(both) ?? "another condition"}: ${trapWords(both)}`,
  ];
  if (tree !== undefined && !("trapped" in tree)) lines.push(...treeLines(tree, "    "));
  for (const [isa, evidence] of [
    ["ia32", both.ia32],
    ["umip", both.umip],
  ] as const) {
    const user = evidence.kinds("lifted", (finding) => finding.user);
    lines.push(
      `  ${isa}: ${evidence.states} states; strict ${kindWords(evidence.kinds("strict"))}; lifted ${kindWords(evidence.kinds("lifted"))}; in user mode, lifted ${kindWords(user)}`,
      `        ran in and under: ${[...evidence.coverage].join(", ") || "nothing"}`,
    );
  }
  return lines;
}
