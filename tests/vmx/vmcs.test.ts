/**
 * The VMCS as memory and as fields: every encoding there is can be read and written, none else; VMPTRLD and VMCLEAR move it (SDM 3C
 * 24.11, appendix B).
 */
import { describe, expect, test } from "vitest";
import { Cpu } from "../../assembly/abi/cpu.js";
import { ExitReason } from "../../assembly/abi/exit.js";
import { Encoding, VMCS_REVISION, VmcsField } from "../../assembly/abi/vmcs.js";
import { InstructionError, NO_VMCS, Vmx } from "../../assembly/abi/vmx.js";
import { CODE, OTHER_VMCS, RAM, VMCS, VmxMachine } from "./vmx-machine.js";

const FIELDS = Object.entries(VmcsField).filter((entry): entry is [string, number] => typeof entry[1] === "number");
const typeOf = (encoding: number) => (encoding & Encoding.TYPE) >> 10;
const widthOf = (encoding: number) => (encoding & Encoding.WIDTH) >> 13;
const READ_ONLY = 1;
const QUAD = 1;

/** What a field gives back of a value: fields that are kept as flags hold only what they mean. */
function kept(encoding: number, value: number): number {
  switch (encoding) {
    case VmcsField.GUEST_RFLAGS:
      return value | 2;
    case VmcsField.GUEST_INTERRUPTIBILITY:
      return (value & 7) === 3 || (value & ~11) !== 0 ? value & 8 : value & 11; // what an entry refuses is kept as such
    case VmcsField.GUEST_PENDING_DEBUG:
      return (value & 0x400f) | ((value & 15) !== 0 ? 0x1000 : 0);
    default:
      return widthOf(encoding) === 0 ? value & 0xffff : value;
  }
}

describe("fields", () => {
  test.each(FIELDS)("%s", (_name, encoding) => {
    const m = new VmxMachine();
    const { vmread, vmwrite } = m.core.exports;
    if (typeOf(encoding) === READ_ONLY) {
      expect(vmwrite(encoding, 1)).toBe(InstructionError.READ_ONLY_FIELD);
      expect(m.word(Vmx.INSTRUCTION_ERROR)).toBe(InstructionError.READ_ONLY_FIELD);
      return;
    }
    for (const value of [0x00010009, 0x8a5b4c00, 0]) {
      expect(vmwrite(encoding, value)).toBe(0);
      expect(vmread(encoding) >>> 0).toBe(kept(encoding, value) >>> 0);
      if (widthOf(encoding) !== QUAD) continue;
      expect(vmwrite(encoding + 1, ~value)).toBe(0);
      expect(vmread(encoding + 1) >>> 0).toBe(~value >>> 0);
      expect(vmread(encoding) >>> 0).toBe(value >>> 0);
    }
  });

  test("writing one field changes no other", () => {
    const m = new VmxMachine();
    const writable = FIELDS.filter(([, encoding]) => typeOf(encoding) !== READ_ONLY);
    writable.forEach(([, encoding], i) => m.write(encoding, 0x100 + i));
    writable.forEach(([name, encoding], i) => {
      expect(m.read(encoding), name).toBe(kept(encoding, 0x100 + i));
    });
  });

  test("no other encoding exists", () => {
    const m = new VmxMachine();
    const known = new Set(FIELDS.flatMap(([, e]) => (widthOf(e) === QUAD ? [e, e + 1] : [e])));
    for (let encoding = 0; encoding < 0x8000; encoding++) {
      if (known.has(encoding)) continue;
      expect(m.core.exports.vmwrite(encoding, 1), encoding.toString(16)).toBe(InstructionError.UNSUPPORTED_FIELD);
    }
    for (const encoding of [0x10000, 0x8000, 0x80004000]) {
      expect(m.core.exports.vmwrite(encoding, 1)).toBe(InstructionError.UNSUPPORTED_FIELD);
      m.setWord(Vmx.INSTRUCTION_ERROR, 0);
      expect(m.core.exports.vmread(encoding)).toBe(0);
      expect(m.word(Vmx.INSTRUCTION_ERROR)).toBe(InstructionError.UNSUPPORTED_FIELD);
    }
  });
});

describe("VMPTRLD and VMCLEAR", () => {
  test("refuse addresses that are no frame of RAM, and VMCSs of another revision", () => {
    const { vmptrld, vmclear } = new VmxMachine().core.exports;
    for (const ma of [1, 0x10800, RAM, 0xfffff000]) {
      expect(vmptrld(ma)).toBe(InstructionError.VMPTRLD_ADDRESS);
      expect(vmclear(ma)).toBe(InstructionError.VMCLEAR_ADDRESS);
    }
    expect(vmptrld(0x13000)).toBe(InstructionError.VMPTRLD_REVISION);
  });

  test("two vCPUs take turns: registers, controls and virtual time are each one's own", () => {
    const m = new VmxMachine();
    const { vmptrld, currentVmcs } = m.core.exports;
    expect(m.runCode([0x40, 0x0f, 0xa2, 0xeb, 0xfb])).toBe(ExitReason.CPUID); // inc eax; cpuid; jmp
    const controls = FIELDS.filter(([, e]) => typeOf(e) !== READ_ONLY).flatMap(([, e]) =>
      (widthOf(e) === QUAD ? [e, e + 1] : [e]).map((encoding) => [encoding, m.read(encoding)] as const),
    );
    expect(vmptrld(OTHER_VMCS)).toBe(0);
    expect(currentVmcs()).toBe(OTHER_VMCS);
    expect(m.core.cpu.eax).toBe(0);
    expect(m.core.time).toBe(0);
    for (const [encoding, value] of controls) m.write(encoding, value);
    m.write(VmcsField.GUEST_RIP, CODE);
    expect(m.core.exports.vmenter(1, 100)).toBe(ExitReason.CPUID);
    for (let i = 0; i < 3; i++) {
      m.core.exports.retireOne(2);
      expect(m.core.exports.vmenter(0, 100)).toBe(ExitReason.CPUID);
    }
    expect([m.core.cpu.eax, m.core.time]).toEqual([4, 10]);
    expect(vmptrld(VMCS)).toBe(0);
    expect([m.core.cpu.eax, m.core.time, m.core.cpu.eip]).toEqual([1, 1, CODE + 1]);
    expect(vmptrld(OTHER_VMCS)).toBe(0);
    expect([m.core.cpu.eax, m.core.time]).toEqual([4, 10]);
  });

  test("VMCLEAR writes back and makes the launch state clear", () => {
    const m = new VmxMachine();
    expect(m.runCode([0x0f, 0xa2])).toBe(ExitReason.CPUID);
    expect(m.core.exports.vmclear(VMCS)).toBe(0);
    expect(m.core.exports.currentVmcs()).toBe(NO_VMCS);
    expect(m.word(Vmx.ACTIVE)).toBe(0);
    expect(m.core.exports.vmread(VmcsField.GUEST_RIP)).toBe(0);
    expect(m.core.exports.vmptrld(VMCS)).toBe(0);
    expect(m.read(VmcsField.GUEST_RIP)).toBe(CODE);
    expect(m.core.exports.vmenter(0, 1)).toBe(ExitReason.VMFAIL);
    expect(m.word(Vmx.INSTRUCTION_ERROR)).toBe(InstructionError.VMRESUME_NOT_LAUNCHED);
    expect(m.core.exports.vmenter(1, 1)).toBe(ExitReason.CPUID);
    expect(m.core.exports.vmenter(1, 1)).toBe(ExitReason.VMFAIL);
    expect(m.word(Vmx.INSTRUCTION_ERROR)).toBe(InstructionError.VMLAUNCH_NOT_CLEAR);
  });

  test("without a current VMCS an entry fails, and fields are not there", () => {
    const m = new VmxMachine();
    m.core.exports.vmclear(VMCS);
    expect(m.core.exports.vmenter(1, 1)).toBe(ExitReason.VMFAIL);
    expect(m.word(Vmx.INSTRUCTION_ERROR)).toBe(0);
    m.core.reset();
    expect(m.core.cpu.field(Cpu.EIP)).toBe(0xfff0);
    m.u32(0x13000, VMCS_REVISION);
    expect(m.core.exports.vmptrld(0x13000)).toBe(0);
  });
});
