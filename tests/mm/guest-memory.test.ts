/** A VM's memory reads and writes like flat memory, however its frames are scattered, and tells everybody of stores. */
import { expect, test } from "vitest";
import { FrameType } from "../../assembly/abi/ept.js";
import { gfn } from "../../src/address.js";
import type { GuestRam } from "../../src/core/guest-ram.js";
import { Random } from "../random.js";
import { SmallMachine } from "./small-vm.js";

const FRAMES = 20;

test("accesses of all sizes at random places agree with flat memory", () => {
  const { memory } = new SmallMachine().vm(FRAMES);
  const flat = new Uint8Array(FRAMES * 4096 + 8).fill(0xff, FRAMES * 4096);
  flat.fill(0, 0, FRAMES * 4096);
  const view = new DataView(flat.buffer);
  const random = new Random(3);
  for (let i = 0; i < 5_000; i++) {
    const at = random.chance(50) ? random.below(FRAMES) * 4096 + 4096 - random.below(6) : random.below(FRAMES * 4096);
    const value = random.bits();
    switch (random.below(8)) {
      case 0:
        memory.write8(at, value);
        view.setUint8(at, value);
        break;
      case 1:
        memory.write16(at, value);
        view.setUint16(at, value, true);
        break;
      case 2:
        memory.write32(at, value);
        view.setUint32(at, value, true);
        break;
      case 3: {
        const bytes = Uint8Array.from({ length: random.below(9000) }, () => random.bits());
        const fits = bytes.subarray(0, Math.max(0, FRAMES * 4096 - at));
        memory.write(at, bytes);
        flat.set(fits, at);
        break;
      }
      case 4:
        expect(memory.read8(at)).toBe(view.getUint8(at));
        break;
      case 5:
        expect(memory.read16(at)).toBe(view.getUint16(at, true));
        break;
      case 6:
        expect(memory.read32(at)).toBe(view.getUint32(at, true));
        break;
      default: {
        const wanted = Buffer.alloc(5000, 0xff);
        wanted.set(flat.subarray(at, Math.min(at + 5000, FRAMES * 4096)));
        if (!wanted.equals(memory.read(at, 5000))) throw new Error(`bytes at ${at} differ`);
      }
    }
    flat.fill(0xff, FRAMES * 4096);
  }
  expect(Buffer.concat([...memory.pieces()]).equals(flat.subarray(0, FRAMES * 4096))).toBe(true);
});

test("it serves as the RAM of a machine", () => {
  const ram: GuestRam = new SmallMachine().vm(FRAMES).memory;
  ram.write(4095, Uint8Array.of(1, 2));
  expect([ram.length, ...ram.read(4094, 4)]).toEqual([FRAMES * 4096, 0, 1, 2, 0]);
  ram.clear();
  expect([...ram.pieces()].every((piece) => piece.every((byte) => byte === 0))).toBe(true);
});

test("ROM takes loads and no stores; what is absent reads as ones", () => {
  const { p2m, memory, owners } = new SmallMachine().vm(1);
  p2m.map(gfn(0xfffff), p2m.allocator.allocate(owners.vm), FrameType.ROM);
  memory.load(0xfffffffe, Uint8Array.of(7, 8, 9));
  memory.write32(0xfffffffc, 1);
  expect(memory.read32(0xfffffffc)).toBe(0x08070000);
  expect([memory.read32(0x100000000), memory.read32(0x5000), memory.read8(0xfff000000)]).toEqual([
    0xffffffff, 0xffffffff, 0xff,
  ]);
});

test("stores to traced frames are told after they are done", () => {
  const { p2m, memory } = new SmallMachine().vm(4);
  const told: unknown[] = [];
  memory.onTracedStore = (gpa, bytes) => told.push([gpa, bytes, memory.read32(gpa & ~3)]);
  p2m.setTraced(gfn(2), true);
  memory.write32(0x2004, 5);
  memory.write32(0x1004, 5);
  memory.write(0x1ffe, Uint8Array.of(1, 2, 3, 4));
  memory.setBits(0x2000, 0x20);
  expect(told).toEqual([
    [0x2004, 4, 5],
    [0x2000, 2, 0x0403],
  ]);
});

test("a store to decoded code is seen by the next instruction", () => {
  const machine = new SmallMachine();
  const { p2m, memory } = machine.vm(4);
  const { core } = machine;
  const at = p2m.mfn(1) * 4096;
  memory.write(0x1000, Uint8Array.of(0xb0, 1, 0xeb, 0xfc)); // mov al,1; jmp back
  core.cpu.setSegment(1, { selector: 0, base: at, limit: 0xffff, access: 0x1009b });
  core.cpu.eip = 0;
  core.run(10);
  expect(core.cpu.eax & 0xff).toBe(1);
  memory.write8(0x1001, 2);
  core.run(10);
  expect(core.cpu.eax & 0xff).toBe(2);
});
