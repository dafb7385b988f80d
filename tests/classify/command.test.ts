/** `vmexit classify` as a process: tables, blocks, witnesses, exit codes. */
import { describe, expect, it } from "vitest";
import { vmexit } from "../cli/vmexit.js";

describe("vmexit classify", () => {
  it("prints a block for one instruction", async () => {
    const { code, stdout } = await vmexit("classify", "sgdt");
    expect(code).toBe(0);
    expect(stdout).toContain("SGDT m [0F 01 /0]\n  traps            CPL > 0 and CR4.UMIP\n  strict reading   location");
    expect(stdout).toContain("trap/ia32        slips");
    expect(stdout).toContain("vt               exits: GDTR_IDTR_ACCESS");
  });

  it("prints the whole table and the theorems", async () => {
    const { code, stdout } = await vmexit("classify", "--isa", "umip");
    expect(code).toBe(0);
    expect(stdout).toMatch(/^POPFD +9D +never +control, mode/m);
    expect(stdout).toContain("umip, lifted reading\n  Theorem 1 fails: ");
    expect(stdout).not.toContain("ia32, lifted");
  });

  it("derives what it is asked to and says that it agrees", async () => {
    const { code, stdout } = await vmexit("classify", "--derive", "CLI", "PUSH CS", "--states", "100");
    expect(stdout).toContain("declared and derived agree");
    expect(stdout).toContain("CPL > IOPL:\n");
    expect(code).toBe(0);
  });

  it("replays a witness that can be read", async () => {
    const { code, stdout } = await vmexit("classify", "--witness", "PUSH CS");
    expect(code).toBe(0);
    expect(stdout).toContain("mode sensitive: it does something else at another privilege level");
    expect(stdout).toMatch(/CPL 0 +CPL [13]/);
    expect(stdout).toMatch(/\[[0-9A-F]{8}\] +[0-9A-F]{8} +[0-9A-F]{8}/);
  });

  it("prints JSON", async () => {
    const { stdout } = await vmexit("classify", "LAR", "--json");
    expect(JSON.parse(stdout)[0]).toMatchObject({ instruction: "LAR r32, r32/m16", lifted: ["mode"] });
    const derived = JSON.parse((await vmexit("classify", "--derive", "LAR", "--json")).stdout);
    expect(derived.rows[0].witnesses[0]).toMatchObject({ kind: "mode", seed: 1 });
    expect(derived.disagreements).toEqual([]);
  });

  it.each([
    [["POPQ"], 'expected an instruction such as POPF or "PUSH CS" and found "POPQ"'],
    [["--isa", "arm"], '--isa: expected ia32, umip, strict, vt and found "arm"'],
  ])("refuses %j", async (args, sentence) => {
    const { code, stderr } = await vmexit("classify", ...args);
    expect(code).toBe(64);
    expect(stderr).toContain(sentence);
  });
});
