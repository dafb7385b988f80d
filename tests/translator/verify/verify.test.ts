/**
 * The lockstep comparison of whole machines: the guests of roms/ agree, a difference is found and narrowed down to its instruction,
 * and the command reports it.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Cpu } from "../../../assembly/abi/cpu.js";
import { guestRuns, ROMS } from "../../../roms/guests.mjs";
import type { Machine } from "../../../src/machine/machine.js";
import { verify, type VerifyOptions } from "../../../src/machine/verify.js";
import { vmexit } from "../../cli/vmexit.js";

const MEMORY_BYTES = 16 << 20;

/** mov ecx, 5000000; (loop) add eax, ecx; dec ecx; jnz; then exit with code 1 */
const LOOP = [0xb9, 0x40, 0x4b, 0x4c, 0, 0x01, 0xc8, 0x49, 0x75, 0xfb, 0xb0, 0, 0xe6, 0xf4];

function flat(code: readonly number[]) {
  const place = { format: "flat", address: 1 << 20, mode: "protected" } as const;
  return { image: Uint8Array.from(code), ...place, memoryBytes: MEMORY_BYTES };
}

test("a loop of the translator's agrees with the interpreter", () => {
  const result = verify(flat(LOOP));
  expect(result.difference).toBeUndefined();
  expect(result.exit).toEqual({ kind: "guest-exit", code: 1 });
  expect(result.instructions).toBe(15_000_003);
});

test("a register that differs is found at its instruction", () => {
  const at = 123_457;
  const result = verify(flat(LOOP), {
    maxInstructions: 1_000_000,
    prepare(machine: Machine, engine) {
      if (engine !== "translator") return;
      machine.after(at / machine.clockHz, () => {
        machine.cpu.ebx ^= 1;
      });
    },
  });
  const found = result.difference;
  expect(found?.by).toBe((found?.after ?? 0) + 1);
  expect(Math.abs((found?.after ?? 0) - at)).toBeLessThan(2);
  expect(found?.state.find((line) => line.startsWith("* ebx"))).toMatch(/ 0 {3}1$/);
});

test("memory that differs is found", () => {
  const result = verify(flat(LOOP), {
    maxInstructions: 300_000,
    prepare(machine: Machine, engine) {
      const write = () => machine.writePhysical(0x200000, Uint8Array.of(7));
      if (engine === "interpreter") machine.after(1000 / machine.clockHz, write);
    },
  });
  expect(result.difference?.memory).toEqual({ address: 0x200000, interpreter: 7, translator: 0 });
  expect(Math.abs((result.difference?.after ?? 0) - 1000)).toBeLessThan(2);
});

test.each(guestRuns().filter((run) => run.input === undefined && run.machines.includes("vmexit")))(
  "$name $append agrees on a million instructions",
  (run) => {
    const image = readFileSync(join(ROMS, `${run.name}.elf`));
    const options: VerifyOptions = {
      maxInstructions: 1_000_000,
      sliceInstructions: 50_000,
      prepare(machine, engine) {
        if (engine === "interpreter") return;
        machine.core.cpu.setField(Cpu.HEAT, 48);
        machine.core.exports.flushCode();
      },
    };
    const result = verify({ image, commandLine: run.append, memoryBytes: MEMORY_BYTES }, options);
    expect(result.difference).toBeUndefined();
    expect(result.instructions).toBeGreaterThan(100);
  },
);

test("the command prints what the guest sends and says that the engines agree", async () => {
  const run = guestRuns().find(({ name }) => name === "hello");
  const { stdout, stderr, code } = await vmexit("run", "--verify", join(ROMS, "hello.elf"));
  expect(stdout).toBe(readFileSync(join(ROMS, "hello.txt"), "utf8"));
  expect(stderr).toMatch(/both engines agree on [\d,]+ instructions/);
  expect(code).toBe(run?.exitCode);
});

test("what a verifying run cannot do is refused", async () => {
  const { stderr, code } = await vmexit("run", "--verify", "--screen", join(ROMS, "hello.elf"));
  expect(stderr).toContain("--verify and --screen exclude each other");
  expect(code).toBe(64);
});
