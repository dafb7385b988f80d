/**
 * Every exit reason an instruction or an event of a 32-bit guest can raise, by a small program: reason, qualification, instruction
 * length and information, EIP at the instruction, and no time taken (SDM 3C 25.1 to 25.2, 27.2).
 */
import { describe, expect, test } from "vitest";
import { Cpu } from "../../assembly/abi/cpu.js";
import { ExitReason } from "../../assembly/abi/exit.js";
import { VmcsField } from "../../assembly/abi/vmcs.js";
import { ExitControl, IntrInfo, IntrType, Pin, Primary, Secondary, Vmx } from "../../assembly/abi/vmx.js";
import { Cr0, Eflags, Vector } from "../../assembly/abi/x86.js";
import { BITMAPS, CODE, DATA, HANDLERS, IDT, OTHER_TASK, STACK, TASK_GATE, VmxMachine } from "./vmx-machine.js";

interface Case {
  name: string;
  code: number[];
  reason: ExitReason;
  qualification?: number;
  info?: number;
  /** Prepares the controls. */
  given?: (m: VmxMachine) => void;
  /** Instructions in front of the one that exits. */
  before?: number;
}

const primary = (bits: number) => (m: VmxMachine) => m.add(VmcsField.PRIMARY_CONTROLS, bits);
const secondary = (bits: number) => (m: VmxMachine) => m.add(VmcsField.SECONDARY_CONTROLS, bits);
const both =
  (...steps: ((m: VmxMachine) => void)[]) =>
  (m: VmxMachine) => {
    for (const step of steps) step(m);
  };
const field = (encoding: number, value: number) => (m: VmxMachine) => m.write(encoding, value);
const reg = (r: number, value: number) => (m: VmxMachine) => m.core.cpu.setReg(r, value);
const ANY_REGISTER = 1 << 10;
const NO_BASE = 1 << 27;
const NO_INDEX = 1 << 22;
const WIDE = 1 << 7;
const DS = 3 << 15;

/** The instructions of VMX: they exit at any CPL. */
const VMX_CASES: Case[] = [
  { name: "VMCALL", code: [0x0f, 0x01, 0xc1], reason: ExitReason.VMCALL },
  { name: "VMLAUNCH", code: [0x0f, 0x01, 0xc2], reason: ExitReason.VMLAUNCH },
  { name: "VMRESUME", code: [0x0f, 0x01, 0xc3], reason: ExitReason.VMRESUME },
  { name: "VMXOFF", code: [0x0f, 0x01, 0xc4], reason: ExitReason.VMXOFF },
  {
    name: "VMPTRLD [eax+ecx*4+12345678h]",
    code: [0x0f, 0xc7, 0xb4, 0x88, 0x78, 0x56, 0x34, 0x12],
    reason: ExitReason.VMPTRLD,
    qualification: 0x12345678,
    info: 2 | WIDE | DS | (1 << 18),
  },
  {
    name: "VMCLEAR [ebp-8]",
    code: [0x66, 0x0f, 0xc7, 0x75, 0xf8],
    reason: ExitReason.VMCLEAR,
    qualification: -8,
    info: WIDE | (2 << 15) | NO_INDEX | (5 << 23),
  },
  {
    name: "VMXON with GS, a 16-bit address and a displacement that is negative",
    code: [0x65, 0x67, 0xf3, 0x0f, 0xc7, 0x36, 0x00, 0xff],
    reason: ExitReason.VMXON,
    qualification: -256,
    info: (5 << 15) | NO_INDEX | NO_BASE,
  },
  {
    name: "VMPTRST [esi]",
    code: [0x0f, 0xc7, 0x3e],
    reason: ExitReason.VMPTRST,
    info: WIDE | DS | NO_INDEX | (6 << 23),
  },
  {
    name: "VMREAD ECX, EDI",
    code: [0x0f, 0x78, 0xf9],
    reason: ExitReason.VMREAD,
    info: ANY_REGISTER | (1 << 3) | (7 << 28),
  },
  {
    name: "VMREAD [1000h], EBX",
    code: [0x0f, 0x78, 0x1d, 0x00, 0x10, 0x00, 0x00],
    reason: ExitReason.VMREAD,
    qualification: 0x1000,
    info: WIDE | DS | NO_BASE | NO_INDEX | (3 << 28),
  },
  {
    name: "VMWRITE EDX, ESI",
    code: [0x0f, 0x79, 0xd6],
    reason: ExitReason.VMWRITE,
    info: ANY_REGISTER | (6 << 3) | (2 << 28),
  },
  {
    name: "VMWRITE EAX, [edi+8]",
    code: [0x0f, 0x79, 0x47, 0x08],
    reason: ExitReason.VMWRITE,
    qualification: 8,
    info: WIDE | DS | NO_INDEX | (7 << 23),
  },
  {
    name: "INVEPT ECX, [ebx]",
    code: [0x66, 0x0f, 0x38, 0x80, 0x0b],
    reason: ExitReason.INVEPT,
    info: WIDE | DS | NO_INDEX | (3 << 23) | (1 << 28),
  },
  {
    name: "INVVPID ESP, [ebx+10h]",
    code: [0x66, 0x0f, 0x38, 0x81, 0x63, 0x10],
    reason: ExitReason.INVVPID,
    qualification: 16,
    info: WIDE | DS | NO_INDEX | (3 << 23) | (4 << 28),
  },
];

const CASES: Case[] = [
  { name: "CPUID", code: [0x0f, 0xa2], reason: ExitReason.CPUID },
  { name: "INVD", code: [0x0f, 0x08], reason: ExitReason.INVD },
  { name: "HLT", code: [0xf4], reason: ExitReason.HLT, given: primary(Primary.HLT) },
  {
    name: "INVLPG [ebx+8]",
    code: [0x0f, 0x01, 0x7b, 0x08],
    reason: ExitReason.INVLPG,
    qualification: 0x12345680,
    given: both(primary(Primary.INVLPG), reg(3, 0x12345678)),
  },
  { name: "RDPMC", code: [0x0f, 0x33], reason: ExitReason.RDPMC, given: primary(Primary.RDPMC) },
  { name: "RDTSC", code: [0x0f, 0x31], reason: ExitReason.RDTSC, given: primary(Primary.RDTSC) },
  { name: "PAUSE", code: [0xf3, 0x90], reason: ExitReason.PAUSE, given: primary(Primary.PAUSE) },
  { name: "WBINVD", code: [0x0f, 0x09], reason: ExitReason.WBINVD, given: secondary(Secondary.WBINVD) },
  {
    name: "MOV CR3, ESI",
    code: [0x0f, 0x22, 0xde],
    reason: ExitReason.CR_ACCESS,
    qualification: 3 | (6 << 8),
    given: primary(Primary.CR3_LOAD),
  },
  {
    name: "MOV EDI, CR3",
    code: [0x0f, 0x20, 0xdf],
    reason: ExitReason.CR_ACCESS,
    qualification: 3 | (1 << 4) | (7 << 8),
    given: primary(Primary.CR3_STORE),
  },
  {
    name: "MOV CR0, EAX that changes a bit of the monitor",
    code: [0x0f, 0x22, 0xc0],
    reason: ExitReason.CR_ACCESS,
    qualification: 0,
    given: both(field(VmcsField.CR0_MASK, Cr0.NE), reg(0, Cr0.NE)),
  },
  {
    name: "MOV CR4, ECX that changes a bit of the monitor",
    code: [0x0f, 0x22, 0xe1],
    reason: ExitReason.CR_ACCESS,
    qualification: 4 | (1 << 8),
    given: both(field(VmcsField.CR4_MASK, 0xffffffff), reg(1, 16)),
  },
  {
    name: "CLTS with TS the monitor's and shown set",
    code: [0x0f, 0x06],
    reason: ExitReason.CR_ACCESS,
    qualification: 2 << 4,
    given: both(field(VmcsField.CR0_MASK, Cr0.TS), field(VmcsField.CR0_SHADOW, Cr0.TS)),
  },
  {
    name: "LMSW AX that sets PE",
    code: [0x0f, 0x01, 0xf0],
    reason: ExitReason.CR_ACCESS,
    qualification: (3 << 4) | (0xfff1 << 16),
    given: both(field(VmcsField.CR0_MASK, Cr0.PE), reg(0, 0xfff1)),
  },
  {
    name: "MOV DR7, EBX",
    code: [0x0f, 0x23, 0xfb],
    reason: ExitReason.DR_ACCESS,
    qualification: 7 | (3 << 8),
    given: primary(Primary.MOV_DR),
  },
  {
    name: "MOV EDX, DR2",
    code: [0x0f, 0x21, 0xd2],
    reason: ExitReason.DR_ACCESS,
    qualification: 2 | (1 << 4) | (2 << 8),
    given: primary(Primary.MOV_DR),
  },
  {
    name: "IN AL, 60h",
    code: [0xe4, 0x60],
    reason: ExitReason.IO_INSTRUCTION,
    qualification: 8 | (1 << 6) | (0x60 << 16),
    given: primary(Primary.UNCONDITIONAL_IO),
  },
  {
    name: "OUT DX, EAX",
    code: [0xef],
    reason: ExitReason.IO_INSTRUCTION,
    qualification: 3 | (0xcf8 << 16),
    given: both(primary(Primary.UNCONDITIONAL_IO), reg(2, 0xcf8)),
  },
  {
    name: "REP INSD",
    code: [0xf3, 0x6d],
    reason: ExitReason.IO_INSTRUCTION,
    qualification: 3 | 8 | (1 << 4) | (1 << 5) | (0x1f0 << 16),
    info: WIDE,
    given: both(primary(Primary.UNCONDITIONAL_IO), reg(2, 0x1f0), reg(1, 128), reg(7, DATA)),
  },
  {
    name: "OUTSB with FS and 16-bit addresses",
    code: [0x64, 0x67, 0x6e],
    reason: ExitReason.IO_INSTRUCTION,
    qualification: (1 << 4) | (0x3f8 << 16),
    info: 4 << 15,
    given: both(primary(Primary.UNCONDITIONAL_IO), reg(2, 0x3f8), reg(6, 0x100)),
  },
  { name: "RDMSR", code: [0x0f, 0x32], reason: ExitReason.RDMSR },
  { name: "WRMSR", code: [0x0f, 0x30], reason: ExitReason.WRMSR },
  {
    name: "SGDT [eax+ecx*4+12345678h]",
    code: [0x0f, 0x01, 0x84, 0x88, 0x78, 0x56, 0x34, 0x12],
    reason: ExitReason.GDTR_IDTR_ACCESS,
    qualification: 0x12345678,
    info: 2 | WIDE | (1 << 11) | DS | (1 << 18),
    given: secondary(Secondary.DESCRIPTOR_TABLES),
  },
  {
    name: "LIDT [1000h]",
    code: [0x0f, 0x01, 0x1d, 0x00, 0x10, 0x00, 0x00],
    reason: ExitReason.GDTR_IDTR_ACCESS,
    qualification: 0x1000,
    info: WIDE | (1 << 11) | DS | NO_BASE | NO_INDEX | (3 << 28),
    given: secondary(Secondary.DESCRIPTOR_TABLES),
  },
  {
    name: "STR EBX",
    code: [0x0f, 0x00, 0xcb],
    reason: ExitReason.LDTR_TR_ACCESS,
    qualification: 0,
    info: ANY_REGISTER | (3 << 3) | (1 << 28),
    given: secondary(Secondary.DESCRIPTOR_TABLES),
  },
  {
    name: "LLDT [esi]",
    code: [0x0f, 0x00, 0x16],
    reason: ExitReason.LDTR_TR_ACCESS,
    qualification: 0,
    info: WIDE | DS | NO_INDEX | (6 << 23) | (2 << 28),
    given: secondary(Secondary.DESCRIPTOR_TABLES),
  },
  {
    name: "JMP to a TSS",
    code: [0xea, 0, 0, 0, 0, OTHER_TASK, 0],
    reason: ExitReason.TASK_SWITCH,
    qualification: OTHER_TASK | (2 << 30),
  },
  {
    name: "CALL through a task gate",
    code: [0x9a, 0, 0, 0, 0, TASK_GATE, 0],
    reason: ExitReason.TASK_SWITCH,
    qualification: OTHER_TASK,
  },
  ...VMX_CASES,
];

describe.each(["blocks", "steps"])("%s", (engine) => {
  test.each(CASES)("$name", ({ code, reason, qualification, info, given }) => {
    const m = new VmxMachine();
    if (engine === "steps") m.core.cpu.setField(Cpu.STEP_ONLY, 1);
    given?.(m);
    const before = m.core.time;
    expect(m.runCode([0x90, ...code])).toBe(reason);
    expect(m.exit()).toMatchObject({ eip: CODE + 1, length: code.length, qualification: (qualification ?? 0) >>> 0 });
    expect(m.exit().info).toBe((info ?? 0) >>> 0);
    expect(m.core.time - before).toBe(1);
    expect(m.word(Vmx.REASON)).toBe(reason);
    // Once more: nothing has changed.
    expect(m.enter()).toBe(reason);
    expect(m.core.time - before).toBe(1);
  });
});

describe("instructions that do not exit", () => {
  const stays = (code: number[], given?: (m: VmxMachine) => void) => {
    const m = new VmxMachine();
    given?.(m);
    expect(m.runCode([...code, 0x0f, 0xa2])).toBe(ExitReason.CPUID);
    expect(m.exit().eip).toBe(CODE + code.length);
    return m;
  };

  test("without their controls", () => {
    stays([0x0f, 0x31, 0x0f, 0x33, 0xf3, 0x90, 0x0f, 0x09, 0x0f, 0x01, 0x3b, 0x0f, 0x20, 0xd8, 0x0f, 0x21, 0xc0]);
    const m = stays([0xe6, 0x80, 0xec]);
    expect(m.accesses.map(({ what, at }) => [what, at])).toEqual([
      ["out", 0x80],
      ["in", 0],
    ]);
  });

  test("MOV CR3 with a CR3-target value", () => {
    const given = both(
      primary(Primary.CR3_LOAD),
      field(VmcsField.CR3_TARGET_COUNT, 2),
      field(VmcsField.CR3_TARGET1, 0x5000),
      reg(0, 0x5000),
    );
    expect(stays([0x0f, 0x22, 0xd8], given).core.cpu.cr3).toBe(0x5000);
  });

  test("MOV CR0, CLTS and LMSW where the shadow agrees: the monitor's bits stay", () => {
    const given = both(
      field(VmcsField.CR0_MASK, Cr0.TS | Cr0.MP),
      field(VmcsField.CR0_SHADOW, Cr0.MP),
      reg(0, Cr0.PE | Cr0.MP),
    );
    const m = stays([0x0f, 0x22, 0xc0, 0x0f, 0x06, 0x0f, 0x01, 0xf0, 0x0f, 0x20, 0xc3, 0x0f, 0x01, 0xe1], given);
    expect(m.core.cpu.cr0 & (Cr0.MP | Cr0.TS | Cr0.NE)).toBe(0);
    expect(m.core.cpu.reg(3)).toBe(Cr0.PE | Cr0.MP | Cr0.ET); // MOV EBX, CR0
    expect(m.core.cpu.ecx & 0xffff).toBe(Cr0.PE | Cr0.MP | Cr0.ET); // SMSW CX
  });

  test("ports and MSRs whose bits in the bitmaps are clear", () => {
    const given = both(
      primary(Primary.IO_BITMAPS | Primary.MSR_BITMAPS | Primary.UNCONDITIONAL_IO),
      field(VmcsField.IO_BITMAP_A, BITMAPS),
      field(VmcsField.IO_BITMAP_B, BITMAPS + 0x1000),
      field(VmcsField.MSR_BITMAP, BITMAPS + 0x2000),
      reg(1, 0x174),
    );
    const m = stays([0xe4, 0x60, 0x0f, 0x32, 0x0f, 0x30], given);
    expect(m.accesses).toHaveLength(1);
  });

  test("privilege comes first", () => {
    const m = new VmxMachine();
    m.setGuest(3);
    m.add(VmcsField.PRIMARY_CONTROLS, Primary.HLT | Primary.INVLPG | Primary.CR3_LOAD);
    m.write(VmcsField.EXCEPTION_BITMAP, 1 << Vector.GP);
    for (const code of [[0xf4], [0x0f, 0x01, 0x3b], [0x0f, 0x22, 0xd8], [0x0f, 0x32], [0x0f, 0x08], [0xe4, 0x60]]) {
      expect(m.runCode(code)).toBe(ExitReason.EXCEPTION_NMI);
      expect(m.exit().interruption).toBe(
        (Vector.GP | IntrType.HARDWARE_EXCEPTION | IntrInfo.ERROR_CODE | IntrInfo.VALID) >>> 0,
      );
    }
    m.add(VmcsField.PRIMARY_CONTROLS, Primary.MOV_DR);
    expect(m.runCode([0x0f, 0x21, 0xc0])).toBe(ExitReason.DR_ACCESS); // but for MOV DR
    expect(m.runCode([0x0f, 0xa2])).toBe(ExitReason.CPUID);
  });
});

describe("instructions of VMX", () => {
  test.each(VMX_CASES)("$name exits at CPL 3", ({ code, reason }) => {
    const m = new VmxMachine();
    m.setGuest(3);
    expect(m.runCode(code)).toBe(reason);
  });

  test("are #UD in virtual-8086 mode, but for VMCALL", () => {
    const m = new VmxMachine();
    m.write(VmcsField.EXCEPTION_BITMAP, 1 << Vector.UD);
    m.write(VmcsField.GUEST_RFLAGS, Eflags.VM | 2);
    for (let seg = 0; seg < 6; seg++) {
      m.write(VmcsField.GUEST_ES_SELECTOR + 2 * seg, CODE >> 4);
      m.write(VmcsField.GUEST_ES_BASE + 2 * seg, CODE);
      m.write(VmcsField.GUEST_ES_LIMIT + 2 * seg, 0xffff);
      m.write(VmcsField.GUEST_ES_RIGHTS + 2 * seg, 0xf3);
    }
    for (const { code, reason } of VMX_CASES) {
      m.guest(CODE, code);
      m.write(VmcsField.GUEST_RIP, 0);
      expect(m.enter()).toBe(reason === ExitReason.VMCALL ? reason : ExitReason.EXCEPTION_NMI);
    }
  });

  test("are #UD with a prefix that is not theirs, before any exit", () => {
    const m = new VmxMachine();
    m.write(VmcsField.EXCEPTION_BITMAP, 1 << Vector.UD);
    for (const code of [
      [0x66, 0x0f, 0x01, 0xc1],
      [0xf2, 0x0f, 0xc7, 0x36],
      [0xf3, 0x0f, 0x78, 0xf9],
      [0x0f, 0x38, 0x80, 0x0b],
      [0x66, 0x0f, 0x38, 0x80, 0xcb],
      [0xf0, 0x0f, 0x79, 0xd6],
    ]) {
      expect(m.runCode(code)).toBe(ExitReason.EXCEPTION_NMI);
      expect(m.exit().interruption & IntrInfo.VECTOR).toBe(Vector.UD);
    }
  });
});

describe("bitmaps, bit by bit", () => {
  test("each port of a wide access counts, and those around the end of the space", () => {
    const m = new VmxMachine();
    m.add(VmcsField.PRIMARY_CONTROLS, Primary.IO_BITMAPS);
    m.write(VmcsField.IO_BITMAP_A, BITMAPS);
    m.write(VmcsField.IO_BITMAP_B, BITMAPS + 0x1000);
    for (const port of [0, 7, 0x3f8, 0x7fff, 0x8000, 0xfffc]) {
      m.core.ram[BITMAPS + (port >> 3)] = 1 << (port & 7);
      for (let at = Math.max(0, port - 4); at < port + 3; at++) {
        m.core.cpu.edx = at;
        const exits = at <= port && at + 4 > port ? true : at + 4 > 0x10000;
        expect(m.runCode([0xed, 0x0f, 0xa2])).toBe(exits ? ExitReason.IO_INSTRUCTION : ExitReason.CPUID);
      }
      m.core.ram[BITMAPS + (port >> 3)] = 0;
    }
  });

  test("MSRs low and high, read and write; others always exit", () => {
    const m = new VmxMachine();
    m.add(VmcsField.PRIMARY_CONTROLS, Primary.MSR_BITMAPS);
    m.write(VmcsField.MSR_BITMAP, BITMAPS + 0x2000);
    m.write(VmcsField.EXCEPTION_BITMAP, 1 << Vector.GP);
    const bit = (offset: number, n: number, on: boolean) => {
      m.core.ram[BITMAPS + 0x2000 + offset + (n >> 3)] = on ? 1 << (n & 7) : 0;
    };
    const run = (index: number, code: number[]) => {
      m.core.cpu.ecx = index;
      return m.runCode([...code, 0x0f, 0xa2]);
    };
    const read = [0x0f, 0x32];
    const write = [0x0f, 0x30];
    for (const [index, offset] of [
      [0x174, 0],
      [0x1fff, 0],
      [0xc0000080, 0x400],
      [0xc0001fff, 0x400],
    ] as const) {
      const passes = index === 0x174 ? ExitReason.CPUID : ExitReason.EXCEPTION_NMI;
      expect(run(index, read)).toBe(passes);
      bit(offset, index & 0x1fff, true);
      expect(run(index, read)).toBe(ExitReason.RDMSR);
      expect(run(index, write)).toBe(passes);
      bit(offset, index & 0x1fff, false);
      bit(offset + 0x800, index & 0x1fff, true);
      expect(run(index, write)).toBe(ExitReason.WRMSR);
      expect(run(index, read)).toBe(passes);
      bit(offset + 0x800, index & 0x1fff, false);
    }
    for (const index of [0x2000, 0xbfffffff, 0xc0002000, 0xffffffff]) {
      expect(run(index, read)).toBe(ExitReason.RDMSR);
      expect(run(index, write)).toBe(ExitReason.WRMSR);
    }
  });
});

describe("exceptions", () => {
  const info = (vector: number, type: number, error = false) =>
    (vector | type | (error ? IntrInfo.ERROR_CODE : 0) | IntrInfo.VALID) >>> 0;

  test("exit by their bit only; a fault has its instruction's EIP and RF", () => {
    const m = new VmxMachine();
    m.write(VmcsField.EXCEPTION_BITMAP, 1 << Vector.UD);
    expect(m.runCode([0x0f, 0x0b])).toBe(ExitReason.EXCEPTION_NMI);
    expect(m.exit()).toMatchObject({ interruption: info(Vector.UD, IntrType.HARDWARE_EXCEPTION), eip: CODE });
    expect(m.read(VmcsField.GUEST_RFLAGS) & Eflags.RF).toBe(Eflags.RF);
    m.write(VmcsField.EXCEPTION_BITMAP, 0);
    expect(m.runCode([0x0f, 0x0b])).toBe(ExitReason.WAITING); // the handler's HLT
    expect(m.exit().eip).toBe(HANDLERS + Vector.UD * 16 + 1);
  });

  test("INT3, INTO and INT1 are software exceptions with a length; INT n does not exit", () => {
    const m = new VmxMachine();
    m.write(VmcsField.EXCEPTION_BITMAP, 0xffffffff);
    expect(m.runCode([0xcc])).toBe(ExitReason.EXCEPTION_NMI);
    expect(m.exit()).toMatchObject({ interruption: info(3, IntrType.SOFTWARE_EXCEPTION), length: 1, eip: CODE });
    expect(m.runCode([0xf1])).toBe(ExitReason.EXCEPTION_NMI);
    expect(m.exit()).toMatchObject({ interruption: info(1, IntrType.PRIVILEGED_SOFTWARE), length: 1 });
    expect(m.runCode([0xb0, 0x7f, 0x04, 0x01, 0xce])).toBe(ExitReason.EXCEPTION_NMI); // mov al,7f; add al,1; into
    expect(m.exit()).toMatchObject({ interruption: info(4, IntrType.SOFTWARE_EXCEPTION), length: 1, eip: CODE + 4 });
    expect(m.runCode([0xcd, 0x03])).toBe(ExitReason.WAITING);
  });

  test("#PF by mask and match, with the linear address and CR2 as it was", () => {
    const m = new VmxMachine();
    const directory = 0x50000;
    for (let i = 0; i < 4; i++) m.guestU32(directory + i * 4, (i * 0x400000) | 0x87);
    m.guestU32(directory + 16, 0);
    m.write(VmcsField.GUEST_CR4, 16);
    m.write(VmcsField.GUEST_CR3, directory);
    m.write(VmcsField.GUEST_CR0, Cr0.PE | Cr0.PG | Cr0.ET);
    m.write(VmcsField.EXCEPTION_BITMAP, 1 << Vector.PF);
    m.core.cpu.setField(Cpu.CR2, 0xabcdef);
    const read = [0xa1, 0x44, 0x33, 0x22, 0x11];
    expect(m.runCode(read)).toBe(ExitReason.EXCEPTION_NMI);
    expect(m.exit()).toMatchObject({
      interruption: info(14, IntrType.HARDWARE_EXCEPTION, true),
      qualification: 0x11223344,
      error: 0,
    });
    expect(m.core.cpu.field(Cpu.CR2)).toBe(0xabcdef);
    m.write(VmcsField.PF_ERROR_MASK, 2);
    m.write(VmcsField.PF_ERROR_MATCH, 2);
    expect(m.runCode(read)).toBe(ExitReason.WAITING); // delivered: not a write
    expect(m.core.cpu.field(Cpu.CR2)).toBe(0x11223344);
    expect(m.runCode([0xa3, 0x48, 0x33, 0x22, 0x11])).toBe(ExitReason.EXCEPTION_NMI);
    expect(m.exit()).toMatchObject({ error: 2, qualification: 0x11223348 });
    m.write(VmcsField.EXCEPTION_BITMAP, 0); // turned round
    expect(m.runCode([0xa3, 0x48, 0x33, 0x22, 0x11])).toBe(ExitReason.WAITING);
    expect(m.runCode(read)).toBe(ExitReason.EXCEPTION_NMI);
  });

  test("#DB traps have their DR6 bits in the qualification, and DR6 unchanged", () => {
    const m = new VmxMachine();
    m.write(VmcsField.EXCEPTION_BITMAP, 1 << Vector.DB);
    m.write(VmcsField.GUEST_RFLAGS, 2 | Eflags.TF);
    const dr6 = m.core.cpu.field(Cpu.DR + 24);
    expect(m.runCode([0x90, 0x90])).toBe(ExitReason.EXCEPTION_NMI);
    expect(m.exit()).toMatchObject({
      qualification: 0x4000,
      eip: CODE + 1,
      interruption: info(1, IntrType.HARDWARE_EXCEPTION),
    });
    expect(m.core.cpu.field(Cpu.DR + 24)).toBe(dr6);
    expect(m.read(VmcsField.GUEST_PENDING_DEBUG)).toBe(0);
  });

  test("during delivery of an exception, of INT n, and of an interrupt: IDT-vectoring information", () => {
    const m = new VmxMachine();
    m.write(VmcsField.EXCEPTION_BITMAP, 1 << Vector.NP);
    for (const vector of [Vector.UD, 0x55, 0x30]) m.guestU32(IDT + vector * 8 + 4, 0x0e00); // not present
    expect(m.runCode([0x0f, 0x0b])).toBe(ExitReason.EXCEPTION_NMI);
    expect(m.exit()).toMatchObject({
      interruption: info(11, IntrType.HARDWARE_EXCEPTION, true),
      vectoring: info(6, IntrType.HARDWARE_EXCEPTION),
    });
    expect(m.exit().eip).toBe(CODE);
    expect(m.runCode([0xcd, 0x55])).toBe(ExitReason.EXCEPTION_NMI);
    expect(m.exit()).toMatchObject({
      vectoring: info(0x55, IntrType.SOFTWARE_INTERRUPT),
      length: 2,
      eip: CODE,
      error: (0x55 << 3) | 2,
    });
    m.write(VmcsField.GUEST_RFLAGS, 2 | Eflags.IF);
    m.core.setInterruptLine(true);
    expect(m.runCode([0x90])).toBe(ExitReason.EXCEPTION_NMI);
    expect(m.exit()).toMatchObject({ vectoring: info(0x30, IntrType.EXTERNAL), eip: CODE, error: (0x30 << 3) | 3 });
    m.core.setInterruptLine(false);
  });

  test("a double fault that exits is not part of a delivery; a triple fault exits always", () => {
    const m = new VmxMachine();
    m.write(VmcsField.EXCEPTION_BITMAP, 1 << Vector.DF);
    for (const vector of [Vector.GP, Vector.NP]) m.guestU32(IDT + vector * 8 + 4, 0x0e00);
    expect(m.runCode([0x0f, 0x00, 0xd8])).toBe(ExitReason.EXCEPTION_NMI); // LTR AX, null: #GP
    expect(m.exit()).toMatchObject({ interruption: info(8, IntrType.HARDWARE_EXCEPTION, true), vectoring: 0 });
    m.write(VmcsField.EXCEPTION_BITMAP, 0);
    m.guestU32(IDT + Vector.DF * 8 + 4, 0x0e00);
    expect(m.runCode([0x0f, 0x00, 0xd8])).toBe(ExitReason.TRIPLE_FAULT);
    expect(m.exit().vectoring).toBe(0);
  });

  test("an exception that is wanted exits by itself where it would have made a double or triple fault", () => {
    const m = new VmxMachine();
    const info = (vector: number) =>
      (vector | IntrType.HARDWARE_EXCEPTION | IntrInfo.ERROR_CODE | IntrInfo.VALID) >>> 0;
    m.write(VmcsField.EXCEPTION_BITMAP, 1 << Vector.NP);
    // Neither #GP nor #DF has a gate that is present; the code loads a selector beyond the GDT.
    const code = [0x66, 0xb8, 0xf8, 0xff, 0x8e, 0xd8];
    m.guestU32(IDT + Vector.GP * 8 + 4, 0x0e00);
    m.guestU32(IDT + Vector.DF * 8 + 4, 0x0e00);
    expect(m.runCode(code)).toBe(ExitReason.EXCEPTION_NMI);
    expect(m.exit()).toMatchObject({ interruption: info(Vector.NP), vectoring: info(Vector.GP) });
    m.write(VmcsField.ENTRY_INTR_ERROR, 0);
    m.write(VmcsField.ENTRY_INTR_INFO, info(Vector.DF));
    expect(m.enter()).toBe(ExitReason.EXCEPTION_NMI);
    expect(m.exit()).toMatchObject({ interruption: info(Vector.NP), vectoring: info(Vector.DF) });
    m.write(VmcsField.EXCEPTION_BITMAP, 0);
    expect(m.runCode(code)).toBe(ExitReason.TRIPLE_FAULT);
  });

  test("a task gate in the IDT: task switch of source 3 with the event behind it", () => {
    const m = new VmxMachine();
    m.guestU32(IDT + Vector.UD * 8, OTHER_TASK << 16);
    m.guestU32(IDT + Vector.UD * 8 + 4, 0x8500);
    expect(m.runCode([0x0f, 0x0b])).toBe(ExitReason.TASK_SWITCH);
    expect(m.exit()).toMatchObject({
      qualification: (OTHER_TASK | (3 << 30)) >>> 0,
      vectoring: info(6, IntrType.HARDWARE_EXCEPTION),
      eip: CODE,
    });
  });
});

describe("interrupts and windows", () => {
  test("external interrupts exit whatever IF, acknowledged if asked", () => {
    const m = new VmxMachine();
    m.add(VmcsField.PIN_CONTROLS, Pin.EXTERNAL_INTERRUPT);
    m.core.setInterruptLine(true);
    expect(m.runCode([0x90])).toBe(ExitReason.EXTERNAL_INTERRUPT);
    expect(m.exit()).toMatchObject({ interruption: 0, eip: CODE });
    m.add(VmcsField.EXIT_CONTROLS, ExitControl.ACKNOWLEDGE);
    expect(m.enter()).toBe(ExitReason.EXTERNAL_INTERRUPT);
    expect(m.exit().interruption).toBe((0x30 | IntrInfo.VALID) >>> 0);
  });

  test("without the control they are delivered when IF lets them in", () => {
    const m = new VmxMachine();
    m.core.setInterruptLine(true);
    expect(m.runCode([0x90, 0xfb, 0x90, 0x0f, 0xa2])).toBe(ExitReason.WAITING);
    expect(m.exit().eip).toBe(HANDLERS + 0x30 * 16 + 1);
    expect(m.readGuest(STACK - 12)).toBe(CODE + 3);
  });

  test("interrupt window: as soon as IF is set and no shadow is left, also in HLT", () => {
    const m = new VmxMachine();
    m.add(VmcsField.PRIMARY_CONTROLS, Primary.INTERRUPT_WINDOW);
    expect(m.runCode([0x90, 0xfb, 0x90, 0x90])).toBe(ExitReason.INTERRUPT_WINDOW);
    expect(m.exit().eip).toBe(CODE + 3);
    m.write(VmcsField.GUEST_RFLAGS, 2);
    expect(m.runCode([0xfb, 0xf4, 0x90])).toBe(ExitReason.INTERRUPT_WINDOW);
    expect(m.exit().eip).toBe(CODE + 2);
    expect(m.read(VmcsField.GUEST_ACTIVITY)).toBe(1);
  });

  test("NMI exiting, virtual NMIs and the NMI window", () => {
    const m = new VmxMachine();
    m.add(VmcsField.PIN_CONTROLS, Pin.NMI | Pin.VIRTUAL_NMIS);
    m.core.raiseNmi();
    expect(m.runCode([0x90])).toBe(ExitReason.EXCEPTION_NMI);
    expect(m.exit().interruption).toBe((2 | IntrType.NMI | IntrInfo.VALID) >>> 0);
    m.write(VmcsField.ENTRY_INTR_INFO, 2 | IntrType.NMI | IntrInfo.VALID);
    m.add(VmcsField.PRIMARY_CONTROLS, Primary.NMI_WINDOW);
    m.guest(HANDLERS + 2 * 16, [0x90, 0xcf]);
    expect(m.enter()).toBe(ExitReason.NMI_WINDOW); // behind the handler's IRET
    expect(m.exit().eip).toBe(CODE);
    expect(m.core.time).toBe(3);
  });

  test("monitor trap flag: behind each instruction, each iteration, each event", () => {
    const m = new VmxMachine();
    m.add(VmcsField.PRIMARY_CONTROLS, Primary.MONITOR_TRAP);
    m.core.cpu.ecx = 2;
    m.core.cpu.setReg(7, DATA);
    expect(m.runCode([0x90, 0xf3, 0xaa, 0x0f, 0x0b])).toBe(ExitReason.MONITOR_TRAP_FLAG);
    const places = [m.exit().eip];
    for (let i = 0; i < 3; i++) {
      expect(m.enter()).toBe(ExitReason.MONITOR_TRAP_FLAG);
      places.push(m.exit().eip);
    }
    expect(places).toEqual([CODE + 1, CODE + 1, CODE + 3, HANDLERS + Vector.UD * 16]);
    m.write(VmcsField.GUEST_RIP, CODE);
    m.write(VmcsField.ENTRY_INTR_INFO, 0x40 | IntrType.SOFTWARE_INTERRUPT | IntrInfo.VALID);
    m.write(VmcsField.ENTRY_INSN_LENGTH, 2);
    expect(m.enter()).toBe(ExitReason.MONITOR_TRAP_FLAG);
    expect(m.exit().eip).toBe(HANDLERS + 0x40 * 16);
  });

  test("a pending monitor trap flag exit can be injected", () => {
    const m = new VmxMachine();
    m.write(VmcsField.ENTRY_INTR_INFO, IntrType.OTHER | IntrInfo.VALID);
    expect(m.runCode([0x90])).toBe(ExitReason.MONITOR_TRAP_FLAG);
    expect(m.exit().eip).toBe(CODE);
    expect(m.core.time).toBe(0);
  });

  test("the preemption timer counts ticks, and is saved if asked", () => {
    const m = new VmxMachine();
    m.add(VmcsField.PIN_CONTROLS, Pin.PREEMPTION_TIMER);
    m.write(VmcsField.PREEMPTION_TIMER, 7);
    expect(m.runCode([0xeb, 0xfe], 1000)).toBe(ExitReason.PREEMPTION_TIMER);
    expect(m.core.time).toBe(7);
    m.add(VmcsField.EXIT_CONTROLS, ExitControl.SAVE_TIMER);
    expect(m.runCode([0x90, 0x90, 0x0f, 0xa2])).toBe(ExitReason.CPUID);
    expect(m.read(VmcsField.PREEMPTION_TIMER)).toBe(5);
  });

  test("an instruction that exits in the shadow of STI leaves the shadow", () => {
    const m = new VmxMachine();
    expect(m.runCode([0xfb, 0x0f, 0xa2, 0x90])).toBe(ExitReason.CPUID);
    expect(m.read(VmcsField.GUEST_INTERRUPTIBILITY)).toBe(1);
    m.core.exports.retireOne(2);
    expect(m.read(VmcsField.GUEST_INTERRUPTIBILITY)).toBe(0);
    m.write(VmcsField.GUEST_RFLAGS, 2);
    expect(m.runCode([0x8e, 0xd3, 0x0f, 0xa2])).toBe(ExitReason.EXCEPTION_NMI + 68); // MOV SS, BX with BX 0: #GP, handler waits
  });
});

describe("time", () => {
  test("RDTSC adds the offset if asked", () => {
    const m = new VmxMachine();
    m.add(VmcsField.PRIMARY_CONTROLS, Primary.TSC_OFFSETTING);
    m.write(VmcsField.TSC_OFFSET, 1000);
    m.write(VmcsField.TSC_OFFSET + 1, 1);
    expect(m.runCode([0x90, 0x90, 0x0f, 0x31, 0x0f, 0xa2])).toBe(ExitReason.CPUID);
    expect([m.core.cpu.eax, m.core.cpu.edx]).toEqual([1002, 1]);
  });

  test("an emulated instruction takes its tick and arms the single-step trap", () => {
    const m = new VmxMachine();
    m.write(VmcsField.GUEST_RFLAGS, 2 | Eflags.TF);
    m.write(VmcsField.EXCEPTION_BITMAP, 1 << Vector.DB);
    expect(m.runCode([0x0f, 0xa2, 0x90])).toBe(ExitReason.CPUID);
    m.core.exports.retireOne(2);
    expect(m.core.time).toBe(1);
    expect(m.enter()).toBe(ExitReason.EXCEPTION_NMI);
    expect(m.exit()).toMatchObject({ qualification: 0x4000, eip: CODE + 2 });
  });
});
