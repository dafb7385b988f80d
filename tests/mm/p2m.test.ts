/** The map as EPT tables: what an independent walk of the entries finds, dirty logs of both kinds, large entries, and giving all back. */
import { describe, expect, test } from "vitest";
import { Ept, FrameType } from "../../assembly/abi/ept.js";
import { type Gfn, gfn, type Mfn, mfn } from "../../src/address.js";
import { DirtyLog, type DirtyLogKind } from "../../src/mm/dirty-log.js";
import { NO_FRAME, type P2m } from "../../src/mm/p2m.js";
import { Random } from "../random.js";
import { guestFrames, SmallMachine } from "./small-vm.js";

/** Walks the entries as the manual has it: SDM 3C 28.2.2. */
function walk(p2m: P2m, frame: number): { mfn: number; entry: bigint } | undefined {
  const view = new DataView(p2m.memory.bytes.buffer, p2m.memory.bytes.byteOffset, p2m.memory.bytes.length);
  let table = BigInt(p2m.eptp) & 0xffffff000n;
  for (const shift of [27, 18, 9, 0]) {
    const index = Math.floor(frame / 2 ** shift) % 512;
    const entry = view.getBigUint64(Number(table) + 8 * index, true);
    if ((entry & 7n) === 0n) return undefined;
    const large = (entry & 0x80n) !== 0n;
    const base = Number((entry >> 12n) & 0xffffffn);
    if (shift === 0 || large) return { mfn: base + (large ? frame % 2 ** shift : 0), entry };
    expect(entry & 7n).toBe(7n);
    table = entry & 0xffffff000n;
  }
  return undefined;
}

test("every guest frame leads to a frame of its own, by the map and by its tables", () => {
  const machine = new SmallMachine();
  const { p2m, owners } = machine.vm(600);
  const seen = new Set<number>();
  for (const frame of guestFrames(600)) {
    const found = walk(p2m, frame)!;
    expect(found.mfn).toBe(p2m.mfn(frame));
    expect(machine.allocator.ownerOf(mfn(found.mfn))).toBe(owners.vm);
    expect(found.entry & 0xfffn).toBe(BigInt(Ept.R | Ept.W | Ept.X | Ept.WB));
    seen.add(found.mfn);
  }
  expect(seen.size).toBe(600);
  expect([p2m.mfn(600), p2m.type(600), p2m.mfn(0xffffff)]).toEqual([NO_FRAME, FrameType.ABSENT, NO_FRAME]);
  expect(p2m.eptp & 0xfff).toBe(0x5e);
});

test("types and rights show in the entries", () => {
  const { p2m, owners } = new SmallMachine().vm(4);
  const rom = p2m.allocator.allocate(owners.vm);
  p2m.map(gfn(0xfffff), rom, FrameType.ROM);
  expect(walk(p2m, 0xfffff)).toEqual({ mfn: rom, entry: (1n << 52n) | BigInt(rom * 4096 + 0x35) });
  expect([p2m.writable(0xfffff), p2m.mayWrite(0xfffff)]).toEqual([false, false]);
  p2m.setTraced(gfn(2), true);
  expect(walk(p2m, 2)!.entry & ((3n << 52n) | 7n)).toBe((2n << 52n) | 5n);
  expect([p2m.type(2), p2m.writable(2), p2m.mayWrite(2)]).toEqual([FrameType.TRACED, false, true]);
  p2m.setTraced(gfn(2), false);
  expect([p2m.type(2), p2m.writable(2)]).toEqual([FrameType.RAM, true]);
  p2m.setTraced(gfn(0xfffff), true);
  expect(p2m.type(0xfffff)).toBe(FrameType.ROM);
  p2m.map(gfn(3), p2m.unmap(gfn(3)) as Mfn, FrameType.RAM, Ept.R);
  p2m.setTraced(gfn(3), true);
  expect([p2m.type(3), p2m.mayWrite(3), walk(p2m, 3)!.entry & 7n]).toEqual([FrameType.RAM, false, 1n]);
});

test("a VM can map no frame it does not hold; a granted one it can", () => {
  const machine = new SmallMachine();
  const a = machine.vm(4, "a");
  const b = machine.vm(4, "b");
  const frame = a.p2m.mfn(1) as Mfn;
  expect(() => b.p2m.map(gfn(9), frame)).toThrow("not one of b");
  machine.allocator.grant(frame, a.owners.vm, b.owners.vm);
  b.p2m.map(gfn(9), frame);
  a.memory.write32(0x1008, 77);
  expect(b.memory.read32(0x9008)).toBe(77);
  a.p2m.destroy();
  expect(b.memory.read32(0x9008)).toBe(77);
  b.p2m.destroy();
  expect(machine.allocator.framesByOwner()).toEqual(new Map());
});

test("listeners hear of what goes away", () => {
  const { p2m } = new SmallMachine().vm(8);
  const heard: unknown[] = [];
  const before = p2m.mfn(3);
  p2m.listen({
    mapped: (frame) => heard.push(["mapped", frame]),
    unmapped: (frame, old) => heard.push(["unmapped", frame, old === before, p2m.mfn(frame)]),
    restricted: (frame) => heard.push(["restricted", frame]),
  });
  const frame = p2m.unmap(gfn(3)) as Mfn;
  p2m.map(gfn(3), frame);
  p2m.setTraced(gfn(4), true);
  p2m.setTraced(gfn(4), false);
  p2m.setLogged(gfn(5), true);
  p2m.setLogged(gfn(5), false);
  expect(heard).toEqual([
    ["unmapped", 3, true, NO_FRAME],
    ["mapped", 3],
    ["restricted", 4],
    ["restricted", 5],
  ]);
});

describe.each(["protect", "flags"] as const)("dirty log by %s", (kind: DirtyLogKind) => {
  test("stores show once, in order of frames, and never outside the range", () => {
    const { p2m, memory } = new SmallMachine().vm(100);
    const log = new DirtyLog(p2m, kind, gfn(10), 70);
    const bits = () => {
      const found: number[] = [];
      log.take().forEach((word, i) => {
        for (let bit = 0; bit < 32; bit++) if (((word >>> bit) & 1) !== 0) found.push(10 + 32 * i + bit);
      });
      return found;
    };
    expect(bits()).toEqual([]);
    memory.write32(9 * 4096, 1);
    memory.write8(11 * 4096, 1);
    memory.write(42 * 4096 - 1, Uint8Array.of(1, 2));
    memory.write32(80 * 4096, 1);
    memory.write32(79 * 4096, 1);
    memory.setBits(60 * 4096, 0x20); // a walk sets the accessed flag of an entry
    expect([log.isClean(11), log.isClean(12), log.isClean(9)]).toEqual([false, true, false]);
    expect(bits()).toEqual([11, 41, 42, 60, 79]);
    expect(bits()).toEqual([]);
    expect(log.isClean(11)).toBe(true);
    if (kind === "protect") expect(p2m.writable(11)).toBe(false);
    memory.write8(11 * 4096, 2);
    expect(p2m.writable(11)).toBe(true);
    expect(bits()).toEqual([11]);
    log.stop();
    expect(guestFrames(100).every((frame) => p2m.writable(frame))).toBe(true);
  });

  test("a traced frame stays protected for its tracing, whatever the log does", () => {
    const { p2m, memory } = new SmallMachine().vm(8);
    p2m.setTraced(gfn(1), true);
    const log = new DirtyLog(p2m, kind, gfn(0), 8);
    memory.write8(4096, 1);
    expect([p2m.writable(1), p2m.type(1), log.isClean(1)]).toEqual([false, FrameType.TRACED, false]);
    expect([...log.take()]).toEqual([2]);
    p2m.setTraced(gfn(1), false);
    expect(p2m.writable(1)).toBe(kind === "flags");
    log.stop();
    expect(p2m.writable(1)).toBe(true);
  });
});

test("accessed flags are harvested once", () => {
  const { p2m } = new SmallMachine().vm(8);
  p2m.memory.words[p2m.tables.find(3)]! |= Ept.A;
  p2m.memory.words[p2m.tables.find(6)]! |= Ept.A | Ept.D;
  const harvest = () => {
    const found: Gfn[] = [];
    p2m.harvestAccessed(gfn(0), 8, (frame) => found.push(frame));
    return found;
  };
  expect(harvest()).toEqual([3, 6]);
  expect(harvest()).toEqual([]);
  expect(p2m.isDirty(6)).toBe(true);
});

test("2 MB entries map and split alike, and destroying gives everything back", () => {
  const machine = new SmallMachine(32 << 20);
  const { p2m, memory } = machine.vm(1200, "vm", true);
  expect(p2m.tables.path(5)).toHaveLength(3);
  expect(p2m.tables.path(1100)).toHaveLength(4);
  for (const frame of guestFrames(1200)) memory.write32(frame * 4096, frame);
  const before = guestFrames(1200).map((frame) => p2m.mfn(frame));
  p2m.setTraced(gfn(700), true);
  p2m.discard(gfn(3));
  for (const frame of guestFrames(1200)) {
    expect(walk(p2m, frame)?.mfn ?? NO_FRAME).toBe(frame === 3 ? NO_FRAME : before[frame]);
    expect(memory.read32(frame * 4096)).toBe(frame === 3 ? 0xffffffff : frame);
  }
  expect(p2m.tables.path(5)).toHaveLength(4);
  p2m.destroy();
  expect(machine.allocator.framesByOwner()).toEqual(new Map());
  expect(machine.allocator.free).toBe(machine.allocator.total);
});

test("a map and its tables agree after random changes", () => {
  const machine = new SmallMachine(8 << 20);
  const { p2m, owners } = machine.vm(0);
  const random = new Random(11);
  const model = new Map<number, number>();
  const places = [0, 1, 511, 512, 1000, 0x3ffff, 0x40000, 0xfffff, 0x100000, 0xffffff];
  for (let i = 0; i < 2_000; i++) {
    const frame = gfn(random.chance(50) ? random.pick(...places) : random.below(3000));
    if (random.chance(60) && machine.allocator.free > 10) {
      p2m.discard(frame);
      const fresh = machine.allocator.allocate(owners.vm);
      p2m.map(frame, fresh);
      model.set(frame, fresh);
    } else {
      p2m.discard(frame);
      model.delete(frame);
    }
    expect(places.map((place) => p2m.mfn(place))).toEqual(places.map((place) => model.get(place) ?? NO_FRAME));
    expect(walk(p2m, frame)?.mfn).toBe(model.get(frame));
  }
  expect(machine.allocator.heldBy(owners.vm)).toBe(model.size);
  p2m.destroy();
  expect(machine.allocator.free).toBe(machine.allocator.total);
});
