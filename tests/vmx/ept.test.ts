/**
 * EPT (SDM 3C 28.2): combinations of entry bits on every level, for each kind of access, against a walker that only follows the manual;
 * two-dimensional walks with their number of references; what is cached and what makes it forgotten.
 */
import { describe, expect, test } from "vitest";
import { Cpu } from "../../assembly/abi/cpu.js";
import { ExitReason } from "../../assembly/abi/exit.js";
import { VmcsField } from "../../assembly/abi/vmcs.js";
import { EptPointer, EptViolation, InstructionError, Invalidation, Vmx } from "../../assembly/abi/vmx.js";
import { Cr0, Cr4 } from "../../assembly/abi/x86.js";
import { FINAL, type Kind, walkEpt } from "./ept-model.js";
import { CODE, EPT_ROOT, eptp, HANDLERS, IDT, VM_BASE, VmxMachine } from "./vmx-machine.js";

const AD = EptPointer.ACCESSED_DIRTY;
/** The page under test is in the second gigabyte: only the root entry is shared with the code. */
const TARGET = 0x40060000;
const TABLES = [EPT_ROOT, EPT_ROOT + 0x1008, 0x140000, 0x141000 + ((TARGET >>> 12) & 511) * 8];
const GOOD = [BigInt(EPT_ROOT + 0x1000) | 7n, 0x140000n | 7n, 0x141000n | 7n, BigInt(VM_BASE + 0x60000) | 0x37n];
const ACCESS: Record<Kind, number[]> = { read: [0x8a, 0x03], write: [0xc6, 0x03, 0x0f], fetch: [0xff, 0xe3] };
const KINDS: Kind[] = ["read", "write", "fetch"];
const CPUID = [0x0f, 0xa2];

/** Bits beside R, W and X, some reserved in some places; frames aligned for large pages, or not. */
const EXTRAS = [
  0n,
  0x08n,
  0x10n,
  0x18n,
  0x30n,
  0x38n,
  0x40n,
  0x80n,
  0xb0n,
  0x300n,
  0x800n,
  1n << 36n,
  1n << 51n,
  0xfff0000000000000n,
];

/** Runs an access to TARGET with these entries. */
function run(m: VmxMachine, entries: readonly bigint[], kind: Kind) {
  entries.forEach((entry, i) => m.u64(TABLES[i] as number, entry));
  m.core.exports.invept(Invalidation.ALL, 0);
  m.core.cpu.setReg(3, TARGET);
  const reason = m.runCode([...ACCESS[kind], ...CPUID]);
  return { reason, now: TABLES.map((ma) => m.read64(ma)) };
}

describe.each([false, true])("accessed and dirty flags %s", (flags) => {
  test.each([1, 2, 3])("every entry of table %i", (at) => {
    const m = new VmxMachine();
    m.write(VmcsField.EPTP, eptp(EPT_ROOT, flags ? AD : 0));
    for (let ma = 0; ma < 0x400000; ma += 0x1000) m.core.writeRam(ma + 0xff0, Uint8Array.from(CPUID));
    for (const frame of [GOOD[at]! & 0xfffff000n, 0n, 0x200000n]) {
      for (const extra of EXTRAS) {
        for (let rights = 0n; rights < 8n; rights++) {
          for (const kind of KINDS) {
            const entries = GOOD.map((entry, i) => (i === at ? frame | extra | rights : entry));
            // An entry that names another table than the next one is not what is tested.
            const leaf = at === 3 || (extra & 0x80n) !== 0n;
            if (!leaf && frame !== (GOOD[at]! & 0xfffff000n)) continue;
            const want = walkEpt(entries, TARGET, kind, flags);
            // Where it leads may hold anything: fetches are looked at only if they fail.
            if (want.reason === "frame" && (kind === "fetch" || want.ma >= 0x400000 || want.ma < 0x30000)) continue;
            const { reason, now } = run(m, entries, kind);
            const label = `${kind} ${(frame | extra | rights).toString(16)}`;
            if (want.reason === "frame") {
              expect(reason, label).toBe(ExitReason.CPUID);
              expect(m.core.exports.probeLinear(TARGET) - m.core.ram.byteOffset, label).toBe(want.ma);
            } else {
              const violation = want.reason === "violation";
              expect(reason, label).toBe(violation ? ExitReason.EPT_VIOLATION : ExitReason.EPT_MISCONFIGURATION);
              expect(m.exit().qualification, label).toBe(violation ? want.qualification | FINAL : 0);
              expect(m.word(Vmx.GUEST_PHYSICAL), label).toBe(TARGET);
              expect(m.exit().eip, label).toBe(kind === "fetch" ? TARGET : CODE);
            }
            expect(now.slice(1), label).toEqual(want.entries.slice(1));
          }
        }
      }
    }
  });

  test("every root entry, by the fetch of the first instruction", () => {
    for (const extra of EXTRAS) {
      for (let rights = 0n; rights < 8n; rights++) {
        const m = new VmxMachine();
        m.write(VmcsField.EPTP, eptp(EPT_ROOT, flags ? AD : 0));
        const entries = [BigInt(EPT_ROOT + 0x1000) | extra | rights, 0n, 0n, 0n];
        for (const i of [1, 2]) entries[i] = m.read64(EPT_ROOT + i * 0x1000);
        entries[3] = m.read64(m.leaf(CODE >> 12));
        m.u64(EPT_ROOT, entries[0]!);
        const want = walkEpt(entries, CODE, "fetch", flags);
        const reason = m.runCode(CPUID);
        const reasons = {
          frame: ExitReason.CPUID,
          violation: ExitReason.EPT_VIOLATION,
          misconfiguration: ExitReason.EPT_MISCONFIGURATION,
        };
        expect(reason).toBe(reasons[want.reason]);
        expect(m.read64(EPT_ROOT)).toBe(want.entries[0]);
        if (want.reason === "violation") expect(m.exit().qualification).toBe(want.qualification | FINAL);
      }
    }
  });
});

/** A guest with 32-bit paging: directory at 0x50000, one table at 0x51000, TARGET's page at linear 0x800000. */
function paged(flags = 0) {
  const m = new VmxMachine();
  m.write(VmcsField.EPTP, eptp(EPT_ROOT, flags));
  for (let i = 0; i < 2; i++) m.guestU32(0x50000 + i * 4, (i * 0x400000) | 0xe7);
  m.guestU32(0x50008, 0x51000 | 0x27);
  m.guestU32(0x51000, 0x60000 | 0x67);
  m.write(VmcsField.GUEST_CR4, Cr4.PSE);
  m.write(VmcsField.GUEST_CR3, 0x50000);
  m.write(VmcsField.GUEST_CR0, Cr0.PE | Cr0.PG | Cr0.ET);
  m.core.cpu.setReg(3, 0x800000);
  return m;
}

describe("two-dimensional walks", () => {
  const references = (m: VmxMachine, code: number[]) => {
    expect(m.runCode([...code, ...CPUID])).toBe(ExitReason.CPUID); // the code's own translation
    m.core.exports.invvpid(Invalidation.ADDRESS, 1, 0x800000);
    m.setWord(Vmx.EPT_EPOCH, m.word(Vmx.EPT_EPOCH) + 1); // only the cache of EPT translations
    const counters = [Vmx.NESTED_WALKS, Vmx.GUEST_REFERENCES, Vmx.EPT_REFERENCES];
    const before = counters.map((c) => m.word(c));
    expect(m.runCode([...code, ...CPUID])).toBe(ExitReason.CPUID);
    return counters.map((c, i) => m.word(c) - before[i]!);
  };

  test("32-bit paging over four levels: 2 + 12 references", () => {
    expect(references(paged(), [0x8a, 0x03])).toEqual([1, 2, 12]);
  });

  test("a 4 MB page: 1 + 8", () => {
    const m = paged();
    m.guestU32(0x50008, 0x0 | 0xe7);
    expect(references(m, [0x8a, 0x03])).toEqual([1, 1, 8]);
  });

  test("PAE: 2 + 12, the PDPTEs being in registers", () => {
    const m = paged();
    m.guestU32(0x52000, 0xe7);
    m.guestU32(0x52004, 0);
    m.guestU32(0x52020, 0x53000 | 0x27); // directory entry of 8 MB
    m.guestU32(0x53000, 0x60000 | 0x67);
    m.write(VmcsField.GUEST_CR4, Cr4.PAE);
    m.write(VmcsField.GUEST_PDPTE0, 0x52001);
    expect(references(m, [0x8a, 0x03])).toEqual([1, 2, 12]);
  });

  test("an EPT page of 2 MB saves a reference each time: 2 + 9", () => {
    const m = paged();
    m.u64(EPT_ROOT + 0x2000, BigInt(VM_BASE) | 0xb7n);
    m.core.exports.invept(Invalidation.ALL, 0);
    expect(references(m, [0x8a, 0x03])).toEqual([1, 2, 9]);
  });

  test("frames that are still cached cost nothing", () => {
    const m = paged();
    expect(m.runCode([0x8a, 0x03, ...CPUID])).toBe(ExitReason.CPUID);
    m.core.exports.invvpid(Invalidation.ADDRESS, 1, 0x800000);
    const before = m.word(Vmx.EPT_REFERENCES);
    expect(m.runCode([0x8a, 0x03, ...CPUID])).toBe(ExitReason.CPUID);
    expect(m.word(Vmx.EPT_REFERENCES)).toBe(before);
  });
});

describe("violations of the guest's own paging structures", () => {
  const violates = (m: VmxMachine, code: number[]) => {
    expect(m.runCode(code)).toBe(ExitReason.EPT_VIOLATION);
    return { qualification: m.exit().qualification, gpa: m.word(Vmx.GUEST_PHYSICAL), linear: m.word(Vmx.GUEST_LINEAR) };
  };
  const table = (m: VmxMachine, rights: bigint) => {
    m.u64(m.leaf(0x51), BigInt(VM_BASE + 0x51000) | 0x30n | rights);
    m.core.exports.invept(Invalidation.ALL, 0);
  };

  test("reading a table that is absent", () => {
    const m = paged();
    table(m, 0n);
    expect(violates(m, [0x8a, 0x03])).toEqual({
      qualification: 1 | EptViolation.LINEAR_VALID,
      gpa: 0x51000,
      linear: 0x800000,
    });
  });

  test("setting a flag in a table that is read-only; without a flag to set it is enough to read", () => {
    const m = paged();
    table(m, 1n);
    expect(m.runCode([0x8a, 0x03, ...CPUID])).toBe(ExitReason.CPUID);
    m.guestU32(0x51000, 0x60000 | 0x27);
    m.core.exports.invvpid(Invalidation.SINGLE, 1, 0);
    expect(violates(m, [0x88, 0x03])).toEqual({
      qualification: EptViolation.WRITE | EptViolation.READABLE | EptViolation.LINEAR_VALID,
      gpa: 0x51000,
      linear: 0x800000,
    });
    expect(m.readGuest(0x51000)).toBe(0x60000 | 0x27);
  });

  test("with EPT flags on, reading them counts as writing", () => {
    const m = paged(AD);
    table(m, 5n);
    expect(violates(m, [0x8a, 0x03]).qualification).toBe(
      EptViolation.READ |
        EptViolation.WRITE |
        EptViolation.READABLE |
        EptViolation.EXECUTABLE |
        EptViolation.LINEAR_VALID,
    );
    table(m, 7n);
    expect(m.runCode([0x8a, 0x03, ...CPUID])).toBe(ExitReason.CPUID);
    expect(m.read64(m.leaf(0x51)) & 0x300n).toBe(0x300n);
    expect(m.read64(m.leaf(0x60)) & 0x300n).toBe(0x100n);
    expect(m.runCode([0x88, 0x03, ...CPUID])).toBe(ExitReason.CPUID);
    expect(m.read64(m.leaf(0x60)) & 0x300n).toBe(0x300n);
  });

  test("a page fault comes before a violation of the page that is not mapped", () => {
    const m = paged();
    m.guestU32(0x51000, 0);
    expect(m.runCode([0x8a, 0x03])).toBe(ExitReason.WAITING);
    expect(m.core.cpu.field(Cpu.CR2)).toBe(0x800000);
  });

  test("PDPTEs that MOV CR3 cannot read: no linear address", () => {
    const m = paged();
    m.write(VmcsField.GUEST_CR4, Cr4.PAE);
    m.guestU32(0x52000, 0xe7);
    m.write(VmcsField.GUEST_PDPTE0, 0x52001);
    m.core.cpu.setReg(0, 0x40000000);
    expect(violates(m, [0x0f, 0x22, 0xd8])).toMatchObject({ qualification: 1, gpa: 0x40000000 });
    expect(m.exit().eip).toBe(CODE);
  });

  test("during the delivery of an event", () => {
    const m = new VmxMachine();
    m.u64(m.leaf(IDT >> 12), 0n);
    expect(m.runCode([0x0f, 0x0b])).toBe(ExitReason.EPT_VIOLATION);
    expect(m.exit()).toMatchObject({ vectoring: 0x80000306, eip: CODE });
    m.u64(m.leaf(IDT >> 12), BigInt(VM_BASE + IDT) | 0x37n);
    m.write(VmcsField.ENTRY_INTR_INFO, m.exit().vectoring);
    expect(m.enter()).toBe(ExitReason.WAITING);
    expect(m.exit().eip).toBe(HANDLERS + 6 * 16 + 1);
    expect(m.core.time).toBe(2);
  });
});

describe("what is remembered", () => {
  test("a right that was added is found without INVEPT; one that was taken away after it", () => {
    const m = new VmxMachine();
    m.core.cpu.setReg(3, 0x60000);
    const leaf = m.leaf(0x60);
    const good = m.read64(leaf);
    m.u64(leaf, good & ~2n);
    expect(m.runCode([0x88, 0x03, ...CPUID])).toBe(ExitReason.EPT_VIOLATION);
    m.u64(leaf, good);
    expect(m.enter()).toBe(ExitReason.CPUID);
    m.u64(leaf, good & ~2n);
    expect(m.runCode([0x88, 0x03, ...CPUID])).toBe(ExitReason.CPUID); // stale
    m.core.exports.invept(Invalidation.SINGLE, EPT_ROOT);
    expect(m.runCode([0x88, 0x03, ...CPUID])).toBe(ExitReason.EPT_VIOLATION);
  });

  test("execution is a right of its own, in the TLB too", () => {
    const m = new VmxMachine();
    m.core.cpu.setReg(3, 0x60000);
    m.guest(0x60000, CPUID);
    m.u64(m.leaf(0x60), m.read64(m.leaf(0x60)) & ~4n);
    expect(m.runCode([0x8a, 0x03, 0x88, 0x03, 0xff, 0xe3])).toBe(ExitReason.EPT_VIOLATION);
    expect(m.exit()).toMatchObject({ eip: 0x60000, qualification: 4 | 8 | 16 | FINAL });
    m.u64(m.leaf(0x60), m.read64(m.leaf(0x60)) | 4n);
    expect(m.enter()).toBe(ExitReason.CPUID);
  });

  test("INVVPID by kind, and its operands", () => {
    const m = paged();
    const { invvpid, invept } = m.core.exports;
    const al = () => {
      expect(m.runCode([0x8a, 0x03, ...CPUID])).toBe(ExitReason.CPUID);
      return m.core.cpu.eax & 0xff;
    };
    m.guest(0x60000, [0x11]);
    m.guest(0x61000, [0x22]);
    const map = (frame: number) => m.guestU32(0x51000, frame | 0x67);
    for (const [type, vpid, lin] of [
      [Invalidation.ADDRESS, 1, 0x800000],
      [Invalidation.SINGLE, 1, 0],
      [Invalidation.ALL, 0, 0],
      [Invalidation.SINGLE_KEEPING_GLOBALS, 1, 0],
    ] as const) {
      map(0x60000);
      invvpid(Invalidation.ALL, 0, 0);
      expect(al()).toBe(0x11);
      map(0x61000);
      expect(al()).toBe(0x11);
      if (type !== Invalidation.ALL) expect(invvpid(type, 2, lin + 0x1000)).toBe(0);
      if (type !== Invalidation.ALL && type !== Invalidation.ADDRESS) expect(al()).toBe(0x11);
      expect(invvpid(type, vpid, lin)).toBe(0);
      expect(al()).toBe(0x22);
    }
    expect(invvpid(4, 1, 0)).toBe(InstructionError.INVALIDATION_OPERAND);
    expect(invvpid(Invalidation.SINGLE, 0, 0)).toBe(InstructionError.INVALIDATION_OPERAND);
    expect(invept(0, 0)).toBe(InstructionError.INVALIDATION_OPERAND);
    expect(invept(3, 0)).toBe(InstructionError.INVALIDATION_OPERAND);
  });

  test("without VPIDs an entry forgets, with them each VPID keeps its own", () => {
    const m = paged();
    const al = () => {
      expect(m.runCode([0x8a, 0x03, ...CPUID])).toBe(ExitReason.CPUID);
      return m.core.cpu.eax & 0xff;
    };
    m.guest(0x60000, [0x11]);
    m.guest(0x61000, [0x22]);
    expect(al()).toBe(0x11);
    m.guestU32(0x51000, 0x61000 | 0x67);
    m.write(VmcsField.VPID, 2);
    expect(m.runCode(CPUID)).toBe(ExitReason.CPUID); // the page is not used here: its entry is one for all VPIDs
    m.write(VmcsField.VPID, 1);
    expect(al()).toBe(0x11);
    m.write(VmcsField.VPID, 2);
    expect(al()).toBe(0x22);
    m.write(VmcsField.SECONDARY_CONTROLS, m.read(VmcsField.SECONDARY_CONTROLS) & ~32);
    expect(al()).toBe(0x22);
    m.guestU32(0x51000, 0x60000 | 0x67);
    expect(al()).toBe(0x11);
  });

  test("more address spaces than generations", () => {
    const m = paged();
    m.guest(0x60000, [0x11]);
    m.guest(0x61000, [0x22]);
    for (let i = 0; i < 5000; i++) {
      m.write(VmcsField.VPID, 1 + (i % 40));
      const second = i % 3 === 0;
      m.guestU32(0x51000, (second ? 0x61000 : 0x60000) | 0x67);
      m.core.exports.invvpid(Invalidation.SINGLE, 1 + (i % 40), 0);
      expect(m.runCode([0x8a, 0x03, ...CPUID])).toBe(ExitReason.CPUID);
      expect(m.core.cpu.eax & 0xff).toBe(second ? 0x22 : 0x11);
    }
  });
});
