/**
 * The machine's own modes under a monitor without VMCS: deprivileged direct execution, where every event of the IDT exits, the strict
 * machine, interpretation by the VM's map of memory, leaving at user mode, and events delivered by the monitor.
 */
import { describe, expect, test } from "vitest";
import { Cpu } from "../../assembly/abi/cpu.js";
import { ExitReason } from "../../assembly/abi/exit.js";
import { VmcsField } from "../../assembly/abi/vmcs.js";
import { EPT_TYPE_SHIFT, EptType, IntrInfo, IntrType, Isa, Vmx } from "../../assembly/abi/vmx.js";
import { Eflags, Vector } from "../../assembly/abi/x86.js";
import {
  CODE,
  EPT_ROOT,
  eptp,
  GDT,
  HANDLERS,
  STACK,
  USER_CODE,
  USER_DATA,
  VM_BASE,
  VMCS,
  VmxMachine,
} from "./vmx-machine.js";

/** A machine with the guest of VmxMachine but no VMCS: its memory is the VM's by a flat EPT map for interpretation. */
class BareGuest extends VmxMachine {
  constructor(
    readonly words: Partial<Record<"DEPRIVILEGED" | "INTERPRET" | "LEAVE_AT_USER" | "ISA", number>>,
    privilege: 0 | 3 = 0,
  ) {
    super();
    this.setGuest(privilege);
    const { memory, exports } = this.core;
    const state = new Uint8Array(memory.buffer, 4096, 640).slice();
    exports.vmclear(VMCS);
    void state;
    this.core.cpu.setField(Cpu.CPL, privilege);
    for (const [name, value] of Object.entries(words)) this.setWord(Vmx[name as keyof typeof Vmx] as number, value);
    this.setWord(Vmx.EPTP, eptp(EPT_ROOT));
    this.setWord(Vmx.VPID, 7);
    exports.applyControls();
    exports.rederive();
  }

  /** Code in the VM's memory, or without interpretation in the machine's. */
  runHere(code: number[], budget = 50): number {
    if (this.words.INTERPRET) this.guest(CODE, code);
    else this.core.writeRam(CODE, Uint8Array.from(code));
    this.core.cpu.eip = CODE;
    this.core.cpu.setField(Cpu.HALTED, 0);
    return this.core.exports.run(budget);
  }

  info() {
    return {
      interruption: this.word(Vmx.INTR_INFO),
      error: this.word(Vmx.INTR_ERROR),
      length: this.word(Vmx.INSN_LENGTH),
      eip: this.core.cpu.eip,
    };
  }
}

const event = (vector: number, type: number, error = false) =>
  (vector | type | (error ? IntrInfo.ERROR_CODE : 0) | IntrInfo.VALID) >>> 0;

describe("deprivileged", () => {
  test("exceptions, INT n, INT3, interrupts and NMIs exit", () => {
    const m = new BareGuest({ DEPRIVILEGED: 1 }, 3);
    expect(m.runHere([0x0f, 0x0b])).toBe(ExitReason.EXCEPTION_NMI);
    expect(m.info()).toMatchObject({ interruption: event(6, IntrType.HARDWARE_EXCEPTION), eip: CODE });
    expect(m.runHere([0xf4])).toBe(ExitReason.EXCEPTION_NMI);
    expect(m.info()).toMatchObject({ interruption: event(13, IntrType.HARDWARE_EXCEPTION, true), error: 0, eip: CODE });
    expect(m.runHere([0x90, 0xcd, 0x80])).toBe(ExitReason.EXCEPTION_NMI);
    expect(m.info()).toMatchObject({
      interruption: event(0x80, IntrType.SOFTWARE_INTERRUPT),
      length: 2,
      eip: CODE + 1,
    });
    expect(m.runHere([0xcc])).toBe(ExitReason.EXCEPTION_NMI);
    expect(m.info()).toMatchObject({ interruption: event(3, IntrType.SOFTWARE_EXCEPTION), length: 1 });
    m.core.cpu.eflags |= Eflags.IF;
    m.core.setInterruptLine(true);
    expect(m.runHere([0x90])).toBe(ExitReason.EXTERNAL_INTERRUPT);
    expect(m.core.cpu.eip).toBe(CODE);
    m.core.setInterruptLine(false);
    m.core.raiseNmi();
    expect(m.runHere([0x90])).toBe(ExitReason.EXCEPTION_NMI);
    expect(m.info().interruption).toBe(event(2, IntrType.NMI));
    expect(m.core.time).toBe(1);
  });

  test("CPUID and RDTSC do not", () => {
    const m = new BareGuest({ DEPRIVILEGED: 1 }, 3);
    expect(m.runHere([0x0f, 0xa2, 0x0f, 0x31, 0xcc])).toBe(ExitReason.EXCEPTION_NMI);
    expect(m.core.time).toBe(2);
  });

  const SENSITIVE: [string, number[]][] = [
    ["SGDT", [0x0f, 0x01, 0x03]],
    ["SIDT", [0x0f, 0x01, 0x0b]],
    ["SLDT", [0x0f, 0x00, 0xc0]],
    ["STR", [0x0f, 0x00, 0xc8]],
    ["SMSW", [0x0f, 0x01, 0xe0]],
    ["PUSHF", [0x9c]],
    ["POPF", [0x9d]],
    ["IRET", [0xcf]],
    ["LAR", [0x0f, 0x02, 0xc0]],
    ["LSL", [0x0f, 0x03, 0xc0]],
    ["VERR", [0x0f, 0x00, 0xe0]],
    ["VERW", [0x0f, 0x00, 0xe8]],
    ["MOV from a segment register", [0x8c, 0xc8]],
    ["MOV to a segment register", [0x8e, 0xd8]],
    ["PUSH CS", [0x0e]],
    ["POP DS", [0x1f]],
    ["LDS", [0xc5, 0x03]],
    ["LSS", [0x0f, 0xb2, 0x03]],
    ["far CALL", [0x9a, 0, 0, 0, 0, 8, 0]],
    ["far JMP", [0xea, 0, 0, 0, 0, 8, 0]],
    ["far CALL through memory", [0xff, 0x1b]],
    ["far JMP through memory", [0xff, 0x2b]],
    ["far RET", [0xcb]],
    ["SYSENTER", [0x0f, 0x34]],
  ];

  test.each(SENSITIVE)("strict: %s faults outside ring 0", (_name, code) => {
    const m = new BareGuest({ DEPRIVILEGED: 1, ISA: Isa.STRICT }, 3);
    m.core.cpu.setReg(3, 0x20000);
    expect(m.runHere(code)).toBe(ExitReason.EXCEPTION_NMI);
    expect(m.info()).toMatchObject({ interruption: event(13, IntrType.HARDWARE_EXCEPTION, true), error: 0, eip: CODE });
    expect(m.core.time).toBe(0);
  });

  test("strict is nothing to innocuous instructions, nor to ring 0", () => {
    const m = new BareGuest({ DEPRIVILEGED: 1, ISA: Isa.STRICT }, 3);
    expect(m.runHere([0x50, 0x58, 0x40, 0xf3, 0x90, 0xcc])).toBe(ExitReason.EXCEPTION_NMI);
    expect(m.core.time).toBe(4);
    const kernel = new BareGuest({ DEPRIVILEGED: 1, ISA: Isa.STRICT }, 0);
    expect(kernel.runHere([0x9c, 0x9d, 0x8c, 0xd8, 0xcc])).toBe(ExitReason.EXCEPTION_NMI);
    expect(kernel.core.time).toBe(3);
  });

  test("UMIP is there by the machine's kind", () => {
    for (const isa of [Isa.IA32, Isa.UMIP, Isa.STRICT]) {
      const m = new BareGuest({ ISA: isa });
      m.core.cpu.setReg(0, 7);
      m.core.cpu.setReg(1, 0);
      m.runHere([0x0f, 0xa2], 1);
      expect((m.core.cpu.ecx >>> 2) & 1).toBe(isa === Isa.UMIP ? 1 : 0);
    }
  });
});

describe("interpretation", () => {
  const type = (m: VmxMachine, gfn: number, kind: EptType, rights = 7n) =>
    m.u64(m.leaf(gfn), BigInt(VM_BASE + gfn * 4096) | 0x30n | rights | (BigInt(kind) << BigInt(EPT_TYPE_SHIFT)));

  test("runs on the VM's memory; ports and absent frames are the host's", () => {
    const m = new BareGuest({ INTERPRET: 1 });
    type(m, 0x60, EptType.ABSENT);
    expect(m.runHere([0xe6, 0x80, 0xa1, 0x10, 0x00, 0x06, 0x00, 0xa3, 0x14, 0x00, 0x00, 0xc0, 0xf4])).toBe(
      ExitReason.HLT,
    );
    expect(m.accesses).toEqual([
      { what: "out", at: 0x80, size: 1, value: 0 },
      { what: "read", at: 0x60010, size: 4 },
      { what: "write", at: 0xc0000014, size: 4, value: 0x77777777 },
    ]);
    expect(m.core.cpu.eax).toBe(0x77777777);
  });

  test("stores to ROM change nothing, in any form", () => {
    const m = new BareGuest({ INTERPRET: 1 });
    m.guestU32(0x60000, 0x11111111);
    type(m, 0x60, EptType.ROM);
    m.core.cpu.setReg(3, 0x60000);
    m.core.cpu.setReg(7, 0x60000);
    expect(m.runHere([0x8b, 0x0b, 0x88, 0x03, 0x01, 0x03, 0xab, 0xff, 0x03, 0x8b, 0x13, 0xf4])).toBe(ExitReason.HLT);
    expect(m.readGuest(0x60000)).toBe(0x11111111);
    expect([m.core.cpu.ecx, m.core.cpu.edx]).toEqual([0x11111111, 0x11111111]);
    expect(m.word(Vmx.WRITTEN_COUNT)).toBe(0);
  });

  test("stores to traced pages are done and noted once in a row, those to pages that may not be written too", () => {
    const m = new BareGuest({ INTERPRET: 1 });
    type(m, 0x60, EptType.TRACED);
    type(m, 0x61, EptType.RAM, 5n);
    m.core.cpu.setReg(3, 0x60000);
    const stores = [0xc6, 0x03, 0x12, 0xc6, 0x43, 0x01, 0x34, 0xc6, 0x83, 0x00, 0x10, 0x00, 0x00, 0x56];
    expect(m.runHere([...stores, 0x8b, 0x03, 0xf4])).toBe(ExitReason.HLT);
    expect(m.core.cpu.eax & 0xffff).toBe(0x3412);
    expect(m.word(Vmx.WRITTEN_COUNT)).toBe(2);
    expect([m.word(Vmx.WRITTEN), m.word(Vmx.WRITTEN + 4)]).toEqual([0x60, 0x61]);
    m.setWord(Vmx.WRITTEN_COUNT, 0);
    expect(m.runHere([...stores, 0xf4])).toBe(ExitReason.HLT);
    expect(m.word(Vmx.WRITTEN_COUNT)).toBe(2);
  });

  test("stops before the list of written frames is full, and goes on", () => {
    const m = new BareGuest({ INTERPRET: 1 });
    for (let gfn = 0x60; gfn < 0xe0; gfn++) type(m, gfn, EptType.TRACED);
    m.core.cpu.setReg(3, 0x60000);
    m.core.cpu.setReg(1, 0x80);
    const loop = [0x88, 0x03, 0x81, 0xc3, 0x00, 0x10, 0x00, 0x00, 0xe2, 0xf6, 0xf4]; // mov [ebx],al; add ebx,1000h; loop
    const noted: number[] = [];
    let reason = m.runHere(loop, 10000);
    for (;;) {
      for (let i = 0; i < m.word(Vmx.WRITTEN_COUNT); i++) noted.push(m.word((Vmx.WRITTEN + 4 * i) as Vmx));
      m.setWord(Vmx.WRITTEN_COUNT, 0);
      if (reason !== ExitReason.TRACED_WRITES) break;
      reason = m.core.exports.run(10000);
    }
    expect(reason).toBe(ExitReason.HLT);
    expect(noted).toEqual(Array.from({ length: 0x80 }, (_, i) => 0x60 + i));
    expect(m.core.time).toBe(3 * 0x80 + 1);
  });

  test("leaves in front of user code, by IRET and by SYSEXIT", () => {
    const m = new BareGuest({ INTERPRET: 1, LEAVE_AT_USER: 1 });
    [0x55555, USER_CODE, 0x202, 0x66666, USER_DATA].forEach((value, i) => m.guestU32(STACK - 20 + 4 * i, value));
    m.core.cpu.esp = STACK - 20;
    expect(m.runHere([0xcf])).toBe(ExitReason.USER);
    expect([m.core.cpu.eip, m.core.cpu.esp, m.core.cpu.field(Cpu.CPL), m.core.time]).toEqual([0x55555, 0x66666, 3, 1]);
    const n = new BareGuest({ INTERPRET: 1, LEAVE_AT_USER: 1 });
    n.core.cpu.setField(Cpu.SYSENTER_CS, 8);
    n.core.cpu.edx = 0x12345;
    expect(n.runHere([0x0f, 0x35])).toBe(ExitReason.USER);
    expect(n.core.cpu.eip).toBe(0x12345);
  });

  test("delivers events through the guest's own IDT, with its faults", () => {
    const m = new BareGuest({ INTERPRET: 1 });
    m.core.cpu.eip = CODE;
    expect(m.core.exports.deliverEvent(event(Vector.GP, IntrType.HARDWARE_EXCEPTION, true), 0x18, 0)).toBe(
      ExitReason.BUDGET,
    );
    expect([m.core.cpu.eip, m.core.time]).toEqual([HANDLERS + 13 * 16, 1]);
    expect([m.readGuest(STACK - 16), m.readGuest(STACK - 12)]).toEqual([0x18, CODE]);
    m.core.cpu.eip = CODE;
    m.core.cpu.esp = STACK;
    expect(m.core.exports.deliverEvent(event(0x80, IntrType.SOFTWARE_INTERRUPT), 0, 2)).toBe(ExitReason.BUDGET);
    expect([m.core.cpu.eip, m.readGuest(STACK - 12)]).toEqual([HANDLERS + 0x80 * 16, CODE + 2]);
    // A gate of DPL 0 from ring 3: #GP with the vector instead, at the INT.
    const user = new BareGuest({ INTERPRET: 1 }, 3);
    user.core.cpu.eip = CODE;
    user.core.exports.deliverEvent(event(0x80, IntrType.SOFTWARE_INTERRUPT), 0, 2);
    expect([user.core.cpu.eip, user.core.time]).toEqual([HANDLERS + 13 * 16, 1]);
    expect([user.readGuest(STACK + 0x800 - 24), user.readGuest(STACK + 0x800 - 20)]).toEqual([(0x80 << 3) | 2, CODE]);
  });

  test("direct use and interpretation keep their translations apart, and MOV CR3 in one drops both", () => {
    const m = new BareGuest({ INTERPRET: 1 });
    expect(m.runHere([0x0f, 0x20, 0xd8, 0x0f, 0x22, 0xd8, 0xf4])).toBe(ExitReason.HLT);
    const first = m.core.cpu.field(Cpu.GENERATION);
    m.setWord(Vmx.INTERPRET, 0);
    m.core.exports.applyControls();
    const direct = m.core.cpu.field(Cpu.GENERATION);
    expect(direct).not.toBe(first);
    m.setWord(Vmx.INTERPRET, 1);
    m.core.exports.applyControls();
    expect(m.core.cpu.field(Cpu.GENERATION)).toBe(first);
    expect(m.runHere([0x0f, 0x22, 0xd8, 0xf4])).toBe(ExitReason.HLT);
    m.setWord(Vmx.INTERPRET, 0);
    m.core.exports.applyControls();
    expect(m.core.cpu.field(Cpu.GENERATION)).not.toBe(direct);
    expect(GDT).toBe(0x1000);
    expect(VmcsField.VPID).toBe(0);
  });
});
