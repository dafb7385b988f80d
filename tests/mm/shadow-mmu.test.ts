/** What each part of shadow paging does, one at a time, with exact counts of faults. */
import { describe, expect, test } from "vitest";
import { FrameType } from "../../assembly/abi/ept.js";
import { Cr0, Cr4, Pte } from "../../assembly/abi/x86.js";
import { gfn, gpa, gva } from "../../src/address.js";
import { DirtyLog } from "../../src/mm/dirty-log.js";
import { FORMAT_32, tableIndex } from "../../src/mm/shadow/format.js";
import { View } from "../../src/mm/shadow/role.js";
import type { ShadowOptions } from "../../src/mm/shadow/shadow-mmu.js";
import { ShadowMachine } from "./shadow-machine.js";

const DIRECTORY = 0x1000;
const OTHER_DIRECTORY = 0x2000;
const TABLE = 0x3000;
const BASE = 0x400000;
const OPEN = Pte.P | Pte.RW | Pte.US;

/** A guest with paging on: pages 0 to 31 from BASE are frames 0 to 31, by one table. */
function guest(options: ShadowOptions & { compressed?: boolean; wp?: boolean; pae?: boolean } = {}) {
  const machine = new ShadowMachine(2048, [], { prefetch: 1, ...options });
  const { memory } = machine.vm;
  const { registers, mmu } = machine;
  const bytes = options.pae ? 8 : 4;
  const put = (directory: number) =>
    memory.write32(directory + bytes * (BASE >>> (options.pae ? 21 : 22)), TABLE | OPEN);
  for (let i = 0; i < 32; i++) memory.write32(TABLE + bytes * i, (i << 12) | OPEN);
  put(DIRECTORY);
  put(OTHER_DIRECTORY);
  registers.cr0 = Cr0.PE | Cr0.PG | (options.wp === false ? 0 : Cr0.WP);
  registers.cr4 = options.pae ? Cr4.PAE : Cr4.PSE;
  registers.cr3 = DIRECTORY;
  registers.pdptes = [DIRECTORY | 1, 0, 0, 0];
  mmu.reload();
  const at = (page: number) => gva(BASE + page * 4096);
  const read = (page: number, user = false) => machine.access(at(page), false, user);
  const write = (page: number, user = false, value = 0, offset = 0) =>
    machine.access(gva(at(page) + offset), true, user, value);
  /** How much each counter grew, those that did. */
  const counts = (action: () => void) => {
    const before = { ...mmu.statistics };
    action();
    mmu.checkInvariant();
    machine.checkTlb();
    const grown = Object.entries(mmu.statistics).map(([name, now]) => [name, now - before[name as "faults"]] as const);
    return Object.fromEntries(grown.filter(([name, n]) => n !== 0 && !/created|flush|stores/.test(name)));
  };
  const setEntry = (page: number, value: number) => memory.write32(TABLE + bytes * page, value);
  const shadowEntry = (page: number) => {
    const directory = mmu.root.directory(BASE)!;
    const table = directory.children[options.pae ? BASE >>> 21 : BASE >>> 22]!;
    return mmu.tables.entry(table, tableIndex(FORMAT_32, page << 12));
  };
  return { machine, mmu, memory, registers, at, read, write, counts, setEntry, shadowEntry };
}

describe.each([
  { name: "32-bit", pae: false },
  { name: "PAE", pae: true },
])("$name", ({ pae }) => {
  test("the first access is a hidden fault, the first store another that sets D, and then there are none", () => {
    const { read, write, counts, memory, shadowEntry } = guest({ pae });
    expect(counts(() => expect(read(9)).toEqual({ gfn: 9 }))).toEqual({ faults: 1, hidden: 1 });
    expect([memory.read32(TABLE + (pae ? 72 : 36)) & 0x60, shadowEntry(9) & 0x62]).toEqual([Pte.A, Pte.A]);
    expect(counts(() => read(9))).toEqual({});
    expect(counts(() => write(9))).toEqual({ faults: 1, hidden: 1 });
    expect([memory.read32(TABLE + (pae ? 72 : 36)) & 0x60, shadowEntry(9) & 0x62]).toEqual([0x60, 0x62]);
    expect(counts(() => write(9))).toEqual({});
  });

  test("near the end of a page, flags are the processor's to set if the next page faults", () => {
    const { mmu, at, memory, setEntry } = guest({ pae });
    const fault = (page: number, offset: number, error: number) => mmu.handleFault(gva(at(page) + offset), error).kind;
    const flags = (page: number) => memory.read32(TABLE + (pae ? 8 : 4) * page) & (Pte.A | Pte.D);
    setEntry(11, 0);
    expect([fault(10, 0xffe, 2), flags(10)]).toEqual(["straddle", 0]);
    expect([fault(10, 0xf00, 0), flags(10)]).toEqual(["hidden", Pte.A]);
    expect([fault(10, 0xffe, 0), fault(10, 0xffe, 2), flags(10)]).toEqual(["hidden", "straddle", Pte.A]);
    setEntry(10, (10 << 12) | OPEN | Pte.A | Pte.D);
    expect(fault(10, 0xffe, 2)).toBe("hidden");
    expect([fault(12, 0xffe, 2), flags(12), flags(13)]).toEqual(["hidden", Pte.A | Pte.D, 0]);
  });

  test("faults of the guest's tables are true faults, with its error codes", () => {
    const { read, write, counts, setEntry } = guest({ pae });
    setEntry(8, 8 << 12);
    setEntry(9, (9 << 12) | Pte.P | Pte.US);
    setEntry(10, (10 << 12) | Pte.P | Pte.RW | 0x80);
    expect(counts(() => expect(read(8)).toEqual({ error: 0 }))).toEqual({ faults: 1, true: 1 });
    expect(counts(() => expect(write(9, true)).toEqual({ error: 7 }))).toEqual({ faults: 1, true: 1 });
    expect(counts(() => expect(write(9)).toEqual({ error: 3 }))).toEqual({ faults: 1, true: 1 });
    expect(counts(() => expect(read(10, true)).toEqual({ error: 13 }))).toEqual({ faults: 1, true: 1 });
    expect(counts(() => expect(read(40)).toEqual({ error: 0 }))).toEqual({ faults: 1, true: 1 });
  });

  test("a store to a directory is traced; one to a leaf table leaves it to the guest until CR3 is loaded", () => {
    const { read, write, counts, mmu, machine } = guest({ pae });
    read(9);
    expect(counts(() => expect(write(1, false, 0)).toEqual({ gfn: 1 }))).toEqual({ faults: 1, trace: 1 });
    const entry = pae ? 9 * 8 : 9 * 4;
    expect(counts(() => write(3, false, (12 << 12) | OPEN, entry))).toEqual({ faults: 1, hidden: 1, unsynced: 1 });
    expect(machine.vm.p2m.type(3)).toBe(FrameType.RAM);
    expect(counts(() => expect(read(9)).toEqual({ gfn: 9 }))).toEqual({});
    expect(counts(() => mmu.reload())).toEqual({ resynced: 1 });
    expect(machine.vm.p2m.type(3)).toBe(FrameType.TRACED);
    expect(counts(() => expect(read(9)).toEqual({ gfn: 12 }))).toEqual({ faults: 1, hidden: 1 });
  });

  test("a table left to the guest is in step where a directory entry comes to name it anew", () => {
    const { read, write, machine, memory } = guest({ pae });
    expect(read(9)).toEqual({ gfn: 9 });
    write(3, false, (12 << 12) | OPEN, pae ? 72 : 36);
    memory.write32(DIRECTORY + (pae ? 8 : 4) * 5, TABLE | OPEN);
    expect(machine.access(gva(((pae ? 5 << 21 : 5 << 22) | 0x9000) >>> 0), false, false)).toEqual({ gfn: 12 });
    expect(read(9)).toEqual({ gfn: 12 });
    machine.mmu.checkInvariant();
  });

  test("flags that the guest clears are set again after its flush, at both levels", () => {
    const { read, write, counts, memory, mmu } = guest({ pae });
    const bytes = pae ? 8 : 4;
    const directory = DIRECTORY + bytes * (BASE >>> (pae ? 21 : 22));
    write(9);
    for (const clear of [
      () => memory.write32(directory, TABLE | OPEN),
      () => memory.write32(TABLE + bytes * 9, 0x9000 | OPEN),
    ]) {
      clear();
      mmu.reload();
      expect(counts(() => read(9))).toEqual({ faults: 1, hidden: 1 });
      expect(memory.read32(directory) & memory.read32(TABLE + bytes * 9) & Pte.A).toBe(Pte.A);
    }
    expect(memory.read32(TABLE + bytes * 9) & Pte.D).toBe(0);
    expect(counts(() => write(9))).toEqual({ faults: 1, hidden: 1 });
  });

  test("INVLPG of one page sees its entry, and leaves the table to the guest", () => {
    const { read, write, counts, mmu, at } = guest({ pae });
    for (const page of [8, 9]) read(page);
    const bytes = pae ? 8 : 4;
    for (const page of [8, 9]) write(3, false, ((page + 10) << 12) | OPEN, bytes * page);
    expect([read(8), read(9)]).toEqual([{ gfn: 8 }, { gfn: 9 }]);
    expect(counts(() => mmu.invlpg(at(9)))).toEqual({});
    expect([read(8), read(9)]).toEqual([{ gfn: 8 }, { gfn: 19 }]);
  });

  test("an address space that was left is still filled when it comes back", () => {
    const { read, counts, mmu, registers } = guest({ pae });
    for (let page = 8; page < 12; page++) read(page);
    registers.cr3 = OTHER_DIRECTORY;
    registers.pdptes = [OTHER_DIRECTORY | 1, 0, 0, 0];
    mmu.reload();
    expect(counts(() => read(8))).toEqual({ faults: 1, hidden: 1 });
    expect(counts(() => read(9))).toEqual({});
    registers.cr3 = DIRECTORY;
    registers.pdptes = [DIRECTORY | 1, 0, 0, 0];
    mmu.reload();
    for (let page = 8; page < 12; page++) expect(counts(() => read(page))).toEqual({});
  });

  test("while paging is off every address is its own", () => {
    const { machine, counts, registers, mmu } = guest({ pae });
    registers.cr0 &= ~Cr0.PG;
    mmu.reload();
    expect(counts(() => expect(machine.access(gva(0x5004), true, false, 7)).toEqual({ gfn: 5 }))).toEqual({
      faults: 1,
      hidden: 1,
    });
    expect(machine.vm.memory.read32(0x5004)).toBe(7);
    registers.a20Mask = 0xffefffff;
    mmu.a20Changed();
    expect(machine.access(gva(0x105004), true, false, 8)).toEqual({ gfn: 5 });
    expect(mmu.pae).toBe(false);
  });

  test("a large page of the guest is split, and its dirty flag is the whole page's", () => {
    const { machine, counts, memory, mmu } = guest({ pae });
    const entry = DIRECTORY + (pae ? 8 * 4 : 4 * 2);
    memory.write32(entry, 0x400000 | OPEN | Pte.PS);
    const access = (page: number, store: boolean) => machine.access(gva(0x800000 + page * 4096), store, true);
    expect(counts(() => expect(access(3, false)).toEqual({ gfn: 0x403 }))).toEqual({ faults: 1, hidden: 1 });
    expect(counts(() => access(500, false))).toEqual({ faults: 1, hidden: 1 });
    expect(memory.read32(entry) & 0x60).toBe(Pte.A);
    expect(counts(() => access(3, true))).toEqual({ faults: 1, hidden: 1 });
    expect(memory.read32(entry) & 0x60).toBe(0x60);
    expect(counts(() => access(500, true))).toEqual({ faults: 1, hidden: 1 });
    memory.write32(entry, 0);
    mmu.invlpg(gva(0x800000));
    expect(access(500, true)).toEqual({ error: 6 });
  });
});

test("prefetching fills what was accessed before, and sets no flag", () => {
  const { read, write, counts, memory, mmu, setEntry } = guest({ prefetch: 8 });
  for (const page of [9, 11]) setEntry(page, (page << 12) | OPEN | Pte.A | Pte.D);
  expect(counts(() => read(8))).toEqual({ faults: 1, hidden: 1, prefetched: 2 });
  expect(counts(() => write(11))).toEqual({});
  expect(memory.read32(TABLE + 40) & Pte.A).toBe(0);
  expect(counts(() => read(10))).toEqual({ faults: 1, hidden: 1 });
  mmu.checkInvariant();
});

test("with CR0.WP clear the kernel stores to read-only pages and user code still cannot", () => {
  const { read, write, counts, setEntry } = guest({ wp: false });
  setEntry(9, (9 << 12) | Pte.P | Pte.US);
  expect(counts(() => expect(write(9)).toEqual({ gfn: 9 }))).toEqual({ faults: 1, hidden: 1 });
  expect(write(9, true)).toEqual({ error: 7 });
  expect(counts(() => expect(read(9, true)).toEqual({ gfn: 9 }))).toEqual({ faults: 1, hidden: 1 });
  expect(write(9, true)).toEqual({ error: 7 });
  expect(write(9)).toEqual({ gfn: 9 });
});

test("without unsync each store to a leaf table is traced, until it looks like data", () => {
  const { read, write, counts, mmu, at } = guest({ unsync: false, floodLimit: 3 });
  read(9);
  for (let i = 0; i < 3; i++) {
    expect(counts(() => write(3, false, ((12 + i) << 12) | OPEN, 36))).toEqual({ faults: 1, trace: 1 });
  }
  mmu.invlpg(at(9));
  expect(read(9)).toEqual({ gfn: 14 });
  for (let i = 0; i < 3; i++) write(3, false, (i << 12) | OPEN, 64);
  // The way to the table leads through the table itself here, so it is traced again at once.
  expect(counts(() => write(3, false, OPEN, 64))).toEqual({ faults: 1, trace: 1, flooded: 1 });
});

test("few tables serve a guest that needs many", () => {
  const machine = new ShadowMachine(1024, [], { maxFrames: 16, prefetch: 1 });
  const { registers, mmu, vm } = machine;
  for (let i = 0; i < 64; i++) {
    vm.memory.write32(DIRECTORY + 4 * i, (0x10000 + i * 4096) | OPEN);
    vm.memory.write32(0x10000 + i * 4096, ((200 + i) << 12) | OPEN);
  }
  registers.cr0 = Cr0.PE | Cr0.PG;
  registers.cr3 = DIRECTORY;
  mmu.reload();
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < 64; i++) {
      expect(machine.access(gva(i << 22), true, false)).toEqual({ gfn: 200 + i });
      expect(mmu.frames).toBeLessThanOrEqual(16);
    }
    mmu.checkInvariant();
  }
  expect(mmu.statistics.evicted).toBeGreaterThan(100);
  mmu.destroy();
  vm.p2m.destroy();
  expect(machine.host.allocator.framesByOwner()).toEqual(new Map());
});

test("shadow tables make do with the frames the machine has left", () => {
  const { machine, read, mmu, memory } = guest();
  const { allocator } = machine.host;
  const hog = allocator.addOwner("hog");
  while (allocator.free > 2) allocator.allocate(hog);
  for (let i = 8; i < 40; i++) memory.write32(DIRECTORY + 4 * i, (TABLE + (i << 12)) | OPEN);
  for (let i = 8; i < 40; i++) {
    memory.write32(TABLE + (i << 12), (9 << 12) | OPEN);
    expect(machine.access(gva(i << 22), true, true)).toEqual({ gfn: 9 });
  }
  expect(read(9)).toEqual({ gfn: 9 });
  mmu.checkInvariant();
});

test("nothing there, ROM: the VMM is told, and no flag is set", () => {
  const { machine, read, write, counts, setEntry, memory } = guest();
  const rom = machine.vm.p2m.allocator.allocate(machine.vm.owners.vm);
  machine.vm.p2m.map(gfn(0xf0000), rom, FrameType.ROM);
  setEntry(8, 0xb8000000 | OPEN);
  setEntry(9, 0xf0000000 | OPEN);
  expect(machine.mmu.handleFault(gva(BASE + 0x8123), 0)).toEqual({ kind: "mmio", gpa: 0xb8000123 });
  expect(machine.mmu.handleFault(gva(BASE + 0x9123), 2)).toEqual({ kind: "rom", gpa: 0xf0000123 });
  expect([memory.read32(TABLE + 32), memory.read32(TABLE + 36)]).toEqual([
    (0xb8000000 | OPEN) >>> 0,
    (0xf0000000 | OPEN) >>> 0,
  ]);
  setEntry(9, (0xf0000000 | OPEN | Pte.A | Pte.D) >>> 0);
  expect(counts(() => read(9))).toEqual({ faults: 1, hidden: 1 });
  expect(counts(() => write(9))).toEqual({ faults: 1, rom: 1 });
});

test("the dirty log sees the first store by each way to a frame", () => {
  const { machine, read, write, counts, setEntry } = guest();
  setEntry(10, (9 << 12) | OPEN);
  for (const page of [9, 10]) write(page);
  for (const kind of ["protect", "flags"] as const) {
    const log = new DirtyLog(machine.vm.p2m, kind, gfn(0), 64);
    read(9);
    expect([...log.take()]).toEqual([0, 0]);
    expect(counts(() => write(9))).toEqual({ faults: 1, hidden: 1 });
    expect(counts(() => write(10))).toEqual({ faults: 1, hidden: 1 });
    expect(counts(() => write(10))).toEqual({});
    expect([...log.take()]).toEqual([1 << 9, 0]);
    log.stop();
  }
});

test("a frame that goes away is gone from every table and the TLB, also one that holds tables", () => {
  const { machine, write, counts, at } = guest();
  const { p2m } = machine.vm;
  write(9);
  p2m.discard(gfn(9));
  expect(machine.mmu.handleFault(at(9), 2)).toEqual({ kind: "mmio", gpa: 0x9000 });
  p2m.populate(gfn(9), 1);
  expect(counts(() => expect(write(9)).toEqual({ gfn: 9 }))).toEqual({ faults: 1, hidden: 1 });
  p2m.discard(gfn(1));
  machine.mmu.checkInvariant();
  // The directory reads as all ones now: large pages with reserved bits.
  expect(write(9)).toEqual({ error: 0xb });
  p2m.populate(gfn(1), 1);
  machine.mmu.checkInvariant();
  machine.vm.memory.write32(DIRECTORY + 4 * (BASE >>> 22), TABLE | OPEN);
  expect(write(9)).toEqual({ gfn: 9 });
});

describe("the VMM's range", () => {
  const RANGE = gva(0xffc00000 + 0x5000);

  test.each([false, true])("is in every address space, with PAE %s", (pae) => {
    const { machine, mmu, registers, read } = guest({ pae });
    const { allocator, memory } = machine.host;
    const monitor = allocator.addOwner("monitor");
    const frames = [true, false].map((writable) => ({ mfn: allocator.allocate(monitor), writable }));
    mmu.reserve(RANGE, frames);
    const lookUp = () => {
      const { words } = memory;
      const directory = (pae ? words[mmu.rootAddress / 4 + 6]! & ~0xfff : mmu.rootAddress) >>> 2;
      const table = (words[directory + (pae ? 2 * 510 : 1023)]! & ~0xfff) >>> 2;
      return [5, 6, 7].map((i) => words[table + (pae ? 2 * i : i)]!);
    };
    const wanted = [(frames[0]!.mfn << 12) | 0x63, (frames[1]!.mfn << 12) | 0x21, 0];
    expect(lookUp()).toEqual(wanted);
    expect(read(9)).toEqual({ gfn: 9 });
    registers.cr3 = OTHER_DIRECTORY;
    registers.pdptes = [OTHER_DIRECTORY | 1, 0, 0, 0];
    mmu.reload();
    expect(lookUp()).toEqual(wanted);
    registers.cr0 &= ~Cr0.PG;
    mmu.reload();
    if (!pae) expect(lookUp()).toEqual(wanted);
    expect(mmu.handleFault(RANGE, 2)).toEqual({ kind: "reserved" });
    mmu.checkInvariant();
  });

  test("shares its directory entry with the guest's pages", () => {
    const { machine, mmu, memory } = guest();
    const { allocator } = machine.host;
    mmu.reserve(RANGE, [{ mfn: allocator.allocate(allocator.addOwner("monitor")), writable: true }]);
    memory.write32(DIRECTORY + 4 * 1023, TABLE | OPEN);
    expect(machine.access(gva(0xffc06000), true, true)).toEqual({ gfn: 6 });
    mmu.checkInvariant();
    memory.write32(DIRECTORY + 4 * 1023, 0);
    mmu.invlpg(gva(0xffc06000));
    expect(machine.access(gva(0xffc06000), true, true)).toEqual({ error: 6 });
    mmu.checkInvariant();
  });

  test("is refused where it cannot be", () => {
    const { mmu } = guest();
    expect(() =>
      mmu.reserve(
        gva(0x1ff000),
        [0, 1].map((mfn) => ({ mfn: mfn as never, writable: false })),
      ),
    ).toThrow("2 MB");
    expect(() => mmu.reserve(gva(0x100), [{ mfn: 1 as never, writable: false }])).toThrow("whole pages");
  });
});

test("with a view for each privilege, the kernel reaches everything from CPL 3 and user code only what is its own", () => {
  const { machine, read, write, setEntry } = guest({ compressed: true });
  setEntry(9, (9 << 12) | Pte.P | Pte.RW);
  setEntry(10, (10 << 12) | Pte.P | Pte.US);
  expect([write(9), read(9, true), write(10), read(10, true)]).toEqual([
    { gfn: 9 },
    { error: 5 },
    { error: 3 },
    { gfn: 10 },
  ]);
  machine.mmu.setView(View.USER);
  expect(machine.mmu.handleFault(gva(BASE + 0x9000), 0)).toEqual({ kind: "reserved" });
  machine.mmu.checkInvariant();
});

test("a store by a device to a traced table is seen at once", () => {
  const { read, memory, mmu, machine } = guest();
  expect(read(9)).toEqual({ gfn: 9 });
  memory.write(TABLE + 30, Uint8Array.of(0, 0, 0, 0, 0, 0, OPEN, 0xb0, 0, 0));
  mmu.invlpg(gva(BASE + 0x9000));
  expect(read(9)).toEqual({ gfn: 11 });
  mmu.traceWrite(gpa(TABLE + 4094), 4);
  mmu.checkInvariant();
  machine.checkTlb();
});
