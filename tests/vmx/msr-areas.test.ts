/** The areas of MSRs: loaded by entries, stored and loaded by exits; and what becomes of one that is wrong (SDM 3C 26.4, 27.4, 27.6, 27.7). */
import { describe, expect, test } from "vitest";
import { Cpu } from "../../assembly/abi/cpu.js";
import { ENTRY_FAILED, ExitReason } from "../../assembly/abi/exit.js";
import { Vmcs, VmcsField as F } from "../../assembly/abi/vmcs.js";
import { Abort, Primary, Vmx } from "../../assembly/abi/vmx.js";
import { Msr } from "../../assembly/abi/x86.js";
import { RAM, VMCS, VmxMachine } from "./vmx-machine.js";

const AREA = 0x30000;
const CPUID = [0x0f, 0xa2];
const FAILED = (ExitReason.ENTRY_MSR_LOAD | ENTRY_FAILED) >>> 0;

type Entry = readonly [index: number, value: bigint, reserved?: number];
type Area = "ENTRY_MSR_LOAD" | "EXIT_MSR_LOAD" | "EXIT_MSR_STORE";

/** Writes an area and names it in the VMCS. */
function area(m: VmxMachine, name: Area, at: number, entries: readonly Entry[]): void {
  for (const [i, [index, value, reserved]] of entries.entries()) {
    m.u32(at + 16 * i, index);
    m.u32(at + 16 * i + 4, reserved ?? 0);
    m.u64(at + 16 * i + 8, value);
  }
  m.write(F[`${name}_ADDRESS`], at);
  m.write(F[`${name}_COUNT`], entries.length);
}

const value = (m: VmxMachine, i: number, at = AREA) => m.read64(at + 16 * i + 8);
const sysenter = (m: VmxMachine) =>
  [Cpu.SYSENTER_CS, Cpu.SYSENTER_ESP, Cpu.SYSENTER_EIP].map((field) => m.core.cpu.field(field));

/** What no area may hold for loading. */
const BAD: [string, Entry][] = [
  ["a register there is not", [0x999, 0n]],
  ["the base of FS", [0xc0000100, 0n]],
  ["a register of the x2APIC", [0x808, 0n]],
  ["a read-only register", [Msr.MTRRCAP, 0n]],
  ["a value that is reserved", [Msr.MCG_STATUS, 8n]],
  ["an APIC that cannot be switched on", [Msr.APIC_BASE, 0xfee00900n]],
  ["bits 63 to 32 of the index", [Msr.SYSENTER_CS, 0n, 1]],
];

describe("an entry", () => {
  test("loads every register there is", () => {
    const m = new VmxMachine();
    area(m, "ENTRY_MSR_LOAD", AREA, [
      [Msr.SYSENTER_CS, 0x33n],
      [Msr.SYSENTER_ESP, 0x44n],
      [Msr.SYSENTER_EIP, 0x55n],
      [Msr.MCG_STATUS, 5n],
      [Msr.TSC, 1_000_000n],
      [Msr.APIC_BASE, 0xfee00100n],
      [Msr.BIOS_SIGN_ID, 0n],
    ]);
    m.add(F.PRIMARY_CONTROLS, Primary.TSC_OFFSETTING);
    m.write(F.TSC_OFFSET, 50);
    expect(m.runCode([0x0f, 0x31, ...CPUID])).toBe(ExitReason.CPUID);
    expect(sysenter(m)).toEqual([0x33, 0x44, 0x55]);
    expect(m.core.cpu.field(Cpu.MSR_MISC)).toBe(5);
    expect(m.core.cpu.eax).toBe(1_000_050);
  });

  test.each(BAD)("fails at %s, by its number, and has loaded nothing", (_what, bad) => {
    const m = new VmxMachine();
    area(m, "ENTRY_MSR_LOAD", AREA, [[Msr.SYSENTER_CS, 0x33n], [Msr.SYSENTER_ESP, 0x44n], bad]);
    expect(m.enter()).toBe(FAILED);
    expect(m.word(Vmx.QUALIFICATION)).toBe(3);
    expect(sysenter(m)).toEqual([0, 0, 0]);
    m.write(F.ENTRY_MSR_LOAD_COUNT, 2);
    expect(m.runCode(CPUID)).toBe(ExitReason.CPUID);
    expect(sysenter(m)).toEqual([0x33, 0x44, 0]);
  });

  test("fails where the area has no memory", () => {
    const m = new VmxMachine();
    area(m, "ENTRY_MSR_LOAD", RAM - 16, [[Msr.SYSENTER_CS, 1n]]);
    m.write(F.ENTRY_MSR_LOAD_COUNT, 2);
    expect(m.enter()).toBe(FAILED);
    expect(m.word(Vmx.QUALIFICATION)).toBe(2);
    m.write(F.ENTRY_MSR_LOAD_ADDRESS + 1, 1);
    expect(m.enter()).toBe(FAILED);
    expect(m.word(Vmx.QUALIFICATION)).toBe(1);
  });
});

describe("an exit", () => {
  test("stores what the guest left, the counter without its offset", () => {
    const m = new VmxMachine();
    const indices = [Msr.SYSENTER_CS, Msr.MCG_STATUS, Msr.TSC, Msr.APIC_BASE, Msr.MTRRCAP];
    area(
      m,
      "EXIT_MSR_STORE",
      AREA,
      indices.map((index) => [index, 0xdeadn] as const),
    );
    area(m, "ENTRY_MSR_LOAD", AREA + 0x1000, [
      [Msr.MCG_STATUS, 3n],
      [Msr.TSC, 5000n],
    ]);
    m.add(F.PRIMARY_CONTROLS, Primary.TSC_OFFSETTING);
    m.write(F.TSC_OFFSET, 77);
    m.write(F.GUEST_SYSENTER_CS, 0x1234);
    expect(m.runCode([0x90, 0x90, ...CPUID])).toBe(ExitReason.CPUID);
    expect(indices.map((_, i) => value(m, i))).toEqual([0x1234n, 3n, 5002n, 0xfee00100n, 0n]);
  });

  test("then loads its own; the guest's registers of SYSENTER stay", () => {
    const m = new VmxMachine();
    area(m, "EXIT_MSR_STORE", AREA, [[Msr.MCG_STATUS, 0n]]);
    area(m, "EXIT_MSR_LOAD", AREA + 0x1000, [
      [Msr.MCG_STATUS, 4n],
      [Msr.SYSENTER_CS, 0x999n],
    ]);
    area(m, "ENTRY_MSR_LOAD", AREA + 0x2000, [[Msr.MCG_STATUS, 1n]]);
    m.write(F.GUEST_SYSENTER_CS, 8);
    expect(m.runCode(CPUID)).toBe(ExitReason.CPUID);
    expect(value(m, 0)).toBe(1n);
    expect(m.core.cpu.field(Cpu.MSR_MISC)).toBe(4);
    expect(m.read(F.GUEST_SYSENTER_CS)).toBe(8);
  });

  test("at the end of a budget is none", () => {
    const m = new VmxMachine();
    area(m, "EXIT_MSR_STORE", AREA, [[Msr.MCG_STATUS, 0xdeadn]]);
    expect(m.runCode([0xeb, 0xfe], 10)).toBe(ExitReason.BUDGET);
    expect(value(m, 0)).toBe(0xdeadn);
  });

  test("drops code that was decoded where it stores", () => {
    const m = new VmxMachine();
    // The area is in the guest's own code: the low half of the value is what it executes.
    const at = 0x200000 + 0x10000;
    area(m, "EXIT_MSR_STORE", at, [[Msr.SYSENTER_CS, 0n]]);
    m.write(F.GUEST_SYSENTER_CS, 0xa20f90);
    m.guest(0x10008, [0x0f, 0xa2, 0x90]);
    m.write(F.GUEST_RIP, 0x10008);
    expect(m.enter()).toBe(ExitReason.CPUID);
    expect(m.exit().eip).toBe(0x10008);
    expect(m.enter()).toBe(ExitReason.CPUID);
    expect(m.exit().eip).toBe(0x10009);
  });

  test.each([...BAD, ["nothing wrong", [Msr.SYSENTER_CS, 0n]] as [string, Entry]])(
    "aborts if it cannot load %s",
    (what, bad) => {
      const m = new VmxMachine();
      area(m, "EXIT_MSR_LOAD", AREA, [[Msr.MCG_STATUS, 1n], bad]);
      const good = what === "nothing wrong";
      expect(m.runCode(CPUID)).toBe(good ? ExitReason.CPUID : ExitReason.VMX_ABORT);
      expect(m.word(Vmx.REASON)).toBe(ExitReason.CPUID);
      expect(Number(m.read64(VMCS) >> 32n)).toBe(good ? 0 : Abort.LOADING_MSRS);
      expect(Vmcs.ABORT).toBe(4);
    },
  );

  test.each([
    ["a register there is not", 0x999, 0],
    ["bits 63 to 32 of the index", Msr.SYSENTER_CS, 1],
  ])("aborts if it cannot store %s", (_what, index, reserved) => {
    const m = new VmxMachine();
    area(m, "EXIT_MSR_STORE", AREA, [[index, 0n, reserved]]);
    area(m, "EXIT_MSR_LOAD", AREA + 0x1000, [[Msr.MCG_STATUS, 1n]]);
    expect(m.runCode(CPUID)).toBe(ExitReason.VMX_ABORT);
    expect(Number(m.read64(VMCS) >> 32n)).toBe(Abort.SAVING_MSRS);
    expect(m.core.cpu.field(Cpu.MSR_MISC)).toBe(0);
  });

  test("of a failed entry loads and does not store", () => {
    const m = new VmxMachine();
    area(m, "EXIT_MSR_STORE", AREA, [[Msr.MCG_STATUS, 0xdeadn]]);
    area(m, "EXIT_MSR_LOAD", AREA + 0x1000, [[Msr.MCG_STATUS, 2n]]);
    m.write(F.GUEST_RFLAGS, 0);
    expect(m.enter()).toBe((ExitReason.ENTRY_GUEST_STATE | ENTRY_FAILED) >>> 0);
    expect(value(m, 0)).toBe(0xdeadn);
    expect(m.core.cpu.field(Cpu.MSR_MISC)).toBe(2);
    m.u32(AREA + 0x1000, 0x999);
    expect(m.enter()).toBe(ExitReason.VMX_ABORT);
    expect(m.word(Vmx.REASON)).toBe((ExitReason.ENTRY_GUEST_STATE | ENTRY_FAILED) >>> 0);
  });
});
