/**
 * The checks of a VM entry, one by one (SDM 3C 26.2, 26.3): what each refuses, and next to it what it lets pass.
 */
import { describe, expect, test } from "vitest";
import { ENTRY_FAILED, ExitReason } from "../../assembly/abi/exit.js";
import { VmcsField as F } from "../../assembly/abi/vmcs.js";
import {
  EntryFailure,
  EptPointer,
  ExitControl,
  InstructionError,
  IntrInfo,
  IntrType,
  Pin,
  Primary,
  Secondary,
  Vmx,
} from "../../assembly/abi/vmx.js";
import { Cr0, Cr4, Eflags } from "../../assembly/abi/x86.js";
import { BITMAPS, CODE, EPT_ROOT, eptp, HANDLERS, VmxMachine } from "./vmx-machine.js";

type Change = [field: number, value: number | ((old: number) => number)];
interface Case {
  name: string;
  bad: Change[];
  good?: Change[];
}

const or = (bits: number) => (old: number) => old | bits;
const without = (bits: number) => (old: number) => old & ~bits;
const event = (vector: number, type: number, error = false) =>
  vector | type | (error ? IntrInfo.ERROR_CODE : 0) | IntrInfo.VALID;
const inject = (info: number): Change => [F.ENTRY_INTR_INFO, info];

const CONTROLS: Case[] = [
  { name: "pin: reserved 0", bad: [[F.PIN_CONTROLS, or(2 ** 20)]] },
  { name: "pin: reserved 1", bad: [[F.PIN_CONTROLS, without(2)]] },
  { name: "primary: reserved 0", bad: [[F.PRIMARY_CONTROLS, or(1)]] },
  { name: "primary: reserved 1", bad: [[F.PRIMARY_CONTROLS, without(1 << 8)]] },
  { name: "primary: TPR shadow", bad: [[F.PRIMARY_CONTROLS, or(1 << 21)]] },
  {
    name: "secondary: not there",
    bad: [[F.SECONDARY_CONTROLS, or(1)]],
    good: [[F.SECONDARY_CONTROLS, or(Secondary.WBINVD)]],
  },
  { name: "exit: reserved", bad: [[F.EXIT_CONTROLS, or(1 << 9)]] },
  { name: "exit: reserved 1", bad: [[F.EXIT_CONTROLS, without(4)]] },
  { name: "entry: IA-32e", bad: [[F.ENTRY_CONTROLS, or(1 << 9)]] },
  { name: "entry: reserved 1", bad: [[F.ENTRY_CONTROLS, without(4)]] },
  { name: "CR3-target count", bad: [[F.CR3_TARGET_COUNT, 5]], good: [[F.CR3_TARGET_COUNT, 4]] },
  {
    name: "I/O bitmap A unaligned",
    bad: [
      [F.PRIMARY_CONTROLS, or(Primary.IO_BITMAPS)],
      [F.IO_BITMAP_A, BITMAPS + 8],
    ],
    good: [[F.IO_BITMAP_A, BITMAPS + 8]],
  },
  {
    name: "I/O bitmap B beyond 36 bits",
    bad: [
      [F.PRIMARY_CONTROLS, or(Primary.IO_BITMAPS)],
      [F.IO_BITMAP_B + 1, 16],
    ],
    good: [
      [F.PRIMARY_CONTROLS, or(Primary.IO_BITMAPS)],
      [F.IO_BITMAP_B + 1, 15],
    ],
  },
  {
    name: "MSR bitmap unaligned",
    bad: [
      [F.PRIMARY_CONTROLS, or(Primary.MSR_BITMAPS)],
      [F.MSR_BITMAP, 0x800],
    ],
    good: [[F.PRIMARY_CONTROLS, or(Primary.MSR_BITMAPS)]],
  },
  {
    name: "virtual NMIs without NMI exiting",
    bad: [[F.PIN_CONTROLS, or(Pin.VIRTUAL_NMIS)]],
    good: [[F.PIN_CONTROLS, or(Pin.VIRTUAL_NMIS | Pin.NMI)]],
  },
  {
    name: "NMI window without virtual NMIs",
    bad: [
      [F.PRIMARY_CONTROLS, or(Primary.NMI_WINDOW)],
      [F.PIN_CONTROLS, or(Pin.NMI)],
    ],
    good: [
      [F.PRIMARY_CONTROLS, or(Primary.NMI_WINDOW)],
      [F.PIN_CONTROLS, or(Pin.NMI | Pin.VIRTUAL_NMIS)],
    ],
  },
  { name: "VPID 0", bad: [[F.VPID, 0]] },
  { name: "EPTP: memory type", bad: [[F.EPTP, EPT_ROOT | 5 | 24]], good: [[F.EPTP, EPT_ROOT | 24]] },
  { name: "EPTP: walk length", bad: [[F.EPTP, EPT_ROOT | 6 | 16]] },
  { name: "EPTP: reserved", bad: [[F.EPTP, or(0x100)]], good: [[F.EPTP, or(EptPointer.ACCESSED_DIRTY)]] },
  { name: "EPTP: beyond memory", bad: [[F.EPTP + 1, 1]] },
  {
    name: "unrestricted guest without EPT",
    bad: [[F.SECONDARY_CONTROLS, without(Secondary.EPT)]],
  },
  {
    name: "saving the timer without timer",
    bad: [[F.EXIT_CONTROLS, or(ExitControl.SAVE_TIMER)]],
    good: [
      [F.EXIT_CONTROLS, or(ExitControl.SAVE_TIMER)],
      [F.PIN_CONTROLS, or(Pin.PREEMPTION_TIMER)],
      [F.PREEMPTION_TIMER, 1000],
    ],
  },
  {
    name: "entry MSR area unaligned",
    bad: [
      [F.ENTRY_MSR_LOAD_COUNT, 1],
      [F.ENTRY_MSR_LOAD_ADDRESS, BITMAPS + 8],
    ],
    good: [[F.ENTRY_MSR_LOAD_ADDRESS, BITMAPS + 8]],
  },
  ...(
    [
      ["entry MSR-load area", F.ENTRY_MSR_LOAD_COUNT, F.ENTRY_MSR_LOAD_ADDRESS],
      ["exit MSR-load area", F.EXIT_MSR_LOAD_COUNT, F.EXIT_MSR_LOAD_ADDRESS],
      ["exit MSR-store area", F.EXIT_MSR_STORE_COUNT, F.EXIT_MSR_STORE_ADDRESS],
    ] as const
  ).flatMap(([name, count, address]): Case[] => [
    {
      name: `${name}: begins beyond 36 bits`,
      bad: [
        [count, 1],
        [address + 1, 16],
      ],
      good: [[address + 1, 16]],
    },
    {
      name: `${name}: ends beyond 36 bits`,
      bad: [
        [count, 2],
        [address, 0xfffffff0],
        [address + 1, 15],
      ],
      good: [[address + 1, 15]],
    },
  ]),
  { name: "event: reserved type", bad: [inject(event(3, 1 << 8))] },
  { name: "event: reserved bits", bad: [inject(event(3, IntrType.HARDWARE_EXCEPTION) | (1 << 20))] },
  {
    name: "event: NMI of another vector",
    bad: [inject(event(3, IntrType.NMI))],
    good: [inject(event(2, IntrType.NMI))],
  },
  { name: "event: exception above 31", bad: [inject(event(32, IntrType.HARDWARE_EXCEPTION))] },
  { name: "event: other than MTF", bad: [inject(event(1, IntrType.OTHER))], good: [inject(event(0, IntrType.OTHER))] },
  {
    name: "event: error code missing",
    bad: [inject(event(13, IntrType.HARDWARE_EXCEPTION))],
    good: [inject(event(13, IntrType.HARDWARE_EXCEPTION, true))],
  },
  {
    name: "event: error code where there is none",
    bad: [inject(event(6, IntrType.HARDWARE_EXCEPTION, true))],
    good: [inject(event(6, IntrType.HARDWARE_EXCEPTION))],
  },
  {
    name: "event: error code of an interrupt",
    bad: [inject(event(13, IntrType.SOFTWARE_INTERRUPT, true)), [F.ENTRY_INSN_LENGTH, 2]],
  },
  {
    name: "event: error code of more than 16 bits",
    bad: [inject(event(14, IntrType.HARDWARE_EXCEPTION, true)), [F.ENTRY_INTR_ERROR, 0x10000]],
  },
  {
    name: "event: instruction length 0",
    bad: [inject(event(0x80, IntrType.SOFTWARE_INTERRUPT))],
    good: [inject(event(0x80, IntrType.SOFTWARE_INTERRUPT)), [F.ENTRY_INSN_LENGTH, 15]],
  },
  {
    name: "event: instruction length 16",
    bad: [inject(event(3, IntrType.SOFTWARE_EXCEPTION)), [F.ENTRY_INSN_LENGTH, 16]],
    good: [inject(event(3, IntrType.SOFTWARE_EXCEPTION)), [F.ENTRY_INSN_LENGTH, 1]],
  },
];

const HOST: Case[] = [
  { name: "CR0 without PG", bad: [[F.HOST_CR0, Cr0.PE]] },
  { name: "CR0 without PE", bad: [[F.HOST_CR0, Cr0.PG]] },
  { name: "CR0: bits there are not", bad: [[F.HOST_CR0, or(1 << 6)]], good: [[F.HOST_CR0, or(Cr0.WP | Cr0.NE)]] },
  { name: "CR4: bits there are not", bad: [[F.HOST_CR4, 1 << 20]], good: [[F.HOST_CR4, Cr4.PAE]] },
  ...[
    F.HOST_ES_SELECTOR,
    F.HOST_CS_SELECTOR,
    F.HOST_SS_SELECTOR,
    F.HOST_DS_SELECTOR,
    F.HOST_FS_SELECTOR,
    F.HOST_GS_SELECTOR,
    F.HOST_TR_SELECTOR,
  ].flatMap((field): Case[] => [
    { name: `${F[field]}: RPL`, bad: [[field, 0x0b]], good: [[field, 0x50]] },
    { name: `${F[field]}: TI`, bad: [[field, 0x0c]] },
  ]),
  ...[F.HOST_CS_SELECTOR, F.HOST_SS_SELECTOR, F.HOST_TR_SELECTOR].map(
    (field): Case => ({ name: `${F[field]} null`, bad: [[field, 0]] }),
  ),
  { name: "others may be null", bad: [[F.HOST_TR_SELECTOR, 0]], good: [[F.HOST_GS_SELECTOR, 0]] },
];

/** Restricted: paged guests only. */
const PAGED: Change[] = [
  [F.SECONDARY_CONTROLS, without(Secondary.UNRESTRICTED)],
  [F.GUEST_CR0, or(Cr0.PG)],
  [F.GUEST_CR3, 0x50000],
];
const V86: Change[] = [
  [F.GUEST_RFLAGS, 2 | Eflags.VM],
  ...Array.from({ length: 6 }, (_, i): Change[] => [
    [F.GUEST_ES_SELECTOR + 2 * i, 0x1000],
    [F.GUEST_ES_BASE + 2 * i, 0x10000],
    [F.GUEST_ES_LIMIT + 2 * i, 0xffff],
    [F.GUEST_ES_RIGHTS + 2 * i, 0xf3],
  ]).flat(),
  [F.GUEST_RIP, 0],
];

const GUEST: Case[] = [
  { name: "CR0: PG without PE", bad: [[F.GUEST_CR0, Cr0.PG]] },
  { name: "CR0: bits there are not", bad: [[F.GUEST_CR0, or(1 << 10)]] },
  { name: "CR0: unpaged, restricted", bad: [[F.SECONDARY_CONTROLS, without(Secondary.UNRESTRICTED)]], good: PAGED },
  { name: "CR4: bits there are not", bad: [[F.GUEST_CR4, 1 << 13]], good: [[F.GUEST_CR4, Cr4.PSE]] },
  { name: "DEBUGCTL", bad: [[F.GUEST_DEBUGCTL, 1]] },
  { name: "TR: TI", bad: [[F.GUEST_TR_SELECTOR, 0x2c]] },
  { name: "TR: not busy", bad: [[F.GUEST_TR_RIGHTS, 0x89]], good: [[F.GUEST_TR_RIGHTS, 0x83]] },
  { name: "TR: not present", bad: [[F.GUEST_TR_RIGHTS, 0x0b]] },
  { name: "TR: unusable", bad: [[F.GUEST_TR_RIGHTS, or(0x10000)]] },
  { name: "TR: code segment", bad: [[F.GUEST_TR_RIGHTS, 0x9b]] },
  { name: "TR: G with a small limit", bad: [[F.GUEST_TR_RIGHTS, or(0x8000)]] },
  { name: "LDTR: type", bad: [[F.GUEST_LDTR_RIGHTS, 0x83]], good: [[F.GUEST_LDTR_RIGHTS, 0x82]] },
  {
    name: "LDTR: TI",
    bad: [
      [F.GUEST_LDTR_RIGHTS, 0x82],
      [F.GUEST_LDTR_SELECTOR, 4],
    ],
    good: [[F.GUEST_LDTR_SELECTOR, 4]],
  },
  { name: "CS: unusable", bad: [[F.GUEST_CS_RIGHTS, or(0x10000)]] },
  { name: "CS: data, restricted", bad: [...PAGED, [F.GUEST_CS_RIGHTS, 0xc093]], good: [[F.GUEST_CS_RIGHTS, 0xc093]] },
  { name: "CS: not accessed", bad: [[F.GUEST_CS_RIGHTS, 0xc09a]] },
  { name: "CS: not present", bad: [[F.GUEST_CS_RIGHTS, 0xc01b]] },
  { name: "CS: DPL of another SS", bad: [[F.GUEST_CS_RIGHTS, 0xc0fb]] },
  { name: "CS: conforming above SS", bad: [[F.GUEST_CS_RIGHTS, 0xc0bf]], good: [[F.GUEST_CS_RIGHTS, 0xc09f]] },
  { name: "CS: reserved rights", bad: [[F.GUEST_CS_RIGHTS, or(0x20000)]] },
  { name: "CS: limit without G", bad: [[F.GUEST_CS_RIGHTS, without(0x8000)]] },
  {
    name: "CS: G with a limit that is not whole",
    bad: [[F.GUEST_CS_LIMIT, 0x12345000]],
    good: [[F.GUEST_CS_LIMIT, 0x12345fff]],
  },
  { name: "SS: type", bad: [[F.GUEST_SS_RIGHTS, 0xc091]], good: [[F.GUEST_SS_RIGHTS, 0xc097]] },
  {
    name: "SS: RPL of another CS, restricted",
    bad: [...PAGED, [F.GUEST_SS_SELECTOR, 0x13]],
    good: [[F.GUEST_SS_SELECTOR, 0x13]],
  },
  { name: "DS: not accessed", bad: [[F.GUEST_DS_RIGHTS, 0xc092]], good: [[F.GUEST_DS_RIGHTS, 0x10000]] },
  { name: "ES: code that cannot be read", bad: [[F.GUEST_ES_RIGHTS, 0xc099]], good: [[F.GUEST_ES_RIGHTS, 0xc09b]] },
  { name: "FS: system segment", bad: [[F.GUEST_FS_RIGHTS, 0xc083]] },
  { name: "GS: not present", bad: [[F.GUEST_GS_RIGHTS, 0xc013]] },
  {
    name: "GS: RPL above DPL, restricted",
    bad: [...PAGED, [F.GUEST_GS_SELECTOR, 0x13]],
    good: [[F.GUEST_GS_SELECTOR, 0x13]],
  },
  { name: "v86: base", bad: [...V86, [F.GUEST_DS_BASE, 0x10010]], good: V86 },
  { name: "v86: limit", bad: [...V86, [F.GUEST_SS_LIMIT, 0xfffff]] },
  { name: "v86: rights", bad: [...V86, [F.GUEST_CS_RIGHTS, 0x93]] },
  { name: "GDTR limit", bad: [[F.GUEST_GDTR_LIMIT, 0x10000]], good: [[F.GUEST_GDTR_LIMIT, 0xffff]] },
  { name: "IDTR limit", bad: [[F.GUEST_IDTR_LIMIT, 0x10000]] },
  { name: "RFLAGS: bit 1", bad: [[F.GUEST_RFLAGS, 0]] },
  ...[3, 5, 15, 22, 31].map((bit): Case => ({ name: `RFLAGS: bit ${bit}`, bad: [[F.GUEST_RFLAGS, or(1 << bit)]] })),
  { name: "RFLAGS: VM in real mode", bad: [...V86, [F.GUEST_CR0, 0]] },
  {
    name: "an external interrupt without IF",
    bad: [inject(event(0x30, IntrType.EXTERNAL))],
    good: [inject(event(0x30, IntrType.EXTERNAL)), [F.GUEST_RFLAGS, 2 | Eflags.IF]],
  },
  { name: "activity: shutdown", bad: [[F.GUEST_ACTIVITY, 2]], good: [[F.GUEST_ACTIVITY, 1]] },
  {
    name: "activity: HLT at CPL 3",
    bad: [
      [F.GUEST_ACTIVITY, 1],
      [F.GUEST_SS_RIGHTS, 0xc0f3],
      [F.GUEST_CS_RIGHTS, 0xc0fb],
    ],
  },
  {
    name: "activity: HLT in a shadow",
    bad: [
      [F.GUEST_ACTIVITY, 1],
      [F.GUEST_INTERRUPTIBILITY, 2],
    ],
  },
  {
    name: "activity: HLT and #UD",
    bad: [[F.GUEST_ACTIVITY, 1], inject(event(6, IntrType.HARDWARE_EXCEPTION))],
    good: [[F.GUEST_ACTIVITY, 1], inject(event(1, IntrType.HARDWARE_EXCEPTION))],
  },
  { name: "interruptibility: reserved", bad: [[F.GUEST_INTERRUPTIBILITY, 16]] },
  { name: "interruptibility: SMI", bad: [[F.GUEST_INTERRUPTIBILITY, 4]], good: [[F.GUEST_INTERRUPTIBILITY, 8]] },
  {
    name: "interruptibility: both shadows",
    bad: [
      [F.GUEST_INTERRUPTIBILITY, 3],
      [F.GUEST_RFLAGS, 2 | Eflags.IF],
    ],
  },
  {
    name: "STI's shadow without IF",
    bad: [[F.GUEST_INTERRUPTIBILITY, 1]],
    good: [
      [F.GUEST_INTERRUPTIBILITY, 1],
      [F.GUEST_RFLAGS, 2 | Eflags.IF],
    ],
  },
  {
    name: "an external interrupt in a shadow",
    bad: [inject(event(0x30, IntrType.EXTERNAL)), [F.GUEST_RFLAGS, 2 | Eflags.IF], [F.GUEST_INTERRUPTIBILITY, 2]],
  },
  { name: "an NMI in MOV SS's shadow", bad: [inject(event(2, IntrType.NMI)), [F.GUEST_INTERRUPTIBILITY, 2]] },
  {
    name: "an NMI while virtual NMIs are blocked",
    bad: [
      [F.PIN_CONTROLS, or(Pin.NMI | Pin.VIRTUAL_NMIS)],
      inject(event(2, IntrType.NMI)),
      [F.GUEST_INTERRUPTIBILITY, 8],
    ],
  },
  { name: "pending debug: reserved", bad: [[F.GUEST_PENDING_DEBUG, 0x10]], good: [[F.GUEST_PENDING_DEBUG, 0x4000]] },
  {
    name: "pending debug: BS missing in a shadow",
    bad: [
      [F.GUEST_INTERRUPTIBILITY, 2],
      [F.GUEST_RFLAGS, 2 | Eflags.TF],
    ],
  },
  {
    name: "pending debug: BS without TF in a shadow",
    bad: [
      [F.GUEST_INTERRUPTIBILITY, 2],
      [F.GUEST_PENDING_DEBUG, 0x4000],
    ],
  },
];

const SPECIAL: (Case & { qualification: number })[] = [
  { name: "link pointer", qualification: EntryFailure.LINK_POINTER, bad: [[F.LINK_POINTER, 0]] },
  {
    name: "an NMI in STI's shadow",
    qualification: EntryFailure.NMI_BY_STI,
    bad: [inject(event(2, IntrType.NMI)), [F.GUEST_INTERRUPTIBILITY, 1], [F.GUEST_RFLAGS, 2 | Eflags.IF]],
  },
  {
    name: "PDPTE fields under EPT",
    qualification: EntryFailure.PDPTE,
    bad: [
      [F.GUEST_CR0, or(Cr0.PG)],
      [F.GUEST_CR4, Cr4.PAE],
      [F.GUEST_PDPTE2, 3],
    ],
    good: [
      [F.GUEST_CR0, or(Cr0.PG)],
      [F.GUEST_CR4, Cr4.PAE],
      [F.GUEST_PDPTE2, 2],
    ],
  },
];

function apply(m: VmxMachine, changes: Change[]): void {
  for (const [field, value] of changes) m.write(field, typeof value === "number" ? value : value(m.read(field)));
}

/** Enters with changes; 0: the guest ran. */
function outcome(changes: Change[]) {
  const m = new VmxMachine();
  apply(m, changes);
  const eip = m.core.cpu.eip;
  const reason = m.enter(1);
  if (reason === ExitReason.VMFAIL) {
    expect(m.core.cpu.eip).toBe(eip);
    return { error: m.word(Vmx.INSTRUCTION_ERROR) };
  }
  if (reason >= ENTRY_FAILED >>> 0) {
    expect(m.core.time).toBe(0);
    return { failed: reason & 0xffff, qualification: m.word(Vmx.QUALIFICATION) };
  }
  return {};
}

describe("controls", () => {
  test.each(CONTROLS)("$name", ({ bad, good }) => {
    expect(outcome(bad)).toEqual({ error: InstructionError.CONTROLS });
    if (good) expect(outcome(good)).toEqual({});
  });
});

describe("host state", () => {
  test.each(HOST)("$name", ({ bad, good }) => {
    expect(outcome(bad)).toEqual({ error: InstructionError.HOST_STATE });
    if (good) expect(outcome(good)).toEqual({});
  });
});

describe("guest state", () => {
  test.each(GUEST)("$name", ({ bad, good }) => {
    expect(outcome(bad)).toEqual({ failed: ExitReason.ENTRY_GUEST_STATE, qualification: EntryFailure.OTHER });
    if (good) expect(outcome(good)).toEqual({});
  });

  test.each(SPECIAL)("$name", ({ bad, good, qualification }) => {
    expect(outcome(bad)).toEqual({ failed: ExitReason.ENTRY_GUEST_STATE, qualification });
    if (good) expect(outcome(good)).toEqual({});
  });

  test("PDPTEs in memory without EPT", () => {
    const given: Change[] = [
      [F.SECONDARY_CONTROLS, 0],
      [F.GUEST_CR0, or(Cr0.PG)],
      [F.GUEST_CR4, Cr4.PAE],
      [F.GUEST_CR3, 0x30000],
    ];
    expect(outcome(given)).toEqual({});
    const m = new VmxMachine();
    apply(m, given);
    m.u64(0x30008, 0x3n);
    expect(m.enter(1)).toBe((ExitReason.ENTRY_GUEST_STATE | ENTRY_FAILED) >>> 0);
    expect(m.word(Vmx.QUALIFICATION)).toBe(EntryFailure.PDPTE);
  });
});

describe("what is loaded", () => {
  test("DR7 without the bits that cannot be set, and with the one that is always", () => {
    const m = new VmxMachine();
    m.write(F.GUEST_DR7, 0xd000);
    expect(m.runCode([0x0f, 0xa2])).toBe(ExitReason.CPUID);
    expect(m.read(F.GUEST_DR7)).toBe(0x400);
  });

  test("a preemption timer of zero leaves before the first instruction, behind the event that is injected", () => {
    const m = new VmxMachine();
    m.write(F.PIN_CONTROLS, m.read(F.PIN_CONTROLS) | Pin.PREEMPTION_TIMER);
    m.write(F.PREEMPTION_TIMER, 0);
    expect(m.runCode([0x0f, 0xa2])).toBe(ExitReason.PREEMPTION_TIMER);
    expect(m.exit().eip).toBe(CODE);
    m.write(F.ENTRY_INTR_INFO, event(6, IntrType.HARDWARE_EXCEPTION));
    expect(m.enter()).toBe(ExitReason.PREEMPTION_TIMER);
    expect(m.exit().eip).toBe(HANDLERS + 6 * 16);
  });
});

describe("the order of the checks", () => {
  test("controls before host state before guest state", () => {
    const guest: Change = [F.GUEST_RFLAGS, 0];
    const host: Change = [F.HOST_CR0, 0];
    expect(outcome([guest, host, [F.CR3_TARGET_COUNT, 5]])).toEqual({ error: InstructionError.CONTROLS });
    expect(outcome([guest, host])).toEqual({ error: InstructionError.HOST_STATE });
  });

  test("what has been changed is checked again", () => {
    const m = new VmxMachine();
    expect(m.runCode([0x0f, 0xa2])).toBe(ExitReason.CPUID);
    m.write(F.CR3_TARGET_COUNT, 9);
    expect(m.enter()).toBe(ExitReason.VMFAIL);
    m.write(F.CR3_TARGET_COUNT, 0);
    m.write(F.GUEST_CS_RIGHTS, 0);
    expect(m.enter()).toBe((ExitReason.ENTRY_GUEST_STATE | ENTRY_FAILED) >>> 0);
    m.write(F.GUEST_CS_RIGHTS, 0xc09b);
    expect(m.enter()).toBe(ExitReason.CPUID);
    m.write(F.EPTP, eptp(EPT_ROOT) | 0x800);
    expect(m.enter()).toBe(ExitReason.VMFAIL);
  });
});
