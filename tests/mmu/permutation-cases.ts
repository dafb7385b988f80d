/** The cases of the permutation tests, and running them. */
import { ACCESSES, type AccessCase, CaseRunner, openEntries, SPANS } from "./access-case.js";
import { entryVariants, type PageEntries, type Places } from "./entry-variants.js";
import { CORES, type Engine, FRAMES, type PagingMachine, TABLES } from "./paging-machine.js";

const REPORTED = 5;
const MODES = [
  { name: "32-bit paging", pae: false, pse: false },
  { name: "32-bit paging with 4 MB pages", pae: false, pse: true },
  { name: "PAE paging", pae: true, pse: false },
];

/** Every core in every paging mode. */
export const SETUPS = Object.keys(CORES).flatMap((core) => MODES.map((mode) => ({ ...mode, core })));

const FIRST: Places = { table: TABLES.first, frame: FRAMES.first, large: FRAMES.large };

function second(pae: boolean): Places {
  return { table: TABLES.second, frame: FRAMES.second, large: FRAMES.large + (pae ? 0x200000 : 0) };
}

function describeCase({ access, span, user, first, second: other }: AccessCase, wp: boolean): string {
  const entries = [first, other].map(({ pde, pte }) => `${pde.toString(16)}/${pte.toString(16)}`);
  return `${access} ${span} user=${user} wp=${wp} ${entries.join(" ")}`;
}

/** Runs every `every`th case until some are wrong. Returns those, and how many there are. */
export function runAll(
  machine: PagingMachine,
  engine: Engine,
  cases: Iterable<AccessCase>,
  every = 1,
): { wrong: string[]; count: number } {
  const runner = new CaseRunner(machine, engine);
  const wrong: string[] = [];
  let count = 0;
  for (const c of cases) {
    if (count++ % every !== 0) continue;
    const message = runner.run(c);
    if (message !== undefined) wrong.push(`${describeCase(c, machine.paging.wp)}: ${message}`);
    if (wrong.length === REPORTED) break;
  }
  return { wrong, count };
}

/** One page takes every variant while the other is open. */
export function* singles(pae: boolean, pse: boolean): Generator<AccessCase> {
  const firsts = entryVariants({ pae, pse }, FIRST);
  const seconds = entryVariants({ pae, pse }, second(pae));
  const open = [openEntries(TABLES.first, FRAMES.first), openEntries(TABLES.second, FRAMES.second)] as const;
  for (const access of ACCESSES) {
    for (const span of SPANS) {
      for (const user of [false, true]) {
        if (span !== "second") for (const first of firsts) yield { access, span, user, first, second: open[1] };
        if (span !== "first") for (const other of seconds) yield { access, span, user, first: open[0], second: other };
      }
    }
  }
}

/** Few entries for each outcome, in both pages at once: which of two faults is reported. */
export function* pairs(pae: boolean, pse: boolean): Generator<AccessCase> {
  const some = (places: Places) => entryVariants({ pae, pse }, places).filter((_, i) => i % 37 === 0);
  const both = (a: PageEntries[], b: PageEntries[]) => a.flatMap((x) => b.map((y) => [x, y] as const));
  for (const access of ACCESSES) {
    for (const [first, other] of both(some(FIRST), some(second(pae)))) {
      for (const user of [false, true]) yield { access, span: "both", user, first, second: other };
    }
  }
}
