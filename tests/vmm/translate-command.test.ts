/** `vmexit translate --vmm bt`: a unit of the guest's kernel, with what became of each instruction. */
import { expect, test } from "vitest";
import { inRoot, vmexit } from "../cli/vmexit.js";

test("a unit is shown with ident, inline and call-out", async () => {
  const { stdout, code } = await vmexit("translate", inRoot("roms/minikernel.elf"), "--vmm", "bt");
  expect(code).toBe(0);
  const lines = stdout.trimEnd().split("\n");
  for (const line of lines) expect(line).toMatch(/^region [0-9a-f]{8}: .*; \d+ ident, \d+ inline, \d+ call-out$/);
  const unit = lines.find((line) => line.endsWith("1 ident, 2 inline, 0 call-out"))!;
  const shown = await vmexit(
    "translate",
    inRoot("roms/minikernel.elf"),
    "--vmm",
    "bt",
    "--at",
    `0x${unit.slice(7, 15)}`,
  );
  expect(shown.stdout).toMatch(/^node .*: interpreted, then to/m);
  expect(shown.stdout).toMatch(/^ {2}\w{8} {2}inline {4}0f 20 c0 +mov eax, cr0$/m);
  expect(shown.stdout).toMatch(/^ {2}\w{8} {2}ident {5}0d .*or eax, /m);
  expect(shown.stdout).toMatch(/^ {2}\w{8} {2}inline {4}0f 22 c0 +mov cr0, eax$/m);
  const calling = lines.find((line) => line.endsWith("inline, 1 call-out"))!.slice(7, 15);
  const called = await vmexit("translate", inRoot("roms/minikernel.elf"), "--vmm", "bt", "--at", `0x${calling}`);
  expect(called.stdout).toMatch(/^node .*: calls the monitor$/m);
  expect(called.stdout).toMatch(/^ {2}\w{8} {2}call-out {2}/m);
});
