/** The README's table of what one guest costs under each monitor is what runs say. */
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { createMachine, type MachineConfig } from "../../src/index.js";
import { monitorSentences } from "../../src/report/monitor-summary.js";
import { inRoot } from "./vmexit.js";

const ROW = /^\| `--vmm (.+?)` \| (.+?) \| (.+?) \|$/gm;
const IMAGE = readFileSync(inRoot("roms/minikernel.elf"));
const rows = [...readFileSync(inRoot("README.md"), "utf8").matchAll(ROW)].map(
  (match) => match.slice(1) as [string, string, string],
);

it("has a row for each monitor", () => {
  expect(rows.map(([options]) => options.split(" ")[0])).toEqual(["vt", "vt", "hybrid", "trap"]);
});

it.each(rows)("--vmm %s: %s directly, %s", (options, share, exits) => {
  const [vmm, ...pairs] = options.split(" ");
  const config: Record<string, unknown> = { vmm };
  for (let i = 0; i < pairs.length; i += 2) config[pairs[i]!.slice(2)] = pairs[i + 1];
  const machine = createMachine({ image: IMAGE, name: "roms/minikernel.elf", ...(config as Partial<MachineConfig>) });
  machine.run();
  const [first, second] = monitorSentences(machine.vm!.options, machine.vm!.statistics());
  expect(first).toContain(`, ${share} of `);
  expect(second).toBe(exits.replace(":", " exits:"));
});
