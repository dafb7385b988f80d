/** Frames are scattered, zero, owned by one, shared by grant only, and all come back. */
import { expect, test } from "vitest";
import type { Mfn } from "../../src/address.js";
import { LARGE_FRAMES, NOBODY, OutOfFramesError } from "../../src/mm/frame-allocator.js";
import { Random } from "../random.js";
import { SmallMachine } from "./small-vm.js";

test("fresh frames are all different, scattered the same way each time, and no neighbours follow each other", () => {
  const take = () => {
    const { allocator } = new SmallMachine();
    const owner = allocator.addOwner("a");
    return Array.from({ length: allocator.total }, () => allocator.allocate(owner));
  };
  const frames = take();
  expect(new Set(frames).size).toBe(4096);
  expect(take()).toEqual(frames);
  expect(frames.filter((frame, i) => i > 0 && Math.abs(frame - frames[i - 1]!) === 1)).toEqual([]);
  expect(frames.filter((frame, i) => frame === i).length).toBeLessThan(16);
});

test("frames given back are zero when they are given again", () => {
  const { allocator, memory } = new SmallMachine(1 << 20);
  const a = allocator.addOwner("a");
  for (let round = 0; round < 3; round++) {
    const frames = Array.from({ length: allocator.total }, () => allocator.allocate(a));
    for (const frame of frames) {
      expect(memory.words.subarray(frame << 10, (frame + 1) << 10).every((word) => word === 0)).toBe(true);
      memory.words.fill(0xdeadbeef, frame << 10, (frame + 1) << 10);
    }
    expect(() => allocator.allocate(a)).toThrow(OutOfFramesError);
    for (const frame of frames) allocator.release(frame, a);
    expect(allocator.free).toBe(allocator.total);
  }
});

test("a frame is its owner's alone, unless granted, and is kept until the last holder lets go", () => {
  const { allocator } = new SmallMachine(1 << 20);
  const a = allocator.addOwner("a");
  const b = allocator.addOwner("b");
  const frame = allocator.allocate(a);
  expect([allocator.mayUse(frame, a), allocator.mayUse(frame, b)]).toEqual([true, false]);
  expect(() => allocator.release(frame, b)).toThrow("does not hold it");
  expect(() => allocator.grant(frame, b, a)).toThrow("not the granter's");
  allocator.grant(frame, a, b);
  expect(allocator.mayUse(frame, b)).toBe(true);
  allocator.release(frame, a);
  expect(allocator.ownerOf(frame)).toBe(a);
  expect(() => allocator.release(frame, a)).toThrow("does not hold it");
  expect(allocator.framesByOwner()).toEqual(new Map([["a", [frame]]]));
  allocator.release(frame, b);
  expect(allocator.ownerOf(frame)).toBe(NOBODY);
  expect([allocator.heldBy(a), allocator.free]).toEqual([0, allocator.total]);
  expect(() => allocator.release(frame, a)).toThrow("does not hold it");
});

test("an owner can only end with nothing in its hands, and its number serves again", () => {
  const { allocator } = new SmallMachine(1 << 20);
  const [a, b] = [allocator.addOwner("a"), allocator.addOwner("b")];
  const frame = allocator.allocate(a);
  allocator.grant(frame, a, b);
  expect(() => allocator.removeOwner(a)).toThrow("a still holds 1 frames");
  expect(() => allocator.removeOwner(b)).toThrow("b still holds 1 frames");
  allocator.release(frame, b);
  allocator.removeOwner(b);
  expect(allocator.addOwner("c")).toBe(b);
  expect(allocator.nameOf(b)).toBe("c");
});

test("2 MB at once are aligned and contiguous, and are had only while a whole group is free", () => {
  const { allocator } = new SmallMachine();
  const a = allocator.addOwner("a");
  const groups: Mfn[] = [];
  for (;;) {
    const group = allocator.allocateLarge(a);
    if (group === undefined) break;
    groups.push(group);
  }
  expect(groups).toEqual(Array.from({ length: 8 }, (_, i) => i * LARGE_FRAMES));
  allocator.release(groups[3]!, a);
  expect(allocator.allocateLarge(a)).toBe(undefined);
  expect(allocator.allocate(a)).toBe(groups[3]);
});

test("random use keeps count: free and held frames are the whole machine, and no frame has two owners", () => {
  const { allocator } = new SmallMachine(4 << 20);
  const random = new Random(7);
  const owners = ["a", "b", "c"].map((name) => allocator.addOwner(name));
  const held = owners.map(() => new Set<Mfn>());
  for (let i = 0; i < 20_000; i++) {
    const who = random.below(3);
    const mine = held[who]!;
    if (random.chance(52) && allocator.free > 0) {
      const frame = allocator.allocate(owners[who]!);
      expect(held.some((frames) => frames.has(frame))).toBe(false);
      mine.add(frame);
    } else if (mine.size > 0) {
      const frame = [...mine][random.below(mine.size)]!;
      allocator.release(frame, owners[who]!);
      mine.delete(frame);
    }
  }
  expect(owners.map((owner) => allocator.heldBy(owner))).toEqual(held.map((frames) => frames.size));
  const byName = allocator.framesByOwner();
  expect(owners.map((owner) => byName.get(allocator.nameOf(owner))?.length ?? 0)).toEqual(held.map((set) => set.size));
  expect(allocator.free).toBe(allocator.total - held.reduce((sum, set) => sum + set.size, 0));
});
