/**
 * The machine's own processor on shadow tables: its walker and TLB read what `ShadowMmu` writes. Page faults are caught by an IDT in the
 * VMM's range; each is handed to the shadow MMU, and the instruction is tried again.
 */
import { describe, expect, test } from "vitest";
import { Cpu, SEG_USABLE } from "../../assembly/abi/cpu.js";
import { Access, Cr0, Cr4, PfError, Pte } from "../../assembly/abi/x86.js";
import { gva } from "../../src/address.js";
import { ShadowMmu } from "../../src/mm/shadow/shadow-mmu.js";
import { walkGuest } from "../../src/mm/walk-guest.js";
import { Random } from "../random.js";
import { Registers } from "./shadow-machine.js";
import { SmallMachine } from "./small-vm.js";

const RANGE = gva(0xffc05000);
const [GDT, HANDLER, STACK_TOP] = [RANGE + 0x800, RANGE + 0xc00, RANGE + 0x1ff0];
const [DIRECTORY, TABLE, CODE_FRAME] = [0x1000, 0x2000, 20];
const BASE = 0x400000;
const CODE = BASE + CODE_FRAME * 4096;
const OPEN = Pte.P | Pte.RW | Pte.US;

function machine(pae: boolean) {
  const host = new SmallMachine();
  const { core, allocator, memory: ram } = host;
  const { memory, p2m } = host.vm(64);
  const registers = Object.assign(new Registers(), {
    cr0: (Cr0.PE | Cr0.PG | Cr0.WP) >>> 0,
    cr4: pae ? Cr4.PAE : 0,
    cr3: DIRECTORY,
    pdptes: [DIRECTORY | 1, 0, 0, 0],
  });
  const bytes = pae ? 8 : 4;
  const setEntry = (page: number, value: number) => memory.write32(TABLE + bytes * page, value);
  memory.write32(DIRECTORY + bytes * (BASE >>> (pae ? 21 : 22)), TABLE | OPEN);
  for (let page = 0; page < 64; page++) setEntry(page, (page << 12) | OPEN);
  memory.write(CODE_FRAME * 4096, Uint8Array.of(0x8b, 0x03, 0x90, 0xeb, 0xfd, 0, 0, 0, 0x89, 0x03, 0x90, 0xeb, 0xfd));

  const monitor = allocator.addOwner("monitor");
  const frames = [false, true].map((writable) => ({ mfn: allocator.allocate(monitor), writable }));
  const tables = frames[0]!.mfn * 1024;
  ram.words.set([0, 0, 0xffff, 0xcf9b00, 0xffff, 0xcf9300], tables + 0x200);
  ram.words.set([(8 << 16) | (HANDLER & 0xffff), (HANDLER & 0xffff0000) | 0x8e00], tables + 14 * 2);
  ram.words[tables + 0x300] = 0xfeeb; // jmp to itself
  const flush = () => core.exports.flushTranslations();
  const mmu = new ShadowMmu(memory, registers, { flush, invlpg: flush });
  memory.onTracedStore = (gpa, size) => mmu.traceWrite(gpa, size);
  mmu.reserve(RANGE, frames);

  const { cpu } = core;
  const enter = (eip: number) => {
    cpu.setField(Cpu.CR3, mmu.rootAddress);
    for (let i = 0; i < 4; i++) cpu.setField(Cpu.PDPTE + 8 * i, mmu.root.pdpteLow(i));
    cpu.setField(Cpu.CR4, mmu.pae ? Cr4.PAE : 0);
    cpu.setField(Cpu.CR0, registers.cr0);
    cpu.gdtr = { base: GDT, limit: 23 };
    cpu.idtr = { base: RANGE, limit: 0x7ff };
    for (let seg = 0; seg < 6; seg++) {
      const access = (seg === 1 ? 0xc09b : 0xc093) | SEG_USABLE;
      cpu.setSegment(seg, { selector: seg === 1 ? 8 : 16, base: 0, limit: 0xffffffff, access });
    }
    cpu.esp = STACK_TOP;
    cpu.eip = eip;
    cpu.eflags = 2;
  };

  /** Loads or stores at `at`; returns the value, or minus one less the error code of a true fault. */
  const access = (at: number, value?: number): number => {
    for (let round = 0; round < 8; round++) {
      enter(CODE + (value === undefined ? 0 : 8));
      core.exports.refresh();
      cpu.ebx = at;
      cpu.eax = value ?? 0;
      core.run(4);
      if (cpu.eip !== HANDLER) return cpu.eax;
      const error = ram.words[(frames[1]!.mfn * 4096 + ((STACK_TOP - 16) & 0xfff)) >>> 2]!;
      const fault = mmu.handleFault(gva(cpu.cr2), error & ~PfError.USER);
      if (fault.kind === "true") return -1 - fault.errorCode;
      if (fault.kind === "trace") {
        memory.write32(fault.gpa, value!);
        return value!;
      }
      if (fault.kind === "straddle") {
        // Emulated: one word, which does not go on into the next page.
        const store = value !== undefined;
        expect(walkGuest(memory, registers, gva(at), store ? Access.WRITE : Access.READ, false)).toBe(fault.gpa);
        if (store) memory.write32(fault.gpa, value);
        return memory.read32(fault.gpa);
      }
      expect(fault.kind).toBe("hidden");
    }
    throw new Error(`access to ${at.toString(16)}: the shadow faults for ever`);
  };
  return { access, memory, mmu, p2m, setEntry, registers };
}

describe.each([{ pae: false }, { pae: true }])("PAE $pae", ({ pae }) => {
  test("loads and stores through changing tables come to the right frames", () => {
    const { access, memory, mmu, setEntry } = machine(pae);
    const random = new Random(pae ? 21 : 22);
    const maps = Array.from({ length: 64 }, (_, page) => ({ frame: page, bits: OPEN as number }));
    for (let i = 0; i < 1_500; i++) {
      const page = random.pick(8, 9, 10, 11, 40, 63);
      const at = BASE + page * 4096 + 4 * random.below(1024);
      const { frame, bits } = maps[page]!;
      const gpa = frame * 4096 + (at & 0xfff);
      if (random.chance(15)) {
        maps[page] = { frame: random.between(24, 63), bits: random.pick<number>(OPEN, OPEN, Pte.P, Pte.RW) };
        setEntry(page, (maps[page]!.frame << 12) | maps[page]!.bits);
        mmu.invlpg(gva(at));
      } else if (random.chance(50)) {
        expect(access(at)).toBe((bits & Pte.P) === 0 ? -1 : memory.read32(gpa));
      } else {
        const value = random.bits();
        const wanted = (bits & Pte.P) === 0 ? -3 : (bits & Pte.RW) === 0 ? -4 : value;
        expect(access(at, value)).toBe(wanted);
        if (wanted === value) expect(memory.read32(gpa)).toBe(value);
      }
      mmu.checkInvariant();
    }
    expect(mmu.statistics.hidden).toBeGreaterThan(100);
    expect(mmu.statistics.true).toBeGreaterThan(100);
  });

  test("the guest changes its own tables, and what it says holds after its flush", () => {
    const { access, memory, mmu } = machine(pae);
    const entry = BASE + TABLE + (pae ? 8 : 4) * 9;
    memory.write32(30 * 4096, 0x1234);
    expect(access(BASE + 9 * 4096)).toBe(0);
    access(entry, (30 << 12) | OPEN);
    mmu.invlpg(gva(BASE + 9 * 4096));
    expect(access(BASE + 9 * 4096)).toBe(0x1234);
    expect(access(entry) & 0x60).toBe(Pte.A);
    expect([mmu.statistics.unsynced, mmu.statistics.trace]).toEqual([1, 0]);
    mmu.checkInvariant();
  });
});
