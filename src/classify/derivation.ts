/** The whole derivation: evidence for every row, with what it took. */
import type { Row } from "../isa/row.js";
import { DEFAULT_SEARCH, deriveRow, type RowEvidence, type SearchOptions } from "./derive.js";
import { Laboratory } from "./laboratory.js";
import { disagreements } from "./verdict.js";

/** What a search over some rows found. */
export interface Derivation {
  readonly options: SearchOptions;
  readonly evidence: readonly RowEvidence[];
  /** Instructions executed. */
  readonly runs: number;
  /** Sentences on where evidence and declaration differ. */
  readonly disagreements: readonly string[];
}

/** Searches the given rows. The result depends on rows and options only. */
export function derive(rows: readonly Row[], options: SearchOptions = DEFAULT_SEARCH): Derivation {
  const laboratories = { ia32: new Laboratory(), strict: new Laboratory("strict"), vt: new Laboratory("vt") };
  const evidence = rows.map((row) => deriveRow(laboratories, row, options));
  const runs = laboratories.ia32.runs + laboratories.strict.runs + laboratories.vt.runs;
  return { options, evidence, runs, disagreements: evidence.flatMap(disagreements) };
}
