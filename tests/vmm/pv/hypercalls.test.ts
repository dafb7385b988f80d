/**
 * Hypercalls one by one: what they do, and the error each gives for what it must refuse.
 */
import { beforeEach, describe, expect, test } from "vitest";
import { Cpu } from "../../../assembly/abi/cpu.js";
import { DOMID_SELF, Errno, Hypercall, Shared } from "../../../src/vmm/pv/abi.js";
import { FrameUse } from "../../../src/vmm/pv/frame-types.js";
import { audit } from "./audit.js";
import { CODE, DomainMachine, SCRATCH } from "./domain-machine.js";

const KERNEL_CS = 0xe019;
const KERNEL_DS = 0xe021;
const USER_CS = 0xe02b;
/** An address that nothing is mapped at, and one of the monitor's. */
const NOWHERE = 0x3000_0000;
const MONITORS = 0xfc00_0000;
/** A page of the test's: arguments; and pages that become something. */
const ARGS = SCRATCH;
const PAGE = SCRATCH + 0x4000;
const OTHER = SCRATCH + 0x5000;

let lab: DomainMachine;
beforeEach(() => {
  lab = new DomainMachine();
});

/** The machine frame of a linear address of the test's. */
const frame = (address: number) => lab.mfn(address >>> 12);
/** Entry for a page of the test's. */
const entry = (address: number, flags: number) => ((frame(address) << 12) | flags) >>> 0;
/** Maps a page of the test's read-only, so that it can become a table. */
const protect = (address: number) => expect(lab.map(address, entry(address, 1))).toBe(0);
/** One operation of mmuext_op. */
const extended = (command: number, first = 0, second = 0) => {
  lab.put(ARGS, command, first, second);
  return lab.call(Hypercall.MMUEXT_OP, ARGS, 1, 0, DOMID_SELF);
};
/** One update of mmu_update. */
const update = (address: number, value: number) => {
  lab.put(ARGS, address, 0, value, 0);
  return lab.call(Hypercall.MMU_UPDATE, ARGS, 1, 0, DOMID_SELF);
};
const use = (address: number) => lab.domain.frames.useOf(frame(address));

describe("calls in general", () => {
  test("one that there is not is -ENOSYS", () => {
    for (const number of [7, 11, 20, 25, 48, 127, 0xffffffff]) expect(lab.call(number)).toBe(-Errno.ENOSYS);
  });

  test("a program in ring 3 cannot make one: it gets #GP", () => {
    lab.put(ARGS, 13 | (KERNEL_CS << 16), CODE.handler, 0, 0);
    expect(lab.call(Hypercall.SET_TRAP_TABLE, ARGS)).toBe(0);
    lab.call(Hypercall.STACK_SWITCH, KERNEL_DS, PAGE + 0x800);
    const { machine, domain } = lab;
    // To ring 3 by iret; its page must be a user's.
    lab.map(CODE.hypercall & ~0xfff, entry(CODE.hypercall & ~0xfff, 7));
    expect(update(domain.directory * 4096, (domain.memory.words[domain.directory << 10]! | 4) >>> 0)).toBe(0);
    lab.put(ARGS + 0x100, Hypercall.XEN_VERSION, CODE.hypercall, USER_CS, 0x202, PAGE, 0xe033);
    machine.setRegisters({ esp: ARGS + 0x100 });
    lab.execute(CODE.hypercall, { eax: Hypercall.IRET });
    expect([machine.cpu.cpl, machine.cpu.eip]).toEqual([3, CODE.hypercall]);
    machine.run({ maxInstructions: 1 });
    expect([machine.cpu.cpl, machine.cpu.eip]).toEqual([1, CODE.handler]);
    expect(lab.get(machine.cpu.esp)).toBe((0x82 << 3) | 2);
    expect(lab.get(machine.cpu.esp + 4)).toBe(CODE.hypercall);
    expect(lab.get(machine.cpu.esp + 8)).toBe(USER_CS);
    expect(machine.statistics().vmm!.refused).toMatchObject({ "INT 82h": 1 });
  });

  test("a bad address of an argument is -EFAULT", () => {
    for (const at of [NOWHERE, MONITORS - 2, MONITORS, 0xffff_fffc]) {
      const calls: [Hypercall, ...number[]][] = [
        [Hypercall.SET_TRAP_TABLE, at],
        [Hypercall.MMU_UPDATE, at, 1, 0, DOMID_SELF],
        [Hypercall.MMUEXT_OP, at, 1, 0, DOMID_SELF],
        [Hypercall.SET_GDT, at, 8],
        [Hypercall.MULTICALL, at, 1],
        [Hypercall.MEMORY_OP, 0, at],
        [Hypercall.MEMORY_OP, 3, at],
        [Hypercall.MEMORY_OP, 12, at],
        [Hypercall.CONSOLE_IO, 0, 4, at],
        [Hypercall.CONSOLE_IO, 1, 4, at],
        [Hypercall.SCHED_OP, 2, at],
        [Hypercall.SCHED_OP, 3, at],
        [Hypercall.VCPU_OP, 4, 0, at],
        [Hypercall.VCPU_OP, 6, 0, at],
        [Hypercall.VCPU_OP, 8, 0, at],
        [Hypercall.EVENT_CHANNEL_OP, 1, at],
        [Hypercall.EVENT_CHANNEL_OP, 6, at],
        [Hypercall.XEN_VERSION, 1, at],
        [Hypercall.XEN_VERSION, 2, at],
        [Hypercall.XEN_VERSION, 5, at],
        [Hypercall.XEN_VERSION, 6, at],
      ];
      for (const [number, ...args] of calls) {
        expect(lab.call(number, ...args), `${Hypercall[number]} ${args.map((a) => a.toString(16))}`).toBe(
          -Errno.EFAULT,
        );
      }
    }
    expect(audit(lab.domain)).toEqual([]);
  });

  test("many requests are done in turns, and all of them", () => {
    const text = "x".repeat(3000);
    lab.machine.ram.write(PAGE, new TextEncoder().encode(text));
    expect(lab.call(Hypercall.CONSOLE_IO, 0, 3000, PAGE)).toBe(0);
    expect(lab.output).toBe(text);
    for (let i = 0; i < 1500; i++) lab.put(SCRATCH + 0x6000 + 12 * i, 7, 4096 * i, 0);
    expect(lab.call(Hypercall.MMUEXT_OP, SCRATCH + 0x6000, 1500, PAGE, DOMID_SELF)).toBe(0);
    expect(lab.get(PAGE)).toBe(1500);
  });
});

describe("traps", () => {
  test("set_trap_table: handlers get a frame as the processor's, with the upcall mask beside CS", () => {
    lab.put(ARGS, 14 | (4 << 8) | (KERNEL_CS << 16), CODE.handler, 0, 0);
    expect(lab.call(Hypercall.SET_TRAP_TABLE, ARGS)).toBe(0);
    const { machine, domain } = lab;
    domain.events.setMask(0);
    machine.setRegisters({ esp: PAGE + 0x800 });
    lab.execute(CODE.load, { ebx: NOWHERE });
    const { cpu } = machine;
    expect(cpu.eip).toBe(CODE.handler);
    expect(cpu.esp).toBe(PAGE + 0x800 - 16);
    const [error, eip, cs, flags] = [0, 4, 8, 12].map((offset) => lab.get(cpu.esp + offset));
    expect([error, eip, cs]).toEqual([0, CODE.load, KERNEL_CS]);
    expect(flags! & 0x3200).toBe(0x200);
    expect(lab.shared(Shared.CR2)).toBe(NOWHERE);
    expect(domain.events.mask).toBe(1);
    // Masked now: the next frame says so.
    lab.execute(CODE.load, { ebx: NOWHERE });
    expect([lab.get(cpu.esp + 8), lab.get(cpu.esp + 12) & 0x200]).toEqual([KERNEL_CS | 0x10000, 0]);
  });

  test("set_trap_table refuses the monitor's code and tables without an end", () => {
    lab.put(ARGS, 14 | (0xe008 << 16), CODE.handler, 0, 0);
    expect(lab.call(Hypercall.SET_TRAP_TABLE, ARGS)).toBe(-Errno.EPERM);
    for (let i = 0; i < 300; i++) lab.put(ARGS + 8 * i, 14 | (KERNEL_CS << 16), CODE.handler);
    expect(lab.call(Hypercall.SET_TRAP_TABLE, ARGS)).toBe(-Errno.E2BIG);
    expect(lab.call(Hypercall.SET_TRAP_TABLE, 0)).toBe(0);
  });

  test("a trap without a handler, or without a stack, ends the domain", () => {
    expect(lab.execute(CODE.load, { ebx: NOWHERE }).kind).toBe("triple-fault");
    expect(lab.domain.crashed).toMatch(/trap 14/);
    lab = new DomainMachine();
    lab.put(ARGS, 14 | (KERNEL_CS << 16), CODE.handler, 0, 0);
    lab.call(Hypercall.SET_TRAP_TABLE, ARGS);
    lab.machine.setRegisters({ esp: MONITORS + 16 });
    expect(lab.execute(CODE.load, { ebx: NOWHERE }).kind).toBe("triple-fault");
    expect(lab.domain.crashed).toMatch(/stack/);
  });

  test("set_callbacks refuses the monitor's code; iret to nowhere goes to the failsafe callback", () => {
    expect(lab.call(Hypercall.SET_CALLBACKS, 0xe009, 1, KERNEL_CS, 2)).toBe(-Errno.EPERM);
    expect(lab.call(Hypercall.SET_CALLBACKS, KERNEL_CS, 1, 0xe009, 2)).toBe(-Errno.EPERM);
    expect(lab.call(Hypercall.SET_CALLBACKS, KERNEL_CS, 0, 0xe010, CODE.handler)).toBe(-Errno.EPERM);
    expect(lab.call(Hypercall.SET_CALLBACKS, KERNEL_CS, 0, KERNEL_CS, CODE.handler)).toBe(0);
    for (const cs of [0, 8, 0xe009, 0xe01b, KERNEL_DS]) {
      lab.put(PAGE + 0x800, 7, CODE.load, cs, 0x202, PAGE, 0xe033);
      lab.machine.setRegisters({ esp: PAGE + 0x800 });
      lab.execute(CODE.hypercall, { eax: Hypercall.IRET });
      expect([lab.machine.cpu.eip, lab.machine.cpu.cpl], cs.toString(16)).toEqual([CODE.handler, 1]);
    }
  });

  test("iret within ring 1: registers, flags and the upcall mask", () => {
    const { machine, domain } = lab;
    lab.put(PAGE + 0x800, 0x1234, CODE.load, KERNEL_CS, 0x3ed7);
    machine.setRegisters({ esp: PAGE + 0x800 });
    lab.execute(CODE.hypercall, { eax: Hypercall.IRET });
    expect([machine.cpu.eax, machine.cpu.eip, machine.cpu.esp]).toEqual([0x1234, CODE.load, PAGE + 0x810]);
    // IOPL is the monitor's, IF is on, and what it was to be is the mask.
    expect(machine.cpu.eflags).toBe(0x0ed7);
    expect(domain.events.mask).toBe(0);
  });
});

describe("descriptor tables", () => {
  /** Words of a flat data segment of ring 0. */
  const FLAT = [0x0000_ffff, 0x00cf_9200];

  test("set_gdt: privilege is raised, limits end below the monitor, nobody stores to it any more", () => {
    lab.put(PAGE + 8, ...FLAT);
    lab.put(ARGS, frame(PAGE));
    expect(lab.call(Hypercall.SET_GDT, ARGS, 2)).toBe(-Errno.EINVAL);
    protect(PAGE);
    expect(lab.call(Hypercall.SET_GDT, ARGS, 2)).toBe(0);
    expect([lab.get(PAGE + 8), lab.get(PAGE + 12)]).toEqual([0xc3ff, 0x00cf_b300]);
    expect(lab.map(PAGE, entry(PAGE, 3))).toBe(-Errno.EINVAL);
    // A smaller table, and the frame is free.
    expect(lab.call(Hypercall.SET_GDT, ARGS, 0)).toBe(0);
    expect(lab.map(PAGE, entry(PAGE, 3))).toBe(0);
  });

  test.each([
    ["a TSS", 0x0067, 0x0000_8900],
    ["an LDT", 0x0067, 0x0000_8200],
    ["an interrupt gate", 0xe019_0000, 0x0000_ee00],
    ["a task gate", 0x0028_0000, 0x0000_e500],
    ["a call gate to ring 0", 0xe008_0000, 0x0000_ec00],
    ["a call gate to the monitor's code", 0xe009_0000, 0x0000_ec00],
    ["data that grows downwards", 0x0000_ffff, 0x00cf_9600],
    ["data behind the end", 0x0000_0fff, 0xfd40_9200],
  ])("%s is refused", (_name, low, high) => {
    lab.put(PAGE + 16, low, high);
    protect(PAGE);
    lab.put(ARGS, frame(PAGE));
    expect(lab.call(Hypercall.SET_GDT, ARGS, 512)).toBe(-Errno.EINVAL);
    const ma = frame(OTHER) * 4096 + 8;
    expect(lab.call(Hypercall.UPDATE_DESCRIPTOR, ma, 0, low, high)).toBe(-Errno.EINVAL);
    expect(audit(lab.domain)).toEqual([]);
  });

  test("a call gate to the guest's own code is taken", () => {
    expect(lab.call(Hypercall.UPDATE_DESCRIPTOR, frame(OTHER) * 4096, 0, (KERNEL_CS << 16) | 0x1234, 0xec00)).toBe(0);
    expect([lab.get(OTHER), lab.get(OTHER + 4)]).toEqual([0xe019_1234, 0xec00]);
  });

  test("set_gdt: too many entries, frames that are not the guest's, frames in use as tables", () => {
    expect(lab.call(Hypercall.SET_GDT, ARGS, 7169)).toBe(-Errno.EINVAL);
    for (const mfn of [0, lab.domain.sharedInfo, lab.domain.directory, lab.domain.frames.frames, 0xffff_ffff]) {
      lab.put(ARGS, mfn);
      expect(lab.call(Hypercall.SET_GDT, ARGS, 1), String(mfn)).toBe(-Errno.EINVAL);
    }
  });

  test("update_descriptor: odd addresses, foreign frames, page tables", () => {
    const zero = [0, 0, 0] as const;
    expect(lab.call(Hypercall.UPDATE_DESCRIPTOR, frame(PAGE) * 4096 + 4, ...zero)).toBe(-Errno.EINVAL);
    expect(lab.call(Hypercall.UPDATE_DESCRIPTOR, frame(PAGE) * 4096, 1, 0, 0)).toBe(-Errno.EINVAL);
    expect(lab.call(Hypercall.UPDATE_DESCRIPTOR, 0, ...zero)).toBe(-Errno.EINVAL);
    expect(lab.call(Hypercall.UPDATE_DESCRIPTOR, lab.domain.directory * 4096, ...zero)).toBe(-Errno.EINVAL);
  });

  test("an LDT is used, and let go", () => {
    lab.put(PAGE, ...FLAT);
    expect(extended(13, PAGE, 1)).toBe(-Errno.EINVAL);
    protect(PAGE);
    expect(extended(13, PAGE, 1)).toBe(0);
    expect(use(PAGE)).toBe(FrameUse.SEGMENT);
    expect(extended(13, PAGE + 8, 1)).toBe(-Errno.EINVAL);
    expect(extended(13, PAGE, 8193)).toBe(-Errno.EINVAL);
    expect(extended(13, NOWHERE, 1)).toBe(-Errno.EINVAL);
    expect(extended(13, MONITORS, 1)).toBe(-Errno.EINVAL);
    expect(extended(13, 0, 0)).toBe(0);
    expect(use(PAGE)).toBe(FrameUse.NONE);
  });
});

describe("page tables", () => {
  test("update_va_mapping maps the guest's own frames, and the shared page, and nothing else", () => {
    expect(lab.map(OTHER, entry(PAGE, 3))).toBe(0);
    lab.put(PAGE, 77);
    lab.execute(CODE.load, { ebx: OTHER });
    expect(lab.machine.cpu.eax).toBe(77);
    expect(lab.map(OTHER, ((lab.domain.sharedInfo << 12) | 3) >>> 0)).toBe(0);
    for (const value of [3, 0xffff_f003, ((lab.domain.frames.frames << 12) | 1) >>> 0]) {
      expect(lab.map(OTHER, value)).toBe(-Errno.EINVAL);
    }
    for (const flags of [0x83, 0x103, 0x0b, 0x13]) expect(lab.map(OTHER, entry(PAGE, flags))).toBe(-Errno.EINVAL);
    expect(lab.map(OTHER, 0xffff_fffe)).toBe(0);
    expect(lab.map(NOWHERE, 0)).toBe(-Errno.EINVAL);
    expect(lab.map(MONITORS, 0)).toBe(-Errno.EINVAL);
    expect(audit(lab.domain)).toEqual([]);
  });

  test("a page table is never writable, and a writable page never a page table", () => {
    expect(extended(0, frame(PAGE))).toBe(-Errno.EINVAL);
    protect(PAGE);
    expect(extended(0, frame(PAGE))).toBe(0);
    expect(use(PAGE)).toBe(FrameUse.L1);
    expect(lab.map(PAGE, entry(PAGE, 3))).toBe(-Errno.EINVAL);
    expect(extended(0, frame(PAGE))).toBe(-Errno.EINVAL);
    expect(extended(1, frame(PAGE))).toBe(-Errno.EINVAL);
    expect(extended(4, frame(PAGE))).toBe(0);
    expect(extended(4, frame(PAGE))).toBe(-Errno.EINVAL);
    expect(lab.map(PAGE, entry(PAGE, 3))).toBe(0);
  });

  test("a stale translation does not make a page table writable", () => {
    lab.execute(CODE.store, { ebx: PAGE, eax: 0 });
    // No flush is asked for.
    expect(lab.call(Hypercall.UPDATE_VA_MAPPING, PAGE, entry(PAGE, 1), 0, 0)).toBe(0);
    expect(extended(0, frame(PAGE))).toBe(0);
    expect(audit(lab.domain)).toEqual([]);
  });

  test("a table that would map itself, a directory or foreign memory writable is refused", () => {
    for (const mfn of [frame(PAGE), lab.domain.directory, 0, lab.domain.frames.frames + 1]) {
      lab.put(PAGE, ((mfn << 12) | 3) >>> 0);
      protect(PAGE);
      expect(extended(0, frame(PAGE)), String(mfn)).toBe(-Errno.EINVAL);
      lab.map(PAGE, entry(PAGE, 3));
    }
    expect(audit(lab.domain)).toEqual([]);
  });

  test("a directory of the guest's: the monitor's entries are put in, and taken out", () => {
    const { domain } = lab;
    // It maps what the present one does.
    const old = domain.memory.words.slice(domain.directory << 10, (domain.directory << 10) + 1008);
    lab.put(PAGE, ...old);
    protect(PAGE);
    expect(extended(1, frame(PAGE))).toBe(0);
    expect(domain.memory.words[(frame(PAGE) << 10) + 1008]).not.toBe(0);
    expect(extended(5, frame(PAGE))).toBe(0);
    expect(lab.machine.cpu.cr3).toBe(frame(PAGE) * 4096);
    // The directory's own entries for the monitor.
    for (const slot of [1008, 1009, 1023]) expect(update(frame(PAGE) * 4096 + 4 * slot, 0)).toBe(-Errno.EINVAL);
    expect(update(frame(PAGE) * 4096 + 4 * 1007, entry(OTHER, 3))).toBe(-Errno.EINVAL);
    protect(OTHER);
    expect(update(frame(PAGE) * 4096 + 4 * 1007, entry(OTHER, 3))).toBe(0);
    expect(use(OTHER)).toBe(FrameUse.L1);
    expect(audit(domain)).toEqual([]);
    expect(extended(4, frame(PAGE))).toBe(0);
    expect(use(PAGE)).toBe(FrameUse.L2);
  });

  test("mmu_update: commands, foreign frames, domains; what was done is counted", () => {
    expect(update(frame(PAGE) * 4096 + 3, 0)).toBe(-Errno.ENOSYS);
    expect(update(0, 0)).toBe(-Errno.EINVAL);
    expect(update(frame(PAGE) * 4096, 99)).toBe(0);
    expect(lab.get(PAGE)).toBe(99);
    expect(update(frame(PAGE) * 4096 + 1, 4711)).toBe(0);
    lab.execute(CODE.load, { ebx: MONITORS + 4 * frame(PAGE) });
    expect(lab.machine.cpu.eax).toBe(4711);
    lab.put(ARGS, frame(PAGE) * 4096, 0, 1, 0, frame(PAGE) * 4096 + 4, 1, 1, 0);
    expect(lab.call(Hypercall.MMU_UPDATE, ARGS, 2, OTHER, DOMID_SELF)).toBe(-Errno.EINVAL);
    expect(lab.get(OTHER)).toBe(1);
    expect(lab.call(Hypercall.MMU_UPDATE, ARGS, 1, 0, 0)).toBe(-Errno.ESRCH);
    expect(lab.call(Hypercall.MMU_UPDATE, ARGS, 1, 0, 0x7ff1)).toBe(-Errno.EPERM);
  });

  test("mmu_update that keeps the accessed and dirty flags", () => {
    const { domain } = lab;
    lab.execute(CODE.store, { ebx: OTHER, eax: 1 });
    const at = domain.tables.entryFor(domain.directory, OTHER);
    expect(domain.memory.words[at]! & 0x60).toBe(0x60);
    expect(update(4 * at + 2, entry(OTHER, 3))).toBe(0);
    expect(domain.memory.words[at]! & 0x63).toBe(0x63);
    expect(update(4 * at, entry(OTHER, 3))).toBe(0);
    expect(domain.memory.words[at]! & 0x63).toBe(0x03);
  });

  test("mmuext_op: other levels, other commands, frames of nobody", () => {
    for (const command of [2, 3]) expect(extended(command, frame(PAGE))).toBe(-Errno.EINVAL);
    for (const command of [14, 15, 99]) expect(extended(command)).toBe(-Errno.ENOSYS);
    for (const command of [0, 1, 4, 5]) expect(extended(command, 0)).toBe(-Errno.EINVAL);
    expect(extended(5, frame(OTHER))).toBe(-Errno.EINVAL);
    for (const command of [6, 7, 8, 9, 10, 11, 12]) expect(extended(command)).toBe(0);
  });
});

describe("multicall", () => {
  test("does each, with a result of its own, and counts the parts", () => {
    lab.put(ARGS, Hypercall.XEN_VERSION, 9, 0, 0, 0, 0, 0, 0);
    lab.put(ARGS + 32, 999, 0, 0, 0, 0, 0, 0, 0);
    lab.put(ARGS + 64, Hypercall.UPDATE_VA_MAPPING, 9, OTHER, entry(PAGE, 1), 0, 2, 0, 0);
    expect(lab.call(Hypercall.MULTICALL, ARGS, 3)).toBe(0);
    expect([lab.get(ARGS + 4), lab.get(ARGS + 36) | 0, lab.get(ARGS + 68)]).toEqual([0x40002, -Errno.ENOSYS, 0]);
    const { exits, memory } = lab.machine.statistics().vmm!;
    expect(exits.find(({ cause }) => cause === "multicall")).toMatchObject({ crossing: "hypercall", count: 1 });
    expect(memory).toMatchObject({ "xen_version in multicalls": 1, "update_va_mapping in multicalls": 1 });
  });

  test("within a multicall there is no multicall and no iret", () => {
    lab.put(ARGS, Hypercall.MULTICALL, 0, ARGS, 1, 0, 0, 0, 0, Hypercall.IRET, 0, 0, 0, 0, 0, 0, 0);
    expect(lab.call(Hypercall.MULTICALL, ARGS, 2)).toBe(0);
    expect([lab.get(ARGS + 4) | 0, lab.get(ARGS + 36) | 0]).toEqual([-Errno.EINVAL, -Errno.EINVAL]);
    lab.put(ARGS, Hypercall.MMU_UPDATE, 0, ARGS, 0x7fff_ffff, 0, DOMID_SELF, 0, 0);
    expect(lab.call(Hypercall.MULTICALL, ARGS, 1)).toBe(0);
    expect(lab.get(ARGS + 4) | 0).toBe(-Errno.E2BIG);
  });
});

describe("memory_op", () => {
  /** A change of the reservation: extents from PAGE on. */
  const change = (command: number, ...extents: number[]) => {
    lab.put(ARGS, PAGE, extents.length, 0, 0, DOMID_SELF);
    lab.put(PAGE, ...extents);
    return lab.call(Hypercall.MEMORY_OP, command, ARGS);
  };

  test("a frame goes when nothing refers to it, and another comes", () => {
    const { domain } = lab;
    const { free } = lab.machine.vm!.hypervisor.frames;
    expect(change(1, frame(OTHER))).toBe(0);
    expect(lab.map(OTHER, 0)).toBe(0);
    const old = frame(OTHER);
    expect(change(1, old, old)).toBe(1);
    expect(domain.frames.owns(old)).toBe(false);
    expect(lab.machine.vm!.hypervisor.frames.free).toBe(free + 1);
    lab.put(ARGS, DOMID_SELF);
    expect(lab.call(Hypercall.MEMORY_OP, 3, ARGS)).toBe(lab.pages - 1);
    expect(lab.call(Hypercall.MEMORY_OP, 4, ARGS)).toBe(lab.pages);
    expect(lab.map(OTHER, ((old << 12) | 1) >>> 0)).toBe(-Errno.EINVAL);
    expect(change(6, OTHER >>> 12, PAGE >>> 12)).toBe(1);
    expect(lab.get(PAGE)).toBe(frame(OTHER));
    expect(lab.map(OTHER, entry(OTHER, 3))).toBe(0);
    // No more than there were.
    expect(change(0, 0)).toBe(0);
    expect(audit(domain)).toEqual([]);
  });

  test("increase_reservation gives frames without a number, which go with the domain", () => {
    lab.map(OTHER, 0);
    change(1, frame(OTHER));
    expect(change(0, 0)).toBe(1);
    const mfn = lab.get(PAGE);
    expect(lab.map(OTHER, ((mfn << 12) | 3) >>> 0)).toBe(0);
    lab.machine.destroy();
  });

  test("errors", () => {
    lab.put(ARGS, PAGE, 1, 0, 0, 5);
    expect(lab.call(Hypercall.MEMORY_OP, 0, ARGS)).toBe(-Errno.EPERM);
    lab.put(ARGS, PAGE, 1, 3, 0, DOMID_SELF);
    expect(lab.call(Hypercall.MEMORY_OP, 0, ARGS)).toBe(0);
    expect(lab.call(Hypercall.MEMORY_OP, 5, ARGS)).toBe(-Errno.ENOSYS);
    lab.put(ARGS, 5);
    expect(lab.call(Hypercall.MEMORY_OP, 3, ARGS)).toBe(-Errno.ESRCH);
    expect(lab.call(Hypercall.MEMORY_OP, 2)).toBe(lab.domain.frames.frames - 1);
  });

  test("after a reset the memory is whole again", () => {
    lab.map(OTHER, 0);
    change(1, frame(OTHER));
    lab.machine.reset();
    expect(frame(OTHER)).toBeGreaterThan(0);
    expect(lab.domain.pages).toBe(lab.pages);
    expect(audit(lab.domain)).toEqual([]);
    expect(lab.call(Hypercall.XEN_VERSION, 0)).toBe(0x40002);
  });
});

describe("events and time", () => {
  /** event_channel_op with these words; the result. */
  const channel = (command: number, ...words: number[]) => {
    lab.put(ARGS, ...words);
    return lab.call(Hypercall.EVENT_CHANNEL_OP, command, ARGS);
  };

  test("a channel to itself: an event goes to the callback and masks", () => {
    const { machine, domain } = lab;
    lab.call(Hypercall.SET_CALLBACKS, KERNEL_CS, CODE.handler, KERNEL_CS, CODE.handler);
    expect(channel(7, 0, 0)).toBe(0);
    const port = lab.get(ARGS + 4);
    machine.setRegisters({ esp: PAGE + 0x800 });
    expect(channel(4, port)).toBe(0);
    expect(lab.shared(Shared.PENDING)).toBe(1 << port);
    expect(lab.shared(Shared.PENDING_SEL)).toBe(1);
    // Masked: it waits until it is not, and something comes to the monitor.
    machine.run({ maxInstructions: 1 });
    expect(machine.cpu.eip).not.toBe(CODE.handler);
    domain.events.setMask(0);
    lab.execute(CODE.hypercall, { eax: Hypercall.XEN_VERSION, ebx: 0 });
    machine.run({ maxInstructions: 1 });
    expect([machine.cpu.eip, machine.cpu.eax, domain.events.mask]).toEqual([CODE.handler, 0x40002, 1]);
    expect(lab.get(machine.cpu.esp)).toBe(CODE.hypercall + 2);
  });

  test("pairs, masks and what may not be", () => {
    expect(channel(6, DOMID_SELF | (DOMID_SELF << 16), 0)).toBe(0);
    const remote = lab.get(ARGS + 4);
    expect(channel(0, DOMID_SELF, remote, 0)).toBe(0);
    const local = lab.get(ARGS + 8);
    expect(channel(5, DOMID_SELF, local, 0, 0, 0, 0)).toBe(0);
    expect([lab.get(ARGS + 8), lab.get(ARGS + 20)]).toEqual([2, remote]);
    expect(channel(4, local)).toBe(0);
    expect(lab.domain.events.isPending(remote)).toBe(true);
    expect(channel(8, local, 0)).toBe(0);
    expect(channel(3, local)).toBe(0);
    expect(channel(3, local)).toBe(-Errno.EINVAL);
    expect(channel(4, 0)).toBe(-Errno.EINVAL);
    expect(channel(4, 1024)).toBe(-Errno.EINVAL);
    expect(channel(9, 1024)).toBe(-Errno.EINVAL);
    expect(channel(1, 24, 0)).toBe(-Errno.EINVAL);
    expect(channel(1, 0, 1)).toBe(-Errno.ENOENT);
    expect(channel(7, 1)).toBe(-Errno.ENOENT);
    expect(channel(2, 4, 0)).toBe(-Errno.EPERM);
    expect(channel(6, 0, 0)).toBe(-Errno.EPERM);
    expect(channel(0, 3, 1)).toBe(-Errno.ESRCH);
    expect(channel(0, DOMID_SELF, 900)).toBe(-Errno.EINVAL);
    expect(channel(5, 1, 1)).toBe(-Errno.ESRCH);
    expect(channel(11)).toBe(-Errno.ENOSYS);
    expect(channel(10, DOMID_SELF)).toBe(0);
    let opened = 0;
    while (channel(7, 0, 0) === 0) opened++;
    expect(opened).toBe(1023);
    expect(channel(7, 0, 0)).toBe(-Errno.ENOSPC);
  });

  test("timers raise VIRQ_TIMER in system time, and end the waiting", () => {
    const { machine, domain } = lab;
    expect(channel(1, 0, 0, 0)).toBe(0);
    const port = lab.get(ARGS + 8);
    expect(channel(1, 0, 0, 0)).toBe(-Errno.EEXIST);
    const due = domain.time.system + 5_000_000;
    expect(lab.call(Hypercall.SET_TIMER_OP, due, 0)).toBe(0);
    expect(lab.call(Hypercall.SCHED_OP, 0)).toBe(0);
    lab.call(Hypercall.SET_CALLBACKS, KERNEL_CS, CODE.handler, KERNEL_CS, CODE.handler);
    machine.setRegisters({ esp: PAGE + 0x800 });
    lab.execute(CODE.hypercall, { eax: Hypercall.SCHED_OP, ebx: 1 });
    expect(machine.cpu.halted).toBe(true);
    machine.run({ maxInstructions: 1 });
    expect(machine.cpu.eip).toBe(CODE.handler);
    expect(domain.time.system).toBeGreaterThanOrEqual(due);
    expect(domain.time.system).toBeLessThan(due + 1000);
    expect(lab.shared(Shared.PENDING)).toBe(1 << port);
    const low = lab.shared(Shared.SYSTEM_TIME);
    expect(low).toBeGreaterThanOrEqual(due);
    expect(lab.shared(Shared.TIME_VERSION) % 2).toBe(0);
    // (ticks << shift) * mul / 2^32 is nanoseconds.
    const scale = (2 ** (lab.shared(Shared.TSC_SHIFT) & 0xff) * lab.shared(Shared.TSC_TO_SYSTEM_MUL)) / 2 ** 32;
    expect(scale * machine.clockHz).toBeCloseTo(1e9, -2);
  });

  test("a poll ends with its port, masked or not, or with its time", () => {
    const { machine } = lab;
    channel(7, 0, 0);
    const port = lab.get(ARGS + 4);
    lab.domain.memory.words[(lab.domain.sharedInfo * 4096 + Shared.MASK) / 4] = 0xffff_ffff;
    const poll = (time: number) => {
      lab.put(PAGE, port);
      lab.put(ARGS, PAGE, 1, time, 0);
      return lab.call(Hypercall.SCHED_OP, 3, ARGS);
    };
    expect(poll(0)).toBe(0);
    expect(machine.cpu.halted).toBe(true);
    lab.domain.events.raise(port);
    expect(machine.cpu.halted).toBe(false);
    expect(poll(0)).toBe(0);
    expect(machine.cpu.halted).toBe(false);
    lab.domain.memory.words[(lab.domain.sharedInfo * 4096 + Shared.PENDING) / 4] = 0;
    poll(lab.domain.time.system + 1_000_000);
    expect(machine.cpu.halted).toBe(true);
    machine.run({ maxInstructions: 1 });
    expect(machine.cpu.halted).toBe(false);
    lab.put(ARGS, PAGE, 129, 0, 0);
    expect(lab.call(Hypercall.SCHED_OP, 3, ARGS)).toBe(-Errno.EINVAL);
  });

  test("vcpu_op and sched_op: errors", () => {
    lab.put(ARGS, 999_999, 0);
    expect(lab.call(Hypercall.VCPU_OP, 6, 0, ARGS)).toBe(-Errno.EINVAL);
    lab.put(ARGS, 1, 0, 1);
    expect(lab.call(Hypercall.VCPU_OP, 8, 0, ARGS)).toBe(-Errno.ETIME);
    expect(lab.call(Hypercall.VCPU_OP, 0, 0)).toBe(-Errno.EEXIST);
    expect(lab.call(Hypercall.VCPU_OP, 1, 0)).toBe(0);
    expect(lab.call(Hypercall.VCPU_OP, 2, 0)).toBe(-Errno.EBUSY);
    expect(lab.call(Hypercall.VCPU_OP, 3, 0)).toBe(1);
    expect(lab.call(Hypercall.VCPU_OP, 3, 1)).toBe(-Errno.ENOENT);
    expect(lab.call(Hypercall.VCPU_OP, 4, 0, ARGS)).toBe(0);
    expect(lab.call(Hypercall.VCPU_OP, 17, 0)).toBe(-Errno.ENOSYS);
    expect(lab.call(Hypercall.SCHED_OP, 9)).toBe(-Errno.ENOSYS);
  });

  test.each([
    [0, "powered-off"],
    [1, "reset"],
    [3, "triple-fault"],
  ])("shutdown with reason %i is %s", (reason, kind) => {
    lab.put(ARGS, reason);
    lab.machine.setRegisters({ eip: CODE.hypercall, eax: Hypercall.SCHED_OP, ebx: 2, ecx: ARGS });
    expect(lab.machine.run({ maxInstructions: 100 }).exit.kind).toBe(kind);
  });
});

describe("the others", () => {
  test("console_io writes and reads", () => {
    lab.machine.ram.write(PAGE, new TextEncoder().encode("hello"));
    expect(lab.call(Hypercall.CONSOLE_IO, 0, 5, PAGE)).toBe(0);
    expect(lab.output).toBe("hello");
    expect(lab.call(Hypercall.CONSOLE_IO, 1, 5, PAGE)).toBe(0);
    lab.machine.sendSerial("abc");
    lab.machine.run({ maxInstructions: 300_000 });
    expect(lab.call(Hypercall.CONSOLE_IO, 1, 2, PAGE)).toBe(2);
    expect(lab.call(Hypercall.CONSOLE_IO, 1, 5, PAGE + 2)).toBe(1);
    expect(lab.machine.ram.read(PAGE, 5)).toEqual(new TextEncoder().encode("abclo"));
    expect(lab.call(Hypercall.CONSOLE_IO, 2, 5, PAGE)).toBe(-Errno.ENOSYS);
  });

  test("xen_version", () => {
    expect(lab.call(Hypercall.XEN_VERSION, 0)).toBe((4 << 16) | 2);
    expect(lab.call(Hypercall.XEN_VERSION, 1, PAGE)).toBe(0);
    expect(Buffer.from(lab.machine.ram.read(PAGE, 8)).toString("latin1")).toBe("-vmexit\0");
    expect(lab.call(Hypercall.XEN_VERSION, 5, PAGE)).toBe(0);
    expect(lab.get(PAGE)).toBe(MONITORS);
    lab.put(PAGE, 0, 0);
    expect(lab.call(Hypercall.XEN_VERSION, 6, PAGE)).toBe(0);
    expect(lab.get(PAGE + 4)).toBe(0x20);
    lab.put(PAGE, 1);
    expect(lab.call(Hypercall.XEN_VERSION, 6, PAGE)).toBe(-Errno.EINVAL);
    expect(lab.call(Hypercall.XEN_VERSION, 7)).toBe(4096);
    for (const command of [2, 3, 4]) expect(lab.call(Hypercall.XEN_VERSION, command, PAGE)).toBe(0);
    expect(lab.call(Hypercall.XEN_VERSION, 30)).toBe(-Errno.ENOSYS);
  });

  test("debug registers: not the monitor's addresses, no ports, no general detect", () => {
    expect(lab.call(Hypercall.SET_DEBUGREG, 0, PAGE)).toBe(0);
    expect(lab.call(Hypercall.GET_DEBUGREG, 0)).toBe(PAGE);
    expect(lab.call(Hypercall.SET_DEBUGREG, 1, MONITORS)).toBe(-Errno.EPERM);
    expect(lab.call(Hypercall.SET_DEBUGREG, 7, 0x2000)).toBe(-Errno.EPERM);
    expect(lab.call(Hypercall.SET_DEBUGREG, 7, 0x2_0001)).toBe(-Errno.EPERM);
    for (const register of [4, 5, 8]) {
      expect(lab.call(Hypercall.SET_DEBUGREG, register, 0)).toBe(-Errno.EINVAL);
      expect(lab.call(Hypercall.GET_DEBUGREG, register)).toBe(-Errno.EINVAL);
    }
    expect(lab.call(Hypercall.SET_DEBUGREG, 7, 0x0003_0001)).toBe(0);
    expect(lab.call(Hypercall.GET_DEBUGREG, 7)).toBe(0x0003_0401);
  });

  test("vm_assist offers none; fpu_taskswitch sets TS", () => {
    expect(lab.call(Hypercall.VM_ASSIST, 0, 2)).toBe(-Errno.EINVAL);
    expect(lab.call(Hypercall.FPU_TASKSWITCH, 1)).toBe(0);
    expect(lab.domain.state.get(Cpu.CR0) & 8).toBe(8);
    expect(lab.call(Hypercall.FPU_TASKSWITCH, 0)).toBe(0);
    expect(lab.domain.state.get(Cpu.CR0) & 8).toBe(0);
  });
});

describe("privileged instructions of the kernel", () => {
  /** Executes these bytes once, as an instruction of the kernel; EIP afterwards, less where they lie. */
  const run = (...bytes: number[]) => {
    lab.machine.ram.write(PAGE, Uint8Array.from([...bytes, 0xeb, 0xfe]));
    lab.execute(PAGE, { edx: 0x3f8, eax: 0x41 });
    return lab.machine.cpu.eip - PAGE;
  };

  beforeEach(() => {
    lab.put(ARGS, 13 | (KERNEL_CS << 16), CODE.handler, 0, 0);
    lab.call(Hypercall.SET_TRAP_TABLE, ARGS);
    lab.machine.setRegisters({ esp: OTHER + 0x800 });
  });

  test("ports of the domain, and no others", () => {
    expect(run(0xee)).toBe(1);
    expect(lab.output).toBe("A");
    expect(run(0xe6, 0x80)).toBe(2);
    expect(run(0xec)).toBe(1);
    for (const port of [0x20, 0x21, 0x40, 0x43, 0x60, 0x64, 0x92, 0xf8]) {
      expect(run(0xe6, port), port.toString(16)).toBe(CODE.handler - PAGE);
      expect(run(0xe4, port)).toBe(CODE.handler - PAGE);
    }
    // Four bytes from 70h on reach beyond.
    expect(run(0xe7, 0x70)).toBe(CODE.handler - PAGE);
    expect(lab.machine.statistics().vmm!.refused).toMatchObject({ IN: 9, OUT: 11 });
  });

  test("CLI and STI do nothing; CLTS, MOV CR and RDMSR do what they may", () => {
    const before = lab.machine.cpu.eflags;
    expect(run(0xfa)).toBe(1);
    expect(run(0xfb)).toBe(1);
    expect(lab.machine.cpu.eflags).toBe(before);
    lab.call(Hypercall.FPU_TASKSWITCH, 1);
    expect(run(0x0f, 0x06)).toBe(2);
    expect(lab.machine.cpu.cr0 & 8).toBe(0);
    expect(run(0x0f, 0x20, 0xd8)).toBe(3);
    expect(lab.machine.cpu.eax).toBe(lab.machine.cpu.cr3);
    // EAX is 41h: no value for CR0 or CR4, and no directory.
    for (const register of [0xc0, 0xd8, 0xe0]) expect(run(0x0f, 0x22, register)).toBe(CODE.handler - PAGE);
    expect(run(0x0f, 0x09)).toBe(2);
    lab.machine.cpu.ecx = 16;
    expect(run(0x0f, 0x32)).toBe(2);
  });

  test("what Xen does not execute is #GP", () => {
    // HLT, LGDT, LIDT, LLDT, LTR, INVLPG, WRMSR, MOV DR.
    const instructions = [[0xf4], [0x0f, 0x01, 0x13], [0x0f, 0x01, 0x1b], [0x0f, 0x00, 0xd0], [0x0f, 0x00, 0xd8]];
    instructions.push([0x0f, 0x01, 0x3b], [0x0f, 0x30], [0x0f, 0x23, 0xc0]);
    for (const bytes of instructions) expect(run(...bytes), bytes.join()).toBe(CODE.handler - PAGE);
  });
});
