/** Runs the one-instruction cases of tests/cases in a virtual machine. */
import { readdirSync, readFileSync } from "node:fs";
import type { Platform } from "../../src/core/platform.js";
import type { VirtualMachine } from "../../src/vmm/virtual-machine.js";
import { type Case, parseCases } from "../cases/case-line.js";
import { CaseMachine, RAM_BYTES, VARIANTS } from "../cases/case-machine.js";
import { platformOf } from "./case-platform.js";
import type { Way } from "./ways.js";

const FOLDER = new URL("../cases/", import.meta.url);
/** All lines of all files. */
const CASES = readdirSync(FOLDER)
  .filter((name) => name.endsWith(".txt"))
  .flatMap((name) => parseCases(name, readFileSync(new URL(name, FOLDER), "utf8")));

/** The ways to run a case that a virtual machine has; deprivileged user code runs directly only with interrupts open. */
const BLOCKS = VARIANTS.filter(({ engine }) => engine === "blocks");
const OPEN = BLOCKS.map((variant) => ({ ...variant, interrupts: true }));

let bare: CaseMachine | undefined;

/** True if the case says the same with interrupts open. */
function standsInterrupts(line: Case): boolean {
  bare ??= new CaseMachine();
  return OPEN.every((variant) => bare!.run(line, variant).length === 0);
}

/** Runs every `share`-th case in every variant; tells how many were run, how many ticks directly, and what differed. */
export function wrongCases(way: Way, share: number): { run: number; direct: number; wrong: string[] } {
  let vm: Platform | undefined;
  const create = platformOf(way, RAM_BYTES);
  const machine = new CaseMachine((host) => {
    vm = create(host);
    return vm;
  });
  const wrong: string[] = [];
  let run = 0;
  for (let i = 0; i < CASES.length; i += share, run++) {
    const line = CASES[i]!;
    for (const variant of standsInterrupts(line) ? OPEN : BLOCKS) {
      const found = machine.run(line, variant);
      if (found.length === 0) continue;
      wrong.push(`${line.where} ${line.text}, flags ${variant.flags}, paging ${variant.paging}: ${found.join("; ")}`);
    }
  }
  return { run, direct: (vm as VirtualMachine).statistics().direct, wrong };
}
