/**
 * What the TLB may remember and what makes it forget (SDM 3A 4.10): stale translations are used until they are invalidated, never
 * after. Each program runs in blocks and step by step.
 */
import { describe, expect, test } from "vitest";
import { Counter, Cpu } from "../../assembly/abi/cpu.js";
import { Cr0, Cr4, Vector } from "../../assembly/abi/x86.js";
import { CODE, CORES, type Engine, FRAMES, PagingMachine, SYSTEM_BITS, TABLES, TARGET } from "./paging-machine.js";

const OTHER = 0x380000;
const PRESENT = 7n;
const TICKS = 8;
const STAY = [0xeb, 0xfe];
const OPEN = BigInt(SYSTEM_BITS);
const ENGINES: Engine[] = ["run", "step"];
const SETUPS = Object.keys(CORES).flatMap((core) => ENGINES.map((engine) => ({ core, engine })));

describe.each(SETUPS)("$core, $engine", ({ core, engine }) => {
  /** A machine whose page at TARGET is a small page; FRAMES.second holds 1s, OTHER 2s. */
  function small(mode: { pae?: boolean; pse?: boolean; wp?: boolean } = {}) {
    const machine = new PagingMachine(CORES[core]!, { pae: false, pse: false, ...mode });
    const { pde, pte } = machine.entries(TARGET, TABLES.second);
    machine.setEntry(pde, BigInt(TABLES.second) | PRESENT);
    machine.core.ram.fill(1, FRAMES.second, FRAMES.second + 4096);
    machine.core.ram.fill(2, OTHER, OTHER + 4096);
    const map = (frame: number, bits = PRESENT) => machine.setEntry(pte, BigInt(frame) | bits);
    map(FRAMES.second);
    return { machine, map, pte, ...programs(machine) };
  }

  /** Programs on a machine. */
  function programs(machine: PagingMachine) {
    const { cpu } = machine.core;
    const start = (user: boolean, registers: Partial<Record<"eax" | "ebx" | "ecx", number>>, code: number[]) => {
      machine.code(CODE, ...code, ...STAY);
      machine.enter(user, CODE);
      Object.assign(cpu, registers);
      machine.run(engine, TICKS);
    };
    /** The byte at `lin`, or the page fault's error code, negated, less one. */
    const read = (lin: number, user = false): number => {
      start(user, { eax: 0, ebx: lin }, [0x8a, 0x03]); // mov al,[ebx]
      return machine.fault === undefined ? cpu.eax : -1 - machine.fault.error;
    };
    const write = (lin: number, value: number, user = false): number => {
      start(user, { eax: value, ebx: lin }, [0x88, 0x03]); // mov [ebx],al
      return machine.fault === undefined ? 0 : -1 - machine.fault.error;
    };
    const invlpg = (lin: number) => start(false, { ebx: lin }, [0x0f, 0x01, 0x3b]);
    const setCr3 = () => start(false, { eax: cpu.cr3 }, [0x0f, 0x22, 0xd8]);
    const setCr4 = (value: number) => start(false, { eax: value }, [0x0f, 0x22, 0xe0]);
    const setCr0 = (value: number) => start(false, { eax: value }, [0x0f, 0x22, 0xc0]);
    return { start, read, write, invlpg, setCr3, setCr4, setCr0, cpu };
  }

  test("a changed entry is seen after INVLPG, on any byte of the page", () => {
    for (const offset of [0, 1, 0x7ff, 0xfff]) {
      const { map, read, invlpg } = small();
      expect(read(TARGET)).toBe(1);
      map(OTHER);
      expect(read(TARGET)).toBe(1); // stale: this machine keeps what it has translated
      invlpg(TARGET + offset);
      expect(read(TARGET)).toBe(2);
    }
  });

  test("INVLPG of another page leaves a translation", () => {
    const { map, read, invlpg } = small();
    expect(read(TARGET)).toBe(1);
    map(OTHER);
    invlpg(TARGET + 0x1000);
    expect(read(TARGET)).toBe(1);
  });

  test("a page made absent faults after INVLPG, and works again without: absence is not remembered", () => {
    const { map, read, invlpg, write } = small();
    expect(read(TARGET)).toBe(1);
    map(OTHER, 0n);
    invlpg(TARGET);
    expect(read(TARGET)).toBe(-1);
    expect(write(TARGET, 9)).toBe(-3);
    map(OTHER);
    expect(read(TARGET)).toBe(2);
  });

  test("rights that were taken away are gone after INVLPG; rights that were given are there at once", () => {
    const { map, write, invlpg } = small();
    expect(write(TARGET, 5, true)).toBe(0);
    map(FRAMES.second, 5n);
    invlpg(TARGET);
    expect(write(TARGET, 6, true)).toBe(-8);
    map(FRAMES.second, 7n);
    expect(write(TARGET, 7, true)).toBe(0);
  });

  test("a page fault forgets the translation that it was about", () => {
    const { map, read, write, machine } = small();
    expect(read(TARGET, true)).toBe(1);
    map(OTHER, 5n);
    expect(write(TARGET, 9, true)).toBe(-8);
    map(OTHER, 7n);
    expect(read(TARGET, true)).toBe(2);
    expect(machine.core.ram[FRAMES.second]).toBe(1);
  });

  test("a supervisor's translation does not let user code in, and its right to write does not pass on to user code", () => {
    const { map, read, write } = small({ wp: true });
    map(FRAMES.second, 3n);
    expect(read(TARGET)).toBe(1);
    expect(read(TARGET, true)).toBe(-6);
    expect(write(TARGET, 4)).toBe(0);
    expect(write(TARGET, 4, true)).toBe(-8);
  });

  test("MOV CR3 forgets small and large pages", () => {
    const { map, read, setCr3 } = small();
    expect(read(TARGET)).toBe(1);
    map(OTHER);
    setCr3();
    expect(read(TARGET)).toBe(2);
  });

  test("a change of CR0.WP takes effect on pages already written", () => {
    const { map, write, setCr0, cpu, machine } = small();
    map(FRAMES.second, 1n | 4n);
    expect(write(TARGET, 3)).toBe(0);
    setCr0(cpu.cr0 | Cr0.WP);
    expect(write(TARGET, 4)).toBe(-4);
    setCr0(cpu.cr0 & ~Cr0.WP);
    expect(write(TARGET, 5)).toBe(0);
    expect(machine.core.ram[FRAMES.second]).toBe(5);
  });

  test.each([
    ["PSE", Cr4.PSE],
    ["PGE", Cr4.PGE],
  ])("a change of CR4.%s forgets everything, global pages included", (_name, bit) => {
    const { map, read, setCr4, cpu } = small();
    map(FRAMES.second, PRESENT | 0x100n);
    expect(read(TARGET)).toBe(1);
    map(OTHER, PRESENT | 0x100n);
    setCr4(cpu.cr4 ^ bit);
    expect(read(TARGET)).toBe(2);
    map(FRAMES.second, PRESENT | 0x100n);
    setCr4(cpu.cr4 ^ bit);
    expect(read(TARGET)).toBe(1);
  });

  test("a global page is forgotten by INVLPG", () => {
    const { map, read, setCr4, invlpg } = small();
    setCr4(Cr4.PGE);
    map(FRAMES.second, PRESENT | 0x100n);
    expect(read(TARGET)).toBe(1);
    map(OTHER, PRESENT | 0x100n);
    invlpg(TARGET);
    expect(read(TARGET)).toBe(2);
  });

  test.each([
    { name: "4 MB", pae: false, bytes: 0x400000 },
    { name: "2 MB", pae: true, bytes: 0x200000 },
  ])("INVLPG of any 4 KB forgets a whole $name page", ({ pae, bytes }) => {
    for (const at of [0, 0x1000, 0x12345, bytes - 1]) {
      const machine = new PagingMachine(CORES[core]!, { pae, pse: true });
      const { read, invlpg } = programs(machine);
      const { pde } = machine.entries(TARGET, 0);
      machine.core.ram.fill(1, 0x400000, 0x600000);
      machine.core.ram.fill(2, 0x600000, 0x800000);
      const seen = [0, 0x11000, 0x1ff000].map((page) => TARGET + page);
      machine.setEntry(pde, 0x400000n | OPEN | 0x80n);
      expect(seen.map((lin) => read(lin))).toEqual([1, 1, 1]);
      // Small pages instead: the table's entries lead to 2s.
      machine.setEntry(pde, BigInt(TABLES.second) | OPEN);
      for (const lin of seen) machine.setEntry(machine.entries(lin, TABLES.second).pte, 0x600000n | OPEN);
      expect(seen.map((lin) => read(lin))).toEqual([1, 1, 1]);
      invlpg(TARGET + at);
      expect(seen.map((lin) => read(lin))).toEqual([2, 2, 2]);
    }
  });

  test("a write through a translation that was filled by a read sets the dirty flag", () => {
    const { machine, pte, read, write } = small();
    expect(read(TARGET)).toBe(1);
    expect(machine.entry(pte) & 0x60n).toBe(0x20n);
    expect(write(TARGET, 3)).toBe(0);
    expect(machine.entry(pte) & 0x60n).toBe(0x60n);
  });

  test("4,096 pages apart in the same TLB entry do not mix", () => {
    const { machine, read, write } = small();
    const far = TARGET + (4096 << 12);
    machine.setEntry(machine.entries(far, 0).pde, BigInt(TABLES.first) | PRESENT);
    machine.setEntry(machine.entries(far, TABLES.first).pte, BigInt(OTHER) | PRESENT);
    for (let i = 0; i < 3; i++) {
      expect(read(TARGET)).toBe(1);
      expect(read(far)).toBe(2);
    }
    expect(write(far, 7)).toBe(0);
    expect([read(TARGET), read(far)]).toEqual([1, 7]);
  });

  test("a handler is found where its page is mapped after INVLPG, in the TLB or not", () => {
    for (const evicted of [false, true]) {
      const { machine, map, start, read, invlpg, cpu } = small();
      machine.code(FRAMES.second, 0xb0, 11, ...STAY); // mov al,11
      machine.code(OTHER, 0xb0, 22, ...STAY);
      machine.put(8 * Vector.UD, 8 << 16, TARGET | 0x8e00);
      const far = TARGET + (4096 << 12);
      machine.setEntry(machine.entries(far, 0).pde, BigInt(TABLES.first) | PRESENT);
      machine.setEntry(machine.entries(far, TABLES.first).pte, BigInt(FRAMES.first) | PRESENT);
      const undefinedOpcode = () => {
        start(false, { eax: 0 }, [0x0f, 0x0b]);
        return cpu.eax;
      };
      expect([undefinedOpcode(), undefinedOpcode()]).toEqual([11, 11]);
      if (evicted) read(far);
      map(OTHER);
      invlpg(TARGET);
      expect([undefinedOpcode(), undefinedOpcode()]).toEqual([22, 22]);
      if (evicted) read(far);
      map(FRAMES.second, 0n);
      invlpg(TARGET);
      undefinedOpcode(); // the fetch faults: the handler's page is not there
      expect(machine.fault).toMatchObject({ error: 0, cr2: TARGET, eip: TARGET });
    }
  });

  test("INVLPG and a page fault move the map epoch only if code is found by the page", () => {
    const { machine, map, start, read, invlpg, cpu } = small();
    machine.code(FRAMES.second, ...STAY);
    machine.put(8 * Vector.UD, 8 << 16, TARGET | 0x8e00);
    const moved = (action: () => void) => {
      const before = cpu.field(Cpu.MAP_EPOCH);
      action();
      return cpu.field(Cpu.MAP_EPOCH) !== before;
    };
    read(TARGET);
    expect(moved(() => invlpg(TARGET))).toBe(false);
    map(FRAMES.second, 0n);
    expect(moved(() => read(TARGET))).toBe(false);
    map(FRAMES.second);
    start(false, {}, [0x0f, 0x0b]);
    // Step by step nobody remembers where the handler is.
    expect(moved(() => invlpg(TARGET))).toBe(engine === "run");
    expect(moved(() => invlpg(TARGET))).toBe(false);
  });

  test("generations may wrap without old translations coming back", () => {
    const { map, read, setCr3, machine } = small();
    expect(read(TARGET)).toBe(1);
    map(OTHER);
    const before = machine.core.cpu.counter(Counter.TLB_FLUSHES);
    while (machine.core.cpu.counter(Counter.TLB_FLUSHES) < before + 2046) machine.core.exports.flushTranslations();
    setCr3();
    expect(read(TARGET)).toBe(2);
  });

  test("the A20 gate folds odd megabytes onto even ones, and opening it unfolds them", () => {
    const { machine, map, read } = small();
    map(0x300000);
    machine.core.ram.fill(3, 0x300000, 0x301000);
    machine.core.ram.fill(4, 0x200000, 0x201000);
    expect(read(TARGET)).toBe(3);
    machine.core.setA20(false);
    expect(read(TARGET)).toBe(4);
    machine.core.setA20(true);
    expect(read(TARGET)).toBe(3);
  });

  test("frames above 4 GB and page tables there are not memory", () => {
    const { machine, pte, read, write } = small({ pae: true });
    machine.setEntry(pte, 0x100000000n | PRESENT);
    machine.put(0, 0xcafe); // physical 0 must not answer for 4 GB
    expect(read(TARGET)).toBe(0xff);
    expect(write(TARGET, 1)).toBe(0);
    expect(machine.word(0)).toBe(0xcafe);
    machine.setEntry(machine.entries(TARGET, 0).pde, 0x100000000n | PRESENT);
    machine.core.exports.flushTranslations();
    expect(read(TARGET)).toBe(-10); // all ones: reserved bits set
  });

  test("PDPTE registers are loaded by MOV CR3, kept until the next one, and refused with reserved bits", () => {
    const { machine, read, setCr3 } = small({ pae: true });
    expect(read(TARGET)).toBe(1);
    machine.put(TABLES.pdpt + 8, TABLES.directory | 1);
    expect(read(TARGET + 0x40000000)).toBe(-1);
    setCr3();
    expect(read(TARGET + 0x40000000)).toBe(1);
    machine.put(TABLES.pdpt + 8, 0);
    expect(read(TARGET + 0x40001000 - 1)).toBe(1);
    for (const bad of [2, 4, 0x20, 0x100]) {
      machine.put(TABLES.pdpt + 24, 1 | bad);
      setCr3();
      expect(machine.vector).toBe(Vector.GP);
      expect(read(TARGET + 0x40000000)).toBe(1); // the refused load changed nothing
    }
    machine.put(TABLES.pdpt + 24, 0x1e6);
    setCr3();
    expect(machine.vector).toBe(undefined); // reserved bits of an absent entry do not matter
    expect(read(TARGET + 0x40000000)).toBe(-1);
  });

  test("an access across the end of a PDPTE's gigabyte faults on the missing half and writes nothing", () => {
    const { machine, start, cpu } = small({ pae: true });
    const { pde, pte } = machine.entries(0x3ffff000, TABLES.first);
    machine.setEntry(pde, BigInt(TABLES.first) | PRESENT);
    machine.setEntry(pte, BigInt(OTHER) | PRESENT);
    start(false, { eax: 0x99999999, ebx: 0x3ffffffd }, [0x89, 0x03]);
    expect(machine.fault).toEqual({ error: 2, cr2: 0x40000000, eip: CODE });
    expect(machine.word(OTHER + 0xffc)).toBe(0x02020202);
    expect(machine.entry(pte) & 0x40n).toBe(0n);
    expect(cpu.eax).toBe(0x99999999);
  });

  test("an access across the top of the linear space goes on at its bottom", () => {
    const { machine, cpu } = small();
    const { pde, pte } = machine.entries(0xfffff000, TABLES.first);
    machine.setEntry(pde, BigInt(TABLES.first) | PRESENT);
    machine.setEntry(pte, BigInt(OTHER) | PRESENT);
    machine.put(0, 0x44332211);
    // A limit of 4 GB - 1 does not let an offset wrap; a segment base does: offset 100, base FFFFFEFE.
    const ds = cpu.segment(3);
    cpu.setSegment(3, { ...ds, base: 0xfffffefe });
    machine.code(CODE, 0x8b, 0x03, ...STAY);
    machine.enter(false, CODE);
    cpu.setSegment(3, { ...ds, base: 0xfffffefe });
    cpu.ebx = 0x100;
    machine.run(engine, TICKS);
    expect(machine.vector).toBe(undefined);
    expect(cpu.eax).toBe(0x22110202);
  });

  test("counters tell walks, flushes and single-page flushes apart", () => {
    const { machine, read, invlpg, setCr3, setCr4, cpu } = small();
    const delta = (counter: Counter, action: () => void) => {
      const before = machine.core.cpu.counter(counter);
      action();
      return machine.core.cpu.counter(counter) - before;
    };
    read(TARGET);
    expect(delta(Counter.TLB_MISSES, () => read(TARGET))).toBe(0);
    expect(delta(Counter.TLB_FLUSH_PAGES, () => invlpg(TARGET))).toBe(1);
    expect(delta(Counter.TLB_MISSES, () => read(TARGET))).toBe(1);
    expect(delta(Counter.TLB_FLUSHES, setCr3)).toBe(1);
    expect(delta(Counter.TLB_FLUSHES, () => setCr4(cpu.cr4))).toBe(0);
    expect(delta(Counter.TLB_FLUSHES, () => setCr4(cpu.cr4 ^ Cr4.PGE))).toBe(1);
  });

  test("looking at memory from outside sets no flag and keeps a pending CR2", () => {
    const { machine, pte, cpu } = small();
    cpu.cr2 = 0x1234;
    expect(machine.core.readLinear(TARGET, 4)).toEqual(Uint8Array.of(1, 1, 1, 1));
    expect(machine.core.readLinear(TARGET + 0x1000, 4)).toBe(undefined);
    expect(machine.entry(pte) & 0x60n).toBe(0n);
    expect([cpu.cr2, cpu.field(Cpu.STOP)]).toEqual([0x1234, 0]);
  });
});
