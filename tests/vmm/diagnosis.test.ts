/**
 * `diagnose`: what slips through under trap-and-emulate is found, the guest runs as without it, and what the machine is said to let slip is what
 * the classifier says it does not trap.
 */
import { describe, expect, test } from "vitest";
import { declaredVerdict } from "../../src/classify/verdict.js";
import type { Machine, MachineConfig } from "../../src/index.js";
import { nameOf } from "../../src/isa/doc.js";
import { INSTRUCTIONS } from "../../src/isa/table/index.js";
import { DiagnosisTable } from "../../src/vmm/diagnosis/diagnosis.js";
import { createMachine } from "../../src/machine/machine.js";
import { readFileSync } from "node:fs";

const image = readFileSync(new URL("../../roms/sensitive.elf", import.meta.url));

/** Runs the guest `sensitive` deprivileged; what it printed and the machine. */
function sensitive(config: Partial<MachineConfig>): { text: string; machine: Machine } {
  const machine = createMachine({ image, memoryBytes: 4 << 20, vmm: "trap", ...config });
  const out: number[] = [];
  machine.onSerial(0, (byte) => out.push(byte));
  expect(machine.run({ maxInstructions: 1e6 }).exit.kind).toBe("guest-exit");
  return { text: String.fromCharCode(...out), machine };
}

/** Instructions whose every outcome of the run was right, and those of which one was wrong, by name. */
function names(machine: Machine) {
  const { slipped } = machine.vm!.diagnosis()!;
  const wrong = new Set(slipped.filter((row) => row.wrong > 0).map((row) => row.instruction));
  return { all: new Set(slipped.map((row) => row.instruction)), wrong };
}

/** What showed the guest another machine, and what did not although it might have. */
const WRONG = ["CALL far", "FNSAVE", "FNSTENV", "IRETD", "LAR", "MOV r32/m16, Sreg", "POPFD", "PUSH segment", "PUSHFD"];
WRONG.push("RETF");
const RIGHT = ["JMP far", "LDS", "LES", "LFS", "LGS", "LSL", "MOV Sreg, r/m16", "POP segment", "VERR", "VERW"];

describe.each(["ia32", "umip"] as const)("on %s", (isa) => {
  const { text, machine } = sensitive({ isa, diagnose: true });

  test("the guest runs as without the diagnosis", () => {
    const plain = sensitive({ isa });
    expect(text).toBe(plain.text);
    expect(machine.stateHash()).toBe(plain.machine.stateHash());
    const exits = (m: Machine) => m.vm!.statistics().exits.map(({ cause, count }) => `${cause} ${count}`);
    expect(exits(machine).sort()).toEqual(exits(plain.machine).sort());
    expect(plain.machine.vm!.diagnosis()).toBeUndefined();
  });

  test("what slips through is sensitive and not privileged in the declared table", () => {
    const slips = new Set(
      INSTRUCTIONS.filter((row) => {
        const { sensitive: kinds } = declaredVerdict(row, isa);
        // IOPL and the like: trapping under conditions that hold for a deprivileged kernel, or not for its user code.
        return kinds.strict.length > 0 && row.privilege !== "cpl0" && !(isa === "umip" && row.privilege === "umip");
      }).map(nameOf),
    );
    expect([...names(machine).all].filter((name) => !slips.has(name))).toEqual([]);
  });

  test("the list of Robin and Irvine", () => {
    const { all, wrong } = names(machine);
    const tables = isa === "ia32" ? ["SGDT", "SIDT", "SLDT", "STR"] : [];
    expect([...wrong].sort()).toEqual([...WRONG, ...tables].sort());
    expect([...all].sort()).toEqual([...WRONG, ...RIGHT, ...tables, ...(isa === "ia32" ? ["SMSW"] : [])].sort());
  });

  test("the first one is named with what the guest saw", () => {
    const { first } = machine.vm!.diagnosis()!;
    expect(first).toMatchObject(
      isa === "ia32"
        ? { instruction: "SGDT", kernel: true, differences: [{ saw: "0000ffff", should: "600001ff" }] }
        : { instruction: "PUSHFD", kernel: true, differences: [{ saw: "00000202", should: "00000002" }] },
    );
  });
});

test("on strict nothing slips through", () => {
  const { machine } = sensitive({ isa: "strict", diagnose: true });
  expect(machine.vm!.diagnosis()).toEqual({ slipped: [], first: undefined, more: 0 });
});

test("the table is bounded", () => {
  const table = new DiagnosisTable();
  const at = (address: number) => ({ address, instruction: "SMSW", bytes: "0f01e3", code32: true, kernel: true });
  for (let address = 0; address < 5000; address++) table.note(at(address), address, []);
  table.note(at(1), 5000, [{ what: "EBX", saw: "1", should: "2" }]);
  table.note(at(4), 5001, [{ what: "EBX", saw: "3", should: "4" }]);
  const { slipped, first, more } = table.report();
  expect(slipped.length).toBe(4096);
  expect(more).toBe(904);
  expect(first).toMatchObject({ address: 1, count: 2, wrong: 1, since: 5000 });
});
